//! Reads a view: lazily, on a blocking thread, through a short queue, keeping only the rows of the tenants asked for.
//!
//! The one place that enforces the bound on `tenant` (I6); a view's own pruning saves work, it is not what isolation
//! rests on. That includes dictionaries: a kernel may work on all values of one, and name in its error those of rows that
//! were cut away.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::{ControlFlow, Range};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch, RecordBatchOptions, UInt64Array};
use arrow::compute::{cast, filter_record_batch, take_record_batch};
use arrow::datatypes::{DataType, Int32Type, SchemaRef};
use arrow::error::ArrowError;
use arrow_select::dictionary::garbage_collect_any_dictionary;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{EquivalenceProperties, Partitioning, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::stream::RecordBatchReceiverStreamBuilder;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties, ReplaceChildrenOptions};

use super::ask::{Ask, TENANT};
use super::view::{SharedView, ViewError};
use crate::catalog::{self, Cut};
use crate::memory::Memory;
use crate::metering::MeteringError;

/// Batches that may wait between a view and its reader (I8).
const QUEUE_BATCHES_MAX: usize = 2;

/// The physical plan of a view.
#[derive(Debug)]
pub(super) struct ViewScan {
    view: SharedView,
    cut: Arc<Cut>,
    ask: Arc<Ask>,
    schema: SchemaRef,
    limit: Option<usize>,
    properties: Arc<PlanProperties>,
}

impl ViewScan {
    pub(super) fn new(view: SharedView, cut: Arc<Cut>, ask: Ask, schema: SchemaRef, limit: Option<usize>) -> Self {
        let properties = PlanProperties::new(
            EquivalenceProperties::new(Arc::clone(&schema)),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        Self { view, cut, ask: Arc::new(ask), schema, limit, properties: Arc::new(properties) }
    }
}

impl ExecutionPlan for ViewScan {
    fn name(&self) -> &str {
        "ViewScan"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        _: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn with_new_children(self: Arc<Self>, _: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn execute(&self, _: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let mut stream = RecordBatchReceiverStreamBuilder::new(Arc::clone(&self.schema), QUEUE_BATCHES_MAX);
        if self.ask.is_empty() {
            return Ok(stream.build());
        }
        let memory = Memory::of(context.memory_pool(), self.view.name());
        let (view, cut, ask) = (Arc::clone(&self.view), Arc::clone(&self.cut), Arc::new(self.ask.counted(memory)));
        let batch_rows = context.session_config().batch_size();
        let confined = ask.tenants().is_some() && view.schema().column_with_name(TENANT).is_some();
        let mut sieve = Sieve { ask: Arc::clone(&ask), confined, schema: Arc::clone(&self.schema), left: self.limit };
        let queue = stream.tx();
        stream.spawn_blocking(move || {
            let mut failed: Option<DataFusionError> = None;
            let mut emit = |batch: RecordBatch| {
                let kept = match sieve.keep(batch) {
                    Ok(kept) => kept,
                    Err(error) => {
                        failed = Some(error.into());
                        return ControlFlow::Break(());
                    }
                };
                let _held = match ask.memory().hold(catalog::bytes_of(&kept)) {
                    Ok(held) => held,
                    Err(error) => {
                        failed = Some(error);
                        return ControlFlow::Break(());
                    }
                };
                for from in (0..kept.num_rows()).step_by(batch_rows) {
                    // The receiver is gone when the query was cancelled or has enough.
                    let piece = piece(&kept, from..kept.num_rows().min(from + batch_rows));
                    if queue.blocking_send(piece.map_err(Into::into)).is_err() {
                        return ControlFlow::Break(());
                    }
                }
                if sieve.left == Some(0) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            };
            // What a library panics on, damaged Parquet say, ends this statement and nothing else.
            let produced = catch_unwind(AssertUnwindSafe(|| view.produce(&cut, &ask, &mut emit)));
            let produced = produced.map_err(|_| {
                DataFusionError::Internal(format!("reading {} panicked; the node's log says where", view.name()))
            })?;
            produced.map_err(|error| match error {
                ViewError::Query(error) => error,
                ViewError::Metering(MeteringError::Memory { reason, .. }) => {
                    DataFusionError::ResourcesExhausted(reason)
                }
                error => DataFusionError::External(Box::new(error)),
            })?;
            failed.map_or(Ok(()), Err)
        });
        Ok(stream.build())
    }
}

/// Some rows of `batch`, copied if they are not all: a slice would count as the whole wherever it waits, and a few of them
/// would have a statement put rows aside, or end, that fit its share of memory many times.
fn piece(batch: &RecordBatch, rows: Range<usize>) -> Result<RecordBatch, ArrowError> {
    if rows.len() == batch.num_rows() || batch.num_columns() == 0 {
        return Ok(batch.slice(rows.start, rows.len()));
    }
    take_record_batch(batch, &UInt64Array::from_iter_values(rows.start as u64..rows.end as u64))
}

/// What a scan lets through.
struct Sieve {
    ask: Arc<Ask>,
    /// Whether rows of other tenants than those asked for must be kept out.
    confined: bool,
    schema: SchemaRef,
    left: Option<usize>,
}

impl Sieve {
    fn keep(&mut self, mut batch: RecordBatch) -> Result<RecordBatch, ArrowError> {
        let missing = |name: &str| ArrowError::SchemaError(format!("the view did not produce its column {name}"));
        if let Some(tenants) = self.ask.tenants() {
            match batch.column_by_name(TENANT) {
                Some(column) => batch = confine(&batch, column, tenants)?,
                None if self.confined => return Err(missing(TENANT)),
                None => {}
            }
        }
        if let Some(left) = &mut self.left {
            batch = batch.slice(0, batch.num_rows().min(*left));
            *left -= batch.num_rows();
        }
        let columns = self.schema.fields().iter().map(|field| {
            let column = batch.column_by_name(field.name()).ok_or_else(|| missing(field.name()))?;
            match (column.data_type(), field.data_type()) {
                // The same instants by another name.
                (DataType::Timestamp(_, Some(of)), DataType::Timestamp(_, Some(wanted))) if of != wanted => {
                    cast(column, field.data_type())
                }
                _ if self.confined => without_unused_values(column),
                _ => Ok(Arc::clone(column)),
            }
        });
        let columns = columns.collect::<Result<Vec<_>, _>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)
    }
}

/// The rows of `batch` whose tenant is one of `tenants`.
fn confine(batch: &RecordBatch, column: &dyn Array, tenants: &BTreeSet<String>) -> Result<RecordBatch, ArrowError> {
    let keep: BooleanArray = if let DataType::Dictionary(..) = column.data_type() {
        let column = column.as_dictionary::<Int32Type>();
        let known = column.values().as_string::<i32>();
        let known = known.iter().map(|tenant| tenant.is_some_and(|t| tenants.contains(t))).collect::<Vec<_>>();
        column.keys().iter().map(|key| Some(key.is_some_and(|key| known[key as usize]))).collect()
    } else {
        let column = column.as_string::<i32>();
        column.iter().map(|tenant| Some(tenant.is_some_and(|tenant| tenants.contains(tenant)))).collect()
    };
    if keep.true_count() == keep.len() {
        return Ok(batch.clone());
    }
    filter_record_batch(batch, &keep)
}

/// `column` with a dictionary, if it has one, of its own rows' values only.
fn without_unused_values(column: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    column.as_any_dictionary_opt().map_or_else(|| Ok(Arc::clone(column)), garbage_collect_any_dictionary)
}

impl DisplayAs for ViewScan {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ViewScan: view={}{}", self.view.name(), self.ask)?;
        let columns = self.schema.fields().iter().map(|field| field.name().as_str()).collect::<Vec<_>>();
        write!(f, ", columns=[{}]", columns.join(" "))?;
        self.limit.map_or(Ok(()), |limit| write!(f, ", limit={limit}"))
    }
}

#[cfg(test)]
mod tests {
    use arrow::array::{DictionaryArray, StringArray};
    use arrow::datatypes::{Field, Schema};

