//! Group commit: one thread takes whatever waits, makes it durable at once, then tells everyone in order.
//!
//! Keeps the order, failure and bounds of the log's contract (I1, I8) for every embedded implementation; what "durable"
//! means is its [`Sink`]'s business.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use super::{Barrier, Completion, LogError, Offset, RECORD_BYTES_MAX, Record};
use crate::lock::{Held, Lock, Signal, assert_free};
use crate::storage::StorageError;

/// What an entry weighs beside its payload and notes, so that empty records and barriers are bounded too.
const ENTRY_BYTES: usize = 128;

/// Where groups become durable; owned by the log's thread.
pub(super) trait Sink: Send + 'static {
    /// Makes all records durable, in order, or none of them, and gives the first one's offset. After
    /// [`LogError::Poisoned`] it is not called again.
    fn commit(&mut self, records: Vec<Record>) -> Result<Offset, LogError>;
    /// End of what is durable.
    fn end(&self) -> Offset;
    /// The last call, after everything is decided.
    fn close(&mut self, poisoned: bool);
}

/// The queue in front of a [`Sink`] and the thread that owns it.
pub(super) struct GroupCommit {
    waiting: Arc<Waiting>,
    thread: Lock<Option<JoinHandle<()>>>,
}

impl GroupCommit {
    /// Starts the thread. At most `in_flight_bytes_max` wait or are being written, but one record always may.
    pub(super) fn start(sink: impl Sink, in_flight_bytes_max: usize) -> Result<Self, LogError> {
        let waiting = Arc::new(Waiting {
            state: Lock::default(),
            arrived: Signal::default(),
            decided: Signal::default(),
            in_flight_bytes_max,
        });
        let owned = Arc::clone(&waiting);
        let thread = thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || run(&owned, sink))
            .map_err(|error| StorageError::from_io("thread of the log", &error))?;
        Ok(Self { waiting, thread: Lock::new(Some(thread)) })
    }

    pub(super) fn append(&self, record: Record, done: Completion) {
        let bytes = ENTRY_BYTES + record.payload.len() + record.notes.len();
        if let Err(Entry::Record { done, .. }) = self.waiting.put(Entry::Record { record, done }, bytes) {
            done(Err(LogError::Closed));
        }
    }

    /// Takes the barrier, or gives it back if the log is closed.
    pub(super) fn barrier(&self, reached: Barrier) -> Result<(), Barrier> {
        match self.waiting.put(Entry::Barrier(reached), ENTRY_BYTES) {
            Err(Entry::Barrier(reached)) => Err(reached),
            _ => Ok(()),
        }
    }

    /// Refuses what comes from now on, decides what waits, ends the thread.
    pub(super) fn close(&self) {
        self.waiting.lock().closed = true;
        self.waiting.arrived.notify_all();
        self.waiting.decided.notify_all();
        let thread = self.thread.lock().take();
        // The last handle of a log may be owned, and dropped, by a completion: then this is the thread to wait for.
        if let Some(thread) = thread.filter(|thread| thread.thread().id() != thread::current().id())
            && thread.join().is_err()
        {
            tracing::error!("the log's thread panicked");
        }
    }
}

impl Drop for GroupCommit {
    fn drop(&mut self) {
        self.close();
    }
}

enum Entry {
    Record { record: Record, done: Completion },
    Barrier(Barrier),
}

/// What is left of an entry once its record is on its way.
enum Decision {
    Record { rows: u32, done: Completion },
    TooLarge { bytes: usize, done: Completion },
    Barrier(Barrier),
}

struct Waiting {
    state: Lock<State>,
    arrived: Signal,
    decided: Signal,
    in_flight_bytes_max: usize,
}

#[derive(Default)]
struct State {
    entries: Vec<Entry>,
    /// Of `entries`.
    waiting_bytes: usize,
    /// Of `entries` and of the group that is being written.
    in_flight_bytes: usize,
    closed: bool,
}

struct Group {
    entries: Vec<Entry>,
    bytes: usize,
}

