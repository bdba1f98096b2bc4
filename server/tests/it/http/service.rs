//! The node's own routes, and that the document tells all of them.

use std::time::Duration;

use super::rig::{event, rig};

#[test]
fn the_document_and_the_router_agree() {
    let rig = rig();
    let document = rig.get("/openapi.json", "").json();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    for (path, methods) in document["paths"].as_object().unwrap() {
        let real = path.replace("{tenant}", "t").replace("{meter}", "m").replace("{key}", "k");
        let real = real.replace("{plan}", "p").replace("{kind}", "invalid").replace("{file}", "meter.json");
        // A method that no route takes tells a route from none.
        rig.send("PATCH", &real, "", &[], b"").is_problem(405, "method-not-allowed");
        for method in methods.as_object().unwrap().keys().filter(|name| *name != "parameters") {
            let answer = rig.send(&method.to_uppercase(), &real, "", &[], b"");
            assert_ne!(answer.status, 405, "{method} {path}");
            let is_open = ["/healthz", "/readyz", "/openapi.json", "/problems/{kind}", "/schemas/{file}"]
                .contains(&path.as_str());
            assert_eq!(answer.status, if is_open { 200 } else { 401 }, "{method} {path}: {}", answer.text);
        }
    }
    rig.get("/v2/events", "").is_problem(404, "not-found");
    rig.get("/problems/nonsense", "").is_problem(404, "not-found");
}

#[test]
fn health_tells_whether_to_send_requests() {
    let rig = rig();
    assert_eq!((rig.get("/healthz", "").status, rig.get("/readyz", "").status), (200, 200));
    rig.door.announce_drain();
    rig.get("/readyz", "").is_problem(503, "unavailable");
    assert_eq!(rig.get("/healthz", "").status, 200);
}

#[test]
fn metrics_count_what_was_answered() {
    let rig = rig();
    let key = rig.tenant("acme");
    rig.single(&key, &event("1", 1));
    rig.single(&key, &event("1", 1));
    rig.single(&key, &event("1", 2));
    rig.node.engine.cut().unwrap();
    let text = rig.get("/metrics", &rig.platform).text;
    for line in [
        "tenantry_events_total{outcome=\"admitted\"} 1",
        "tenantry_events_total{outcome=\"duplicate\"} 1",
        "tenantry_events_rejected_total{reason=\"conflict\"} 1",
        "tenantry_http_request_seconds_count{method=\"POST\",route=\"/v1/events\",status=\"409\"} 1",
        "tenantry_log_end_offset ",
        "tenantry_tenants 2",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    assert!(!text.contains("acme"), "tenants are no labels");
}

#[test]
fn a_drained_door_is_closed() {
    let mut rig = rig();
    let server = rig.server.take().unwrap();
    assert_eq!(rig.runtime.block_on(server.drain(Duration::from_secs(10))), 0);
    assert!(std::net::TcpStream::connect(rig.address).is_err());
}
