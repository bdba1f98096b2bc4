//! Statements, whatever door they come through: how many run at once, for how long and how much they may answer (I8), what
//! is remembered of each, and how their failures are told.
//!
//! A door calls [`Queries::begin`] and holds the [`Query`] until the last row is sent: it is the permit, the record in the
//! view `queries` and the measurement. Every failure becomes a [`Failure`], which each door writes in its own way. Memory
//! is bounded by the catalog's pool. Not here: sessions and rows (`pipelines::catalog`).

mod held;
mod running;
mod history;
mod failure;
mod nearest;

use std::fmt;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use engine::clock::Clock;
use engine::lock::Lock;
use pipelines::catalog::Visibility;

use crate::config;
use crate::permits::{self, Full};
use crate::telemetry::metrics::Metrics;

pub use failure::Failure;
pub use history::History;
use running::Statement;
pub use running::{Exceeded, Query};

/// Lets statements run; cheap to clone.
#[derive(Debug, Clone)]
pub struct Queries(Arc<Shared>);

struct Shared {
    permits: permits::Permits,
    running: Lock<Vec<Weak<Statement>>>,
    limits: Limits,
    history: Arc<History>,
    metrics: Arc<Metrics>,
    clock: Arc<dyn Clock>,
}

/// How far one statement may go.
#[derive(Debug, Clone, Copy)]
struct Limits {
    timeout: Duration,
    rows_max: u64,
    bytes_max: u64,
}

/// Through which door a statement comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// `POST /v1/sql` and the routes that answer with rows of views.
    Http,
    /// The Postgres wire.
    Postgres,
    /// Arrow Flight SQL.
    Flight,
}

impl Door {
    /// As views and metrics name it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Postgres => "postgres",
            Self::Flight => "flight",
        }
    }
}

/// Who asks.
#[derive(Debug, Clone, Copy)]
pub struct Asker<'a> {
    /// What it may see.
    pub visibility: &'a Visibility,
    /// Its name for the record: tenant and id of its key.
    pub principal: &'a str,
}

/// Too many statements are running; try again when one has ended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Busy {
    /// Of this tenant, or of the platform.
    #[error("{asker} has {limit} statements running (query.tenant_concurrency_max)")]
    Asker {
        /// Who asked.
        asker: Visibility,
        /// Statements at once.
        limit: usize,
    },
    /// Of all together.
    #[error("the node runs as many statements as it may (query.concurrency_max)")]
    Node,
}

impl Queries {
    /// As configured; what runs is counted in `metrics`.
    pub fn new(limits: &config::Query, metrics: Arc<Metrics>, clock: Arc<dyn Clock>) -> Self {
        Self(Arc::new(Shared {
            permits: permits::Permits::new(limits.concurrency_max, limits.tenant_concurrency_max),
            limits: Limits {
                timeout: Duration::from_millis(limits.timeout_ms),
                rows_max: limits.result_rows_max,
                bytes_max: limits.result_bytes_max,
            },
            running: Lock::default(),
            history: Arc::default(),
            metrics,
            clock,
        }))
    }

    /// Begins a statement, at once or not at all: waiting would hide overload.
    ///
    /// # Errors
    /// [`Busy`] says whose limit is reached; that is remembered like any other failure.
    pub fn begin(&self, door: Door, asker: Asker<'_>, text: &str) -> Result<Query, Busy> {
        match self.0.permits.take(asker.visibility) {
            Ok(permit) => {
                let query = Query::new(Arc::clone(&self.0), door, asker, text, Some(permit));
                let mut running = self.0.running.lock();
                running.retain(|statement| statement.strong_count() > 0);
                running.push(Arc::downgrade(query.statement()));
                Ok(query)
            }
            Err(full) => {
                let busy = match full {
                    Full::Tenant(limit) => Busy::Asker { asker: asker.visibility.clone(), limit },
                    Full::Node(_) => Busy::Node,
                };
                self.refuse(door, asker, text, Failure::from(&busy).state);
                Err(busy)
            }
        }
    }

