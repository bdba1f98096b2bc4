//! Numbers out: SQL, usage, and the billing export's cursor.

use serde_json::{Value, json};

use server::config;
use server::http::HttpOptions;

use super::rig::{Rig, event, rig, rig_of, with};

#[test]
fn rows_come_in_every_format() {
    let rig = rig();
    let key = rig.tenant("acme");
    let ask = |format: &str| rig.post("/v1/sql", &key, &json!({"sql": "SELECT 1 AS a, 'x' AS b", "format": format}));
    assert_eq!(ask("json").json(), json!([{"a": 1, "b": "x"}]));
    assert_eq!(ask("ndjson").text, "{\"a\":1,\"b\":\"x\"}\n");
    assert_eq!(ask("csv").text, "a,b\n1,x\n");
    assert!(ask("table").text.contains("| a | b |"));
    let parquet = ask("parquet");
    assert_eq!(parquet.header("content-type"), Some("application/vnd.apache.parquet"));
    assert!(parquet.text.starts_with("PAR1"));
    let arrow = ask("arrow");
    assert_eq!(arrow.header("content-type"), Some("application/vnd.apache.arrow.stream"));
    assert_eq!(ask("xml").json()["errors"][0]["field"], "format");
    ask("xml").is_problem(422, "invalid");
}

#[test]
fn a_client_may_say_what_it_accepts() {
    let rig = rig();
    let key = rig.tenant("acme");
    let ask = |accept: &str, body: &Value| {
        let headers = [("content-type", "application/json"), ("accept", accept)];
        rig.send("POST", "/v1/sql", &key, &headers, body.to_string().as_bytes()).text
    };
    let sql = json!({"sql": "SELECT 1 AS a"});
    assert_eq!(ask("text/csv", &sql), "a\n1\n");
    assert_eq!(ask("application/x-ndjson;q=0.9, text/csv;q=0.5", &sql), "{\"a\":1}\n");
    assert_eq!(ask("text/html, */*", &sql), "[{\"a\":1}]\n");
    assert_eq!(ask("text/csv", &json!({"sql": "SELECT 1 AS a", "format": "json"})), "[{\"a\":1}]\n");
    let usage = rig.send("GET", "/v1/usage?limit=1", &key, &[("accept", "text/csv")], b"").text;
    assert!(usage.starts_with("tenant,"), "{usage}");
}

#[test]
fn a_statement_names_its_time_zone_and_nulls_are_members() {
    let rig = rig();
    let key = rig.tenant("acme");
    let ask = |sql: &str, zone: &str| rig.post("/v1/sql", &key, &json!({"sql": sql, "time_zone": zone}));
    let at = "SELECT timestamptz '2026-03-01 02:00:00+00' AS at, NULL AS none";
    let there = json!([{"at": "2026-03-01T07:45:00+05:45", "none": null}]);
    assert_eq!(ask(at, "Asia/Kathmandu").json(), there);
    assert_eq!(rig.sql(&key, at), json!([{"at": "2026-03-01T02:00:00Z", "none": null}]));
    assert_eq!(rig.sql(&key, "SELECT count(*), count(*) FROM usage"), json!([{"count": 0, "count_2": 0}]));
    ask(at, "Mars/Olympus").is_problem(422, "invalid");
    rig.post("/v1/sql", &key, &json!({"sql": "SET TIME ZONE 'UTC'"})).is_problem(400, "query");
}

#[test]
fn sql_that_is_wrong_or_writes_is_refused() {
    let rig = rig();
    let key = rig.tenant("acme");
    for sql in [
        "SELEC 1",
        "SELECT * FROM nowhere",
        "SELECT nothing FROM events",
        "SELECT 1; SELECT 2",
        "SELECT 1 / 0",
        "DROP TABLE events",
        "CREATE TABLE x AS SELECT 1",
        "COPY events TO 'x.csv'",
        "SET datafusion.execution.batch_size = 1",
        "",
    ] {
        let answer = rig.post("/v1/sql", &key, &json!({"sql": sql}));
        assert_eq!(answer.status, 400, "{sql}: {}", answer.text);
        answer.is_problem(400, "query");
    }
    assert_eq!(rig.post("/v1/sql", &key, &json!({"sql": "SELECT 1", "limit": 3})).status, 422);
}

