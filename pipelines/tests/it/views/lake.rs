//! What is archived is read back: by queries, selected; and by backfills, in log order.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::Int32Type;
use bytes::Bytes;
use engine::event::batch::EventBatch;
use engine::event::json::data_json;
use engine::lake::{Lake, LakeError as EngineLakeError};
use engine::shard::{Operator, Position};
use engine::snapshot::{Archive, ArchiveFile, ShardView};
use engine::storage::faulty::{Fault, FaultyStorage, Operation, Rule};
use engine::storage::memory::MemoryStorage;
use engine::storage::{Storage, StorageError};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use pipelines::lake::history::Places;
use pipelines::lake::read::read_file;
use pipelines::lake::{LakeError, ParquetLake, Selection, archive_events, history};
use pipelines::metering::{self, MeteringOperator, MeteringOptions, WindowFilter};

use super::generate::{Random, batches, meters, tenants};
use super::node::{SHARDS, TestNode, texts};

fn filled(seed: u64, count: usize) -> (Arc<TestNode>, Vec<(EventBatch, Position)>) {
    let node = TestNode::new(meters(), tenants());
    let mut random = Random::new(seed);
    let appended = batches(&mut random, 0, count).iter().flat_map(|batch| node.append(batch)).collect();
    (node, appended)
}

fn read(node: &TestNode, selection: &Selection) -> Vec<Vec<String>> {
    read_from(node, node.archived(), selection)
}

fn places<'a>(node: &'a TestNode, archive: Arc<Archive>, archive_now: &'a dyn Fn() -> Arc<Archive>) -> Places<'a> {
    Places { archive, archive_now, log: &*node.log, storage: &node.storage, shards: SHARDS }
}

fn read_from(node: &TestNode, archive: Arc<Archive>, selection: &Selection) -> Vec<Vec<String>> {
    let archive_now = || node.archived();
    let places = places(node, archive, &archive_now);
    let mut found = Vec::new();
    let mut emit = |batch: RecordBatch| {
        found.extend(texts(&[batch]));
        ControlFlow::Continue(())
    };
    history(&places, node.log.end(), selection, &mut emit).unwrap();
    found.sort();
    found
}

#[test]
fn history_is_the_same_before_and_after_archiving() {
    let (node, _) = filled(1, 2000);
    let selections = [
        Selection::default(),
        Selection { bodies: false, late: true, ..Selection::default() },
        Selection { tenants: Some(BTreeSet::from(["globex".into(), "größe".into()])), ..Selection::default() },
        Selection { revision: (500, 1499), shard: Some(1), ..Selection::default() },
        Selection { time_us: (1_774_730_000_000_000, 1_774_732_000_000_000), ..Selection::default() },
        Selection { tenants: Some(BTreeSet::new()), ..Selection::default() },
    ];
    let before = selections.each_ref().map(|selection| read(&node, selection));
    assert_eq!(before[0].len(), 2000);
    assert!(before[1..5].iter().all(|rows| !rows.is_empty() && rows.len() < 2000));
    for until in [1, 777, 777, 2000] {
        let cut = node.archived();
        node.archive(until);
        for (selection, before) in selections.iter().zip(&before) {
            assert_eq!(&read(&node, selection), before, "{until} {selection:?}");
            // A query whose cut is from before the move reads on in the lake.
            assert_eq!(&read_from(&node, Arc::clone(&cut), selection), before, "{until} {selection:?}");
        }
    }
}

#[test]
fn replay_gives_the_batches_that_were_applied() {
    let (node, appended) = filled(2, 1500);
    node.archive(700);
    node.archive(1500);
    // Spelled out: columns may be other ones, events may not.
    let spell = |(batch, position): &(EventBatch, Position)| {
        let fixed = batch.record_batch().project(&[0, 1, 2, 3, 4, 5]).unwrap();
        let data = data_json(batch).iter().map(|json| json.map(str::to_owned)).collect::<Vec<_>>();
        (*position, texts(&[fixed]), data)
    };
    let mut events = 0;
    for shard in 0..SHARDS {
        let mut replayed = Vec::new();
        let mut each = |batch, position| replayed.push((batch, position));
        ParquetLake.read(&node.archived().files, shard, &*node.storage, &mut each).unwrap();
        // The cut at 700 may have gone through a record.
        let joined = join(replayed.iter().map(spell).collect());
        let of_shard = appended
            .iter()
            .filter(|(batch, _)| engine::event::split::shard_of(batch.tenants().get(0).unwrap(), SHARDS) == shard);
        assert_eq!(joined, join(of_shard.map(spell).collect()), "shard {shard}");
        events += joined.iter().map(|(_, rows, _)| rows.len()).sum::<usize>();
    }
    assert_eq!(events, 1500);
}

