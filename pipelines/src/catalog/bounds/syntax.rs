//! The syntax of a statement: how deep it is nested, and how much is to be planned once all that stands for more than itself is
//! written out.
//!
//! One walk, which adds up what a later step would multiply: a query that `WITH` names and others read, the sets of a
//! `CUBE`, the columns of a `*`, an alias in `GROUP BY`, operators that DataFusion writes out with an operand twice. Sums are
//! never too small, but for columns that filters take with them below a projection ([`super::growth`]).

use std::collections::HashMap;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, ObjectName, OrderByKind, Query, Select, SelectItem, SetExpr, TableFactor, Visit, Visitor,
};

use super::frame::{Frame, Named, Size};
use super::pieces::{
    check_ident, check_name, count, grouping, largest_item, levels_of, levels_of_named, named_windows, referred,
    select_of, times_written,
};
use super::{Figure, Limits, TYPE_LEVELS_MAX, TooComplex};

/// Columns that a table counts for: more than most views have.
const TABLE_COLUMNS: u64 = 16;
const LEVELS_OF_QUERY: u64 = 4;
const LEVELS_OF_TABLE: u64 = 2;
const LEVELS_OF_SET_OPERATION: u64 = 3;

/// See the module.
pub(super) fn check(statement: &impl Visit, limits: Limits) -> Result<(), TooComplex> {
    let mut measure = Measure { frames: vec![Frame::default()], limits };
    match statement.visit(&mut measure) {
        ControlFlow::Break(beyond) => Err(beyond),
        ControlFlow::Continue(()) => measure.frames.last().map_or(Ok(()), |all| all.within(limits)),
    }
}

struct Measure {
    /// Of everything around the part that is being looked at.
    frames: Vec<Frame>,
    limits: Limits,
}

fn place(query: &Query) -> usize {
    std::ptr::from_ref(query).addr()
}

impl Measure {
    fn top(&mut self) -> &mut Frame {
        if self.frames.is_empty() {
            self.frames.push(Frame::default());
        }
        let last = self.frames.len() - 1;
        &mut self.frames[last]
    }

    /// Ends the frame of what was looked at, if it is within limits.
    fn pop(&mut self, ended: impl FnOnce(&mut Frame)) -> ControlFlow<TooComplex, Frame> {
        let mut frame = self.frames.pop().unwrap_or_default();
        ended(&mut frame);
        match frame.within(self.limits) {
            Ok(()) => ControlFlow::Continue(frame),
            Err(beyond) => ControlFlow::Break(beyond),
        }
    }

    fn known(&self, name: &str) -> Option<Size> {
        let named = self.frames.iter().rev().filter_map(|frame| frame.query.as_ref());
        named.map(|named| named.known.get(name)).find_map(|size| size.copied())
    }
}

impl Visitor for Measure {
    type Break = TooComplex;

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<TooComplex> {
        let ctes = query.with.iter().flat_map(|with| &with.cte_tables);
        let next = ctes.map(|cte| (place(&cte.query), cte.alias.name.value.to_lowercase())).collect();
        let mut frame = Frame { query: Some(Named { next, known: HashMap::new() }), ..Frame::default() };
        frame.add_levels(LEVELS_OF_QUERY);
        frame.add(1);
        let mut bodies = vec![query.body.as_ref()];
        while let Some(body) = bodies.pop() {
            match body {
                SetExpr::SetOperation { left, right, .. } => {
                    frame.add_levels(LEVELS_OF_SET_OPERATION);
                    bodies.extend([left.as_ref(), right.as_ref()]);
                }
                SetExpr::Values(values) => {
                    let columns = values.rows.first().map_or(0, |row| row.len());
                    frame.gives = frame.gives.max(columns as u64);
                }
                SetExpr::Table(_) => frame.gives = frame.gives.max(TABLE_COLUMNS),
                _ => {}
            }
        }
        self.frames.push(frame);
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, query: &Query) -> ControlFlow<TooComplex> {
        let keys = match query.order_by.as_ref().map(|order| &order.kind) {
            Some(OrderByKind::Expressions(keys)) => keys.len() as u64,
            _ => 0,
        };
        let frame = self.pop(|frame| {
            frame.keys = keys;
            let largest = || select_of(query).map_or(1, largest_item);
            frame.add(referred(keys, frame.parts, largest));
        })?;
        let size = frame.size();
        let around = self.top();
        if let Some(named) = &mut around.query {
            if named.next.front().is_some_and(|(next, _)| *next == place(query))
                && let Some((_, name)) = named.next.pop_front()
            {
                let known = named.known.entry(name).or_insert(size);
                *known = Size {
                    parts: known.parts.max(size.parts),
                    levels: known.levels.max(size.levels),
                    gives: known.gives.max(size.gives),
                };
                return ControlFlow::Continue(());
            }
            around.gives = around.gives.max(size.gives);
        }
        if around.select {
            around.reads(size.gives);
        }
        around.holds(size);
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, _: &Select) -> ControlFlow<TooComplex> {
        self.frames.push(Frame { select: true, ..Frame::default() });
        ControlFlow::Continue(())
    }

