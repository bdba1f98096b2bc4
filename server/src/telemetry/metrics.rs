//! The metrics registry: counters that doors and parts of the node move, gauges that are read when somebody asks.
//!
//! Labels are kinds and numbers of things, never tenants: their number has no limit, and their figures are views. Not
//! here: the HTTP route.

use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use engine::admission::{Reason, Receipt, RejectionCount};
use engine::lock::Lock;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Metric, Registry, Unit};

/// Everything that this node counts.
#[derive(Debug)]
pub struct Metrics {
    /// One for each that was added, so that a metric is read off without a lock.
    registries: Lock<Vec<Arc<Registry>>>,
    /// HTTP requests: how long until the answer's head.
    pub requests: Family<RequestLabels, Histogram, fn() -> Histogram>,
    /// Events answered, by outcome.
    pub events: Family<OutcomeLabels, Counter>,
    /// Events refused, by reason.
    pub rejections: Family<ReasonLabels, Counter>,
    /// Bytes of event bodies after decompression.
    pub body_bytes: Counter,
    /// Statements, by door and outcome: how long until the last row.
    pub statements: Family<StatementLabels, Histogram, fn() -> Histogram>,
    /// Rows that statements sent, by door.
    pub statement_rows: Family<DoorLabels, Counter>,
    /// Bytes that statements sent, by door.
    pub statement_bytes: Family<DoorLabels, Counter>,
}

/// Which route answered how.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct RequestLabels {
    /// HTTP method.
    pub method: String,
    /// Route as in the OpenAPI document.
    pub route: &'static str,
    /// HTTP status.
    pub status: u16,
}

/// What became of an event.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct OutcomeLabels {
    /// `admitted` (late ones included), `late`, `duplicate` or `rejected`.
    pub outcome: &'static str,
}

/// Why an event was refused.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ReasonLabels {
    /// As in the API.
    pub reason: &'static str,
}

/// Which statement ended how.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct StatementLabels {
    /// `http`, `postgres` or `flight`.
    pub door: &'static str,
    /// `finished`, `failed` or `abandoned`.
    pub outcome: &'static str,
}

/// Through which door.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct DoorLabels {
    /// `http`, `postgres` or `flight`.
    pub door: &'static str,
}

impl Default for Metrics {
    fn default() -> Self {
        let metrics = Self {
            registries: Lock::default(),
            requests: Family::new_with_constructor(|| Histogram::new(exponential_buckets(0.000_5, 2.0, 16))),
            events: Family::default(),
            rejections: Family::default(),
            body_bytes: Counter::default(),
            statements: Family::new_with_constructor(|| Histogram::new(exponential_buckets(0.000_5, 2.0, 18))),
            statement_rows: Family::default(),
            statement_bytes: Family::default(),
        };
        metrics.register("events", "Events answered, by outcome", metrics.events.clone());
        metrics.register("events_rejected", "Events refused, by reason", metrics.rejections.clone());
        metrics.register("event_body", "Bytes of event bodies, decompressed", metrics.body_bytes.clone());
        metrics.register("statement_rows", "Rows that SQL statements sent", metrics.statement_rows.clone());
        metrics.register("statement_bytes", "Bytes that SQL statements sent", metrics.statement_bytes.clone());
        let statements = metrics.statements.clone();
        let help = "SQL statements, by door and outcome: time until the last row";
        let mut timed = registry();
        timed.register_with_unit("statement", help, Unit::Seconds, statements);
        let requests = metrics.requests.clone();
        timed.register_with_unit("http_request", "Time until the head of the answer", Unit::Seconds, requests);
        metrics.add(timed);
        metrics
    }
}

impl Metrics {
    /// Adds a metric of another part; its name gets the prefix `tenantry_`.
    pub fn register(&self, name: &str, help: &str, metric: impl Metric) {
        let mut one = registry();
        one.register(name, help, metric);
        self.add(one);
    }

    /// Adds metrics that are read off when somebody asks.
    pub fn register_collector(&self, collector: impl Collector) {
        let mut one = registry();
        one.register_collector(Box::new(collector));
        self.add(one);
    }

