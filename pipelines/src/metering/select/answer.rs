//! How groups become a view's rows: the select list, over group keys and the values of aggregates.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Int64Array, RecordBatch, RecordBatchOptions, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Schema, SchemaRef, TimestampMicrosecondType};
use datafusion::common::{Result, internal_datafusion_err};
use datafusion::logical_expr::{Aggregate, Expr, Projection};
use datafusion::physical_expr::PhysicalExpr;
use engine::event::schema::{TENANT, fixed_fields, time_type};
use engine::view::ViewRefusal;

use super::super::exact;
use super::super::trial::contain;
use super::refused;

/// What a key of a `GROUP BY` is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::metering) enum Group {
    /// The tenant.
    Tenant,
    /// The start of the window.
    Window,
    /// The dimension at that place.
    Dimension(usize),
}

/// The select list and what it is computed over.
#[derive(Debug)]
pub(in crate::metering) struct Answer {
    /// The keys, which are its first columns.
    pub(in crate::metering) groups: Vec<Group>,
    window: Option<(Arc<dyn PhysicalExpr>, i64)>,
    /// Keys, then values of aggregates.
    over: SchemaRef,
    columns: Vec<Arc<dyn PhysicalExpr>>,
    /// The view's columns.
    pub(in crate::metering) schema: SchemaRef,
    /// Name of the column that is the window's start, if one is.
    pub(in crate::metering) window_column: Option<String>,
}

impl Answer {
    /// The answer of a plan with these keys.
    pub(super) fn new(
        groups: Vec<Group>,
        window: Option<(Arc<dyn PhysicalExpr>, i64)>,
        projection: &Projection,
        aggregate: &Aggregate,
    ) -> Result<Self, ViewRefusal> {
        let over = aggregate.schema.as_ref();
        let columns = projection.expr.iter().map(|column| exact::physical(column, over));
        let columns = columns.collect::<Result<_>>().map_err(refused)?;
        let key = |column: &Expr| match column.clone().unalias() {
            Expr::Column(column) => groups.get(over.maybe_index_of_column(&column)?).copied(),
            _ => None,
        };
        let schema = projection.schema.as_arrow();
        let mut window_column = None;
        let mut names = HashSet::new();
        for (column, field) in projection.expr.iter().zip(schema.fields()) {
            let key = key(column);
            if !names.insert(field.name()) {
                let construct = format!("column {}", field.name());
                return Err(ViewRefusal::new(construct, "has the name of another; give one of them its own by AS"));
            }
            // Queries for a tenant's rows look for that name (I6).
            if field.name() == fixed_fields()[TENANT].name() && key != Some(Group::Tenant) {
                return Err(ViewRefusal::new("AS tenant", "only the tenant may be called so; give it another name"));
            }
            if key == Some(Group::Window) {
                window_column = Some(field.name().clone());
            }
        }
        let schema = Arc::new(Schema::new(schema.fields().clone()));
        let over = Arc::new(over.as_arrow().clone());
        Ok(Self { groups, window, over, columns, schema, window_column })
    }

    /// The start of the window that each pane lies in; the same for all without a window.
    pub(in crate::metering) fn windows(&self, panes: &[i64]) -> Result<Vec<i64>> {
        let Some((start, _)) = &self.window else { return Ok(vec![0; panes.len()]) };
        let times = cast(&Int64Array::from(panes.to_vec()), &time_type())?;
        let field = fixed_fields()[engine::event::schema::TIME].as_ref().clone();
        let rows = RecordBatch::try_new(Arc::new(Schema::new(vec![field])), vec![times])?;
        let starts = start.evaluate(&rows)?.into_array(panes.len())?;
        let starts = cast(&starts, &time_type())?;
        Ok(starts.as_primitive::<TimestampMicrosecondType>().values().to_vec())
    }

    /// How far a window's start and end may be from its panes, microseconds.
    pub(in crate::metering) fn reach_us(&self) -> i64 {
        self.window.as_ref().map_or(0, |(_, longest_us)| *longest_us)
    }

    /// The rows: `texts` gives the tenant and dimension columns by group, `starts` the windows, `values` the aggregates.
    pub(in crate::metering) fn rows(
        &self,
        texts: impl Fn(Group) -> StringArray,
        starts: Vec<i64>,
        values: Vec<ArrayRef>,
    ) -> Result<RecordBatch> {
        let rows = RecordBatchOptions::new().with_row_count(Some(starts.len()));
        let starts: ArrayRef = cast(&Int64Array::from(starts), &time_type())?;
        let key = |group: &Group| match group {
            Group::Window => Arc::clone(&starts),
            text => Arc::new(texts(*text)) as ArrayRef,
        };
        let columns = self.groups.iter().map(key).chain(values).zip(self.over.fields());
        let columns = columns.map(|(column, field)| restored(&column, field.data_type())).collect::<Result<_>>()?;
        let over = RecordBatch::try_new_with_options(Arc::clone(&self.over), columns, &rows)?;
        let columns = self.columns.iter().map(|column| column.evaluate(&over)?.into_array(over.num_rows()));
        let columns = contain(|| columns.collect::<Result<Vec<_>>>())?;
        RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &rows)
            .map_err(|error| internal_datafusion_err!("the view's columns: {error}"))
    }
}

/// A column in the type that the plan gave it: dimensions are kept as canonical texts.
fn restored(column: &ArrayRef, data_type: &DataType) -> Result<ArrayRef> {
    if column.data_type() == data_type { Ok(Arc::clone(column)) } else { Ok(cast(column, data_type)?) }
}
