//! The threads on which statements run: each statement has its own, and the operating system shares the cores among them.
//!
//! On the doors' runtime a long statement would hold a worker between two points at which it yields, and whoever comes
//! next would wait for it; a thread is preempted (I8). Not here: how many statements run at once (the doors), memory
//! ([`super::share`]).

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::runtime::{Builder, Handle, Runtime};

/// Crews that exist at once. Doors let fewer statements run, but cursors that clients forget hold one each.
const CREWS_MAX: usize = 64;
/// Crews that wait for a statement.
const IDLE_MAX: usize = 8;

/// Lends crews to statements.
#[derive(Debug)]
pub(super) struct Threads {
    /// Workers of a crew: the threads that one statement may use.
    workers: usize,
    idle: Mutex<Vec<Runtime>>,
    out: AtomicUsize,
}

/// The threads of one statement; they go back when it ends.
#[derive(Debug)]
pub(super) struct Crew {
    home: Arc<Threads>,
    runtime: Option<Runtime>,
}

impl Threads {
    pub(super) fn new(workers: usize) -> Arc<Self> {
        Arc::new(Self { workers, idle: Mutex::default(), out: AtomicUsize::new(0) })
    }

    /// A crew; `None` if there are as many as there may be.
    ///
    /// # Errors
    /// If the operating system gives no threads.
    pub(super) fn lend(self: &Arc<Self>) -> io::Result<Option<Crew>> {
        if self.out.fetch_add(1, Ordering::AcqRel) >= CREWS_MAX {
            self.out.fetch_sub(1, Ordering::AcqRel);
            return Ok(None);
        }
        // From here on the crew counts itself out when it is dropped.
        let mut crew = Crew { home: Arc::clone(self), runtime: None };
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        crew.runtime = Some(match idle {
            Some(runtime) => runtime,
            None => {
                let mut builder = Builder::new_multi_thread();
                builder.worker_threads(self.workers.max(1)).thread_name("statement").enable_time().build()?
            }
        });
        Ok(Some(crew))
    }
}

impl Crew {
    /// Where its tasks are spawned.
    pub(super) fn handle(&self) -> Option<&Handle> {
        self.runtime.as_ref().map(Runtime::handle)
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        self.home.out.fetch_sub(1, Ordering::AcqRel);
        let Some(runtime) = self.runtime.take() else { return };
        let mut idle = self.home.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < IDLE_MAX {
            idle.push(runtime);
        } else {
            drop(idle);
            // Waiting for threads is not allowed where a statement may be dropped.
            runtime.shutdown_background();
        }
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        for runtime in self.idle.get_mut().unwrap_or_else(PoisonError::into_inner).drain(..) {
            runtime.shutdown_background();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crews_are_used_again_and_bounded() {
        let threads = Threads::new(1);
        let lend = || threads.lend().unwrap().unwrap();
        let counts = || (threads.idle.lock().unwrap().len(), threads.out.load(Ordering::Acquire));
        drop(lend());
        assert_eq!(counts(), (1, 0));
        let crew = lend();
        assert_eq!(counts(), (0, 1));
        drop(crew);
        let all = (0..CREWS_MAX).map(|_| lend()).collect::<Vec<_>>();
        assert!(threads.lend().unwrap().is_none());
        drop(all);
        assert_eq!(counts(), (IDLE_MAX, 0));
    }
}
