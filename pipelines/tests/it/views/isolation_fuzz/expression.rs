//! Random expressions of one kind: values, predicates, aggregates, windows; many that fail on values or try to undo a
//! bound on `tenant`.

use super::grammar::{Grammar, Kind, OWN, Table};

impl Grammar {
    /// A column of `kind`, or a literal if there is none.
    pub(super) fn column(&mut self, kind: Kind, scope: &[Table]) -> String {
        let of_kind = |table: &Table| {
            let name = table.name.clone();
            let columns = table.columns.iter().filter(|(_, of)| *of == kind);
            columns.map(move |(column, _)| format!("{name}.\"{column}\"")).collect::<Vec<_>>()
        };
        let columns = scope.iter().flat_map(of_kind).collect::<Vec<_>>();
        match columns.len() {
            0 => self.literal(kind),
            count => columns[self.random.below(count as u64) as usize].clone(),
        }
    }

    fn literal(&mut self, kind: Kind) -> String {
        match kind {
            Kind::Text if self.one_in(2) => format!("'{}'", self.random.below(9)),
            Kind::Text => format!("'{}'", self.tenant()),
            Kind::Number => self.random.below(9).to_string(),
            Kind::Time => "TIMESTAMP '2026-03-28T21:30:00Z'".into(),
            Kind::Flag => self.random.pick(&["TRUE", "FALSE"]).into(),
        }
    }

    pub(super) fn value(&mut self, kind: Kind, scope: &[Table], depth: u32) -> String {
        if depth == 0 || self.one_in(2) {
            return self.column(kind, scope);
        }
        if self.one_in(8) {
            return self.scalar(kind, scope);
        }
        match kind {
            Kind::Text => self.text(scope, depth - 1),
            Kind::Number => self.number(scope, depth - 1),
            Kind::Time => self.time(scope, depth - 1),
            Kind::Flag => self.flag(scope, depth - 1),
        }
    }

    fn text(&mut self, scope: &[Table], depth: u32) -> String {
        let mut text = || self.value(Kind::Text, scope, depth);
        let (a, b) = (text(), text());
        match self.random.below(11) {
            0 => format!("upper({a})"),
            1 => format!("concat({a}, '/', {b})"),
            2 => format!("coalesce({a}, {b})"),
            3 => format!("CASE WHEN {} THEN {a} ELSE {b} END", self.flag(scope, depth)),
            4 => format!("substr({a}, 1, 12)"),
            5 => format!("CAST({} AS VARCHAR)", self.value(Kind::Number, scope, depth)),
            6 => format!("nullif({a}, {b})"),
            7 => format!("greatest({a}, {b})"),
            8 => format!("regexp_replace({a}, '[aeiou]+', '\\0')"),
            9 => format!("{a} || {b}"),
            _ => format!("arrow_cast({a}, 'LargeUtf8')"),
        }
    }

    fn number(&mut self, scope: &[Table], depth: u32) -> String {
        let mut number = || self.value(Kind::Number, scope, depth);
        let (a, b) = (number(), number());
        let to = self.random.pick(&["BIGINT", "INT", "TINYINT", "DECIMAL(38, 9)", "DECIMAL(3, 1)", "DOUBLE"]);
        match self.random.below(12) {
            0 => format!("{a} / {b}"),
            1 => format!("{a} % ({b} - {b})"),
            2 => format!("{a} * 9223372036854775807"),
            3 | 4 => format!("CAST({} AS {to})", self.column(Kind::Text, scope)),
            5 => format!("CAST({a} AS {to})"),
            6 => format!("TRY_CAST({} AS {to})", self.column(Kind::Text, scope)),
            7 => format!("length({})", self.value(Kind::Text, scope, depth)),
            8 => format!("date_part('epoch', {})", self.value(Kind::Time, scope, depth)),
            9 => format!("coalesce({a}, {b})"),
            10 => format!("abs({a} - {b})"),
            _ => format!("CAST({} AS BIGINT)", self.value(Kind::Time, scope, depth)),
        }
    }

    fn time(&mut self, scope: &[Table], depth: u32) -> String {
        let time = self.value(Kind::Time, scope, depth);
        match self.random.below(5) {
            0 => format!("date_trunc('hour', {time})"),
            1 => format!("CAST({} AS TIMESTAMP)", self.column(Kind::Text, scope)),
            2 => format!("to_timestamp({})", self.column(Kind::Number, scope)),
            3 => format!("{time} + INTERVAL '1' DAY"),
            _ => format!("coalesce({time}, {})", self.literal(Kind::Time)),
        }
    }

    /// A predicate.
    pub(super) fn flag(&mut self, scope: &[Table], depth: u32) -> String {
        if depth == 0 {
            return self.comparison(scope, 0);
        }
        let depth = depth - 1;
        match self.random.below(14) {
            0 => format!("NOT ({})", self.flag(scope, depth)),
            1 => format!("({} AND {})", self.flag(scope, depth), self.flag(scope, depth)),
            2 => format!("({} OR {})", self.flag(scope, depth), self.flag(scope, depth)),
            3 => format!("{} IS NOT NULL", self.value(Kind::Text, scope, depth)),
            4 => format!("{} LIKE '%{}%'", self.value(Kind::Text, scope, depth), self.random.pick(&["a", "r", "-1"])),
            5 | 6 => self.tenant_trick(scope),
            7 => {
                let not = self.random.pick(&["", "NOT "]);
                let (of, query) = (self.column(Kind::Text, scope), self.query(&[Kind::Text], 0));
                format!("{of} {not}IN ({query})")
            }
            8 => {
                let not = self.random.pick(&["", "NOT "]);
                let (from, inner) = self.relation(0);
                let inner = [inner];
                let filter = if self.one_in(3) { self.flag(&inner, 0) } else { self.equal(&inner, scope) };
                format!("{not}EXISTS (SELECT 1 FROM {from} WHERE {filter})")
            }
            9 => format!("CASE WHEN {} THEN {} ELSE TRUE END", self.flag(scope, depth), self.flag(scope, depth)),
            10 => self.column(Kind::Flag, scope),
            _ => self.comparison(scope, depth),
        }
    }