#[test]
fn what_is_wrong_with_a_statement_is_told_in_members() {
    let rig = rig();
    let key = rig.tenant("acme");
    let ask = |sql: &str| {
        let problem = rig.post("/v1/sql", &key, &json!({"sql": sql})).json();
        (problem["sqlstate"].clone(), problem["position"].clone(), problem["hint"].to_string())
    };
    let (state, position, hint) = ask("SELECT 'ü', valeu FROM usage");
    assert_eq!((state, position), (json!("42703"), json!(13)));
    assert!(hint.contains("value"), "{hint}");
    let (state, position, hint) = ask("DROP VIEW usage");
    assert_eq!((state, position), (json!("25006"), Value::Null));
    assert!(hint.contains("HTTP API"), "{hint}");
    assert_eq!(ask("TRUNCATE usage").0, json!("25006"));
    assert_eq!(ask("SELEC 1").0, json!("42601"));
}

#[test]
fn statements_are_limited_recorded_and_counted() {
    let limits = config::Query { result_rows_max: 100, result_bytes_max: 5000, ..config::Config::default().query };
    let rig = rig_of(HttpOptions::default(), &limits);
    let key = rig.tenant("acme");
    let other = rig.tenant("globex");
    let ask = |sql: &str| rig.post("/v1/sql", &key, &json!({"sql": sql}));
    assert_eq!(ask("SELECT value FROM generate_series(1, 100) AS value").status, 200);
    let many = ask("SELECT value FROM generate_series(1, 101) AS value");
    many.is_problem(413, "too-large");
    assert_eq!(many.json()["sqlstate"], "54000");
    let wide = ask("SELECT repeat('x', 10000) AS x");
    wide.is_problem(413, "too-large");
    assert_eq!(ask("SELECT nothing").status, 400);
    assert_eq!(rig.get("/v1/usage", &key).status, 200);
    let rows = rig.sql(&key, "SELECT statement, state, sqlstate, rows FROM queries WHERE state <> 'running'");
    let told = |statement: &str, state: &str, sqlstate: Value, count: u64| json!({"statement": statement, "state": state, "sqlstate": sqlstate, "rows": count});
    let without_null = |mut row: Value| {
        row.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        row
    };
    let expect = [
        told("SELECT value FROM generate_series(1, 100) AS value", "finished", Value::Null, 100),
        told("SELECT value FROM generate_series(1, 101) AS value", "failed", "54000".into(), 101),
        told("SELECT repeat('x', 10000) AS x", "failed", "54000".into(), 1),
        told("SELECT nothing", "failed", "42703".into(), 0),
        told("GET /v1/usage", "finished", Value::Null, 0),
    ];
    let seen = rows.as_array().unwrap().iter().cloned().map(without_null).collect::<Vec<_>>();
    assert_eq!(seen, expect.map(without_null));
    assert_eq!(rig.sql(&other, "SELECT * FROM queries WHERE tenant = 'acme'"), json!([]));
    let metrics = rig.get("/metrics", &rig.platform).text;
    for line in [
        "tenantry_statement_seconds_count{door=\"http\",outcome=\"failed\"} 3",
        "tenantry_statement_seconds_count{door=\"http\",outcome=\"finished\"} 4",
    ] {
        assert!(metrics.contains(line), "{line} is not in\n{metrics}");
    }
}

