//! What the catalog reads of a node: the engine's snapshot, and the tenants' facts as rows.
//!
//! A fact that can't be read is an error that names it (I14). Not here: who may see what (the catalog decides), rules.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use actors::facets::views::Created;
use actors::journal::JournalError;
use actors::kinds::KINDS;
use actors::limit::{Limit, Limits};
use actors::{AuditEntry, TenantState, TenantsHandle};
use arrow::array::{Array, AsArray};
use arrow::datatypes::{Decimal128Type, TimestampMicrosecondType};
use engine::calendar::{Calendar, CalendarError, Interval};
use engine::clock::Clock;
use engine::log::SharedLog;
use engine::meter::Meter;
use engine::service::Handle;
use engine::snapshot::Snapshot;
use engine::storage::SharedStorage;
use engine::units::Units;
use pipelines::catalog::{EmitPage, Source};
use pipelines::metering::{MeteringError, MeteringOperator, MeteringSnapshot, WindowFilter, totals};
use pipelines::views::ViewError;
use pipelines::views::alert_history::AlertEventRow;
use pipelines::views::alert_rules::AlertRuleRow;
use pipelines::views::alerts::AlertRow;
use pipelines::views::audit::AuditRow;
use pipelines::views::declarations::DeclarationRow;
use pipelines::views::delivery_attempts::DeliveryAttemptRow;
use pipelines::views::endpoints::EndpointRow;
use pipelines::views::materialized_views::ViewRow;
use pipelines::views::queries::QueryRow;
use pipelines::views::quotas::QuotaRow;
use pipelines::views::tenants::TenantRow;

use crate::outbox::Attempts;
use crate::query::History;
use crate::reactions::Evaluations;

use super::{alert_rows, endpoint_rows};

/// Changes that an answer holds at once (I8), and bytes of them after which it holds no more.
const PAGE_ROWS_MAX: usize = 1024;
const PAGE_BYTES: usize = 1 << 20;
/// Changes of the first page: so many, read in order, cost about as much as one found by itself. What is damaged among them is
/// an error before the answer begins, not one that breaks off.
const FIRST_PAGE_ROWS: usize = 64;

/// A node as the catalog's source.
pub(super) struct NodeSource {
    pub(super) engine: Handle<MeteringOperator>,
    pub(super) tenants: TenantsHandle,
    pub(super) storage: SharedStorage,
    pub(super) history: Arc<History>,
    pub(super) evaluations: Arc<Evaluations>,
    pub(super) attempts: Arc<Attempts>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) dedup_horizon_us: i64,
    /// When the data folder was made.
    pub(super) created_at_us: i64,
}

impl NodeSource {
    /// Allowances of one tenant: of the period that holds `now_us`, and of those that were drawn on in this epoch.
    fn allowances(
        &self,
        tenant: &str,
        meter: &str,
        per: &Calendar,
        now_us: i64,
    ) -> Result<Vec<(Interval, Units)>, ViewError> {
        let unreadable = |error: CalendarError| {
            let what = format!("the period of {tenant}'s allowance of {meter}");
            ViewError::Unreadable { what, reason: error.to_string() }
        };
        let now = per.periods().and_then(|mut periods| periods.containing(now_us)).map_err(unreadable)?;
        let mut periods = BTreeMap::from([(now, Units(0))]);
        for (leased_meter, period, lease) in self.tenants.gate_table().leases(tenant) {
            if leased_meter == meter {
                periods.insert(period, Units(lease.leased));
            }
        }
        Ok(periods.into_iter().collect())
    }

    fn limit_rows(
        &self,
        tenant: &str,
        meter: &str,
        limit: &Limit,
        now_us: i64,
        used: &Used,
        rows: &mut Vec<QuotaRow>,
    ) -> Result<(), ViewError> {
        let row = |kind: &str, limit_units: Units| QuotaRow {
            tenant: tenant.to_owned(),
            meter: meter.to_owned(),
            kind: kind.to_owned(),
            calendar: None,
            period: None,
            limit: limit_units,
            used: Units(0),
            leased: Units(0),
            remaining: limit_units,
            hard: limit.hard,
        };
        if let Some(allowance) = &limit.allowance {
            for (period, leased) in self.allowances(tenant, meter, &allowance.per, now_us)? {
                let key = (meter.to_owned(), allowance.per.clone());
                let used = used.get(&key).and_then(|used| used.get(&(tenant.to_owned(), period.start_us)));
                let used = used.copied().unwrap_or_default();
                rows.push(QuotaRow {
                    calendar: Some(allowance.per.clone()),
                    period: Some(period),
                    used,
                    leased,
                    remaining: Units((allowance.units.0 - used.0).max(0)),
                    ..row("allowance", allowance.units)
                });
            }
        }
        if let Some(rate) = &limit.rate {
            rows.push(row("rate", rate.units_per_s));
        }
        Ok(())
    }

