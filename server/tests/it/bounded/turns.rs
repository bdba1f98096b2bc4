//! More statements at once than may run: they wait their turn, tenants in rounds, and only too many are refused.

use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;

use super::Bounded;
use super::memory::eventually;

const SLOW: &str = "SELECT count(DISTINCT md5(value::text)) AS n FROM generate_series(1, 50000) AS value";

fn ask(bounded: &Bounded, key: &str, sql: &str) -> u16 {
    let body = json!({"sql": sql}).to_string();
    bounded.node.send_as(key, "POST", "/v1/sql", "application/json", body.as_bytes()).status
}

#[test]
fn a_dashboard_of_many_panels_is_answered_whole() {
    let bounded = Bounded::start(&["query.tenant_concurrency_max=5"]);
    let key = bounded.tenant("acme");
    let answers: Vec<_> = std::thread::scope(|scope| {
        let panels: Vec<_> = (0..20).map(|_| scope.spawn(|| ask(&bounded, &key, SLOW))).collect();
        panels.into_iter().map(|panel| panel.join().unwrap()).collect()
    });
    assert_eq!(answers, [200; 20]);
    assert_eq!(bounded.node.metric("tenantry_statements_waiting"), Some(0.0));
}

#[test]
fn a_tenant_that_asks_much_delays_others_by_no_more_than_their_turn() {
    let bounded = Bounded::start(&["query.tenant_concurrency_max=2", "query.concurrency_max=2"]);
    let (loud, quiet) = (bounded.tenant("loud"), bounded.tenant("quiet"));
    let (answered, refused) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..14 {
            scope.spawn(|| {
                let count = match ask(&bounded, &loud, SLOW) {
                    200 => &answered,
                    429 | 503 => &refused,
                    status => panic!("{status}"),
                };
                count.fetch_add(1, Ordering::Relaxed);
            });
        }
        eventually("as many wait as may", || bounded.node.metric("tenantry_statements_waiting") >= Some(6.0));
        assert_eq!(ask(&bounded, &quiet, "SELECT 1"), 200);
        let answered = answered.load(Ordering::Relaxed);
        assert!(answered < 10, "{answered} were answered before");
    });
    assert_eq!(answered.into_inner() + refused.into_inner(), 14);
    assert_eq!(bounded.node.metric("tenantry_statements_running"), Some(0.0));
}
