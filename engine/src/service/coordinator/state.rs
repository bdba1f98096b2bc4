//! Stating facts: into the log first, then, where they stand in it, into every shard.
//!
//! Not here: what facts there are to state (whoever asks says), what follows from one (the operator).

use crossbeam_channel::bounded;

use crate::fact::Fact;
use crate::log::{Header, Record};
use crate::service::wait::wait;
use crate::service::{EngineError, history};
use crate::shard::Operator;
use crate::shard::notes::Notes;
use crate::shard::worker::{Commit, Stated, position};
use crate::watermark::BEGINNING_US;

use super::{Ask, Coordinator};

/// Batches of history that may wait for a shard.
const HISTORY_MAX: usize = 64;

impl<O: Operator> Coordinator<O> {
    /// States what `ask` says is to be stated, and shows it. If definitions are among it, a checkpoint has their history
    /// when this returns. Says too whether the shards are whole: half a history must not get into a checkpoint, and the next
    /// start reads all of it again.
    pub(super) fn state_all(&mut self, ask: Ask<O::Snapshot>) -> (Result<(), EngineError>, bool) {
        let facts = ask(&self.shown());
        let mut is_defined = false;
        for fact in facts {
            is_defined |= matches!(fact, Fact::Defined { .. });
            match self.state(fact) {
                Ok(()) => {}
                // Nothing happened. It can be asked for again.
                Err(error @ EngineError::Append(_)) => return (Err(error), true),
                Err(error) => return (Err(error), !is_defined),
            }
        }
        let shown = if is_defined { self.checkpoint() } else { self.cut(false).map(drop) };
        (shown, true)
    }

    /// States a fact; every shard has taken it up, history included, when this returns.
    ///
    /// # Errors
    /// [`EngineError::Append`] if nothing happened. After any other some shards may have taken it up and some not.
    pub(super) fn state(&mut self, fact: Fact) -> Result<(), EngineError> {
        let shown = self.shown();
        let seen = shown.shards.iter().map(|shard| shard.watermark_us).filter(|us| *us != BEGINNING_US);
        let watermark_us = seen.min().unwrap_or(BEGINNING_US);
        let admitted_at_us = self.ground.clock.now_us();
        let header = Header { shard: 0, epoch: self.epoch, rows: 1, watermark_us, admitted_at_us };
        let (mut told, mut waiting) = (Vec::new(), Vec::new());
        for (shard, channels) in (0..).zip(&self.shards) {
            let (answer, changed) = bounded(1);
            let (feed, history) = bounded(HISTORY_MAX);
            told.push((channels.commits.clone(), fact.of_shard(shard, self.ground.shards), answer, history));
            waiting.push((shard, changed, feed));
        }
        let offset = self.append(header, &Notes::Fact { fact }, move |offset| {
            let position = position(offset, &header);
            for (commits, fact, answer, history) in told {
                // A worker that is gone leaves its answer out, which is noticed below.
                let _ = commits.send(Commit::Stated(Stated { fact, position, answer, history }));
            }
        })?;
        history::feed(&self.ground, &self.archive.get(), offset, waiting, &self.alive)
    }

    /// Appends a record without rows, which takes an offset all the same; `reached` is called with that in the order of the log.
    pub(super) fn append(
        &self,
        header: Header,
        notes: &Notes,
        reached: impl FnOnce(u64) + Send + 'static,
    ) -> Result<u64, EngineError> {
        let notes = notes.encode().map_err(|reason| EngineError::Record { offset: self.ground.log.end(), reason })?;
        let (done, appended) = bounded(1);
        self.ground.log.append(
            Record { header, payload: Vec::new(), notes },
            Box::new(move |result| {
                if let Ok(offset) = &result {
                    reached(*offset);
                }
                // The coordinator waits just below.
                let _ = done.send(result);
            }),
        );
        let appended = wait(&appended, &self.alive).ok_or_else(|| EngineError::Thread("log".into()))?;
        appended.map_err(EngineError::Append)
    }
}