#[test]
fn a_tenant_sees_its_own_rows_through_every_route() {
    let rig = rig();
    rig.meter();
    let (acme, globex) = (rig.tenant("acme"), rig.tenant("globex"));
    rig.single(&acme, &event("1", 3));
    rig.single(&globex, &event("1", 5));
    rig.node.engine.cut().unwrap();
    let tenants = |answer: Value| {
        answer.as_array().unwrap().iter().map(|row| row["tenant"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(tenants(rig.get("/v1/usage", &acme).json()), ["acme"]);
    assert_eq!(tenants(rig.get("/v1/usage?tenant=globex", &acme).json()), Vec::<String>::new());
    assert_eq!(tenants(rig.get("/v1/usage/export", &acme).json()), ["acme"]);
    assert_eq!(tenants(rig.sql(&acme, "SELECT * FROM events")), ["acme"]);
    assert_eq!(tenants(rig.get("/v1/usage", &rig.platform).json()), ["acme", "globex"]);
}

#[test]
fn usage_is_filtered_by_its_parameters() {
    let rig = rig();
    rig.meter();
    let key = rig.tenant("acme");
    let early = with(event("1", 1), "time", "2026-11-23T10:00:30Z".into());
    rig.batch(&key, &[early, event("2", 2)]);
    rig.node.engine.cut().unwrap();
    let values = |path: &str| {
        let answer = rig.get(path, &key);
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json().as_array().unwrap().len()
    };
    assert_eq!(values("/v1/usage"), 2);
    assert_eq!(values("/v1/usage?meter=tokens&from=2026-11-23T11:00:00Z"), 1);
    assert_eq!(values("/v1/usage?to=2026-11-23T11:00:00Z"), 1);
    assert_eq!(values("/v1/usage?limit=1"), 1);
    assert_eq!(values("/v1/usage?meter=other"), 0);
    rig.get("/v1/usage?from=noon", &key).is_problem(400, "malformed");
    let unknown = rig.get("/v1/usage?form=x", &key);
    unknown.is_problem(400, "malformed");
    assert_eq!(unknown.json()["errors"][0]["field"], "form", "{}", unknown.text);
    let wrong = rig.get("/v1/usage?limit=x", &key);
    assert_eq!(wrong.json()["errors"][0]["field"], "limit", "{}", wrong.text);
    rig.get("/v1/usage?limit=100001", &key).is_problem(422, "invalid");
}

/// The rows and the next cursor of an export after `after`.
fn export(rig: &Rig, after: Option<&str>) -> (Vec<(String, String)>, String) {
    export_with(rig, &rig.platform, after)
}

fn export_with(rig: &Rig, key: &str, after: Option<&str>) -> (Vec<(String, String)>, String) {
    rig.node.engine.cut().unwrap();
    let after = after.map(|after| format!("?after={after}")).unwrap_or_default();
    let answer = rig.get(&format!("/v1/usage/export{after}"), key);
    assert_eq!(answer.status, 200, "{}", answer.text);
    let text = |row: &Value, name: &str| row[name].to_string().trim_matches('"').to_owned();
    let rows = answer.json().as_array().unwrap().iter().map(|row| (text(row, "tenant"), text(row, "value"))).collect();
    (rows, answer.header("tenantry-next").unwrap().to_owned())
}

#[test]
fn an_export_gives_each_change_once() {
    let rig = rig();
    rig.meter();
    let (acme, globex) = (rig.tenant("acme"), rig.tenant("globex"));
    let (rows, next) = export(&rig, None);
    assert!(rows.is_empty());
    rig.single(&acme, &event("1", 3));
    let (rows, next) = export(&rig, Some(&next));
    assert_eq!(rows.len(), 1);
    assert!(rows[0].1.starts_with('3'), "{rows:?}");
    let (again, unchanged) = export(&rig, Some(&next));
    assert_eq!((again.len(), &unchanged), (0, &next));
    rig.single(&acme, &event("1", 3));
    rig.single(&globex, &event("1", 5));
    let (rows, next) = export(&rig, Some(&next));
    assert_eq!(rows.iter().map(|(tenant, _)| tenant.as_str()).collect::<Vec<_>>(), ["globex"]);
    rig.single(&acme, &event("2", 4));
    let (rows, _) = export(&rig, Some(&next));
    assert_eq!(rows.len(), 1);
    assert!(rows[0].0 == "acme" && rows[0].1.starts_with('7'), "{rows:?}");
}

/// I6: how busy the others are is not in it.
#[test]
fn a_tenants_cursor_is_moved_by_its_own_changes_only() {
    let rig = rig();
    rig.meter();
    let (acme, globex) = (rig.tenant("acme"), rig.tenant("globex"));
    rig.single(&acme, &event("1", 3));
    let (rows, next) = export_with(&rig, &acme, None);
    assert_eq!(rows.len(), 1);
    for id in 0..5 {
        rig.single(&globex, &event(&id.to_string(), 5));
        assert_eq!(export_with(&rig, &acme, Some(&next)), (Vec::new(), next.clone()));
        let told = rig.sql(&acme, "SELECT revision FROM engine");
        assert_eq!(told[0]["revision"].to_string(), next);
    }
    rig.single(&acme, &event("2", 4));
    let (rows, later) = export_with(&rig, &acme, Some(&next));
    assert!(rows.len() == 1 && rows[0].1.starts_with('7'), "{rows:?}");
    assert_eq!(export_with(&rig, &acme, Some(&later)), (Vec::new(), later));
    // A cursor from when it was everybody's is ahead, and is kept until something changes behind it.
    let (_, ahead) = export(&rig, None);
    assert_eq!(export_with(&rig, &acme, Some(&ahead)).1, ahead);
}
