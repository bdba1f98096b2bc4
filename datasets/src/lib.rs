//! Public traces, files and seeded generators as streams of event batches.
//!
//! A reader is an iterator: it turns input into [`EventBatch`](engine::event::batch::EventBatch)es of bounded size and
//! does nothing else. What it cannot read it says: a row that is no event is a [`RejectedRow`] beside its batch (I5), a
//! file that cannot be trusted any further is a [`DatasetError`] that names file, line and column. The same input gives
//! the same batches in the same order (I4), so that importing it twice changes nothing (I2).
//!
//! Not here: admission, deduplication, meters' evaluation, progress bars. Modules stand in the order in which data flows
//! through them.

mod error;
mod input;
mod lines;
mod records;
mod decimal;
mod dictionary;
mod random;
mod mapping;
mod rows;
mod identity;
mod csv;
mod parquet;
mod cloudevents;
mod invocation;
pub mod azure;
pub mod generator;

pub use cloudevents::CloudEventsImport;
pub use csv::CsvImport;
pub use error::DatasetError;
pub use invocation::meters as invocation_meters;
pub use mapping::time::{EpochUnit, TimeFormat};
pub use mapping::{CellType, Mapping, MappingError};
pub use parquet::ParquetImport;
pub use rows::{DatasetBatch, ImportOptions, RejectedRow};

/// Rows per batch unless told otherwise: large enough that the cost per batch vanishes, small enough to stay in cache.
pub const ROWS_PER_BATCH: usize = 8192;