    /// Everything, in OpenMetrics text form.
    pub fn encode(&self) -> String {
        let mut text = String::new();
        let registries = self.registries.lock().clone();
        let mut encoded = registries.iter().map(|registry| encode_registry(&mut text, registry));
        let failed = encoded.any(|encoded| encoded.is_err());
        if encode_eof(&mut text).is_err() || failed {
            // Writing to a string fails only if a collector says so.
            let _ = writeln!(text, "# a collector failed");
        }
        text
    }

    /// A request was answered.
    pub fn observe_request(&self, method: &str, route: &'static str, status: u16, took: Duration) {
        let labels = RequestLabels { method: method.to_owned(), route, status };
        self.requests.get_or_create(&labels).observe(took.as_secs_f64());
    }

    /// Events were answered.
    pub fn count_receipt(&self, receipt: &Receipt) {
        let tally = receipt.tally();
        let outcomes = [("admitted", tally.admitted), ("late", tally.late), ("duplicate", tally.duplicate)];
        for (outcome, count) in outcomes {
            self.count_outcome(outcome, count);
        }
        for (_, rejection) in &receipt.rejections {
            self.count_rejected(rejection.reason, 1);
        }
    }

    /// Events were refused at the door.
    pub fn count_refused(&self, counts: &[RejectionCount]) {
        for count in counts {
            self.count_rejected(count.reason, count.count);
        }
    }

    /// A statement ended.
    pub fn observe_statement(&self, door: &'static str, outcome: &'static str, took: Duration, rows: u64, bytes: u64) {
        self.statements.get_or_create(&StatementLabels { door, outcome }).observe(took.as_secs_f64());
        self.statement_rows.get_or_create(&DoorLabels { door }).inc_by(rows);
        self.statement_bytes.get_or_create(&DoorLabels { door }).inc_by(bytes);
    }

    fn count_rejected(&self, reason: Reason, count: u64) {
        self.count_outcome("rejected", count);
        self.rejections.get_or_create(&ReasonLabels { reason: reason.as_str() }).inc_by(count);
    }

    fn count_outcome(&self, outcome: &'static str, count: u64) {
        if count > 0 {
            self.events.get_or_create(&OutcomeLabels { outcome }).inc_by(count);
        }
    }

    fn add(&self, registry: Registry) {
        self.registries.lock().push(Arc::new(registry));
    }
}

fn registry() -> Registry {
    Registry::with_prefix("tenantry")
}

/// A gauge that takes the engine's unsigned figures.
pub type UnsignedGauge = Gauge<u64, AtomicU64>;

#[cfg(test)]
mod tests {
    use engine::admission::{Outcome, Rejection};

    use super::*;

    #[test]
    fn what_is_counted_is_told() {
        let metrics = Metrics::default();
        let outcomes = vec![Outcome::Admitted, Outcome::Late, Outcome::Duplicate, Outcome::Rejected];
        let rejections = vec![(3, Rejection::new(Reason::TooOld, "time", "x"))];
        metrics.count_receipt(&Receipt { outcomes, rejections });
        metrics.observe_request("POST", "/v1/events", 200, Duration::from_millis(3));
        metrics.observe_statement("postgres", "failed", Duration::from_millis(3), 7, 70);
        let text = metrics.encode();
        for line in [
            "tenantry_statement_seconds_count{door=\"postgres\",outcome=\"failed\"} 1",
            "tenantry_statement_rows_total{door=\"postgres\"} 7",
            "tenantry_statement_bytes_total{door=\"postgres\"} 70",
            "tenantry_events_total{outcome=\"admitted\"} 2",
            "tenantry_events_total{outcome=\"late\"} 1",
            "tenantry_events_total{outcome=\"rejected\"} 1",
            "tenantry_events_rejected_total{reason=\"too_old\"} 1",
            "tenantry_http_request_seconds_count{method=\"POST\",route=\"/v1/events\",status=\"200\"} 1",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
    }
}
