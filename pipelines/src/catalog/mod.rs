//! The SQL catalog `tenantry.public`, built per identity: a session holds only what its identity may see (I6).
//!
//! A tenant's session is not the platform's with a filter: its views are confined where their rows are produced, so no
//! SQL can reach around. All sessions share one memory pool (I8). They only read: see [`verify`].
//!
//! **Consistency.** Each execution of a statement takes one cut ([`Cut`]) when it is physically planned, and all its views
//! read that one; the next execution takes the next, also of a prepared statement and in a session kept for hours.
//!
//! Not here: what the views are (`views`), sockets, time-outs and how many queries may run at once (the doors).

pub mod visibility;
pub mod source;
pub mod cut;
mod planner;
mod schema;
mod information_schema;
mod standard;
mod columns;
mod json_get;
pub mod functions;
mod arrays;
mod membership;
mod dialect;
mod similar;
mod refused;
mod parts;
mod lengths;
mod names;
mod figure;
mod explained;
mod casts;
pub mod zone;
mod arithmetic;
mod wholes;
mod spans;
mod products;
mod truths;
mod differences;
mod memberships;
mod instants;
mod signs;
mod totals;
mod walk;
mod text_times;
pub mod written;
pub mod spelled;
mod semantics;
pub mod plan;
mod values;
mod own_threads;
mod share;
mod shares;
mod threads;
mod session;
mod apart;
mod ready;
pub mod bounds;
pub mod statement;
pub mod verify;

use std::path::PathBuf;
use std::sync::Arc;

use datafusion::dataframe::DataFrame;
use datafusion::error::DataFusionError;
use datafusion::execution::FunctionRegistry;
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::ScalarUDF;
use datafusion::prelude::SessionContext;
use engine::view::ViewRefusal;

use crate::views::Description;
pub use apart::Abandoned;
pub use bounds::TooComplex;
pub use cut::Cut;
pub use names::unnumbered;
pub(crate) use plan::planned;
pub use plan::{announced, coerced, plan};
pub(crate) use planner::cut;
pub use ready::Ready;
pub(crate) use semantics::Semantics;
pub use share::ShortOfMemory;
pub use shares::Parked;
use shares::Shares;
pub use source::{EmitPage, Source};
pub use statement::ViewStatement;
pub use threads::HOLDING_STACK_BYTES;
use threads::Threads;
pub use values::TooLarge;
pub(crate) use values::bytes_of;
pub use verify::{verify, verify_kind};
pub use visibility::Visibility;

/// Name of the catalog in every session.
pub const CATALOG: &str = "tenantry";
/// Name of the schema in which all views are.
pub const SCHEMA: &str = "public";

/// Limits of the query side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogOptions {
    /// Bytes that all running queries together may hold for sorting, joining and grouping.
    pub memory_bytes_max: usize,
    /// Bytes of it that one query may hold.
    pub statement_memory_bytes_max: usize,
    /// Bytes of it that all queries of one tenant may hold; the platform counts as one.
    pub tenant_memory_bytes_max: usize,
    /// Bytes of it that all cursors may hold.
    pub cursor_memory_bytes_max: usize,
    /// Bytes of one value.
    pub value_bytes_max: usize,
    /// Bytes that they may spill; 0 forbids spilling.
    pub spill_bytes_max: u64,
    /// Where to; without one it is the operating system's folder for temporary files, which other accounts may share.
    pub spill_folder: Option<PathBuf>,
    /// Rows per batch.
    pub batch_rows: usize,
    /// Threads that one query may use.
    pub partitions: usize,
}

impl Default for CatalogOptions {
    fn default() -> Self {
        Self {
            memory_bytes_max: 512 << 20,
            statement_memory_bytes_max: 256 << 20,
            tenant_memory_bytes_max: 256 << 20,
            cursor_memory_bytes_max: 128 << 20,
            value_bytes_max: 16 << 20,
            spill_bytes_max: 4 << 30,
            spill_folder: None,
            batch_rows: 8192,
            partitions: std::thread::available_parallelism().map_or(1, usize::from),
        }
    }
}

