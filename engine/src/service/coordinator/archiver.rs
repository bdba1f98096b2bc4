//! Moves a log that has grown too large to the lake, piece by piece, on a thread of its own: nobody waits for it, and the next
//! checkpoint takes up how far it has come. It gives way to all others until the log is twice as large as it should be.
//!
//! Nothing it wrote counts until a manifest names it (I10), and it moves only what a checkpoint has.
//!
//! Not here: when a checkpoint is written and the log trimmed (the checkpointer), formats (the lake).

use std::collections::BTreeSet;
use std::sync::Arc;

use arc_swap::ArcSwap;
use crossbeam_channel::{Receiver, Sender, TryRecvError};

use crate::lake::{self, LakeError};
use crate::log::Offset;
use crate::service::{EngineError, Ground};
use crate::snapshot::Archive;
use crate::storage::StorageError;

use super::aside::aside;
use super::trouble::Trouble;

/// Rows of a piece: what is lost if the node stops, and what an erasure or a stop waits for.
const PIECE_ROWS: u64 = 1 << 19;
/// A log that many times as large as it should be does not let the move give way to anybody.
const RUSH: u64 = 2;

/// What the checkpointer asks of the archiver.
pub(super) enum Order {
    /// Move on up to here, which a checkpoint has; no answer.
    MoveOn(Offset),
    /// Take tenants out of all of the lake, and move all of the log up to here without them.
    Erase { tenants: BTreeSet<String>, until: Offset, done: Sender<Result<(), EngineError>> },
    /// Remove what no manifest names: it could not be named, or takes the room of what could name it.
    TakeBack(Sender<()>),
}

/// What of the log is in the lake.
#[derive(Clone)]
pub(super) struct CurrentArchive(Arc<ArcSwap<Archive>>);

impl CurrentArchive {
    pub(super) fn new(archive: Arc<Archive>) -> Self {
        Self(Arc::new(ArcSwap::new(archive)))
    }

    pub(super) fn get(&self) -> Arc<Archive> {
        self.0.load_full()
    }

    pub(super) fn replace(&self, archive: Arc<Archive>) -> Arc<Archive> {
        self.0.swap(archive)
    }
}

/// The only one who writes events to the lake.
pub(super) struct Archiver {
    pub(super) ground: Ground,
    pub(super) epoch: u32,
    pub(super) above_bytes: u64,
    /// As the newest checkpoint says.
    pub(super) named: CurrentArchive,
    /// What the next checkpoint is to say.
    pub(super) moved: CurrentArchive,
    /// Where it has been told to come.
    pub(super) goal: Offset,
    /// Most rows that are moved ahead of what is named: a full disk has room for some of the log beside itself, not for all
    /// of it.
    pub(super) rows_max: u64,
    pub(super) attempts: u64,
    pub(super) trouble: Arc<Trouble>,
}

impl Archiver {
    /// Does what is ordered until nobody can order any more, and moves on in between. What it has then moved and nobody named
    /// is removed at the next start, which knows what is named.
    pub(super) fn run(mut self, orders: &Receiver<Order>) {
        loop {
            let order = match self.moved.get().until < self.goal {
                true => match orders.try_recv() {
                    Err(TryRecvError::Empty) => {
                        self.move_on();
                        continue;
                    }
                    Err(TryRecvError::Disconnected) => return,
                    Ok(order) => order,
                },
                false => match orders.recv() {
                    Err(_) => return,
                    Ok(order) => order,
                },
            };
            match order {
                Order::MoveOn(until) => self.goal = until.min(self.named.get().until.saturating_add(self.rows_max)),
                Order::Erase { tenants, until, done } => {
                    self.take_back();
                    let result = self.aside(|archiver| archiver.write(until, &tenants));
                    // Who asked is gone only if the process is going, here and below.
                    let _ = done.send(result);
                }
                Order::TakeBack(done) => {
                    let ahead = self.moved.get().until - self.named.get().until;
                    if ahead > 0 {
                        self.rows_max = (self.rows_max.min(ahead) / 2).max(1);
                    }
                    self.take_back();
                    let _ = done.send(());
                }
            }
        }
    }

    /// Moves one piece. What found no room is tried in halves; once that is moved, in more again.
    fn move_on(&mut self) {
        let from = self.moved.get().until;
        let result = self.aside(|archiver| archiver.write(archiver.piece_end(from)?, &BTreeSet::new()));
        match &result {
            Ok(()) if self.moved.get().until >= self.goal => self.rows_max = self.rows_max.saturating_mul(2),
            Ok(()) => {}
            Err(error) => {
                tracing::error!(%error, "events could not be moved to the lake; it is tried again");
                if matches!(error, EngineError::Lake(LakeError::Storage(StorageError::Full { .. }))) {
                    self.rows_max = (self.rows_max.min(self.goal - from) / 2).max(1);
                }
                // The next checkpoint says when to try again.
                self.goal = from;
            }
        }
        self.trouble.of_move(result.err());
    }

    /// Does `work` aside unless the log is much too large.
    fn aside(&mut self, work: impl FnOnce(&mut Self) -> Result<(), EngineError> + Send) -> Result<(), EngineError> {
        let rushes = self.ground.log.bytes() > self.above_bytes.saturating_mul(RUSH);
        if rushes { work(self) } else { aside(|| work(self)) }
    }

    /// End of the piece that begins at `from`: the first beginning of a record that is far enough.
    fn piece_end(&self, from: Offset) -> Result<Offset, EngineError> {
        let wanted = from.saturating_add(PIECE_ROWS).min(self.goal);
        let mut end = from;
        for entry in self.ground.log.read(from.max(self.ground.log.start()))? {
            let (offset, record) = entry?;
            if offset >= wanted {
                return Ok(offset);
            }
            end = offset + Offset::from(record.header.rows);
        }
        Ok(end)
    }

    /// Moves what is in the log up to `until` and takes `erased` out of it and of what was moved before; all or nothing.
    fn write(&mut self, until: Offset, erased: &BTreeSet<String>) -> Result<(), EngineError> {
        self.attempts += 1;
        let prefix = format!("{}/events/{:010}-{:010}-", lake::FOLDER, self.epoch, self.attempts);
        let Ground { log, lake, storage, .. } = &self.ground;
        let before = self.moved.get();
        let mut archive = (*before).clone();
        if !erased.is_empty() {
            archive.files = lake.erase(&archive.files, erased, &**storage, &prefix)?;
        }
        let from = archive.until.max(log.start());
        match lake.archive(&**log, from, until, erased, &**storage, &prefix) {
            Ok(files) => archive.files.extend(files),
            Err(error) => {
                self.remove(&archive, &before);
                return Err(error.into());
            }
        }
        archive.until = until;
        self.moved.replace(Arc::new(archive));
        Ok(())
    }

    fn take_back(&mut self) {
        let named = self.named.get();
        let moved = self.moved.replace(Arc::clone(&named));
        self.remove(&moved, &named);
        self.goal = 0;
    }

    /// Removes the files of `archive` that are not in `kept`.
    fn remove(&self, archive: &Archive, kept: &Archive) {
        for file in archive.files.iter().filter(|file| !kept.files.contains(file)) {
            if let Err(error) = self.ground.storage.remove(&file.name) {
                tracing::warn!(file = file.name, %error, "can't remove a file of the lake that no checkpoint names");
            }
        }
    }
}
