//! I3: every view equals plain DataFusion SQL over the same events, however they were cut, published and archived.
//!
//! The events go through the operators in random cuts, and beside that into a plain table `flat.events`; the scripts in
//! `tests/slt` compare each view with SQL over that table.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Decimal128Array, Int64Array, RecordBatch, StringArray,
    TimestampMicrosecondArray,
};
use arrow::datatypes::{DataType, Decimal128Type, Int32Type};
use async_trait::async_trait;
use datafusion::catalog::{MemorySchemaProvider, SchemaProvider};
use datafusion::datasource::MemTable;
use datafusion::error::DataFusionError;
use datafusion::prelude::SessionContext;
use engine::event::batch::{EventBatch, Texts};
use engine::shard::Position;
use engine::units::Units;
use pipelines::catalog::{CATALOG, Visibility};
use sqllogictest::{AsyncDB, DBOutput, DefaultColumnType, Runner};

use super::generate::{Random, batches, meters, tenants};
use super::node::{TestNode, texts};

const EVENTS: usize = 4000;

#[tokio::test(flavor = "multi_thread")]
async fn every_view_equals_sql_over_the_same_events() {
    for seed in 1..=3 {
        let node = TestNode::new(meters(), tenants());
        let mut random = Random::new(seed);
        let mut appended = Vec::new();
        for batch in batches(&mut random, 0, EVENTS) {
            appended.extend(node.append(&batch));
            if random.below(10) == 0 {
                node.publish();
            }
        }
        let flat = flatten(&appended);
        for archived in [0, EVENTS as u64 / 3, EVENTS as u64] {
            node.archive(archived);
            node.publish();
            let session = node.session(Visibility::Platform);
            register(&session, flat.clone());
            run(&session, &format!("seed {seed}, {archived} archived")).await;
        }
    }
}

/// Runs all scripts.
async fn run(session: &SessionContext, what: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/slt");
    let mut scripts = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect::<Vec<_>>();
    scripts.sort();
    assert!(!scripts.is_empty());
    for script in scripts {
        let mut runner = Runner::new(|| async { Ok(Database(session.clone())) });
        runner.run_file_async(&script).await.unwrap_or_else(|error| panic!("{what}: {error}"));
    }
}

struct Database(SessionContext);

#[async_trait]
impl AsyncDB for Database {
    type Error = DataFusionError;
    type ColumnType = DefaultColumnType;

    async fn run(&mut self, sql: &str) -> Result<DBOutput<DefaultColumnType>, DataFusionError> {
        let batches = self.0.sql(sql).await?.collect().await?;
        let columns = batches.first().map_or(0, RecordBatch::num_columns);
        Ok(DBOutput::Rows { types: vec![DefaultColumnType::Any; columns], rows: texts(&batches) })
    }

    async fn shutdown(&mut self) {}
}

fn register(session: &SessionContext, flat: RecordBatch) {
    let schema = MemorySchemaProvider::new();
    let table = MemTable::try_new(flat.schema(), vec![vec![flat]]).unwrap();
    schema.register_table("events".into(), Arc::new(table)).unwrap();
    session.catalog(CATALOG).unwrap().register_schema("flat", Arc::new(schema)).unwrap();
}

/// The events as one plain table, read off the batches by hand.
fn flatten(appended: &[(EventBatch, Position)]) -> RecordBatch {
    let parts = appended.iter().map(|(batch, position)| {
        let rows = batch.len();
        let text =
            |of: &dyn Fn(usize) -> Option<String>| -> ArrayRef { Arc::new((0..rows).map(of).collect::<StringArray>()) };
        let label = |texts: Texts<'_>| text(&|row| texts.get(row).map(str::to_owned));
        let times = batch.times().values();
        let values = (0..rows).map(|row| units(batch, row)).collect::<Decimal128Array>();
        let offsets = Int64Array::from_iter_values((0..rows).map(|row| position.offset as i64 + row as i64));
        let instants =
            |us: Vec<i64>| -> ArrayRef { Arc::new(TimestampMicrosecondArray::from(us).with_timezone("UTC")) };
        let late = times.iter().map(|time| Some(*time < position.watermark_us)).collect::<BooleanArray>();
        RecordBatch::try_from_iter_with_nullable([
            ("tenant", label(batch.tenants()), false),
            ("id", text(&|row| Some(batch.ids().value(row).to_owned())), false),
            ("source", label(batch.sources()), false),
            ("type", label(batch.types()), false),
            ("subject", label(batch.subjects()), true),
            ("time", instants(times.to_vec()), false),
            ("region", text(&|row| member(batch, "/region", row)), true),
            ("ok", text(&|row| member(batch, "/ok", row)), true),
            ("value", Arc::new(values.with_precision_and_scale(38, 9).unwrap()), true),
            ("watermark", instants(vec![position.watermark_us; rows]), false),
            ("late", Arc::new(late), false),
            ("revision", Arc::new(offsets), false),
        ])
        .unwrap()
    });
    let parts = parts.collect::<Vec<_>>();
    arrow::compute::concat_batches(&parts[0].schema(), &parts).unwrap()
}

/// A text or boolean member of `data` as text, wherever the batch keeps it.
fn member(batch: &EventBatch, pointer: &str, row: usize) -> Option<String> {
    if let Some(column) = batch.data(pointer).filter(|column| column.is_valid(row)) {
        return match column.data_type() {
            DataType::Boolean => Some(column.as_boolean().value(row).to_string()),
            _ => Texts::new(column.as_dictionary::<Int32Type>()).get(row).map(str::to_owned),
        };
    }
    let rest = batch.rest().filter(|rest| rest.is_valid(row))?.value(row);
    match serde_json::from_str::<serde_json::Value>(rest).unwrap().get(pointer)? {
        serde_json::Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

fn units(batch: &EventBatch, row: usize) -> Option<i128> {
    let column = batch.data("/value").filter(|column| column.is_valid(row))?;
    assert!(batch.rest().is_none_or(|rest| !rest.value(row).contains("/value")));
    Some(Units(column.as_primitive::<Decimal128Type>().value(row)).0)
}
