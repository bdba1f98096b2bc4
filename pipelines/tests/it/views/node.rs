//! A node without threads: log and storage in memory, operators applied by hand, snapshots when told.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use arc_swap::ArcSwap;
use arrow::array::{ArrayRef, RecordBatch, StringArray};
use datafusion::prelude::SessionContext;
use engine::admission::{Reason, RejectionCount};
use engine::calendar::{Calendar, Interval, Period};
use engine::definition::Definition;
use engine::event::batch::EventBatch;
use engine::event::ipc;
use engine::event::split::{shard_of, split};
use engine::fact::Billed;
use engine::lake::Lake;
use engine::log::memory::MemoryLog;
use engine::log::{Header, Record, SharedLog};
use engine::meter::Meter;
use engine::shard::{Operator, Position};
use engine::snapshot::{Archive, ShardView, Snapshot};
use engine::storage::SharedStorage;
use engine::storage::memory::MemoryStorage;
use engine::units::Units;
use engine::view::View;
use pipelines::catalog::{Catalog, CatalogOptions, EmitPage, Source, Visibility};
use pipelines::lake::ParquetLake;
use pipelines::metering::compile::check_view;
use pipelines::metering::{MeteringOperator, MeteringOptions, MeteringSnapshot};
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

pub(crate) const SHARDS: u16 = 3;
/// How far a shard's watermark trails its latest event.
const DELAY_US: i64 = 60_000_000;
pub(crate) const NOW_US: i64 = 1_774_900_000_000_000;

struct Shard {
    operator: MeteringOperator,
    watermark_us: i64,
    applied: u64,
    admitted: u64,
}

/// See the module.
pub(crate) struct TestNode {
    pub(crate) log: SharedLog,
    pub(crate) storage: SharedStorage,
    meters: Vec<Meter>,
    views: Mutex<Vec<View>>,
    /// Everything applied, by shard: the history of a new view.
    applied: Mutex<Vec<(u16, EventBatch, Position)>>,
    tenants: Vec<TenantRow>,
    shards: Mutex<Vec<Shard>>,
    archive: Mutex<Arc<Archive>>,
    snapshot: ArcSwap<Snapshot<MeteringSnapshot>>,
}

impl TestNode {
    pub(crate) fn new(meters: Vec<Meter>, tenants: Vec<TenantRow>) -> Arc<Self> {
        let storage: SharedStorage = Arc::new(MemoryStorage::new());
        let shard = || {
            let mut operator = MeteringOperator::new(MeteringOptions::default(), Arc::clone(&storage));
            operator.configure(&definitions(&meters, &[]), None).unwrap();
            let calendars = tenants.iter().map(|row| (row.tenant.clone(), row.billing.clone()));
            let billed = Billed { default: None, tenants: calendars.collect() };
            let position = Position { offset: 0, watermark_us: i64::MIN, admitted_at_us: NOW_US };
            operator.bill(&billed, position).unwrap();
            Shard { operator, watermark_us: i64::MIN, applied: 0, admitted: 0 }
        };
        let empty =
            Snapshot { offset: 0, epoch: 1, published_at_us: NOW_US, shards: Vec::new(), archive: Arc::default() };
        let node = Arc::new(Self {
            log: Arc::new(MemoryLog::new().unwrap()),
            shards: Mutex::new((0..SHARDS).map(|_| shard()).collect()),
            storage,
            meters,
            views: Mutex::default(),
            applied: Mutex::default(),
            tenants,
            archive: Mutex::default(),
            snapshot: ArcSwap::from_pointee(empty),
        });
        node.publish();
        node
    }

