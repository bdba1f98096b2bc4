//! Settling: what the journal says of a tenant whose entry was on its way when its actor died, or whoever made it gave up.
//!
//! Such an entry is between the end of the journal when it was begun and the end once all is decided that was appended before
//! now, so nothing else of the journal is read, and that on a blocking thread: nobody else waits for it (I8). Until it is
//! settled nobody acts for the tenant, since its next entry would stand beside the one that nobody knows of. Not here:
//! a start, which settles everybody (`restore`).

use std::sync::Arc;

use engine::log::Offset;

use crate::claims::Claims;
use crate::journal::{Found, Journal, JournalError};
use crate::publish::Publisher;
use crate::tenants::CommandError;

/// Settles tenants, each once at a time.
pub(crate) struct Settler {
    journal: Arc<Journal>,
    publisher: Arc<Publisher>,
    /// Two that settle the same tenant would publish it twice.
    turns: Claims,
}

impl Settler {
    pub(crate) fn new(journal: Arc<Journal>, publisher: Arc<Publisher>) -> Self {
        Self { journal, publisher, turns: Claims::default() }
    }

    /// Makes known what the journal has of a tenant that nobody acts for, if something may be missing.
    ///
    /// # Errors
    /// If the journal can't be read there; it is tried again by whoever comes next.
    pub(crate) async fn settle(&self, tenant: &str) -> Result<(), CommandError> {
        if self.publisher.unsettled_from(tenant).is_none() {
            return Ok(());
        }
        let names = [tenant.to_owned()];
        let _turn = self.turns.claim(&names).await;
        let Some(from) = self.publisher.unsettled_from(tenant) else { return Ok(()) };
        let (journal, publisher, tenant) = (Arc::clone(&self.journal), Arc::clone(&self.publisher), tenant.to_owned());
        let settled = tokio::task::spawn_blocking(move || settle(&journal, &publisher, &tenant, from)).await;
        Ok(settled.map_err(|_| CommandError::Failed)??)
    }
}

fn settle(journal: &Journal, publisher: &Publisher, tenant: &str, from: Offset) -> Result<(), JournalError> {
    let mut record = publisher.directory.record(tenant).unwrap_or_default();
    let until = journal.settled_end();
    let mut has_changed = false;
    for found in journal.entries(from) {
        let Found { offset, entry, hash, .. } = found?;
        if offset >= until {
            break;
        }
        if entry.tenant != tenant || offset < record.valid_until {
            continue;
        }
        let broken = |reason| JournalError::Broken { offset, tenant: tenant.to_owned(), reason };
        record.apply(offset, &entry, hash).map_err(broken)?;
        has_changed = true;
    }
    if has_changed {
        publisher.publish_here(tenant, &record);
    } else {
        publisher.nothing_happened(tenant);
    }
    Ok(())
}
