//! The lock of this house: around data, for a moment, and one at a time (I15).
//!
//! A thread that holds a [`Lock`] takes no other, touches no file and runs nobody else's code. So no two threads wait for each
//! other, and none waits for long; debug builds stop with a panic where that is broken ([`assert_free`]), which every test
//! checks on its way. Whatever takes long is taken out, worked on and put back; what many read is an immutable value that is
//! swapped. There is no lock that readers share: with std's `RwLock` a reader that reads again waits for a writer that waits
//! for it. `clippy.toml` keeps other locks out.
//!
//! A panic poisons nothing: what is behind a lock has to be whole wherever a statement may panic.
//!
//! Not here: who waits for what, told to people (the server's watchdog, by [`waits`]).

#![expect(clippy::disallowed_types, reason = "what the lock of this house is made of")]

use std::cell::Cell;
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::panic::Location;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread;
use std::time::Instant;

use crossbeam_utils::atomic::AtomicCell;

use crate::priority::Thread;

thread_local! {
    /// Where this thread took the lock that it holds. Kept in debug builds.
    static HELD: Cell<Option<&'static Location<'static>>> = const { Cell::new(None) };
    static ME: Thread = Thread::current();
}

/// Threads that wait for a lock or a signal right now.
static WAITS: Mutex<Vec<Wait>> = Mutex::new(Vec::new());

/// Data that one thread at a time looks at or changes.
#[derive(Default)]
pub struct Lock<T> {
    /// Where the one that holds it took it; for the watchdog only.
    holder: AtomicCell<Option<&'static Location<'static>>>,
    held_by: AtomicCell<Option<Thread>>,
    value: Mutex<T>,
}

/// The data of a [`Lock`], until it is dropped.
pub struct Held<'a, T> {
    lock: &'a Lock<T>,
    /// Gone only while a signal is waited for.
    value: Option<MutexGuard<'a, T>>,
}

/// What threads wait for that have looked at a [`Lock`]'s data and want them to be otherwise.
#[derive(Debug, Default)]
pub struct Signal(Condvar);

/// A thread that waits.
#[derive(Debug, Clone)]
pub struct Wait {
    /// Which one.
    pub thread: Thread,
    /// Since when.
    pub since: Instant,
    /// The place in the source where it waits.
    pub at: &'static Location<'static>,
    /// Who holds the lock, and where that one took it; none if it waits for a [`Signal`].
    pub held: Option<(Thread, &'static Location<'static>)>,
}

impl<T> Lock<T> {
    /// Around `value`.
    pub const fn new(value: T) -> Self {
        Self { holder: AtomicCell::new(None), held_by: AtomicCell::new(None), value: Mutex::new(value) }
    }

    /// The data, as soon as nobody else holds them.
    ///
    /// # Panics
    /// If this thread holds them already, and in debug builds if it holds any other lock.
    #[track_caller]
    pub fn lock(&self) -> Held<'_, T> {
        let at = Location::caller();
        assert_free();
        let value = match self.value.try_lock() {
            Ok(value) => value,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => self.wait(at),
        };
        self.taken(at);
        Held { lock: self, value: Some(value) }
    }

    /// The data of a lock that nobody else knows.
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut().unwrap_or_else(PoisonError::into_inner)
    }

    #[cold]
    fn wait(&self, at: &'static Location<'static>) -> MutexGuard<'_, T> {
        let held = self.held_by.load().zip(self.holder.load());
        if let Some((_, taken_at)) = held.filter(|(thread, _)| *thread == me()) {
            panic!("this thread would wait for itself at {at}: it holds the lock since {taken_at}");
        }
        let _waits = Waits::begin(at, held);
        self.value.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn taken(&self, at: &'static Location<'static>) {
        self.held_by.store(Some(me()));
        self.holder.store(Some(at));
        if cfg!(debug_assertions) {
            HELD.set(Some(at));
        }
    }

    fn let_go(&self) {
        self.holder.store(None);
        self.held_by.store(None);
        if cfg!(debug_assertions) {
            HELD.set(None);
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for Lock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.value, f)
    }
}

impl<T> Deref for Held<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.value.as_deref().expect("it is gone only within `Signal::wait`, which owns the guard")
    }
}

impl<T> DerefMut for Held<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.value.as_deref_mut().expect("it is gone only within `Signal::wait`, which owns the guard")
    }
}

impl<T> Drop for Held<'_, T> {
    fn drop(&mut self) {
        if self.value.is_some() {
            // Before the lock itself, so that nobody is said to hold what another has taken meanwhile.
            self.lock.let_go();
        }
    }
}