/// Why a session can't be had or a statement not be run.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// The statement would change something.
    #[error(
        "{0}: SQL only reads here, but for materialized views; tenants, meters, quotas and keys are changed over the HTTP \
         API or the command line"
    )]
    ReadOnly(String),
    /// A setting, where no session goes on.
    #[error("{0}: each statement is a session of its own here, so a setting would be forgotten")]
    Setting(String),
    /// No time zone has this name.
    #[error("time zone \"{0}\" not recognized: name one like Europe/Zurich")]
    Zone(String),
    /// A materialized view that can't be kept current.
    #[error("a materialized view can't be kept current with this: {0}")]
    View(#[from] ViewRefusal),
    /// A statement that is too large or nested too deeply.
    #[error(transparent)]
    TooComplex(#[from] TooComplex),
    /// As many statements are planned and run as there are threads for.
    #[error("the node plans and runs as many statements as it may")]
    Crowded,
    /// DataFusion's answer: syntax, unknown names, limits.
    #[error(transparent)]
    DataFusion(#[from] DataFusionError),
}

impl From<CatalogError> for DataFusionError {
    fn from(error: CatalogError) -> Self {
        match error {
            CatalogError::DataFusion(inner) => inner,
            CatalogError::TooComplex(figure) => figure.into(),
            refused => Self::Plan(refused.to_string()),
        }
    }
}

/// Makes sessions; see the module.
pub struct Catalog {
    source: Arc<dyn Source>,
    /// Of statements that are planned. Not those that run: cursors that clients forget may hold all of them.
    planners: Arc<Threads>,
    template: SessionState,
    shares: Arc<Shares>,
}

impl Catalog {
    /// A catalog over `source`.
    pub fn new(source: Arc<dyn Source>, options: CatalogOptions) -> Self {
        let shares = Arc::new(Shares::new(&options));
        let template = session::template(&source, &options, Arc::clone(&shares));
        Self { source, planners: Threads::new(1), template, shares }
    }

    /// What `work` gives, done on threads that are no door's and deep enough for any statement: where statements are parsed and
    /// planned. It ends early if nobody waits for it, and holds what it holds until it has ended.
    ///
    /// # Errors
    /// If there are no threads for it, or it panicked.
    pub async fn apart<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, CatalogError> {
        apart::apart(&self.planners, work).await
    }

    /// Bytes that statements hold now, as far as they are counted.
    pub fn reserved(&self) -> usize {
        self.template.runtime_env().memory_pool.reserved()
    }

    /// Ends the statement that holds most memory, if that is at least `bytes_min`: its rows end with [`ShortOfMemory`].
    pub fn end_largest(&self, bytes_min: usize) -> Option<ShortOfMemory> {
        self.shares.end_largest(bytes_min)
    }

    /// A session for one identity. May be kept; costs some tens of microseconds and no memory pool of its own.
    pub fn session(&self, visibility: &Visibility) -> Result<SessionContext, CatalogError> {
        session::session(&self.template, &self.source, visibility)
    }

    /// What the views of `visibility` and their columns say, as of now.
    pub fn descriptions(&self, visibility: &Visibility) -> Vec<Description> {
        session::public(&self.source, visibility).descriptions()
    }

    /// The names of the materialized views, which everybody may know, as of now.
    pub fn materialized_views(&self) -> Vec<String> {
        Cut::take(&self.source).views().into_iter().collect()
    }

    /// Plans one statement for `visibility`, verified to be read-only. Nothing runs until the frame is executed. Of a statement
    /// that somebody else wrote, within [`Catalog::apart`].
    pub async fn query(&self, visibility: &Visibility, sql: &str) -> Result<DataFrame, CatalogError> {
        self.query_in(visibility, sql, None).await
    }

    /// The same in a time zone, by its name: instants are read and written, truncated and taken apart in it.
    pub async fn query_in(
        &self,
        visibility: &Visibility,
        sql: &str,
        zone: Option<&str>,
    ) -> Result<DataFrame, CatalogError> {
        let session = self.session(visibility)?;
        if let Some(name) = zone {
            let zone = zone::named(name).ok_or_else(|| CatalogError::Zone(name.to_owned()))?;
            turn_to(&session, zone);
        }
        let state = session.state();
        let statement = plan::parsed(&state, sql)?;
        let setting = verify::setting(&statement);
        let plan = verify::lasting(setting, plan(&state, statement).await)?;
        Ok(session.execute_logical_plan(plan).await?)
    }
}

/// Has what `session` plans from now on be in `zone`, which [`zone::named`] gave.
pub fn turn_to(session: &SessionContext, zone: String) {
    let state = session.state_ref();
    let mut state = state.write();
    if state.config_options().execution.time_zone.as_ref() == Some(&zone) {
        return;
    }
    state.config_mut().options_mut().execution.time_zone = Some(zone);
    // Functions such as `now` keep the zone that they were registered in.
    let options = Arc::clone(state.config_options());
    let turned = |function: &Arc<ScalarUDF>| function.inner().with_updated_config(&options).map(Arc::new);
    let turned = state.scalar_functions().values().filter_map(turned).collect::<Vec<_>>();
    for function in turned {
        state.register_udf(function).expect("it was registered under the same names before");
    }
}

impl std::fmt::Debug for Catalog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Catalog")
    }
}
