//! What a backfill costs: how many events it reads.

use std::collections::BTreeMap;
use std::time::Duration;

use datafusion::arrow::array::{AsArray, RecordBatch};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Int64Type};
use pipelines::catalog::Visibility;
use serde_json::Value;

use crate::node::Node;

/// Longest that somebody who only asks waits for the figure.
const LONGEST: Duration = Duration::from_secs(5);
const SQL: &str = "SELECT type, count(*) FROM events GROUP BY type";

/// Events that are there, by type.
pub(super) struct Events(BTreeMap<String, u64>);

impl Events {
    /// Those that a definition computes its history from: all of them if it names no type.
    pub(super) fn of(&self, spec: Option<&Value>) -> u64 {
        match spec.and_then(|spec| spec["event_type"].as_str()) {
            Some(name) => self.0.get(name).copied().unwrap_or_default(),
            None => self.0.values().sum(),
        }
    }
}

impl Node {
    /// Events by type; `None` if counting them fails or takes too long.
    pub(super) async fn events_by_type(&self) -> Option<Events> {
        let counted = async {
            let frame = self.catalog.query(&Visibility::Platform, SQL).await.ok()?;
            frame.collect().await.ok()
        };
        let batches = tokio::time::timeout(LONGEST, counted).await.ok().flatten()?;
        batches.iter().map(by_type).collect::<Option<Vec<_>>>().map(|all| Events(all.into_iter().flatten().collect()))
    }
}

fn by_type(batch: &RecordBatch) -> Option<Vec<(String, u64)>> {
    let names = cast(batch.column(0), &DataType::Utf8).ok()?;
    let counts = batch.column(1).as_primitive_opt::<Int64Type>()?;
    let names = names.as_string_opt::<i32>()?;
    let one = |(name, count): (Option<&str>, Option<i64>)| Some((name?.to_owned(), u64::try_from(count?).ok()?));
    names.iter().zip(counts).map(one).collect()
}
