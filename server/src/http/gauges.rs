//! `/metrics`: the counters, and gauges read off the node at the moment it is asked.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use axum::extract::State;
use axum::http::{HeaderName, header};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;

use crate::node::Node;
use crate::telemetry::metrics::{Metrics, UnsignedGauge};

use super::Door;
use super::caller::MayWatch;
use super::problem::ProblemBody;

/// OpenMetrics, which Prometheus asks for.
const TEXT: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Shard {
    shard: u16,
}

/// What the node looks like from outside.
#[derive(Debug, Default)]
pub(super) struct Gauges {
    applied: Family<Shard, UnsignedGauge>,
    watermark: Family<Shard, Gauge<i64, AtomicI64>>,
    lag: Family<Shard, UnsignedGauge>,
    remembered: Family<Shard, UnsignedGauge>,
    snapshot_offset: UnsignedGauge,
    snapshot_age: Gauge<i64, AtomicI64>,
    checkpoint_failures: Counter,
    log_bytes: UnsignedGauge,
    log_start: UnsignedGauge,
    log_end: UnsignedGauge,
    rows_in_flight: UnsignedGauge,
    tenants_active: UnsignedGauge,
    tenants_known: UnsignedGauge,
    tenants_quarantined: UnsignedGauge,
    ingest_in_flight: UnsignedGauge,
    statements_running: UnsignedGauge,
    statements_waiting: UnsignedGauge,
    log_bytes_cut: UnsignedGauge,
    checkpoint_fallbacks: UnsignedGauge,
    snapshots_rebuilt: UnsignedGauge,
}

impl Gauges {
    pub(super) fn register(metrics: &Metrics) -> Self {
        let gauges = Self::default();
        let by_shard = [
            ("shard_applied_offset", "End of the last applied record", gauges.applied.clone()),
            ("shard_lag_rows", "Rows admitted but not yet applied", gauges.lag.clone()),
            ("shard_remembered_ids", "Ids remembered for dedup", gauges.remembered.clone()),
        ];
        for (name, help, gauge) in by_shard {
            metrics.register(name, help, gauge);
        }
        let watermark = gauges.watermark.clone();
        metrics.register("shard_watermark_us", "No earlier event is expected, microseconds since 1970", watermark);
        metrics.register("snapshot_age_us", "Age of what queries see, microseconds", gauges.snapshot_age.clone());
        let failures = gauges.checkpoint_failures.clone();
        metrics.register(
            "checkpoint_failures",
            "Checkpoints and moves to the lake that failed and are tried again",
            failures,
        );
        let of_node = [
            ("snapshot_offset", "End of what queries see", gauges.snapshot_offset.clone()),
            ("log_bytes", "Bytes of the event log", gauges.log_bytes.clone()),
            ("log_start_offset", "First offset in the log", gauges.log_start.clone()),
            ("log_end_offset", "End of what is durable", gauges.log_end.clone()),
            ("rows_in_flight", "Rows without an answer yet", gauges.rows_in_flight.clone()),
            ("tenant_actors", "Tenants with a running actor", gauges.tenants_active.clone()),
            ("tenants_quarantined", "Tenants kept out after repeated failures", gauges.tenants_quarantined.clone()),
            ("tenants", "Tenants known", gauges.tenants_known.clone()),
            ("ingest_in_flight", "Requests with events under way", gauges.ingest_in_flight.clone()),
            ("statements_running", "SQL statements under way", gauges.statements_running.clone()),
            ("statements_waiting", "SQL statements that wait for their turn", gauges.statements_waiting.clone()),
            (
                "start_log_bytes_cut",
                "Bytes of torn writes that the start cut off the logs",
                gauges.log_bytes_cut.clone(),
            ),
            (
                "start_checkpoint_fallbacks",
                "Starts from an earlier checkpoint because a newer one is damaged",
                gauges.checkpoint_fallbacks.clone(),
            ),
            (
                "start_snapshots_rebuilt",
                "Tenant caches that the start rebuilt from the journal",
                gauges.snapshots_rebuilt.clone(),
            ),
        ];
        for (name, help, gauge) in of_node {
            metrics.register(name, help, gauge);
        }
        gauges
    }

    fn read(&self, node: &Node) {
        let snapshot = node.engine.snapshot();
        for view in &snapshot.shards {
            let shard = Shard { shard: view.shard };
            self.applied.get_or_create(&shard).set(view.applied);
            self.watermark.get_or_create(&shard).set(view.watermark_us);
            self.lag.get_or_create(&shard).set(view.lag);
            self.remembered.get_or_create(&shard).set(view.remembered_ids);
        }
        self.snapshot_offset.set(snapshot.offset);
        self.snapshot_age.set(node.clock.now_us().saturating_sub(snapshot.published_at_us).max(0));
        self.checkpoint_failures.inner().store(node.engine.checkpoint_failures(), Ordering::Relaxed);
        let log = node.engine.log();
        self.log_bytes.set(log.bytes());
        self.log_start.set(log.start());
        self.log_end.set(log.end());
        self.rows_in_flight.set(node.engine.rows_in_flight() as u64);
        self.log_bytes_cut.set(node.mended.log_bytes_cut);
        self.checkpoint_fallbacks.set(node.mended.checkpoint_fallbacks);
        self.snapshots_rebuilt.set(node.mended.snapshots_rebuilt);
        self.tenants_known.set(node.tenants.directory().edition().len() as u64);
        let (active, quarantined) = node.tenants.report();
        self.tenants_active.set(active as u64);
        self.tenants_quarantined.set(quarantined.len() as u64);
    }
}

/// Metrics for Prometheus; no tenant's figures are in them. Wants a key of the platform with the scope `query`, unless
/// `http.metrics_open` is set.
#[utoipa::path(get, path = "/metrics", tag = "service", security(("key" = ["query"])),
    responses((status = 200, description = "OpenMetrics text", content_type = "application/openmetrics-text"),
        (status = 401, description = "no valid key", body = ProblemBody, content_type = "application/problem+json"),
        (status = 403, description = "not the platform's", body = ProblemBody, content_type = "application/problem+json")))]
pub(super) async fn metrics(
    State(door): State<Arc<Door>>,
    MayWatch: MayWatch,
) -> ([(HeaderName, &'static str); 1], String) {
    if let Some(node) = door.node.get() {
        door.gauges.read(node);
    }
    door.gauges.ingest_in_flight.set(door.ingest.taken() as u64);
    door.gauges.statements_running.set(door.queries.running() as u64);
    door.gauges.statements_waiting.set(door.queries.waiting() as u64);
    ([(header::CONTENT_TYPE, TEXT)], door.metrics.encode())
}
