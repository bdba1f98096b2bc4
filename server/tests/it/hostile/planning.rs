//! Planning is a part of the statement: it has its time and its permit, is shown while it lasts, can be cancelled, and holds up
//! nobody else.

use std::time::{Duration, Instant};

use serde_json::json;

use super::doors::Doors;
use crate::answer;

/// Longest wait for a health check beside anything.
const HEALTHY_WITHIN: Duration = Duration::from_secs(5);

/// Takes long to plan, and is let in.
fn slow() -> String {
    let conditions = (0..1900).map(|at| format!("id <> '{at}'")).collect::<Vec<_>>().join(" AND ");
    let nested = (0..12).fold("SELECT id, source, type, subject FROM events".to_owned(), |inner, _| {
        format!("SELECT * FROM ({inner}) t WHERE subject || source <> type")
    });
    format!("SELECT * FROM ({nested}) t WHERE {conditions}")
}

fn states(doors: &Doors) -> Vec<(String, String, Option<String>)> {
    let rows = doors.node.rows("SELECT door, state, sqlstate FROM queries WHERE tenant = 'a'");
    let text = |row: &serde_json::Value, name: &str| row[name].as_str().map(str::to_owned);
    rows.iter().map(|row| (text(row, "door").unwrap(), text(row, "state").unwrap(), text(row, "sqlstate"))).collect()
}

#[test]
fn planning_ends_at_the_deadline_and_holds_up_nobody() {
    let doors = Doors::open(&["query.timeout_ms=300", "query.tenant_concurrency_max=4"]);
    let slow = slow();
    std::thread::scope(|scope| {
        let asking = [
            scope.spawn(|| drop(doors.http(&slow))),
            scope.spawn(|| drop(doors.postgres(&slow, false))),
            scope.spawn(|| drop(doors.postgres(&slow, true))),
            scope.spawn(|| drop(doors.flight(&slow, true))),
        ];
        while asking.iter().any(|asking| !asking.is_finished()) {
            let since = Instant::now();
            let health = answer::send(&answer::agent(), doors.node.address(), ("GET", "/healthz"), "", &[], b"");
            assert_eq!(health.status, 200);
            assert!(since.elapsed() < HEALTHY_WITHIN, "{:?}", since.elapsed());
            std::thread::sleep(Duration::from_millis(20));
        }
    });
    let ended = states(&doors);
    for door in ["http", "postgres", "flight"] {
        let late = ("57014".to_owned(), door);
        let found = ended.iter().any(|(of, state, sqlstate)| {
            (sqlstate.clone().unwrap_or_default(), of.as_str()) == late && state == "failed"
        });
        assert!(found, "{door}: {ended:?}");
    }
    // Permits come back when planning has really ended.
    let deadline = Instant::now() + Duration::from_secs(60);
    while doors.http("SELECT 1") != super::doors::Told::Rows {
        assert!(Instant::now() < deadline, "a permit was lost");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn what_is_prepared_is_shown_only_if_it_fails() {
    let doors = Doors::open(&[]);
    doors.runtime.block_on(async {
        let client = doors.connect().await;
        client.prepare("SELECT id FROM events WHERE id = $1").await.unwrap();
        client.prepare("SELECT nothing FROM events").await.err().unwrap();
    });
    let mut flight = doors.client();
    doors.runtime.block_on(async {
        flight.prepare("SELECT id FROM events".to_owned(), None).await.unwrap();
        flight.prepare("SELECT nothing FROM events".to_owned(), None).await.err().unwrap();
    });
    let failed = |door: &str| (door.to_owned(), "failed".to_owned(), Some("42703".to_owned()));
    assert_eq!(states(&doors), [failed("postgres"), failed("flight")]);
}

#[test]
fn planning_can_be_cancelled() {
    let doors = Doors::open(&["query.timeout_ms=60000"]);
    let slow = slow();
    doors.runtime.block_on(async {
        let client = doors.connect().await;
        let cancel = client.cancel_token();
        let asked = client.prepare(&slow);
        let cancelled = async {
            tokio::time::sleep(Duration::from_millis(150)).await;
            cancel.cancel_query(tokio_postgres::NoTls).await.unwrap();
        };
        let (asked, ()) = tokio::join!(asked, cancelled);
        // It may have been planned before.
        if let Err(error) = asked {
            assert_eq!(error.code().map(|code| code.code()), Some("57014"), "{error:?}");
        }
        assert_eq!(client.query("SELECT 1", &[]).await.unwrap().len(), 1);
    });
    assert_eq!(doors.node.json("POST", "/v1/sql", &json!({"sql": "SELECT 1"})).status, 200);
}