impl Waiting {
    #[track_caller]
    fn lock(&self) -> Held<'_, State> {
        self.state.lock()
    }

    /// Waits for room; gives the entry back if the log is closed.
    fn put(&self, entry: Entry, bytes: usize) -> Result<(), Entry> {
        let full = |state: &State| {
            let over = state.in_flight_bytes.saturating_add(bytes) > self.in_flight_bytes_max;
            !state.closed && state.in_flight_bytes > 0 && over
        };
        let mut state = self.lock();
        while full(&state) {
            state = self.decided.wait(state);
        }
        if state.closed {
            return Err(entry);
        }
        state.entries.push(entry);
        state.waiting_bytes += bytes;
        state.in_flight_bytes += bytes;
        drop(state);
        self.arrived.notify_one();
        Ok(())
    }

    /// Everything that waits, once something does; nothing when the log is closed and all is decided.
    fn take(&self) -> Option<Group> {
        let mut state = self.lock();
        while state.entries.is_empty() && !state.closed {
            state = self.arrived.wait(state);
        }
        let group = state.take();
        (!group.entries.is_empty()).then_some(group)
    }

    fn release(&self, bytes: usize) {
        self.lock().in_flight_bytes -= bytes;
        self.decided.notify_all();
    }
}

impl State {
    fn take(&mut self) -> Group {
        Group { entries: std::mem::take(&mut self.entries), bytes: std::mem::take(&mut self.waiting_bytes) }
    }
}

fn run(waiting: &Waiting, mut sink: impl Sink) {
    let mut poisoned = None;
    while let Some(group) = waiting.take() {
        let (records, decisions) = split(group.entries);
        let outcome = match &poisoned {
            Some(reason) => Err(LogError::Poisoned(String::clone(reason))),
            None if records.is_empty() => Ok(sink.end()),
            None => commit(&mut sink, records),
        };
        let mut released = group.bytes;
        match outcome {
            Ok(first) => announce(decisions, first),
            Err(error) => {
                if let LogError::Poisoned(reason) = &error {
                    poisoned.get_or_insert_with(|| reason.clone());
                }
                // What waits behind was admitted as if what failed were in the log: it must fail too.
                let behind = waiting.lock().take();
                released += behind.bytes;
                let end = sink.end();
                refuse(decisions, &error, end);
                refuse(split(behind.entries).1, &error, end);
            }
        }
        waiting.release(released);
    }
    sink.close(poisoned.is_some());
}

fn split(entries: Vec<Entry>) -> (Vec<Record>, Vec<Decision>) {
    let mut records = Vec::with_capacity(entries.len());
    let mut decisions = Vec::with_capacity(entries.len());
    for entry in entries {
        match entry {
            Entry::Record { record, done } => {
                let bytes = record.payload.len() + record.notes.len();
                if bytes > RECORD_BYTES_MAX {
                    decisions.push(Decision::TooLarge { bytes, done });
                } else {
                    decisions.push(Decision::Record { rows: record.header.rows, done });
                    records.push(record);
                }
            }
            Entry::Barrier(reached) => decisions.push(Decision::Barrier(reached)),
        }
    }
    (records, decisions)
}

fn commit(sink: &mut impl Sink, records: Vec<Record>) -> Result<Offset, LogError> {
    catch_unwind(AssertUnwindSafe(|| sink.commit(records)))
        .unwrap_or_else(|_| Err(LogError::Poisoned("the log's writer panicked".to_owned())))
}

fn announce(decisions: Vec<Decision>, first: Offset) {
    let mut at = first;
    for decision in decisions {
        match decision {
            Decision::Record { rows, done } => {
                shielded(|| done(Ok(at)));
                at += Offset::from(rows);
            }
            Decision::TooLarge { bytes, done } => shielded(|| done(Err(too_large(bytes)))),
            Decision::Barrier(reached) => shielded(|| reached(at)),
        }
    }
}

fn refuse(decisions: Vec<Decision>, error: &LogError, end: Offset) {
    for decision in decisions {
        match decision {
            Decision::Record { done, .. } => shielded(|| done(Err(error.clone()))),
            Decision::TooLarge { bytes, done } => shielded(|| done(Err(too_large(bytes)))),
            Decision::Barrier(reached) => shielded(|| reached(end)),
        }
    }
}

fn too_large(bytes: usize) -> LogError {
    LogError::TooLarge { bytes, bytes_max: RECORD_BYTES_MAX }
}

/// One caller's panic must not take the log away from all others (I11).
fn shielded(call: impl FnOnce()) {
    assert_free();
    if catch_unwind(AssertUnwindSafe(call)).is_err() {
        tracing::error!("a completion of the log panicked; the log goes on");
    }
}
