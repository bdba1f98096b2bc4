//! The threads on which statements run: each statement has its own, and the operating system shares the cores among them.
//!
//! On the doors' runtime a long statement would hold a worker between two points at which it yields, and whoever comes
//! next would wait for it; a thread is preempted. A statement that has run for a while gives way: the priority of its
//! threads is lowered, so that short statements of others, doors and shards get a core when they want one, and it gets
//! what they leave (I8). Not here: how many statements run at once (the doors), memory ([`super::share`]).

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use engine::lock::Lock;
use engine::priority::Thread;
use tokio::runtime::{Builder, Handle, Runtime};

/// Crews that exist at once. Doors let fewer statements run, but cursors that clients forget hold one each.
const CREWS_MAX: usize = 64;
/// Crews that wait for a statement.
const IDLE_MAX: usize = 8;
/// How long a statement runs before it gives way.
pub(super) const GIVES_WAY_AFTER: Duration = Duration::from_millis(100);
/// Stack of each thread on which a statement is parsed, planned or run: for [`super::bounds::LEVELS_MAX`] levels with
/// the frames of a debug build, and as much again. Only what was once used takes memory.
pub(super) const STACK_BYTES: usize = 512 << 20;
/// Stack of each thread that only holds and drops what was planned.
pub const HOLDING_STACK_BYTES: usize = 64 << 20;
/// Nice value of what gives way: beside a thread of normal priority it gets 3 % of a core.
const NICE: i32 = 15;

/// Lends crews to statements.
#[derive(Debug)]
pub(super) struct Threads {
    /// Workers of a crew: the threads that one statement may use.
    workers: usize,
    idle: Lock<Vec<Hired>>,
    out: AtomicUsize,
}

/// The threads of one statement; they go back when it ends, or end with it if they have given way.
#[derive(Debug)]
pub(super) struct Crew {
    home: Arc<Threads>,
    hired: Option<Hired>,
}

#[derive(Debug)]
struct Hired {
    runtime: Runtime,
    members: Arc<Lock<Members>>,
}

#[derive(Debug, Default)]
struct Members {
    threads: Vec<Thread>,
    gave_way: bool,
}

impl Threads {
    pub(super) fn new(workers: usize) -> Arc<Self> {
        Arc::new(Self { workers, idle: Lock::default(), out: AtomicUsize::new(0) })
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
        let mut crew = Crew { home: Arc::clone(self), hired: None };
        let idle = self.idle.lock().pop();
        crew.hired = Some(match idle {
            Some(hired) => hired,
            None => Hired::new(self.workers)?,
        });
        Ok(Some(crew))
    }
}

impl Hired {
    fn new(workers: usize) -> io::Result<Self> {
        let members = Arc::new(Lock::new(Members::default()));
        let (joining, leaving) = (Arc::clone(&members), Arc::clone(&members));
        let runtime = Builder::new_multi_thread()
            .worker_threads(workers.max(1))
            .thread_name("statement")
            .thread_stack_size(STACK_BYTES)
            .enable_time()
            .on_thread_start(move || Members::join(&joining))
            .on_thread_stop(move || Members::leave(&leaving))
            .build()?;
        Ok(Self { runtime, members })
    }
}

impl Crew {
    /// Where its tasks are spawned.
    pub(super) fn handle(&self) -> Option<&Handle> {
        self.hired.as_ref().map(|hired| hired.runtime.handle())
    }

    /// From now on its threads get what others leave.
    pub(super) fn give_way(&self) {
        if let Some(hired) = &self.hired {
            Members::give_way(&hired.members);
        }
    }
}

impl Members {
    fn join(members: &Lock<Self>) {
        let thread = Thread::current();
        let mut all = members.lock();
        all.threads.push(thread);
        let gave_way = all.gave_way;
        drop(all);
        if gave_way {
            thread.lower(NICE);
        }
    }

    fn leave(members: &Lock<Self>) {
        let thread = Thread::current();
        members.lock().threads.retain(|other| *other != thread);
    }

    fn give_way(members: &Lock<Self>) {
        let mut all = members.lock();
        all.gave_way = true;
        let threads = all.threads.clone();
        drop(all);
        threads.into_iter().for_each(|thread| thread.lower(NICE));
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        self.home.out.fetch_sub(1, Ordering::AcqRel);
        let Some(hired) = self.hired.take() else { return };
        let spent = hired.members.lock().gave_way;
        let mut idle = self.home.idle.lock();
        if spent || idle.len() >= IDLE_MAX {
            drop(idle);
            // Waiting for threads is not allowed where a statement may be dropped.
            hired.runtime.shutdown_background();
        } else {
            idle.push(hired);
        }
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        for hired in self.idle.get_mut().drain(..) {
            hired.runtime.shutdown_background();
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
        let counts = || (threads.idle.lock().len(), threads.out.load(Ordering::Acquire));
        drop(lend());
        assert_eq!(counts(), (1, 0));
        let crew = lend();
        assert_eq!(counts(), (0, 1));
        crew.give_way();
        drop(crew);
        assert_eq!(counts(), (0, 0), "one that gave way is spent");
        let all = (0..CREWS_MAX).map(|_| lend()).collect::<Vec<_>>();
        assert!(threads.lend().unwrap().is_none());
        drop(all);
        assert_eq!(counts(), (IDLE_MAX, 0));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn giving_way_lowers_threads_of_before_and_after() {
        let threads = Threads::new(1);
        let crew = threads.lend().unwrap().unwrap();
        let handle = crew.handle().unwrap().clone();
        let nice = || Thread::current().nice().unwrap();
        let own = nice();
        let of_worker = || handle.block_on(handle.spawn(async move { nice() })).unwrap();
        assert_eq!(of_worker(), own);
        crew.give_way();
        assert_eq!(of_worker(), NICE.max(own));
        assert_eq!(handle.block_on(handle.spawn_blocking(nice)).unwrap(), NICE.max(own));
        assert_eq!(nice(), own);
    }
}
