//! An engine for stages that can't be had without one. It cuts and checkpoints only when told, so that neither gets
//! into the measurement of something else. Not here: a node, with its tenants and doors.

use std::sync::Arc;
use std::time::Duration;

use engine::admission::Rejection;
use engine::checkpoint::manifest::Manifests;
use engine::clock::ManualClock;
use engine::event::batch::EventBatch;
use engine::log::SharedLog;
use engine::meter::Meter;
use engine::service::{EngineOptions, Ground, Handle};
use engine::shard::{Gate, Measure, Operator};
use engine::storage::SharedStorage;
use pipelines::lake::ParquetLake;

use crate::input::{NOW_US, SEED};

/// As a new node has.
pub(crate) const SHARDS: u16 = 4;
/// Longer than any run.
const NEVER: Duration = Duration::from_secs(86_400);

/// An engine that is drained when it is let go, so that its threads don't run into the next measurement.
pub(crate) struct Engine<O: Operator>(pub(crate) Handle<O>);

impl<O: Operator> Drop for Engine<O> {
    fn drop(&mut self) {
        self.0.drain().unwrap();
    }
}

impl<O: Operator> Engine<O> {
    /// Recovers what is there, and runs.
    pub(crate) fn open(
        storage: &SharedStorage,
        log: SharedLog,
        meters: Vec<Meter>,
        operator: impl Fn(u16) -> O,
    ) -> Self {
        let options = EngineOptions { publish_every: NEVER, checkpoint_every: NEVER, ..EngineOptions::default() };
        let ground = Ground {
            storage: Arc::clone(storage),
            log,
            manifests: Arc::new(Manifests::new(Arc::clone(storage), "checkpoints")),
            lake: Arc::new(ParquetLake),
            clock: Arc::new(ManualClock::new(NOW_US)),
            shards: SHARDS,
            seed: SEED,
        };
        let definitions = meters.into_iter().map(Into::into).collect();
        Self(engine::service::open(options, ground, definitions, operator, |_, _| Open).unwrap())
    }

    /// Submits all and waits for the last answer; as many are in flight as the engine allows.
    pub(crate) fn take(&self, batches: &[EventBatch]) {
        for batch in batches {
            self.0.submit_when_free(batch.clone().into(), |answer| drop(answer.unwrap())).unwrap();
        }
        self.0.settle();
    }
}

/// A gate that lets everyone in.
pub(crate) struct Open;

impl Gate for Open {
    type Spend = ();

    fn admit(&mut self, _: &EventBatch, _: &mut [bool], _: &mut dyn Measure, _: &mut dyn FnMut(usize, Rejection)) {}

    fn settle(&mut self, (): ()) {}

    fn refund(&mut self, (): ()) {}

    fn knows(&self, _: &str) -> bool {
        true
    }

    fn recount(&mut self) {}
}
