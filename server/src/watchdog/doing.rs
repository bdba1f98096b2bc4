//! What a thread is doing: a label that it shows while it polls a task, so that one that never comes back can be named by the
//! route or the connection it is stuck in.
//!
//! Costs two uncontended locks a poll. Not here: reading them ([`super::threads`]).

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;
use std::time::Instant;

use engine::lock::Lock;
use engine::priority::Thread;

type Label = Option<(&'static str, Instant)>;

/// Labels of threads that have shown one; a thread takes its own away when it ends.
static LABELS: Lock<BTreeMap<u32, Labelled>> = Lock::new(BTreeMap::new());

/// A thread and what it shows.
type Labelled = (Thread, Arc<Lock<Label>>);

thread_local! {
    static MINE: Mine = Mine::new();
}

struct Mine {
    id: Option<u32>,
    label: Arc<Lock<Label>>,
}

impl Mine {
    fn new() -> Self {
        let (thread, label) = (Thread::current(), Arc::default());
        if let Some(id) = thread.id() {
            LABELS.lock().insert(id, (thread, Arc::clone(&label)));
        }
        Self { id: thread.id(), label }
    }
}

impl Drop for Mine {
    fn drop(&mut self) {
        let label = self.id.and_then(|id| LABELS.lock().remove(&id));
        drop(label);
    }
}

/// A label that is shown until it is dropped; then the one before is again.
struct Shown(Label);

impl Shown {
    fn begin(what: &'static str) -> Self {
        // A thread that ends shows nothing any more.
        let before = MINE.try_with(|mine| mine.label.lock().replace((what, Instant::now())));
        Self(before.unwrap_or_default())
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        let _ = MINE.try_with(|mine| *mine.label.lock() = self.0.take());
    }
}

/// `work`, whose thread says `what` while it works on it.
pub async fn doing<T>(what: &'static str, work: impl Future<Output = T>) -> T {
    let mut work = pin!(work);
    std::future::poll_fn(|context| {
        let _shown = Shown::begin(what);
        work.as_mut().poll(context)
    })
    .await
}

/// What each thread does that does anything.
pub(super) fn all() -> Vec<(Thread, &'static str, Instant)> {
    let labels: Vec<_> = LABELS.lock().values().cloned().collect();
    let shown = |(thread, label): (Thread, Arc<Lock<Label>>)| {
        let label = *label.lock();
        label.map(|(what, since)| (thread, what, since))
    };
    labels.into_iter().filter_map(shown).collect()
}
