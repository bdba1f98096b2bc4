//! The journal: any record is entries or a typed error that names the first bad one, and any entries that form a chain can
//! be applied.
//!
//! The first byte chooses whether kind, version and checksum of each envelope are made to fit, and which version; the rest is a
//! record's payload.

use std::collections::BTreeMap;
use std::sync::Arc;

use actors::TenantState;
use actors::journal::envelope::{self, Kind};
use actors::journal::{Entry, EntryHash, Journal, JournalError};
use actors::snapshots::{RECORD_VERSION, TenantRecord};
use engine::log::{Barrier, Completion, Header, Log, LogError, Offset, Record, Records};

const HEADER_BYTES: usize = 14;

pub(crate) fn run(input: &[u8]) {
    let Some((&choice, payload)) = input.split_first() else { return };
    let mut payload = payload.to_vec();
    if choice & 1 == 1 {
        mend(&mut payload, 1 + u16::from(choice >> 1 & 1));
    }
    check_record(&payload);
    check_entries(&payload);
    let _ = envelope::open::<(String, TenantRecord)>(Kind::Tenant, RECORD_VERSION, &payload);
    // What a snapshot's body may be, whatever stands before it.
    if let Ok(record) = envelope::decode::<(String, TenantRecord)>(&payload) {
        let again = envelope::seal(Kind::Tenant, RECORD_VERSION, &record).expect("it was as large before");
        assert_eq!(envelope::open::<(String, TenantRecord)>(Kind::Tenant, RECORD_VERSION, &again), Ok(record));
    }
}

/// The whole record, as a start reads it.
fn check_record(payload: &[u8]) {
    let header = Header { shard: 0, epoch: 0, rows: 1, watermark_us: 0, admitted_at_us: 0 };
    let journal = Journal::new(Arc::new(One(Record { header, payload: payload.to_vec(), notes: Vec::new() })));
    let mut tenants = BTreeMap::<String, TenantRecord>::new();
    let mut expect = 0;
    let replayed = journal.replay(0, |offset, entry, hash| {
        assert_eq!(offset, expect);
        tenants.entry(entry.tenant.clone()).or_default().apply(offset, &entry, hash)?;
        expect += 1;
        Ok(())
    });
    match replayed {
        Ok(()) => assert_eq!(expect, 1),
        Err(JournalError::Rows { found, .. }) => assert_eq!(u64::from(found), expect),
        Err(
            JournalError::Damaged { offset, .. }
            | JournalError::Unknown { offset, .. }
            | JournalError::Broken { offset, .. },
        ) => assert_eq!(offset, expect),
        Err(other) => panic!("{other}"),
    }
}

/// Each entry on its own, chained or not: it is sealed as it was read, and its changes can be applied.
fn check_entries(mut rest: &[u8]) {
    let mut state = TenantState::default();
    while let Ok((first, behind)) = envelope::split(Kind::Entry, rest) {
        rest = behind;
        let Ok(entry) = Entry::open(first) else { continue };
        entry.changes.iter().for_each(|change| state.apply(change));
        // The current format names its fields, so that what just fitted the first may be too large for it.
        let Ok(again) = entry.seal() else { continue };
        assert_eq!(Entry::open(&again).as_ref(), Ok(&entry));
        assert_eq!(EntryHash::of(first) == EntryHash::of(&again), *first == again);
    }
}

fn mend(payload: &mut [u8], version: u16) {
    let mut rest = payload;
    while let Some((header, behind)) = rest.split_at_mut_checked(HEADER_BYTES) {
        header[..4].copy_from_slice(b"tnJE");
        header[4..6].copy_from_slice(&version.to_le_bytes());
        let length = u32::from_le_bytes(header[6..10].try_into().expect("four bytes")) as usize;
        let length = length.min(behind.len());
        let (body, behind) = behind.split_at_mut(length);
        header[6..10].copy_from_slice(&(length as u32).to_le_bytes());
        let crc = crc32c::crc32c_append(crc32c::crc32c(&header[..10]), body);
        header[10..].copy_from_slice(&crc.to_le_bytes());
        rest = behind;
    }
}

/// A log of one record, which is only read.
struct One(Record);

impl Log for One {
    fn append(&self, _: Record, done: Completion) {
        done(Err(LogError::Closed));
    }

    fn barrier(&self, reached: Barrier) {
        reached(self.end());
    }

    fn start(&self) -> Offset {
        0
    }

    fn end(&self) -> Offset {
        1
    }

    fn read(&self, _: Offset) -> Result<Records<'_>, LogError> {
        Ok(Box::new(std::iter::once(Ok((0, self.0.clone())))))
    }

    fn trim(&self, _: Offset) -> Result<(), LogError> {
        Ok(())
    }

    fn roll(&self) {}

    fn bytes(&self) -> u64 {
        self.0.payload.len() as u64
    }
}
