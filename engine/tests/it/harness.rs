//! What several suites need: small records, and a log asked and answered in one call.

use std::sync::mpsc;

use engine::log::{Header, Log, LogError, Offset, Record};

/// A record whose bytes tell it from others.
pub(crate) fn record(rows: u32, payload_bytes: usize, mark: u8) -> Record {
    let header = Header {
        shard: u16::from(mark) % 4,
        epoch: 7,
        rows,
        watermark_us: -i64::from(mark),
        admitted_at_us: 1_700_000_000_000_000 + i64::from(mark),
    };
    let payload = (0..payload_bytes).map(|at| (at as u8).wrapping_mul(31) ^ mark).collect();
    Record { header, payload, notes: vec![mark; usize::from(mark) % 5] }
}

/// Appends and waits for the decision.
pub(crate) fn append(log: &dyn Log, record: Record) -> Result<Offset, LogError> {
    let (decided, decision) = mpsc::channel();
    log.append(record, Box::new(move |outcome| decided.send(outcome).unwrap()));
    decision.recv().unwrap()
}

/// Waits until everything appended before is decided; gives the committed end.
pub(crate) fn barrier(log: &dyn Log) -> Offset {
    let (reached, reach) = mpsc::channel();
    log.barrier(Box::new(move |end| reached.send(end).unwrap()));
    reach.recv().unwrap()
}

/// Everything from `from` on.
pub(crate) fn read(log: &dyn Log, from: Offset) -> Result<Vec<(Offset, Record)>, LogError> {
    log.read(from)?.collect()
}

/// Keeps the log's thread busy until the returned sender is dropped, so that what is appended meanwhile waits.
pub(crate) fn hold(log: &dyn Log) -> mpsc::Sender<()> {
    let (release, released) = mpsc::channel::<()>();
    let (entered, entry) = mpsc::channel();
    log.barrier(Box::new(move |_| {
        entered.send(()).unwrap();
        let _ = released.recv();
    }));
    entry.recv().unwrap();
    release
}

/// `TENANTRY_SEED`, or one that differs from run to run.
pub(crate) fn seed() -> u64 {
    let given = std::env::var("TENANTRY_SEED").ok();
    given.map_or_else(|| u64::from(std::process::id()), |text| text.parse().expect("TENANTRY_SEED is a number"))
}
