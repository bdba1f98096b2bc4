//! All events of a cut: files of the lake, then the log from where they end.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;

use arrow::array::RecordBatch;
use engine::event::split::shard_of;
use engine::log::{Log, LogError, Offset};
use engine::snapshot::Archive;
use engine::storage::SharedStorage;

use super::LakeError;
use super::file::StoredFile;
use super::read::{Selection, read_file, read_record};
use super::rows::revision;

/// Where history lies.
pub struct Places<'a> {
    /// What was in the lake at the cut.
    pub archive: Arc<Archive>,
    /// What is there now: asked for when the log has forgotten what the cut's archive does not hold yet.
    pub archive_now: &'a dyn Fn() -> Arc<Archive>,
    /// The log behind it.
    pub log: &'a dyn Log,
    /// The lake's files.
    pub storage: &'a SharedStorage,
    /// Shards of the node.
    pub shards: u16,
}

/// Gives every selected event before `end` once to `emit`, in batches of [`rows::schema`](super::rows::schema) (without
/// `data` and `attributes` if they are not selected), until it says `Break`. Never holds more than one row group or record.
pub fn history(
    places: &Places<'_>,
    end: Offset,
    selection: &Selection,
    emit: &mut dyn FnMut(RecordBatch) -> ControlFlow<()>,
) -> Result<(), LakeError> {
    let Some(last) = end.checked_sub(1) else { return Ok(()) };
    let mut selection = selection.clone();
    selection.revision.1 = selection.revision.1.min(revision(last));
    let shards = shards(&selection, places.shards);
    let mut archive = Arc::clone(&places.archive);
    loop {
        for file in archive.files.iter().filter(|file| selection.touches(file) && shards.contains(&file.shard)) {
            // Replaced since the cut, because a tenant was erased from it: before it was opened, or while it was read.
            let replaced = |error: LakeError| match (places.archive_now)().files.contains(file) {
                true => error,
                false => LakeError::Moved,
            };
            let stored = StoredFile::open(places.storage, &file.name).map_err(|error| replaced(error.into()))?;
            if read_file(stored, file, &selection, emit).map_err(replaced)?.is_break() {
                return Ok(());
            }
        }
        selection.revision.0 = selection.revision.0.max(revision(archive.until));
        let Err(error) = read_log(places.log, &shards, &mut selection, emit) else { return Ok(()) };
        let LakeError::Log(LogError::Trimmed { .. }) = error else { return Err(error) };
        let now = (places.archive_now)();
        if now.until <= archive.until {
            return Err(LakeError::Moved);
        }
        archive = now;
    }
}

/// Reads the log from the selection's first revision on, and moves that along.
fn read_log(
    log: &dyn Log,
    shards: &BTreeSet<u16>,
    selection: &mut Selection,
    emit: &mut dyn FnMut(RecordBatch) -> ControlFlow<()>,
) -> Result<(), LakeError> {
    let (from, to) = selection.revision;
    if from > to {
        return Ok(());
    }
    for record in log.read(from.unsigned_abs())? {
        let (offset, record) = record?;
        if revision(offset) > to {
            break;
        }
        if shards.contains(&record.header.shard) && !record.payload.is_empty() {
            let batch = read_record(offset, &record, selection)?;
            if batch.num_rows() > 0 && emit(batch).is_break() {
                break;
            }
        }
        selection.revision.0 = selection.revision.0.max(revision(offset + u64::from(record.header.rows)));
    }
    Ok(())
}

/// The shards that may hold selected events: a query about one tenant reads one of them.
fn shards(selection: &Selection, shards: u16) -> BTreeSet<u16> {
    let of_tenants = |tenants: &BTreeSet<String>| tenants.iter().map(|tenant| shard_of(tenant, shards)).collect();
    let of_tenants: BTreeSet<u16> = selection.tenants.as_ref().map_or_else(|| (0..shards).collect(), of_tenants);
    of_tenants.into_iter().filter(|shard| selection.shard.is_none_or(|only| only == *shard)).collect()
}
