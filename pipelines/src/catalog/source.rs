//! What the catalog is given to read: the engine's snapshot and log, and the tenants' facts.
//!
//! A trait because the facts live in rooms that pipelines don't know (`actors`, `server`). Facts are read as a `Result`, so
//! that what can't be read is an error and never an empty answer (I14). Not here: who may see what.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;

use engine::log::SharedLog;
use engine::meter::Meter;
use engine::snapshot::Snapshot;
use engine::storage::SharedStorage;

use crate::metering::MeteringSnapshot;
use crate::views::ViewError;
use crate::views::alert_history::AlertEventRow;
use crate::views::alert_rules::AlertRuleRow;
use crate::views::alerts::AlertRow;
use crate::views::audit::AuditRow;
use crate::views::declarations::DeclarationRow;
use crate::views::delivery_attempts::DeliveryAttemptRow;
use crate::views::endpoints::EndpointRow;
use crate::views::materialized_views::ViewRow;
use crate::views::queries::QueryRow;
use crate::views::quotas::QuotaRow;
use crate::views::tenants::TenantRow;

/// Takes a page of rows; says `Break` when no more are wanted.
pub type EmitPage<'a, R> = dyn FnMut(Vec<R>) -> ControlFlow<()> + 'a;

/// Where every view's rows come from.
///
/// # Contract
/// - Called from blocking threads while a query runs, so it may wait, but not for a query.
/// - [`Source::snapshot`] never goes back in offset.
/// - Answers for one tenant contain that tenant's rows; more is allowed and is cut away, less is not. A fact that can't be
///   read fails the whole answer with an error that names it.
pub trait Source: Send + Sync + 'static {
    /// The latest consistent cut.
    fn snapshot(&self) -> Arc<Snapshot<MeteringSnapshot>>;
    /// The event log.
    fn log(&self) -> SharedLog;
    /// Where archived events lie.
    fn storage(&self) -> SharedStorage;
    /// The meters defined now; in memory, as what SQL may name has to be.
    fn meters(&self) -> Vec<Meter>;
    /// The materialized views there are now; in memory too.
    fn views(&self) -> Vec<ViewRow>;
    /// All tenants.
    fn tenants(&self) -> Result<Vec<TenantRow>, ViewError>;
    /// Limits with their use in the periods that contain `now_us`, of all tenants or of one.
    fn quotas(&self, tenant: Option<&str>, now_us: i64) -> Result<Vec<QuotaRow>, ViewError>;
    /// What is declared, of one tenant or of all and the platform, by tenant.
    fn declarations(&self, tenant: Option<&str>) -> Result<Vec<DeclarationRow>, ViewError>;
    /// Journaled changes, of all tenants or of some, page by page: there may be more than memory holds.
    fn audit(&self, tenants: Option<&BTreeSet<String>>, emit: &mut EmitPage<'_, AuditRow>) -> Result<(), ViewError>;
    /// Alerts that are under way, of all tenants or of one.
    fn alerts(&self, tenant: Option<&str>) -> Result<Vec<AlertRow>, ViewError>;
    /// Alert rules, of all tenants and the platform or of one.
    fn alert_rules(&self, tenant: Option<&str>) -> Result<Vec<AlertRuleRow>, ViewError>;
    /// Edges of alerts, of all tenants or of some, page by page.
    fn alert_history(
        &self,
        tenants: Option<&BTreeSet<String>>,
        emit: &mut EmitPage<'_, AlertEventRow>,
    ) -> Result<(), ViewError>;
    /// Endpoints that messages go to, of all tenants and the platform or of one.
    fn endpoints(&self, tenant: Option<&str>) -> Result<Vec<EndpointRow>, ViewError>;
    /// The last attempts to send messages, to all endpoints or to one tenant's.
    fn delivery_attempts(&self, tenant: Option<&str>) -> Result<Vec<DeliveryAttemptRow>, ViewError>;
    /// Statements that run and have lately ended, of all who asked or of one tenant.
    fn queries(&self, tenant: Option<&str>) -> Result<Vec<QueryRow>, ViewError>;
    /// Since when ids of admitted events are remembered, microseconds; `None` if all that there ever were are.
    fn ids_known_since_us(&self) -> Option<i64>;
    /// The node's clock, microseconds.
    fn now_us(&self) -> i64;
}

impl fmt::Debug for dyn Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Source")
    }
}
