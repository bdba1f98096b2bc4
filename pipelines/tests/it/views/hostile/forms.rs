//! Statements that end processes which do not count: short, and deep, long or growing without measure. Each form in the size
//! that honest tools write, in the largest that is let in, and in sizes that only mean harm.

/// A way to write a statement of any size.
pub(crate) struct Form {
    /// What is repeated.
    pub(crate) name: &'static str,
    make: fn(usize) -> String,
    /// What an honest tool writes.
    pub(crate) honest: usize,
    /// Whether that must be answered with rows; else it may be refused, but not for its size.
    pub(crate) answered: bool,
    /// Close to the bound; may be answered, refused or run out of time.
    pub(crate) close: usize,
    /// Beyond the bound.
    pub(crate) beyond: &'static [usize],
}

impl Form {
    /// The statement in that size.
    pub(crate) fn sized(&self, size: usize) -> String {
        (self.make)(size)
    }
}

fn join(size: usize, between: &str, part: impl Fn(usize) -> String) -> String {
    (0..size).map(part).collect::<Vec<_>>().join(between)
}

fn nested(size: usize, open: &str, inner: &str, close: &str) -> String {
    format!("{}{inner}{}", open.repeat(size), close.repeat(size))
}

const fn form(
    name: &'static str,
    honest: usize,
    close: usize,
    beyond: &'static [usize],
    make: fn(usize) -> String,
) -> Form {
    Form { name, make, honest, answered: true, close, beyond }
}

/// The same of what may have no meaning in any size.
const fn wrong(
    name: &'static str,
    honest: usize,
    close: usize,
    beyond: &'static [usize],
    make: fn(usize) -> String,
) -> Form {
    Form { name, make, honest, answered: false, close, beyond }
}

/// Chains of operators, which parsers nest to the left.
const CHAINS: [Form; 22] = [
    form("+", 200, 1900, &[2100, 10_000, 200_000], |size| format!("SELECT 1{}", "+1".repeat(size))),
    form("- of a column", 200, 1900, &[4000], |size| format!("SELECT value{} FROM usage LIMIT 1", "-1".repeat(size))),
    form("||", 200, 1900, &[4000, 100_000], |size| format!("SELECT 'a'{}", "||'b'".repeat(size))),
    form("AND", 200, 1900, &[2100, 40_000], |size| {
        format!("SELECT 1 FROM events WHERE {}", join(size, " AND ", |at| format!("id <> '{at}'")))
    }),
    form("OR", 200, 1900, &[2100, 40_000], |size| {
        format!("SELECT 1 FROM events WHERE {}", join(size, " OR ", |at| format!("id = '{at}'")))
    }),
    form("OR of LIKE", 200, 1900, &[2100], |size| {
        format!("SELECT 1 FROM events WHERE {}", join(size, " OR ", |at| format!("id LIKE '%{at}%'")))
    }),
    form("::int", 200, 1900, &[2100, 100_000], |size| format!("SELECT 1{}", "::int".repeat(size))),
    form("::text::int", 100, 900, &[2000], |size| format!("SELECT 1{}", "::text::int".repeat(size))),
    form("IS NULL", 200, 1900, &[4000, 50_000], |size| format!("SELECT 1{}", " IS NULL".repeat(size))),
    form("IS NULL of a column", 200, 1900, &[4000], |size| format!("SELECT id{} FROM events", " IS NULL".repeat(size))),
    wrong("LIKE", 200, 1900, &[4000], |size| format!("SELECT 'a'{}", " LIKE 'a'".repeat(size))),
    wrong("IN", 2, 14, &[40, 2000], |size| format!("SELECT id{} FROM events", " IN ('a', 'b')".repeat(size))),
    wrong("IN (1)", 100, 1900, &[4000], |size| format!("SELECT 1{}", " IN (1)".repeat(size))),
    wrong("BETWEEN", 2, 14, &[30, 1000], |size| {
        format!("SELECT id{} FROM events", " BETWEEN 'a' AND 'b'".repeat(size))
    }),
    form("AT TIME ZONE", 100, 1900, &[4000], |size| format!("SELECT now(){}", " AT TIME ZONE 'UTC'".repeat(size))),
    wrong("COLLATE", 200, 1900, &[100_000], |size| format!("SELECT 'a'{}", " COLLATE \"C\"".repeat(size))),
    wrong("->", 100, 1900, &[4000], |size| format!("SELECT '{{}}'{}", " -> 'a'".repeat(size))),
    wrong("[1]", 100, 1900, &[2100, 9000], |size| format!("SELECT make_array(1){}", "[1]".repeat(size))),
    wrong(".a", 20, 40, &[100, 11_000], |size| format!("SELECT events{} FROM events", ".a".repeat(size))),
    wrong("= of comparisons", 100, 1900, &[4000], |size| format!("SELECT 1{}", " = 1".repeat(size))),
    form("UNION ALL", 100, 600, &[700, 2000, 10_000], |size| join(size, " UNION ALL ", |_| "SELECT 1, 2".to_owned())),
    form("EXCEPT", 30, 300, &[700, 5000], |size| join(size, " EXCEPT ", |_| "SELECT 1".to_owned())),
];

