//! Random statements over the views: joins, subqueries, set operations, grouping, names that mislead.
//!
//! Columns and literals are chosen by kind, so that most statements can be planned. Expressions are in `expression`. The
//! server's tests include both files and ask the same through its doors.

use super::Random;

/// The tenant that asks.
pub(super) const OWN: &str = "mallory";

/// What an expression gives, as far as it decides where it can stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Number,
    Time,
    Flag,
}

pub(super) const KINDS: [Kind; 4] = [Kind::Text, Kind::Number, Kind::Time, Kind::Flag];

/// Something with columns: a view by its name, or what stands in `FROM` by its alias.
#[derive(Debug, Clone)]
pub(super) struct Table {
    pub(super) name: String,
    pub(super) columns: Vec<(String, Kind)>,
}

impl Table {
    fn new(name: &str, kinds: &[Kind]) -> Self {
        let columns = kinds.iter().enumerate().map(|(at, kind)| (format!("c{at}"), *kind)).collect();
        Self { name: name.into(), columns }
    }

    fn has(&self, column: &str) -> bool {
        self.columns.iter().any(|(name, _)| name == column)
    }
}

/// The views of a tenant's session, from what `information_schema.columns` says of each column (table, column, data type,
/// by table), and those of `information_schema` itself.
pub(super) fn tables(columns: impl IntoIterator<Item = [String; 3]>) -> Vec<Table> {
    let mut tables = Vec::<Table>::new();
    for [table, column, data_type] in columns {
        let kind = match data_type.as_str() {
            "text" => Kind::Text,
            "timestamp with time zone" => Kind::Time,
            "boolean" => Kind::Flag,
            "bigint" | "integer" | "numeric" => Kind::Number,
            other => panic!("{table}.{column} is {other}"),
        };
        if tables.last().is_none_or(|last| last.name != table) {
            tables.push(Table { name: table, columns: Vec::new() });
        }
        tables.last_mut().unwrap().columns.push((column, kind));
    }
    let texts = |columns: &[&str]| columns.iter().map(|name| ((*name).to_owned(), Kind::Text)).collect();
    let named = |name: &str, columns: &[&str]| Table { name: name.into(), columns: texts(columns) };
    tables.push(named("information_schema.tables", &["table_catalog", "table_schema", "table_name", "table_type"]));
    tables.push(named("information_schema.columns", &["table_name", "column_name", "column_default", "data_type"]));
    tables.push(named("information_schema.views", &["table_name", "definition"]));
    tables
}

/// A generator; the same seed and tables give the same statements.
pub(super) struct Grammar {
    pub(super) random: Random,
    /// The views.
    pub(super) tables: Vec<Table>,
    /// Tenants that may be asked for by name.
    pub(super) tenants: Vec<String>,
    ctes: Vec<Table>,
    aliases: usize,
}

impl Grammar {
    pub(super) fn new(seed: u64, tables: Vec<Table>, tenants: Vec<String>) -> Self {
        Self { random: Random::new(seed), tables, tenants, ctes: Vec::new(), aliases: 0 }
    }

    pub(super) fn one_in(&mut self, of: u64) -> bool {
        self.random.below(of) == 0
    }

    pub(super) fn tenant(&mut self) -> String {
        let at = self.random.below(self.tenants.len() as u64) as usize;
        self.tenants[at].clone()
    }

    /// A view; more often one whose rows bear texts.
    fn table(&mut self) -> Table {
        if self.one_in(2) {
            let name = self.random.pick(&[
                "events",
                "late_events",
                "rejections",
                "quotas",
                "alerts",
                "alert_history",
                "delivery_attempts",
                "audit",
                "queries",
                "tenants",
            ]);
            return self.tables.iter().find(|table| table.name == name).unwrap().clone();
        }
        let at = self.random.below(self.tables.len() as u64) as usize;
        self.tables[at].clone()
    }

    fn kinds(&mut self, most: u64) -> Vec<Kind> {
        // Twice as many texts and numbers.
        (0..=self.random.below(most)).map(|_| KINDS[self.random.below(6) as usize % KINDS.len()]).collect()
    }

    pub(super) fn statement(&mut self) -> String {
        (self.ctes, self.aliases) = (Vec::new(), 0);
        let explain = match self.random.below(24) {
            0 => return self.oddity(),
            1 => "EXPLAIN ",
            2 => "EXPLAIN VERBOSE ",
            3 | 4 => "EXPLAIN ANALYZE ",
            5 => "EXPLAIN FORMAT TREE ",
            _ => "",
        };
        let query = if self.one_in(6) { self.star() } else { self.statement_query() };
        format!("{explain}{query}")
    }

