//! Takes tenants out of files of the lake: a file that holds events of theirs is written anew without them.
//!
//! Offsets and order of the others stay, so they remain in their generation (see `archive`). The old files are nobody's
//! once no manifest names them. Not here: the log, what is computed from events.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use arrow::array::{AsArray, BooleanArray, RecordBatch};
use arrow::compute::{concat_batches, filter_record_batch};
use arrow::datatypes::{Int32Type, TimestampMicrosecondType};
use engine::snapshot::ArchiveFile;
use engine::storage::Storage;

use super::LakeError;
use super::archive::{DAY_US, write_file};
use super::read::{Selection, read_file};
use super::replay::read_whole;
use super::rows::{self, TENANT, TIME};

/// `files` without the events of `erased`: those that have none as they are, others rewritten under `prefix`, and none
/// where nothing is left.
pub(super) fn erase_events(
    files: &[ArchiveFile],
    erased: &BTreeSet<String>,
    storage: &dyn Storage,
    prefix: &str,
) -> Result<Vec<ArchiveFile>, LakeError> {
    let mut left = Vec::with_capacity(files.len());
    for file in files {
        if !holds(file, erased, storage)? {
            left.push(file.clone());
            continue;
        }
        let rows = others(file, erased, storage)?;
        if rows.num_rows() > 0 {
            let times = rows[TIME].as_primitive::<TimestampMicrosecondType>();
            left.push(write_file(&rows, file.shard, times.value(0).div_euclid(DAY_US), storage, prefix)?);
        }
    }
    Ok(left)
}

/// Whether there is an event of `erased`; reads little more than the footer where there is none.
fn holds(file: &ArchiveFile, erased: &BTreeSet<String>, storage: &dyn Storage) -> Result<bool, LakeError> {
    let theirs = Selection { tenants: Some(erased.clone()), bodies: false, ..Selection::default() };
    let found = read_file(read_whole(storage, file)?, file, &theirs, &mut |_| ControlFlow::Break(()))?;
    Ok(found.is_break())
}

/// The events of everybody else, in the file's order.
fn others(file: &ArchiveFile, erased: &BTreeSet<String>, storage: &dyn Storage) -> Result<RecordBatch, LakeError> {
    let mut parts = Vec::new();
    // It never breaks off.
    let _ = read_file(read_whole(storage, file)?, file, &Selection::default(), &mut |part| {
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