type Spelled = (Position, Vec<Vec<String>>, Vec<Option<String>>);

/// Neighbours with one watermark and clock become one.
fn join(spelled: Vec<Spelled>) -> Vec<Spelled> {
    let mut joined = Vec::<Spelled>::new();
    for (position, rows, data) in spelled {
        match joined.last_mut() {
            Some((last, last_rows, last_data))
                if last.offset + last_rows.len() as u64 == position.offset
                    && last.watermark_us == position.watermark_us
                    && last.admitted_at_us == position.admitted_at_us =>
            {
                last_rows.extend(rows);
                last_data.extend(data);
            }
            _ => joined.push((position, rows, data)),
        }
    }
    joined
}

#[test]
fn a_meter_backfilled_from_the_lake_equals_one_that_was_there() {
    let (node, appended) = filled(3, 2000);
    node.archive(node.log.end());
    let files = node.archived().files.clone();
    let names = meters().into_iter().map(|meter| meter.name).collect::<Vec<_>>();
    let operator = || {
        let mut operator = MeteringOperator::new(MeteringOptions::default(), Arc::clone(&node.storage));
        operator.configure(&meters().into_iter().map(Into::into).collect::<Vec<_>>(), None).unwrap();
        operator
    };
    let (mut live, mut filled) = (operator(), operator());
    appended.iter().for_each(|(batch, position)| live.apply(batch, *position));
    for shard in 0..SHARDS {
        let mut each = |batch: EventBatch, position| filled.backfill(&names, &batch, position);
        ParquetLake.read(&files, shard, &*node.storage, &mut each).unwrap();
    }
    let view = |operator: &mut MeteringOperator| {
        let state = operator.publish(0);
        [ShardView { shard: 0, applied: 0, watermark_us: 0, admitted: 0, lag: 0, remembered_ids: 0, state }]
    };
    let (live, filled) = (view(&mut live), view(&mut filled));
    for name in &names {
        let windows = |shards| texts(&[metering::windows(shards, name, &WindowFilter::default()).unwrap()]);
        assert_eq!(windows(&live), windows(&filled), "{name}");
        assert!(!windows(&live).is_empty(), "{name}");
    }
}

#[test]
fn files_of_an_archiving_that_was_cut_short_are_never_overwritten() {
    let (node, _) = filled(4, 300);
    let archive =
        || archive_events(node.log.read(0).unwrap(), 0..300, &BTreeSet::new(), &*node.storage, "lake").unwrap();
    let (first, second) = (archive(), archive());
    let names = |files: &[engine::snapshot::ArchiveFile]| files.iter().map(|f| f.name.clone()).collect::<Vec<_>>();
    assert!(names(&first).iter().all(|name| !names(&second).contains(name)));
    assert_eq!(first.iter().map(|file| file.rows).sum::<u64>(), 300);
    // Equal input, equal bytes (I4).
    for (a, b) in first.iter().zip(&second) {
        assert_eq!(node.storage.read(&a.name).unwrap(), node.storage.read(&b.name).unwrap());
    }
}

#[test]
fn an_archiving_that_meets_a_full_disk_takes_its_files_back() {
    let (node, _) = filled(6, 300);
    let archive =
        |storage: &dyn Storage| archive_events(node.log.read(0).unwrap(), 0..300, &BTreeSet::new(), storage, "lake");
    let whole = archive(&MemoryStorage::new()).unwrap();
    assert!(whole.len() > 1, "some are written before the disk is full");
    let faulty = FaultyStorage::new(Arc::new(MemoryStorage::new()));
    let (operation, skip, fault) = (Operation::CreateNew, whole.len() as u64 - 1, Fault::Full);
    faulty.inject(Rule { operation, name_contains: String::new(), skip, times: u64::MAX, fault });
    let error = archive(&faulty).unwrap_err();
    assert!(matches!(error, LakeError::Storage(StorageError::Full { .. })), "{error}");
    for file in &whole {
        assert!(matches!(faulty.size(&file.name), Err(StorageError::NotFound { .. })), "{} is left", file.name);
    }
}

