//! Parquet as events, by a [`Mapping`].
//!
//! Columns are taken by their type ([`column`]): texts, UUIDs, dates and times of day as text, numbers by their exact (for
//! floats: shortest) decimal form, booleans as booleans, timestamps as times, which as data are RFC 3339 text; structs as the
//! members they have, lists and maps as JSON. Null is an absent member. A time without a zone, INT96 included, is in the
//! mapping's. What is wanted and can't be taken is refused with the column and its type before anything is read; columns
//! that nobody wants are not read. Where no column is the id, it is derived from what the row says
//! ([`identity`](crate::identity)), so that importing a file twice changes nothing, whatever its name or who wrote it anew.
//!
//! Compressed by Snappy, gzip, Brotli, LZ4 or zstd; LZO is refused, and so is an encrypted file. Not here: binary columns,
//! intervals, and maps by anything but text, which must be excluded.

mod column;
mod int96;
mod layout;

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::error::ArrowError;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};
use parquet::file::metadata::{FileMetaData, ParquetMetaData};

use crate::error::DatasetError;
use crate::identity::RowIds;
use crate::mapping::Mapping;
use crate::rows::{Collector, DatasetBatch, ImportOptions};

use column::Row;
use int96::Seconds;
use layout::Layout;

/// Reads a Parquet file as batches of events. Ends after the first error.
pub struct ParquetImport {
    file: String,
    reader: ParquetRecordBatchReader,
    seconds: Option<Seconds>,
    layout: Layout,
    collector: Collector,
    ids: Option<RowIds>,
    rows: u64,
    /// As many as its groups of rows say that they have.
    rows_expected: u64,
    ended: bool,
}

impl ParquetImport {
    /// Opens `path`, which must be a file because Parquet is read from its end.
    ///
    /// # Errors
    /// A file that cannot be read or is not Parquet, or a mapping that does not fit its columns.
    pub fn open(path: &Path, mapping: &Mapping, mut options: ImportOptions) -> Result<Self, DatasetError> {
        options.rows_per_batch = options.rows_per_batch.max(1);
        let name = path.display().to_string();
        let mut file = File::open(path).map_err(DatasetError::io(&name))?;
        if is_encrypted(&mut file).map_err(DatasetError::io(&name))? {
            return Err(DatasetError::Encrypted { file: name });
        }
        let damaged = |source: ArrowError| DatasetError::Parquet { file: name.clone(), source };
        // Parquet's own schema says all that is needed; the Arrow schema that some writers embed panics when damaged.
        let plain = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
        let load = || {
            let metadata = ArrowReaderMetadata::load(&file, plain.clone())?;
            Ok(ArrowReaderMetadata::try_new(with_rows(metadata.metadata()), plain)?)
        };
        let metadata = contained(load).map_err(damaged)?;
        let rows_expected = rows(metadata.metadata());

        let (layout, roles) = Layout::new(&metadata, mapping)?;
        let wanted = ProjectionMask::roots(metadata.parquet_schema(), layout.roots());
        layout.check_codecs(&name, &metadata, &wanted)?;
        let open = |metadata: &ArrowReaderMetadata, mask: ProjectionMask| {
            let file = file.try_clone().map_err(DatasetError::io(&name))?;
            contained(|| {
                let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata.clone());
                Ok(builder.with_projection(mask).with_batch_size(options.rows_per_batch).build()?)
            })
            .map_err(damaged)
        };
        let (metadata, seconds) = match int96::metadata(&metadata, &layout).map_err(damaged)? {
            None => (metadata, None),
            Some(int96) => {
                let mask = ProjectionMask::roots(metadata.parquet_schema(), int96.roots.iter().copied());
                let reader = open(&int96.in_seconds, mask)?;
                (int96.in_micros, Some(Seconds { reader, roots: int96.roots }))
            }
        };
        let reader = open(&metadata, wanted)?;
        let collector = Collector::new(roles, options);
        let ids = collector.has_no_ids().then(|| RowIds::new(layout.names()));
        Ok(Self { file: name, reader, seconds, layout, collector, ids, rows: 0, rows_expected, ended: false })
    }

    fn batch(&mut self, batch: &RecordBatch) -> Result<DatasetBatch, DatasetError> {
        let batch = match &mut self.seconds {
            Some(seconds) => contained(|| seconds.bound(batch, &self.layout))
                .map_err(|source| DatasetError::Parquet { file: self.file.clone(), source })?,
            None => batch.clone(),
        };
        let columns = self.layout.columns(&batch, self.collector.time_parser());
        let columns = columns.map_err(|(column, reason)| {
            let reason = format!("{reason}, from row {} on; clean or exclude it", self.rows + 1);
            DatasetError::Column { file: self.file.clone(), column, reason }
        })?;
        for at in 0..batch.num_rows() {
            self.rows += 1;
            let row = Row { columns: &columns, at };
            let id = match &mut self.ids {
                Some(ids) => Some(ids.next(|column| row.said(column)).map_err(|error| DatasetError::Row {
                    file: self.file.clone(),
                    line: self.rows,
                    reason: error.to_string(),
                })?),
                None => None,
            };
            self.collector.push(self.rows, &row, id);
        }
        Ok(self.collector.finish())
    }

    fn step(&mut self) -> Result<Option<DatasetBatch>, DatasetError> {
        let read = contained(|| self.reader.next().transpose());
        match read.map_err(|source| DatasetError::Parquet { file: self.file.clone(), source })? {
            Some(batch) => self.batch(&batch).map(Some),
            None if self.rows != self.rows_expected => {
                Err(DatasetError::Rows { file: self.file.clone(), expected: self.rows_expected, found: self.rows })
            }
            None => Ok(None),
        }
    }
}