    use super::*;
    use crate::catalog::Visibility;
    use crate::views::column::label;

    #[test]
    fn pieces_hold_no_more_than_their_rows() {
        let schema = Arc::new(Schema::new(vec![Field::new("text", DataType::Utf8, false)]));
        let texts = StringArray::from_iter_values((0..10_000).map(|row| row.to_string()));
        let batch = RecordBatch::try_new(schema, vec![Arc::new(texts)]).unwrap();
        let ten = piece(&batch, 50..60).unwrap();
        assert_eq!(ten, batch.slice(50, 10));
        assert!(ten.get_array_memory_size() * 10 < batch.get_array_memory_size());
        let none = batch.project(&[]).unwrap();
        assert_eq!(piece(&none, 50..60).unwrap().num_rows(), 10);
    }

    fn check(tenants: [&str; 3], sources: [&str; 3], expect: &[&str]) {
        let fields = [TENANT, "source"].map(|name| Field::new(name, label(), false));
        let schema = Arc::new(Schema::new(fields.to_vec()));
        let of = |texts: [&str; 3]| Arc::new(texts.into_iter().collect::<DictionaryArray<Int32Type>>()) as ArrayRef;
        let batch = RecordBatch::try_new(Arc::clone(&schema), vec![of(tenants), of(sources)]).unwrap();
        let ask = Arc::new(Ask::new(&Visibility::Tenant("a".into()), [], BTreeSet::new()));
        let kept = Sieve { ask, confined: true, schema, left: None }.keep(batch).unwrap();
        let values = kept["source"].as_dictionary::<Int32Type>().values().as_string::<i32>();
        assert_eq!(values, &StringArray::from(expect.to_vec()), "{tenants:?} {sources:?}");
    }

    #[test]
    fn dictionaries_hold_no_values_of_rows_that_were_cut_away() {
        check(["a", "b", "a"], ["x", "secret", "y"], &["x", "y"]);
        check(["a", "a", "b"], ["x", "x", "x"], &["x"]);
        check(["b", "b", "b"], ["x", "y", "z"], &[]);
    }
}