#[test]
fn damage_and_absence_are_errors_that_name_the_file() {
    let (node, _) = filled(5, 300);
    node.archive(300);
    let mut archive = Archive::clone(&node.archived());
    archive.files[0].name = "lake/gone.parquet".into();
    let read = |archive: &Archive| {
        let archive_now = || Arc::new(archive.clone());
        let places = places(&node, archive_now(), &archive_now);
        history(&places, 300, &Selection::default(), &mut |_| ControlFlow::Continue(()))
    };
    let error = read(&archive).unwrap_err();
    assert!(matches!(&error, LakeError::Storage(StorageError::NotFound { name }) if name == "lake/gone.parquet"));

    node.storage.create_new("lake/noise.parquet", &[7; 4096]).unwrap();
    archive.files[0].name = "lake/noise.parquet".into();
    let error = read(&archive).unwrap_err();
    assert!(error.to_string().starts_with("lake file lake/noise.parquet can't be read"), "{error}");

    // Of a file that the lake has meanwhile replaced, because a tenant was erased, another look finds the new one; be it gone
    // before it is opened, or cut off while it is read.
    for name in ["lake/gone.parquet", "lake/noise.parquet"] {
        archive.files[0].name = name.into();
        let archive_now = || node.archived();
        let replaced = places(&node, Arc::new(archive.clone()), &archive_now);
        let read_replaced = history(&replaced, 300, &Selection::default(), &mut |_| ControlFlow::Continue(()));
        assert!(matches!(read_replaced, Err(LakeError::Moved)), "{name}");
    }

    let forgotten = Archive::default();
    assert!(matches!(read(&forgotten), Err(LakeError::Moved)));
}

#[test]
fn no_flipped_bit_of_a_file_is_believed_or_panics() {
    let (node, _) = filled(9, 300);
    node.archive(300);
    let file = node.archived().files[0].clone();
    let whole = node.storage.read(&file.name).unwrap();
    let read = |file: &ArchiveFile, bytes: Vec<u8>| {
        let mut rows = Vec::new();
        read_file(Bytes::from(bytes), file, &Selection::default(), &mut |batch| {
            rows.push(batch);
            ControlFlow::Continue(())
        })
        .map(|_| rows)
    };
    let right = read(&file, whole.clone()).unwrap();
    let footer = whole.len() - 8 - u32::from_le_bytes(whole[whole.len() - 8..][..4].try_into().unwrap()) as usize;
    let unchecked = ArchiveFile { checksums: None, ..file.clone() };
    let mut passed_over = 0;
    for at in 0..whole.len() {
        let mut flipped = whole.clone();
        flipped[at] ^= 1 << (at % 8);
        match read(&file, flipped.clone()) {
            // Not a byte of a chunk or the footer: the first four, and the index of pages, which is not read.
            Ok(rows) => {
                assert_eq!(rows, right, "byte {at}");
                passed_over += 1;
            }
            Err(LakeError::Damaged { file: name, .. }) => assert_eq!(name, file.name, "byte {at}"),
            Err(other) => panic!("byte {at}: {other}"),
        }
        // Without checksums of the footer, as in files from before there were any, it is an error or rows, and never a panic.
        if at >= footer
            && let Err(error) = read(&unchecked, flipped)
        {
            assert!(matches!(error, LakeError::Damaged { .. }), "byte {at}: {error}");
        }
    }
    assert!(passed_over < whole.len() / 4, "{passed_over} of {} bytes are not looked at", whole.len());
    for length in 0..9 {
        assert!(read(&unchecked, whole[..length].to_vec()).is_err());
    }
}

