//! Statements whose rows are being fetched, so that a client can cancel them.
//!
//! The one thing that is known of more than one call, and only while rows go out: as many as may run at once (I8). A ticket
//! says which it is, since each has a number of its own, and only the key that fetches may cancel, so nobody learns of others'
//! statements (I6). Not here: what the client is answered ([`super::cancel`]).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use engine::lock::Lock;
use tokio_util::sync::CancellationToken;

use super::handle::Handle;

/// All that are being fetched; cheap to clone.
#[derive(Debug, Clone, Default)]
pub(super) struct Running(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    statements: Lock<Vec<Arc<Statement>>>,
    numbers: AtomicU64,
}

#[derive(Debug)]
struct Statement {
    principal: String,
    handle: Handle,
    cancelled: CancellationToken,
}

/// One of them, until it is dropped.
#[derive(Debug)]
pub(super) struct Fetch {
    running: Running,
    statement: Arc<Statement>,
}

impl Running {
    /// A number that no other ticket has since the node started.
    pub(super) fn number(&self) -> u64 {
        1 + self.0.numbers.fetch_add(1, Ordering::Relaxed)
    }

    /// `principal` begins to fetch the rows of `handle`.
    pub(super) fn begin(&self, principal: &str, handle: &Handle) -> Fetch {
        let statement =
            Statement { principal: principal.to_owned(), handle: handle.clone(), cancelled: CancellationToken::new() };
        let statement = Arc::new(statement);
        self.0.statements.lock().push(Arc::clone(&statement));
        Fetch { running: self.clone(), statement }
    }

    /// Cancels what `principal` fetches by `handle`; whether there was such a statement.
    pub(super) fn cancel(&self, principal: &str, handle: &Handle) -> bool {
        let running = self.0.statements.lock().clone();
        let meant = running.iter().filter(|one| one.principal == principal && one.handle == *handle);
        meant.inspect(|one| one.cancelled.cancel()).count() > 0
    }
}

impl Fetch {
    /// Ends when the client cancels.
    pub(super) async fn cancelled(&self) {
        self.statement.cancelled.cancelled().await;
    }
}

impl Drop for Fetch {
    fn drop(&mut self) {
        self.running.0.statements.lock().retain(|one| !Arc::ptr_eq(one, &self.statement));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_runs_is_cancelled_and_only_by_who_asked() {
        let running = Running::default();
        let handle = |number| Handle::new("select 1").numbered(number);
        let (first, second) = (running.begin("acme/1", &handle(1)), running.begin("acme/1", &handle(2)));
        assert!(!running.cancel("globex/1", &handle(1)) && !running.cancel("acme/1", &handle(3)));
        assert!(running.cancel("acme/1", &handle(1)));
        assert!(first.statement.cancelled.is_cancelled() && !second.statement.cancelled.is_cancelled());
        drop(first);
        assert!(!running.cancel("acme/1", &handle(1)));
        assert_eq!((running.number(), running.number()), (1, 2));
    }
}
