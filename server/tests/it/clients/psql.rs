//! psql: the snippet of the page, its description commands, the queries behind its tab completion, and copying out.

use std::process::Command;

use actors::PLATFORM;

use super::{Rig, rig, snippet, tools};

fn told(rig: &Rig, command: &str) -> String {
    rig.told(Command::new("psql").args(["-X", "-v", "ON_ERROR_STOP=1", "-c", command]), PLATFORM)
}

#[test]
fn the_snippet_reads() {
    if !tools::has("psql") {
        return;
    }
    let told = rig().told(Command::new("sh").args(["-e", "-c", snippet("psql")]), "acme");
    assert!(told.contains("meter_tokens") && told.contains("window_end"), "{told}");
    assert!(told.contains("2026-11-23 11:59:00+00 | 60.000000000"), "{told}");
    assert!(told.contains("\nacme,tokens,1.000000000\n") && !told.contains("globex"), "{told}");
}

#[test]
fn what_there_is_is_described() {
    if !tools::has("psql") {
        return;
    }
    let rig = rig();
    for (command, expect) in [
        ("\\l", "tenantry"),
        ("\\dv", "usage"),
        ("\\dv us*", "usage_total"),
        ("\\d", "meter_tokens"),
        ("\\d usage", "timestamp with time zone"),
        ("\\dn", "public"),
        ("\\df", "(0 rows)"),
        ("\\du", "List of roles"),
        ("\\du+", "List of roles"),
        ("\\dn+", "public"),
        ("\\dp", "usage_total"),
        ("\\dp usage", "Column privileges"),
        ("\\ddp", "Default access privileges"),
        ("\\drds", ""),
        ("\\dT+", "List of data types"),
        ("\\l+", "tenantry"),
        ("\\d+ usage", "name of the meter"),
        ("\\dconfig *", "server_version"),
        ("\\db", "pg_default"),
        ("\\conninfo", "SSL connection"),
        ("\\encoding", "UTF8"),
    ] {
        let told = told(&rig, command);
        assert!(told.contains(expect), "{command}: {told}");
    }
    // There are no tables and no indexes; that is told on standard error.
    for command in ["\\dt", "\\di"] {
        assert_eq!(told(&rig, command), "", "{command}");
    }
}

#[test]
fn names_are_completed() {
    if !tools::has("psql") {
        return;
    }
    let rig = rig();
    // As psql 15 and 16 ask for `SELECT * FROM usag<Tab>` and for columns.
    let relations = "SELECT pg_catalog.quote_ident(c.relname) FROM pg_catalog.pg_class c \
        WHERE c.relkind IN ('r', 'S', 'v', 'm', 'f', 'p') AND (pg_catalog.quote_ident(c.relname)) LIKE 'usag%' \
        AND pg_catalog.pg_table_is_visible(c.oid) AND c.relnamespace <> (SELECT oid FROM pg_catalog.pg_namespace \
        WHERE nspname = 'pg_catalog') UNION ALL SELECT NULL::pg_catalog.text LIMIT 1000";
    assert!(told(&rig, relations).contains("usage_total"), "{}", told(&rig, relations));
    let columns = "SELECT pg_catalog.quote_ident(a.attname) FROM pg_catalog.pg_attribute a, pg_catalog.pg_class c \
        WHERE c.oid = a.attrelid AND a.attnum > 0 AND NOT a.attisdropped \
        AND (pg_catalog.quote_ident(a.attname)) LIKE 'win%' AND c.relname = 'usage' \
        AND pg_catalog.pg_table_is_visible(c.oid) LIMIT 1000";
    assert!(told(&rig, columns).contains("window_start"), "{}", told(&rig, columns));
}

#[test]
fn rows_are_copied_out_in_every_format() {
    if !tools::has("psql") {
        return;
    }
    let rig = rig();
    let copy = |how: &str| told(&rig, &format!("\\copy (SELECT 'a,b' AS x, NULL AS y, 1 AS z) TO STDOUT {how}"));
    assert_eq!(copy(""), "a,b\t\\N\t1\n");
    assert_eq!(copy("csv header"), "x,y,z\n\"a,b\",,1\n");
    assert_eq!(copy("(format csv, delimiter ';', null 'none')"), "a,b;none;1\n");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tenants.csv");
    told(&rig, &format!("\\copy tenants (tenant) TO '{}' csv", file.display()));
    assert_eq!(std::fs::read_to_string(file).unwrap().lines().filter(|name| *name == "acme").count(), 1);
}