    /// Begins to plan a statement that may be executed later, any number of times: it is remembered while that lasts, and for
    /// longer only if it fails, since each execution is a statement of its own.
    ///
    /// # Errors
    /// As [`Queries::begin`].
    pub fn prepare(&self, door: Door, asker: Asker<'_>, text: &str) -> Result<Query, Busy> {
        self.begin(door, asker, text).map(|query| query.only_prepares(asker.visibility))
    }

    /// Remembers a statement that never began.
    pub fn refuse(&self, door: Door, asker: Asker<'_>, text: &str, state: &str) {
        Query::new(Arc::clone(&self.0), door, asker, text, None).fail(state);
    }

    /// Ends the statements whose time has been up for a while: their clients do not read, and hold permits and rows.
    pub fn end_late(&self) {
        let running: Vec<_> = self.0.running.lock().iter().filter_map(Weak::upgrade).collect();
        let now = Instant::now();
        running.into_iter().for_each(|statement| statement.end_late(now));
    }

    /// Longest statement.
    pub fn timeout(&self) -> Duration {
        self.0.limits.timeout
    }

    /// What the view `queries` shows.
    pub fn history(&self) -> Arc<History> {
        Arc::clone(&self.0.history)
    }

    /// Statements running now, through all doors.
    pub fn running(&self) -> usize {
        self.0.permits.taken()
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} running, {:?}", self.permits.taken(), self.limits)
    }
}

impl fmt::Display for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use engine::clock::ManualClock;

    use super::*;

    fn queries(tenant_concurrency_max: usize, concurrency_max: usize) -> Queries {
        let query = config::Query { tenant_concurrency_max, concurrency_max, ..config::Config::default().query };
        Queries::new(&query, Arc::default(), Arc::new(ManualClock::new(0)))
    }

    #[test]
    fn one_tenant_at_its_limit_leaves_the_others_theirs() {
        let queries = queries(2, 3);
        let begin =
            |visibility: &Visibility| queries.begin(Door::Http, Asker { visibility, principal: "a/1" }, "SELECT 1");
        let (a, b) = (Visibility::Tenant("a".into()), Visibility::Tenant("b".into()));
        let first = begin(&a).unwrap();
        let _second = begin(&a).unwrap();
        assert_eq!(begin(&a).unwrap_err(), Busy::Asker { asker: a.clone(), limit: 2 });
        let _other = begin(&b).unwrap();
        assert_eq!(begin(&Visibility::Platform).unwrap_err(), Busy::Node);
        drop(first);
        let _again = begin(&a).unwrap();
        let refused = queries.history().rows(Some("a")).into_iter().filter(|row| row.state == "failed");
        assert_eq!(refused.map(|row| row.sqlstate.unwrap()).collect::<Vec<_>>(), ["53300"]);
    }

    #[test]
    fn a_statement_whose_rows_nobody_reads_gives_back_what_it_holds_when_its_time_is_up() {
        let queries = queries(1, 3);
        let a = Visibility::Tenant("a".into());
        let begin = || queries.begin(Door::Http, Asker { visibility: &a, principal: "a/1" }, "SELECT 1");
        let (query, rows) = (begin().unwrap(), Arc::new(()));
        let held = query.keep(Arc::clone(&rows));
        queries.end_late();
        assert_eq!((Arc::strong_count(&rows), begin().unwrap_err()), (2, Busy::Asker { asker: a.clone(), limit: 1 }));
        query.shorten(Duration::ZERO);
        std::thread::sleep(Duration::from_millis(300));
        queries.end_late();
        assert!(Arc::strong_count(&rows) == 1 && held.take().is_none());
        let another = begin().expect("the permit was given back, though the first is still waiting for its reader");
        drop((query, another));
        assert_eq!(queries.running(), 0);
        let ended = queries.history().rows(Some("a")).into_iter().map(|row| row.sqlstate).collect::<Vec<_>>();
        assert!(ended.contains(&Some("57014".to_owned())), "{ended:?}");
    }
}
