//! The Arrow Flight SQL door: ADBC, JDBC, pandas and polars read the views as Arrow batches, and producers send events as
//! such, each with its own tenant's rows only (I6).
//!
//! **Who may come in.** Every call carries an API key: as bearer token, or as password of `Basic` with the key's tenant, or
//! `platform`, as user. The handshake turns the second into the first. A key is looked up at every call, so a revoked one is
//! refused at the next. Calls from other machines need TLS unless `flight.plaintext_remote` allows otherwise.
//!
//! **What is kept between calls: nothing.** The ticket of a statement and the handle of a prepared one are the statement
//! itself ([`handle`]), planned anew for whoever presents it: a forged one shows its bearer no more than writing the
//! statement would, and nothing has to be bounded or forgotten (I8). What is being fetched is known as long as it is, so that
//! it can be cancelled ([`running`]).
//!
//! **What comes in.** Events, by `DoPut` ([`ingest`]), which takes a key with the scope `ingest`.
//!
//! Not here: what the views are (`pipelines`), the limits' values (`config`), columns of events (`engine`). What is refused
//! is worded as over HTTP, [`status`] gives it a code of gRPC.

mod calls;
mod caller;
mod cancel;
mod handle;
mod ingest;
mod messages;
mod metadata;
mod parameters;
mod rows;
mod running;
mod service;
mod statements;
mod status;

use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use arrow_flight::flight_service_server::FlightServiceServer;
use tokio::sync::Semaphore;
use tonic::service::Routes;
use tonic::service::interceptor::InterceptedService;
use tower_http::timeout::RequestBodyTimeoutLayer;

use crate::config::{self, Config};
use crate::http::HttpServer;
use crate::http::server::Wire;
use crate::node::Node;
use crate::permits;
use crate::query::Queries;
use crate::telemetry::metrics::Metrics;
use crate::tls::{Tls, TlsError};

use caller::Entrance;
use calls::Calls;
use running::Running;
use service::Service;

/// What TLS calls HTTP/2.
const ALPN: &str = "h2";
/// Calls whose message is read or planned at once; streams that they begin have limits of their own.
const CALLS_MAX: usize = 128;
/// Of those, calls of one tenant.
const TENANT_CALLS_MAX: usize = 32;

/// Why the door can't be opened.
#[derive(Debug, thiserror::Error)]
pub enum FlightError {
    /// The address is taken, or not this machine's.
    #[error("can't listen for Flight on {address}: {source}; choose another flight.address, or stop what uses it")]
    Bind {
        /// Where.
        address: SocketAddr,
        /// The operating system's words.
        source: std::io::Error,
    },
    /// Certificate or key can't be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// The door, open; drop closes it at once, [`Flight::drain`] in order.
#[derive(Debug)]
pub struct Flight {
    server: HttpServer,
}

/// What all calls share.
struct Door {
    node: Arc<Node>,
    queries: Queries,
    metrics: Arc<Metrics>,
    calls: permits::Permits,
    puts: permits::Permits,
    decoders: Arc<Semaphore>,
    limits: config::Flight,
    events: config::Events,
    event_bytes_max: usize,
    running: Running,
}

impl Flight {
    /// Listens on `address` (port 0: a free one) and answers from `node`; each statement is one of `queries`.
    ///
    /// # Errors
    /// If the address is taken or the certificate can't be used.
    pub async fn bind(
        address: SocketAddr,
        config: &Config,
        node: Arc<Node>,
        queries: Queries,
        metrics: Arc<Metrics>,
    ) -> Result<Self, FlightError> {
        let limits = config.flight.clone();
        let tls = Tls::configured(&config.tls, ALPN)?;
        let wire = Wire::Http2(tls.map(|tls| tls.acceptor));
        let sockets = config.sockets(limits.connections_max);
        let message_bytes_max = limits.message_bytes_max;
        let door = Door {
            node,
            queries,
            metrics,
            calls: permits::Permits::new(CALLS_MAX, TENANT_CALLS_MAX),
            puts: permits::Permits::new(limits.puts_max, limits.tenant_puts_max),
            decoders: Arc::new(Semaphore::new(available_parallelism().map_or(1, usize::from))),
            limits,
            events: config.events.clone(),
            event_bytes_max: config.http.event_bytes_max,
            running: Running::default(),
        };
        let door = Arc::new(door);
        let service =
            FlightServiceServer::new(Calls(Service(Arc::clone(&door)))).max_decoding_message_size(message_bytes_max);
        let router = Routes::new(InterceptedService::new(service, Entrance(door))).into_axum_router();
        let router = router.layer(RequestBodyTimeoutLayer::new(sockets.silence_max));
        let bound = HttpServer::bind_wire(address, router, sockets, wire).await;
        let server = bound.map_err(|error| FlightError::Bind { address: error.address, source: error.source })?;
        Ok(Self { server })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Ends only if the door has closed by itself, which it should not.
    pub async fn closed(&mut self) {
        self.server.closed().await;
    }

    /// Stops accepting, lets calls under way end within `deadline`; says how many connections were cut off.
    pub async fn drain(self, deadline: Duration) -> usize {
        self.server.drain(deadline).await
    }
}
