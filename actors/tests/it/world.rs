//! A small node side: a journal in memory and tenants that are driven by commands, as the shell drives them.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, LazyLock};

use actors::api_key::ApiKey;
use actors::facet::Context;
use actors::facets::keys::{KeysCommand, Scopes};
use actors::facets::plan::PlanSet;
use actors::journal::{Head, Journal, Sealed};
use actors::scram::ScramVerifier;
use actors::snapshots::TenantRecord;
use actors::{AuditEntry, Command, PLATFORM, Rejected, TenantState, TenantsHandle};
use engine::log::memory::MemoryLog;

/// A journal in memory.
pub(crate) fn journal() -> Journal {
    Journal::new(Arc::new(MemoryLog::new().unwrap()))
}

/// Runs a future to its end on a runtime of its own.
pub(crate) fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(future)
}

/// Tenants by name, live.
pub(crate) type Tenants = BTreeMap<String, TenantRecord>;

/// Decides, journals, applies: one command as the shell does it.
pub(crate) fn drive(
    journal: &Journal,
    tenants: &mut Tenants,
    tenant: &str,
    command: Command,
    now_us: i64,
) -> Result<(), Rejected> {
    let platform = tenants.get(PLATFORM).map(|platform| platform.state.clone()).unwrap_or_default();
    let record = tenants.entry(tenant.to_owned()).or_default();
    let context = Context { is_platform: tenant == PLATFORM, platform: &*platform, ..Context::at(now_us) };
    let changes = record.state.decide(command, context)?;
    if changes.is_empty() {
        return Ok(());
    }
    let sealed = record.head.seal(tenant, now_us, "test", changes).unwrap();
    let offset = run(journal.append(std::slice::from_ref(&sealed))).unwrap();
    record.apply(offset, sealed.entry(), sealed.head().hash).unwrap();
    Ok(())
}

/// A command that each tenant takes once, and whose entry in the audit trail holds `label`: a key that nobody has.
pub(crate) fn noted(label: &str) -> Command {
    static SCRAM: LazyLock<ScramVerifier> = LazyLock::new(|| ScramVerifier::derive("acme", "nobody's"));
    let number = label.bytes().fold(7_u64, |number, byte| number.wrapping_mul(31).wrapping_add(byte.into()));
    let (key, _) = ApiKey::generate(number.to_le_bytes(), [1; 32]);
    Command::Keys(KeysCommand::Create {
        id: key.id,
        hash: key.hash,
        scram: SCRAM.clone(),
        scopes: Scopes::all(),
        label: label.to_owned(),
        expires_at_us: None,
        tenants: None,
    })
}

/// Whether a tenant has taken [`noted`] of `label`.
pub(crate) fn has_noted(state: &TenantState, label: &str) -> bool {
    state.keys().keys.values().any(|key| key.label == label)
}

/// Puts a tenant on one plan after the other: a chain of as many entries.
pub(crate) fn chain(tenant: &str, plans: &[&str]) -> Vec<Sealed> {
    let mut head = Head::default();
    let mut entries = Vec::new();
    for (at_us, plan) in plans.iter().enumerate() {
        let changes = vec![actors::Change::Plan(PlanSet { plan: (*plan).to_owned() })];
        let sealed = head.seal(tenant, at_us as i64, "test", changes).unwrap();
        head = sealed.head();
        entries.push(sealed);
    }
    entries
}

/// What the journal has of one tenant.
pub(crate) fn audit(tenants: &TenantsHandle, tenant: &str) -> Vec<AuditEntry> {
    let only = [tenant.to_owned()].into();
    tenants.audit(Some(&only)).collect::<Result<_, _>>().unwrap()
}
