//! The Postgres wire door: psql, Grafana, JDBC and ADBC read the views with SQL, each seeing its own rows only (I6).
//!
//! **Who may come in.** The password is an API key with the scope `query`; the user name must be the key's tenant, or
//! `platform`, so that a key pasted into the wrong connection is an error and not other data. Clients prove the key by SCRAM
//! and never send it. Connections from other machines need TLS unless `postgres.plaintext_remote` allows otherwise. A
//! key that is revoked or expires ends its connections within a second, whatever they are at.
//!
//! **How many.** Who has not logged in has one of few places, which the one that has waited longest gives up to a newcomer, of
//! the address that has most of them; so strangers keep out only strangers. Sessions are shared out by tenant.
//!
//! **What a statement sees.** One consistent cut, taken when it is executed; so does each execution of a prepared one. A
//! transaction block groups statements but holds no cut.
//!
//! Not here: what the views are (`pipelines`), the limits' values (`config`), how many statements run at once (`query`).

mod connection;
mod lengths;
mod session;
mod startup;
mod statements;
mod dialect;
mod forms;
mod introspection;
mod types_asked;
mod reading;
mod views;
mod settings;
mod changes;
mod parameters;
mod functions;
mod commands;
mod cursors;
mod copy;
mod texts;
mod typed;
mod told;
mod results;
mod bounds;
mod cancel;
mod sqlstate;
mod place;
mod comments;
mod kinds;
mod kept;
mod sizes;
mod privileges;
mod scram;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use datafusion_postgres::pgwire::tokio::TlsAcceptor;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use crate::config::Config;
use crate::http::places::Places;
use crate::listening::listen;
use crate::node::Node;
use crate::permits::Permits;
use crate::query::Queries;
use crate::tls::{Tls, TlsError};
use crate::watchdog::doing::doing;

use cancel::Registry;
use connection::Limits;
use cursors::Idle;
use dialect::Dialect;
use kept::Keeper;
use lengths::Lengths;
use session::{PgCatalog, Session};

/// What libpq's direct TLS (sslnegotiation=direct) calls the protocol.
const ALPN: &str = "postgresql";
/// Between two looks whether statements are still running, while draining.
const DRAIN_POLL: Duration = Duration::from_millis(20);
/// Between two attempts to accept when the machine is out of file descriptors.
const ACCEPT_RETRY: Duration = Duration::from_millis(50);

/// Why the door can't be opened or had to close.
#[derive(Debug, thiserror::Error)]
pub enum PostgresError {
    /// The address is taken, or not this machine's.
    #[error("can't listen for Postgres on {address}: {source}; choose another postgres.address, or stop what uses it")]
    Bind {
        /// Where.
        address: SocketAddr,
        /// The operating system's words.
        source: std::io::Error,
    },
    /// Certificate or key can't be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The catalog of Postgres itself can't be set up.
    #[error("pg_catalog: {0}")]
    Catalog(#[from] datafusion::error::DataFusionError),
}

/// The door, open; drop closes it at once, [`Postgres::drain`] in order.
#[derive(Debug)]
pub struct Postgres {
    address: SocketAddr,
    stop: watch::Sender<Option<Duration>>,
    task: JoinHandle<usize>,
}

/// What all connections share.
struct Door {
    node: Arc<Node>,
    queries: Queries,
    pg_catalog: PgCatalog,
    dialect: Dialect,
    registry: Arc<Registry>,
    keeper: Arc<Keeper>,
    idle: Arc<Idle>,
    plaintext_remote: bool,
    end_point: Option<Vec<u8>>,
    sessions: Permits,
    limits: Limits,
}

impl Postgres {
    /// Listens on `address` (port 0: a free one) and answers from `node`; each statement is one of `queries`. A certificate
    /// that is not configured is made in the data folder.
    ///
    /// # Errors
    /// If the address is taken or the certificate can't be used.
    pub async fn bind(
        address: SocketAddr,
        config: &Config,
        node: Arc<Node>,
        queries: Queries,
    ) -> Result<Self, PostgresError> {
        let tls = Tls::open(&config.tls, &config.data, ALPN)?;
        let pg_catalog = PgCatalog::new(&node.catalog)?;
        let failed = |source| PostgresError::Bind { address, source };
        let listener = listen(address).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let options = &config.postgres;
        let limits = Limits {
            handshake_max: Duration::from_millis(config.connections.handshake_ms_max),
            silence_max: Duration::from_millis(config.connections.silence_ms_max),
            idle_max: Duration::from_millis(options.idle_ms_max),
            lengths: Lengths {
                statement_bytes_max: options.statement_bytes_max,
                values_bytes_max: options.values_bytes_max,
            },
        };
        let door = Arc::new(Door {
            node,
            queries,
            pg_catalog,
            dialect: Dialect::default(),
            registry: Arc::default(),
            keeper: Keeper::new(options),
            idle: Idle::new(Duration::from_millis(options.cursor_idle_ms_max)),
            plaintext_remote: options.plaintext_remote,
            end_point: tls.end_point,
            sessions: Permits::new(options.connections_max, options.tenant_connections_max),
            limits,
        });
        let (stop, stopped) = watch::channel(None);
        // Owned: `closed` and `drain` notice its end, dropping the door aborts it.
        let task = tokio::spawn(accept(listener, tls.acceptor, door, Places::new(options.logins_max), stopped));
        Ok(Self { address, stop, task })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends only if the door has closed by itself, which it should not.
    pub async fn closed(&mut self) {
        // Both an end and a panic mean closed.
        let _ = (&mut self.task).await;
    }

    /// Stops accepting, lets running statements end within `deadline`, then closes all connections; says how many
    /// statements were cut off.
    pub async fn drain(mut self, deadline: Duration) -> usize {
        // A door that has closed already has nobody to tell.
        let _ = self.stop.send(Some(deadline));
        (&mut self.task).await.unwrap_or(0)
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(
    listener: TcpListener,
    tls: TlsAcceptor,
    door: Arc<Door>,
    logins: Arc<Places>,
    mut stopped: watch::Receiver<Option<Duration>>,
) -> usize {
    let mut connections = JoinSet::new();
    let mut looks = tokio::time::interval(door.idle.look_every());
    loop {
        tokio::select! {
            _ = stopped.changed() => break,
            _ = looks.tick() => door.idle.close(),
            Some(ended) = connections.join_next() => report(ended),
            (socket, peer) = next(&listener) => {
                // Who has not logged in is never too busy to go.
                let Some(place) = logins.enter(peer.ip()) else { continue };
                let session = Arc::new(Session::new(Arc::clone(&door)));
                let serve = connection::serve(socket, tls.clone(), session, place, door.limits);
                connections.spawn(doing("a Postgres connection", serve));
            }
        }
    }
    drop(listener);
    let deadline = stopped.borrow_and_update().unwrap_or_default();
    let idle = async {
        while door.registry.running() > 0 {
            tokio::time::sleep(DRAIN_POLL).await;
        }
    };
    // Running out of time is what the count below says.
    let _ = tokio::time::timeout(deadline, idle).await;
    let cut_off = door.registry.running();
    connections.shutdown().await;
    cut_off
}

async fn next(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(error) => {
                tracing::warn!(%error, "can't accept a connection");
                tokio::time::sleep(ACCEPT_RETRY).await;
            }
        }
    }
}

fn report(ended: Result<std::io::Result<()>, tokio::task::JoinError>) {
    match ended {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "postgres connection ended"),
        Err(death) => tracing::error!(%death, "postgres connection died"),
    }
}
