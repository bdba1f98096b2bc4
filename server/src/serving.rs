//! A node with its doors: opened in the order in which callers may come, drained in the opposite one.
//!
//! Used by `serve`, by the demo and by tests. Not here: signals and what is printed (`cli`).

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use engine::clock::Clock;

use crate::config::Config;
use crate::flight::{Flight, FlightError};
use crate::http::host::Hosts;
use crate::http::{self, BindError, HttpServer};
use crate::memory::Oversight;
use crate::node::{Node, NodeError, NodeOptions};
use crate::postgres::{Postgres, PostgresError};
use crate::query::Queries;
use crate::reactions::Reactions;
use crate::telemetry::metrics::Metrics;
use crate::tls::{Tls, TlsError};
use crate::watchdog::{Silences, Watchdog, Wire};
use crate::webhooks::exchange::{Exchange, Limits};
use crate::webhooks::resolve::Machine;
use crate::webhooks::trust::Trust;

/// What TLS calls HTTP/1.1.
const ALPN_HTTP: &str = "http/1.1";

/// A node that is being served.
pub struct Serving {
    /// The node.
    pub node: Arc<Node>,
    door: Arc<http::Door>,
    http: Option<HttpServer>,
    postgres: Option<Postgres>,
    flight: Option<Flight>,
    drain_max: Duration,
    watchdog: Option<Watchdog>,
    oversight: Oversight,
    reactions: Reactions,
}

/// Why a node is not served.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The HTTP door does not open.
    #[error(transparent)]
    Http(#[from] BindError),
    /// The certificate can't be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The Postgres door does not open.
    #[error(transparent)]
    Postgres(#[from] PostgresError),
    /// The Flight door does not open.
    #[error(transparent)]
    Flight(#[from] FlightError),
    /// The node does not open, or does not drain.
    #[error(transparent)]
    Node(#[from] NodeError),
    /// What the node does by itself has ended.
    #[error("timers and alerts have ended; the log says why")]
    Reactions,
    /// A door closed by itself.
    #[error("the {0} door closed by itself; the log says why")]
    Closed(&'static str),
}

/// How messages leave, by the configuration.
fn exchange(config: &Config) -> Exchange {
    let authorities = &config.webhooks.authorities;
    let named = (!authorities.as_os_str().is_empty()).then_some(authorities.as_path());
    let trust = Trust::open(named).unwrap_or_else(|error| {
        tracing::warn!(%error, "no certificate of an endpoint will be believed: install the authorities of the machine, or name some (webhooks.authorities)");
        Trust::nobody()
    });
    Exchange::new(config.webhook_rules(), Limits::default(), trust, Arc::new(Machine::default()))
}

impl Serving {
    /// Opens the HTTP door, which says that the node is starting, then the node, then the others. HTTP lets callers in, and
    /// `/readyz` says so, when all doors that are configured listen.
    ///
    /// # Errors
    /// If an address is taken or the node does not open.
    pub async fn open(config: &Config, clock: Arc<dyn Clock>) -> Result<Self, ServeError> {
        let metrics = Arc::new(Metrics::default());
        let queries = Queries::new(&config.query, Arc::clone(&metrics), Arc::clone(&clock));
        let door = http::Door::new(config.http_options(), queries.clone(), Arc::clone(&metrics));
        let http = match config.http.address {
            Some(address) => {
                let tls = Tls::configured(&config.tls, ALPN_HTTP)?.map(|tls| tls.acceptor);
                let router = http::router(Arc::clone(&door));
                let router = http::host::called(router, Hosts::new(address, &config.http.hosts));
                let wire = http::server::Wire::Http1(tls);
                Some(HttpServer::bind_wire(address, router, config.socket_options(), wire).await?)
            }
            None => None,
        };
        let node = Node::open(NodeOptions { history: queries.history(), ..config.node_options() }, clock).await?;
        let postgres = match config.postgres.address {
            Some(address) => {
                let bound = Postgres::bind(address, config, Arc::clone(&node), queries.clone());
                Some(bound.await?)
            }
            None => None,
        };
        let flight = match config.flight.address {
            Some(address) => {
                Some(Flight::bind(address, config, Arc::clone(&node), queries.clone(), Arc::clone(&metrics)).await?)
            }
            None => None,
        };
        let open = [
            http.as_ref().map(|http| ("http", Wire::Http, http.address())),
            postgres.as_ref().map(|postgres| ("postgres", Wire::Postgres, postgres.address())),
            flight.as_ref().map(|flight| ("flight", Wire::Http2, flight.address())),
        ];
        let open: Vec<_> = open.into_iter().flatten().collect();
        let watchdog = Watchdog::start(&config.watchdog, &open, &metrics, door.silences());
        let oversight = Oversight::start(&config.memory, &config.data, &node, queries, &metrics);
        let reactions = Reactions::start(&node, Arc::new(exchange(config)));
        let drain_max = Duration::from_millis(config.drain_ms_max);
        door.open(Arc::clone(&node));
        Ok(Self { node, door, http, postgres, flight, drain_max, watchdog, oversight, reactions })
    }

    /// Where HTTP is answered.
    pub fn http_address(&self) -> Option<SocketAddr> {
        self.http.as_ref().map(HttpServer::address)
    }

    /// Where the Postgres wire is answered.
    pub fn postgres_address(&self) -> Option<SocketAddr> {
        self.postgres.as_ref().map(Postgres::address)
    }

    /// Doors that do not answer.
    pub fn silences(&self) -> Silences {
        self.door.silences()
    }

    /// Where Arrow Flight is answered.
    pub fn flight_address(&self) -> Option<SocketAddr> {
        self.flight.as_ref().map(Flight::address)
    }

    /// Ends only if a door closes by itself, or what the node does by itself ends, which none should: the process is then of no use and should end.
    pub async fn broken(&mut self) -> ServeError {
        let http = async {
            match &mut self.http {
                Some(http) => http.closed().await,
                None => std::future::pending().await,
            }
        };
        let postgres = async {
            match &mut self.postgres {
                Some(postgres) => postgres.closed().await,
                None => std::future::pending().await,
            }
        };
        let flight = async {
            match &mut self.flight {
                Some(flight) => flight.closed().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = http => ServeError::Closed("HTTP"),
            () = postgres => ServeError::Closed("Postgres"),
            () = flight => ServeError::Closed("Flight"),
            () = self.reactions.ended() => ServeError::Reactions,
        }
    }

    /// Announces the drain, closes the doors once what they are doing has ended, then drains the node.
    ///
    /// # Errors
    /// If the node's last checkpoint can't be written; what was acknowledged is durable all the same (I1).
    pub async fn drain(self) -> Result<(), ServeError> {
        self.door.announce_drain();
        // Doors that close are not to be asked.
        drop(self.watchdog);
        let http = async {
            match self.http {
                Some(http) => http.drain(self.drain_max).await,
                None => 0,
            }
        };
        let postgres = async {
            match self.postgres {
                Some(postgres) => postgres.drain(self.drain_max).await,
                None => 0,
            }
        };
        let flight = async {
            match self.flight {
                Some(flight) => flight.drain(self.drain_max).await,
                None => 0,
            }
        };
        let (requests, statements, calls) = tokio::join!(http, postgres, flight);
        if requests + statements + calls > 0 {
            tracing::warn!(requests, statements, calls, "cut off at the end of the drain");
        }
        drop(self.reactions);
        let drained = self.node.drain().await;
        self.oversight.stopped();
        Ok(drained?)
    }
}
