//! Alerts as rows of views: what is under way, which rules there are, and every edge that the journal tells of.
//!
//! Not here: who may see what (the catalog), evaluating (`reactions`).

use std::sync::Arc;

use actors::facets::alerts::{AlertsChange, Episode, Phase, RuleId};
use actors::rule::Measure;
use actors::{AuditEntry, Change, Edition, TenantState};
use pipelines::views::alert_history::AlertEventRow;
use pipelines::views::alert_rules::AlertRuleRow;
use pipelines::views::alerts::AlertRow;

use crate::reactions::Evaluations;

/// What an edge is counted with, bytes.
const EVENT_BYTES: usize = 256;

/// Those of one tenant, or of all, in the order of their names.
pub(super) fn tenants<'a>(edition: &'a Edition, tenant: Option<&'a str>) -> Vec<(&'a str, &'a Arc<TenantState>)> {
    let mut tenants: Vec<_> = match tenant {
        Some(tenant) => edition.get(tenant).map(|state| (tenant, state)).into_iter().collect(),
        None => edition.iter().map(|(tenant, state)| (&**tenant, state)).collect(),
    };
    tenants.sort_unstable_by_key(|(tenant, _)| *tenant);
    tenants
}

/// Episodes that are under way.
pub(super) fn alerts(edition: &Edition, tenant: Option<&str>) -> Vec<AlertRow> {
    let of = |(tenant, state): (&str, &Arc<TenantState>)| {
        let row = |(id, episode)| alert(tenant, id, episode);
        state.alerts().episodes.iter().map(row).collect::<Vec<_>>()
    };
    tenants(edition, tenant).into_iter().flat_map(of).collect()
}

fn alert(tenant: &str, id: &RuleId, episode: &Episode) -> AlertRow {
    AlertRow {
        tenant: tenant.to_owned(),
        rule: id.name.clone(),
        declared_by: id.by.as_str().to_owned(),
        episode: episode.id.clone(),
        state: episode.state().to_owned(),
        severity: episode.severity.as_str().to_owned(),
        value: episode.sighting.value,
        opened_at_us: episode.opened_us,
        fired_at_us: episode.fired_us,
        waits_until_us: match episode.phase {
            Phase::Pending { until_us } | Phase::Calming { until_us } => Some(until_us),
            Phase::Firing => None,
        },
        acknowledged_at_us: episode.acknowledged_us,
        unmeasurable: episode.unmeasurable.clone(),
        revision: episode.sighting.revision,
        summary: episode.summary.clone(),
        labels: serde_json::to_string(&episode.labels).expect("labels are texts"),
    }
}

/// Every rule.
pub(super) fn rules(edition: &Edition, evaluations: &Evaluations, tenant: Option<&str>) -> Vec<AlertRuleRow> {
    let mut rows = Vec::new();
    for (tenant, state) in tenants(edition, tenant) {
        for (name, rule) in &state.alerts().rules {
            let last = evaluations.get(tenant, name);
            rows.push(AlertRuleRow {
                tenant: tenant.to_owned(),
                rule: name.clone(),
                measure: rule.measure.as_str().to_owned(),
                meter: rule.measure.meter().map(str::to_owned),
                schedule: match rule.measure {
                    Measure::Query { every_s, .. } => format!("every {every_s} s"),
                    _ => "changes".to_owned(),
                },
                evaluated_at_us: last.as_ref().map(|last| last.at_us),
                took_us: last.as_ref().map(|last| last.took_us),
                error: last.and_then(|last| last.error),
            });
        }
    }
    rows
}

/// What an entry of the journal tells of alerts, and how many bytes that holds.
pub(super) fn events(entry: &AuditEntry) -> (Vec<AlertEventRow>, usize) {
    let told = entry.changes.iter().filter_map(|change| match change {
        Change::Alerts(change) => event(entry, change),
        _ => None,
    });
    let rows: Vec<_> = told.collect();
    let bytes = rows.len() * EVENT_BYTES;
    (rows, bytes)
}

fn event(entry: &AuditEntry, change: &AlertsChange) -> Option<AlertEventRow> {
    let AlertsChange::Edge { rule, edge, episode, note } = change else { return None };
    Some(AlertEventRow {
        tenant: entry.tenant.clone(),
        sequence: entry.sequence,
        at_us: entry.at_us,
        rule: rule.name.clone(),
        declared_by: rule.by.as_str().to_owned(),
        episode: episode.id.clone(),
        event: edge.as_str().to_owned(),
        severity: episode.severity.as_str().to_owned(),
        value: episode.sighting.value,
        revision: episode.sighting.revision,
        note: note.clone().or_else(|| episode.unmeasurable.clone()),
    })
}
