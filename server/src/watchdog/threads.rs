//! What is known of the threads of this process from outside them: what the kernel says, which lock of the house they wait for
//! ([`engine::lock::waits`]), and what they said they would do ([`super::doing`]).
//!
//! Linux shows a process its own threads under `/proc/self/task`; elsewhere only the latter two are known. A stack is not to be
//! had without stopping the thread, which is for a debugger.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::time::{Duration, Instant};

use engine::lock::{Wait, waits};

use super::doing;

/// Threads that are looked at, at most.
const THREADS_MAX: usize = 512;

/// One thread at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ThreadState {
    /// As the operating system counts them.
    pub id: u32,
    /// Its name, as far as the kernel keeps it.
    pub name: String,
    /// `R` runs, `S` waits, `D` waits for a disk; empty if it is not known.
    pub state: String,
    /// The function of the kernel in which it waits, and the number of the system call; empty if it is not told.
    pub kernel: String,
    /// What it does, and for how long.
    pub doing: Option<(&'static str, Duration)>,
    /// Which lock of the house it waits for, in words.
    pub waits: Option<String>,
}

/// All of them, by number.
pub fn all() -> Vec<ThreadState> {
    let now = Instant::now();
    let mut threads: BTreeMap<u32, ThreadState> = of_kernel().map(|thread| (thread.id, thread)).collect();
    for (thread, what, since) in doing::all() {
        let Some(id) = thread.id() else { continue };
        if let Some(known) = threads.get_mut(&id) {
            known.doing = Some((what, now.saturating_duration_since(since)));
        }
    }
    for wait in waits() {
        let Some(id) = wait.thread.id() else { continue };
        let told = told(&wait, &threads, now);
        if let Some(known) = threads.get_mut(&id) {
            known.waits = Some(told);
        }
    }
    threads.into_values().collect()
}

fn of_kernel() -> impl Iterator<Item = ThreadState> {
    let folders = fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    folders.take(THREADS_MAX).filter_map(|folder| {
        let (id, path) = (folder.file_name().to_str()?.parse().ok()?, folder.path());
        // A thread may end while it is looked at.
        let read = |name| fs::read_to_string(path.join(name)).unwrap_or_default();
        let (stat, wchan, syscall) = (read("stat"), read("wchan"), read("syscall"));
        // The name in `stat` may hold blanks and brackets; what follows has none.
        let state = stat.rsplit_once(") ").and_then(|(_, rest)| rest.split(' ').next()).unwrap_or_default();
        let number = syscall.split(' ').next().filter(|number| number.parse::<u32>().is_ok());
        let mut kernel = if wchan == "0" { String::new() } else { wchan };
        if let Some(number) = number {
            kernel.push_str(&format!("{}call {number}", if kernel.is_empty() { "" } else { ", " }));
        }
        let name = read("comm").trim_end().to_owned();
        Some(ThreadState { id, name, state: state.to_owned(), kernel, doing: None, waits: None })
    })
}

fn told(wait: &Wait, threads: &BTreeMap<u32, ThreadState>, now: Instant) -> String {
    let ms = now.saturating_duration_since(wait.since).as_millis();
    match wait.held {
        None => format!("waits for a signal at {} since {ms} ms", wait.at),
        Some((holder, at)) => {
            let id = holder.id().unwrap_or_default();
            let name = threads.get(&id).map_or("a thread that is gone", |thread| &thread.name);
            format!("waits for a lock at {} since {ms} ms; {name} ({id}) took it at {at}", wait.at)
        }
    }
}

impl fmt::Display for ThreadState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, name, state, kernel, doing, waits } = self;
        let state = match state.as_str() {
            "R" => "runs",
            "S" => "waits",
            "D" => "waits for a disk",
            "T" | "t" => "is stopped",
            other => other,
        };
        write!(f, "thread {name} ({id}) {state}")?;
        if !kernel.is_empty() {
            write!(f, " in {kernel}")?;
        }
        if let Some((what, time)) = doing {
            write!(f, "; at {what} since {} ms", time.as_millis())?;
        }
        waits.as_ref().map_or(Ok(()), |waits| write!(f, "; {waits}"))
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::sync::mpsc::channel;
    use std::thread;

    use engine::lock::Lock;
    use engine::priority::Thread;

    use super::*;

    #[test]
    fn a_thread_that_waits_is_told_with_what_it_was_doing_and_who_holds_what_it_wants() {
        static LOCK: Lock<u32> = Lock::new(0);
        let ((holds, held), (let_go, lets_go)) = (channel(), channel::<()>());
        let holder = thread::spawn(move || {
            let _held = LOCK.lock();
            holds.send(Thread::current()).unwrap();
            lets_go.recv().unwrap();
        });
        let me = held.recv().unwrap().id().unwrap();
        let (begun, begins) = channel();
        let waiting = thread::Builder::new().name("stuck".into()).spawn(move || {
            let work = async {
                begun.send(Thread::current()).unwrap();
                *LOCK.lock() += 1;
            };
            futures::executor::block_on(doing::doing("PUT /v1/plans/{plan}", work));
        });
        let id = begins.recv().unwrap().id().unwrap();
        let stuck = loop {
            let found = all().into_iter().find(|thread| thread.id == id && thread.waits.is_some());
            match found {
                Some(found) => break found,
                None => thread::yield_now(),
            }
        };
        let text = stuck.to_string();
        let parts = [
            format!("thread stuck ({id})"),
            "; at PUT /v1/plans/{plan} since ".to_owned(),
            format!("; waits for a lock at {}:", file!()),
            format!("({me}) took it at {}:", file!()),
        ];
        parts.iter().for_each(|part| assert!(text.contains(part.as_str()), "{part} is not in {text}"));
        let_go.send(()).unwrap();
        holder.join().unwrap();
        waiting.unwrap().join().unwrap();
        assert!(all().iter().all(|thread| thread.id != id || thread.doing.is_none()));
    }
}
