//! Requests under way, and what became of all: one that has no answer within its limit is found while it hangs, and one that
//! broke off although its node was there is a fault.
//!
//! Doors of all kinds tell a [`Watch`] when they ask and what they got; who holds the node says when it lets go of it
//! ([`Watch::release`]), because from then on a request may break off. Not here: asking, and what an answer should say.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Longest time to an answer, if nothing else is said. The node answers everything within 30 s or says that it can't, and a
/// slow machine needs time beside that.
pub(crate) const LIMIT: Duration = Duration::from_secs(45);

#[derive(Debug, Default)]
pub(crate) struct Watch(Mutex<Seen>);

#[derive(Debug, Default)]
struct Seen {
    asked: u64,
    under_way: BTreeMap<u64, UnderWay>,
    kinds: BTreeMap<String, Kind>,
    /// Whether requests may break off, because the node goes.
    released: bool,
    fault: Option<String>,
}

#[derive(Debug)]
struct UnderWay {
    kind: String,
    what: String,
    since: Instant,
    limit: Duration,
}

/// What became of the requests of one kind.
#[derive(Debug, Default, Clone)]
pub(crate) struct Kind {
    took: Vec<Duration>,
    not_now: u64,
    gone: u64,
}

/// A request that has no answer yet. Dropped, it has broken off.
#[derive(Debug)]
pub(crate) struct Asked {
    watch: Arc<Watch>,
    number: u64,
    told: bool,
}

impl Watch {
    fn lock(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Someone asks; `what` says it in full, for the case that it hangs.
    pub(crate) fn ask(self: &Arc<Self>, kind: &str, what: &str, limit: Duration) -> Asked {
        let mut seen = self.lock();
        seen.asked += 1;
        let number = seen.asked;
        let (kind, what) = (kind.to_owned(), what.to_owned());
        seen.under_way.insert(number, UnderWay { kind, what, since: Instant::now(), limit });
        Asked { watch: Arc::clone(self), number, told: false }
    }

    /// From now on requests may break off.
    pub(crate) fn release(&self) {
        self.lock().released = true;
    }

    /// From now on they may not.
    pub(crate) fn hold(&self) {
        self.lock().released = false;
    }

    pub(crate) fn is_released(&self) -> bool {
        self.lock().released
    }

    /// The first request that broke off although it may not.
    pub(crate) fn fault(&self) -> Option<String> {
        self.lock().fault.clone()
    }

    /// All that is under way, if anything of it should have been answered by now.
    pub(crate) fn overdue(&self) -> Option<String> {
        let is_late = self.lock().under_way.values().any(UnderWay::is_late);
        is_late.then(|| self.under_way())
    }

    /// All that is under way.
    pub(crate) fn under_way(&self) -> String {
        let seen = self.lock();
        let late = seen.under_way.values().filter(|asked| asked.is_late()).count();
        let mut told = format!("{late} of {} requests have no answer within their limit:\n", seen.under_way.len());
        for asked in seen.under_way.values() {
            let (mark, waited_s) =
                (if asked.is_late() { "HANGS" } else { "waits" }, asked.since.elapsed().as_secs_f64());
            writeln!(told, "{mark} {waited_s:6.1} s  {}: {:.300}", asked.kind, asked.what).expect("a text grows");
        }
        told
    }

    pub(crate) fn kinds(&self) -> BTreeMap<String, Kind> {
        self.lock().kinds.clone()
    }
}

impl UnderWay {
    fn is_late(&self) -> bool {
        self.since.elapsed() > self.limit
    }
}

impl Asked {
    /// It has its answer.
    pub(crate) fn answered(mut self) {
        self.end(|kind, took| kind.took.push(took));
    }

    /// It was told to come back.
    pub(crate) fn not_now(mut self) {
        self.end(|kind, _| kind.not_now += 1);
    }

    /// It broke off.
    pub(crate) fn broke_off(mut self, reason: &str) {
        self.gone(reason);
    }

    fn gone(&mut self, reason: &str) {
        let (kind, what, took) = self.end(|kind, _| kind.gone += 1);
        let mut seen = self.watch.lock();
        if !seen.released && seen.fault.is_none() {
            let waited_s = took.as_secs_f64();
            seen.fault =
                Some(format!("{kind} broke off after {waited_s:.1} s while the node was there: {reason}\n{what:.500}"));
        }
    }

    fn end(&mut self, note: impl FnOnce(&mut Kind, Duration)) -> (String, String, Duration) {
        self.told = true;
        let mut seen = self.watch.lock();
        let UnderWay { kind, what, since, .. } = seen.under_way.remove(&self.number).expect("it is ended once");
        let took = since.elapsed();
        note(seen.kinds.entry(kind.clone()).or_default(), took);
        (kind, what, took)
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        if !self.told {
            self.gone("whoever asked gave up");
        }
    }
}

impl Kind {
    /// Whether anyone ever got an answer.
    pub(crate) fn was_answered(&self) -> bool {
        !self.took.is_empty()
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut took = self.took.clone();
        took.sort_unstable();
        let ms =
            |at: usize| took.get(at.min(took.len().saturating_sub(1))).map_or(0.0, |took| took.as_secs_f64() * 1e3);
        let (p50, p99, longest) = (ms(took.len() / 2), ms(took.len() * 99 / 100), ms(took.len()));
        write!(to, "{:8} {:6} {:6} {p50:10.1} {p99:10.1} {longest:10.1}", took.len(), self.not_now, self.gone)
    }
}

/// The heading of a table of [`Kind`]s.
pub(crate) const HEADING: &str = "answered   busy   gone     p50 ms     p99 ms longest ms";

#[test]
fn a_request_without_an_answer_is_found_while_it_hangs() {
    let watch = Arc::<Watch>::default();
    let hangs = watch.ask("GET /healthz", "GET /healthz", Duration::ZERO);
    watch.ask("POST /v1/sql", "SELECT 1", LIMIT).answered();
    let told = watch.overdue().expect("one hangs");
    assert!(told.contains("HANGS") && told.contains("GET /healthz") && !told.contains("SELECT 1"), "{told}");
    hangs.answered();
    assert_eq!((watch.overdue(), watch.fault()), (None, None));
    watch.release();
    drop(watch.ask("POST /v1/sql", "SELECT 2", LIMIT));
    assert_eq!(watch.fault(), None);
    watch.hold();
    watch.ask("POST /v1/sql", "SELECT 3", LIMIT).broke_off("connection reset");
    assert!(watch.fault().expect("it broke off").contains("connection reset"));
}
