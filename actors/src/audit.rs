//! The audit trail: what the journal has of some tenants or of all, entry by entry, no more in memory than the one at hand.
//!
//! A tenant with little of the journal is read by a walk along its chain, whoever else is in it; one with much of it, and all
//! together, by reading in order. The last item is the error of what could not be read (I14). Not here: rows for SQL
//! (`server`).

use std::collections::{BTreeSet, VecDeque};

use engine::log::Offset;

use crate::active::Active;
use crate::journal::{Entries, EntryHash, Found, Journal, JournalError, trail};
use crate::publish::Publisher;
use crate::snapshots::TenantRecord;
use crate::tenant::Change;

/// One journaled fact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// Whose.
    pub tenant: String,
    /// Counts the tenant's entries, from 1.
    pub sequence: u64,
    /// The node's clock, microseconds.
    pub at_us: i64,
    /// Who asked for it.
    pub principal: String,
    /// What happened.
    pub changes: Vec<Change>,
    /// SHA-256 over this entry and the one before.
    pub hash: EntryHash,
}

impl From<Found> for AuditEntry {
    fn from(Found { entry, hash, .. }: Found) -> Self {
        Self {
            tenant: entry.tenant,
            sequence: entry.sequence,
            at_us: entry.at_us,
            principal: entry.principal,
            changes: entry.changes,
            hash,
        }
    }
}

impl AuditEntry {
    /// The changes as JSON; keys appear as their hashes.
    pub fn json(&self) -> String {
        serde_json::to_string(&self.changes).expect("changes have text keys only")
    }
}

/// Entries on their way out of the journal.
pub struct Audit<'a> {
    journal: &'a Journal,
    /// What is read now.
    now: Stretch<'a>,
    /// Who comes then, with where their chains end.
    then: VecDeque<(String, TenantRecord)>,
}

enum Stretch<'a> {
    Nothing,
    /// All entries, of these tenants if given.
    InOrder(Entries<'a>, Option<BTreeSet<String>>),
    /// Where one tenant's entries are.
    Chain(std::vec::IntoIter<Offset>),
}

impl<'a> Audit<'a> {
    pub(crate) fn new(
        journal: &'a Journal,
        publisher: &Publisher,
        broken: &BTreeSet<String>,
        active: &Active,
        tenants: Option<&BTreeSet<String>>,
    ) -> Self {
        let mut audit = Self { journal, now: Stretch::Nothing, then: VecDeque::new() };
        // The journal has more of them than the chain that is known: behind the break, or from an actor that died.
        let is_more = |tenant: &String| {
            broken.contains(tenant) || (publisher.unsettled_from(tenant).is_some() && !active.has(tenant))
        };
        let chains = tenants.filter(|tenants| !tenants.iter().any(is_more)).map(|tenants| {
            let record = |tenant: &String| Some((tenant.clone(), publisher.directory.record(tenant)?));
            tenants.iter().filter_map(record).collect::<VecDeque<_>>()
        });
        let entries = |chains: &VecDeque<(String, TenantRecord)>| {
            chains.iter().map(|(_, record)| record.head.sequence).fold(0, u64::saturating_add)
        };
        match chains.filter(|chains| trail::is_worth_it(entries(chains), journal.end())) {
            Some(chains) => audit.then = chains,
            None => audit.now = audit.in_order(tenants.cloned()),
        }
        audit
    }

    fn in_order(&self, tenants: Option<BTreeSet<String>>) -> Stretch<'a> {
        Stretch::InOrder(self.journal.entries(0), tenants)
    }

    fn advance(&mut self) -> Result<Option<AuditEntry>, JournalError> {
        loop {
            let found = match &mut self.now {
                Stretch::Nothing => None,
                Stretch::InOrder(entries, tenants) => {
                    let wanted = |found: &Result<Found, _>| match (found, &tenants) {
                        (Ok(found), Some(tenants)) => tenants.contains(&found.entry.tenant),
                        _ => true,
                    };
                    entries.find(wanted).transpose()?
                }
                Stretch::Chain(offsets) => offsets.next().map(|offset| self.journal.entry(offset)).transpose()?,
            };
            if let Some(found) = found {
                return Ok(Some(found.into()));
            }
            let Some((tenant, record)) = self.then.pop_front() else { return Ok(None) };
            let Some(last) = record.last() else { continue };
            self.now = match trail::walk(self.journal, &tenant, record.head, last)? {
                Some(offsets) => Stretch::Chain(offsets.into_iter()),
                None => self.in_order(Some(BTreeSet::from([tenant]))),
            };
        }
    }
}

impl Iterator for Audit<'_> {
    type Item = Result<AuditEntry, JournalError>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.advance().transpose();
        if matches!(next, Some(Err(_))) {
            self.now = Stretch::Nothing;
            self.then.clear();
        }
        next
    }
}