    /// Logs and applies `batch`; each shard's part with the position it got.
    pub(crate) fn append(&self, batch: &EventBatch) -> Vec<(EventBatch, Position)> {
        let mut shards = self.shards.lock().unwrap();
        let mut appended = Vec::new();
        for (number, part, _) in split(batch, SHARDS) {
            let shard = &mut shards[usize::from(number)];
            let watermark_us = shard.watermark_us.max(0);
            let header = Header {
                shard: number,
                epoch: 1,
                rows: part.len() as u32,
                watermark_us,
                admitted_at_us: NOW_US + self.log.end() as i64,
            };
            let (done, offset) = std::sync::mpsc::channel();
            let record = Record { header, payload: ipc::encode(&part).unwrap(), notes: Vec::new() };
            self.log.append(record, Box::new(move |offset| done.send(offset).unwrap()));
            let offset = offset.recv().unwrap().unwrap();
            let position = Position { offset, watermark_us, admitted_at_us: header.admitted_at_us };
            shard.operator.apply(&part, position);
            self.applied.lock().unwrap().push((number, part.clone(), position));
            shard.applied = offset + part.len() as u64;
            shard.admitted += part.len() as u64;
            let latest_us = part.times().values().iter().max().copied().unwrap_or(i64::MIN);
            shard.watermark_us = shard.watermark_us.max(latest_us - DELAY_US);
            appended.push((part, position));
        }
        appended
    }

    /// Makes a view, with its history.
    pub(crate) fn create_view(&self, name: &str, query: &str) {
        let view = View { name: name.into(), query: query.into() };
        check_view(&view).unwrap_or_else(|error| panic!("{query}: {error}"));
        self.define_view(view);
    }

    /// Makes a view that no door has checked.
    pub(crate) fn define_view(&self, view: View) {
        let mut views = self.views.lock().unwrap();
        views.push(view);
        self.configure(&views);
    }

    /// Drops a view.
    pub(crate) fn drop_view(&self, name: &str) {
        let mut views = self.views.lock().unwrap();
        views.retain(|view| view.name != name);
        self.configure(&views);
    }

    fn configure(&self, views: &[View]) {
        for (number, shard) in self.shards.lock().unwrap().iter_mut().enumerate() {
            let changed = shard.operator.configure(&definitions(&self.meters, views), None).unwrap();
            if !changed.is_empty() {
                let applied = self.applied.lock().unwrap();
                let own = applied.iter().filter(|(shard, ..)| usize::from(*shard) == number);
                own.for_each(|(_, batch, position)| shard.operator.backfill(&changed, batch, *position));
            }
        }
    }

    /// Counts a rejection of `tenant`.
    pub(crate) fn reject(&self, tenant: &str) {
        self.count_rejection(RejectionCount {
            tenant: tenant.into(),
            reason: Reason::QuotaExceeded,
            field: "requests".into(),
            count: 3,
            sample_id: "e1".into(),
            sample_detail: "the allowance is used up".into(),
        });
    }

    pub(crate) fn count_rejection(&self, count: RejectionCount) {
        let offset = self.log.end();
        let shard = &mut self.shards.lock().unwrap()[usize::from(shard_of(&count.tenant, SHARDS))];
        let position = Position { offset, watermark_us: shard.watermark_us, admitted_at_us: NOW_US };
        shard.operator.reject(&[count], position);
    }

    /// Cuts a snapshot of everything appended so far.
    pub(crate) fn publish(&self) {
        let mut shards = self.shards.lock().unwrap();
        let view = |(number, shard): (usize, &mut Shard)| ShardView {
            shard: number as u16,
            applied: shard.applied,
            watermark_us: shard.watermark_us.max(0),
            admitted: shard.admitted,
            lag: 0,
            remembered_ids: shard.admitted,
            state: shard.operator.publish(shard.watermark_us.max(0)),
        };
        let shards = shards.iter_mut().enumerate().map(view).collect();
        let archive = Arc::clone(&self.archive.lock().unwrap());
        let offset = self.log.end();
        self.snapshot.store(Arc::new(Snapshot { offset, epoch: 1, published_at_us: NOW_US, shards, archive }));
    }

    /// Moves the log before `until` to the lake, publishes that, and forgets it in the log.
    pub(crate) fn archive(&self, until: u64) {
        let before = self.archived();
        let files =
            ParquetLake.archive(&*self.log, before.until, until, &Default::default(), &*self.storage, "lake").unwrap();
        let files = before.files.iter().cloned().chain(files).collect();
        *self.archive.lock().unwrap() = Arc::new(Archive { until, files });
        self.publish();
        self.log.trim(until).unwrap();
    }

    pub(crate) fn archived(&self) -> Arc<Archive> {
        Arc::clone(&self.archive.lock().unwrap())
    }

