//! Cancelling a running statement from a second connection (Ctrl-C in psql), also while its rows are being sent.
//!
//! Not here: what cancelling does to the statement ([`super::bounds`]).

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use datafusion_postgres::pgwire::api::cancel::CancelHandler;
use datafusion_postgres::pgwire::api::{ClientInfo, PidSecretKeyGenerator, RandomPidSecretKeyGenerator};
use datafusion_postgres::pgwire::messages::cancel::CancelRequest;
use datafusion_postgres::pgwire::messages::startup::SecretKey;
use engine::lock::Lock;
use tokio_util::sync::CancellationToken;

/// A connection's secret, and what cancels the statement it runs.
type Connection = (SecretKey, Arc<Lock<CancellationToken>>);

/// The connections that can be asked to cancel; bounded by the limit on connections.
#[derive(Default)]
pub(super) struct Registry {
    keys: RandomPidSecretKeyGenerator,
    connections: Lock<HashMap<i32, Connection>>,
    running: AtomicUsize,
}

/// A statement from its begin to its last row.
pub(super) struct Running(Arc<Registry>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A connection's place in the [`Registry`], given up when dropped.
pub(super) struct Registration {
    registry: Arc<Registry>,
    pid: i32,
}

impl Registry {
    /// A number and a secret for a new connection.
    pub(super) fn issue(&self, client: &dyn ClientInfo) -> (i32, SecretKey) {
        self.keys.generate(client)
    }

    /// Counts a statement.
    pub(super) fn begin(self: &Arc<Self>) -> Running {
        self.running.fetch_add(1, Ordering::Relaxed);
        Running(Arc::clone(self))
    }

    /// Statements of this door that have not ended.
    pub(super) fn running(&self) -> usize {
        self.running.load(Ordering::Relaxed)
    }

    /// Makes the connection known under `pid`.
    pub(super) fn register(
        self: Arc<Self>,
        pid: i32,
        secret: SecretKey,
        running: Arc<Lock<CancellationToken>>,
    ) -> Registration {
        self.connections.lock().insert(pid, (secret, running));
        Registration { registry: self, pid }
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.registry.connections.lock().remove(&self.pid);
    }
}

/// Handles the request that arrives on a connection of its own.
pub(super) struct CancelStatements(pub(super) Arc<Registry>);

#[async_trait]
impl CancelHandler for CancelStatements {
    async fn on_cancel_request(&self, request: CancelRequest) {
        let connection = self.0.connections.lock().get(&request.pid).cloned();
        if let Some((secret, running)) = connection
            && secret.eq_value(&request.secret_key)
        {
            let token = running.lock().clone();
            token.cancel();
        }
    }
}