/// What is within itself.
const NESTED: [Form; 16] = [
    form("brackets", 20, 45, &[100, 10_000, 200_000], |size| format!("SELECT {}", nested(size, "(", "1", ")"))),
    wrong("brackets in FROM", 4, 12, &[100, 5000], |size| {
        format!("SELECT 1 FROM {}", nested(size, "(", "events", ")"))
    }),
    form("functions", 15, 22, &[100, 10_000], |size| format!("SELECT {}", nested(size, "abs(", "1", ")"))),
    form("NOT", 20, 45, &[100, 50_000], |size| format!("SELECT {}true", "NOT ".repeat(size))),
    form("minus", 20, 45, &[100, 50_000], |size| format!("SELECT {}1", "- ".repeat(size))),
    form("CASE", 10, 20, &[100, 5000], |size| format!("SELECT {}", nested(size, "CASE WHEN true THEN ", "1", " END"))),
    form("subqueries", 10, 20, &[100, 5000], |size| {
        format!("SELECT * FROM {} LIMIT 1", nested(size, "(SELECT * FROM ", "events", ") t"))
    }),
    form("EXISTS", 5, 12, &[100, 5000], |size| {
        format!("SELECT 1 WHERE {}", nested(size, "EXISTS (SELECT 1 WHERE ", "true", ")"))
    }),
    form("arrays", 10, 20, &[100, 10_000], |size| format!("SELECT {} IS NULL", nested(size, "make_array(", "1", ")"))),
    form("types of Arrow", 4, 30, &[40, 1000, 100_000], |size| {
        format!("SELECT arrow_cast(NULL, '{}') IS NULL", nested(size, "List(", "Int64", ")"))
    }),
    form("types", 1, 16, &[40, 5000], |size| format!("SELECT NULL::int{} IS NULL", "[]".repeat(size))),
    form("coalesce", 5, 8, &[40], |size| {
        format!("SELECT {} FROM events LIMIT 1", nested(size, "coalesce(nullif(", "id", ", 'a'), 'b')"))
    }),
    form("JSON in json_get", 20, 120, &[500, 100_000], |size| {
        format!("SELECT json_get_text('{}', 0)", nested(size, "[", "", "]"))
    }),
    form("JSON that grows", 20, 120, &[500, 99_999], |size| format!("SELECT json_get_text(repeat('[', {size}), 0)")),
    form("JSON in json_value", 20, 120, &[500, 100_000], |size| {
        format!("SELECT json_value('{}', '$.b')", nested(size, "{\"a\":", "1", "}"))
    }),
    wrong("comments that never end", 10, 10_000, &[600_000], |size| format!("SELECT 1 {}", "/*".repeat(size))),
];

