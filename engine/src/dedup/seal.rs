//! Makes levels durable, off the worker's thread: tables become runs, several runs of similar size one, and runs beyond
//! the horizon go.
//!
//! Sizes are tiers that grow by [`FANOUT`]. Fewer than that many runs stand in each, so there are few to look into; each
//! merge lifts a mark a tier, so it is written once a tier and not once a checkpoint. What spans more than a quarter of the
//! horizon is not merged, so that it can expire. Not here: looking anything up.

use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Serialize};

use super::merge::Merge;
use super::run::{self, Entry, Run, RunWriter};
use super::{DedupError, DedupOptions, Level};
use crate::shard::operator::{RestoreError, Seal, SealedFiles};
use crate::storage::{Storage, StorageError};

/// So many neighbouring runs of one tier become one of a higher tier.
const FANOUT: usize = 4;
/// Runs of fewer ids are all of the lowest tier: merging them costs next to nothing.
const TIER_IDS_MIN: usize = 1 << 16;
/// Runs of more ids (96 MB on file) are of no tier: merging them again would take longer than it is worth.
const MERGED_IDS_MAX: usize = 4 << 20;
/// Merged runs span at most this part of the horizon.
const SPANS_PER_HORIZON: i64 = 4;

/// The part of a manifest that is dedup's: runs, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Description {
    pub(super) runs: Vec<Entry>,
}

impl Description {
    pub(super) fn parse(json: &serde_json::Value) -> Result<Self, RestoreError> {
        Self::deserialize(json)
            .map_err(|error| RestoreError { file: "manifest (dedup)".into(), reason: error.to_string() })
    }
}

/// What a seal made of the levels it was given.
pub(super) struct Outcome {
    before: Vec<Level>,
    after: Vec<Level>,
}

impl Outcome {
    /// Replaces the levels that the seal was given, which are the oldest of `levels`. Whether they were still there.
    pub(super) fn apply(&self, levels: &mut Vec<Level>) -> bool {
        let still_there =
            levels.len() >= self.before.len() && levels.iter().zip(&self.before).all(|(level, given)| level.is(given));
        if still_there {
            levels.splice(..self.before.len(), self.after.iter().cloned());
        }
        still_there
    }
}

/// Levels on their way into a checkpoint.
pub(super) struct DedupSeal {
    pub(super) options: DedupOptions,
    pub(super) levels: Vec<Level>,
    /// Seals made before this one whose outcome was not known then.
    pub(super) earlier: Vec<Arc<OnceLock<Outcome>>>,
    pub(super) expired_before_us: i64,
    pub(super) outcome: Arc<OnceLock<Outcome>>,
}

impl Seal for DedupSeal {
    fn write(
        self: Box<Self>,
        storage: &dyn Storage,
        prefix: &str,
        files: &mut SealedFiles,
    ) -> Result<serde_json::Value, StorageError> {
        let mut levels = self.levels;
        for outcome in self.earlier.iter().filter_map(|cell| cell.get()) {
            outcome.apply(&mut levels);
        }
        let before = levels.clone();
        let mut groups = group(&levels, self.expired_before_us, self.options.horizon_us / SPANS_PER_HORIZON);
        let residents = residents(&groups, self.options.resident_bytes_max);
        let mut runs = Vec::with_capacity(groups.len());
        for (ordinal, (group, resident)) in groups.drain(..).zip(residents).enumerate() {
            let file = format!("{prefix}dedup-{ordinal}.run");
            match group.write(&file, storage, runs.is_empty(), resident) {
                Ok(run) => runs.extend(run),
                Err(error) => {
                    // A name that is taken is somebody's.
                    if !matches!(error, StorageError::Exists { .. }) {
                        discard(&file, storage);
                    }
                    runs.iter().filter(|run| run.entry().file.starts_with(prefix)).for_each(|run| {
                        discard(&run.entry().file, storage);
                    });
                    return Err(error);
                }
            }
        }

        let description = Description { runs: runs.iter().map(|run| run.entry().clone()).collect() };
        files.checkpoint.extend(description.runs.iter().map(|entry| entry.file.to_string()));
        let after = runs.into_iter().map(Level::Run).collect();
        // Nobody else has this cell, and `write` takes the seal.
        let _ = self.outcome.set(Outcome { before, after });
        Ok(serde_json::to_value(description).expect("names and numbers are JSON"))
    }
}

/// Removes a file that nobody uses: the next seal writes it again, under another name, and a disk that is full must not
/// get fuller by trying.
fn discard(file: &str, storage: &dyn Storage) {
    if let Err(error) = storage.remove(file) {
        tracing::warn!(file, %error, "can't remove a file of a checkpoint that failed");
    }
}

/// Neighbouring levels that become one run.
struct Group {
    levels: Vec<Level>,
    ids: usize,
    oldest_us: i64,
    newest_us: i64,
}

/// Groups the levels that are not expired, oldest first.
fn group(levels: &[Level], expired_before_us: i64, span_max_us: i64) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for level in levels.iter().filter(|level| level.newest_us() >= expired_before_us) {
        let group = Group::of(level);
        // Tables have to be written anyway.
        let joins = |last: &Group| {
            let spans_us = group.newest_us.saturating_sub(last.oldest_us);
            last.is_table() && group.is_table() && spans_us <= span_max_us
        };
        let from = groups.len() - usize::from(groups.last().is_some_and(joins));
        groups.push(group);
        join(&mut groups, from);
    }
    while let Some(from) = due(&groups, span_max_us) {
        join(&mut groups, from);
    }
    groups
}

