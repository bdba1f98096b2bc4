//! Plans a statement: refuses what is not read-only, pins the cut that all its scans read, and bounds what it may use.
//!
//! The pin is taken at physical planning and not when a session begins, because doors keep sessions and prepared
//! statements for hours: each execution must see the present, and within one all views must agree.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::common::Result;
use datafusion::common::internal_datafusion_err;
use datafusion::execution::context::QueryPlanner;
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_planner::{DefaultPhysicalPlanner, PhysicalPlanner};

use super::apart;
use super::cut::Cut;
use super::own_threads::{Means, StatementExec};
use super::schema::PublicSchema;
use super::shares::{Parked, Shares};
use super::source::Source;
use super::threads::Threads;
use super::verify::verify;
use super::visibility::Visibility;
use super::{CATALOG, SCHEMA, values};

/// DataFusion's planner with the cut of [`Source`] in the session's extensions.
pub(super) struct PinningPlanner {
    pub(super) source: Arc<dyn Source>,
    pub(super) threads: Arc<Threads>,
    pub(super) shares: Arc<Shares>,
    /// Bytes of one value.
    pub(super) value_bytes_max: usize,
}

impl fmt::Debug for PinningPlanner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PinningPlanner")
    }
}

#[async_trait]
impl QueryPlanner for PinningPlanner {
    async fn create_physical_plan(&self, plan: &LogicalPlan, session: &dyn Session) -> Result<Arc<dyn ExecutionPlan>> {
        // A second line: doors verify before they execute, since DDL takes effect without being planned.
        verify(plan)?;
        apart::heed()?;
        let state = session
            .as_any()
            .downcast_ref::<SessionState>()
            .ok_or_else(|| internal_datafusion_err!("the session is not one that the catalog made"))?;
        let mut pinned = state.clone();
        pinned.config_mut().set_extension(Arc::new(Cut::take(&self.source)));
        let planner = DefaultPhysicalPlanner::default();
        let mut planned = planner.create_physical_plan(plan, &pinned).await?;
        let value_bytes_max = self.value_bytes_max as u64;
        let rows = values::gathered_rows(&planned, value_bytes_max)?;
        if let Some(rows) = rows.filter(|rows| *rows < pinned.config().batch_size()) {
            let config = pinned.config().clone().with_batch_size(rows).with_target_partitions(1);
            *pinned.config_mut() = config;
            planned = planner.create_physical_plan(plan, &pinned).await?;
        }
        let planned = values::charged(planned, value_bytes_max)?;
        let holder = holder(state);
        let is_cursor = state.config().get_extension::<Parked>().is_some();
        let runtime = state.runtime_env();
        let share = self.shares.statement(Arc::clone(&runtime.memory_pool), &holder, is_cursor);
        let batch_rows = pinned.config().batch_size();
        let means = Means::new(Arc::clone(&self.threads), runtime, share, self.value_bytes_max, batch_rows);
        Ok(Arc::new(StatementExec::new(planned, means)))
    }
}

/// Whose session it is.
fn holder(state: &SessionState) -> Visibility {
    let public = state.catalog_list().catalog(CATALOG).and_then(|catalog| catalog.schema(SCHEMA));
    let public = public.as_ref().and_then(|public| (public.as_ref() as &dyn Any).downcast_ref::<PublicSchema>());
    public.map_or(Visibility::Platform, |public| public.visibility().clone())
}

/// The cut of the statement that is being planned.
pub(crate) fn cut(session: &dyn Session) -> Result<Arc<Cut>> {
    session
        .config()
        .get_extension::<Cut>()
        .ok_or_else(|| internal_datafusion_err!("a view was scanned outside of a session that the catalog made"))
}
