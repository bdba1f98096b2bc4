//! What a query asks of a view: which tenants, which ranges, which columns. Taken from its filters, cut by visibility.
//!
//! Bounds are necessary conditions: every row of the answer satisfies them, and views may use them to read less. The
//! bound on `tenant` is also sufficient, since the scan enforces it on every row (I6). Not here: the filters that are no
//! bounds; DataFusion evaluates those above.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use datafusion::common::ScalarValue;
use datafusion::logical_expr::{Between, BinaryExpr, Cast, Expr, Operator};

use crate::catalog::Visibility;
use crate::memory::Memory;

/// Name of the column whose bound is enforced.
pub const TENANT: &str = "tenant";

/// A query's demands on one view.
#[derive(Debug, Clone, Default)]
pub struct Ask {
    texts: BTreeMap<String, BTreeSet<String>>,
    ranges: BTreeMap<String, (i64, i64)>,
    columns: BTreeSet<String>,
    memory: Memory,
}

/// One condition that can bound a scan.
enum Bound {
    Texts(String, BTreeSet<String>),
    Range(String, i64, i64),
}

impl Ask {
    /// From the filters that every row must satisfy, and the columns wanted.
    pub fn new<'a>(
        visibility: &Visibility,
        filters: impl IntoIterator<Item = &'a Expr>,
        columns: BTreeSet<String>,
    ) -> Self {
        let mut ask = Self { columns, ..Self::default() };
        if let Some(tenants) = visibility.tenants() {
            ask.narrow(Bound::Texts(TENANT.to_owned(), tenants));
        }
        for bound in filters.into_iter().filter_map(bound) {
            ask.narrow(bound);
        }
        ask
    }

    /// The texts that `column` may have; `None` if any.
    pub fn texts(&self, column: &str) -> Option<&BTreeSet<String>> {
        self.texts.get(column)
    }

    /// The tenants whose rows are asked for; `None` if any.
    pub fn tenants(&self) -> Option<&BTreeSet<String>> {
        self.texts(TENANT)
    }

    /// The one tenant asked for, if it is one.
    pub fn tenant(&self) -> Option<&str> {
        self.tenants().filter(|tenants| tenants.len() == 1)?.first().map(String::as_str)
    }

    /// Whether `column` may be `text`.
    pub fn may_be(&self, column: &str, text: &str) -> bool {
        self.texts(column).is_none_or(|texts| texts.contains(text))
    }

    /// Smallest and largest value (both included) that `column` may have: microseconds of instants, whole numbers.
    pub fn range(&self, column: &str) -> (i64, i64) {
        self.ranges.get(column).copied().unwrap_or((i64::MIN, i64::MAX))
    }

    /// Whether the query reads `column`; a view may leave out the others.
    pub fn wants(&self, column: &str) -> bool {
        self.columns.contains(column)
    }

    /// The same, whose rows are built from `memory`.
    pub(super) fn counted(&self, memory: Memory) -> Self {
        Self { memory, ..self.clone() }
    }

    /// What its rows are taken from while they are built.
    pub fn memory(&self) -> Memory {
        self.memory.clone()
    }

    /// Whether no row can satisfy the bounds.
    pub fn is_empty(&self) -> bool {
        self.texts.values().any(BTreeSet::is_empty) || self.ranges.values().any(|(from, to)| from > to)
    }

    fn narrow(&mut self, bound: Bound) {
        match bound {
            Bound::Texts(column, texts) => {
                let known = self.texts.entry(column).or_insert_with(|| texts.clone());
                known.retain(|text| texts.contains(text));
            }
            Bound::Range(column, from, to) => {
                let known = self.ranges.entry(column).or_insert((from, to));
                *known = (known.0.max(from), known.1.min(to));
            }
        }
    }
}

/// How well a filter is met by a bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fit {
    /// Not a bound.
    None,
    /// Rows outside may still come.
    Coarse,
    /// The scan keeps exactly the rows that satisfy it.
    Exact,
}

/// How well `filter` is met.
pub(super) fn fit(filter: &Expr) -> Fit {
    match bound(filter) {
        Some(Bound::Texts(column, _)) if column == TENANT => Fit::Exact,
        Some(_) => Fit::Coarse,
        None => Fit::None,
    }
}