impl Signal {
    /// Lets go of the data until somebody signals, and takes them again. Others may have been faster: look whether they are
    /// as wanted.
    #[track_caller]
    pub fn wait<'a, T>(&self, mut held: Held<'a, T>) -> Held<'a, T> {
        let (at, lock) = (Location::caller(), held.lock);
        let Some(value) = held.value.take() else { return held };
        lock.let_go();
        let waits = Waits::begin(at, None);
        let value = self.0.wait(value).unwrap_or_else(PoisonError::into_inner);
        drop(waits);
        lock.taken(at);
        Held { lock, value: Some(value) }
    }

    /// One of those that wait looks again.
    pub fn notify_one(&self) {
        self.0.notify_one();
    }

    /// All of those that wait look again.
    pub fn notify_all(&self) {
        self.0.notify_all();
    }
}

/// Stops with a panic, in debug builds, if this thread holds a lock. It stands where something begins that must not happen under
/// one: a file is touched, somebody's callback is called.
///
/// # Panics
/// See above. A thread that panics already is left alone.
#[track_caller]
pub fn assert_free() {
    if cfg!(debug_assertions)
        && let Some(held) = HELD.get()
        && !thread::panicking()
    {
        panic!("a lock is held, since {held}: let go of it first (I15)");
    }
}

/// Who waits for a lock or a signal at this moment.
pub fn waits() -> Vec<Wait> {
    WAITS.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

/// An entry of [`WAITS`].
struct Waits;

impl Waits {
    fn begin(at: &'static Location<'static>, held: Option<(Thread, &'static Location<'static>)>) -> Self {
        let wait = Wait { thread: me(), since: Instant::now(), at, held };
        WAITS.lock().unwrap_or_else(PoisonError::into_inner).push(wait);
        Self
    }
}

impl Drop for Waits {
    fn drop(&mut self) {
        let me = me();
        WAITS.lock().unwrap_or_else(PoisonError::into_inner).retain(|wait| wait.thread != me);
    }
}

fn me() -> Thread {
    // A thread that ends has no locals any more, and may still take a lock.
    ME.try_with(|me| *me).unwrap_or_else(|_| Thread::current())
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::Arc;
    use std::sync::mpsc::channel;

    use super::*;

    fn panics(attempt: impl FnOnce()) -> String {
        let panic = catch_unwind(AssertUnwindSafe(attempt)).unwrap_err();
        panic.downcast_ref::<String>().cloned().unwrap_or_default()
    }

    #[test]
    fn a_thread_takes_one_lock_at_a_time() {
        let (first, second) = (Lock::new(1), Lock::new(2));
        let held = first.lock();
        let told = panics(|| drop(second.lock()));
        assert!(told.contains("lock.rs") && told.contains("let go of it first"), "{told}");
        assert!(panics(|| drop(first.lock())).contains("let go of it first"));
        assert!(panics(assert_free).contains("let go of it first"));
        drop(held);
        assert_free();
        assert_eq!(*first.lock(), 1);
        assert_eq!(*second.lock(), 2, "one after the other");
    }

    #[test]
    fn a_panic_poisons_nothing() {
        let lock = Lock::new(1);
        panics(|| {
            let mut held = lock.lock();
            *held = 2;
            panic!("within");
        });
        assert_eq!(*lock.lock(), 2);
    }

    #[test]
    fn who_waits_is_known_with_who_holds() {
        let lock = Arc::new(Lock::new(0));
        let held = lock.lock();
        let other = Arc::clone(&lock);
        let (begun, begins) = channel();
        let waiting = thread::spawn(move || {
            begun.send(Thread::current()).unwrap();
            *other.lock() += 1;
        });
        let thread = begins.recv().unwrap();
        let wait = loop {
            if let Some(wait) = waits().into_iter().find(|wait| wait.thread == thread) {
                break wait;
            }
            thread::yield_now();
        };
        let (holder, at) = wait.held.unwrap();
        assert_eq!((holder, at.file(), wait.at.file()), (Thread::current(), file!(), file!()));
        drop(held);
        waiting.join().unwrap();
        assert!(waits().iter().all(|wait| wait.thread != thread));
        assert_eq!(*lock.lock(), 1);
    }

    #[test]
    fn a_signal_lets_go_of_the_data() {
        let shared = Arc::new((Lock::new(false), Signal::default()));
        let other = Arc::clone(&shared);
        let waiting = thread::spawn(move || {
            let mut held = other.0.lock();
            while !*held {
                held = other.1.wait(held);
            }
        });
        *shared.0.lock() = true;
        shared.1.notify_all();
        waiting.join().unwrap();
    }
}
