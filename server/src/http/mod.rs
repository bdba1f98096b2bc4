//! The HTTP door: events in, administration, queries, exports, the node's own state. OpenAPI 3.1 at `/openapi.json`.
//!
//! A request passes: socket limits ([`server`]) → what the node is called ([`host`]) → observation, who asks and how much of it is
//! under way ([`observe`]) → one handler per route → answer or [`problem`]; all of it only as long as its key is good ([`stay`]). Handlers translate and nothing more: rules live in `actors` and
//! `pipelines`. Keeps I1 (2xx only after durability), I5 (refusals at the door are made durable too), I6 (every handler
//! works with the caller's visibility), I8 (every limit is in [`HttpOptions`]) and I12.

pub mod server;
pub(crate) mod places;
mod held;
mod observe;
mod stay;
pub mod host;
mod headers;
mod brake;
mod linger;
mod whole;
mod caller;
mod json;
mod command;
mod media;
mod accept;
mod body;
mod binary_mode;
mod events;
pub(crate) mod rejections;
mod sequence;
mod tenants;
mod offboarding;
mod quotas;
mod alerts;
mod endpoints;
mod keys;
mod meters;
mod plans;
pub(crate) mod declared;
mod query;
mod usage;
mod rows;
mod health;
mod gauges;
mod documented;
mod openapi;
pub mod problem;
mod refusals;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::map_response;
use axum::routing::{MethodRouter, get, post, put};
use engine::lock::Lock;
use tokio::sync::Semaphore;

use crate::node::Node;
use crate::permits;
use crate::query::Queries;
use crate::telemetry::metrics::Metrics;
use crate::watchdog::Silences;

use problem::{Kind, Problem};

pub use server::{BindError, HttpServer, ServerOptions};

/// Longest JSON body of administration and queries, bytes.
const ADMIN_BODY_BYTES_MAX: usize = 1 << 20;
/// How long after a failed write the node says that it is not ready; afterwards events may try again.
const STORAGE_TROUBLE_LASTS: Duration = Duration::from_secs(5);

/// Limits of the door.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpOptions {
    /// Requests worked on at once, those with events and all others counted apart.
    pub requests_max: usize,
    /// Of either, those of one tenant.
    pub tenant_requests_max: usize,
    /// Bytes of a body with events, after decompression.
    pub body_bytes_max: usize,
    /// Bytes of all bodies in memory.
    pub bodies_bytes_max: usize,
    /// Bodies decompressed and decoded at once; each holds a core.
    pub decoders_max: usize,
    /// Events in one body.
    pub batch_events_max: usize,
    /// Bytes of one event.
    pub event_bytes_max: usize,
    /// Longest wait for a body, and longest request except for the rows of a result.
    pub request_timeout: Duration,
    /// Oldest event time accepted, before now.
    pub past_max: Duration,
    /// Newest event time accepted, after now.
    pub future_max: Duration,
    /// Whether `/metrics` is answered without a key.
    pub metrics_open: bool,
    /// Whether clients on other machines may send their key without TLS.
    pub plaintext_remote: bool,
    /// Keys made or rotated in a minute for one tenant.
    pub keys_per_minute_max: u32,
    /// How long a rotated key may go on, seconds.
    pub overlap_s_max: u32,
}

impl Default for HttpOptions {
    fn default() -> Self {
        Self {
            requests_max: 256,
            tenant_requests_max: 64,
            body_bytes_max: 16 << 20,
            bodies_bytes_max: 256 << 20,
            decoders_max: std::thread::available_parallelism().map_or(1, usize::from),
            batch_events_max: 65_536,
            event_bytes_max: 256 << 10,
            request_timeout: Duration::from_secs(30),
            past_max: Duration::from_secs(315_576_000),
            future_max: Duration::from_secs(3600),
            metrics_open: false,
            plaintext_remote: false,
            keys_per_minute_max: 60,
            overlap_s_max: 604_800,
        }
    }
}

/// What all handlers share. Made before the node is there, so that the door can say that it is starting.
pub struct Door {
    node: OnceLock<Arc<Node>>,
    options: HttpOptions,
    metrics: Arc<Metrics>,
    gauges: gauges::Gauges,
    /// Requests without events; those have their own, so that they never wait behind queries.
    requests: permits::Permits,
    ingest: permits::Permits,
    keys: brake::Brake,
    bodies: body::Budget,
    decoders: Arc<Semaphore>,
    queries: Queries,
    draining: AtomicBool,
    storage_trouble: Lock<Option<(Instant, String)>>,
    silences: Silences,
}

impl Door {
    /// A door that answers 503 until [`Door::open`].
    pub fn new(options: HttpOptions, queries: Queries, metrics: Arc<Metrics>) -> Arc<Self> {
        Arc::new(Self {
            node: OnceLock::new(),
            gauges: gauges::Gauges::register(&metrics),
            requests: permits::Permits::new(options.requests_max, options.tenant_requests_max),
            ingest: permits::Permits::new(options.requests_max, options.tenant_requests_max),
            keys: brake::Brake::new(options.keys_per_minute_max),
            bodies: body::Budget::new(options.bodies_bytes_max),
            decoders: Arc::new(Semaphore::new(options.decoders_max)),
            metrics,
            queries,
            options,
            draining: AtomicBool::new(false),
            storage_trouble: Lock::default(),
            silences: Silences::default(),
        })
    }

