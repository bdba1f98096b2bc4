//! Plans a statement: refuses what is not read-only, pins the cut that all its scans read, and bounds what it may use.
//!
//! The pin is taken at physical planning and not when a session begins, because doors keep sessions and prepared
//! statements for hours: each execution must see the present, and within one all views must agree.

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

use super::cut::Cut;
use super::own_threads::StatementExec;
use super::source::Source;
use super::threads::Threads;
use super::verify::verify;

/// DataFusion's planner with the cut of [`Source`] in the session's extensions.
pub(super) struct PinningPlanner {
    pub(super) source: Arc<dyn Source>,
    pub(super) threads: Arc<Threads>,
    /// Memory that one statement may hold.
    pub(super) bytes_max: usize,
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
        let state = session
            .as_any()
            .downcast_ref::<SessionState>()
            .ok_or_else(|| internal_datafusion_err!("the session is not one that the catalog made"))?;
        let mut pinned = state.clone();
        pinned.config_mut().set_extension(Arc::new(Cut::take(&self.source)));
        let planned = DefaultPhysicalPlanner::default().create_physical_plan(plan, &pinned).await?;
        let threads = Arc::clone(&self.threads);
        Ok(Arc::new(StatementExec::new(planned, threads, state.runtime_env(), self.bytes_max)))
    }
}

/// The cut of the statement that is being planned.
pub(crate) fn cut(session: &dyn Session) -> Result<Arc<Cut>> {
    session
        .config()
        .get_extension::<Cut>()
        .ok_or_else(|| internal_datafusion_err!("a view was scanned outside of a session that the catalog made"))
}
