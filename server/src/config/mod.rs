//! Configuration: every limit and address of a node, each named once, with its unit, in `defaults.toml` (I8).
//!
//! The layers are defaults < file < environment < flags ([`layers`]); [`print`] shows the result with the origin of each
//! value. Not here: what a setting does, which its user documents, and anything that changes while a node runs.

mod layers;
mod print;
mod options;
mod effect;

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::Deserialize;

use crate::webhooks::address::Rules;
use crate::webhooks::network::{Network, NetworkError};

pub use layers::{Layers, Origin, Settings};

/// The defaults and their documentation, as a configuration file.
pub const DEFAULTS: &str = include_str!("defaults.toml");
/// The file that is read from the working folder if no other is named.
pub const FILE: &str = "tenantry.toml";

/// Every setting of a node; `defaults.toml` says the default and the effect of each.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Folder of the node.
    pub data: PathBuf,
    /// How long a drain waits for running work, milliseconds.
    pub drain_ms_max: u64,
    /// Of the doors' clients.
    pub connections: Connections,
    /// The HTTP API.
    pub http: Http,
    /// The Postgres wire protocol.
    pub postgres: Postgres,
    /// Arrow Flight SQL.
    pub flight: Flight,
    /// The certificate that the doors show.
    pub tls: Tls,
    /// How keys are made.
    pub keys: Keys,
    /// Shards, log, watermarks, checkpoints.
    pub engine: Engine,
    /// What is accepted as an event.
    pub events: Events,
    /// What queries may use, whatever door they come through.
    pub query: Query,
    /// How much memory the node may use.
    pub memory: Memory,
    /// Where messages may go.
    pub webhooks: Webhooks,
    /// Who asks whether doors answer.
    pub watchdog: Watchdog,
    /// The node's own log.
    pub log: Log,
}

/// Of the doors' clients.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Connections {
    /// Longest time from the first byte to a login, or to a request; milliseconds.
    pub handshake_ms_max: u64,
    /// Longest time without a byte while the node waits for one to come or to go, milliseconds.
    pub silence_ms_max: u64,
}

/// How keys are made.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Keys {
    /// Keys made or rotated in a minute for one tenant.
    pub tenant_per_minute_max: u32,
    /// How long a rotated key may go on, seconds.
    pub overlap_s_max: u32,
}

/// The HTTP API.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Http {
    /// Where to listen; `None`: nowhere.
    #[serde(deserialize_with = "address")]
    pub address: Option<SocketAddr>,
    /// Connections open at once.
    pub connections_max: usize,
    /// Requests worked on at once, those with events and all others counted apart.
    pub in_flight_max: usize,
    /// Of either, those of one tenant.
    pub tenant_in_flight_max: usize,
    /// Bytes of a body after decompression.
    pub body_bytes_max: usize,
    /// Events in one body.
    pub batch_events_max: usize,
    /// Bytes of one event.
    pub event_bytes_max: usize,
    /// Longest request, milliseconds.
    pub request_timeout_ms: u64,
    /// Whether clients on other machines may do without TLS.
    pub plaintext_remote: bool,
    /// Names of the node beside addresses and localhost, separated by commas.
    pub hosts: String,
    /// Whether `/metrics` is answered without a key.
    pub metrics_open: bool,
}

/// The Postgres wire protocol.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Postgres {
    /// Where to listen; `None`: nowhere.
    #[serde(deserialize_with = "address")]
    pub address: Option<SocketAddr>,
    /// Sessions open at once.
    pub connections_max: usize,
    /// Of those, sessions of one tenant.
    pub tenant_connections_max: usize,
    /// Connections that have not logged in.
    pub logins_max: usize,
    /// Bytes of a message with a statement.
    pub statement_bytes_max: usize,
    /// Bytes of a message with a statement's parameters.
    pub values_bytes_max: usize,
    /// Longest time of a session without a statement, milliseconds.
    pub idle_ms_max: u64,
    /// Whether clients on other machines may do without TLS.
    pub plaintext_remote: bool,
    /// Prepared statements of one connection, and its portals.
    pub prepared_max: usize,
    /// Bytes that these take.
    pub prepared_bytes_max: usize,
    /// The same of all connections of one tenant; of all tenants four times as many.
    pub tenant_prepared_bytes_max: usize,
    /// Cursors open at once for one tenant.
    pub tenant_cursors_max: usize,
    /// How long a cursor stays open that nobody fetches from, milliseconds.
    pub cursor_idle_ms_max: u64,
}

