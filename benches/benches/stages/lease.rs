//! Actor and lease: what the gate costs an event whose tenant is known, and one whose tenant draws on an allowance; and
//! what a tenant's actor costs a command that changes its limit.
//!
//! Limits: one hash table by tenant with one sum; an append to the journal's log, waited for. A digest that shards send
//! to actors is designed and not built, so it has no figure.

use std::cell::Cell;
use std::collections::HashMap;
use std::sync::{Arc, mpsc};

use actors::facets::lifecycle::Status;
use actors::facets::quota::QuotaCommand;
use actors::gate::{GateTable, ShardGate};
use actors::limit::{Allowance, Limit, Limits};
use actors::snapshots::memory::MemorySnapshots;
use actors::{Command, Tenants, TenantsOptions};
use engine::calendar::{Calendar, Interval, Period};
use engine::clock::ManualClock;
use engine::event::batch::EventBatch;
use engine::log::memory::MemoryLog;
use engine::log::{Header, Log, Record};
use engine::shard::{Gate, Measure};
use engine::units::{ONE, Units};
use tokio::runtime::Runtime;

use crate::bench::{Bench, Figure, Work};
use crate::input::{self, NOW_US, ROWS};

/// More than any run uses.
const PLENTY: i64 = 1 << 50;
/// Commands of a call, each to another tenant.
const COMMANDS: usize = 64;
/// About what an entry of the journal takes.
const ENTRY_BYTES: usize = 256;

pub(crate) fn bench(bench: &mut Bench) {
    for &tenants in bench.tenants() {
        let batches = input::batches(tenants, bench.scaled(16));
        for (name, limits) in [("no limit", Limits::new()), ("allowance", allowance(PLENTY))] {
            let table = GateTable::default();
            for tenant in input::generator(tenants).tenants() {
                table.set(&tenant.name, Status::Active, limits.clone());
            }
            let mut gate = ShardGate::new(Arc::new(table), 0, Arc::new(ManualClock::new(NOW_US)));
            let mut open = vec![true; ROWS];
            let check = |()| {
                for batch in &batches {
                    gate.admit(batch, &mut open, &mut Ones, &mut |_, rejection| panic!("{rejection:?}"));
                    gate.settle(());
                }
            };
            let mut sums: HashMap<String, i128> = HashMap::new();
            let walk = |()| {
                for batch in &batches {
                    let tenants = batch.tenants();
                    for tenant in (0..batch.len()).filter_map(|row| tenants.get(row)) {
                        match sums.get_mut(tenant) {
                            Some(sum) => *sum += ONE,
                            None => drop(sums.insert(tenant.to_owned(), ONE)),
                        }
                    }
                }
            };
            let name = format!("check, {name}, {tenants} tenants");
            let figure =
                Figure { stage: "lease", name, unit: "checks", count: batches.len() * ROWS, batches: batches.len() };
            let limit = Work { setup: || (), routine: walk };
            bench.beside(figure, Work { setup: || (), routine: check }, "hash table, one sum", limit);
        }
    }
    commands(bench);
}

fn commands(bench: &mut Bench) {
    let runtime = Runtime::new().unwrap();
    let names: Vec<String> = input::generator(COMMANDS as u32).tenants().map(|tenant| tenant.name).collect();
    let tenants = runtime.block_on(async {
        let (journal, clock) = (Arc::new(MemoryLog::new().unwrap()), Arc::new(ManualClock::new(NOW_US)));
        let snapshots = Box::new(MemorySnapshots::default());
        let tenants = Tenants::open(TenantsOptions::default(), journal, snapshots, clock).await.unwrap();
        tenants.create_many(&names, "bench").await.unwrap();
        tenants
    });
    // A limit that is set again to what it is changes nothing, so each call sets another.
    let calls = Cell::new(0);
    let command = |()| {
        calls.set(calls.get() + 1);
        runtime.block_on(async {
            for name in &names {
                let limit = allowance(calls.get()).remove("invocations").unwrap();
                let set = QuotaCommand::Set { meter: "invocations".into(), limit };
                tenants.command(name, Command::Quota(set), "bench").await.unwrap();
            }
        });
    };
    let log = MemoryLog::new().unwrap();
    let append = |()| {
        for _ in 0..COMMANDS {
            let header = Header { shard: 0, epoch: 0, rows: 1, watermark_us: 0, admitted_at_us: NOW_US };
            let (decided, decision) = mpsc::channel();
            let record = Record { header, payload: vec![0; ENTRY_BYTES], notes: Vec::new() };
            log.append(record, Box::new(move |outcome| decided.send(outcome).unwrap()));
            decision.recv().unwrap().unwrap();
        }
    };
    let figure = Figure {
        stage: "lease",
        name: "actor command, memory log".into(),
        unit: "commands",
        count: COMMANDS,
        batches: COMMANDS,
    };
    let limit = Work { setup: || (), routine: append };
    bench.beside(figure, Work { setup: || (), routine: command }, "append, wait", limit);
    runtime.block_on(tenants.drain());
}

/// A hard allowance of so many invocations a day.
fn allowance(units: i64) -> Limits {
    let per = Calendar { period: Period::Day, time_zone: "UTC".into() };
    let allowance = Some(Allowance { units: Units::whole(units), per });
    Limits::from([("invocations".into(), Limit { allowance, rate: None, hard: true })])
}

/// Every event counts for one, and nothing was used before.
struct Ones;

impl Measure for Ones {
    fn units(&mut self, _: &str, batch: &EventBatch) -> Option<Vec<i128>> {
        Some(vec![ONE; batch.len()])
    }

    fn used(&mut self, _: &str, _: &str, _: Interval) -> Option<i128> {
        Some(0)
    }
}
