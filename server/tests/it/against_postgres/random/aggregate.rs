//! Aggregates and windows, by rules of their own.

use super::grammar::Grammar;
use super::kind::{Kind, Scope};

/// One in so many aggregates has a filter.
const FILTERS: u64 = 4;

/// The aggregates that give a kind. A `mode()` or an order that is none would be chance, and a sum of intervals is
/// known to differ.
fn aggregates(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Flag => &["bool_and({flag})", "bool_or({flag})", "every({flag})"],
        Kind::Int => &["min({int})", "max({int})", "max(length({text}))"],
        Kind::Big => &[
            "count(*)",
            "count({text})",
            "count({decimal})",
            "count(DISTINCT {text})",
            "count(DISTINCT {int})",
            "sum({int})",
            "sum(({flag})::int)",
            "sum(DISTINCT {int})",
            "min({big})",
            "max({big})",
        ],
        Kind::Decimal => &[
            "sum({big})",
            "sum({decimal})",
            "avg({int})",
            "avg({big})",
            "avg({decimal})",
            "min({decimal})",
            "max({decimal})",
            "round(avg({decimal}), 2)",
            "sum(DISTINCT {decimal})",
            "round(stddev({decimal})::numeric, 3)",
            "round(var_pop({decimal})::numeric, 2)",
            "sum(CASE WHEN {flag} THEN {decimal} ELSE 0 END)",
        ],
        Kind::Double => &[
            "sum({double})",
            "avg({double})",
            "min({double})",
            "max({double})",
            "stddev_pop({double})",
            "percentile_cont(0.5) WITHIN GROUP (ORDER BY {double})",
            "covar_pop({double}, {double})",
        ],
        Kind::Text => &[
            "min({text})",
            "max({text})",
            "string_agg({x=text}, ',' ORDER BY {x})",
            "string_agg(DISTINCT ({x=text})::text, '|' ORDER BY ({x})::text)",
            "array_to_string(array_agg(({x=text})::text ORDER BY {x} DESC), ';')",
            "json_agg(({x=text})::text ORDER BY {x})::text",
            "jsonb_agg(({x=int})::int ORDER BY {x} DESC)::text",
        ],
        Kind::Date => &["min({date})", "max({date})"],
        Kind::Stamp => &["min({stamp})", "max({stamp})"],
        Kind::Instant => &["min({instant})", "max({instant})"],
        Kind::Span => &["(max({instant}) - min({instant}))"],
    }
}

/// Windows of any kind that say the same of rows that are equal in their order.
const ALIKE: &[&str] = &["max({same}) OVER ({by})", "min({same}) OVER ({by})"];

/// Those of some kinds.
fn windows(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Flag => &["bool_or({flag}) OVER ({by})", "bool_and({flag}) OVER ({partition})"],
        Kind::Big => &[
            "rank() OVER ({by})",
            "dense_rank() OVER ({by})",
            "count(*) OVER ({by})",
            "count({text}) OVER ({partition})",
            "sum({int}) OVER ({by})",
            "count(*) FILTER (WHERE {flag}) OVER ({by})",
        ],
        Kind::Decimal => &[
            "sum({decimal}) OVER ({by})",
            "sum({big}) OVER ({partition})",
            "avg({decimal}) OVER ({partition})",
            "avg({int}) OVER ({by})",
            "({decimal} - avg({decimal}) OVER ({partition}))",
            "sum({big}) FILTER (WHERE {flag}) OVER ({by})",
        ],
        Kind::Double => &[
            "sum({double}) OVER ({partition})",
            "percent_rank() OVER ({by})",
            "cume_dist() OVER ({by})",
            "stddev({double}) OVER ({partition})",
        ],
        _ => ALIKE,
    }
}

/// Windows of any kind that go by rows, so that the order has to tell all of them apart.
const BY_ROWS: &[&str] = &[
    "lag({same}) OVER ({rows})",
    "lead({same}) OVER ({rows})",
    "lag({same}, 2) OVER ({rows})",
    "first_value({same}) OVER ({rows})",
    "last_value({same}) OVER ({rows})",
    "last_value({same}) OVER ({rows} ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)",
    "nth_value({same}, 2) OVER ({rows})",
    "first_value({same}) OVER ({rows} ROWS BETWEEN 2 PRECEDING AND CURRENT ROW)",
];

