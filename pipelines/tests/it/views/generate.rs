//! Seeded events: several tenants and types, missing and wrong members, out of order, some very late. No duplicates:
//! those are removed before events reach a pipeline.

use engine::calendar::{Calendar, Period};
use engine::event::batch::EventBatch;
use engine::event::builder::{Attributes, EventBatchBuilder};
use engine::meter::{Aggregation, Dimension, Meter, Window};
use engine::units::Units;
use pipelines::views::tenants::TenantRow;

use super::node::tenant;
pub(crate) use super::random::Random;

/// 2026-03-28T20:00:00Z: the night in which Europe's clocks go forward.
const START_US: i64 = 1_774_728_000_000_000;
const MINUTE_US: i64 = 60_000_000;
const TENANTS: [&str; 5] = ["acme", "globex", "initech", "umbrella", "größe"];

/// `count` events in batches of random size; ids start at `first`.
pub(crate) fn batches(random: &mut Random, first: usize, count: usize) -> Vec<EventBatch> {
    let mut batches = Vec::new();
    let mut builder = EventBatchBuilder::new();
    for number in first..first + count {
        event(random, number, &mut builder);
        if random.below(40) == 0 {
            batches.push(builder.finish());
        }
    }
    if !builder.is_empty() {
        batches.push(builder.finish());
    }
    batches
}

fn event(random: &mut Random, number: usize, builder: &mut EventBatchBuilder) {
    // Time moves on by half a minute an event, with jitter, and now and then far back.
    let jitter_us = random.below(20 * MINUTE_US as u64) as i64;
    let far_back_us = if random.below(25) == 0 { random.below(300) as i64 * MINUTE_US } else { 0 };
    let time_us = START_US + number as i64 * 30_000_000 + jitter_us - far_back_us;
    // Instants repeat, so that ties are broken.
    let time_us = if random.below(3) == 0 { time_us / MINUTE_US * MINUTE_US } else { time_us };

    match random.below(6) {
        0 => {}
        1 => builder.text("/region", "eu \"west\""),
        _ => builder.text("/region", random.pick(&["us", "eu", "ap"])),
    }
    match random.below(12) {
        0 => {}
        1 => builder.units("/value", Units(-(random.below(5_000_000_000) as i128))),
        _ => builder.units("/value", Units(random.below(1_000_000) as i128 * 1_000_003)),
    }
    match random.below(5) {
        0 => builder.text("/ok", "maybe"),
        1 => {}
        _ => builder.boolean("/ok", random.below(2) == 0),
    }
    if random.below(10) == 0 {
        builder.json("traceparent", "\"00-ab\"");
        builder.json("/tags", "[1,2]");
    }
    // The whale is half of the stream.
    let tenant = if random.below(2) == 0 { TENANTS[0] } else { random.pick(&TENANTS) };
    builder.commit(Attributes {
        tenant,
        id: &format!("e{number}"),
        source: random.pick(&["/a", "/b"]),
        event_type: random.pick(&["request", "request", "request", "job"]),
        subject: number.is_multiple_of(3).then_some("someone"),
        time_us,
    });
}

/// The tenants of the events, and how they are billed.
pub(crate) fn tenants() -> Vec<TenantRow> {
    TENANTS
        .iter()
        .map(|name| match *name {
            "globex" => tenant(name, Period::Day, "Asia/Tokyo"),
            _ => tenant(name, Period::Month, "UTC"),
        })
        .collect()
}

/// One meter per aggregation, over all kinds of windows.
pub(crate) fn meters() -> Vec<Meter> {
    let tumbling = |size_s| Window::Tumbling { size_s };
    let zurich = Calendar { period: Period::Day, time_zone: "Europe/Zurich".into() };
    let value = Some("$.value");
    vec![
        meter("requests", None, Aggregation::Count, &["region"], tumbling(60)),
        meter("amount", value, Aggregation::Sum, &["region", "ok"], tumbling(300)),
        meter("lowest", value, Aggregation::Min, &[], Window::Calendar(zurich)),
        meter("highest", value, Aggregation::Max, &[], Window::Sliding { size_s: 600, slide_s: 200 }),
        meter("mean", value, Aggregation::Avg, &[], tumbling(600)),
        meter("newest", value, Aggregation::Latest, &["region"], tumbling(600)),
        meter("oldest", value, Aggregation::First, &["region"], tumbling(600)),
        meter("regions", Some("$.region"), Aggregation::UniqueCount, &[], tumbling(1800)),
        meter("spread", value, Aggregation::Stddev, &[], tumbling(1800)),
        meter("throughput", value, Aggregation::Rate, &[], tumbling(128)),
        meter("area", value, Aggregation::WeightedSum, &[], tumbling(1800)),
        meter("p95", value, Aggregation::Percentile { q: "0.95".parse().unwrap() }, &[], tumbling(3600)),
        meter("visits", None, Aggregation::Count, &[], Window::Session { gap_s: 120 }),
        meter(
            "large",
            value,
            Aggregation::Sql { expression: "sum(value) FILTER (WHERE value > 100)".into() },
            &["region"],
            tumbling(600),
        ),
    ]
}

fn meter(name: &str, value: Option<&str>, aggregation: Aggregation, dimensions: &[&str], window: Window) -> Meter {
    let dimension = |name: &&str| Dimension { name: (*name).into(), path: format!("$.{name}") };
    let meter = Meter {
        name: name.into(),
        event_type: "request".into(),
        value: value.map(str::to_owned),
        aggregation,
        dimensions: dimensions.iter().map(dimension).collect(),
        window,
        allowed_lateness_s: 1800,
        description: String::new(),
    };
    meter.validate().unwrap();
    meter
}
