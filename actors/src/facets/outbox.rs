//! The outbox: up to where in the journal everybody's messages are taken, or kept as not taken by their endpoints.
//!
//! The journal itself is the outbox, and this is the cursor on it. A facet of the platform. Not here: endpoints.

use engine::log::Offset;
use serde::{Deserialize, Serialize};

use crate::facet::{Context, Facet, Owner};
use crate::refusal::{Refusal, RefusalKind, Refused};

/// State of the facet.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outbox {
    /// The first place in the journal whose messages may not be settled.
    pub from: Offset,
}

/// What can be asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutboxCommand {
    /// Everything before this place is settled.
    Advance {
        /// Which.
        from: Offset,
    },
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutboxChange {
    /// Everything before this place is settled.
    Advanced {
        /// Which.
        from: Offset,
    },
}

/// Why it did not happen: it never goes back.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the outbox is at {0} already")]
pub struct OutboxRejection(Offset);

impl Refused for OutboxRejection {
    fn refusal(&self) -> Refusal {
        RefusalKind::Conflict.alone()
    }
}

impl Facet for Outbox {
    const NAME: &'static str = "an outbox";
    const OWNER: Owner = Owner::Platform;
    type Command = OutboxCommand;
    type Change = OutboxChange;
    type Rejection = OutboxRejection;

    fn decide(&self, command: OutboxCommand, _: Context<'_>) -> Result<Vec<OutboxChange>, OutboxRejection> {
        let OutboxCommand::Advance { from } = command;
        match from.cmp(&self.from) {
            std::cmp::Ordering::Less => Err(OutboxRejection(self.from)),
            std::cmp::Ordering::Equal => Ok(Vec::new()),
            std::cmp::Ordering::Greater => Ok(vec![OutboxChange::Advanced { from }]),
        }
    }

    fn apply(&mut self, change: &OutboxChange) {
        let OutboxChange::Advanced { from } = change;
        self.from = *from;
    }
}