    pub(crate) fn catalog(self: &Arc<Self>) -> Catalog {
        let options = CatalogOptions { partitions: 2, batch_rows: 1000, ..CatalogOptions::default() };
        Catalog::new(Arc::clone(self) as Arc<dyn Source>, options)
    }

    pub(crate) fn session(self: &Arc<Self>, visibility: Visibility) -> SessionContext {
        self.catalog().session(&visibility).unwrap()
    }
}

impl Source for TestNode {
    fn snapshot(&self) -> Arc<Snapshot<MeteringSnapshot>> {
        self.snapshot.load_full()
    }

    fn log(&self) -> SharedLog {
        Arc::clone(&self.log)
    }

    fn storage(&self) -> SharedStorage {
        Arc::clone(&self.storage)
    }

    fn meters(&self) -> Vec<Meter> {
        self.meters.clone()
    }

    fn views(&self) -> Vec<ViewRow> {
        let views = self.views.lock().unwrap();
        views.iter().map(|view| ViewRow { view: view.clone(), created_at_us: NOW_US }).collect()
    }

    fn tenants(&self) -> Result<Vec<TenantRow>, ViewError> {
        Ok(self.tenants.clone())
    }

    fn declarations(&self, tenant: Option<&str>) -> Result<Vec<DeclarationRow>, ViewError> {
        let row = |row: &TenantRow| DeclarationRow {
            tenant: row.tenant.clone(),
            kind: "quota".into(),
            name: "requests".into(),
            spec: r#"{"hard":true}"#.into(),
        };
        let tenants = self.tenants.iter().filter(|row| tenant.is_none_or(|tenant| row.tenant == tenant));
        Ok(tenants.map(row).collect())
    }

    fn quotas(&self, tenant: Option<&str>, now_us: i64) -> Result<Vec<QuotaRow>, ViewError> {
        let row = |row: &TenantRow| QuotaRow {
            tenant: row.tenant.clone(),
            meter: "requests".into(),
            kind: "allowance".into(),
            calendar: Some(Calendar { period: Period::Day, time_zone: "UTC".into() }),
            period: Some(Interval { start_us: now_us, end_us: now_us + 1 }),
            limit: Units::whole(10),
            used: Units::whole(3),
            leased: Units::whole(2),
            remaining: Units::whole(5),
            hard: true,
        };
        Ok(self.tenants.iter().filter(|row| tenant.is_none_or(|only| only == row.tenant)).map(row).collect())
    }

    fn audit(&self, _: Option<&BTreeSet<String>>, emit: &mut EmitPage<'_, AuditRow>) -> Result<(), ViewError> {
        // Tells more than it was asked for: the catalog must cut it.
        let row = |row: &TenantRow| AuditRow {
            tenant: row.tenant.clone(),
            sequence: 1,
            at_us: NOW_US,
            principal: "test".into(),
            change: "{}".into(),
            hash: "00".into(),
        };
        let _ = emit(self.tenants.iter().map(row).collect());
        Ok(())
    }

    fn alerts(&self, _: Option<&str>) -> Result<Vec<AlertRow>, ViewError> {
        // As above.
        let row = |row: &TenantRow| AlertRow {
            tenant: row.tenant.clone(),
            rule: "near".into(),
            declared_by: "platform".into(),
            episode: "near-7-1".into(),
            state: "firing".into(),
            severity: "warning".into(),
            value: Units::whole(80),
            opened_at_us: NOW_US,
            fired_at_us: Some(NOW_US),
            waits_until_us: None,
            acknowledged_at_us: None,
            unmeasurable: None,
            revision: 7,
            summary: None,
            labels: "{}".into(),
        };
        Ok(self.tenants.iter().map(row).collect())
    }

    fn alert_rules(&self, _: Option<&str>) -> Result<Vec<AlertRuleRow>, ViewError> {
        // As above.
        let row = |row: &TenantRow| AlertRuleRow {
            tenant: row.tenant.clone(),
            rule: "near".into(),
            measure: "quota".into(),
            meter: Some("requests".into()),
            schedule: "changes".into(),
            evaluated_at_us: Some(NOW_US),
            took_us: Some(3),
            error: None,
        };
        Ok(self.tenants.iter().map(row).collect())
    }