/// One that names what stands for no row. A decimal there would get the digits of the others.
const OR_ELSE: &str = "lead({same}, 1, {same}) OVER ({rows})";

/// And those of numbers.
const NUMBERS_BY_ROWS: &[(Kind, &str)] = &[
    (Kind::Big, "row_number() OVER ({rows})"),
    (Kind::Int, "ntile(3) OVER ({rows})"),
    (Kind::Big, "count(*) OVER ({rows} ROWS BETWEEN 1 PRECEDING AND 1 FOLLOWING)"),
    (Kind::Big, "sum({int}) OVER ({rows} ROWS BETWEEN CURRENT ROW AND UNBOUNDED FOLLOWING)"),
    (Kind::Decimal, "sum({decimal}) OVER ({rows} ROWS 3 PRECEDING)"),
    (Kind::Decimal, "avg({decimal}) OVER ({rows} ROWS BETWEEN 2 PRECEDING AND 1 PRECEDING)"),
    (Kind::Decimal, "max({decimal}) OVER ({rows} ROWS BETWEEN 1 FOLLOWING AND 2 FOLLOWING)"),
    (Kind::Decimal, "sum({big}) OVER ({rows} GROUPS BETWEEN 1 PRECEDING AND CURRENT ROW)"),
];

impl Grammar {
    /// An aggregate that gives `kind`, over the rows of a query with groups.
    pub(super) fn aggregate(&mut self, kind: Kind, scope: &Scope) -> String {
        let rows = scope.ungrouped();
        let rule = self.random.pick(aggregates(kind));
        let depth = u32::from(!self.one_in(3));
        let made = self.expand(rule, kind, &rows, depth);
        // What is more than a call has no place for a filter.
        let is_call = rule.ends_with(')') && !["(", "round(", "array_to_string("].iter().any(|of| rule.starts_with(of));
        if is_call && self.one_in(FILTERS) {
            let filter = self.value(Kind::Flag, &rows, 1);
            return format!("{made} FILTER (WHERE {filter})");
        }
        made
    }

    /// A window that gives `kind`, over the rows of a query without groups.
    pub(super) fn window(&mut self, kind: Kind, scope: &Scope) -> String {
        let mut rules = windows(kind).to_vec();
        let key = scope.key();
        if key.is_some() {
            rules.extend(NUMBERS_BY_ROWS.iter().filter(|(of, _)| *of == kind).map(|(_, rule)| *rule));
            rules.extend(BY_ROWS);
            rules.extend((kind != Kind::Decimal).then_some(OR_ELSE));
        }
        // Intervals are compared by their length, of which many look otherwise.
        if kind == Kind::Span {
            rules.retain(|rule| !ALIKE.contains(rule));
        }
        if rules.is_empty() {
            return self.value(kind, scope, 1);
        }
        let rule = self.random.pick(&rules);
        let (partition, order, down) = (self.one_of(&scope.columns(Kind::Text)), self.order(scope), self.one_in(3));
        let partition = match partition {
            Some(partition) if !self.one_in(3) => format!("PARTITION BY {partition}"),
            _ => String::new(),
        };
        let down = if down { " DESC" } else { "" };
        let rows = format!("{partition} ORDER BY {order}{down}, {}", key.unwrap_or_default().join(", "));
        let by = format!("{partition} ORDER BY {order}{down}");
        // PostgreSQL wants to know of which type a literal is.
        let rule = if kind == Kind::Text { rule.replace("{same}", "({same})::text") } else { rule.to_owned() };
        let rule = rule.replace("{rows}", rows.trim()).replace("{by}", by.trim()).replace("{partition}", &partition);
        self.expand(&rule, kind, scope, 1)
    }

    /// What rows are ordered by in a window: a column.
    fn order(&mut self, scope: &Scope) -> String {
        let kinds = [Kind::Text, Kind::Instant, Kind::Decimal, Kind::Big];
        let columns = kinds.iter().flat_map(|kind| scope.columns(*kind)).collect::<Vec<_>>();
        self.one_of(&columns).unwrap_or_else(|| "1 + 1".to_owned())
    }
}
