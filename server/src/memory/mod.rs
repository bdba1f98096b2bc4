//! The last line of defence (I13): looks at the memory of the process, and ends statements before the kernel ends the node.
//!
//! Whatever is counted may be counted wrongly. So a thread that knows no runtime looks at what is really resident; above a share
//! of what the node may have it ends the statement that holds most, one at a time, since memory takes a moment to come back. It
//! also ends statements whose clients do not read, and keeps a mark in the data folder by which the next start knows how this
//! run ended ([`mark`]).
//!
//! Not here: what a statement holds (`pipelines::catalog`), what "late" is (`query`), and the numbers of the machine
//! ([`machine`]).

mod machine;
mod mark;

use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use pipelines::catalog::Catalog;
use prometheus_client::metrics::counter::Counter;

use crate::config;
use crate::node::Node;
use crate::query::Queries;
use crate::telemetry::metrics::{Metrics, UnsignedGauge};

use mark::Mark;

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Between two statements that are ended: as long as memory takes to come back.
const SHED_EVERY: Duration = Duration::from_millis(500);
/// Between two notes of what is resident.
const NOTE_EVERY: Duration = Duration::from_secs(1);
/// A statement that holds less is not worth ending.
const WORTH_BYTES: usize = 8 << 20;

/// Looks until it is dropped.
#[derive(Debug)]
pub struct Oversight {
    /// Nothing is ever sent; that it is gone ends the thread.
    looking: Option<Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
    mark: Arc<Mark>,
}

struct Looks {
    node: Arc<Node>,
    queries: Queries,
    mark: Arc<Mark>,
    budget_bytes: u64,
    shed_above_bytes: u64,
    resident: UnsignedGauge,
    held: UnsignedGauge,
    shed: Counter,
}

impl Oversight {
    /// Looks after `node` from now on, and tells how the last run on the data folder `data` ended, if it did not stop.
    pub fn start(options: &config::Memory, data: &Path, node: &Arc<Node>, queries: Queries, metrics: &Metrics) -> Self {
        let budget_bytes = match options.budget_bytes {
            0 => machine::budget_bytes(),
            given => given,
        };
        let (mark, before) = Mark::begin(data, budget_bytes);
        if let Some(told) = before {
            tracing::warn!("{told}");
        }
        let shed_above_bytes = match options.shed_percent {
            0 => u64::MAX,
            percent => u64::try_from(u128::from(budget_bytes) * u128::from(percent) / 100).unwrap_or(u64::MAX),
        };
        let (resident, held, shed) = (UnsignedGauge::default(), UnsignedGauge::default(), Counter::default());
        metrics.register("memory_resident_bytes", "Memory of the process that is resident", resident.clone());
        metrics.register("memory_statements_bytes", "Memory that running statements are counted with", held.clone());
        metrics.register("statements_shed", "Statements ended because the node was short of memory", shed.clone());
        let mark = Arc::new(mark);
        let looks = Looks {
            node: Arc::clone(node),
            queries,
            mark: Arc::clone(&mark),
            budget_bytes,
            shed_above_bytes,
            resident,
            held,
            shed,
        };
        let (looking, ended) = bounded(0);
        let thread = thread::Builder::new().name("oversight".to_owned()).spawn(move || looks.run(&ended));
        let thread = thread.inspect_err(
            |error| tracing::error!(%error, "nobody looks at the node's memory: there is no thread for it"),
        );
        Self { looking: Some(looking), thread: thread.ok(), mark }
    }

    /// The node has stopped as it should: the next start has nothing to tell.
    pub fn stopped(mut self) {
        self.end();
        self.mark.remove();
    }

    fn end(&mut self) {
        drop(self.looking.take());
        if let Some(thread) = self.thread.take() {
            // One that panicked has been told by the panic hook.
            let _ = thread.join();
        }
    }
}

impl Drop for Oversight {
    fn drop(&mut self) {
        self.end();
    }
}

impl Looks {
    fn run(&self, ended: &Receiver<()>) {
        let (mut shed, mut noted) = (None::<Instant>, None::<Instant>);
        let is_due = |last: Option<Instant>, every| last.is_none_or(|last| last.elapsed() >= every);
        while ended.recv_timeout(LOOK_EVERY) == Err(RecvTimeoutError::Timeout) {
            self.queries.end_late();
            let resident = machine::resident_bytes();
            self.resident.set(resident);
            self.held.set(self.node.catalog.reserved() as u64);
            if is_due(noted, NOTE_EVERY) {
                self.mark.note(resident);
                noted = Some(Instant::now());
            }
            if resident > self.shed_above_bytes && is_due(shed, SHED_EVERY) && self.shed(&self.node.catalog, resident) {
                shed = Some(Instant::now());
            }
        }
    }

    fn shed(&self, catalog: &Catalog, resident: u64) -> bool {
        let Some(ended) = catalog.end_largest(WORTH_BYTES) else { return false };
        self.shed.inc();
        let (held, budget) = (ended.0, self.budget_bytes);
        tracing::warn!(resident, budget, held, "short of memory: ended the statement that held most");
        true
    }
}