    fn post_visit_select(&mut self, select: &Select) -> ControlFlow<TooComplex> {
        let frame = self.pop(|frame| {
            let read = frame.read.max(1);
            let given = |item: &SelectItem| match item {
                SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..) => read,
                SelectItem::UnnamedExpr(_) | SelectItem::ExprWithAlias { .. } => 1,
                SelectItem::ExprWithAliases { aliases, .. } => aliases.len() as u64,
            };
            frame.gives = select.projection.iter().map(given).fold(0, u64::saturating_add);
            frame.add(frame.gives);
            // Each join has the columns of all before it.
            frame.add(frame.tables.saturating_mul(read));
            frame.add(frame.parts.saturating_mul(named_windows(select)));
            let (sets, keys) = grouping(select);
            frame.add(sets.saturating_mul(keys));
            frame.keys = keys;
            let having = select.having.iter().chain(&select.qualify).map(count).sum::<u64>();
            frame.add(referred(keys.saturating_add(having), frame.parts, || largest_item(select)));
        })?;
        let size = frame.size();
        let around = self.top();
        around.gives = around.gives.max(size.gives);
        around.holds(size);
        ControlFlow::Continue(())
    }

    fn post_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<TooComplex> {
        let top = self.top();
        top.add_levels(LEVELS_OF_TABLE);
        top.add(1);
        top.tables += 1;
        if !matches!(factor, TableFactor::Table { args: None, .. } | TableFactor::Derived { .. }) {
            top.reads(TABLE_COLUMNS);
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_relation(&mut self, relation: &ObjectName) -> ControlFlow<TooComplex> {
        if let Err(beyond) = check_name(relation) {
            return ControlFlow::Break(beyond);
        }
        let known = match relation.0.as_slice() {
            [name] => name.as_ident().and_then(|name| self.known(&name.value.to_lowercase())),
            _ => None,
        };
        let top = self.top();
        match known {
            Some(size) => {
                top.holds(size);
                top.reads(size.gives);
            }
            None => {
                top.add(1);
                top.reads(TABLE_COLUMNS);
            }
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expression: &Expr) -> ControlFlow<TooComplex> {
        let levels = match expression {
            Expr::Cast { data_type, .. } => levels_of(data_type),
            Expr::TypedString(typed) => levels_of(&typed.data_type),
            Expr::Convert { data_type: Some(data_type), .. } => levels_of(data_type),
            Expr::Function(function) => levels_of_named(function),
            _ => 0,
        };
        let names = match expression {
            Expr::Identifier(name) => check_ident(name),
            Expr::CompoundIdentifier(names) => names.iter().try_for_each(check_ident),
            Expr::Function(function) => check_name(&function.name),
            _ => Ok(()),
        };
        if let Err(beyond) = names.and_then(|()| Figure::TypeLevels.within(levels, TYPE_LEVELS_MAX)) {
            return ControlFlow::Break(beyond);
        }
        // Written beside each other and planned within each other.
        let levels = match expression {
            Expr::CompoundFieldAccess { access_chain, .. } => 1 + access_chain.len() as u64,
            Expr::CompoundIdentifier(names) => names.len() as u64,
            _ => 1,
        };
        self.frames.push(Frame { levels, ..Frame::default() });
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expression: &Expr) -> ControlFlow<TooComplex> {
        let times = times_written(expression);
        let frame = self.pop(|frame| frame.parts = frame.parts.saturating_mul(times).saturating_add(1))?;
        let size = frame.size();
        self.top().holds(size);
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests {
    use datafusion::sql::sqlparser::dialect::GenericDialect;
    use datafusion::sql::sqlparser::parser::Parser;

    use super::*;

    const MANY: Limits = Limits { stretch_tokens: u64::MAX, levels: u64::MAX, parts: u64::MAX };

    fn beyond(sql: &str, limits: Limits) -> Option<TooComplex> {
        let parsed = Parser::parse_sql(&GenericDialect {}, sql).unwrap();
        check(&parsed, limits).err()
    }

    fn check_levels(sql: &str, levels: u64) {
        let found = beyond(sql, Limits { levels: levels - 1, ..MANY });
        assert_eq!(found.map(|found| (found.figure, found.found)), Some((Figure::Levels, levels)), "{sql}");
        assert_eq!(beyond(sql, Limits { levels, ..MANY }), None, "{sql}");
    }

    fn grows(sql: &str) {
        let found = beyond(sql, super::super::READ);
        assert_eq!(found.map(|found| found.figure), Some(Figure::Parts), "{sql}");
    }

    fn fits(sql: &str) {
        assert_eq!(beyond(sql, super::super::READ), None, "{sql}");
    }

    #[test]
    fn levels_are_those_of_the_deepest_part() {
        check_levels("select 1", 5);
        check_levels("select 1 + 2 + 3, 4 + 5", 7);
        check_levels("select a from t", 7);
        check_levels("select a.b.c.d from t", 10);
        check_levels("select a[1][2][3] from t", 11);
        check_levels("select a from t join u on true", 9);
        check_levels("select a from (select 1 + 1) t", 4 + 2 + 4 + 2);
        check_levels("select 1 union select 2 union select 3", 4 + 6 + 1);
        check_levels("with c as (select 1), d as (select * from c) select * from d", 4 + 2 + 4 + 2 + 4 + 1);
    }

    #[test]
    fn what_stands_for_more_is_counted_as_that() {
        let doubling = |times: usize| {
            let more = (1..times).map(|at| format!(", c{at} as (select a.x from c{0} a, c{0} b)", at - 1));
            format!("with c0 as (select 1 x){} select * from c{}", more.collect::<String>(), times - 1)
        };
        fits(&doubling(10));
        grows(&doubling(18));
        grows(&doubling(900));
        let wide = (1..30).map(|at| format!(", c{at} as (select *, * from c{})", at - 1)).collect::<String>();
        let found = beyond(&format!("with c0 as (select 1 x){wide} select * from c29"), super::super::READ);
        assert_eq!(found.map(|found| found.figure), Some(Figure::Columns));
        let keys = |count: usize| (0..count).map(|key| format!("k{key}")).collect::<Vec<_>>().join(",");
        fits(&format!("select 1 from t group by cube({})", keys(8)));
        grows(&format!("select 1 from t group by cube({})", keys(29)));
        grows(&format!("select 1 from t group by cube({})", keys(90)));
        grows(&format!("select 1 from t group by {}", ["cube(a,b,c,d,e)"; 5].join(",")));
        let nested = |operator: &str, times: usize| (0..times).fold("a".to_owned(), |a, _| operator.replace('?', &a));
        fits(&format!("select {}", nested("coalesce(?, 1)", 8)));
        grows(&format!("select {}", nested("coalesce(?, 1)", 20)));
        grows(&format!("select {}", nested("(?) in (true, false)", 20)));
        grows(&format!("select {}", nested("(?) between 1 and 2", 20)));
        let sum = vec!["1"; 1500].join("+");
        grows(&format!("select {sum} as x from t group by {}", vec!["x"; 1000].join(",")));
        grows(&format!("select {sum} as x from t order by {}", vec!["x"; 1000].join(",")));
    }

    #[test]
    fn what_tools_write_fits() {
        let list = |count: usize| (0..count).map(|at| at.to_string()).collect::<Vec<_>>().join(",");
        fits(&format!("select * from t where a in ({})", list(100_000)));
        fits(&format!("values {}", vec!["(1, 'a')"; 50_000].join(",")));
        fits(&format!("select {} from t", list(4_000)));
        fits(&format!("select {0} from t group by {0} order by {0}", list(500)));
        fits(&vec!["select 1"; 300].join(" union all "));
        fits(&format!("select * from t {}", vec!["join u on true"; 100].join(" ")));
    }

    #[test]
    fn types_are_counted_too() {
        let found = |sql: &str| beyond(sql, super::super::READ).map(|found| found.figure);
        assert_eq!(found(&format!("select arrow_cast(1, '{}Int64')", "List(".repeat(33))), Some(Figure::TypeLevels));
        assert_eq!(found(&format!("select null::int{}", "[]".repeat(32))), Some(Figure::TypeLevels));
        assert_eq!(found(&format!("select arrow_cast(1, '{}Int64')", "List(".repeat(8))), None);
        assert_eq!(found("select null::int[][]"), None);
    }

    #[test]
    fn names_are_short() {
        let long = "x".repeat(1025);
        for sql in [format!("select {long}"), format!("select {long}(1)"), format!("select * from a.{long}")] {
            assert_eq!(beyond(&sql, super::super::READ).map(|found| found.figure), Some(Figure::Name));
        }
        fits(&format!("select '{long}' as {}", "x".repeat(1024)));
    }
}
