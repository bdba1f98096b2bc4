//! Materialized views of the real binary, over HTTP and the command line: kept current, through a kill, and dropped.

use serde_json::{Value, json};

use crate::cli::{expect, stderr, stdout};
use crate::served::{Served, platform_key};

const SELECT: &str = "SELECT tenant, date_trunc('hour', time) AS hour, json_value(data, '$.model') AS model, count(*) AS n, \
                      sum(json_number(data, '$.tokens')) AS tokens FROM events WHERE type = 'call' GROUP BY 1, 2, 3";

fn send(node: &Served, from: u64, to: u64) {
    let event = |at: u64| {
        let pick = at as usize;
        json!({"specversion": "1.0", "id": at.to_string(), "source": "/s",
            "type": (["call", "call", "other"][pick % 3]), "tenant": (["acme", "globex"][pick % 2]),
            "time": (format!("2026-01-01T{:02}:30:00Z", at % 7)),
            "data": {"model": (["small", "large"][pick / 2 % 2]), "tokens": at}})
    };
    let events = Value::from((from..to).map(event).collect::<Vec<_>>());
    let answer = node.send("POST", "/v1/events", "application/cloudevents-batch+json", events.to_string().as_bytes());
    assert_eq!(answer.json()["admitted"], to - from, "{}", answer.text);
}

/// The view has the rows of its `SELECT`, both as of one cut.
fn compare(node: &Served) {
    let (view, events) = ("SELECT * FROM calls", format!("SELECT * FROM ({SELECT})"));
    let differ = format!("({view} EXCEPT {events}) UNION ALL ({events} EXCEPT {view})");
    assert_eq!(node.rows(&differ), Vec::<Value>::new());
    assert_eq!(node.rows("SELECT count(*) AS n FROM calls"), [json!({"n": 28})]);
}

/// How many events the view counts.
fn counted(node: &Served) -> Value {
    node.rows("SELECT sum(n) AS n FROM calls")[0]["n"].clone()
}

fn do_sql(node: &Served, sql: &str) -> Value {
    let rows = node.rows(sql);
    rows[0]["done"].clone()
}

#[test]
fn a_view_is_kept_through_a_kill_and_dropped_with_all_it_held() {
    let folder = tempfile::tempdir().unwrap();
    let key = platform_key(folder.path());
    let node = Served::start(folder.path(), &key, &[]).unwrap();
    for tenant in ["acme", "globex"] {
        assert_eq!(node.json("POST", "/v1/tenants", &json!({"tenant": tenant})).status, 201);
    }
    send(&node, 0, 400);
    let create = format!("CREATE MATERIALIZED VIEW calls AS {SELECT}");
    assert_eq!(do_sql(&node, &create), "CREATE MATERIALIZED VIEW");
    compare(&node);
    send(&node, 400, 500);
    node.kill();

    let node = Served::start(folder.path(), &key, &[]).unwrap();
    compare(&node);
    assert_eq!(counted(&node), 334, "two of three in 500");
    send(&node, 500, 600);
    compare(&node);
    let refused = |sql: &str, status: u16, expect: &str| {
        let answer = node.json("POST", "/v1/sql", &json!({"sql": sql}));
        assert_eq!(answer.status, status, "{}", answer.text);
        assert!(answer.text.contains(expect), "{sql}: {}", answer.text);
    };
    refused(&create, 409, "there is a materialized view calls already");
    refused("CREATE MATERIALIZED VIEW x AS SELECT source FROM usage", 400, "GROUP BY: is missing");
    refused("DROP MATERIALIZED VIEW nothing", 404, "no materialized view nothing");
    refused("REFRESH MATERIALIZED VIEW nothing", 404, "no materialized view nothing");
    assert_eq!(do_sql(&node, "REFRESH MATERIALIZED VIEW calls"), "REFRESH MATERIALIZED VIEW");
    let if_not_exists = create.replace("VIEW calls", "VIEW IF NOT EXISTS calls");
    assert_eq!(do_sql(&node, &if_not_exists), "CREATE MATERIALIZED VIEW");

    let made = node.json("POST", "/v1/tenants/acme/keys", &json!({"scopes": ["query", "admin"]})).json();
    let tenant = |sql: &str| {
        let body = json!({ "sql": sql }).to_string();
        let key = made["key"].as_str().expect("the key's text");
        node.send_as(key, "POST", "/v1/sql", "application/json", body.as_bytes())
    };
    let answer = tenant(&create.replace("VIEW calls", "VIEW mine"));
    assert_eq!(answer.status, 403, "{}", answer.text);
    assert_eq!(tenant("SELECT DISTINCT tenant FROM calls").json(), json!([{"tenant": "acme"}]));
    let audit = "SELECT count(*) AS n FROM audit WHERE change LIKE '%\"views\"%'";
    assert_eq!(node.rows(audit), [json!({"n": 1})]);

    assert_eq!(do_sql(&node, "DROP MATERIALIZED VIEW IF EXISTS calls, nothing"), "DROP MATERIALIZED VIEW");
    refused("SELECT * FROM calls", 400, "calls");
    node.kill();
    let node = Served::start(folder.path(), &key, &[]).unwrap();
    assert_eq!(node.rows("SELECT * FROM materialized_views"), Vec::<Value>::new());
    assert_eq!(do_sql(&node, &create), "CREATE MATERIALIZED VIEW");
    compare(&node);
    assert_eq!(counted(&node), 400, "two of three in 600, all of them history");
}

#[test]
fn the_command_line_makes_views_on_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let lines = "customer,at,order,amount\nacme,2026-11-01T10:00:00Z,o-1,12.50\nglobex,2026-11-01T10:01:00Z,o-2,1.25\n";
    std::fs::write(at.join("shop.csv"), lines).unwrap();
    expect(at, &["key", "create", "--platform", "--data", "node"], 0);
    let sql = |sql: &str| stdout(&expect(at, &["sql", sql, "--format", "csv", "--data", "node"], 0));
    let create = "CREATE MATERIALIZED VIEW revenue AS SELECT date_bin(INTERVAL '1 hour', time) AS hour, \
                  sum(json_number(data, '$.amount')) AS total FROM events GROUP BY 1";
    assert_eq!(sql(create), "done\nCREATE MATERIALIZED VIEW\n");
    let import = ["import", "shop.csv", "--format", "csv", "--data", "node", "--tenant-column", "customer"];
    let columns = ["--time-column", "at", "--id-column", "order", "--type", "shop.order"];
    expect(at, &[import.as_slice(), columns.as_slice()].concat(), 0);
    assert_eq!(sql("SELECT CAST(total AS DECIMAL(9, 2)) AS total FROM revenue"), "total\n13.75\n");
    let refused = expect(at, &["sql", "CREATE MATERIALIZED VIEW x AS SELECT 1", "--data", "node"], 1);
    assert!(stderr(&refused).contains("can't be kept current"), "{}", stderr(&refused));
    assert_eq!(sql("DROP MATERIALIZED VIEW revenue"), "done\nDROP MATERIALIZED VIEW\n");
    assert!(!sql("SELECT table_name FROM information_schema.tables").contains("revenue"));
}
