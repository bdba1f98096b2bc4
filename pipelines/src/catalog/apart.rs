//! Parsing, planning and folding of a statement, apart from the threads of whoever asks (I13).
//!
//! A door's thread serves many connections, and planning does not yield: so it is done by a crew of [`super::threads`], whose
//! stacks are sized for the deepest statement. Who no longer waits, because the client is gone or the time is up, leaves a
//! mark; planning looks for it between two rules, and ends. What the work holds, a permit say, is held until it really has
//! ended. Not here: running what was planned ([`super::own_threads`]).

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use datafusion::common::{Result, internal_datafusion_err};
use datafusion::error::DataFusionError;
use futures::FutureExt;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::CatalogError;
use super::threads::{GIVES_WAY_AFTER, Threads};

tokio::task_local! {
    static ABANDONED: Arc<AtomicBool>;
}

/// Nobody waits for the statement any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the statement was ended while it was planned")]
pub struct Abandoned;

/// Leaves the mark when it is dropped.
struct Waiting(Arc<AtomicBool>);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// What `work` gives, done by a crew of `threads`.
///
/// # Errors
/// If there are as many crews as there may be, or `work` panicked.
pub(super) async fn apart<T: Send + 'static>(
    threads: &Arc<Threads>,
    work: impl Future<Output = T> + Send + 'static,
) -> Result<T, CatalogError> {
    let lent = threads.lend().map_err(DataFusionError::IoError)?;
    let crew = Arc::new(lent.ok_or(CatalogError::Crowded)?);
    let handle = crew.handle().cloned().ok_or(CatalogError::Crowded)?;
    let waiting = Waiting(Arc::default());
    let marked = ABANDONED.scope(Arc::clone(&waiting.0), AssertUnwindSafe(work).catch_unwind());
    let keeping = Arc::clone(&crew);
    let mut task = JoinSet::new();
    task.spawn_on(
        async move {
            let done = marked.await;
            // Nobody else gets the crew while the work goes on, whether or not somebody waits for it.
            drop(keeping);
            done
        },
        &handle,
    );
    let done = match timeout(GIVES_WAY_AFTER, task.join_next()).await {
        Ok(done) => done,
        Err(_) => {
            crew.give_way();
            task.join_next().await
        }
    };
    let ended = || DataFusionError::External(Box::new(Abandoned));
    let done = done.ok_or_else(ended)?.map_err(|_| ended())?;
    done.map_err(|_| internal_datafusion_err!("the statement panicked; the node's log says where").into())
}

/// Ends work that nobody waits for.
///
/// # Errors
/// [`Abandoned`], if so.
pub(crate) fn heed() -> Result<()> {
    match ABANDONED.try_with(|abandoned| abandoned.load(Ordering::Acquire)) {
        Ok(true) => Err(DataFusionError::External(Box::new(Abandoned))),
        // Or it is done where nobody can leave a mark: definitions, which are small.
        Ok(false) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn work_that_nobody_waits_for_ends_and_holds_its_crew_until_then() {
        let threads = Threads::new(1);
        let (began, has_begun) = std::sync::mpsc::channel();
        let (held, ended) = tokio::sync::oneshot::channel::<()>();
        let work = apart(&threads, async move {
            let _held = held;
            began.send(()).unwrap();
            while heed().is_ok() {
                std::thread::sleep(Duration::from_millis(1));
            }
        });
        assert!(timeout(Duration::from_millis(200), work).await.is_err());
        has_begun.recv().unwrap();
        // Dropped by the work's end and not by its caller's.
        timeout(Duration::from_secs(60), ended).await.unwrap().unwrap_err();
        assert!(heed().is_ok());
        assert_eq!(apart(&threads, async { 7 }).await.unwrap(), 7);
    }

    #[tokio::test]
    async fn a_panic_ends_the_statement_and_no_more() {
        let threads = Threads::new(1);
        let failed = apart(&threads, async { panic!("of the test") }).await;
        let failed: Result<(), _> = failed;
        assert!(failed.unwrap_err().to_string().contains("panicked"));
        assert_eq!(apart(&threads, async { 7 }).await.unwrap(), 7);
    }

    #[tokio::test]
    async fn stacks_are_deep() {
        fn down(levels: u64) -> u64 {
            let room = std::hint::black_box([levels; 1024]);
            if levels == 0 { 0 } else { down(levels - 1) + std::hint::black_box(room)[1] / levels }
        }
        let threads = Threads::new(1);
        // 200 MB.
        assert_eq!(apart(&threads, async { down(25_000) }).await.unwrap(), 25_000);
    }
}