    fn statement_query(&mut self) -> String {
        let kinds = self.kinds(4);
        let mut with = Vec::new();
        for at in 0..self.random.below(3).saturating_sub(1) + u64::from(self.one_in(4)) {
            let kinds = self.kinds(3);
            let query = self.query(&kinds, 1);
            // Now and then it hides the view of its name.
            let name = if self.one_in(2) { self.random.pick(&["events", "usage", "tenants"]) } else { "cte" };
            let name = if at == 0 { name.to_owned() } else { format!("cte{at}") };
            with.push(format!("{name} AS ({query})"));
            self.ctes.push(Table::new(&name, &kinds));
        }
        let with = if with.is_empty() { String::new() } else { format!("WITH {} ", with.join(", ")) };
        format!("{with}{}", self.query(&kinds, 2))
    }

    /// A query with outputs `c0`, `c1`, … of `kinds`, in an order.
    pub(super) fn query(&mut self, kinds: &[Kind], depth: u32) -> String {
        let mut query = self.select(kinds, depth);
        while self.one_in(6) {
            let operation = self.random.pick(&[
                "UNION",
                "UNION ALL",
                "UNION ALL",
                "INTERSECT",
                "INTERSECT ALL",
                "EXCEPT",
                "EXCEPT ALL",
            ]);
            query = format!("{query} {operation} {}", self.select(kinds, depth));
        }
        if self.one_in(2) {
            let keys = (1..=kinds.len()).map(|at| at.to_string()).collect::<Vec<_>>().join(", ");
            let last = self.random.pick(&["", " DESC", " NULLS FIRST", " DESC NULLS LAST"]);
            query = format!("SELECT * FROM ({query}) ORDER BY {keys}{last}");
        }
        match self.random.below(4) {
            0 => format!("{query} LIMIT {}", self.random.below(30)),
            1 => format!("{query} LIMIT 20 OFFSET {}", self.random.below(9)),
            _ => query,
        }
    }

    fn star(&mut self) -> String {
        let (from, scope) = self.from(1);
        let filter = if self.one_in(3) { String::new() } else { format!(" WHERE {}", self.flag(&scope, 2)) };
        format!("SELECT * FROM {from}{filter} LIMIT 200")
    }

    fn select(&mut self, kinds: &[Kind], depth: u32) -> String {
        let (from, scope) = self.from(depth);
        let filter = match self.random.below(4) {
            0 | 1 => String::new(),
            2 => format!(" WHERE {}", self.tenant_trick(&scope)),
            _ => format!(" WHERE {}", self.flag(&scope, depth)),
        };
        if self.one_in(3) {
            return self.grouped(kinds, &scope, &format!("{from}{filter}"));
        }
        let mut output = |at: usize, kind: &Kind| {
            let value = if self.one_in(6) { self.windowed(*kind, &scope) } else { self.value(*kind, &scope, depth) };
            format!("{value} AS c{at}")
        };
        let outputs = kinds.iter().enumerate().map(|(at, kind)| output(at, kind)).collect::<Vec<_>>().join(", ");
        let distinct = if self.one_in(5) { "DISTINCT " } else { "" };
        format!("SELECT {distinct}{outputs} FROM {from}{filter}")
    }

    fn grouped(&mut self, kinds: &[Kind], scope: &[Table], from: &str) -> String {
        let keys = [self.column(Kind::Text, scope), self.column(Kind::Number, scope)];
        let mut output = |at: usize, kind: &Kind| format!("{} AS c{at}", self.aggregate(*kind, scope, &keys[0]));
        let outputs = kinds.iter().enumerate().map(|(at, kind)| output(at, kind)).collect::<Vec<_>>().join(", ");
        let [a, b] = keys;
        let group = match self.random.below(6) {
            0 => format!("GROUPING SETS (({a}, {b}), ({a}), ())"),
            1 => format!("ROLLUP ({a}, {b})"),
            2 => format!("CUBE ({a}, {b})"),
            3 => format!("{a}, {b}"),
            _ => a,
        };
        let having = self.random.pick(&["", "", " HAVING count(*) > 0", " HAVING count(*) > 3"]);
        format!("SELECT {outputs} FROM {from} GROUP BY {group}{having}")
    }

    /// What stands behind `FROM`, and the relations that can be named.
    fn from(&mut self, depth: u32) -> (String, Vec<Table>) {
        let (left, a) = self.relation(depth);
        if !self.one_in(3) {
            return (left, vec![a]);
        }
        let (right, b) = self.relation(depth);
        let kind = self.random.pick(&["JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN"]);
        let mut both = vec![a, b];
        let join = match self.random.below(6) {
            0 => format!("{left} CROSS JOIN (SELECT * FROM {right} LIMIT 5) AS few"),
            1 if both.iter().all(|table| table.has("tenant")) => format!("{left} {kind} {right} USING (tenant)"),
            2 => {
                let kind = self.random.pick(&["LEFT SEMI JOIN", "LEFT ANTI JOIN"]);
                format!("{left} {kind} {right} ON {}", self.equal(&both[..1], &both[1..]))
            }
            3 => format!("{left} {kind} {right} ON {} AND {}", self.equal(&both[..1], &both[1..]), self.flag(&both, 0)),
            _ => format!("{left} {kind} {right} ON {}", self.equal(&both[..1], &both[1..])),
        };
        if join.contains("AS few") || join.contains("SEMI") || join.contains("ANTI") {
            both.pop();
        }
        (join, both)
    }