/// The certificate that the doors show.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// PEM file of the certificate chain; empty: the node makes its own for Postgres.
    pub certificate: PathBuf,
    /// PEM file of the certificate's PKCS #8 key; empty: the same.
    pub key: PathBuf,
}

/// Arrow Flight SQL.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Flight {
    /// Where to listen; `None`: nowhere.
    #[serde(deserialize_with = "address")]
    pub address: Option<SocketAddr>,
    /// Connections open at once.
    pub connections_max: usize,
    /// Whether clients on other machines may send their key without TLS.
    pub plaintext_remote: bool,
    /// Bytes of one message, so of one batch of events.
    pub message_bytes_max: usize,
    /// Bytes of one batch of events when all of it is written out.
    pub expanded_bytes_max: usize,
    /// Streams of events taken at once.
    pub puts_max: usize,
    /// Of those, streams of one tenant.
    pub tenant_puts_max: usize,
    /// Bytes of the parameters of one statement.
    pub parameters_bytes_max: usize,
}

/// Shards, log, watermarks, checkpoints.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Engine {
    /// Shards of a new data folder; 0 makes one for each core.
    pub shards: u16,
    /// Bytes of one log segment file.
    pub segment_bytes: u64,
    /// Bytes waiting for the log at once.
    pub log_in_flight_bytes_max: usize,
    /// Batches without an answer.
    pub in_flight_batches_max: usize,
    /// Events without an answer.
    pub in_flight_events_max: usize,
    /// Distance of the watermark from the latest event time, milliseconds.
    pub watermark_delay_ms: u64,
    /// Silence after which a watermark follows the clock, milliseconds.
    pub watermark_idle_ms: u64,
    /// Between two snapshots that queries see, milliseconds.
    pub publish_interval_ms: u64,
    /// Between two checkpoints, milliseconds.
    pub checkpoint_interval_ms: u64,
    /// Events after which a checkpoint is due before that time has passed.
    pub checkpoint_events: u64,
    /// Checkpoints kept.
    pub checkpoints_kept: usize,
    /// Bytes of log beyond which events move to the lake.
    pub archive_above_bytes: u64,
}

/// What is accepted as an event.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Events {
    /// Oldest event time accepted, seconds before now.
    pub past_s_max: u32,
    /// Newest event time accepted, seconds after now.
    pub future_s_max: u32,
    /// How long ids are remembered, seconds.
    pub dedup_horizon_s: u32,
    /// Different values of a meter's dimensions, together, that a tenant may bring in an hour.
    pub series_max: usize,
    /// Bytes that these values may have together.
    pub series_bytes_max: usize,
    /// Bytes of one value of a dimension.
    pub dimension_bytes_max: usize,
}

/// What queries may use, whatever door they come through.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Query {
    /// Memory of all running queries together, bytes.
    pub memory_bytes_max: usize,
    /// Of it, what one may hold, bytes.
    pub statement_memory_bytes_max: usize,
    /// Of it, what all of one tenant may hold, bytes.
    pub tenant_memory_bytes_max: usize,
    /// Of it, what all cursors may hold, bytes.
    pub cursor_memory_bytes_max: usize,
    /// Bytes of one value.
    pub value_bytes_max: usize,
    /// What they may put aside on disk, bytes; 0 forbids it.
    pub spill_bytes_max: u64,
    /// Longest statement, milliseconds.
    pub timeout_ms: u64,
    /// Statements running at once for one tenant; four times as many wait.
    pub tenant_concurrency_max: usize,
    /// Statements running at once in all.
    pub concurrency_max: usize,
    /// Rows of one answer.
    pub result_rows_max: u64,
    /// Bytes of one answer, encoded.
    pub result_bytes_max: u64,
}

