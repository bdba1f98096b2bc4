//! The configuration as the options of the rooms that it configures; what it does not name keeps their defaults.

use std::time::Duration;

use engine::dedup::DedupOptions;
use engine::log::segment::SegmentOptions;
use engine::service::EngineOptions;
use engine::shard::FlightLimits;
use engine::watermark::WatermarkOptions;
use pipelines::catalog::CatalogOptions;
use pipelines::metering::MeteringOptions;

use crate::http::{HttpOptions, ServerOptions};
use crate::node::NodeOptions;

use super::Config;

const US_PER_MS: u64 = 1000;

impl Config {
    /// Of the node.
    pub fn node_options(&self) -> NodeOptions {
        let engine = &self.engine;
        let us = |ms: u64| i64::try_from(ms.saturating_mul(US_PER_MS)).unwrap_or(i64::MAX);
        let defaults = NodeOptions::new(&self.data);
        NodeOptions {
            shards_if_new: engine.shards,
            segments: SegmentOptions {
                segment_bytes: engine.segment_bytes,
                in_flight_bytes_max: engine.log_in_flight_bytes_max,
            },
            engine: EngineOptions {
                watermark: WatermarkOptions {
                    delay_us: us(engine.watermark_delay_ms),
                    idle_us: us(engine.watermark_idle_ms),
                },
                flight: FlightLimits {
                    submissions_max: engine.in_flight_batches_max,
                    rows_max: engine.in_flight_events_max,
                },
                publish_every: Duration::from_millis(engine.publish_interval_ms),
                checkpoint_every: Duration::from_millis(engine.checkpoint_interval_ms),
                checkpoint_events: engine.checkpoint_events,
                archive_above_bytes: engine.archive_above_bytes,
                checkpoints_kept: engine.checkpoints_kept,
                dedup: DedupOptions {
                    horizon_us: us(u64::from(self.events.dedup_horizon_s) * 1000),
                    ..defaults.engine.dedup
                },
            },
            metering: MeteringOptions {
                series_max: self.events.series_max,
                series_bytes_max: self.events.series_bytes_max,
                dimension_bytes_max: self.events.dimension_bytes_max,
                ..defaults.metering
            },
            catalog: CatalogOptions {
                memory_bytes_max: self.query.memory_bytes_max,
                statement_memory_bytes_max: self.query.statement_memory_bytes_max,
                tenant_memory_bytes_max: self.query.tenant_memory_bytes_max,
                cursor_memory_bytes_max: self.query.cursor_memory_bytes_max,
                value_bytes_max: self.query.value_bytes_max,
                spill_bytes_max: self.query.spill_bytes_max,
                ..defaults.catalog
            },
            ..defaults
        }
    }

    /// Of the HTTP API.
    pub fn http_options(&self) -> HttpOptions {
        HttpOptions {
            requests_max: self.http.in_flight_max,
            tenant_requests_max: self.http.tenant_in_flight_max,
            body_bytes_max: self.http.body_bytes_max,
            batch_events_max: self.http.batch_events_max,
            event_bytes_max: self.http.event_bytes_max,
            request_timeout: Duration::from_millis(self.http.request_timeout_ms),
            past_max: Duration::from_secs(self.events.past_s_max.into()),
            future_max: Duration::from_secs(self.events.future_s_max.into()),
            metrics_open: self.http.metrics_open,
            plaintext_remote: self.http.plaintext_remote,
            keys_per_minute_max: self.keys.tenant_per_minute_max,
            overlap_s_max: self.keys.overlap_s_max,
            ..HttpOptions::default()
        }
    }

    /// Of the HTTP API's sockets.
    pub fn socket_options(&self) -> ServerOptions {
        self.sockets(self.http.connections_max)
    }

    /// Of the sockets of a door with so many connections.
    pub(crate) fn sockets(&self, connections_max: usize) -> ServerOptions {
        ServerOptions {
            connections_max,
            head_timeout: Duration::from_millis(self.connections.handshake_ms_max),
            silence_max: Duration::from_millis(self.connections.silence_ms_max),
        }
    }
}
