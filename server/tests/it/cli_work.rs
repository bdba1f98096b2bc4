//! Work on a data folder with the binary alone: import, ask, administer, demonstrate.

use crate::cli::{expect, stderr, stdout};

const SHOP: &str = "\
customer,at,order,amount
acme,2026-11-01T10:00:00Z,o-1,12.50
acme,2026-11-01T10:00:30Z,o-2,7
globex,2026-11-01T10:01:00Z,o-3,1.25
";
const COLUMNS: [&str; 8] =
    ["--tenant-column", "customer", "--time-column", "at", "--id-column", "order", "--type", "shop.order"];

fn import<'a>(file: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let mut args = vec!["import", file, "--format", "csv", "--data", "node"];
    args.extend(COLUMNS);
    args.extend(more);
    args
}

#[test]
fn what_is_imported_is_metered_once_and_can_be_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    std::fs::write(at.join("shop.csv"), SHOP).unwrap();
    let meter = "[[meter]]\nname = 'revenue'\nevent_type = 'shop.order'\nvalue = '$.amount'\naggregation = 'sum'\n\
                 window = { tumbling = { size_s = 60 } }\n";
    std::fs::write(at.join("meters.toml"), meter).unwrap();

    expect(at, &["meter", "define", "meters.toml", "--data", "node"], 0);
    let first = stderr(&expect(at, &import("shop.csv", &[]), 0));
    assert!(first.contains("3 admitted") && first.contains("2 tenants created"), "{first}");
    let again = stderr(&expect(at, &import("shop.csv", &[]), 0));
    assert!(again.contains("0 admitted") && again.contains("3 duplicate"), "{again}");

    let sql = "select tenant, sum(value) as revenue from meter_revenue group by tenant order by tenant";
    let csv = stdout(&expect(at, &["sql", sql, "--format", "csv", "--data", "node"], 0));
    assert_eq!(csv, "tenant,revenue\nacme,19.5\nglobex,1.25\n");
    let table = stdout(&expect(at, &["sql", sql, "--data", "node"], 0));
    assert_eq!(table, "tenant  revenue\n------  -------\nacme       19.5\nglobex     1.25\n(2 rows)\n");
}

#[test]
fn rejected_rows_are_told_and_are_exit_code_3() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("shop.csv"), format!("{SHOP}acme,yesterday,o-4,1\n")).unwrap();
    let told = stderr(&expect(folder.path(), &import("shop.csv", &[]), 3));
    assert!(told.contains("3 admitted") && told.contains("1 rejected") && told.contains("line 5"), "{told}");
}

#[test]
fn sql_errors_and_writes_are_refused_once_with_place_and_hint() {
    let folder = tempfile::tempdir().unwrap();
    expect(folder.path(), &["tenant", "create", "acme", "--data", "node"], 0);
    let check = |sql: &str, expected: &str| {
        let told = stderr(&expect(folder.path(), &["sql", sql, "--data", "node"], 1));
        assert!(told.contains(expected), "{sql}: {told}");
    };
    check("selec 1", "selec");
    check("select * from nowhere", "nowhere");
    check("create table t (a int)", "SQL only reads here");
    check("copy (select 1) to 'x.csv'", "SQL only reads here");
    let told = stderr(&expect(folder.path(), &["sql", "select 1,\n  valeu from usage", "--data", "node"], 1));
    let expect = "tenantry: column \"valeu\" does not exist (SQLSTATE 42703)\nline 2:   valeu from usage\n          ^\n\
                  hint: did you mean \"value\"?\n";
    assert_eq!(told, expect);
}

#[test]
fn tenants_quotas_and_keys_are_administered_without_a_node() {
    let folder = tempfile::tempdir().unwrap();
    let run = |args: &[&str]| stdout(&expect(folder.path(), &[args, &["--data", "node"]].concat(), 0));
    run(&["tenant", "create", "acme"]);
    let meter = "[[meter]]\nname = \"orders\"\nevent_type = \"order\"\naggregation = \"count\"\nwindow = { tumbling = { size_s = 60 } }\n";
    std::fs::write(folder.path().join("meters.toml"), meter).unwrap();
    run(&["meter", "define", "meters.toml"]);
    run(&["quota", "set", "acme", "orders", "--allowance", "100", "--per", "day"]);
    let key = run(&["key", "create", "acme", "--scope", "query"]);
    assert!(key.contains("tn_"), "{key}");
    let tenants = run(&["sql", "select tenant from tenants where tenant = 'acme'", "--format", "csv"]);
    assert_eq!(tenants, "tenant\nacme\n");
}

#[test]
fn the_demo_reports_once_and_ends() {
    let folder = tempfile::tempdir().unwrap();
    let args = ["demo", "--once", "--tenants", "10", "--rate", "5000", "--seconds", "4"];
    let report = stdout(&expect(folder.path(), &args, 0));
    for title in ["Top tenants", "Usage", "Quota rejections", "Shards", "Engine"] {
        assert!(report.contains(title), "no {title} in\n{report}");
    }
    assert!(report.contains("20,000 events"), "{report}");
}
