//! Random statements: queries with and without groups, windows, set operations, `WITH`, and expressions alone.
//!
//! Statements are such that PostgreSQL has one answer to them and no error, as far as that can be had by kinds alone:
//! rows come as a bag, or are ordered by all columns where a limit cuts them.

use super::kind::{Kind, Scope, Table};
use crate::isolation::random::Random;

/// A generator; the same seed and tables give the same statements.
pub(super) struct Grammar {
    pub(super) random: Random,
    /// The views.
    pub(super) tables: Vec<Table>,
    /// What the statement at hand has in `WITH`.
    pub(super) ctes: Vec<Table>,
    aliases: usize,
}

impl Grammar {
    pub(super) fn new(seed: u64, tables: Vec<Table>) -> Self {
        Self { random: Random::new(seed), tables, ctes: Vec::new(), aliases: 0 }
    }

    pub(super) fn one_in(&mut self, of: u64) -> bool {
        self.random.below(of) == 0
    }

    pub(super) fn one_of(&mut self, all: &[String]) -> Option<String> {
        if all.is_empty() {
            return None;
        }
        Some(all[self.random.below(all.len() as u64) as usize].clone())
    }

    pub(super) fn alias(&mut self) -> String {
        self.aliases += 1;
        format!("t{}", self.aliases)
    }

    pub(super) fn kind(&mut self) -> Kind {
        Kind::of(self.random.below(Kind::COUNT))
    }

    pub(super) fn kinds(&mut self, most: u64) -> Vec<Kind> {
        (0..=self.random.below(most)).map(|_| self.kind()).collect()
    }

    /// A statement.
    pub(super) fn statement(&mut self) -> String {
        (self.ctes, self.aliases) = (Vec::new(), 0);
        if self.one_in(8) {
            return self.constant();
        }
        let mut with = Vec::new();
        if self.one_in(6) {
            for number in 0..=self.random.below(2) {
                let kinds = self.kinds(4);
                let query = self.query(&kinds, 0);
                let name = format!("w{}", number + 1);
                with.push(format!("{name} AS ({query})"));
                self.ctes.push(Self::made(&name, &kinds));
            }
        }
        let with = if with.is_empty() { String::new() } else { format!("WITH {} ", with.join(", ")) };
        let kinds = self.kinds(4);
        format!("{with}{}", self.query(&kinds, 1))
    }

    /// Expressions of literals, which planners compute on their own.
    fn constant(&mut self) -> String {
        let kinds = self.kinds(3);
        let values = kinds.iter().map(|kind| self.value(*kind, &Scope::default(), 3)).collect::<Vec<_>>();
        format!("SELECT {}", values.join(", "))
    }

    /// A query with columns of `kinds`, which are named `c1` and so on.
    pub(super) fn query(&mut self, kinds: &[Kind], depth: u32) -> String {
        // Many intervals are equal and look otherwise.
        let compares = !kinds.contains(&Kind::Span);
        match self.random.below(10) {
            0 if depth > 0 => {
                let (left, right) = (self.query(kinds, depth - 1), self.query(kinds, depth - 1));
                let sets = ["UNION ALL", "UNION", "EXCEPT", "INTERSECT"];
                let set = if compares { self.random.pick(&sets) } else { "UNION ALL" };
                format!("({left}) {set} ({right})")
            }
            1..=3 => self.grouped(kinds, depth),
            4 | 5 => self.select(kinds, depth, true),
            _ => self.select(kinds, depth, false),
        }
    }

    /// A query without groups.
    fn select(&mut self, kinds: &[Kind], depth: u32, windows: bool) -> String {
        let (from, scope) = self.from(depth);
        let compares = !kinds.contains(&Kind::Span);
        let values = kinds.iter().map(|kind| {
            if windows && self.one_in(2) {
                return self.window(*kind, &scope);
            }
            let depth = 1 + self.random.below(3) as u32;
            self.value(*kind, &scope, depth)
        });
        let values = named(values.collect());
        let distinct = if compares && self.one_in(10) { "DISTINCT " } else { "" };
        let filter =
            if self.one_in(2) { format!(" WHERE {}", self.value(Kind::Flag, &scope, 2)) } else { String::new() };
        let order = self.order_and_limit(kinds);
        format!("SELECT {distinct}{values} FROM {from}{filter}{order}")
    }

    fn grouped(&mut self, kinds: &[Kind], depth: u32) -> String {
        let (from, mut scope) = self.from(depth);
        let mut groups = Vec::new();
        for _ in 0..self.random.below(3) {
            // Of a kind that is asked for, so that the key is seen.
            let kind = kinds[self.random.below(kinds.len() as u64) as usize];
            let kind = if kind == Kind::Span { Kind::Text } else { kind };
            if let Some(key) = self.key(kind, &scope) {
                groups.push((kind, key));
            }
        }
        let filter =
            if self.one_in(3) { format!(" WHERE {}", self.value(Kind::Flag, &scope, 1)) } else { String::new() };
        let keys = groups.iter().map(|(_, key)| key.clone()).collect::<Vec<_>>().join(", ");
        let by = match keys.is_empty() {
            true => String::new(),
            false if self.one_in(12) => format!(" GROUP BY ROLLUP ({keys})"),
            false => format!(" GROUP BY {keys}"),
        };
        scope.groups = Some(groups);
        let values = kinds.iter().map(|kind| {
            let depth = self.random.below(3) as u32;
            self.value(*kind, &scope, depth)
        });
        let values = named(values.collect());
        // One aggregate makes it a query with groups even if all columns are literals.
        let having = if by.is_empty() || self.one_in(4) {
            // Not of distinct values: where nothing shows that count, DataFusion fails to plan it.
            let count = self.random.pick(&["count(*)", "count({text})", "count({decimal})", "sum({int})"]);
            let count = self.expand(count, Kind::Big, &scope.ungrouped(), 0);
            format!(" HAVING {count} >= {}", self.random.below(3))
        } else {
            String::new()
        };
        let order = self.order_and_limit(kinds);
        format!("SELECT {values} FROM {from}{filter}{by}{having}{order}")
    }

    /// Often none.
    fn order_and_limit(&mut self, kinds: &[Kind]) -> String {
        if kinds.contains(&Kind::Span) || !self.one_in(3) {
            return String::new();
        }
        let how = ["", "", " DESC", " DESC NULLS LAST", " NULLS FIRST"];
        let keys = (1..=kinds.len()).map(|at| format!("{at}{}", self.random.pick(&how))).collect::<Vec<_>>();
        let limit = match self.random.below(3) {
            0 => String::new(),
            1 => format!(" LIMIT {}", 1 + self.random.below(20)),
            _ => format!(" LIMIT {} OFFSET {}", 1 + self.random.below(20), self.random.below(5)),
        };
        format!(" ORDER BY {}{limit}", keys.join(", "))
    }
}

fn named(values: Vec<String>) -> String {
    let values = values.into_iter().enumerate().map(|(at, value)| format!("{value} AS c{}", at + 1));
    values.collect::<Vec<_>>().join(", ")
}