impl Iterator for ParquetImport {
    type Item = Result<DatasetBatch, DatasetError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let step = self.step();
        self.ended = !matches!(step, Ok(Some(_)));
        step.transpose()
    }
}

/// As many rows as the groups of rows say that they have.
fn rows(metadata: &ParquetMetaData) -> u64 {
    let groups = metadata.row_groups().iter().map(|group| u64::try_from(group.num_rows()).unwrap_or_default());
    groups.fold(0, u64::saturating_add)
}

/// The same for the whole file, which some writers leave at zero, and which the reader takes for the size of a batch.
fn with_rows(metadata: &Arc<ParquetMetaData>) -> Arc<ParquetMetaData> {
    let rows = i64::try_from(rows(metadata)).unwrap_or(i64::MAX);
    let file = metadata.file_metadata();
    if file.num_rows() == rows {
        return Arc::clone(metadata);
    }
    let file = FileMetaData::new(
        file.version(),
        rows,
        file.created_by().map(str::to_owned),
        file.key_value_metadata().cloned(),
        file.schema_descr_ptr(),
        file.column_orders().cloned(),
    );
    Arc::new(ParquetMetaData::new(file, metadata.row_groups().to_vec()))
}

/// Whether the footer is encrypted, which the last bytes say.
fn is_encrypted(file: &mut File) -> io::Result<bool> {
    let mut magic = [0; 4];
    let length = file.metadata()?.len();
    if length < magic.len() as u64 {
        return Ok(false);
    }
    file.seek(SeekFrom::End(-(magic.len() as i64)))?;
    file.read_exact(&mut magic)?;
    Ok(&magic == b"PARE")
}

/// Runs `read`; a panic in it is an error. The Parquet reader asserts what a damaged file's metadata may break, for
/// instance that lengths are not negative. What panicked is not used again.
fn contained<T>(read: impl FnOnce() -> Result<T, ArrowError>) -> Result<T, ArrowError> {
    catch_unwind(AssertUnwindSafe(read))
        .unwrap_or_else(|_| Err(ArrowError::ParquetError("damaged metadata".to_owned())))
}
