//! What one statement reads: pinned once, when it is planned, so that all its views agree.

use std::collections::BTreeSet;
use std::sync::Arc;

use engine::definition::Definition;
use engine::event::split::shard_of;
use engine::meter::Meter;
use engine::snapshot::Snapshot;
use engine::watermark::BEGINNING_US;

use super::source::Source;
use crate::metering::{MeteringError, MeteringSnapshot, definitions};

/// One consistent cut and the clock at which it was taken.
///
/// Event-derived views read `snapshot` only, which has the calendars that totals are cut by. Tenants' facts (`tenants`, `quotas`, `audit`) have no place in the log of
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

    /// No earlier event of `tenants` (`None`: of anybody) is expected; `None` before there was one.
    ///
    /// A watermark is of a shard, so it also moves with events of the other tenants there; it is what an event of theirs would
    /// be late by. Other shards are not looked at.
    pub fn watermark_us(&self, tenants: Option<&BTreeSet<String>>) -> Option<i64> {
        let shards = &self.snapshot.shards;
        let count = u16::try_from(shards.len()).unwrap_or(u16::MAX);
        let own = tenants.map(|tenants| tenants.iter().map(|tenant| shard_of(tenant, count)).collect::<BTreeSet<_>>());
        let own = shards.iter().filter(|shard| own.as_ref().is_none_or(|own| own.contains(&shard.shard)));
        own.map(|shard| shard.watermark_us).filter(|us| *us != BEGINNING_US).min()
    }

    /// The definitions of `wanted` meters that the snapshot's windows follow, by name. A definition of just now may not be
    /// among them yet.
    ///
    /// # Errors
    /// If a wanted one can't be computed: without its rows the answer would look whole.
    pub fn meters(&self, wanted: impl Fn(&str) -> bool) -> Result<Vec<Meter>, MeteringError> {
        let defined = self.source.meters();
        let mut refused = self.snapshot.shards.iter().flat_map(|shard| shard.state.refused());
        let is_wanted = |key: &str| wanted(key) && defined.iter().any(|meter| meter.name == key);
        if let Some((key, reason)) = refused.find(|(key, _)| is_wanted(key)) {
            return Err(MeteringError::Unreadable { definition: key.to_owned(), reason: reason.to_owned() });
        }
        let all = definitions(&self.snapshot.shards).filter_map(Definition::meter);
        Ok(all.filter(|meter| wanted(&meter.name)).cloned().collect())
    }

    /// The names of the materialized views that the snapshot holds.
    pub fn views(&self) -> BTreeSet<String> {
        let name = |made: &Definition| match made {
            Definition::View(view) => Some(view.name.clone()),
            Definition::Meter(_) => None,
        };
        definitions(&self.snapshot.shards).filter_map(name).collect()
    }
}
