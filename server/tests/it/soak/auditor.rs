//! What must hold in every cut, whatever is under way: views that count the same events agree, limits are not overshot, and
//! the audit trail has no gap.

use std::time::Duration;

use super::site::{Client, Site};
use crate::door::Attempt;
use crate::torture::script::Random;

/// Each statement with its view; none may give a row. A tenant that is being erased leaves its panes before its events, so
/// those who leave are not compared.
const NEVER: [(&str, &str); 6] = [
    (
        "usage",
        "SELECT * FROM (SELECT (SELECT count(*) FROM events WHERE type = 'call' AND source <> '/operator') AS events, \
         (SELECT CAST(sum(value) AS BIGINT) FROM usage WHERE meter = 'calls' AND tenant NOT LIKE 'd%') AS counted) WHERE events <> counted",
    ),
    (
        "usage",
        "SELECT * FROM (SELECT (SELECT sum(json_number(data, '$.tokens')) FROM events WHERE type = 'call' AND source <> '/operator') AS events, \
         (SELECT sum(value) FROM usage WHERE meter = 'tokens' AND tenant NOT LIKE 'd%') AS counted) WHERE events <> counted",
    ),
    (
        "usage_total",
        "SELECT * FROM (SELECT tenant, sum(value) AS total FROM usage_total WHERE meter = 'calls' GROUP BY tenant) \
         FULL JOIN (SELECT tenant AS whose, sum(value) AS windows FROM usage WHERE meter = 'calls' GROUP BY tenant) \
         ON tenant = whose WHERE total IS DISTINCT FROM windows",
    ),
    (
        "meter_calls",
        "SELECT * FROM (SELECT (SELECT sum(value) FROM meter_calls) AS typed, \
         (SELECT sum(value) FROM usage WHERE meter = 'calls') AS untyped) WHERE typed <> untyped",
    ),
    ("quotas", "SELECT * FROM quotas WHERE hard AND used > \"limit\""),
    (
        "audit",
        "SELECT tenant FROM audit GROUP BY tenant HAVING count(*) <> max(sequence) OR count(*) <> count(DISTINCT sequence)",
    ),
];

pub(super) struct Auditor {
    random: Random,
    turn: usize,
}

impl Auditor {
    pub(super) fn new(seed: u64) -> Self {
        Self { random: Random::new(seed, 290), turn: 0 }
    }
}

impl Client for Auditor {
    fn once(&mut self, site: &Site<'_>) -> Attempt {
        self.turn += 1;
        let (view, sql) = NEVER[self.turn % NEVER.len()];
        match site.rows(view, sql, site.key) {
            Ok(rows) => {
                assert!(rows.is_empty(), "{sql}\ngives {} rows, for instance {}", rows.len(), rows[0]);
                Attempt::Answered
            }
            Err(attempt) => attempt,
        }
    }

    fn pause(&mut self) -> Duration {
        Duration::from_millis(100 + self.random.below(300))
    }
}
