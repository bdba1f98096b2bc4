//! What Grafana's Postgres source sends: the dashboard's queries with its macros and variables expanded, and the queries by
//! which its editor looks around.

use std::process::Command;

use actors::PLATFORM;
use serde_json::Value;

use super::{Rig, rig, snippet, tools};

const DASHBOARD: &str = include_str!("../../../connect/grafana/dashboard.json");
const DATASOURCE: &str = include_str!("../../../connect/grafana/datasource.yaml");

const FROM: &str = "2026-11-23T11:00:00Z";
const TO: &str = "2026-11-23T12:00:00Z";

/// The search path, as the editor asks for it.
const PATH: &str = r#"SELECT CASE WHEN trim(s[i]) = '"$user"' THEN user ELSE trim(s[i]) END
    FROM generate_series(
        array_lower(string_to_array(current_setting('search_path'),','),1),
        array_upper(string_to_array(current_setting('search_path'),','),1)
    ) as i, string_to_array(current_setting('search_path'),',') s"#;

/// As the source expands its macros.
fn expanded(sql: &str) -> String {
    let mut sql = sql.replace("$interval", "5m").replace("$meter", "tokens").replace("$tenant", "'acme','globex'");
    while let Some((before, rest)) = sql.split_once("$__timeGroup(") {
        let (arguments, after) = rest.split_once(')').unwrap();
        let (column, interval) = arguments.split_once(',').unwrap();
        let seconds = match interval.trim().trim_matches('\'') {
            "1m" => 60,
            "5m" => 300,
            other => panic!("interval {other}"),
        };
        sql = format!("{before}floor(extract(epoch from {column})/{seconds})*{seconds}{after}");
    }
    while let Some((before, rest)) = sql.split_once("$__timeFilter(") {
        let (column, after) = rest.split_once(')').unwrap();
        sql = format!("{before}{column} BETWEEN '{FROM}' AND '{TO}'{after}");
    }
    assert!(!sql.contains('$'), "something is left to expand: {sql}");
    sql
}

fn rows(rig: &Rig, sql: &str) -> String {
    rig.told(Command::new("psql").args(["-X", "-At", "-v", "ON_ERROR_STOP=1", "-c", sql]), PLATFORM)
}

#[test]
fn every_query_of_the_dashboard_runs() {
    if !tools::has("psql") {
        return;
    }
    let rig = rig();
    let dashboard: Value = serde_json::from_str(DASHBOARD).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let queries = panels.iter().flat_map(|panel| panel["targets"].as_array().unwrap());
    let mut count = 0;
    for query in queries {
        let sql = query["rawSql"].as_str().unwrap();
        let found = rows(&rig, &expanded(sql));
        count += 1;
        if sql.contains("$__timeGroup") {
            assert_eq!(found.lines().next(), Some("1795431600|acme|15.000000000"), "{found}");
        }
    }
    assert_eq!(count, panels.len());
    let variables = dashboard["templating"]["list"].as_array().unwrap();
    let asked = variables.iter().filter(|variable| variable["type"] == "query");
    let found = asked.map(|variable| rows(&rig, variable["query"].as_str().unwrap())).collect::<Vec<_>>();
    assert_eq!(found, ["tokens\n", "acme\nglobex\nplatform\n"]);
    assert!(DATASOURCE.contains(dashboard["panels"][0]["datasource"]["uid"].as_str().unwrap()));
}

#[test]
fn the_snippet_reads() {
    if !tools::has("psql") {
        return;
    }
    let found = rows(&rig(), &expanded(snippet("Grafana")));
    assert_eq!(found.lines().next(), Some("1795431600|acme|1.000000000"), "{found}");
}

#[test]
fn its_editor_finds_its_way() {
    if !tools::has("psql") {
        return;
    }
    let rig = rig();
    assert_eq!(rows(&rig, "SELECT current_setting('server_version_num')::int/100 as version"), "1600\n");
    assert_eq!(rows(&rig, "SELECT extversion FROM pg_extension WHERE extname = 'timescaledb'"), "");
    let tables = format!(
        "SELECT CASE WHEN quote_ident(table_schema) IN ({PATH}) THEN quote_ident(table_name)
            ELSE quote_ident(table_schema) || '.' || quote_ident(table_name) END AS \"table\"
        FROM information_schema.tables
        WHERE quote_ident(table_schema) NOT IN ('information_schema', 'pg_catalog', 'timescaledb_information')
        ORDER BY CASE WHEN quote_ident(table_schema) IN ({PATH}) THEN 0 ELSE 1 END, 1"
    );
    assert!(rows(&rig, &tables).lines().any(|table| table == "usage"), "{}", rows(&rig, &tables));
    let columns = |table: &str| {
        let sql = format!(
            "SELECT quote_ident(column_name) AS \"column\", data_type AS \"type\" FROM information_schema.columns
            WHERE CASE WHEN array_length(parse_ident('{table}'),1) = 2
                THEN quote_ident(table_schema) = (parse_ident('{table}'))[1]
                    AND quote_ident(table_name) = (parse_ident('{table}'))[2]
                ELSE quote_ident(table_name) = '{table}' AND quote_ident(table_schema) IN ({PATH}) END"
        );
        rows(&rig, &sql)
    };
    // By its type it knows the column that it takes for the time.
    assert!(columns("usage").contains("window_start|timestamp with time zone\n"), "{}", columns("usage"));
    assert_eq!(columns("usage"), columns("public.usage"));
}
