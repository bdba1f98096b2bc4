//! What one statement reads: pinned once, when it is planned, so that all its views agree.

use std::collections::BTreeMap;
use std::sync::Arc;

use engine::meter::Meter;
use engine::snapshot::Snapshot;

use super::source::Source;
use crate::metering::MeteringSnapshot;

/// One consistent cut and the clock at which it was taken.
///
/// Event-derived views read `snapshot` only. Tenants' facts (`tenants`, `quotas`, `audit`) have no place in the log of
/// events and are as of the moment at which they are read.
#[derive(Debug)]
pub struct Cut {
    /// Where everything else is asked for.
    pub source: Arc<dyn Source>,
    /// The state of all shards.
    pub snapshot: Arc<Snapshot<MeteringSnapshot>>,
    /// The node's clock, microseconds.
    pub now_us: i64,
}

impl Cut {
    /// The latest cut.
    pub fn take(source: &Arc<dyn Source>) -> Self {
        Self { source: Arc::clone(source), snapshot: source.snapshot(), now_us: source.now_us() }
    }

    /// The definitions that the snapshot's windows follow, by name. A definition of just now may not be among them yet.
    pub fn meters(&self) -> Vec<Meter> {
        let all = self.snapshot.shards.iter().flat_map(|shard| shard.state.meters());
        all.map(|meter| (&meter.name, meter)).collect::<BTreeMap<_, _>>().into_values().cloned().collect()
    }
}
