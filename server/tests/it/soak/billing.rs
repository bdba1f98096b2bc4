//! A billing job that follows the export's cursor: it ends with what a fresh export gives, whatever happened in between.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use super::site::{Client, Got, Site};
use crate::answer::Answer;
use crate::door::Attempt;
use crate::torture::script::Random;

pub(super) struct Billing {
    random: Random,
    cursor: Option<i64>,
    totals: Totals,
}

/// Tenant, meter and begin of the period.
type Key = (String, String, String);
/// Value and revision.
type Total = (String, i64);
type Totals = BTreeMap<Key, Total>;

impl Billing {
    pub(super) fn new(seed: u64) -> Self {
        Self { random: Random::new(seed, 280), cursor: None, totals: Totals::new() }
    }

    fn follow(&mut self, site: &Site<'_>) -> Got<()> {
        let after = self.cursor.map(|cursor| format!("&after={cursor}")).unwrap_or_default();
        let answer = export(site, &after)?;
        for (key, total) in rows(&answer) {
            let Some(total) = total else {
                self.totals.remove(&key);
                continue;
            };
            let revision = total.1;
            let before = self.totals.insert(key.clone(), total);
            let is_new = before.as_ref().is_none_or(|(_, before)| *before < revision);
            assert!(is_new, "{key:?} came a second time: {before:?}, then {revision} after {:?}", self.cursor);
        }
        self.cursor = answer.header("tenantry-next").map(|next| next.parse().expect("a cursor is a number"));
        Ok(())
    }
}

fn export(site: &Site<'_>, after: &str) -> Got<Answer> {
    let path = format!("/v1/usage/export?format=ndjson{after}");
    let answer = site.door.send("GET", &path, site.key, "", b"").map_err(|_| Attempt::Gone)?;
    match answer.status {
        200 => Ok(answer),
        429 | 503 => Err(Attempt::NotNow),
        status => panic!("{path}: {status} {}", answer.text),
    }
}

/// The rows of an export; without a total if there is no such row any more.
fn rows(answer: &Answer) -> Vec<(Key, Option<Total>)> {
    let row = |line: &str| {
        let row: Value = serde_json::from_str(line).expect("a line is JSON");
        let text = |name: &str| row[name].to_string().trim_matches('"').to_owned();
        let total = (text("value"), row["revision"].as_i64().expect("a revision"));
        ((text("tenant"), text("meter"), text("period_start")), Some(total).filter(|_| row["removed"] != true))
    };
    answer.text.lines().map(row).collect()
}

impl Client for Billing {
    fn once(&mut self, site: &Site<'_>) -> Attempt {
        self.follow(site).map_or_else(|attempt| attempt, |()| Attempt::Answered)
    }

    fn pause(&mut self) -> Duration {
        Duration::from_millis(300 + self.random.below(700))
    }

    fn check(&mut self, site: &Site<'_>) {
        site.door.until_done(|| self.once(site) == Attempt::Answered);
        let fresh = rows(&export(site, "").expect("a quiet node answers"));
        let fresh = fresh.into_iter().filter_map(|(key, total)| Some((key, total?))).collect::<Totals>();
        let keys = fresh.keys().chain(self.totals.keys());
        let differ = keys.filter(|key| fresh.get(*key) != self.totals.get(*key)).collect::<Vec<_>>();
        if let Some(key) = differ.first() {
            let (followed, fresh) = (self.totals.get(*key), fresh.get(*key));
            panic!("{} totals differ; {key:?} is {followed:?} by the cursor and {fresh:?} afresh", differ.len());
        }
    }
}