/// How much memory the node may use.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Memory {
    /// Bytes; 0: what the control group allows, or the machine has.
    pub budget_bytes: u64,
    /// Above this share of it statements are ended, percent; 0: never.
    pub shed_percent: u64,
}

/// Where messages may go.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Webhooks {
    /// PEM file of authorities; empty: those that the machine trusts.
    pub authorities: PathBuf,
    /// Networks, separated by commas.
    pub networks: String,
    /// Whether without TLS.
    pub plaintext: bool,
}

/// Who asks whether doors answer.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Watchdog {
    /// Between two questions to a door, milliseconds.
    pub every_ms: u64,
    /// Longest silence of a door, milliseconds; 0: nobody asks.
    pub silence_ms_max: u64,
}

/// The node's own log.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    /// A level or directives, as `tracing_subscriber::EnvFilter` reads them.
    pub filter: String,
    /// How a line looks.
    pub format: LogFormat,
}

/// How a line of the node's own log looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One object a line.
    Json,
}

/// A configuration that can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file named can't be read.
    #[error("{file}: {source}")]
    Unreadable {
        /// Which file.
        file: String,
        /// The operating system's words.
        source: std::io::Error,
    },
    /// Not TOML.
    #[error("{origin}: {reason}")]
    Malformed {
        /// Which layer.
        origin: Origin,
        /// What does not parse, and where.
        reason: String,
    },
    /// A name that no setting has.
    #[error("{origin}: unknown setting {key}; `tenantry serve --print-config` lists all")]
    Unknown {
        /// Which layer.
        origin: Origin,
        /// Dotted name.
        key: String,
    },
    /// A value of another type or out of range.
    #[error("{origin}: {key}: {reason}")]
    Invalid {
        /// Which layer.
        origin: Origin,
        /// Dotted name.
        key: String,
        /// What was found and what would be right.
        reason: String,
    },
}

fn address<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<SocketAddr>, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|_| serde::de::Error::custom("not an address such as 127.0.0.1:8080"))
}

impl Default for Config {
    fn default() -> Self {
        let settings = Layers::default().merge().expect("defaults.toml is part of the program and tested");
        settings.config
    }
}

