//! The rows of one materialized view: those of its `SELECT` over `events`, from groups that are kept current.
//!
//! A view need not have the column `tenant`. In a tenant's session it is then computed from that tenant's events alone,
//! and its rows name the tenant for the scan, which lets through no others (I6). For several tenants they are computed from
//! those tenants' panes, and name nobody.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use engine::calendar::Interval;
use engine::view::{View as Definition, ViewRefusal};

use super::{Ask, Emit, SharedView, View, ViewError};
use crate::catalog::Cut;
use crate::metering::{self, WindowFilter};

/// The rows of a definition.
#[derive(Debug)]
struct MaterializedView {
    name: String,
    query: String,
    columns: metering::ViewColumns,
}

/// The view that `definition` defines.
///
/// # Errors
/// If another version made it and this one can't keep it current.
pub fn view(definition: Definition) -> Result<SharedView, ViewRefusal> {
    let columns = metering::view_columns(&definition)?;
    Ok(Arc::new(MaterializedView { name: definition.name, query: definition.query, columns }))
}

impl View for MaterializedView {
    fn name(&self) -> &str {
        &self.name
    }

    fn comment(&self) -> String {
        format!("A materialized view: {}", self.query)
    }

    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.columns.schema)
    }

    fn produce(&self, cut: &Cut, ask: &Ask, emit: &mut Emit<'_>) -> Result<(), ViewError> {
        let tenants = ask.tenants().map(|tenants| tenants.iter().cloned().collect());
        let starts = self.columns.window.as_ref().map(|window| ask.range(window));
        let starts = starts.filter(|starts| *starts != (i64::MIN, i64::MAX));
        let time = starts.map(|(first, last)| Interval { start_us: first, end_us: last.saturating_add(1) });
        let groups = metering::view_groups(
            &cut.snapshot.shards,
            &self.name,
            &WindowFilter { tenants, time, memory: ask.memory() },
        )?;
        if let Some(groups) = groups {
            let _ = emit(groups.rows()?);
        }
        Ok(())
    }
}
