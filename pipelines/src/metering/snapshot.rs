//! What queries read of one shard: immutable, shared, cheap to take.

use std::collections::BTreeMap;
use std::sync::Arc;

use engine::calendar::Calendar;
use engine::definition::Definition;
use engine::meter::Meter;
use engine::snapshot::ShardView;
use engine::storage::SharedStorage;

use super::calendars::Calendars;
use super::compile::CompiledMeter;
use super::delta::Delta;
use super::ledger::ledger;
use super::live::Counts;
use super::reach::Reach;
use super::rejection::Rejections;
use super::since::Since;
use super::{calendars, ended, ended_windows};

/// A shard's meters, calendars and rejections at one point of its log.
pub struct MeteringSnapshot {
    /// Views too; by [`Definition::key`](engine::definition::Definition::key).
    pub(super) meters: BTreeMap<String, MeterPanes>,
    /// Meters and views that this version can't compute, by key, and why.
    pub(super) refused: Arc<BTreeMap<String, String>>,
    /// Rows of totals that there were.
    pub(super) ended: MeterPanes,
    /// Rows of windows that there were.
    pub(super) ended_windows: MeterPanes,
    pub(super) calendars: Arc<Calendars>,
    /// The ledger of `calendars`.
    pub(super) billed: MeterPanes,
    pub(super) rejections: Arc<Rejections>,
    pub(super) reach: Arc<Reach>,
    /// Where cold panes are read from.
    pub(super) storage: Option<SharedStorage>,
}

impl Default for MeteringSnapshot {
    fn default() -> Self {
        Self {
            meters: BTreeMap::new(),
            refused: Arc::default(),
            ended: ledger(ended::LEDGER, "meter"),
            ended_windows: ledger(ended_windows::LEDGER, "meter_and_dimensions"),
            calendars: Arc::default(),
            billed: ledger(calendars::LEDGER, "calendar"),
            rejections: Arc::default(),
            reach: Arc::default(),
            storage: None,
        }
    }
}

impl std::fmt::Debug for MeteringSnapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MeteringSnapshot").field("meters", &self.meters).finish_non_exhaustive()
    }
}

/// A meter's panes.
#[derive(Debug, Clone)]
pub(super) struct MeterPanes {
    /// How they are read.
    pub(super) meter: Arc<CompiledMeter>,
    /// Since when they are what they are.
    pub(super) since: Since,
    /// The panes at hand; several deltas may hold the same one.
    pub(super) deltas: Vec<Arc<Delta>>,
    /// Panes that are read only on demand, in stretches of time.
    pub(super) cold: Vec<Arc<Delta>>,
    /// What the meter saw.
    pub(super) counts: Counts,
}

impl MeterPanes {
    /// All deltas.
    pub(super) fn all(&self) -> impl Iterator<Item = &Arc<Delta>> {
        self.cold.iter().chain(&self.deltas)
    }
}

impl MeteringSnapshot {
    /// The meters that this snapshot's windows follow, by name.
    pub fn meters(&self) -> impl Iterator<Item = &Meter> {
        self.meters.values().filter_map(|panes| panes.meter.definition.meter())
    }

    /// Meters and views that are defined and can't be computed, by key, and why not.
    pub fn refused(&self) -> impl Iterator<Item = (&str, &str)> {
        self.refused.iter().map(|(key, reason)| (key.as_str(), reason.as_str()))
    }

    /// What is computed here: meters and views.
    pub fn definitions(&self) -> impl Iterator<Item = &Definition> {
        self.meters.values().map(|panes| &panes.meter.definition)
    }

    /// The calendar that a tenant of this shard is billed by.
    pub fn calendar(&self, tenant: &str) -> &Calendar {
        &self.calendars.of(tenant).calendar
    }

    /// The calendar of tenants that were never named.
    pub fn default_calendar(&self) -> &Calendar {
        &self.calendars.unnamed().calendar
    }

    /// Whether a tenant was ever named, so that it does not follow the default.
    pub fn is_named(&self, tenant: &str) -> bool {
        self.calendars.names(tenant)
    }
}

/// The meters and views that all of `shards` hold: what is being defined, or changed, is not there until it is whole.
pub fn definitions(shards: &[ShardView<MeteringSnapshot>]) -> impl Iterator<Item = &Definition> {
    let first = shards.first().into_iter().flat_map(|shard| &shard.state.meters);
    let everywhere = first.filter(move |(key, panes)| {
        shards.iter().all(|shard| {
            let held = shard.state.meters.get(*key);
            held.is_some_and(|held| held.meter.identity == panes.meter.identity)
        })
    });
    everywhere.map(|(_, panes)| &panes.meter.definition)
}

/// What a meter or a view saw, over all shards; a meter whose path matches nothing shows it here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MeterStatistics {
    /// The meter's name, or the key of a view.
    pub meter: String,
    /// Events of its type, and passing a view's `WHERE`.
    pub matched: u64,
    /// Of those, without the value it counts.
    pub value_missing: u64,
    /// Pane rows held.
    pub panes: u64,
}

/// What each meter and view saw, by key.
pub fn meter_statistics(shards: &[ShardView<MeteringSnapshot>]) -> Vec<MeterStatistics> {
    let mut all: BTreeMap<&str, MeterStatistics> = BTreeMap::new();
    for (name, panes) in shards.iter().flat_map(|shard| &shard.state.meters) {
        let statistics =
            all.entry(name).or_insert_with(|| MeterStatistics { meter: name.clone(), ..Default::default() });
        statistics.matched += panes.counts.matched;
        statistics.value_missing += panes.counts.value_missing;
        statistics.panes += panes.all().map(|delta| delta.len() as u64).sum::<u64>();
    }
    all.into_values().collect()
}