    fn comparison(&mut self, scope: &[Table], depth: u32) -> String {
        let kind = super::grammar::KINDS[self.random.below(3) as usize];
        let operator = self.random.pick(&["=", "<>", "<", ">=", "IS DISTINCT FROM"]);
        let right = if self.one_in(2) { self.literal(kind) } else { self.value(kind, scope, depth) };
        format!("{} {operator} {right}", self.value(kind, scope, depth))
    }

    /// A predicate that asks for others' rows, or tries to make the scan's bound forget its own.
    pub(super) fn tenant_trick(&mut self, scope: &[Table]) -> String {
        let tables = scope.iter().filter(|table| table.columns.iter().any(|(name, _)| name == "tenant"));
        let Some(of) = tables.map(|table| format!("{}.tenant", table.name)).next() else {
            return self.comparison(scope, 1);
        };
        let (a, b) = (self.tenant(), self.tenant());
        match self.random.below(18) {
            0 => format!("{of} = '{a}'"),
            1 => format!("{of} <> '{OWN}'"),
            2 => format!("NOT ({of} = '{OWN}')"),
            3 => format!("({of} = '{OWN}' OR TRUE)"),
            4 => format!("({of} = '{OWN}' OR {of} = '{a}')"),
            5 => format!("{of} IN ('{a}', '{b}', '{OWN}')"),
            6 => format!("{of} NOT IN ('{OWN}')"),
            7 => format!("CASE WHEN {of} = '{a}' THEN TRUE ELSE TRUE END"),
            8 => format!("COALESCE({of}, '{a}') <> ''"),
            9 => format!("COALESCE(NULLIF({of}, '{OWN}'), '{a}') = '{a}'"),
            10 => format!("{of} ~ '.*'"),
            11 => format!("{of} BETWEEN '' AND 'zzz'"),
            12 => format!("CAST({of} AS VARCHAR) = '{a}'"),
            13 => format!("{of} IS DISTINCT FROM '{OWN}'"),
            14 => format!("({of} = '{OWN}') IS NOT NULL"),
            15 => format!("{of} IN (SELECT tenant FROM tenants)"),
            16 => format!("{of} = (SELECT max(tenant) FROM tenants)"),
            _ => format!("{of} >= ''"),
        }
    }

    /// A subquery of one value, sometimes about the row at hand.
    fn scalar(&mut self, kind: Kind, scope: &[Table]) -> String {
        let (from, inner) = self.relation(0);
        let inner = [inner];
        let filter = match self.random.below(3) {
            0 => String::new(),
            1 => format!(" WHERE {}", self.flag(&inner, 0)),
            _ => format!(" WHERE {}", self.equal(&inner, scope)),
        };
        let column = self.column(kind, &inner);
        let aggregate = match kind {
            Kind::Flag => format!("bool_or({column})"),
            Kind::Number if self.one_in(2) => "count(*)".into(),
            _ => format!("{}({column})", self.random.pick(&["min", "max"])),
        };
        format!("(SELECT {aggregate} FROM {from}{filter})")
    }

    /// An aggregate of `kind`, or the grouping key.
    pub(super) fn aggregate(&mut self, kind: Kind, scope: &[Table], key: &str) -> String {
        let value = self.value(kind, scope, 1);
        let aggregate = match (kind, self.random.below(8)) {
            (Kind::Text, 0..4) => return key.to_owned(),
            (Kind::Text, 4) => format!("string_agg({value}, ',')"),
            (Kind::Text, _) => format!("max({value})"),
            (Kind::Number, 0) => "count(*)".into(),
            (Kind::Number, 1) => format!("count(DISTINCT {})", self.column(Kind::Text, scope)),
            (Kind::Number, 2) => format!("sum({value})"),
            (Kind::Number, 3) => format!("avg({value})"),
            (Kind::Number, 4) => format!("stddev({value})"),
            (Kind::Number, _) => format!("max({value})"),
            (Kind::Time, _) => format!("{}({value})", self.random.pick(&["min", "max"])),
            (Kind::Flag, _) => format!("{}({value})", self.random.pick(&["bool_or", "bool_and"])),
        };
        if self.one_in(3) {
            return format!("{aggregate} FILTER (WHERE {})", self.flag(scope, 1));
        }
        aggregate
    }

    /// A window function of `kind`.
    pub(super) fn windowed(&mut self, kind: Kind, scope: &[Table]) -> String {
        let value = self.column(kind, scope);
        let function = match (kind, self.random.below(6)) {
            (Kind::Number, 0) => "count(*)".into(),
            (Kind::Number, 1) => "row_number()".into(),
            (Kind::Number, 2) => format!("sum({value})"),
            (_, 3) => format!("lag({value}, 2)"),
            (_, 4) => format!("first_value({value})"),
            _ => format!("max({value})"),
        };
        let (partition, order) = (self.column(Kind::Text, scope), self.column(Kind::Number, scope));
        match self.random.below(3) {
            0 => format!("{function} OVER (ORDER BY {order}, {partition})"),
            1 => format!("{function} OVER ()"),
            _ => format!("{function} OVER (PARTITION BY {partition} ORDER BY {order} DESC)"),
        }
    }
}
