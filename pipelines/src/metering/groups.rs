//! Reading a materialized view: the panes of all shards merged into its groups, and those into rows.
//!
//! Whoever reads for a tenant restricts the tenants, and then rows name theirs in a column `tenant`, even if the view has
//! no such column: what lets them through can look at it (I6). For several tenants, or without a restriction, groups are
//! merged over tenants unless the view groups by them; then nobody can look at a row, so each pane's tenant is looked at
//! before it is folded in.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::Result;
use engine::definition::view_key;
use engine::snapshot::ShardView;
use engine::view::{View, ViewRefusal};

use super::MeteringSnapshot;
use super::compile::CompiledMeter;
use super::delta::Layout;
use super::merge::Fold;
use super::read::{MeteringError, Source, WindowFilter, texts_of};
use super::select::{self, Answer, Group};

/// What a view shows.
#[derive(Debug, Clone)]
pub struct ViewColumns {
    /// Its columns: those of its `SELECT`.
    pub schema: SchemaRef,
    /// Name of the column that is the start of a window, if one is.
    pub window: Option<String>,
}

/// The columns of `view`.
///
/// # Errors
/// If it can't be kept current, which is checked before it is created.
pub fn view_columns(view: &View) -> Result<ViewColumns, ViewRefusal> {
    let Answer { schema, window_column, .. } = select::plan(&view.query)?.answer;
    Ok(ViewColumns { schema, window: window_column })
}

/// A view's groups, merged.
pub struct ViewGroups {
    meter: Arc<CompiledMeter>,
    /// Tenants of the groups, if groups are told apart by them.
    tenants: Option<StringArray>,
    dimensions: Vec<StringArray>,
    starts: Vec<i64>,
    values: Vec<ArrayRef>,
}

/// The groups of the view `name`, sorted by tenant, dimensions and window. Of `filter.time`, only the windows that start
/// in it are whole; others may be there in part.
///
/// # Errors
/// If there is no such view yet, or its panes can't be read.
pub fn view_groups(
    shards: &[ShardView<MeteringSnapshot>],
    name: &str,
    filter: &WindowFilter,
) -> Result<Option<ViewGroups>, MeteringError> {
    let key = view_key(name);
    let Some(panes) = shards.iter().find_map(|shard| shard.state.meters.get(&key)) else {
        return Err(MeteringError::missing(shards, &key));
    };
    let Some(answer) = panes.meter.answer() else { return Err(MeteringError::UnknownMeter(key)) };
    let source = Source::new(shards, &key, filter, Some(answer.reach_us()))?;
    merged(&source, answer, filter.tenants.as_deref()).map_err(|error| source.failed(&error))
}

/// Nothing if there are no panes.
fn merged(source: &Source, answer: &Answer, tenants: Option<&[String]>) -> Result<Option<ViewGroups>> {
    let one = tenants.is_some_and(|tenants| tenants.len() == 1);
    let by_tenant = one || answer.groups.contains(&Group::Tenant);
    let tenants: Option<HashSet<&str>> = tenants.map(|tenants| tenants.iter().map(String::as_str).collect());
    let wanted = |tenant: &str| tenants.as_ref().is_none_or(|tenants| tenants.contains(tenant));
    let dimensions = source.meter.dimensions.len();
    let texts = (if by_tenant { 0 } else { 1 }..=dimensions).collect();
    let mut fold = Fold::new(&source.meter, texts, &source.memory);
    for (panes, range) in &source.parts {
        let starts = Layout::of(panes.schema_ref(), source.meter.states()).starts(panes);
        let windows = answer.windows(&starts[range.clone()])?;
        fold.add(panes, range.clone(), &mut |pane, starts| {
            if wanted(pane.tenant) {
                starts.push(windows[pane.row - range.start]);
            }
        })?;
    }
    if fold.is_empty() {
        return Ok(None);
    }
    let folded = fold.values()?;
    let mut texts = folded.texts.iter().map(texts_of).collect::<Result<Vec<_>>>()?.into_iter();
    Ok(Some(ViewGroups {
        meter: Arc::clone(&source.meter),
        tenants: if by_tenant { texts.next() } else { None },
        dimensions: texts.collect(),
        starts: folded.starts,
        values: folded.columns,
    }))
}

impl ViewGroups {
    /// The view's rows; see the module for the column `tenant`.
    ///
    /// # Errors
    /// What the select list fails with, as it would in any query: a division by zero, for instance.
    pub fn rows(self) -> Result<RecordBatch> {
        let Some(answer) = self.meter.answer() else {
            return datafusion::common::internal_err!("only views have groups");
        };
        let texts = |group: Group| match group {
            Group::Dimension(at) => self.dimensions[at].clone(),
            _ => self.tenants.clone().unwrap_or_else(|| StringArray::new_null(self.starts.len())),
        };
        let rows = answer.rows(texts, self.starts.clone(), self.meter.values(&self.values)?)?;
        let Some(tenants) = self.tenants.clone().filter(|_| rows.column_by_name("tenant").is_none()) else {
            return Ok(rows);
        };
        let mut fields = rows.schema().fields().to_vec();
        fields.push(Arc::new(Field::new("tenant", DataType::Utf8, false)));
        let columns = rows.columns().iter().cloned().chain([Arc::new(tenants) as ArrayRef]);
        Ok(RecordBatch::try_new(Arc::new(Schema::new(fields)), columns.collect())?)
    }
}
