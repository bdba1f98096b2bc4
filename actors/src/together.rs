//! Commands to several tenants as one change: all of them take effect at one moment, or none does.
//!
//! The actors concerned lend their states and keep still meanwhile, so that nothing is decided beside it. Each
//! command is decided with what those before it would have changed; all entries are one record of the journal, which is durable
//! whole or not at all (I1), and become known together. Actors are asked in one order, so that two of these never wait for each
//! other. Not here: which commands a declaration comes to (`kinds`).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use engine::log::Offset;

use crate::everybody::All;
use crate::facet::{Context, Effect, Turn};
use crate::handle::Lent;
use crate::journal::{JournalError, Sealed};
use crate::snapshots::TenantRecord;
use crate::tenant::{Change, Command, PLATFORM, Rejected, TenantState};
use crate::tenants::{CommandError, TenantsHandle};

/// Most tenants that one change may concern, which bounds its record in the journal.
pub const TENANTS_MAX: usize = 1024;

/// Why nothing changed.
#[derive(Debug, thiserror::Error)]
pub enum TogetherError {
    /// Tenants refuse some of the commands: which, and why.
    #[error("{} of the commands are refused", .0.len())]
    Rejected(Vec<(usize, Rejected)>),
    /// Nobody could decide.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// There are too many tenants.
    #[error("{0} tenants are concerned, and one change may concern {TENANTS_MAX}; make several of it")]
    TooMany(usize),
}

/// Whether the commands are carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// They are.
    Do,
    /// They are decided, and nothing changes.
    Try,
}

impl TenantsHandle {
    /// Has tenants decide commands; what changes by each of them. Answers when all is durable. Goes on to its end if nobody waits
    /// for it any more.
    ///
    /// # Errors
    /// [`TogetherError`]; nothing has changed, unless it is [`CommandError::Journal`] or [`CommandError::Failed`]: then all of it
    /// may have, and shows when the tenants are asked again.
    pub async fn together(
        &self,
        commands: Vec<(String, Command)>,
        principal: &str,
        mode: Mode,
    ) -> Result<Vec<Vec<Change>>, TogetherError> {
        let (tenants, principal) = (self.clone(), principal.to_owned());
        let work = tokio::spawn(async move { tenants.decide_together(&commands, &principal, mode).await });
        work.await.unwrap_or(Err(CommandError::Failed.into()))
    }

    async fn decide_together(
        &self,
        commands: &[(String, Command)],
        principal: &str,
        mode: Mode,
    ) -> Result<Vec<Vec<Change>>, TogetherError> {
        let concerned: BTreeSet<&str> = commands.iter().map(|(tenant, _)| tenant.as_str()).collect();
        if concerned.len() > TENANTS_MAX {
            return Err(TogetherError::TooMany(concerned.len()));
        }
        let mut lent = BTreeMap::new();
        for tenant in in_order(&concerned) {
            lent.insert(tenant, self.lend(tenant).await?);
        }
        // Only now: whoever has this turn waits for no actor, and actors wait for it.
        let turns = commands.iter().map(|(_, command)| command.turn());
        let _agreed = self.publisher().agree(turns.max().unwrap_or(Turn::None)).await;
        let decided = self.decide_all(commands, &lent)?;
        let by_command = decided.by_command.clone();
        if mode == Mode::Do {
            self.carry_out(decided, lent, principal).await?;
        }
        Ok(by_command)
    }

    fn decide_all(
        &self,
        commands: &[(String, Command)],
        lent: &BTreeMap<&str, Lent>,
    ) -> Result<Decided, TogetherError> {
        let mut states: BTreeMap<&str, TenantState> =
            lent.iter().map(|(tenant, lent)| (*tenant, TenantState::clone(&lent.record.state))).collect();
        let published = self.platform();
        let edition = self.directory().edition();
        let mut by_command = Vec::new();
        let mut rejected = Vec::new();
        let now_us = self.now_us();
        for (at, (tenant, command)) in commands.iter().enumerate() {
            let context = Context {
                now_us,
                is_platform: tenant == PLATFORM,
                platform: states.get(PLATFORM).unwrap_or(&published),
                everybody: &All { edition: Arc::clone(&edition), staged: &states },
            };
            let changes = states[tenant.as_str()].decide(command.clone(), context).unwrap_or_else(|reason| {
                rejected.push((at, reason));
                Vec::new()
            });
            let state = states.get_mut(tenant.as_str()).expect("every tenant that is concerned has lent its state");
            changes.iter().for_each(|change| state.apply(change));
            by_command.push(changes);
        }
        if !rejected.is_empty() {
            return Err(TogetherError::Rejected(rejected));
        }
        let mut by_tenant: BTreeMap<String, Vec<Change>> = BTreeMap::new();
        for ((tenant, _), changes) in commands.iter().zip(&by_command).filter(|(_, changes)| !changes.is_empty()) {
            by_tenant.entry(tenant.clone()).or_default().extend(changes.iter().cloned());
        }
        Ok(Decided { by_command, by_tenant, now_us })
    }

    async fn carry_out(
        &self,
        decided: Decided,
        mut lent: BTreeMap<&str, Lent>,
        principal: &str,
    ) -> Result<(), CommandError> {
        let seal = |(tenant, changes): (String, Vec<Change>)| {
            lent[tenant.as_str()].record.seal(&tenant, decided.now_us, principal, changes)
        };
        let sealed = decided.by_tenant.into_iter().map(seal).collect::<Result<Vec<Sealed>, _>>();
        let sealed = sealed.map_err(JournalError::from)?;
        if sealed.is_empty() {
            return Ok(());
        }
        let (journal, publisher) = (self.journal(), self.publisher());
        publisher.begin(journal, &sealed);
        let appended = journal.append(&sealed).await.inspect_err(|_| {
            sealed.iter().for_each(|sealed| publisher.nothing_happened(&sealed.entry().tenant));
        })?;
        for (offset, sealed) in (appended..).zip(&sealed) {
            let lent = lent.get_mut(sealed.entry().tenant.as_str()).expect("its record was sealed behind");
            apply(&mut lent.record, offset, sealed);
        }
        let changed: BTreeSet<&str> = sealed.iter().map(|sealed| sealed.entry().tenant.as_str()).collect();
        let records = lent.iter().filter(|(tenant, _)| changed.contains(*tenant));
        let records: Vec<_> = records.map(|(tenant, lent)| (*tenant, &lent.record)).collect();
        let effects: BTreeSet<Effect> =
            sealed.iter().flat_map(|sealed| &sealed.entry().changes).flat_map(Change::effects).copied().collect();
        publisher.publish(&records, &effects).await;
        for (_, Lent { record, back }) in lent {
            // An actor that is gone has nothing to be given: the next one reads what is known.
            let _ = back.send(record);
        }
        Ok(())
    }
}

/// What the commands come to.
struct Decided {
    /// As they were given.
    by_command: Vec<Vec<Change>>,
    /// Those of a tenant that changes.
    by_tenant: BTreeMap<String, Vec<Change>>,
    now_us: i64,
}

/// The platform first, then the others by name.
fn in_order<'a>(tenants: &BTreeSet<&'a str>) -> impl Iterator<Item = &'a str> {
    let platform = tenants.get(PLATFORM).copied();
    platform.into_iter().chain(tenants.iter().copied().filter(|tenant| *tenant != PLATFORM))
}

fn apply(record: &mut TenantRecord, offset: Offset, sealed: &Sealed) {
    record.apply(offset, sealed.entry(), sealed.head().hash).expect("it was sealed behind this record");
}
