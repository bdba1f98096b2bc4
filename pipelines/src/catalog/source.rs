//! What the catalog is given to read: the engine's snapshot and log, and the tenants' facts.
//!
//! A trait because the facts live in rooms that pipelines don't know (`actors`, `server`). Not here: who may see what.

use std::fmt;
use std::sync::Arc;

use engine::log::SharedLog;
use engine::meter::Meter;
use engine::snapshot::Snapshot;
use engine::storage::SharedStorage;

use crate::metering::MeteringSnapshot;
use crate::views::audit::AuditRow;
use crate::views::materialized_views::ViewRow;
use crate::views::queries::QueryRow;
use crate::views::quotas::QuotaRow;
use crate::views::tenants::TenantRow;

/// Where every view's rows come from.
///
/// # Contract
/// - Called from blocking threads while a query runs, so it may wait, but not for a query.
/// - [`Source::snapshot`] never goes back in offset.
/// - Answers for one tenant contain that tenant's rows; more is allowed and is cut away, less is not.
pub trait Source: Send + Sync + 'static {
    /// The latest consistent cut.
    fn snapshot(&self) -> Arc<Snapshot<MeteringSnapshot>>;
    /// The event log.
    fn log(&self) -> SharedLog;
    /// Where archived events lie.
    fn storage(&self) -> SharedStorage;
    /// The meters defined now.
    fn meters(&self) -> Vec<Meter>;
    /// The materialized views there are now.
    fn views(&self) -> Vec<ViewRow>;
    /// All tenants.
    fn tenants(&self) -> Vec<TenantRow>;
    /// Limits with their use in the periods that contain `now_us`, of all tenants or of one.
    fn quotas(&self, tenant: Option<&str>, now_us: i64) -> Vec<QuotaRow>;
    /// Journaled changes, of all tenants or of one.
    fn audit(&self, tenant: Option<&str>) -> Vec<AuditRow>;
    /// Statements that run and have lately ended, of all who asked or of one tenant.
    fn queries(&self, tenant: Option<&str>) -> Vec<QueryRow>;
    /// The node's clock, microseconds.
    fn now_us(&self) -> i64;
}

impl fmt::Debug for dyn Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Source")
    }
}