    /// The node has recovered; from now on it is served. Once.
    pub fn open(&self, node: Arc<Node>) {
        // A second node would be a mistake of the composition; the first stays.
        let _ = self.node.set(node);
    }

    /// From now on `/readyz` says that the node drains, so that balancers send elsewhere.
    pub fn announce_drain(&self) {
        self.draining.store(true, Ordering::Release);
    }

    /// Doors that do not answer, of which `/readyz` tells; for the watchdog, who knows.
    pub fn silences(&self) -> Silences {
        self.silences.clone()
    }

    fn node(&self) -> Result<&Arc<Node>, Problem> {
        self.node.get().ok_or_else(|| Kind::Unavailable.with("the node is recovering its state; try again"))
    }

    fn note_storage_trouble(&self, reason: String) {
        *self.storage_trouble.lock() = Some((Instant::now(), reason));
    }

    fn storage_trouble(&self) -> Option<String> {
        let trouble = self.storage_trouble.lock();
        trouble.as_ref().filter(|(at, _)| at.elapsed() < STORAGE_TROUBLE_LASTS).map(|(_, reason)| reason.clone())
    }
}

/// Everything that is served.
pub fn router(door: Arc<Door>) -> Router {
    let route = |path: &'static str, methods: MethodRouter<Arc<Door>>| {
        Router::new().route(path, observe::measured(path, methods, &door))
    };
    let routes = [
        route("/v1/events", post(events::ingest).layer(DefaultBodyLimit::disable())),
        route("/v1/rejections", post(rejections::count)),
        route("/v1/tenants", get(tenants::list).post(tenants::create)),
        route("/v1/tenants/{tenant}", get(tenants::show).delete(tenants::delete)),
        route("/v1/tenants/{tenant}/activate", post(tenants::activate)),
        route("/v1/tenants/{tenant}/suspend", post(tenants::suspend)),
        route("/v1/tenants/{tenant}/offboard", post(tenants::offboard)),
        route("/v1/tenants/{tenant}/release", post(tenants::release)),
        route("/v1/tenants/{tenant}/export", get(offboarding::export)),
        route("/v1/tenants/{tenant}/plan", put(tenants::assign_plan)),
        route("/v1/tenants/{tenant}/alerts", get(alerts::list)),
        route("/v1/tenants/{tenant}/alerts/{rule}/acknowledge", post(alerts::acknowledge)),
        route("/v1/tenants/{tenant}/endpoints", get(endpoints::list)),
        route("/v1/tenants/{tenant}/endpoints/{endpoint}/secret", get(endpoints::secret)),
        route("/v1/tenants/{tenant}/endpoints/{endpoint}/rotate", post(endpoints::rotate)),
        route("/v1/tenants/{tenant}/endpoints/{endpoint}/enable", post(endpoints::enable)),
        route("/v1/tenants/{tenant}/endpoints/{endpoint}/disable", post(endpoints::disable)),
        route("/v1/tenants/{tenant}/quotas", get(quotas::list)),
        route("/v1/tenants/{tenant}/quotas/{meter}", put(quotas::set).delete(quotas::remove)),
        route("/v1/tenants/{tenant}/keys", get(keys::list).post(keys::create)),
        route("/v1/tenants/{tenant}/keys/{key}", axum::routing::delete(keys::revoke)),
        route("/v1/tenants/{tenant}/keys/{key}/rotate", post(keys::rotate)),
        route("/v1/meters", get(meters::list)),
        route("/v1/meters/{meter}", get(meters::show).put(meters::define).delete(meters::remove)),
        route("/v1/plans", get(plans::list)),
        route("/v1/plans/{plan}", put(plans::define)),
        route("/v1/apply", post(declared::apply)),
        route("/v1/kinds", get(declared::kinds)),
        route("/v1/kinds/{kind}", get(declared::list)),
        route("/v1/kinds/{kind}/{name}/versions", get(declared::versions)),
        route("/v1/usage", get(usage::list)),
        route("/v1/usage/export", get(usage::export)),
        route("/v1/sql", post(query::run)),
        route("/healthz", get(health::live)),
        route("/readyz", get(health::ready)),
        route("/metrics", get(gauges::metrics)),
        route("/openapi.json", get(openapi::document)),
        route("/schemas/{file}", get(declared::schema)),
        route("/problems/{kind}", get(problem::show)),
    ];
    let all = routes.into_iter().fold(Router::new(), Router::merge);
    all.fallback(observe::no_such_route)
        .method_not_allowed_fallback(observe::no_such_method)
        .layer(DefaultBodyLimit::max(ADMIN_BODY_BYTES_MAX))
        .layer(map_response(headers::with_all))
        .with_state(door)
}