    pub(super) fn equal(&mut self, left: &[Table], right: &[Table]) -> String {
        let with_tenant = |tables: &[Table]| tables.iter().find(|table| table.has("tenant")).map(|of| of.name.clone());
        if let (Some(left), Some(right), true) = (with_tenant(left), with_tenant(right), self.one_in(2)) {
            return format!("{left}.tenant = {right}.tenant");
        }
        let kind = if self.one_in(4) { Kind::Number } else { Kind::Text };
        format!("{} = {}", self.column(kind, left), self.column(kind, right))
    }

    /// One relation with an alias of its own.
    pub(super) fn relation(&mut self, depth: u32) -> (String, Table) {
        self.aliases += 1;
        // Aliases may be names of views and columns.
        let alias = match self.random.below(12) {
            0 if self.aliases == 1 => "tenant".to_owned(),
            1 if self.aliases == 1 => "engine".to_owned(),
            _ => format!("t{}", self.aliases),
        };
        match self.random.below(12) {
            0 | 1 if depth > 0 => {
                let kinds = self.kinds(3);
                let query = self.query(&kinds, depth - 1);
                (format!("({query}) AS {alias}"), Table::new(&alias, &kinds))
            }
            2..5 if !self.ctes.is_empty() => {
                let at = self.random.below(self.ctes.len() as u64) as usize;
                let cte = self.ctes[at].clone();
                (format!("{} AS {alias}", cte.name), Table { name: alias, columns: cte.columns })
            }
            5 if self.one_in(3) => {
                let function = self.random.pick(&["generate_series(1, 9)", "range(0, 5)"]);
                (format!("{function} AS {alias}(c0)"), Table::new(&alias, &[Kind::Number]))
            }
            6 if self.one_in(3) => {
                let rows = format!("('{}', 1), (NULL, 0)", self.tenant());
                (format!("(VALUES {rows}) AS {alias}(c0, c1)"), Table::new(&alias, &[Kind::Text, Kind::Number]))
            }
            _ => {
                let table = self.table();
                (format!("{} AS {alias}", self.spelled(&table.name)), Table { name: alias, columns: table.columns })
            }
        }
    }

    /// A view by one of its names.
    fn spelled(&mut self, name: &str) -> String {
        if name.contains('.') {
            return name.to_owned();
        }
        // A CTE may hide the bare name, whose columns would then be others.
        let hidden = self.ctes.iter().any(|cte| cte.name == name);
        match self.random.below(6) {
            0 => format!("\"tenantry\".\"public\".\"{name}\""),
            1 => format!("public.\"{name}\""),
            2 => format!("TENANTRY.Public.{name}"),
            3 if !hidden => format!("\"{name}\""),
            _ if hidden => format!("public.{name}"),
            _ => name.to_owned(),
        }
    }

    fn oddity(&mut self) -> String {
        let (table, tenant) = (self.table().name, self.tenant());
        match self.random.below(16) {
            0 => format!("DESCRIBE {table}"),
            1 => format!("SHOW COLUMNS FROM {table}"),
            2 => "SHOW TABLES".into(),
            3 => "SHOW ALL".into(),
            4 => "SHOW FUNCTIONS LIKE 'max'".into(),
            5 => format!("SELECT * FROM \"{tenant}\".\"events\""),
            6 => format!("SELECT * FROM \"{tenant}\""),
            7 => "SELECT * FROM engine_shards".into(),
            8 => "SELECT * FROM information_schema.df_settings".into(),
            9 => format!("SHOW CREATE TABLE {table}"),
            10 => format!("PREPARE p AS SELECT * FROM {table} WHERE tenant = $1"),
            11 => "WITH RECURSIVE r AS (SELECT tenant, 1 AS n FROM events UNION ALL SELECT tenant, n + 1 FROM r \
                   WHERE n < 3) SELECT * FROM r"
                .into(),
            12 => format!("SELECT tenant, (SELECT count(*) FROM {table}) FROM events WHERE tenant <> '{OWN}'"),
            13 => format!("TABLE {table}"),
            14 => format!("SELECT COLUMNS('.*') FROM {table}"),
            _ => format!("SELECT {table}.* EXCLUDE (tenant) FROM {table}"),
        }
    }
}
