//! Erasing tenants: out of the states, then out of the lake, then out of the log.
//!
//! A log can't be rewritten, only trimmed. So what others have in it moves to the lake, behind a record of nothing that it
//! can be trimmed to. Not here: whose data may be erased (the node), how files are rewritten (the lake, the operator).

use std::collections::BTreeSet;
use std::sync::Arc;

use crossbeam_channel::{Sender, bounded};

use crate::log::{Header, Record};
use crate::service::EngineError;
use crate::service::wait::wait;
use crate::shard::Operator;
use crate::shard::worker::Commit;
use crate::watermark::BEGINNING_US;

use super::Coordinator;

impl<O: Operator> Coordinator<O> {
    /// Erases tenants that the gate lets nothing in of any more: from the states, from the lake, and from the log, by
    /// moving what others have in it to the lake. Done when no checkpoint is kept that knows them.
    ///
    /// If it breaks off, nothing else is lost and it can be done again; until then a restart may bring them back.
    pub(super) fn erase(&mut self, tenants: &BTreeSet<String>) -> Result<(), EngineError> {
        // One that is being written still knows them; it is replaced below.
        let _ = self.settle();
        self.forget(tenants)?;
        self.ground.log.roll();
        self.mark()?;
        self.checkpoint_without(tenants)?;
        // The log is trimmed one checkpoint late, so one more at least.
        for _ in 1..self.options.checkpoints_kept.max(2) {
            self.checkpoint()?;
        }
        Ok(())
    }

    /// Behind everything that was appended so far, so that nothing of `tenants` is applied later.
    fn forget(&self, tenants: &BTreeSet<String>) -> Result<(), EngineError> {
        let (done, answers) = bounded(self.shards.len());
        let commits: Vec<Sender<Commit<O>>> = self.shards.iter().map(|shard| shard.commits.clone()).collect();
        let tenants = Arc::new(tenants.clone());
        self.ground.log.barrier(Box::new(move |_| {
            for commits in commits {
                // A worker that is gone leaves an answer out, which is noticed below.
                let _ = commits.send(Commit::Forget { tenants: Arc::clone(&tenants), done: done.clone() });
            }
        }));
        for _ in 0..self.shards.len() {
            wait(&answers, &self.alive).ok_or_else(|| EngineError::Thread("shard".into()))??;
        }
        Ok(())
    }

    /// A record of nothing, so that the log has something to begin with when all before it is forgotten.
    fn mark(&self) -> Result<(), EngineError> {
        let admitted_at_us = self.ground.clock.now_us();
        let watermark_us = BEGINNING_US;
        let header = Header { shard: 0, epoch: self.epoch, rows: 1, watermark_us, admitted_at_us };
        let (done, appended) = bounded(1);
        let record = Record { header, payload: Vec::new(), notes: Vec::new() };
        self.ground.log.append(
            record,
            Box::new(move |result| {
                // The coordinator waits just below.
                let _ = done.send(result);
            }),
        );
        wait(&appended, &self.alive).ok_or_else(|| EngineError::Thread("log".into()))??;
        Ok(())
    }
}