fn bound(filter: &Expr) -> Option<Bound> {
    match filter {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) => match (column(left), column(right)) {
            (Some(column), None) => compared(column, *op, literal(right)?),
            (None, Some(column)) => compared(column, op.swap()?, literal(left)?),
            _ => None,
        },
        Expr::InList(list) if !list.negated => {
            let texts = list.list.iter().map(|item| literal(item)?.try_as_str()?.map(str::to_owned));
            Some(Bound::Texts(column(&list.expr)?.to_owned(), texts.collect::<Option<_>>()?))
        }
        Expr::Between(Between { expr, negated: false, low, high }) => {
            Some(Bound::Range(column(expr)?.to_owned(), whole(literal(low)?)?, whole(literal(high)?)?))
        }
        _ => None,
    }
}

fn compared(column: &str, op: Operator, value: &ScalarValue) -> Option<Bound> {
    if let (Operator::Eq, Some(Some(text))) = (op, value.try_as_str()) {
        return Some(Bound::Texts(column.to_owned(), BTreeSet::from([text.to_owned()])));
    }
    let value = whole(value)?;
    let (from, to) = match op {
        Operator::Eq => (value, value),
        Operator::Gt => (value.checked_add(1)?, i64::MAX),
        Operator::GtEq => (value, i64::MAX),
        Operator::Lt => (i64::MIN, value.checked_sub(1)?),
        Operator::LtEq => (i64::MIN, value),
        _ => return None,
    };
    Some(Bound::Range(column.to_owned(), from, to))
}

/// The column, seen through a cast between encodings of text: that changes no value.
fn column(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Column(column) => Some(column.name.as_str()),
        Expr::Cast(Cast { expr, field }) if field.data_type().is_string() => column(expr),
        _ => None,
    }
}

fn literal(expr: &Expr) -> Option<&ScalarValue> {
    match expr {
        Expr::Literal(value, _) => Some(value),
        _ => None,
    }
}

fn whole(value: &ScalarValue) -> Option<i64> {
    match value {
        ScalarValue::TimestampMicrosecond(value, _) | ScalarValue::Int64(value) => *value,
        _ => None,
    }
}

impl fmt::Display for Ask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN_MAX: usize = 8;
        for (column, texts) in &self.texts {
            let shown = texts.iter().take(SHOWN_MAX).cloned().collect::<Vec<_>>().join(" ");
            let more =
                if texts.len() > SHOWN_MAX { format!(" and {} more", texts.len() - SHOWN_MAX) } else { String::new() };
            write!(f, ", {column}=[{shown}{more}]")?;
        }
        for (column, (from, to)) in &self.ranges {
            write!(f, ", {column}=")?;
            if *from != i64::MIN {
                write!(f, "{from}")?;
            }
            write!(f, "..=")?;
            if *to != i64::MAX {
                write!(f, "{to}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use datafusion::logical_expr::{col, lit};

    use super::*;

    fn check(visibility: Visibility, filters: &[Expr], expect: &str) {
        let ask = Ask::new(&visibility, filters, BTreeSet::new());
        assert_eq!(ask.to_string(), expect, "{filters:?}");
    }

    #[test]
    fn filters_become_bounds() {
        let all = || Visibility::Platform;
        check(all(), &[], "");
        check(all(), &[col("tenant").eq(lit("a"))], ", tenant=[a]");
        check(all(), &[lit("a").eq(col("tenant"))], ", tenant=[a]");
        check(all(), &[col("tenant").in_list(vec![lit("b"), lit("a")], false)], ", tenant=[a b]");
        check(all(), &[col("tenant").in_list(vec![lit("b")], true)], "");
        check(all(), &[col("tenant").not_eq(lit("a"))], "");
        check(all(), &[col("revision").gt(lit(7i64)), col("revision").lt_eq(lit(9i64))], ", revision=8..=9");
        check(all(), &[lit(7i64).gt(col("revision"))], ", revision=..=6");
        check(all(), &[col("revision").between(lit(1i64), lit(2i64))], ", revision=1..=2");
        check(all(), &[col("revision").eq(lit(1i64)).or(col("revision").eq(lit(2i64)))], "");
    }

    #[test]
    fn a_tenant_cannot_ask_for_more_than_itself() {
        let own = || Visibility::Tenant("a".into());
        check(own(), &[], ", tenant=[a]");
        check(own(), &[col("tenant").in_list(vec![lit("a"), lit("b")], false)], ", tenant=[a]");
        let some = || Visibility::Tenants(["a".into(), "b".into()].into());
        check(some(), &[], ", tenant=[a b]");
        check(some(), &[col("tenant").in_list(vec![lit("b"), lit("c")], false)], ", tenant=[b]");
        let other = Ask::new(&own(), &[col("tenant").eq(lit("b"))], BTreeSet::new());
        assert!(other.is_empty());
    }
}
