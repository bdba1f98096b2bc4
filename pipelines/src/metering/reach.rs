//! How far the log reaches for each tenant: the last place in it where anything of the tenant's own rows can have changed.
//!
//! The end of the log is moved by everybody's events, so it tells a tenant how busy the others are. The last own place (an
//! event, or a fact that holds for the tenant) is a cursor that is as good: no own row has a larger revision, and whatever
//! changes one has. After a start, whoever sent nothing since shares the place where the checkpoint ended, so a checkpoint has
//! one number and not one for each tenant.
//!
//! Shared with snapshots and ahead of them, so that publishing copies nothing; whoever reads caps it by the snapshot's end.
//! Not here: what revisions still tell (ARCHITECTURE.md).

use std::collections::BTreeSet;

use engine::event::batch::EventBatch;
use engine::event::split::shard_of;
use engine::lock::Lock;
use engine::log::Offset;
use engine::snapshot::Snapshot;

use super::MeteringSnapshot;
use super::symbol::Symbols;

/// Places that are looked at under one lock.
const AT_ONCE: usize = 4096;
/// Before the log's first place.
const NOWHERE: i64 = -1;

/// The last places of a shard's tenants.
pub(super) struct Reach(Lock<Places>);

struct Places {
    /// Of every tenant at least.
    floor: i64,
    /// The largest of all.
    end: i64,
    names: Symbols,
    /// By code of the name, from 1.
    last: Vec<i64>,
}

impl Default for Reach {
    fn default() -> Self {
        Self::from_checkpoint(Some(NOWHERE))
    }
}

impl Reach {
    /// What [`Self::end`] said when the checkpoint was cut; `None` for one of an earlier version, in which any place may be
    /// anybody's.
    pub(super) fn from_checkpoint(end: Option<i64>) -> Self {
        let (floor, end) = (end.unwrap_or(i64::MAX), end.unwrap_or(NOWHERE));
        Self(Lock::new(Places { floor, end, names: Symbols::default(), last: Vec::new() }))
    }

    /// The events of `batch` are applied, the first one at `offset`.
    pub(super) fn events(&self, batch: &EventBatch, offset: i64) {
        let tenants = batch.tenants();
        let keys = || (0..batch.len()).map(|row| tenants.key(row));
        let mut codes = Vec::new();
        let mut places = self.0.lock();
        let Places { end, names, last, .. } = &mut *places;
        names.codes(tenants.values, keys().flatten(), &mut codes);
        last.resize(names.len(), NOWHERE);
        for (place, key) in (offset..).zip(keys()) {
            if let Some(key) = key {
                last[codes[key] as usize - 1] = place;
            }
        }
        *end = (*end).max(offset.saturating_add(batch.len() as i64).saturating_sub(1));
    }

    /// A fact at `place` holds for `tenants`, or for all.
    pub(super) fn fact(&self, tenants: Option<&BTreeSet<String>>, place: i64) {
        let mut places = self.0.lock();
        let Places { floor, end, names, last } = &mut *places;
        match tenants {
            None => *floor = (*floor).max(place),
            Some(tenants) => tenants.iter().for_each(|tenant| {
                let code = names.code(tenant) as usize;
                last.resize(names.len(), NOWHERE);
                last[code - 1] = last[code - 1].max(place);
            }),
        }
        *end = (*end).max(place);
    }

    /// The largest place of all.
    pub(super) fn end(&self) -> i64 {
        self.0.lock().end
    }

    /// Tenants with something behind `after`; `None` if that may be any. The shard's worker waits for no more than a few of them.
    fn behind(&self, after: i64) -> Option<Vec<String>> {
        let mut found = Vec::new();
        let mut from = 0;
        loop {
            let places = self.0.lock();
            if places.floor > after {
                return None;
            }
            let Some(last) = places.last.get(from..) else { return Some(found) };
            let some = (from + 1..).zip(last).take(AT_ONCE).filter(|(_, place)| **place > after);
            found.extend(some.filter_map(|(code, _)| places.names.text(code as u32).map(str::to_owned)));
            from += AT_ONCE;
        }
    }

    fn of(&self, tenant: &str) -> i64 {
        let places = self.0.lock();
        let last = places.names.find(tenant).and_then(|code| places.last.get(code as usize - 1).copied());
        last.unwrap_or(NOWHERE).max(places.floor)
    }
}

/// A cursor for who sees the rows of `tenants` (`None`: of all): no row of theirs in `snapshot` has a larger revision, and
/// whatever is changed behind it has.
pub fn reach(snapshot: &Snapshot<MeteringSnapshot>, tenants: Option<&BTreeSet<String>>) -> i64 {
    let end = i64::try_from(snapshot.offset).unwrap_or(i64::MAX) - 1;
    let Some(tenants) = tenants else { return end };
    let shards = &snapshot.shards;
    let count = u16::try_from(shards.len()).unwrap_or(u16::MAX);
    let own = |tenant: &String| {
        let of = shard_of(tenant, count);
        shards.iter().find(|shard| shard.shard == of).map_or(NOWHERE, |shard| shard.state.reach.of(tenant))
    };
    tenants.iter().map(own).max().unwrap_or(NOWHERE).min(end)
}

/// The tenants of whom anything can have changed since a snapshot that ended at `offset`; `None` if that may be any. Some may
/// be among them whose changes are not in `snapshot` yet.
pub fn moved(snapshot: &Snapshot<MeteringSnapshot>, offset: Offset) -> Option<Vec<String>> {
    let after = i64::try_from(offset).unwrap_or(i64::MAX) - 1;
    let mut all = Vec::new();
    for shard in &snapshot.shards {
        all.append(&mut shard.state.reach.behind(after)?);
    }
    Some(all)
}
