//! The gate against a model that adds up the whole log for each row: a hard allowance lets exactly its units through, whatever
//! comes in between (values below zero, failed appends, other limits, other meters, new epochs), and shards that draw on one
//! allowance at the same time never exceed it (I7).

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use actors::facets::lifecycle::Status;
use actors::gate::{GateTable, ShardGate};
use actors::limit::{Allowance, Limit, Limits, Rate};
use engine::admission::{Reason, Rejection};
use engine::calendar::{Calendar, Interval, Period};
use engine::clock::{Clock, ManualClock};
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

fn rate(units_per_s: i64, burst: i64) -> Limits {
    let rate = Some(Rate { units_per_s: Units::whole(units_per_s), burst: Units::whole(burst) });
    Limits::from([("calls".into(), Limit { allowance: None, rate, hard: true })])
}

fn gate(table: &Arc<GateTable>, shard: u16) -> ShardGate {
    ShardGate::new(Arc::clone(table), shard, Arc::new(ManualClock::new(0)))
}

/// One event: tenant, hour, units by each of two definitions of the meter.
type Event = (usize, i64, [i64; 2]);

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

/// What the operator would say, by adding up the whole log for each question.
#[derive(Default)]
struct Model {
    /// What is durable, what is in flight behind it, and the batch at hand.
    log: Vec<Event>,
    in_flight: VecDeque<Vec<Event>>,
    batch: Vec<Event>,
    /// Which definition holds; `None` while there is no such meter.
    definition: Option<usize>,
    /// Questions that could not be answered.
    unreadable: Option<usize>,
}

impl Model {
    fn units(&self, (_, _, units): &Event) -> i128 {
        self.definition.map_or(0, |definition| i128::from(units[definition]) * ONE)
    }

    fn used(&self, tenant: &str, hour: i64) -> i128 {
        let all = self.log.iter().chain(self.in_flight.iter().flatten());
        all.filter(|(of, at, _)| TENANTS[*of] == tenant && *at == hour).map(|event| self.units(event)).sum()
    }
}

impl Measure for Model {
    fn units(&mut self, _: &str, _: &EventBatch) -> Option<Vec<i128>> {
        self.definition?;
        Some(self.batch.iter().map(|event| Model::units(self, event)).collect())
    }

    fn used(&mut self, tenant: &str, _: &str, period: Interval) -> Option<i128> {
        if let Some(asked) = &mut self.unreadable {
            *asked += 1;
            return None;
        }
        Some(Model::used(self, tenant, period.start_us / HOUR_US))
    }
}

/// Has the gate decide on `events`; the reason of each row that is kept out.
fn admit(gate: &mut ShardGate, model: &mut Model, events: &[Event]) -> Vec<Option<Rejection>> {
    model.batch = events.to_vec();
    let mut open = vec![true; events.len()];
    let mut refused = vec![None; events.len()];
    gate.admit(&batch(events.iter().copied()), &mut open, model, &mut |row, rejection| refused[row] = Some(rejection));
    assert!(open.iter().zip(&refused).all(|(open, refused)| *open == refused.is_none()));
    let passed = events.iter().zip(&open).filter(|(_, open)| **open).map(|(event, _)| *event);
    model.in_flight.push_back(passed.collect());
    refused
}