/// What stands for more than it says.
const GROWING: [Form; 14] = [
    form("WITH that doubles", 5, 13, &[19, 31, 900], |size| {
        let more = join(size, "", |at| format!(", c{} AS (SELECT a.x FROM c{at} a, c{at} b)", at + 1));
        format!("WITH c0 AS (SELECT 1 x){more} SELECT * FROM c{size}")
    }),
    form("WITH in a row", 20, 280, &[700, 2000], |size| {
        let more = join(size, "", |at| format!(", c{} AS (SELECT x + 1 AS x FROM c{at})", at + 1));
        format!("WITH c0 AS (SELECT 1 x){more} SELECT * FROM c{size}")
    }),
    wrong("columns that double", 3, 8, &[20, 60], |size| {
        let more = join(size, "", |at| format!(", c{} AS (SELECT *, * FROM c{at})", at + 1));
        format!("WITH c0 AS (SELECT 1 x){more} SELECT * FROM c{size}")
    }),
    form("filters that grow on their way down", 3, 12, &[25, 40], |size| {
        let more = join(size, "", |at| format!(", c{} AS (SELECT x || x AS x FROM c{at})", at + 1));
        format!("WITH c0 AS (SELECT id AS x FROM events){more} SELECT count(*) FROM c{size} WHERE x <> 'a'")
    }),
    form("CUBE", 4, 9, &[16, 29, 70], |size| {
        format!("SELECT count(*) FROM events GROUP BY CUBE ({})", join(size, ", ", |at| format!("id || '{at}'")))
    }),
    form("several CUBEs", 1, 2, &[5, 20], |size| {
        format!(
            "SELECT count(*) FROM events GROUP BY {}",
            join(size, ", ", |_| "CUBE (id, source, type, subject)".to_owned())
        )
    }),
    wrong("an alias in GROUP BY", 3, 40, &[900], |size| {
        let sum = join(size, "||", |_| "id".to_owned());
        format!("SELECT {sum} AS x FROM events GROUP BY {}", join(size, ", ", |_| "x".to_owned()))
    }),
    form("joins", 4, 60, &[1000, 1500], |size| {
        format!(
            "SELECT count(*) FROM events {}",
            join(size, " ", |at| format!("JOIN tenants t{at} ON t{at}.tenant = 'nobody'"))
        )
    }),
    form("joins by commas", 3, 12, &[2000], |size| {
        format!("SELECT count(*) FROM events{} WHERE id = 'nobody'", join(size, "", |at| format!(", tenants t{at}")))
    }),
    wrong("stars", 5, 200, &[40_000], |size| {
        format!("SELECT {} FROM events LIMIT 1", join(size, ", ", |_| "*".to_owned()))
    }),
    wrong("a long name of a column", 100, 1000, &[2000, 900_000], |size| {
        format!("SELECT \"{}\" FROM events", "x".repeat(size))
    }),
    wrong("a long name of a table", 100, 1000, &[2000, 900_000], |size| {
        format!("SELECT * FROM \"{}\"", "x".repeat(size))
    }),
    wrong("a long name of a function", 100, 1000, &[2000, 900_000], |size| format!("SELECT {}(1)", "x".repeat(size))),
    form("a view's definition", 0, 0, &[2100, 100_000], |size| match size {
        0 => "SELECT 1".to_owned(),
        size => format!("CREATE MATERIALIZED VIEW x AS SELECT 1{} FROM events", "+1".repeat(size)),
    }),
];

/// What is long and no more.
const LONG: [Form; 10] = [
    form("IN list", 10_000, 60_000, &[300_000], |size| {
        format!("SELECT count(*) FROM events WHERE id IN ({})", join(size, ",", |at| format!("'{at}'")))
    }),
    form("VALUES", 2000, 20_000, &[300_000], |size| format!("VALUES {}", join(size, ",", |_| "(1)".to_owned()))),
    form("columns", 500, 2000, &[5000, 600_000], |size| format!("SELECT {}", join(size, ",", |_| "1".to_owned()))),
    form("GROUP BY", 50, 300, &[], |size| {
        format!("SELECT count(*) FROM events GROUP BY {}", join(size, ",", |at| format!("id || '{at}'")))
    }),
    form("ORDER BY", 50, 300, &[], |size| {
        format!("SELECT id FROM events ORDER BY {} LIMIT 1", join(size, ",", |at| format!("id || '{at}'")))
    }),
    form("WHEN", 300, 2000, &[100_000], |size| {
        format!("SELECT CASE {} END FROM events LIMIT 1", join(size, " ", |at| format!("WHEN id = '{at}' THEN 1")))
    }),
    form("a text", 100_000, 900_000, &[1_100_000], |size| format!("SELECT length('{}')", "x".repeat(size))),
    form("windows", 5, 100, &[], |size| {
        let window = |at| format!("sum(1) OVER (ORDER BY id ROWS BETWEEN {at} PRECEDING AND CURRENT ROW)");
        format!("SELECT {} FROM events LIMIT 1", join(size, ", ", window))
    }),
    form("comments", 100, 100_000, &[600_000], |size| format!("SELECT 1 {}{}", "/*".repeat(size), "*/".repeat(size))),
    wrong("a pattern", 20, 1000, &[], |size| format!("SELECT regexp_like('x', '{}')", nested(size, "(", "a", ")"))),
];

/// All of them.
pub(crate) fn forms() -> impl Iterator<Item = &'static Form> {
    static ALL: [&[Form]; 4] = [&CHAINS, &NESTED, &GROWING, &LONG];
    ALL.into_iter().flatten()
}
