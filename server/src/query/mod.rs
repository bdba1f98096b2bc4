//! Statements, whatever door they come through: how many run at once, for how long and how much they may answer (I8), what
//! is remembered of each, and how their failures are told.
//!
//! A door calls [`Queries::begin`] and holds the [`Query`] until the last row is sent: it is the turn, the record in the
//! view `queries` and the measurement. Every failure becomes a [`Failure`], which each door writes in its own way. Memory
//! is bounded by the catalog's pool. Not here: sessions and rows (`pipelines::catalog`).

mod turns;
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
use crate::permits::Full;
use crate::telemetry::metrics::Metrics;

pub use failure::Failure;
pub use history::History;
use running::Statement;
pub use running::{Exceeded, Query};
use turns::{Place, Turns};

/// Lets statements run; cheap to clone.
#[derive(Debug, Clone)]
pub struct Queries(Arc<Shared>);

struct Shared {
    turns: Turns,
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

/// Too many statements run, and too many wait or none ended in time; try again when one has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Busy {
    /// Of this tenant, or of the platform.
    #[error("{asker} has {limit} statements running (query.tenant_concurrency_max), and others wait before this one")]
    Asker {
        /// Who asked.
        asker: Visibility,
        /// Statements at once.
        limit: usize,
    },
    /// Of all together.
    #[error("the node runs as many statements as it may (query.concurrency_max), and others wait before this one")]
    Node,
}

impl Queries {
    /// As configured; what runs is counted in `metrics`.
    pub fn new(limits: &config::Query, metrics: Arc<Metrics>, clock: Arc<dyn Clock>) -> Self {
        Self(Arc::new(Shared {
            turns: Turns::new(limits.concurrency_max, limits.tenant_concurrency_max),
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

    /// Begins a statement when its turn comes. Until then it waits, within its time, which `timeout` may make shorter.
    ///
    /// # Errors
    /// [`Busy`] says whose limit is reached, if too many wait or no turn came in time; that is remembered like any other
    /// failure.
    pub async fn begin(
        &self,
        door: Door,
        asker: Asker<'_>,
        text: &str,
        timeout: Option<Duration>,
    ) -> Result<Query, Busy> {
        let place = self.0.turns.take(asker.visibility);
        let query = Query::new(Arc::clone(&self.0), door, asker, text);
        timeout.into_iter().for_each(|timeout| query.shorten(timeout));
        let turn = match place {
            Ok(Place::Now(turn)) => Ok(turn),
            Ok(Place::Later(waits)) => match tokio::time::timeout_at(query.deadline().into(), waits).await {
                Ok(Ok(turn)) => Ok(turn),
                _ => Err(self.0.turns.full(asker.visibility)),
            },
            Err(full) => Err(full),
        };
        match turn {
            Ok(turn) => {
                query.run(turn);
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
                query.fail(Failure::from(&busy).state);
                Err(busy)
            }
        }
    }

    /// Begins to plan a statement that may be executed later, any number of times: it is remembered while that lasts, and for
    /// longer only if it fails, since each execution is a statement of its own.
    ///
    /// # Errors
    /// As [`Queries::begin`].
    pub async fn prepare(
        &self,
        door: Door,
        asker: Asker<'_>,
        text: &str,
        timeout: Option<Duration>,
    ) -> Result<Query, Busy> {
        let begun = self.begin(door, asker, text, timeout).await;
        begun.map(|query| query.only_prepares(asker.visibility))
    }

    /// Remembers a statement that never began.
    pub fn refuse(&self, door: Door, asker: Asker<'_>, text: &str, state: &str) {
        Query::new(Arc::clone(&self.0), door, asker, text).fail(state);
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
        self.0.turns.taken()
    }

    /// Statements that wait for their turn.
    pub fn waiting(&self) -> usize {
        self.0.turns.waiting()
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} running, {:?}", self.turns.taken(), self.limits)
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

    #[tokio::test]
    async fn one_tenant_at_its_limit_leaves_the_others_theirs_and_waits_for_its_turn() {
        let queries = queries(2, 3);
        let (a, b) = (Visibility::Tenant("a".into()), Visibility::Tenant("b".into()));
        let begin = async |visibility: &Visibility, timeout_ms: u64| {
            let asker = Asker { visibility, principal: "a/1" };
            queries.begin(Door::Http, asker, "SELECT 1", Some(Duration::from_millis(timeout_ms))).await
        };
        let first = begin(&a, 9000).await.unwrap();
        let _second = begin(&a, 9000).await.unwrap();
        assert_eq!(begin(&a, 20).await.unwrap_err(), Busy::Asker { asker: a.clone(), limit: 2 });
        let other = begin(&b, 9000).await.unwrap();
        assert_eq!(begin(&Visibility::Platform, 20).await.unwrap_err(), Busy::Node);
        let states = || queries.history().rows(Some("a")).into_iter().map(|row| row.state).collect::<Vec<_>>();
        let end_first = async {
            while queries.waiting() == 0 {
                tokio::task::yield_now().await;
            }
            assert_eq!(states(), ["running", "running", "failed", "waiting"]);
            drop(first);
        };
        let (third, ()) = tokio::join!(begin(&a, 9000), end_first);
        assert_eq!(states(), ["abandoned", "running", "failed", "running"]);
        drop((third.unwrap(), other));
        let refused = queries.history().rows(Some("a")).into_iter().filter(|row| row.state == "failed");
        assert_eq!(refused.map(|row| row.sqlstate.unwrap()).collect::<Vec<_>>(), ["53300"]);
        assert_eq!((queries.running(), queries.waiting()), (1, 0));
    }

    #[tokio::test]
    async fn a_statement_whose_rows_nobody_reads_gives_back_what_it_holds_when_its_time_is_up() {
        let queries = queries(1, 3);
        let a = Visibility::Tenant("a".into());
        let begin = async |timeout_ms: u64| {
            let asker = Asker { visibility: &a, principal: "a/1" };
            queries.begin(Door::Http, asker, "SELECT 1", Some(Duration::from_millis(timeout_ms))).await
        };
        let (query, rows) = (begin(9000).await.unwrap(), Arc::new(()));
        let held = query.keep(Arc::clone(&rows));
        queries.end_late();
        let refused = begin(20).await.unwrap_err();
        assert_eq!((Arc::strong_count(&rows), refused), (2, Busy::Asker { asker: a.clone(), limit: 1 }));
        query.shorten(Duration::ZERO);
        tokio::time::sleep(Duration::from_millis(300)).await;
        queries.end_late();
        assert!(Arc::strong_count(&rows) == 1 && held.take().is_none());
        let another =
            begin(20).await.expect("the turn was given back, though the first is still waiting for its reader");
        drop((query, another));
        assert_eq!(queries.running(), 0);
        let ended = queries.history().rows(Some("a")).into_iter().map(|row| row.sqlstate).collect::<Vec<_>>();
        assert!(ended.contains(&Some("57014".to_owned())), "{ended:?}");
    }
}
