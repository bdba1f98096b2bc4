//! Erasing tenants: out of the states, then out of the lake, then out of the log.
//!
//! A log can't be rewritten, only trimmed. So what others have in it moves to the lake, behind a record of nothing that it
//! can be trimmed to. Not here: whose data may be erased (the node), how files are rewritten (the lake, the operator).

use std::collections::BTreeSet;

use crate::fact::Fact;
use crate::log::Header;
use crate::service::EngineError;
use crate::shard::Operator;
use crate::shard::notes::Notes;
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
        self.state(Fact::Erased { tenants: tenants.clone() })?;
        self.ground.log.roll();
        self.mark()?;
        self.checkpoint_without(tenants)?;
        // The log is trimmed one checkpoint late, so one more at least.
        for _ in 1..self.options.checkpoints_kept.max(2) {
            self.checkpoint()?;
        }
        Ok(())
    }

    /// A record of nothing, so that the log has something to begin with when all before it is forgotten.
    fn mark(&self) -> Result<(), EngineError> {
        let admitted_at_us = self.ground.clock.now_us();
        let header = Header { shard: 0, epoch: self.epoch, rows: 1, watermark_us: BEGINNING_US, admitted_at_us };
        self.append(header, &Notes::Rejected(Vec::new()), |_| {}).map(drop)
    }
}
