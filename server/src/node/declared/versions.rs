//! The versions of a declaration, as the journal has them.

use std::collections::BTreeSet;

use actors::PLATFORM;
use actors::journal::JournalError;
use actors::kinds::AnyKind;
use serde::Serialize;
use serde_json::Value;

use super::Named;
use crate::node::Node;

/// What a declaration said from some moment on.
#[derive(Debug, Clone, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Version {
    /// From 1.
    pub version: u64,
    /// When it was declared or removed, RFC 3339.
    pub at: String,
    /// Who did it.
    pub by: String,
    /// What it says; null if it was removed.
    #[schema(value_type = Option<Object>)]
    pub spec: Option<Value>,
}

impl Node {
    /// Every version of a declaration, the first one first. Reads the owner's entries of the journal: not for the threads of a
    /// runtime.
    ///
    /// # Errors
    /// If the journal can't be read.
    pub fn versions(&self, kind: &dyn AnyKind, named: &Named) -> Result<Vec<Version>, JournalError> {
        let owner = BTreeSet::from([named.tenant.clone().unwrap_or_else(|| PLATFORM.to_owned())]);
        let mut versions = Vec::<Version>::new();
        for entry in self.tenants.audit(Some(&owner)) {
            let entry = entry?;
            let told =
                entry.changes.iter().filter_map(|change| kind.told(change)).filter(|(name, _)| *name == named.name);
            // One entry is one moment: what it says last holds.
            let Some((_, spec)) = told.last() else { continue };
            let at = jiff::Timestamp::from_microsecond(entry.at_us).map_or_else(|_| String::new(), |at| at.to_string());
            versions.push(Version { version: versions.len() as u64 + 1, at, by: entry.principal, spec });
        }
        Ok(versions)
    }
}
