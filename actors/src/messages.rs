//! Messages: what others are told of changes, in the order in which the journal has them.
//!
//! A message is a change that a facet tells of ([`Facet::event`]), and its body follows from the journal alone, so it is the same
//! whenever it is made. Blocks: not for the threads of a runtime. Not here: to whom they go (`facets::endpoints`, `server`).
//!
//! [`Facet::event`]: crate::facet::Facet::event

use engine::log::Offset;
use serde_json::Value;

use crate::audit::AuditEntry;
use crate::facets::endpoints::{EndpointsChange, MessageId};
use crate::journal::JournalError;
use crate::tenant::Change;
use crate::tenants::TenantsHandle;

/// What others are told.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// Where it stands in the journal.
    pub id: MessageId,
    /// Of whom.
    pub tenant: String,
    /// Number of its entry within the tenant.
    pub sequence: u64,
    /// When, microseconds.
    pub at_us: i64,
    /// The type of the event.
    pub kind: &'static str,
    /// The tenant's endpoint that it is about, which need not be told.
    pub about: Option<String>,
    /// What it says.
    pub data: Value,
}

impl TenantsHandle {
    /// End of the journal.
    pub fn journaled(&self) -> Offset {
        self.journal().end()
    }

    /// A place in it before which the directory knows everything: nearly always its end.
    pub fn known_until(&self) -> Offset {
        self.publisher().known_until(self.journal())
    }

    /// The messages of each entry from `from` on and before `until`, with the place behind it.
    pub fn messages(
        &self,
        from: Offset,
        until: Offset,
    ) -> impl Iterator<Item = Result<(Offset, Vec<Message>), JournalError>> + use<'_> {
        let entries = self.journal().entries(from);
        entries.map_while(move |found| match found {
            Ok(found) if found.offset >= until => None,
            Ok(found) => {
                let offset = found.offset;
                Some(Ok((offset + 1, messages(offset, &found.into()))))
            }
            Err(error) => Some(Err(error)),
        })
    }

    /// One message; `None` if the change there tells nobody anything.
    ///
    /// # Errors
    /// If the journal can't be read there.
    pub fn message(&self, id: MessageId) -> Result<Option<Message>, JournalError> {
        let found = self.journal().entry(id.offset)?;
        Ok(messages(id.offset, &found.into()).into_iter().find(|message| message.id == id))
    }
}

fn messages(offset: Offset, entry: &AuditEntry) -> Vec<Message> {
    let numbered = entry.changes.iter().zip(0..);
    let told = numbered.filter_map(|(change, index)| {
        Some(Message {
            id: MessageId { offset, index },
            tenant: entry.tenant.clone(),
            sequence: entry.sequence,
            at_us: entry.at_us,
            kind: change.event()?,
            about: about(change),
            data: data(change),
        })
    });
    told.collect()
}

fn about(change: &Change) -> Option<String> {
    match change {
        Change::Endpoints(
            EndpointsChange::Declared { name, .. }
            | EndpointsChange::Removed { name }
            | EndpointsChange::Disabled { name, .. }
            | EndpointsChange::Enabled { name }
            | EndpointsChange::Exhausted { name, .. }
            | EndpointsChange::Recovered { name, .. },
        ) => Some(name.clone()),
        _ => None,
    }
}

/// A change without the names of its facet and of its variant, which its type says.
fn data(change: &Change) -> Value {
    let inner = |value: Value| match value {
        Value::Object(members) if members.len() == 1 => members.into_iter().next().map(|(_, value)| value),
        _ => None,
    };
    let told = serde_json::to_value(change).expect("changes have text keys only");
    // A change without members is its name alone; one of a facet with a single change has no other name.
    let of_facet = inner(told).unwrap_or_default();
    let is_single = matches!(change, Change::Plan(_));
    let data = if is_single { Some(of_facet) } else { inner(of_facet) };
    data.unwrap_or_else(|| Value::Object(serde_json::Map::new()))
}
