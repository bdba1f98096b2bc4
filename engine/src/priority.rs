//! Priorities of threads: what takes long, and what nobody waits for, gives way to the rest (I8).
//!
//! On Linux a priority is a thread's; elsewhere none is lowered. Not here: who gives way, and when.

/// A thread of this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Thread(
    #[cfg(target_os = "linux")] rustix::thread::Pid,
    #[cfg(not(target_os = "linux"))] std::thread::ThreadId,
);

#[cfg(target_os = "linux")]
impl Thread {
    /// The one that calls.
    pub fn current() -> Self {
        Self(rustix::thread::gettid())
    }

    /// Lowers its priority to that of `nice` (0 is normal, 19 the lowest), if it is higher. Everybody may lower one; few may
    /// raise it again.
    pub fn lower(self, nice: i32) {
        let lower = |own| if own < nice { rustix::process::setpriority_process(Some(self.0), nice) } else { Ok(()) };
        if let Err(error) = rustix::process::getpriority_process(Some(self.0)).and_then(lower) {
            tracing::warn!(%error, "the priority of a thread can't be lowered");
        }
    }

    /// Its number, as the operating system counts threads.
    pub fn id(self) -> Option<u32> {
        u32::try_from(self.0.as_raw_nonzero().get()).ok()
    }

    /// Its nice value, if the operating system tells.
    pub fn nice(self) -> Option<i32> {
        rustix::process::getpriority_process(Some(self.0)).ok()
    }
}

#[cfg(not(target_os = "linux"))]
impl Thread {
    /// The one that calls.
    pub fn current() -> Self {
        Self(std::thread::current().id())
    }

    /// Does nothing here.
    pub fn lower(self, _nice: i32) {}

    /// Not known here.
    pub fn id(self) -> Option<u32> {
        None
    }

    /// Not known here.
    pub fn nice(self) -> Option<i32> {
        None
    }
}
