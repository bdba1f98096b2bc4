//! What the door refuses before an event is an event: keys, bodies, media types.

use actors::facets::keys::Scope;
use serde_json::{Value, json};
use server::http::HttpOptions;

use super::rig::{event, rig, rig_with};

const BATCH: (&str, &str) = ("content-type", "application/cloudevents-batch+json");

#[test]
fn a_request_without_a_good_key_gets_nowhere() {
    let rig = rig();
    let key = rig.tenant("acme");
    let missing = rig.single("", &event("1", 1));
    missing.is_problem(401, "unauthenticated");
    assert!(missing.header("www-authenticate").unwrap().starts_with("Bearer"));
    rig.single("password", &event("1", 1)).is_problem(401, "unauthenticated");
    let mut forged = key.clone();
    forged.replace_range(30..31, if &key[30..31] == "0" { "1" } else { "0" });
    let refused = rig.single(&forged, &event("1", 1));
    refused.is_problem(401, "unauthenticated");
    assert!(!refused.text.contains(&forged[20..]), "a refusal never repeats the key");
    let basic = rig.send("GET", "/v1/tenants", "", &[("authorization", "Basic Zm9vOmJhcg==")], b"");
    basic.is_problem(401, "unauthenticated");
}

#[test]
fn a_key_opens_what_its_scopes_say() {
    let rig = rig();
    rig.tenant("acme");
    let ingest = rig.key("acme", &[Scope::Ingest]);
    let query = rig.key("acme", &[Scope::Query]);
    assert_eq!(rig.single(&ingest, &event("1", 1)).status, 200);
    rig.single(&query, &event("2", 1)).is_problem(403, "forbidden");
    rig.post("/v1/sql", &ingest, &json!({"sql": "SELECT 1"})).is_problem(403, "forbidden");
    rig.get("/v1/tenants/acme/keys", &query).is_problem(403, "forbidden");
    rig.post("/v1/tenants", &rig.key("acme", &[Scope::Admin]), &json!({"tenant": "x"})).is_problem(403, "forbidden");
}

#[test]
fn bodies_that_are_no_events_are_refused_whole() {
    let rig = rig();
    let key = rig.tenant("acme");
    let single = ("content-type", "application/cloudevents+json");
    let send = |headers: &[(&str, &str)], body: &[u8]| rig.send("POST", "/v1/events", &key, headers, body);
    send(&[single], b"{\"id\":").is_problem(400, "malformed");
    send(&[single], b"\xff\xfe").is_problem(400, "malformed");
    send(&[BATCH], b"{}").is_problem(400, "malformed");
    send(&[BATCH, ("content-encoding", "gzip")], b"not gzip").is_problem(400, "malformed");
    send(&[BATCH, ("content-encoding", "br")], b"[]").is_problem(415, "unsupported-media");
    send(&[("content-type", "text/csv")], b"a,b").is_problem(415, "unsupported-media");
    assert_eq!(rig.sql(&key, "SELECT * FROM events"), json!([]));
}

#[test]
fn bodies_beyond_the_limits_are_refused_whole() {
    let options =
        HttpOptions { body_bytes_max: 10_000, batch_events_max: 10, event_bytes_max: 1000, ..HttpOptions::default() };
    let rig = rig_with(options);
    let key = rig.tenant("acme");
    let send = |headers: &[(&str, &str)], body: &[u8]| rig.send("POST", "/v1/events", &key, headers, body);
    send(&[BATCH], &vec![b' '; 10_001]).is_problem(413, "too-large");
    let bomb = zstd::encode_all(vec![b' '; 50 << 20].as_slice(), 3).unwrap();
    assert!(bomb.len() < 10_000);
    send(&[BATCH, ("content-encoding", "zstd")], &bomb).is_problem(413, "too-large");
    let many: Vec<Value> = (0..11).map(|n| event(&n.to_string(), 1)).collect();
    rig.batch(&key, &many).is_problem(413, "too-large");
    let mut large = event("large", 1);
    large["data"] = json!({"text": "x".repeat(1000)});
    rig.single(&key, &large).is_problem(413, "too-large");
    assert_eq!(rig.sql(&key, "SELECT * FROM events"), json!([]));
}

#[test]
fn tenants_that_are_not_active_send_nothing() {
    let rig = rig();
    let key = rig.tenant("acme");
    let suspend = rig.post("/v1/tenants/acme/suspend", &rig.platform, &json!({"reason": "unpaid"}));
    assert_eq!(suspend.status, 200, "{}", suspend.text);
    rig.single(&key, &event("1", 1)).is_problem(403, "tenant-inactive");
    assert_eq!(rig.sql(&key, "SELECT * FROM events"), json!([]), "a suspended tenant may still read");
    assert_eq!(rig.send("POST", "/v1/tenants/acme/activate", &rig.platform, &[], b"").status, 200);
    assert_eq!(rig.single(&key, &event("1", 1)).status, 200);
}

#[test]
fn overload_is_an_answer() {
    let rig = rig_with(HttpOptions { tenant_requests_max: 0, ..HttpOptions::default() });
    let key = rig.tenant("acme");
    rig.single(&key, &event("1", 1)).is_problem(429, "too-many");
    drop(rig);
    let rig = rig_with(HttpOptions { bodies_bytes_max: 0, ..HttpOptions::default() });
    let key = rig.tenant("acme");
    rig.single(&key, &event("1", 1)).is_problem(503, "overloaded");
}
