//! Billing jobs that follow the changes of totals: the export's cursor over HTTP, revisions in SQL over Flight. Each ends with
//! what a fresh read gives, whatever happened in between.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::Int64Type;
use arrow_flight::sql::client::FlightSqlServiceClient;
use serde_json::Value;
use tonic::transport::Channel;

use super::site::{Client, Got, Site};
use crate::answer::Answer;
use crate::door::Attempt;
use crate::torture::script::Random;

pub(super) struct Billing {
    random: Random,
    export: Followed,
    flight: Followed,
    connection: Option<(SocketAddr, FlightSqlServiceClient<Channel>)>,
}

/// Tenant, meter and begin of the period.
type Key = (String, String, String);
/// Value and revision.
type Total = (String, i64);
type Totals = BTreeMap<Key, Total>;
/// A row as it is read: without a total if there is no such row any more.
type Change = (Key, Option<Total>, i64);

/// A copy of the totals, and up to where it follows them.
#[derive(Default)]
struct Followed {
    cursor: Option<i64>,
    totals: Totals,
}

impl Followed {
    fn apply(&mut self, changes: Vec<Change>, next: Option<i64>) {
        for (key, total, revision) in changes {
            assert!(self.cursor.is_none_or(|cursor| cursor < revision), "{key:?}: {revision} after {:?}", self.cursor);
            let Some(total) = total else {
                self.totals.remove(&key);
                continue;
            };
            let before = self.totals.insert(key.clone(), total);
            let is_new = before.as_ref().is_none_or(|(_, before)| *before < revision);
            assert!(is_new, "{key:?} came a second time: {before:?}, then {revision} after {:?}", self.cursor);
        }
        self.cursor = next.or(self.cursor);
    }

    fn is(&self, door: &str, fresh: Vec<Change>) {
        let fresh = fresh.into_iter().filter_map(|(key, total, _)| Some((key, total?))).collect::<Totals>();
        let keys = fresh.keys().chain(self.totals.keys());
        let differ = keys.filter(|key| fresh.get(*key) != self.totals.get(*key)).collect::<Vec<_>>();
        if let Some(key) = differ.first() {
            let (followed, fresh) = (self.totals.get(*key), fresh.get(*key));
            panic!("{} totals differ over {door}; {key:?} is followed {followed:?} and fresh {fresh:?}", differ.len());
        }
    }
}

impl Billing {
    pub(super) fn new(seed: u64) -> Self {
        let (export, flight) = Default::default();
        Self { random: Random::new(seed, 280), export, flight, connection: None }
    }

    fn follow(&mut self, site: &Site<'_>) -> Got<()> {
        let after = self.export.cursor.map(|cursor| format!("&after={cursor}")).unwrap_or_default();
        let answer = export(site, &after)?;
        let next = answer.header("tenantry-next").map(|next| next.parse().expect("a cursor is a number"));
        self.export.apply(lines(&answer), next);

        let changes = self.flight(site, self.flight.cursor.unwrap_or(-1))?;
        let next = changes.iter().map(|(_, _, revision)| *revision).max();
        self.flight.apply(changes, next);
        Ok(())
    }

    /// Rows of `usage_total` of a revision after `cursor`.
    fn flight(&mut self, site: &Site<'_>, cursor: i64) -> Got<Vec<Change>> {
        let known = self.connection.take().filter(|(address, _)| *address == site.flight);
        let mut client = known.map_or_else(|| site.flight(site.key), |(_, client)| client);
        let sql = format!(
            "SELECT tenant, meter, period_start::text, value::text, revision, removed \
             FROM usage_total WHERE revision > {cursor}"
        );
        let got = site.batches(&mut client, "usage_total", &sql);
        self.connection = Some((site.flight, client));
        let batches = got?.unwrap_or_else(|status| panic!("{sql}: {status}"));
        Ok(batches.iter().flat_map(rows).collect())
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

/// The rows of an export.
fn lines(answer: &Answer) -> Vec<Change> {
    let row = |line: &str| {
        let row: Value = serde_json::from_str(line).expect("a line is JSON");
        let text = |name: &str| row[name].to_string().trim_matches('"').to_owned();
        let revision = row["revision"].as_i64().expect("a revision");
        let total = (text("value"), revision);
        let key = (text("tenant"), text("meter"), text("period_start"));
        (key, Some(total).filter(|_| row["removed"] != true), revision)
    };
    answer.text.lines().map(row).collect()
}

/// The rows of a batch.
fn rows(batch: &RecordBatch) -> Vec<Change> {
    let text = |column: usize, row: usize| {
        let column = arrow::compute::cast(batch.column(column), &arrow::datatypes::DataType::Utf8);
        column.expect("texts stay texts").as_string::<i32>().value(row).to_owned()
    };
    let row = |row: usize| {
        let revision = batch.column(4).as_primitive::<Int64Type>().value(row);
        let is_removed = batch.column(5).as_boolean().value(row);
        let key = (text(0, row), text(1, row), text(2, row));
        (key, (!is_removed).then(|| (text(3, row), revision)), revision)
    };
    (0..batch.num_rows()).map(row).collect()
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
        self.export.is("HTTP", lines(&export(site, "").expect("a quiet node answers")));
        let fresh = self.flight(site, -1).expect("a quiet node answers");
        self.flight.is("Flight", fresh);
    }
}
