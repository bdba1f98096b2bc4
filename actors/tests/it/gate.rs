//! The gate against a model: a hard allowance lets exactly its units through, refunds and changed limits included, and
//! shards that draw on one allowance at the same time never exceed it (I7).

use std::collections::BTreeMap;
use std::sync::Arc;

use actors::facets::lifecycle::Status;
use actors::facets::quota::{Allowance, Limit, Limits};
use actors::gate::{GateTable, ShardGate};
use engine::admission::Reason;
use engine::calendar::{Calendar, Interval, Period};
use engine::clock::ManualClock;
use engine::event::batch::EventBatch;
use engine::event::builder::{Attributes, EventBatchBuilder};
use engine::shard::{Gate, Measure};
use engine::units::{ONE, Units};
use proptest::prelude::*;

const HOUR_US: i64 = 3_600_000_000;
const TENANTS: [&str; 3] = ["acme", "mid", "zeta"];

fn allowance(units: i64) -> Limits {
    let per = Calendar { period: Period::Hour, time_zone: "UTC".into() };
    let allowance = Some(Allowance { units: Units::whole(units), per });
    Limits::from([("calls".into(), Limit { allowance, rate: None, hard: true })])
}

fn gate(table: &Arc<GateTable>, shard: u16) -> ShardGate {
    ShardGate::new(Arc::clone(table), shard, Arc::new(ManualClock::new(0)))
}

/// One event: tenant, hour, units.
type Event = (usize, i64, i64);

fn batch(events: impl IntoIterator<Item = Event>) -> EventBatch {
    let mut builder = EventBatchBuilder::new();
    for (tenant, hour, _) in events {
        let tenant = TENANTS[tenant];
        builder.commit(Attributes {
            tenant,
            id: "1",
            source: "s",
            event_type: "call",
            subject: None,
            time_us: hour * HOUR_US,
        });
    }
    builder.finish()
}

/// What the operator would say.
#[derive(Default)]
struct Model {
    /// Of the rows of the batch at hand.
    units: Vec<i128>,
    /// By tenant and hour.
    used: BTreeMap<(String, i64), i128>,
}

impl Measure for Model {
    fn units(&mut self, _: &str, _: &EventBatch) -> Option<Vec<i128>> {
        Some(self.units.clone())
    }

    fn used(&mut self, tenant: &str, _: &str, period: Interval) -> i128 {
        self.used.get(&(tenant.to_owned(), period.start_us / HOUR_US)).copied().unwrap_or(0)
    }
}

#[derive(Debug, Clone)]
enum Step {
    /// Some events; whether they become durable.
    Events(Vec<Event>, bool),
    /// Another allowance for one tenant.
    Limit(usize, i64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let event = (0usize..3, 0i64..3, 0i64..9);
    let step = prop_oneof![
        6 => (prop::collection::vec(event, 1..40), prop::bool::weighted(0.8)).prop_map(|(e, durable)| Step::Events(e, durable)),
        1 => (0usize..3, 0i64..120).prop_map(|(tenant, units)| Step::Limit(tenant, units)),
    ];
    prop::collection::vec(step, 1..40)
}

proptest! {
    #[test]
    fn exactly_the_allowance_passes(steps in steps()) {
        let table = Arc::new(GateTable::default());
        let mut limits = [50; 3];
        for tenant in TENANTS {
            table.set(tenant, Status::Active, allowance(50));
        }
        let (mut gate, mut model) = (gate(&table, 0), Model::default());
        for step in steps {
            let (events, durable) = match step {
                Step::Limit(tenant, units) => {
                    limits[tenant] = units;
                    table.set(TENANTS[tenant], Status::Active, allowance(units));
                    continue;
                }
                Step::Events(events, durable) => (events, durable),
            };
            model.units = events.iter().map(|&(_, _, units)| i128::from(units) * ONE).collect();
            let mut open = vec![true; events.len()];
            let mut refused = Vec::new();
            let spend = gate.admit(&batch(events.iter().copied()), &mut open, &mut model, &mut |row, rejection| {
                refused.push((row, rejection.reason));
            });
            let mut used = model.used.clone();
            for (row, &(tenant, hour, units)) in events.iter().enumerate() {
                let used = used.entry((TENANTS[tenant].to_owned(), hour)).or_default();
                let fits = units == 0 || *used + i128::from(units) * ONE <= i128::from(limits[tenant]) * ONE;
                prop_assert_eq!(open[row], fits, "row {} of {:?}", row, events);
                prop_assert_eq!(refused.contains(&(row, Reason::QuotaExceeded)), !fits);
                *used += if fits { i128::from(units) * ONE } else { 0 };
            }
            if durable {
                gate.settle(spend);
                model.used = used;
            } else {
                gate.refund(spend);
            }
        }
    }
}

#[test]
fn ten_million_reservations_at_the_same_time_do_not_exceed_the_allowance() {
    const SHARDS: u16 = 4;
    const ROWS: usize = 50_000;
    const BATCHES: usize = 50;
    let limit = 6_000_000;
    let table = Arc::new(GateTable::default());
    table.set("acme", Status::Active, allowance(limit));
    let batch = batch((0..ROWS).map(|_| (0, 0, 1)));
    let admitted = std::thread::scope(|scope| {
        let shards: Vec<_> = (0..SHARDS)
            .map(|shard| {
                let (mut gate, batch) = (gate(&table, shard), &batch);
                scope.spawn(move || {
                    let (mut model, mut admitted) = (Model { units: vec![ONE; ROWS], ..Model::default() }, 0);
                    for _ in 0..BATCHES {
                        let mut open = vec![true; ROWS];
                        let spend = gate.admit(batch, &mut open, &mut model, &mut |_, _| ());
                        gate.settle(spend);
                        admitted += open.iter().filter(|open| **open).count();
                    }
                    admitted
                })
            })
            .collect();
        shards.into_iter().map(|shard| shard.join().unwrap()).sum::<usize>()
    });
    // Who is done early may leave a lease unspent, so less is possible.
    assert!(admitted <= limit as usize, "{admitted}");
    assert!(admitted > limit as usize / 2, "{admitted}");
    let (_, _, lease) = &table.leases("acme")[0];
    assert_eq!(lease.used, admitted as i128 * ONE);
}
