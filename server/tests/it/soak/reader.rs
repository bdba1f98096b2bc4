//! Everything that can be read over HTTP, in turn: the routes, and each view in each format. A tenant's key gets rows of that
//! tenant only (I6).

use std::time::Duration;

use super::roll::{self, VIEWS};
use super::site::{Client, Site};
use crate::door::Attempt;
use crate::torture::script::Random;

/// Of the platform.
const GOVERNED: [&str; 8] = [
    "/metrics",
    "/v1/plans",
    "/v1/usage/export?format=parquet",
    "/v1/tenants/t1/keys",
    "/v1/tenants/q0/quotas",
    "/v1/kinds",
    "/v1/kinds/quota",
    "/v1/kinds/meter/calls/versions",
];
const READ: [&str; 9] = [
    "/healthz",
    "/v1/tenants",
    "/v1/tenants/t0",
    "/v1/meters",
    "/v1/meters/calls",
    "/v1/usage?limit=50&format=csv",
    "/v1/usage?meter=tokens&tenant=t0",
    "/v1/usage/export?tenant=t0&format=csv",
    "/readyz",
];
const OPEN: [&str; 4] = ["/openapi.json", "/problems/invalid", "/healthz", "/schemas/meter.json"];
const FORMATS: [&str; 5] = ["json", "ndjson", "csv", "table", "parquet"];

pub(super) struct Reader {
    random: Random,
    /// Key and tenant of one that sees only its own rows.
    own: Option<(String, String)>,
    turn: usize,
}

impl Reader {
    pub(super) fn new(seed: u64, number: u64, own: Option<(String, String)>) -> Self {
        let mut random = Random::new(seed, 220 + number);
        let turn = random.below(VIEWS.len() as u64) as usize;
        Self { random, own, turn }
    }

    fn key<'a>(&'a self, site: &Site<'a>) -> &'a str {
        self.own.as_ref().map_or(site.key, |(key, _)| key)
    }

    fn get(&self, site: &Site<'_>, path: &str) -> Attempt {
        let Ok(answer) = site.door.send("GET", path, self.key(site), "", b"") else { return Attempt::Gone };
        match answer.status {
            200 => Attempt::Answered,
            429 | 503 => Attempt::NotNow,
            status => panic!("GET {path}: {status} {}", answer.text),
        }
    }

    fn view(&mut self, site: &Site<'_>) -> Attempt {
        let view = roll::view(&mut self.random, self.turn / 3);
        if self.own.is_some() && view == "engine_shards" {
            return Attempt::Answered;
        }
        if let Some((key, tenant)) =
            self.own.as_ref().filter(|_| !matches!(view, "engine" | "meters" | "materialized_views"))
        {
            let sql = format!("SELECT DISTINCT tenant FROM {view} WHERE tenant <> '{tenant}'");
            return match site.rows(view, &sql, key) {
                Ok(rows) => {
                    assert!(rows.is_empty(), "{view} shows {tenant} rows of others: {rows:?}");
                    Attempt::Answered
                }
                Err(attempt) => attempt,
            };
        }
        let sql = match self.random.percent(50) {
            true => format!("SELECT count(*) AS n FROM {view}"),
            false => format!("SELECT * FROM {view} LIMIT 100"),
        };
        let format = self.random.pick(&FORMATS);
        let Ok(answer) = site.door.sql(view, &sql, format, self.key(site)) else { return Attempt::Gone };
        match answer.status {
            200 => Attempt::Answered,
            429 | 503 => Attempt::NotNow,
            status => panic!("{sql}: {status} {}", answer.text),
        }
    }
}

impl Client for Reader {
    fn once(&mut self, site: &Site<'_>) -> Attempt {
        self.turn += 1;
        let at = self.turn / 3;
        match self.turn % 3 {
            0 => self.get(site, OPEN[at % OPEN.len()]),
            1 if self.own.is_none() && self.random.percent(50) => self.get(site, GOVERNED[at % GOVERNED.len()]),
            1 => self.get(site, READ[at % READ.len()]),
            _ => self.view(site),
        }
    }

    fn pause(&mut self) -> Duration {
        Duration::from_millis(self.random.below(25))
    }
}
