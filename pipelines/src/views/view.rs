//! What a view is to the scan that reads it.

use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use datafusion::common::DataFusionError;
use engine::log::LogError;

use super::ask::Ask;
use crate::catalog::Cut;
use crate::lake::LakeError;
use crate::metering::MeteringError;

/// Takes batches; says `Break` when no more are wanted.
pub type Emit<'a> = dyn FnMut(RecordBatch) -> ControlFlow<()> + 'a;

/// A table computed from a [`Cut`].
///
/// # Contract
/// - A view whose rows belong to tenants produces the column `tenant`, whether it shows it or not; every row that is not
///   of one tenant's making is in a view without it, which [`all`](super::all) gives only to those who may see it (I6).
///   What several tenants' events make together is made of the tenants asked for only ([`super::materialized_view`]).
/// - [`View::produce`] emits every row that satisfies the bounds of `ask`; it may emit more, which the scan cuts away,
///   and may leave out columns that `ask` does not want. It stops when `emit` says so.
/// - It runs on a blocking thread and holds no more than it needs for the batch at hand, or for its slice of the
///   snapshot (I8).
pub trait View: fmt::Debug + Send + Sync + 'static {
    /// Name in SQL.
    fn name(&self) -> &str;
    /// What a row is, for people.
    fn comment(&self) -> String;
    /// Columns, comments in their metadata.
    fn schema(&self) -> SchemaRef;
    /// The rows.
    fn produce(&self, cut: &Cut, ask: &Ask, emit: &mut Emit<'_>) -> Result<(), ViewError>;
}

/// A view, shared by scans.
pub type SharedView = Arc<dyn View>;

/// Why a view can't be read.
#[derive(Debug, thiserror::Error)]
pub enum ViewError {
    /// Columns that do not fit together.
    #[error(transparent)]
    Arrow(#[from] ArrowError),
    /// The snapshot can't be merged into windows.
    #[error(transparent)]
    Metering(#[from] MeteringError),
    /// The lake can't be read.
    #[error(transparent)]
    Lake(#[from] LakeError),
    /// The log can't be read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// A fact that is kept outside of log, lake and panes can't be read.
    #[error("{what} can't be read: {reason}")]
    Unreadable {
        /// Which.
        what: String,
        /// Why not, with the file if it is one.
        reason: String,
    },
    /// What a materialized view computes fails, as it would in any query.
    #[error(transparent)]
    Query(#[from] DataFusionError),
}

/// Who has to do something about a view's error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Who asked: the statement names what is not there.
    Statement,
    /// Nobody: what was asked for has just moved, and the same statement finds it.
    Moved,
    /// The operator: stored data can't be read.
    Damage,
    /// We.
    Bug,
}

impl Fault {
    /// Whose fault it is that a query failed, if one of its views did.
    pub fn of(error: &DataFusionError) -> Option<Self> {
        match error.find_root() {
            DataFusionError::External(inner) => inner.downcast_ref::<ViewError>().map(ViewError::fault),
            _ => None,
        }
    }
}

impl ViewError {
    fn fault(&self) -> Fault {
        match self {
            Self::Metering(MeteringError::UnknownMeter(_)) => Fault::Statement,
            Self::Metering(MeteringError::Changing(_))
            | Self::Lake(LakeError::Moved | LakeError::Log(LogError::Trimmed { .. }))
            | Self::Log(LogError::Trimmed { .. }) => Fault::Moved,
            Self::Lake(
                LakeError::Storage(_) | LakeError::Damaged { .. } | LakeError::Record { .. } | LakeError::Log(_),
            )
            | Self::Log(_)
            | Self::Metering(MeteringError::Unreadable { .. })
            | Self::Unreadable { .. } => Fault::Damage,
            Self::Metering(MeteringError::Compute { .. } | MeteringError::Memory { .. })
            | Self::Arrow(_)
            | Self::Lake(LakeError::Arrow(_))
            | Self::Query(_) => Fault::Bug,
        }
    }
}