#[test]
fn who_reads_a_file_whole_notices_any_flipped_bit() {
    let (node, _) = filled(10, 300);
    node.archive(300);
    let file = node.archived().files[0].clone();
    let bytes = node.storage.read(&file.name).unwrap();
    for at in (0..bytes.len() as u64).step_by(97) {
        let storage = MemoryStorage::new();
        storage.create_new(&file.name, &bytes).unwrap();
        storage.flip_bit(&file.name, at, 3).unwrap();
        let files = std::slice::from_ref(&file);
        let erased = ParquetLake.erase(files, &BTreeSet::from(["globex".to_owned()]), &storage, "lake/again");
        let replayed = ParquetLake.read(files, file.shard, &storage, &mut |_, _| {});
        for error in [erased.map(drop).unwrap_err(), replayed.unwrap_err()] {
            assert!(
                matches!(&error, EngineLakeError::Corrupt { file: name, .. } if *name == file.name),
                "byte {at}: {error}"
            );
        }
    }
}

/// What the file's own dictionary of tenants holds, used or not.
fn names_in(storage: &dyn Storage, file: &ArchiveFile) -> BTreeSet<String> {
    let bytes = Bytes::from(storage.read(&file.name).unwrap());
    let batches = ParquetRecordBatchReaderBuilder::try_new(bytes).unwrap().build().unwrap();
    let tenants = batches.map(|batch| batch.unwrap()["tenant"].as_dictionary::<Int32Type>().values().clone());
    tenants
        .flat_map(|values| values.as_string::<i32>().iter().flatten().map(str::to_owned).collect::<Vec<_>>())
        .collect()
}

#[test]
fn an_erased_tenant_s_events_are_in_no_file_and_all_others_are() {
    let (node, _) = filled(7, 1200);
    let erased = BTreeSet::from(["globex".to_owned()]);
    let of_others = |rows: Vec<Vec<String>>| -> Vec<_> {
        rows.into_iter().filter(|row| !row.iter().any(|cell| cell == "globex")).collect()
    };
    let before = read(&node, &Selection::default());
    let expect = of_others(before.clone());
    assert!(expect.len() < before.len());

    // Out of the log while half of it moves, and out of the lake for the other half.
    node.archive(600);
    let mut files = ParquetLake.erase(&node.archived().files, &erased, &*node.storage, "lake/again").unwrap();
    let archive = |from, until| ParquetLake.archive(&*node.log, from, until, &erased, &*node.storage, "lake/rest");
    files.extend(archive(600, 1200).unwrap());
    for file in &files {
        assert!(!names_in(&*node.storage, file).contains("globex"), "{}", file.name);
    }
    let archive = Arc::new(Archive { until: 1200, files: files.clone() });
    assert_eq!(read_from(&node, archive, &Selection::default()), expect);

    // What holds nothing of theirs stays as it is.
    assert_eq!(ParquetLake.erase(&files, &erased, &*node.storage, "lake/third").unwrap(), files);
}

#[test]
fn an_erasure_that_meets_a_full_disk_takes_its_files_back() {
    let (node, _) = filled(8, 600);
    let one: BTreeSet<String> = tenants().iter().map(|tenant| tenant.tenant.clone()).take(1).collect();
    // Several files hold the same tenant, so that one is rewritten before the disk is full.
    let memory = MemoryStorage::new();
    let halves = [(0, 300), (300, 600)]
        .map(|(from, until)| ParquetLake.archive(&*node.log, from, until, &BTreeSet::new(), &memory, "lake").unwrap());
    let files = halves.concat();
    let faulty = FaultyStorage::new(Arc::new(memory));
    let whole = ParquetLake.erase(&files, &one, &faulty, "lake/again").unwrap();
    let rewritten: Vec<_> = whole.iter().filter(|file| !files.contains(file)).collect();
    assert!(rewritten.len() > 1, "some are written before the disk is full");
    rewritten.iter().for_each(|file| faulty.remove(&file.name).unwrap());

    let (operation, skip, fault) = (Operation::CreateNew, rewritten.len() as u64 - 1, Fault::Full);
    faulty.inject(Rule { operation, name_contains: String::new(), skip, times: u64::MAX, fault });
    assert!(ParquetLake.erase(&files, &one, &faulty, "lake/again").is_err());
    for file in rewritten {
        assert!(matches!(faulty.size(&file.name), Err(StorageError::NotFound { .. })), "{} is left", file.name);
    }
}
