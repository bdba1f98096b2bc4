//! What multiplies rows is bounded when it is declared.

use engine::calendar::Period;
use engine::event::builder::{Attributes, EventBatchBuilder};
use engine::meter::{Aggregation, Meter, Window};
use pipelines::catalog::Visibility;
use pipelines::metering::compile::{WINDOWS_MAX, check};

use super::node::{TestNode, rows, tenant};

const SECOND_US: i64 = 1_000_000;
const EVENTS: i64 = 40;
const APART_S: i64 = 100;

fn meter(size_s: u32, slide_s: u32) -> Meter {
    Meter {
        name: "slid".into(),
        event_type: "x".into(),
        aggregation: Aggregation::Count,
        window: Window::Sliding { size_s, slide_s },
        value: None,
        dimensions: Vec::new(),
        description: String::new(),
        allowed_lateness_s: 0,
    }
}

#[test]
fn an_event_may_not_be_in_millions_of_windows() {
    check(&meter(WINDOWS_MAX, 1)).unwrap();
    let refused = check(&meter(8_000_000, 1)).unwrap_err();
    assert_eq!(refused.field, "window.sliding.slide_s");
    assert!(refused.reason.contains("1500"), "{refused}");
    assert!(check(&meter(u32::MAX, 1)).is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn as_many_windows_as_may_be_are_all_there_once() {
    let node = TestNode::new(vec![meter(WINDOWS_MAX, 1)], vec![tenant("acme", Period::Month, "UTC")]);
    let mut builder = EventBatchBuilder::new();
    for number in 0..EVENTS {
        builder.commit(Attributes {
            tenant: "acme",
            id: &number.to_string(),
            source: "/s",
            event_type: "x",
            subject: None,
            time_us: (1_774_728_000 + number * APART_S) * SECOND_US,
        });
    }
    node.append(&builder.finish());
    node.publish();
    let session = node.session(Visibility::Platform);
    let windows = (EVENTS - 1) * APART_S + i64::from(WINDOWS_MAX);
    let events = EVENTS * i64::from(WINDOWS_MAX);
    let sql = "SELECT count(*), count(DISTINCT window_start), CAST(sum(value) AS BIGINT) FROM meter_slid";
    let found = rows(&session, sql).await;
    assert_eq!(found, [[windows.to_string(), windows.to_string(), events.to_string()]]);
    let some = "SELECT count(*) FROM usage WHERE window_start >= TIMESTAMP '2026-03-28T20:00:00Z'";
    assert_eq!(rows(&session, some).await, [[((EVENTS - 1) * APART_S + 1).to_string()]]);
}
