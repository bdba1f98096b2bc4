//! Endpoints and attempts as rows of views. Not here: who may see what (the catalog), sending (`outbox`).

use actors::Edition;
use actors::facets::endpoints::Kept;
use pipelines::views::delivery_attempts::DeliveryAttemptRow;
use pipelines::views::endpoints::EndpointRow;

use crate::outbox::{AttemptNote, Attempts};

use super::alert_rows::tenants;

/// Every endpoint.
pub(super) fn endpoints(edition: &Edition, tenant: Option<&str>) -> Vec<EndpointRow> {
    let mut rows = Vec::new();
    for (tenant, state) in tenants(edition, tenant) {
        for (name, kept) in &state.endpoints().endpoints {
            rows.push(EndpointRow {
                tenant: tenant.to_owned(),
                endpoint: name.clone(),
                url: kept.spec.url.clone(),
                events: kept.spec.events.iter().map(String::as_str).collect::<Vec<_>>().join(" "),
                state: state_of(kept),
                retries: kept.retries.len() as u64,
                next_retry_at_us: kept.retries.values().map(|retry| retry.at_us).min(),
                failing_since_us: kept.failing.map(|failing| failing.since_us),
            });
        }
    }
    rows
}

fn state_of(kept: &Kept) -> String {
    match kept.disabled {
        Some(why) => format!("disabled_{}", why.as_str()),
        None if kept.behind.is_some() => "behind".to_owned(),
        None if !kept.retries.is_empty() => "retrying".to_owned(),
        None => "current".to_owned(),
    }
}

/// The last attempts.
pub(super) fn attempts(attempts: &Attempts, tenant: Option<&str>) -> Vec<DeliveryAttemptRow> {
    let row = |note: AttemptNote| DeliveryAttemptRow {
        tenant: note.tenant,
        endpoint: note.endpoint,
        message: note.message,
        event: note.kind.to_owned(),
        at_us: note.at_us,
        took_us: note.took_us,
        status: note.status.map(i64::from),
        outcome: note.outcome,
        answer: note.answer,
    };
    attempts.of(tenant).into_iter().map(row).collect()
}