/// Where the newest groups begin that are to become one.
fn due(groups: &[Group], span_max_us: i64) -> Option<usize> {
    let tier = |group: &Group| group.ids.max(TIER_IDS_MIN).ilog(FANOUT);
    let last = groups.last()?;
    let goes_along = |group: &&Group| {
        let spans_us = last.newest_us.saturating_sub(group.oldest_us);
        group.ids <= MERGED_IDS_MAX && tier(group) <= tier(last) && spans_us <= span_max_us
    };
    let count = groups.iter().rev().take_while(goes_along).count();
    (count >= FANOUT).then(|| groups.len() - count)
}

/// Makes one group of those from `from` on.
fn join(groups: &mut Vec<Group>, from: usize) {
    let newer = groups.split_off(from + 1);
    let Some(group) = groups.last_mut() else { return };
    for mut other in newer {
        group.levels.append(&mut other.levels);
        group.ids += other.ids;
        group.oldest_us = group.oldest_us.min(other.oldest_us);
        group.newest_us = group.newest_us.max(other.newest_us);
    }
}

impl Group {
    fn of(level: &Level) -> Self {
        let oldest_us = match level {
            Level::Table(table) => table.oldest_us(),
            Level::Run(run) => run.entry().oldest_us,
        };
        Self { levels: vec![level.clone()], ids: level.len(), oldest_us, newest_us: level.newest_us() }
    }

    /// Whether nothing of it is written yet.
    fn is_table(&self) -> bool {
        self.levels.iter().all(|level| matches!(level, Level::Table(_)))
    }

    /// The group as one run, written unless it is one already; `None` if nothing of it is left. Dead marks have nothing
    /// to shadow in the oldest run.
    fn write(
        self,
        file: &str,
        storage: &dyn Storage,
        is_oldest: bool,
        resident: bool,
    ) -> Result<Option<Arc<Run>>, StorageError> {
        if let [Level::Run(run)] = self.levels.as_slice() {
            return Ok(Some(if run.is_resident() && !resident { Arc::new(run.on_file()) } else { Arc::clone(run) }));
        }
        let mut writer = RunWriter::create(file, self.ids, resident, storage)?;
        let mut marks = Merge::new(&self.levels, storage).map_err(into_storage_error)?;
        while let Some(mark) = marks.next().map_err(into_storage_error)? {
            if !(is_oldest && mark.is_dead()) {
                writer.push(mark)?;
            }
        }
        let run = writer.finish(self.oldest_us, self.newest_us)?;
        if run.is_none() {
            discard(file, storage);
        }
        Ok(run.map(Arc::new))
    }
}

/// Which groups stay in memory as runs: the newest, as far as the budget goes.
fn residents(groups: &[Group], resident_bytes_max: usize) -> Vec<bool> {
    let mut budget = resident_bytes_max;
    let mut residents: Vec<bool> = Vec::with_capacity(groups.len());
    for group in groups.iter().rev() {
        let bytes = run::marks_bytes(group.ids);
        // A run that is on file is not read to have it in memory.
        let is_on_file = matches!(group.levels.as_slice(), [Level::Run(run)] if !run.is_resident());
        let fits = !is_on_file && bytes <= budget;
        budget -= if fits { bytes } else { 0 };
        residents.push(fits);
    }
    residents.reverse();
    residents
}

/// A checkpoint can't be written because of a run that can't be read.
fn into_storage_error(error: DedupError) -> StorageError {
    match error {
        DedupError::Storage(error) => error,
        DedupError::Damaged { ref file, .. } => StorageError::Io { name: file.clone(), message: error.to_string() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDS: usize = 250_000;

    /// Seals so many groups one after the other; what there is then, and how many ids were written.
    fn sealed(count: i64, span_max_us: i64) -> (Vec<Group>, usize) {
        let (mut groups, mut written) = (Vec::new(), 0);
        for at_us in 0..count {
            groups.push(Group { levels: Vec::new(), ids: IDS, oldest_us: at_us, newest_us: at_us });
            while let Some(from) = due(&groups, span_max_us) {
                join(&mut groups, from);
            }
            written += groups[groups.len() - 1].ids;
        }
        (groups, written)
    }

    #[test]
    fn an_id_is_written_once_a_tier_and_stands_in_few_runs() {
        let (groups, written) = sealed(1_000, i64::MAX);
        let (ids, full) = (1_000 * IDS, groups.iter().filter(|group| group.ids > MERGED_IDS_MAX).count());
        assert_eq!(groups.iter().map(|group| group.ids).sum::<usize>(), ids);
        // A quarter, a whole, four and sixteen million.
        assert!(written <= 4 * ids, "each id was written {} times", written as f64 / ids as f64);
        assert!(full <= ids / MERGED_IDS_MAX && groups.len() - full < 3 * FANOUT, "{full} of {}", groups.len());
        assert!(groups.is_sorted_by(|older, newer| older.newest_us < newer.oldest_us));
    }

    #[test]
    fn what_is_merged_spans_no_longer_than_it_may() {
        let (groups, _) = sealed(100, 10);
        assert!(groups.len() < 50 && groups.iter().all(|group| group.newest_us - group.oldest_us <= 10));
    }
}