    /// What the panes say was used of each (meter, calendar), by tenant and start of the period: the figures that bill.
    fn used(&self, wanted: BTreeMap<(String, Calendar), BTreeSet<String>>) -> Result<Used, ViewError> {
        let snapshot = self.engine.snapshot();
        let mut all = Used::new();
        for ((meter, calendar), tenants) in wanted {
            let filter = WindowFilter { tenants: Some(tenants.into_iter().collect()), ..WindowFilter::default() };
            let batch = match totals(&snapshot.shards, &meter, &|_| calendar.clone(), &filter) {
                // Nothing counts by a meter that is not there.
                Err(MeteringError::UnknownMeter(_)) => continue,
                totals => totals?,
            };
            let names = batch.column(0).as_string::<i32>();
            let starts = batch.column(1).as_primitive::<TimestampMicrosecondType>();
            let values = batch["value"].as_primitive::<Decimal128Type>();
            let used = (0..batch.num_rows())
                .filter(|row| values.is_valid(*row))
                .map(|row| ((names.value(row).to_owned(), starts.value(row)), Units(values.value(row))))
                .collect();
            all.insert((meter, calendar), used);
        }
        Ok(all)
    }
}

impl NodeSource {
    /// What `rows` makes of the journal's entries, page by page; it says how many bytes its rows hold.
    fn entries<R>(
        &self,
        tenants: Option<&BTreeSet<String>>,
        rows: impl Fn(AuditEntry) -> (Vec<R>, usize),
        emit: &mut EmitPage<'_, R>,
    ) -> Result<(), ViewError> {
        let (mut page, mut bytes, mut page_rows) = (Vec::new(), 0, FIRST_PAGE_ROWS);
        for entry in self.tenants.audit(tenants) {
            let unreadable =
                |error: JournalError| ViewError::Unreadable { what: "the journal".into(), reason: error.to_string() };
            let (of_entry, held) = rows(entry.map_err(unreadable)?);
            page.extend(of_entry);
            bytes += held;
            if page.len() >= page_rows || bytes >= PAGE_BYTES {
                if emit(std::mem::take(&mut page)).is_break() {
                    return Ok(());
                }
                // A reader of one row costs few, a reader of all is given as many as fill a batch.
                (bytes, page_rows) = (0, (page_rows * 2).min(PAGE_ROWS_MAX));
            }
        }
        let _ = emit(page);
        Ok(())
    }
}

fn audit_row(entry: AuditEntry) -> AuditRow {
    AuditRow {
        change: entry.json(),
        tenant: entry.tenant,
        sequence: entry.sequence,
        at_us: entry.at_us,
        principal: entry.principal,
        hash: entry.hash.to_string(),
    }
}

type Used = BTreeMap<(String, Calendar), BTreeMap<(String, i64), Units>>;

impl Source for NodeSource {
    fn snapshot(&self) -> Arc<Snapshot<MeteringSnapshot>> {
        self.engine.snapshot()
    }

    fn log(&self) -> SharedLog {
        self.engine.log()
    }

    fn storage(&self) -> SharedStorage {
        Arc::clone(&self.storage)
    }

    fn meters(&self) -> Vec<Meter> {
        self.tenants.meters()
    }

    fn views(&self) -> Vec<ViewRow> {
        let row = |created: Created| ViewRow { view: created.view, created_at_us: created.at_us };
        self.tenants.views().into_iter().map(row).collect()
    }

    fn tenants(&self) -> Result<Vec<TenantRow>, ViewError> {
        let edition = self.tenants.directory().edition();
        let row = |(tenant, state): (&Arc<str>, &Arc<TenantState>)| TenantRow {
            tenant: tenant.to_string(),
            status: state.lifecycle().status.as_str().to_owned(),
            erased: state.lifecycle().erased,
            plan: Some(state.plan().name.clone()),
            billing: edition.plan_of(state).billing,
            created_at_us: state.lifecycle().created_at_us,
        };
        let mut rows: Vec<TenantRow> = edition.iter().map(row).collect();
        rows.sort_by(|a, b| a.tenant.cmp(&b.tenant));
        Ok(rows)
    }