impl Config {
    /// The first setting that is of the right type but of no use: its dotted name and why.
    fn unusable(&self) -> Option<(&'static str, String)> {
        let at_least_one = [
            ("http.connections_max", self.http.connections_max),
            ("http.in_flight_max", self.http.in_flight_max),
            ("http.tenant_in_flight_max", self.http.tenant_in_flight_max),
            ("http.body_bytes_max", self.http.body_bytes_max),
            ("http.batch_events_max", self.http.batch_events_max),
            ("http.event_bytes_max", self.http.event_bytes_max),
            ("postgres.connections_max", self.postgres.connections_max),
            ("postgres.tenant_connections_max", self.postgres.tenant_connections_max),
            ("postgres.logins_max", self.postgres.logins_max),
            ("postgres.statement_bytes_max", self.postgres.statement_bytes_max),
            ("postgres.values_bytes_max", self.postgres.values_bytes_max),
            ("keys.tenant_per_minute_max", self.keys.tenant_per_minute_max as usize),
            ("flight.connections_max", self.flight.connections_max),
            ("flight.message_bytes_max", self.flight.message_bytes_max),
            ("flight.expanded_bytes_max", self.flight.expanded_bytes_max),
            ("flight.puts_max", self.flight.puts_max),
            ("flight.tenant_puts_max", self.flight.tenant_puts_max),
            ("engine.log_in_flight_bytes_max", self.engine.log_in_flight_bytes_max),
            ("engine.in_flight_batches_max", self.engine.in_flight_batches_max),
            ("engine.in_flight_events_max", self.engine.in_flight_events_max),
            ("engine.checkpoints_kept", self.engine.checkpoints_kept),
            ("events.series_max", self.events.series_max),
            ("events.series_bytes_max", self.events.series_bytes_max),
            ("events.dimension_bytes_max", self.events.dimension_bytes_max),
            ("query.memory_bytes_max", self.query.memory_bytes_max),
            ("query.statement_memory_bytes_max", self.query.statement_memory_bytes_max),
            ("query.tenant_memory_bytes_max", self.query.tenant_memory_bytes_max),
            ("query.cursor_memory_bytes_max", self.query.cursor_memory_bytes_max),
            ("query.value_bytes_max", self.query.value_bytes_max),
            ("postgres.prepared_max", self.postgres.prepared_max),
            ("postgres.prepared_bytes_max", self.postgres.prepared_bytes_max),
            ("postgres.tenant_prepared_bytes_max", self.postgres.tenant_prepared_bytes_max),
            ("postgres.tenant_cursors_max", self.postgres.tenant_cursors_max),
            ("flight.parameters_bytes_max", self.flight.parameters_bytes_max),
            ("query.tenant_concurrency_max", self.query.tenant_concurrency_max),
            ("query.concurrency_max", self.query.concurrency_max),
        ];
        if let Some((key, _)) = at_least_one.into_iter().find(|(_, value)| *value == 0) {
            return Some((key, "must be at least 1".into()));
        }
        let intervals = [
            ("connections.handshake_ms_max", self.connections.handshake_ms_max),
            ("connections.silence_ms_max", self.connections.silence_ms_max),
            ("postgres.idle_ms_max", self.postgres.idle_ms_max),
            ("http.request_timeout_ms", self.http.request_timeout_ms),
            ("engine.segment_bytes", self.engine.segment_bytes),
            ("engine.publish_interval_ms", self.engine.publish_interval_ms),
            ("engine.checkpoint_interval_ms", self.engine.checkpoint_interval_ms),
            ("engine.checkpoint_events", self.engine.checkpoint_events),
            ("query.timeout_ms", self.query.timeout_ms),
            ("query.result_rows_max", self.query.result_rows_max),
            ("query.result_bytes_max", self.query.result_bytes_max),
            ("postgres.cursor_idle_ms_max", self.postgres.cursor_idle_ms_max),
            ("watchdog.every_ms", self.watchdog.every_ms),
        ];
        if let Some((key, _)) = intervals.into_iter().find(|(_, value)| *value == 0) {
            return Some((key, "must be at least 1".into()));
        }
        if let Some(error) = self.networks().err() {
            return Some(("webhooks.networks", error.to_string()));
        }
        if self.memory.shed_percent > 100 {
            return Some(("memory.shed_percent", "is a share of the whole: at most 100".into()));
        }
        if self.tls.certificate.as_os_str().is_empty() != self.tls.key.as_os_str().is_empty() {
            return Some(("tls.key", "certificate and key go together".into()));
        }
        if self.tls.certificate.as_os_str().is_empty() {
            let open = [
                ("http.address", self.http.address, self.http.plaintext_remote, "http.plaintext_remote"),
                ("flight.address", self.flight.address, self.flight.plaintext_remote, "flight.plaintext_remote"),
            ];
            let is_open = |address: &SocketAddr| !address.ip().to_canonical().is_loopback();
            for (key, address, is_meant, option) in open {
                if let Some(address) = address.filter(|address| is_open(address) && !is_meant) {
                    return Some((
                        key,
                        format!(
                            "other machines reach {address}, and keys would cross the network in clear: give tls.certificate \
                             and tls.key, or set {option} if the network protects them"
                        ),
                    ));
                }
            }
        }
        None
    }

    /// The networks of `webhooks.networks`.
    fn networks(&self) -> Result<Vec<Network>, NetworkError> {
        let names = self.webhooks.networks.split(',').map(str::trim).filter(|name| !name.is_empty());
        names.map(str::parse).collect()
    }

    /// Where messages may go.
    pub fn webhook_rules(&self) -> Rules {
        // They were read when the configuration was.
        Rules { allowed: self.networks().unwrap_or_default(), http: self.webhooks.plaintext, ..Rules::default() }
    }
}