#[derive(Debug, Clone)]
enum Step {
    /// Some events come.
    Events(Vec<Event>),
    /// The oldest batch in flight becomes durable, or does not.
    Append(bool),
    /// Another allowance for one tenant, or none.
    Limit(usize, Option<i64>),
    /// The meter is defined otherwise, or removed.
    Define(Option<usize>),
    /// A new epoch: what was in flight became durable or did not, and leases are gone.
    Restart(bool),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let event = (0usize..3, 0i64..3, [-9i64..9, -2i64..20]);
    let step = prop_oneof![
        8 => prop::collection::vec(event, 1..40).prop_map(Step::Events),
        8 => prop::bool::weighted(0.7).prop_map(Step::Append),
        2 => (0usize..3, prop::option::weighted(0.9, 0i64..120)).prop_map(|(tenant, units)| Step::Limit(tenant, units)),
        1 => prop::option::weighted(0.8, 0usize..2).prop_map(Step::Define),
        1 => any::<bool>().prop_map(Step::Restart),
    ];
    prop::collection::vec(step, 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// Whatever happens in between, a row passes exactly if the log, what is in flight included, has room for it; so nothing
    /// that passes lifts what is used above the limit.
    #[test]
    fn exactly_the_allowance_passes(steps in steps()) {
        let table = Arc::new(GateTable::default());
        let mut limits = [Some(50); 3];
        for tenant in TENANTS {
            table.set(tenant, Status::Active, allowance(50));
        }
        let (mut gate, mut model) = (gate(&table, 0), Model { definition: Some(0), ..Model::default() });
        for step in steps {
            match step {
                Step::Events(events) => {
                    let mut used = BTreeMap::new();
                    let before: Vec<i128> = events.iter().map(|(tenant, hour, _)| model.used(TENANTS[*tenant], *hour)).collect();
                    let refused = admit(&mut gate, &mut model, &events);
                    for (row, event) in events.iter().enumerate() {
                        let (tenant, hour, _) = *event;
                        let used = used.entry((tenant, hour)).or_insert(before[row]);
                        let units = model.units(event);
                        let limit = limits[tenant].map(|limit| i128::from(limit) * ONE);
                        let fits = limit.is_none_or(|limit| units <= 0 || *used + units <= limit);
                        let never = limit.is_some_and(|limit| units > limit);
                        let expect = match (fits, never) {
                            (true, _) => None,
                            (false, false) => Some(Reason::QuotaExceeded),
                            (false, true) => Some(Reason::ExceedsLimit),
                        };
                        let got = refused[row].as_ref().map(|rejection| rejection.reason);
                        prop_assert_eq!(got, expect, "row {} of {:?}: {} used of {:?}", row, &events, used, limit);
                        *used += if fits { units } else { 0 };
                    }
                }
                Step::Append(durable) => {
                    let Some(oldest) = model.in_flight.pop_front() else { continue };
                    if durable {
                        model.log.extend(oldest);
                        gate.settle(());
                    } else {
                        gate.refund(());
                    }
                }
                Step::Limit(tenant, units) => {
                    limits[tenant] = units;
                    table.set(TENANTS[tenant], Status::Active, units.map(allowance).unwrap_or_default());
                }
                Step::Define(definition) => {
                    model.definition = definition;
                    gate.recount();
                }
                Step::Restart(durable) => {
                    let in_flight = std::mem::take(&mut model.in_flight);
                    model.log.extend(in_flight.into_iter().flatten().filter(|_| durable));
                    gate = self::gate(&table, 0);
                }
            }
        }
    }
}

#[test]
fn use_that_can_not_be_read_lets_nothing_in_until_it_can() {
    let table = Arc::new(GateTable::default());
    table.set("acme", Status::Active, allowance(5));
    let mut gate = gate(&table, 0);
    let mut model = Model { definition: Some(0), unreadable: Some(0), ..Model::default() };
    let refused = admit(&mut gate, &mut model, &[(0, 0, [1, 1]); 3]);
    assert!(refused.iter().flatten().all(|rejection| rejection.reason == Reason::UsageUnreadable));
    assert_eq!((refused.iter().flatten().count(), model.unreadable), (3, Some(1)), "a batch asks once");
    model.unreadable = None;
    assert_eq!(admit(&mut gate, &mut model, &[(0, 0, [1, 1]); 6]).iter().flatten().count(), 1);
}

#[test]
fn periods_that_are_over_do_not_pile_up_and_are_not_forgotten() {
    let table = Arc::new(GateTable::default());
    table.set("acme", Status::Active, allowance(2));
    let mut gate = gate(&table, 0);
    let mut model = Model { definition: Some(0), ..Model::default() };
    for hour in 0..500 {
        assert!(admit(&mut gate, &mut model, &[(0, hour, [2, 0])])[0].is_none(), "{hour}");
    }
    assert!(table.leases("acme").len() <= 32);
    assert!(admit(&mut gate, &mut model, &[(0, 0, [1, 0])])[0].is_some(), "the log knows what was used long ago");
}

#[test]
fn a_rate_says_when_each_event_passes_and_which_never_do() {
    let table = Arc::new(GateTable::default());
    let clock = Arc::new(ManualClock::new(0));
    let mut gate = ShardGate::new(Arc::clone(&table), 0, Arc::clone(&clock) as Arc<dyn Clock>);
    table.set("acme", Status::Active, rate(10, 5));
    let mut model = Model { definition: Some(0), ..Model::default() };
    let events = [5, 6, 1, -3, 5].map(|units| (0, 0, [units, 0]));
    let refused = admit(&mut gate, &mut model, &events);
    let said: Vec<_> = refused.iter().map(|r| r.as_ref().map(|r| (r.reason, r.retry_after_ms))).collect();
    let later = |ms| Some((Reason::RateLimited, Some(ms)));
    assert_eq!(said, [None, Some((Reason::ExceedsLimit, None)), later(100), None, later(600)]);
    for (ms, units) in [(100, 1), (600, 5)] {
        clock.set(ms * 1000 - 1);
        assert!(admit(&mut gate, &mut model, &[(0, 0, [units, 0])])[0].is_some(), "{ms}");
        clock.set(ms * 1000);
        assert!(admit(&mut gate, &mut model, &[(0, 0, [units, 0])])[0].is_none(), "{ms}");
    }
}

#[test]
fn neither_a_restart_nor_another_plan_gives_a_burst_again() {
    let table = Arc::new(GateTable::default());
    let clock = Arc::new(ManualClock::new(0));
    let gate_of = || ShardGate::new(Arc::clone(&table), 0, Arc::clone(&clock) as Arc<dyn Clock>);
    let mut gate = gate_of();
    table.set("acme", Status::Active, rate(1, 5));
    let mut model = Model { definition: Some(0), ..Model::default() };
    let mut passes = |gate: &mut ShardGate, units| admit(gate, &mut model, &[(0, 0, [units, 0])])[0].is_none();
    assert!(passes(&mut gate, 5));
    table.set("acme", Status::Active, rate(1, 4));
    assert!(!passes(&mut gate, 1));
    clock.set(4_000_000);
    assert!(passes(&mut gate, 4));
    let mut gate = gate_of();
    assert!(!passes(&mut gate, 1), "it passed 4 just before");
    clock.set(5_000_000);
    assert!(passes(&mut gate, 1));
}

#[test]
fn ten_million_reservations_at_the_same_time_do_not_exceed_the_allowance() {
    const SHARDS: u16 = 4;
    const ROWS: usize = 50_000;
    const BATCHES: usize = 50;
    let limit = 6_000_000;
    let table = Arc::new(GateTable::default());
    table.set("acme", Status::Active, allowance(limit));
    let batch = batch((0..ROWS).map(|_| (0, 0, [1, 1])));
    let admitted = std::thread::scope(|scope| {
        let shards: Vec<_> = (0..SHARDS)
            .map(|shard| {
                let (mut gate, batch) = (gate(&table, shard), &batch);
                scope.spawn(move || {
                    let (mut model, mut admitted) = (Model { definition: Some(0), ..Model::default() }, 0);
                    model.batch = vec![(0, 0, [1, 1]); ROWS];
                    for _ in 0..BATCHES {
                        let mut open = vec![true; ROWS];
                        gate.admit(batch, &mut open, &mut model, &mut |_, _| ());
                        gate.settle(());
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
