//! Views whose rows are Rust values: one table of columns gives schema, documentation and batch.
//!
//! Not here: views whose rows are columns already (events, windows), which implement [`View`] themselves.

use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Decimal128Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use engine::units::Units;

use super::column::{self, Column, schema_of};
use super::{Ask, Emit, View, ViewError};
use crate::catalog::{Cut, EmitPage};

/// A view whose rows are values of one type; it is a [`View`] by that.
pub trait RowView: fmt::Debug + Send + Sync + 'static {
    /// What a row is made from.
    type Row: 'static;
    /// Name in SQL.
    const NAME: &'static str;
    /// What a row is, for people.
    const COMMENT: &'static str;
    /// Its columns, in their order.
    const COLUMNS: &'static [RowColumn<Self::Row>];

    /// The rows that satisfy the bounds of `ask`; more are cut away.
    ///
    /// # Errors
    /// If what they are made from can't be read (I14).
    fn rows(&self, cut: &Cut, ask: &Ask) -> Result<Vec<Self::Row>, ViewError>;
}

impl<V: RowView> View for V {
    fn name(&self) -> &str {
        Self::NAME
    }

    fn comment(&self) -> String {
        Self::COMMENT.to_owned()
    }

    fn schema(&self) -> SchemaRef {
        schema(Self::COLUMNS)
    }

    fn produce(&self, cut: &Cut, ask: &Ask, emit: &mut Emit<'_>) -> Result<(), ViewError> {
        let _ = emit(batch(Self::COLUMNS, &self.rows(cut, ask)?)?);
        Ok(())
    }
}

/// One column: what it says, and how a row gives its value.
pub struct RowColumn<R: 'static> {
    column: Column,
    get: Get<R>,
}

enum Get<R: 'static> {
    Text(fn(&R) -> &str),
    MaybeText(fn(&R) -> Option<&str>),
    Written(fn(&R) -> String),
    Whole(fn(&R) -> i64),
    MaybeWhole(fn(&R) -> Option<i64>),
    Instant(fn(&R) -> i64),
    MaybeInstant(fn(&R) -> Option<i64>),
    Units(fn(&R) -> Units),
    Flag(fn(&R) -> bool),
}

impl<R> RowColumn<R> {
    /// Text.
    pub const fn text(name: &'static str, get: fn(&R) -> &str, comment: &'static str) -> Self {
        Self { column: Column::required(name, column::text, comment), get: Get::Text(get) }
    }

    /// Text, if there is one.
    pub const fn maybe_text(name: &'static str, get: fn(&R) -> Option<&str>, comment: &'static str) -> Self {
        Self { column: Column::optional(name, column::text, comment), get: Get::MaybeText(get) }
    }

    /// Text that is written for the row.
    pub const fn written(name: &'static str, get: fn(&R) -> String, comment: &'static str) -> Self {
        Self { column: Column::required(name, column::text, comment), get: Get::Written(get) }
    }

    /// A whole number.
    pub const fn whole(name: &'static str, get: fn(&R) -> i64, comment: &'static str) -> Self {
        Self { column: Column::required(name, column::whole, comment), get: Get::Whole(get) }
    }

    /// A whole number, if there is one.
    pub const fn maybe_whole(name: &'static str, get: fn(&R) -> Option<i64>, comment: &'static str) -> Self {
        Self { column: Column::optional(name, column::whole, comment), get: Get::MaybeWhole(get) }
    }

    /// An instant, microseconds.
    pub const fn instant(name: &'static str, get: fn(&R) -> i64, comment: &'static str) -> Self {
        Self { column: Column::required(name, column::instant, comment), get: Get::Instant(get) }
    }

    /// An instant, if there is one.
    pub const fn maybe_instant(name: &'static str, get: fn(&R) -> Option<i64>, comment: &'static str) -> Self {
        Self { column: Column::optional(name, column::instant, comment), get: Get::MaybeInstant(get) }
    }

    /// An exact quantity; it may exceed what one event may carry.
    pub const fn units(name: &'static str, get: fn(&R) -> Units, comment: &'static str) -> Self {
        Self { column: Column::required(name, column::units, comment), get: Get::Units(get) }
    }

    /// Yes or no.
    pub const fn flag(name: &'static str, get: fn(&R) -> bool, comment: &'static str) -> Self {
        Self { column: Column::required(name, column::flag, comment), get: Get::Flag(get) }
    }

    fn values(&self, rows: &[R]) -> ArrayRef {
        let rows = rows.iter();
        let instants = |us: TimestampMicrosecondArray| -> ArrayRef { Arc::new(us.with_timezone("UTC")) };
        match self.get {
            Get::Text(get) => Arc::new(StringArray::from_iter_values(rows.map(get))),
            Get::MaybeText(get) => Arc::new(rows.map(get).collect::<StringArray>()),
            Get::Written(get) => Arc::new(StringArray::from_iter_values(rows.map(get))),
            Get::Whole(get) => Arc::new(Int64Array::from_iter_values(rows.map(get))),
            Get::MaybeWhole(get) => Arc::new(rows.map(get).collect::<Int64Array>()),
            Get::Instant(get) => instants(TimestampMicrosecondArray::from_iter_values(rows.map(get))),
            Get::MaybeInstant(get) => instants(rows.map(get).collect()),
            Get::Units(get) => {
                let values = Decimal128Array::from_iter_values(rows.map(|row| get(row).0));
                Arc::new(values.with_data_type(column::units()))
            }
            Get::Flag(get) => Arc::new(rows.map(|row| Some(get(row))).collect::<BooleanArray>()),
        }
    }
}

/// A count or an offset as SQL has it, which knows no unsigned numbers.
pub(super) fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// The schema of `columns`.
pub(super) fn schema<R>(columns: &[RowColumn<R>]) -> SchemaRef {
    schema_of(&columns.iter().map(|each| each.column).collect::<Vec<_>>())
}

/// `rows` as `columns` show them.
pub(super) fn batch<R>(columns: &[RowColumn<R>], rows: &[R]) -> Result<RecordBatch, ArrowError> {
    RecordBatch::try_new(schema(columns), columns.iter().map(|column| column.values(rows)).collect())
}

/// Emits the rows that `read` gives page by page and that are `wanted`, until no more are.
pub(super) fn emit_pages<R>(
    columns: &[RowColumn<R>],
    emit: &mut Emit<'_>,
    wanted: impl Fn(&R) -> bool,
    read: impl FnOnce(&mut EmitPage<'_, R>) -> Result<(), ViewError>,
) -> Result<(), ViewError> {
    let mut failed = None;
    read(&mut |mut page: Vec<R>| {
        page.retain(&wanted);
        match batch(columns, &page) {
            Ok(batch) => emit(batch),
            Err(error) => {
                failed = Some(error);
                ControlFlow::Break(())
            }
        }
    })?;
    failed.map_or(Ok(()), |error| Err(error.into()))
}
