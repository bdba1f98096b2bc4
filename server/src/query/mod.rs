//! How many statements run at once and for how long: the limits of the query side, shared by all doors (I8).
//!
//! Memory is bounded by the catalog's pool. Not here: sessions and rows (`pipelines::catalog`), SQL states and HTTP
//! statuses (the doors map [`Busy`]).

use std::time::Duration;

use pipelines::catalog::Visibility;

use crate::config;
use crate::permits::{self, Full};

/// Hands out permits to run a statement; cheap to clone.
#[derive(Debug, Clone)]
pub struct Permits {
    permits: permits::Permits,
    /// Longest statement.
    pub timeout: Duration,
}

/// The right to run one statement until it is dropped.
#[derive(Debug)]
pub struct Permit {
    _permit: permits::Permit,
}

/// Too many statements are running; try again when one has ended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Busy {
    /// Of this tenant, or of the platform.
    #[error("{asker} has {limit} statements running (query.tenant_concurrency_max); wait for one to end")]
    Asker {
        /// Who asked.
        asker: Visibility,
        /// Statements at once.
        limit: usize,
    },
    /// Of all together.
    #[error("the node runs as many statements as it may (query.concurrency_max); try again in a moment")]
    Node,
}

impl Permits {
    /// Permits as configured.
    pub fn new(limits: &config::Query) -> Self {
        Self {
            permits: permits::Permits::new(limits.concurrency_max, limits.tenant_concurrency_max),
            timeout: Duration::from_millis(limits.timeout_ms),
        }
    }

    /// A permit for one statement, at once or not at all: waiting would hide overload.
    ///
    /// # Errors
    /// [`Busy`] says whose limit is reached.
    pub fn take(&self, asker: &Visibility) -> Result<Permit, Busy> {
        let taken = self.permits.take(asker).map(|permit| Permit { _permit: permit });
        taken.map_err(|full| match full {
            Full::Tenant(limit) => Busy::Asker { asker: asker.clone(), limit },
            Full::Node(_) => Busy::Node,
        })
    }

    /// Statements running now, through all doors.
    pub fn running(&self) -> usize {
        self.permits.taken()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn permits(tenant_concurrency_max: usize, concurrency_max: usize) -> Permits {
        let query = config::Query { tenant_concurrency_max, concurrency_max, ..config::Config::default().query };
        Permits::new(&query)
    }

    #[test]
    fn one_tenant_at_its_limit_leaves_the_others_theirs() {
        let permits = permits(2, 3);
        let (a, b) = (Visibility::Tenant("a".into()), Visibility::Tenant("b".into()));
        let first = permits.take(&a).unwrap();
        let _second = permits.take(&a).unwrap();
        assert_eq!(permits.take(&a).unwrap_err(), Busy::Asker { asker: a.clone(), limit: 2 });
        let _other = permits.take(&b).unwrap();
        assert_eq!(permits.take(&Visibility::Platform).unwrap_err(), Busy::Node);
        drop(first);
        let _again = permits.take(&a).unwrap();
    }
}
