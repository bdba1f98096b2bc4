//! I6 at the doors: whatever a tenant asks, over HTTP and over both protocols of the Postgres wire, no row, column name,
//! message, hint or plan shows a mark of its 50 neighbours.
//!
//! The statements are those of the catalog's own search (`pipelines/tests/it/views/isolation_fuzz`), which also looks whether
//! others' rows matter. `TENANTRY_ISOLATION_QUERIES` makes it longer, `TENANTRY_ISOLATION_SEED` another.

#[path = "../../../pipelines/tests/it/views/isolation_fuzz/expression.rs"]
mod expression;
#[path = "../../../pipelines/tests/it/views/isolation_fuzz/grammar.rs"]
mod grammar;
mod neighbours;
#[path = "../../../pipelines/tests/it/views/random.rs"]
pub(crate) mod random;

use std::process::Command;
use std::time::Instant;

use actors::PLATFORM;
use serde_json::{Value, json};

use crate::clients::tools;
use grammar::{Grammar, Kind, OWN, Table};
use neighbours::{NAMED, Neighbours, name, shown_in};
use random::Random;

const QUERIES: u64 = 120;
const SEED: u64 = 1;

/// What a door sent.
struct Answer {
    text: String,
    executed: bool,
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

/// Random statements over what a tenant's session has at these doors; neighbours that are `NAMED` may be asked for.
fn statements(node: &Neighbours) -> Vec<String> {
    let (queries, seed) = (setting("TENANTRY_ISOLATION_QUERIES", QUERIES), setting("TENANTRY_ISOLATION_SEED", SEED));
    let sql = "SELECT table_name, column_name, data_type FROM information_schema.columns \
               WHERE table_schema = 'public' ORDER BY table_name";
    let columns = node.sql(&node.own, sql);
    assert_eq!(columns.status, 200, "{}", columns.text);
    let columns = columns.json().as_array().unwrap().clone();
    let columns = columns
        .iter()
        .map(|row| ["table_name", "column_name", "data_type"].map(|column| row[column].as_str().unwrap().to_owned()));
    let mut tables = grammar::tables(columns);
    let catalogs = [("pg_class", "relname"), ("pg_attribute", "attname")];
    tables.extend(catalogs.map(|(table, column)| Table {
        name: format!("pg_catalog.{table}"),
        columns: vec![(column.to_owned(), Kind::Text)],
    }));
    let tenants = (1..=NAMED).map(name).chain([OWN.to_owned()]);
    let mut grammar = Grammar::new(seed, tables, tenants.collect());
    (0..queries).map(|_| grammar.statement()).collect()
}

/// Asks all over the Postgres wire, one by the simple protocol and one by the extended in turn.
fn over_postgres(node: &Neighbours, statements: &[String], user: &str, key: &str) -> Option<Vec<Answer>> {
    let python = tools::python()?;
    let asked = node.folder.path().join("statements.json");
    std::fs::write(&asked, json!(statements).to_string()).unwrap();
    let mut command = Command::new(python);
    command.arg(tools::script("doors.py")).arg(&asked).env("PGHOST", "127.0.0.1").env("PGDATABASE", "tenantry");
    command.env("PGPORT", node.postgres().port().to_string()).env("PGUSER", user).env("PGPASSWORD", key);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let answers: Vec<(bool, String)> = serde_json::from_slice(&output.stdout).unwrap();
    Some(answers.into_iter().map(|(executed, text)| Answer { text, executed }).collect())
}

fn over_http(node: &Neighbours, statements: &[String], key: &str) -> Vec<Answer> {
    let ask = |sql: &String| {
        let answer = node.sql(key, sql);
        assert!(answer.status != 500, "{sql}: {}", answer.text);
        let headers = answer.headers.iter().map(|(name, value)| format!("{name}: {value:?}\n")).collect::<String>();
        Answer { text: headers + &answer.text, executed: answer.status == 200 }
    };
    statements.iter().map(ask).collect()
}

/// Looks through what the tenant got, and that the platform got marks for the same statements.
fn check(door: &str, statements: &[String], own: &[Answer], platform: &[Answer]) {
    assert_eq!((own.len(), platform.len()), (statements.len(), statements.len()), "{door}");
    for (sql, answer) in statements.iter().zip(own) {
        if let Some(mark) = shown_in(&answer.text) {
            let around = answer.text.split_inclusive('\n').filter(|line| shown_in(line).is_some()).collect::<String>();
            panic!("{door} shows {mark:?}:\n{sql}\n{}", around.chars().take(2000).collect::<String>());
        }
    }
    let executed = own.iter().filter(|answer| answer.executed).count();
    let shown = platform.iter().filter(|answer| shown_in(&answer.text).is_some()).count();
    println!("{door}: {} statements, {executed} executed, {shown} show marks to the platform", statements.len());
    assert!(executed * 2 >= statements.len(), "{door}: {executed} of {} were executed", statements.len());
    assert!(shown * 10 >= statements.len(), "{door}: {shown} of {} show marks to the platform", statements.len());
}

#[test]
fn random_statements_at_the_doors_see_nothing_of_others() {
    let node = Neighbours::open();
    let statements = statements(&node);
    let since = Instant::now();
    let (own, platform) = (over_http(&node, &statements, &node.own), over_http(&node, &statements, &node.platform));
    check("HTTP", &statements, &own, &platform);
    let own = over_postgres(&node, &statements, OWN, &node.own);
    let platform = over_postgres(&node, &statements, PLATFORM, &node.platform);
    if let (Some(own), Some(platform)) = (own, platform) {
        check("Postgres", &statements, &own, &platform);
    }
    println!("in {:.1} s", since.elapsed().as_secs_f64());
}

#[test]
fn marks_are_in_every_view() {
    let node = Neighbours::open();
    for view in ["events", "late_events", "rejections", "quotas", "audit", "queries", "tenants", "usage", "by_source"] {
        let sql = format!("SELECT * FROM {view}");
        let all = node.sql(&node.platform, &sql);
        assert!(shown_in(&all.text).is_some(), "{view}: {}", all.text);
        let own = node.sql(&node.own, &sql);
        assert_eq!(own.status, 200, "{view}: {}", own.text);
        assert!(own.json() != Value::from(Vec::<Value>::new()), "{view} has nothing of the asking tenant");
        assert_eq!(shown_in(&own.text), None, "{view}: {}", own.text);
    }
}