    fn alert_history(
        &self,
        _: Option<&BTreeSet<String>>,
        emit: &mut EmitPage<'_, AlertEventRow>,
    ) -> Result<(), ViewError> {
        // As above.
        let row = |row: &TenantRow| AlertEventRow {
            tenant: row.tenant.clone(),
            sequence: 2,
            at_us: NOW_US,
            rule: "near".into(),
            declared_by: "platform".into(),
            episode: "near-7-1".into(),
            event: "fired".into(),
            severity: "warning".into(),
            value: Units::whole(80),
            revision: 7,
            note: None,
        };
        let _ = emit(self.tenants.iter().map(row).collect());
        Ok(())
    }

    fn endpoints(&self, _: Option<&str>) -> Result<Vec<EndpointRow>, ViewError> {
        // As above.
        let row = |row: &TenantRow| EndpointRow {
            tenant: row.tenant.clone(),
            endpoint: "hook".into(),
            url: "https://example.com".into(),
            events: "*".into(),
            state: "current".into(),
            retries: 0,
            next_retry_at_us: None,
            failing_since_us: None,
        };
        Ok(self.tenants.iter().map(row).collect())
    }

    fn delivery_attempts(&self, _: Option<&str>) -> Result<Vec<DeliveryAttemptRow>, ViewError> {
        // As above.
        let row = |row: &TenantRow| DeliveryAttemptRow {
            tenant: row.tenant.clone(),
            endpoint: "hook".into(),
            message: "msg_1".into(),
            event: "alert.fired".into(),
            at_us: NOW_US,
            took_us: 3,
            status: Some(200),
            outcome: "delivered".into(),
            answer: String::new(),
        };
        Ok(self.tenants.iter().map(row).collect())
    }

    fn queries(&self, _: Option<&str>) -> Result<Vec<QueryRow>, ViewError> {
        // As above.
        let row = |row: &TenantRow| QueryRow {
            tenant: row.tenant.clone(),
            principal: "test".into(),
            door: "http",
            statement: "SELECT 1".into(),
            state: "running",
            sqlstate: None,
            rows: 0,
            bytes: 0,
            began_at_us: NOW_US,
            took_ms: 0,
        };
        Ok(self.tenants.iter().map(row).collect())
    }

    fn ids_known_since_us(&self) -> Option<i64> {
        None
    }

    fn now_us(&self) -> i64 {
        NOW_US + 1_000_000
    }
}

fn definitions(meters: &[Meter], views: &[View]) -> Vec<Definition> {
    let meters = meters.iter().cloned().map(Definition::from);
    meters.chain(views.iter().cloned().map(Definition::from)).collect()
}

pub(crate) fn tenant(name: &str, period: Period, time_zone: &str) -> TenantRow {
    TenantRow {
        tenant: name.into(),
        status: "active".into(),
        erased: false,
        plan: None,
        billing: Calendar { period, time_zone: time_zone.into() },
        created_at_us: 0,
    }
}

/// The rows of `sql` as texts.
pub(crate) async fn rows(session: &SessionContext, sql: &str) -> Vec<Vec<String>> {
    let batches = session.sql(sql).await.unwrap_or_else(|e| panic!("{sql}: {e}")).collect().await;
    texts(&batches.unwrap_or_else(|e| panic!("{sql}: {e}")))
}

/// Every cell as text; null is `NULL`.
pub(crate) fn texts(batches: &[RecordBatch]) -> Vec<Vec<String>> {
    let column = |column: &ArrayRef| -> StringArray {
        let text = arrow::compute::cast(column, &arrow::datatypes::DataType::Utf8).unwrap();
        text.as_any().downcast_ref::<StringArray>().unwrap().clone()
    };
    let of_batch = |batch: &RecordBatch| {
        let columns = batch.columns().iter().map(column).collect::<Vec<_>>();
        let cell = |column: &StringArray, row| match arrow::array::Array::is_null(column, row) {
            true => "NULL".to_owned(),
            false => column.value(row).to_owned(),
        };
        (0..batch.num_rows()).map(|row| columns.iter().map(|c| cell(c, row)).collect()).collect::<Vec<Vec<String>>>()
    };
    batches.iter().flat_map(of_batch).collect()
}
