//! What stands in `FROM`: views, queries, lists of values, and joins of them; and subqueries in expressions.

use super::grammar::Grammar;
use super::kind::{Kind, Scope, Table};

impl Grammar {
    /// Relations joined, or one; `depth` bounds queries in queries.
    pub(super) fn from(&mut self, depth: u32) -> (String, Scope) {
        let (mut sql, first) = self.relation(depth);
        let mut scope = Scope { tables: vec![first], groups: None };
        let joins = match self.random.below(8) {
            0..=4 => 0,
            5 | 6 => 1,
            _ => 2,
        };
        for _ in 0..joins {
            let (other, table) = self.relation(0);
            // Two large ones give more rows than are worth comparing.
            if !table.small && !scope.tables.iter().all(|table| table.small) {
                continue;
            }
            self.join(&mut sql, &mut scope, &other, table);
        }
        (sql, scope)
    }

    fn join(&mut self, sql: &mut String, scope: &mut Scope, other: &str, table: Table) {
        let both = Scope { tables: vec![table.clone()], groups: None };
        let shared = ["tenant", "meter"].into_iter().find(|column| {
            // A name that is in two tables already can't be joined by.
            table.has(column) && scope.tables.iter().filter(|of| of.has(column)).count() == 1
        });
        let on = self.equal(scope, &both);
        let joined = match (self.random.below(9), shared, on) {
            (0, _, _) if table.small => format!(" CROSS JOIN {other}"),
            (1, Some(column), _) => format!(" JOIN {other} USING ({column})"),
            (2, Some(column), _) => format!(" LEFT JOIN {other} USING ({column})"),
            (3, _, Some(on)) => format!(" FULL JOIN {other} ON {on}"),
            (4, _, Some(on)) => format!(" RIGHT JOIN {other} ON {on}"),
            (5 | 6, _, Some(on)) => format!(" LEFT JOIN {other} ON {on}"),
            (7, _, Some(on)) => {
                let mut all = scope.clone();
                all.tables.push(table.clone());
                let more = self.value(Kind::Flag, &all, 1);
                format!(" JOIN {other} ON {on} AND {more}")
            }
            (_, _, Some(on)) => format!(" JOIN {other} ON {on}"),
            _ => return,
        };
        sql.push_str(&joined);
        scope.tables.push(table);
    }

    /// A condition that two columns are equal.
    fn equal(&mut self, left: &Scope, right: &Scope) -> Option<String> {
        let tenant = |scope: &Scope| {
            scope.tables.iter().find(|table| table.has("tenant")).map(|table| format!("{}.tenant", table.name))
        };
        if let (Some(left), Some(right)) = (tenant(left), tenant(right)) {
            return Some(format!("{left} = {right}"));
        }
        let kinds = [Kind::Text, Kind::Int, Kind::Date, Kind::Big];
        let at = self.random.below(kinds.len() as u64) as usize;
        let mut of_kinds = kinds[at..].iter().chain(&kinds[..at]);
        of_kinds.find_map(|kind| {
            let (left, right) = (left.columns(*kind), right.columns(*kind));
            Some(format!("{} = {}", self.one_of(&left)?, self.one_of(&right)?))
        })
    }

    /// One relation with an alias of its own.
    fn relation(&mut self, depth: u32) -> (String, Table) {
        let alias = self.alias();
        match self.random.below(10) {
            0 | 1 if depth > 0 => {
                let kinds = self.kinds(4);
                let query = self.query(&kinds, depth - 1);
                (format!("({query}) AS {alias}"), Self::made(&alias, &kinds))
            }
            2..=4 if !self.ctes.is_empty() => {
                let at = self.random.below(self.ctes.len() as u64) as usize;
                let cte = self.ctes[at].clone();
                (format!("{} AS {alias}", cte.name), cte.aliased(&alias))
            }
            5 if self.one_in(2) => self.listed(&alias),
            6 if self.one_in(3) => {
                let mut table = Self::made(&alias, &[Kind::Int]);
                (table.key, table.small) = (vec!["c1".to_owned()], true);
                (format!("generate_series(1, 5) AS {alias}(c1)"), table)
            }
            _ => {
                let at = self.random.below(self.tables.len() as u64) as usize;
                let view = self.tables[at].clone();
                (format!("{} AS {alias}", view.name), view.aliased(&alias))
            }
        }
    }

    /// `VALUES`, numbered, so that they have a key.
    fn listed(&mut self, alias: &str) -> (String, Table) {
        let kinds = [Kind::Int, self.kind(), self.kind()];
        let none = Scope::default();
        let rows = (1..=4).map(|row| {
            let values = kinds[1..].iter().map(|kind| self.value(*kind, &none, 0)).collect::<Vec<_>>();
            format!("({row}, {})", values.join(", "))
        });
        let rows = rows.collect::<Vec<_>>().join(", ");
        let mut table = Self::made(alias, &kinds);
        (table.key, table.small) = (vec!["c1".to_owned()], true);
        let names = table.columns.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ");
        (format!("(VALUES {rows}) AS {alias}({names})"), table)
    }

    /// What a query of these kinds gives, by the names that its columns get.
    pub(super) fn made(name: &str, kinds: &[Kind]) -> Table {
        let columns = kinds.iter().enumerate().map(|(at, kind)| (format!("c{}", at + 1), *kind)).collect();
        Table { name: name.to_owned(), columns, key: Vec::new(), small: false }
    }

    /// A subquery of one value, sometimes about the row at hand.
    pub(super) fn scalar(&mut self, kind: Kind, scope: &Scope) -> String {
        let (from, inner) = self.relation(0);
        let inner = Scope { tables: vec![inner], groups: Some(Vec::new()) };
        let aggregate = self.aggregate(kind, &inner);
        let filter = self.about(&inner.ungrouped(), scope);
        format!("(SELECT {aggregate} FROM {from}{filter})")
    }

    /// A condition on the rows of a subquery.
    pub(super) fn exists(&mut self, scope: &Scope) -> String {
        let (from, inner) = self.relation(0);
        let inner = Scope { tables: vec![inner], groups: None };
        let not = self.random.pick(&["", "NOT "]);
        if self.one_in(2) {
            let filter = self.about(&inner, scope);
            return format!("({not}EXISTS (SELECT 1 FROM {from}{filter}))");
        }
        let kind = [Kind::Text, Kind::Text, Kind::Int, Kind::Date][self.random.below(4) as usize];
        let (left, right) = (self.value(kind, scope, 0), self.value(kind, &inner, 0));
        let filter = self.value(Kind::Flag, &inner, 1);
        format!("({left} {not}IN (SELECT {right} FROM {from} WHERE {filter}))")
    }

    fn about(&mut self, inner: &Scope, outer: &Scope) -> String {
        match (self.random.below(3), self.equal(inner, outer)) {
            (0, _) => String::new(),
            (1, Some(equal)) => format!(" WHERE {equal}"),
            _ => format!(" WHERE {}", self.value(Kind::Flag, inner, 1)),
        }
    }
}
