//! The segment reader: any file gives the records before its end or a typed error, and what opened once opens again.
//!
//! The first byte chooses whether the file is taken as it is or with its checksums made to fit, without which no
//! mutation would get behind them. The rest is the last segment's file, named by the offset in its header.

use std::sync::Arc;

use engine::log::segment::{SegmentLog, SegmentOptions};
use engine::log::{Header, Log, Record};
use engine::storage::Storage;
use engine::storage::memory::MemoryStorage;

const SEGMENT_HEADER_BYTES: usize = 24;
const FRAME_HEADER_BYTES: usize = 64;

pub(crate) fn run(input: &[u8]) {
    let Some((&choice, file)) = input.split_first() else { return };
    let mut file = file.to_vec();
    if choice & 1 == 1 {
        mend(&mut file);
    }
    let start = file.get(12..20).map_or(0, |bytes| u64::from_le_bytes(bytes.try_into().expect("eight bytes")));
    let storage = Arc::new(MemoryStorage::new());
    let name = format!("log/{start:020}-000000.segment");
    storage.create_new(&name, &file).expect("the name is free");

    let Ok(log) = open(&storage) else {
        return assert_eq!(storage.read(&name).as_ref(), Ok(&file), "what is refused is left alone");
    };
    assert!(log.recovered_bytes() <= file.len() as u64);
    let found = records(&log);
    let header = Header { shard: 0, epoch: 0, rows: 1, watermark_us: 0, admitted_at_us: 0 };
    let record = Record { header, payload: vec![1], notes: Vec::new() };
    let (decided, decision) = std::sync::mpsc::channel();
    log.append(record.clone(), Box::new(move |result| decided.send(result).expect("the test waits")));
    let appended = decision.recv().expect("every append is decided");
    drop(log);

    // Whatever was cut off, the second time there is nothing to cut.
    let again = open(&storage).expect("a log that was opened and closed opens");
    assert_eq!(again.recovered_bytes(), 0);
    let mut expect = found;
    expect.extend(appended.ok().map(|offset| (offset, record)));
    assert_eq!(records(&again), expect);
}

fn open(storage: &Arc<MemoryStorage>) -> Result<SegmentLog, engine::log::LogError> {
    SegmentLog::open(Arc::clone(storage) as _, "log", SegmentOptions::default())
}

fn records(log: &SegmentLog) -> Vec<(u64, Record)> {
    let records = log.read(log.start()).expect("the start can be read");
    let records: Vec<_> = records.map(|record| record.expect("what was checked at opening is read")).collect();
    let mut end = log.start();
    for (first, record) in &records {
        assert_eq!(*first, end, "offsets have no gaps");
        end += u64::from(record.header.rows);
    }
    assert_eq!(end, log.end());
    records
}

/// Makes the magic and the checksums of the header and of each frame fit, as far as frames follow each other.
fn mend(file: &mut [u8]) {
    if file.len() < SEGMENT_HEADER_BYTES {
        return;
    }
    file[..8].copy_from_slice(b"evntlog\n");
    let crc = crc32c::crc32c(&file[..20]);
    file[20..24].copy_from_slice(&crc.to_le_bytes());
    let mut rest = &mut file[SEGMENT_HEADER_BYTES..];
    while let Some((frame, behind)) = rest.split_at_mut_checked(FRAME_HEADER_BYTES) {
        let length = |at: usize| u32::from_le_bytes(frame[at..at + 4].try_into().expect("four bytes")) as usize;
        let body_bytes = length(12).saturating_add(length(16)).min(behind.len());
        let (body, behind) = behind.split_at_mut(body_bytes);
        frame[..4].copy_from_slice(&[0xF1, b'r', b'e', b'c']);
        frame[8..12].copy_from_slice(&crc32c::crc32c(body).to_le_bytes());
        let crc = crc32c::crc32c(&frame[8..]);
        frame[4..8].copy_from_slice(&crc.to_le_bytes());
        rest = behind;
    }
}
