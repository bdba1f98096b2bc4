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
/// - A view whose rows belong to tenants has the column `tenant`; every row that is not of one tenant's making is in a
///   view without it, which [`all`](super::all) gives only to those who may see it (I6).
/// - [`View::produce`] emits every row that satisfies the bounds of `ask`; it may emit more, which the scan cuts away,
///   and may leave out columns that `ask` does not want. It stops when `emit` says so.
/// - It runs on a blocking thread and holds no more than it needs for the batch at hand, or for its slice of the
///   snapshot (I8).
pub trait View: fmt::Debug + Send + Sync + 'static {
    /// Name in SQL.
    fn name(&self) -> &str;
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
}

impl ViewError {
    /// The view's error that made a query fail, if it was one.
    pub fn of(error: &DataFusionError) -> Option<&Self> {
        match error.find_root() {
            DataFusionError::External(inner) => inner.downcast_ref(),
            _ => None,
        }
    }

    /// Whether stored events can't be read, which no other query helps against.
    pub fn is_damage(&self) -> bool {
        match self {
            Self::Arrow(_) | Self::Metering(_) | Self::Lake(LakeError::Arrow(_) | LakeError::Moved) => false,
            Self::Lake(LakeError::Log(error)) | Self::Log(error) => !matches!(error, LogError::Trimmed { .. }),
            Self::Lake(LakeError::Storage(_) | LakeError::Damaged { .. } | LakeError::Record { .. }) => true,
        }
    }
}
