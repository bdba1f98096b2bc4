//! Edges on their way to the tenants that they concern.
//!
//! An edge is sent again until the tenant's state shows it; the same one twice changes nothing there. One tenant that does not
//! answer delays nobody: it is left alone after a moment, and tried again. Not here: finding edges (`evaluator`, `queries`).

use std::sync::Arc;
use std::time::Duration;

use actors::facets::alerts::{AlertsCommand, Observation};
use actors::{Command, TenantsHandle};
use futures::{StreamExt, stream};

/// Tenants that are told at once.
const AT_ONCE: usize = 64;
/// How long one may take before the others are gone on with.
const LONGEST: Duration = Duration::from_secs(1);
/// Who tells, in the audit trail.
const PRINCIPAL: &str = "alerts";

/// What was measured, by tenant.
pub(super) type Edges = Vec<(Arc<str>, Vec<Observation>)>;

/// Tells each tenant; those whose state may not show it yet.
pub(super) struct Heard {
    /// They have answered, and may have more to hear.
    pub(super) told: Vec<Arc<str>>,
    /// They could not be told.
    pub(super) unheard: Vec<Arc<str>>,
}

/// Tells all tenants what was measured.
pub(super) async fn send(tenants: &TenantsHandle, edges: Edges) -> Heard {
    let tell = |(tenant, observations): (Arc<str>, Vec<Observation>)| async move {
        let command = Command::Alerts(AlertsCommand::Observe(observations));
        match tokio::time::timeout(LONGEST, tenants.command(&tenant, command, PRINCIPAL)).await {
            Ok(Ok(_)) => (tenant, true),
            Ok(Err(error)) => {
                tracing::warn!(%tenant, %error, "a tenant could not be told of its alerts; it is tried again");
                (tenant, false)
            }
            Err(_) => (tenant, false),
        }
    };
    let heard: Vec<_> = stream::iter(edges).map(tell).buffer_unordered(AT_ONCE).collect().await;
    let (told, unheard): (Vec<_>, Vec<_>) = heard.into_iter().partition(|(_, is_told)| *is_told);
    let names = |heard: Vec<(Arc<str>, bool)>| heard.into_iter().map(|(tenant, _)| tenant).collect();
    Heard { told: names(told), unheard: names(unheard) }
}
