//! The Postgres wire door: psql, Grafana, JDBC and ADBC read the views with SQL, each seeing its own rows only (I6).
//!
//! **Who may come in.** The password is an API key with the scope `query`; the user name must be the key's tenant, or
//! `platform`, so that a key pasted into the wrong connection is an error and not other data. Clients prove the key by SCRAM
//! and never send it. Connections from other machines need TLS unless `postgres.plaintext_remote` allows otherwise. A
//! revoked key is refused at its next statement, not only at its next connection.
//!
//! **What a statement sees.** One consistent cut, taken when it is executed; so does each execution of a prepared one. A
//! transaction block groups statements but holds no cut.
//!
//! Not here: what the views are (`pipelines`), the limits' values (`config`), how many statements run at once (`query`).

mod session;
mod startup;
mod statements;
mod dialect;
mod introspection;
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
mod results;
mod bounds;
mod cancel;
mod sqlstate;
mod place;
mod comments;
mod kinds;
mod sizes;
mod scram;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use datafusion_postgres::pgwire::api::auth::StartupHandler;
use datafusion_postgres::pgwire::api::cancel::CancelHandler;
use datafusion_postgres::pgwire::api::query::{ExtendedQueryHandler, SimpleQueryHandler};
use datafusion_postgres::pgwire::api::{ErrorHandler, PgWireServerHandlers};
use datafusion_postgres::pgwire::tokio::{TlsAcceptor, process_socket};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use crate::config::Config;
use crate::listening::listen;
use crate::node::Node;
use crate::query::Queries;
use crate::tls::{Tls, TlsError};
use crate::watchdog::doing::doing;

use cancel::{CancelStatements, Registry};
use dialect::Dialect;
use session::{PgCatalog, Session};
use sqlstate::SqlStates;
use startup::Startup;
use statements::Statements;

/// What libpq's direct TLS (sslnegotiation=direct) calls the protocol.
const ALPN: &str = "postgresql";
/// Connections beyond the limit that are told so; further ones are closed without a word.
const REFUSALS_MAX: usize = 64;
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
    plaintext_remote: bool,
    end_point: Option<Vec<u8>>,
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
        let door = Arc::new(Door {
            node,
            queries,
            pg_catalog,
            dialect: Dialect::default(),
            registry: Arc::default(),
            plaintext_remote: config.postgres.plaintext_remote,
            end_point: tls.end_point,
        });
        let (stop, stopped) = watch::channel(None);
        // Owned: `closed` and `drain` notice its end, dropping the door aborts it.
        let task = tokio::spawn(accept(listener, tls.acceptor, door, config.postgres.connections_max, stopped));
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
    connections_max: usize,
    mut stopped: watch::Receiver<Option<Duration>>,
) -> usize {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            _ = stopped.changed() => break,
            Some(ended) = connections.join_next() => report(ended),
            (socket, peer) = next(&listener) => {
                let open = connections.len();
                if open >= connections_max + REFUSALS_MAX {
                    tracing::warn!(%peer, open, "postgres connection dropped: too many");
                    continue;
                }
                let full = open >= connections_max;
                connections.spawn(serve(socket, tls.clone(), Arc::clone(&door), full));
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

async fn serve(socket: TcpStream, tls: TlsAcceptor, door: Arc<Door>, full: bool) -> std::io::Result<()> {
    let connection = Connection(Arc::new(Session::new(door, full)));
    doing("a Postgres connection", process_socket(socket, Some(tls), connection)).await
}

/// The handlers of one connection; all work on its [`Session`].
struct Connection(Arc<Session>);

impl PgWireServerHandlers for Connection {
    fn simple_query_handler(&self) -> Arc<impl SimpleQueryHandler> {
        Arc::new(Statements(Arc::clone(&self.0)))
    }

    fn extended_query_handler(&self) -> Arc<impl ExtendedQueryHandler> {
        Arc::new(Statements(Arc::clone(&self.0)))
    }

    fn startup_handler(&self) -> Arc<impl StartupHandler> {
        Arc::new(Startup::new(Arc::clone(&self.0)))
    }

    fn cancel_handler(&self) -> Arc<impl CancelHandler> {
        Arc::new(CancelStatements(Arc::clone(&self.0.door.registry)))
    }

    fn error_handler(&self) -> Arc<impl ErrorHandler> {
        Arc::new(SqlStates)
    }
}
