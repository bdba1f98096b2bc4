//! Materialized views, created and dropped in turn by two doors: while one is there it has the rows of its `SELECT`, both as
//! of one cut (I3).

use std::time::Duration;

use super::site::{Client, Got, Site};
use crate::door::Attempt;
use crate::torture::script::Random;

/// Looks at a view before it is dropped.
const LOOKS: u64 = 4;
/// Each with what is compared of it: a tenant that is being erased leaves its panes before its events.
const SELECTS: [(&str, &str); 4] = [
    (
        "SELECT tenant, date_trunc('hour', time) AS hour, json_value(data, '$.model') AS model, count(*) AS n, \
         sum(json_number(data, '$.tokens')) AS tokens FROM events WHERE type = 'call' GROUP BY 1, 2, 3",
        STAYS,
    ),
    ("SELECT tenant, count(*) AS n, max(json_number(data, '$.tokens')) AS most FROM events GROUP BY 1", STAYS),
    (
        "SELECT source, count(*) AS n, min(json_number(data, '$.tokens')) AS least FROM events GROUP BY 1",
        "source <> '/operator'",
    ),
    (
        "SELECT json_value(data, '$.user') AS person, count(*) FILTER (WHERE tenant = 't1') AS n, count(*) AS everybody \
         FROM events WHERE type = 'call' AND source <> '/operator' GROUP BY 1",
        "true",
    ),
];
const STAYS: &str = "tenant NOT LIKE 'd%'";

type Select = (&'static str, &'static str);

pub(super) struct Views {
    random: Random,
    created: u64,
    /// The view that is there, its `SELECT`, and looks to come.
    current: Option<(String, Select, u64)>,
    /// A view that may be there.
    left: Option<String>,
}

impl Views {
    pub(super) fn new(seed: u64) -> Self {
        Self { random: Random::new(seed, 250), created: 0, current: None, left: None }
    }

    fn change(&mut self, site: &Site<'_>, sql: &str) -> Got<()> {
        if self.random.percent(50) {
            site.rows("materialized_views", sql, site.key)?;
            return Ok(());
        }
        let connected = site.connect("platform", site.key)?;
        let connection = connected.unwrap_or_else(|state| panic!("the platform's key is refused: {state}"));
        site.postgres(&connection, "materialized_views", sql, false)?;
        Ok(())
    }

    fn create(&mut self, site: &Site<'_>) -> Got<()> {
        self.created += 1;
        let name = format!("mv_{}", self.created);
        let select = SELECTS[self.random.below(SELECTS.len() as u64) as usize];
        self.left = Some(name.clone());
        self.change(site, &format!("CREATE MATERIALIZED VIEW IF NOT EXISTS {name} AS {}", select.0))?;
        self.left = None;
        self.current = Some((name, select, LOOKS));
        Ok(())
    }

    fn drop_it(&mut self, site: &Site<'_>, name: String) -> Got<()> {
        self.left = Some(name.clone());
        self.change(site, &format!("DROP MATERIALIZED VIEW IF EXISTS {name}"))?;
        self.left = None;
        Ok(())
    }

    fn step(&mut self, site: &Site<'_>) -> Got<()> {
        if let Some(name) = self.left.clone() {
            return self.drop_it(site, name);
        }
        match self.current.take() {
            None => self.create(site),
            Some((name, _, 0)) => self.drop_it(site, name),
            Some((name, select, looks)) => {
                self.current = Some((name.clone(), select, looks - 1));
                let (select, compared) = select;
                let [view, events] = [name.as_str(), &format!("({select})")]
                    .map(|from| format!("SELECT * FROM {from} WHERE {compared}"));
                let differ = format!("({view} EXCEPT {events}) UNION ALL ({events} EXCEPT {view})");
                let rows = site.rows("materialized view", &differ, site.key)?;
                assert!(rows.is_empty(), "{select}: {} rows differ, for instance {}", rows.len(), rows[0]);
                Ok(())
            }
        }
    }
}

impl Client for Views {
    fn once(&mut self, site: &Site<'_>) -> Attempt {
        self.step(site).map_or_else(|attempt| attempt, |()| Attempt::Answered)
    }

    fn pause(&mut self) -> Duration {
        Duration::from_millis(200 + self.random.below(600))
    }

    fn settle(&mut self, site: &Site<'_>) {
        site.door.until_done(|| self.left.is_none() || self.once(site) == Attempt::Answered);
    }
}
