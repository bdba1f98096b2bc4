//! Cold panes: Parquet files of the lake that live as long as a checkpoint refers to them, and whose damage is an answer.

use std::sync::Arc;

use bytes::Bytes;
use engine::calendar::Interval;
use engine::checkpoint::manifest::{FORMAT, Manifest, Manifests, ShardManifest};
use engine::dedup::sequence::Sequences;
use engine::meter::{Aggregation, Meter, Window};
use engine::shard::{Operator, SealedFiles};
use engine::snapshot::Archive;
use engine::storage::Storage;
use engine::units::ONE;
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use pipelines::metering::{MeteringError, WindowFilter, windows};
use serde_json::Value;

use super::event::{BASE, Event, Region, SECOND, Shard, batch, meter, operator, position};
use super::exactness::{aggregations, read};
use super::oracle::Row;
use super::sql::EXPRESSIONS;

fn minute(aggregation: Aggregation) -> Meter {
    meter(aggregation, Window::Tumbling { size_s: 60 })
}

fn event(at: usize, time_us: i64) -> Event {
    Event {
        tenant: ["acme", "zeta"][at % 2].to_owned(),
        id: at.to_string(),
        event_type: "call",
        time_us,
        value: Some((at as i128 - 7) * ONE / 8),
        region: [Some(Region::Text("us")), None, Some(Region::Number(1))][at % 3].clone(),
    }
}

/// A shard with 40 old events, which grow cold at the next seal, and a new one.
fn filled(meter: &Meter) -> Shard {
    let mut shard = Shard::new(std::slice::from_ref(meter));
    let old: Vec<Event> = (0..40).map(|at| event(at, BASE + at as i64 * 20 * SECOND)).collect();
    shard.operator.apply(&batch(&old), position(0));
    shard.operator.apply(&batch(&[event(41, BASE + 7200 * SECOND)]), position(100));
    shard
}

fn seal(shard: &mut Shard, prefix: &str) -> (Value, SealedFiles) {
    let mut files = SealedFiles::default();
    let description = shard.operator.seal().write(&shard.storage, prefix, &mut files).unwrap();
    (description, files)
}

fn values(shard: &mut Shard) -> Vec<Row> {
    read(std::slice::from_mut(shard), &WindowFilter::default())
}

#[test]
fn every_aggregation_s_cold_panes_are_parquet_and_come_back_exactly() {
    let sql = EXPRESSIONS.iter().map(|expression| Aggregation::Sql { expression: (*expression).into() });
    for aggregation in aggregations().into_iter().chain(sql) {
        let meter = minute(aggregation.clone());
        let mut shard = filled(&meter);
        let expect = values(&mut shard);
        let (description, files) = seal(&mut shard, "checkpoints/7-");
        // What Parquet can't give back exactly would have stayed in the checkpoint.
        assert_eq!(files.lake, ["lake/panes/m/7-panes.parquet"], "{aggregation:?}");
        assert_eq!(files.checkpoint, ["checkpoints/7-panes"], "the recent pane, {aggregation:?}");
        assert_eq!(values(&mut shard), expect, "{aggregation:?}");
        shard.operator = operator(&shard.storage);
        shard.operator.restore(&description, &shard.storage).unwrap();
        shard.operator.configure(&[meter.into()], None).unwrap();
        assert_eq!(values(&mut shard), expect, "{aggregation:?} after a restart");
    }
}

#[test]
fn a_stranger_reads_cold_panes_as_plain_parquet() {
    let mut shard = filled(&minute(Aggregation::Avg));
    let (_, files) = seal(&mut shard, "checkpoints/7-");
    let bytes = Bytes::from(shard.storage.read(&files.lake[0]).unwrap());
    let plain = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    let builder = ParquetRecordBatchReaderBuilder::try_new_with_options(bytes, plain).unwrap();
    let columns: Vec<_> = builder.schema().fields().iter().map(|field| field.name().clone()).collect();
    let marks = ["tenant", "region", "pane_start", "revision", "watermark", "time_first", "time_last"];
    assert_eq!(columns[..7], marks);
    assert!(columns.len() > 7 && columns[7..].iter().all(|name| name.starts_with("state_")), "{columns:?}");
    let rows: usize = builder.build().unwrap().map(|batch| batch.unwrap().num_rows()).sum();
    assert_eq!(rows, values(&mut shard).len() - 1, "a pane is a window here, and one is recent");
}