    fn declarations(&self, tenant: Option<&str>) -> Result<Vec<DeclarationRow>, ViewError> {
        let edition = self.tenants.directory().edition();
        let mut rows = Vec::new();
        let mut gather = |tenant: &str, state: &TenantState| {
            for kind in KINDS {
                let row = |(name, spec): (String, serde_json::Value)| DeclarationRow {
                    tenant: tenant.to_owned(),
                    kind: kind.name().to_owned(),
                    name,
                    spec: spec.to_string(),
                };
                rows.extend(kind.all(state).into_iter().map(row));
            }
        };
        match tenant {
            Some(tenant) => {
                if let Some(state) = edition.get(tenant) {
                    gather(tenant, state);
                }
            }
            None => edition.iter().for_each(|(tenant, state)| gather(tenant, state)),
        }
        rows.sort_by(|a, b| (&a.tenant, &a.kind, &a.name).cmp(&(&b.tenant, &b.kind, &b.name)));
        Ok(rows)
    }

    fn quotas(&self, tenant: Option<&str>, now_us: i64) -> Result<Vec<QuotaRow>, ViewError> {
        let edition = self.tenants.directory().edition();
        let limits = |name: &str, state: &TenantState| (name.to_owned(), edition.limits_of(state));
        let mut limited: Vec<(String, Limits)> = match tenant {
            Some(tenant) => edition.get(tenant).into_iter().map(|state| limits(tenant, state)).collect(),
            None => edition.iter().map(|(tenant, state)| limits(tenant, state)).collect(),
        };
        limited.retain(|(_, limits)| !limits.is_empty());
        limited.sort_by(|a, b| a.0.cmp(&b.0));
        let mut wanted: BTreeMap<(String, Calendar), BTreeSet<String>> = BTreeMap::new();
        for (tenant, limits) in &limited {
            for (meter, limit) in limits {
                if let Some(allowance) = &limit.allowance {
                    wanted.entry((meter.clone(), allowance.per.clone())).or_default().insert(tenant.clone());
                }
            }
        }
        let used = self.used(wanted)?;
        let mut rows = Vec::new();
        for (tenant, limits) in &limited {
            for (meter, limit) in limits {
                self.limit_rows(tenant, meter, limit, now_us, &used, &mut rows)?;
            }
        }
        Ok(rows)
    }

    fn audit(&self, tenants: Option<&BTreeSet<String>>, emit: &mut EmitPage<'_, AuditRow>) -> Result<(), ViewError> {
        let rows = |entry| {
            let row = audit_row(entry);
            let bytes = row.change.len();
            (vec![row], bytes)
        };
        self.entries(tenants, rows, emit)
    }

    fn alerts(&self, tenant: Option<&str>) -> Result<Vec<AlertRow>, ViewError> {
        Ok(alert_rows::alerts(&self.tenants.directory().edition(), tenant))
    }

    fn alert_rules(&self, tenant: Option<&str>) -> Result<Vec<AlertRuleRow>, ViewError> {
        Ok(alert_rows::rules(&self.tenants.directory().edition(), &self.evaluations, tenant))
    }

    fn alert_history(
        &self,
        tenants: Option<&BTreeSet<String>>,
        emit: &mut EmitPage<'_, AlertEventRow>,
    ) -> Result<(), ViewError> {
        self.entries(tenants, |entry| alert_rows::events(&entry), emit)
    }

    fn endpoints(&self, tenant: Option<&str>) -> Result<Vec<EndpointRow>, ViewError> {
        Ok(endpoint_rows::endpoints(&self.tenants.directory().edition(), tenant))
    }

    fn delivery_attempts(&self, tenant: Option<&str>) -> Result<Vec<DeliveryAttemptRow>, ViewError> {
        Ok(endpoint_rows::attempts(&self.attempts, tenant))
    }

    fn queries(&self, tenant: Option<&str>) -> Result<Vec<QueryRow>, ViewError> {
        Ok(self.history.rows(tenant))
    }

    fn ids_known_since_us(&self) -> Option<i64> {
        let since_us = self.now_us().saturating_sub(self.dedup_horizon_us);
        Some(since_us).filter(|since_us| *since_us > self.created_at_us)
    }

    fn now_us(&self) -> i64 {
        self.clock.now_us()
    }
}
