//! Takes tenants out of files of the lake: a file that holds events of theirs is written anew without them.
//!
//! Offsets and order of the others stay, so they remain in their generation (see `archive`). The old files are nobody's
//! once no manifest names them. Not here: the log, what is computed from events.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use arrow::array::{AsArray, BooleanArray, RecordBatch};
use arrow::compute::{concat_batches, filter_record_batch};
use arrow::datatypes::{Int32Type, TimestampMicrosecondType};
use bytes::Bytes;
use engine::snapshot::ArchiveFile;
use engine::storage::Storage;

use super::LakeError;
use super::archive::{DAY_US, write_file};
use super::damage::read_whole;
use super::read::{Selection, read_file};
use super::rows::{self, TENANT, TIME};
use super::write;

/// `files` without the events of `erased`: those that have none as they are, others rewritten under `prefix`, and none
/// where nothing is left. If this fails, what it wrote is removed again.
pub(super) fn erase_events(
    files: &[ArchiveFile],
    erased: &BTreeSet<String>,
    storage: &dyn Storage,
    prefix: &str,
) -> Result<Vec<ArchiveFile>, LakeError> {
    let (mut left, mut rewritten) = (Vec::with_capacity(files.len()), Vec::new());
    for file in files {
        match rewrite(file, erased, storage, prefix) {
            Ok(Rewritten::Unchanged) => left.push(file.clone()),
            Ok(Rewritten::Empty) => {}
            Ok(Rewritten::Anew(file)) => rewritten.push(file),
            Err(error) => {
                write::take_back(&rewritten, storage);
                return Err(error);
            }
        }
    }
    left.extend(rewritten);
    Ok(left)
}

enum Rewritten {
    Unchanged,
    Empty,
    Anew(ArchiveFile),
}

fn rewrite(
    file: &ArchiveFile,
    erased: &BTreeSet<String>,
    storage: &dyn Storage,
    prefix: &str,
) -> Result<Rewritten, LakeError> {
    let bytes = read_whole(storage, file)?;
    if !holds(&bytes, file, erased)? {
        return Ok(Rewritten::Unchanged);
    }
    let rows = others(&bytes, file, erased)?;
    if rows.num_rows() == 0 {
        return Ok(Rewritten::Empty);
    }
    let times = rows[TIME].as_primitive::<TimestampMicrosecondType>();
    let day = times.value(0).div_euclid(DAY_US);
    Ok(Rewritten::Anew(write_file(&rows, file.shard, day, storage, prefix)?))
}

/// Whether there is an event of `erased`; decodes little more than the footer where there is none.
fn holds(bytes: &Bytes, file: &ArchiveFile, erased: &BTreeSet<String>) -> Result<bool, LakeError> {
    let theirs = Selection { tenants: Some(erased.clone()), bodies: false, ..Selection::default() };
    let found = read_file(bytes.clone(), file, &theirs, &mut |_| ControlFlow::Break(()))?;
    Ok(found.is_break())
}

/// The events of everybody else, in the file's order.
fn others(bytes: &Bytes, file: &ArchiveFile, erased: &BTreeSet<String>) -> Result<RecordBatch, LakeError> {
    let mut parts = Vec::new();
    // It never breaks off.
    let _ = read_file(bytes.clone(), file, &Selection::default(), &mut |part| {
        parts.push(part);
        ControlFlow::Continue(())
    })?;
    let rows = concat_batches(rows::schema(), &parts)?;
    drop(parts);
    let tenants = rows[TENANT].as_dictionary::<Int32Type>();
    let known = tenants.values().as_string::<i32>().iter();
    let stays: Vec<bool> = known.map(|tenant| tenant.is_none_or(|tenant| !erased.contains(tenant))).collect();
    let keep: BooleanArray = tenants.keys().values().iter().map(|key| Some(stays[*key as usize])).collect();
    Ok(filter_record_batch(&rows, &keep)?)
}