#[test]
fn any_damaged_byte_of_a_cold_file_is_an_answer_that_names_it() {
    let mut shard = filled(&minute(Aggregation::Sum));
    let (_, files) = seal(&mut shard, "checkpoints/7-");
    let [file] = files.lake.as_slice() else { panic!("one file of the lake: {files:?}") };
    let hour = Interval { start_us: BASE, end_us: BASE + 3600 * SECOND };
    let used = shard.operator.used("acme", "m", hour);
    assert!(used.is_some_and(|used| used > 0));
    let view = shard.view();
    let all = |filter: &WindowFilter| windows(std::slice::from_ref(&view), "m", filter);
    for byte in 0..shard.storage.size(file).unwrap() {
        shard.storage.flip_bit(file, byte, (byte % 8) as u8).unwrap();
        let error = all(&WindowFilter::default()).unwrap_err();
        assert!(matches!(error, MeteringError::Unreadable { .. }), "{error:?}");
        let error = error.to_string();
        assert!(error.contains(&format!("{file}: damaged")), "byte {byte}: {error}");
        shard.storage.flip_bit(file, byte, (byte % 8) as u8).unwrap();
    }
    assert_eq!(shard.operator.used("acme", "m", hour), used);
    shard.storage.truncate(file, 20).unwrap();
    assert!(all(&WindowFilter::default()).unwrap_err().to_string().contains(file));
    let recent = Interval { start_us: BASE + 7200 * SECOND, end_us: BASE + 7260 * SECOND };
    let recent = WindowFilter { time: Some(recent), ..WindowFilter::default() };
    assert_eq!(all(&recent).unwrap().num_rows(), 1, "needs no cold panes");
    assert_eq!(shard.operator.used("acme", "m", hour), None, "so the gate lets nothing in (I7)");
    shard.storage.remove(file).unwrap();
    assert!(all(&WindowFilter::default()).unwrap_err().to_string().contains(file));
}

#[test]
fn corrections_to_cold_panes_are_deltas_of_their_own() {
    let meter = Meter { dimensions: vec![], ..minute(Aggregation::Count) };
    let mut shard = filled(&meter);
    seal(&mut shard, "checkpoints/7-");
    let before = values(&mut shard);
    shard.operator.apply(&batch(&[event(0, BASE)]), position(101));
    let after = values(&mut shard);
    assert_eq!(after[1..], before[1..]);
    assert_eq!(after[0].value.unwrap(), before[0].value.unwrap() + ONE);
    let hour = Interval { start_us: BASE, end_us: BASE + 3600 * SECOND };
    assert_eq!(shard.operator.used("acme", "m", hour), Some(21 * ONE));
}

/// A checkpoint of the shard as the engine makes it.
fn checkpoint(shard: &mut Shard, manifests: &Manifests) {
    let generation = manifests.next_generation().unwrap();
    let (operator, files) = seal(shard, &format!("checkpoints/{generation}-"));
    let (files, lake_files) = (files.checkpoint, files.lake);
    let (dedup, sequences) = (Value::Null, Sequences::default());
    let part = ShardManifest { shard: 0, watermark_us: 0, dedup, sequences, operator, files, lake_files };
    let archive = Archive::default();
    let manifest =
        Manifest { format: FORMAT, generation, epoch: 1, log_offset: 0, created_at_us: 0, archive, shards: vec![part] };
    manifests.create(&manifest).unwrap();
    manifests.collect_garbage(2).unwrap();
}

#[test]
fn a_removed_meter_s_cold_files_go_with_the_last_checkpoint_that_knows_them() {
    let meter = minute(Aggregation::Sum);
    let mut shard = filled(&meter);
    let manifests = Manifests::new(Arc::new(shard.storage.clone()), "checkpoints");
    let storage = shard.storage.clone();
    let cold = || storage.list("lake/panes/m").unwrap().len();
    checkpoint(&mut shard, &manifests);
    checkpoint(&mut shard, &manifests);
    assert_eq!(cold(), 1, "written once");
    shard.operator.configure(&[], None).unwrap();
    checkpoint(&mut shard, &manifests);
    assert_eq!(cold(), 1, "the checkpoint before still needs it");
    checkpoint(&mut shard, &manifests);
    assert_eq!(cold(), 0);
}

#[test]
fn what_a_crash_left_is_nobody_s_and_in_nobody_s_way() {
    let meter = minute(Aggregation::Sum);
    let mut shard = filled(&meter);
    let expect = values(&mut shard);
    // No manifest ever named this seal, and the next one has the same names: a node that was killed starts again.
    seal(&mut shard, "checkpoints/1-");
    let mut again = filled(&meter);
    again.storage = shard.storage.clone();
    again.storage.remove("checkpoints/1-panes").unwrap();
    let manifests = Manifests::new(Arc::new(again.storage.clone()), "checkpoints");
    checkpoint(&mut again, &manifests);
    assert_eq!(again.storage.list("lake/panes/m").unwrap().len(), 2);
    Manifests::new(Arc::new(again.storage.clone()), "checkpoints").remove_orphans().unwrap();
    assert_eq!(again.storage.list("lake/panes/m").unwrap(), ["lake/panes/m/1-panes-1.parquet"]);
    again.operator = operator(&again.storage);
    let description = manifests.latest(0).unwrap().unwrap().shards.remove(0).operator;
    again.operator.restore(&description, &again.storage).unwrap();
    assert_eq!(values(&mut again), expect);
}
