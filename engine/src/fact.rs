//! Facts: what changes what readers see without an event. Each is a record of the log of events, and so has an offset of
//! its own, before and behind the events: replay comes upon it where it was (I4), and a cursor on revisions passes it (see
//! the revision in ARCHITECTURE.md).
//!
//! Not here: why something is so (the tenants' journal says that), and what follows from it (the operator).

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::calendar::Calendar;
use crate::definition::Definition;
use crate::event::split::shard_of;

/// One fact. Records of it stay in logs: kinds are only ever added.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fact {
    /// What is computed from here on: these definitions and no others.
    Defined {
        /// All of them.
        definitions: Vec<Definition>,
    },
    /// Which periods tenants are billed by from here on.
    Billed(Billed),
    /// Everything of these tenants is gone.
    Erased {
        /// Who.
        tenants: BTreeSet<String>,
    },
}

/// A change of billing calendars; who is not named in it keeps what it has.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Billed {
    /// Of tenants that were never named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<Calendar>,
    /// Of tenants by name.
    #[serde(default)]
    pub tenants: BTreeMap<String, Calendar>,
}

impl Fact {
    /// What of it concerns one of `shards` shards.
    pub(crate) fn of_shard(&self, shard: u16, shards: u16) -> Self {
        let Self::Billed(billed) = self else { return self.clone() };
        let own = billed.tenants.iter().filter(|(tenant, _)| shard_of(tenant, shards) == shard);
        let tenants = own.map(|(tenant, calendar)| (tenant.clone(), calendar.clone())).collect();
        Self::Billed(Billed { default: billed.default.clone(), tenants })
    }
}
