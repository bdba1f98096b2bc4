//! A shard's archived history put back into log order, as the batches that it was once applied in: for meters defined
//! later.
//!
//! Generation by generation (see `archive`). Offsets, watermarks and clocks are those of admission, so that a backfilled
//! meter equals one that was there from the start (I3, I4).

use std::ops::ControlFlow;

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::{concat_batches, sort_to_indices, take_record_batch};
use arrow::datatypes::{Int32Type, Int64Type, TimestampMicrosecondType};
use engine::event::batch::{EventBatch, Texts};
use engine::event::builder::{Attributes, EventBatchBuilder};
use engine::event::cloudevents::Members;
use engine::event::rest;
use engine::shard::Position;
use engine::snapshot::ArchiveFile;
use engine::storage::Storage;

use super::LakeError;
use super::damage::read_whole;
use super::read::{Selection, read_file};
use super::rows::{ADMITTED_AT, ATTRIBUTES, DATA, REVISION, WATERMARK, schema};

/// Gives every event of `shard` in `files`, in log order: its batch and where it stands. Holds one generation at most.
pub fn replay(
    files: &[ArchiveFile],
    shard: u16,
    storage: &dyn Storage,
    each: &mut dyn FnMut(EventBatch, Position),
) -> Result<(), LakeError> {
    let selection = Selection { shard: Some(shard), ..Selection::default() };
    for generation in generations(files.iter().filter(|file| selection.touches(file)).collect()) {
        let mut open = Open::read(&generation, storage, &selection)?;
        while let Some((batch, position)) = open.next_batch()? {
            each(batch, position);
        }
    }
    Ok(())
}

/// Files whose offsets overlap belong together.
fn generations(mut files: Vec<&ArchiveFile>) -> Vec<Vec<&ArchiveFile>> {
    files.sort_by_key(|file| file.offset_min);
    let mut generations = Vec::<Vec<&ArchiveFile>>::new();
    let mut end = None;
    for file in files {
        let overlaps = end.is_some_and(|end| file.offset_min <= end);
        end = end.max(Some(file.offset_max));
        match generations.last_mut() {
            Some(generation) if overlaps => generation.push(file),
            _ => generations.push(vec![file]),
        }
    }
    generations
}

/// One generation's rows of the shard, by offset.
struct Open {
    rows: RecordBatch,
    at: usize,
    data: Members,
}

impl Open {
    fn read(files: &[&ArchiveFile], storage: &dyn Storage, selection: &Selection) -> Result<Self, LakeError> {
        let mut parts = Vec::new();
        for file in files {
            // From end to end, so in one piece. It never breaks off.
            let _ = read_file(read_whole(storage, file)?, file, selection, &mut |part| {
                parts.push(part);
                ControlFlow::Continue(())
            })?;
        }
        let rows = concat_batches(schema(), &parts)?;
        drop(parts);
        let order = sort_to_indices(&rows[REVISION], None, None)?;
        Ok(Self { rows: take_record_batch(&rows, &order)?, at: 0, data: Members::default() })
    }

    /// The rows from `at` on that were one record.
    fn next_batch(&mut self) -> Result<Option<(EventBatch, Position)>, LakeError> {
        let (first, rows) = (self.at, self.rows.num_rows());
        if first == rows {
            return Ok(None);
        }
        let revisions = self.rows[REVISION].as_primitive::<Int64Type>();
        let instants = |name: &str| self.rows[name].as_primitive::<TimestampMicrosecondType>().values();
        let (watermarks, clocks) = (instants(WATERMARK), instants(ADMITTED_AT));
        let follows = |row: &usize| {
            let row = *row;
            revisions.value(row) == revisions.value(row - 1) + 1
                && watermarks[row] == watermarks[row - 1]
                && clocks[row] == clocks[row - 1]
        };
        self.at = first + 1 + (first + 1..rows).take_while(follows).count();
        let position = Position {
            offset: revisions.value(first).unsigned_abs(),
            watermark_us: watermarks[first],
            admitted_at_us: clocks[first],
        };
        let rows = self.rows.slice(first, self.at - first);
        let batch =
            events(&rows, &mut self.data).map_err(|reason| LakeError::Record { offset: position.offset, reason })?;
        Ok(Some((batch, position)))
    }
}

/// The event batch that `rows` once were, or why not.
fn events(rows: &RecordBatch, data: &mut Members) -> Result<EventBatch, String> {
    let label = |name: &str| Texts::new(rows[name].as_dictionary::<Int32Type>());
    let (tenants, sources, types, subjects) = (label("tenant"), label("source"), label("type"), label("subject"));
    let ids = rows["id"].as_string::<i32>();
    let (texts, attributes) = (rows[DATA].as_string::<i32>(), rows[ATTRIBUTES].as_string::<i32>());
    let times = rows["time"].as_primitive::<TimestampMicrosecondType>().values();
    let mut builder = EventBatchBuilder::new();
    for (row, time_us) in times.iter().enumerate() {
        if texts.is_valid(row) {
            data.stage(texts.value(row), &mut builder).map_err(|error| error.to_string())?;
        }
        if attributes.is_valid(row) {
            rest::members(attributes.value(row)).for_each(|(name, json)| builder.json(&name, &json));
        }
        builder.commit(Attributes {
            tenant: tenants.get(row).unwrap_or_default(),
            id: ids.value(row),
            source: sources.get(row).unwrap_or_default(),
            event_type: types.get(row).unwrap_or_default(),
            subject: subjects.get(row),
            time_us: *time_us,
        });
    }
    Ok(builder.finish())
}
