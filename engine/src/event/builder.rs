//! Assembles a batch row by row, for doors that get their events one at a time.
//!
//! A row is staged first and becomes part of the batch only by [`EventBatchBuilder::commit`], so that a rejected event
//! leaves nothing behind. Columns are made when a member is first seen and filled with nulls backwards. Allocates per
//! batch and per new text, not per event. Not here: reading any format, deciding who the tenant is.

use std::sync::Arc;

use arrow::array::{
    ArrayBuilder, ArrayRef, BooleanBuilder, Decimal128Builder, RecordBatch, StringBuilder, TimestampMicrosecondArray,
};
use arrow::datatypes::Schema;
use hashbrown::HashTable;
use xxhash_rust::xxh3::xxh3_64;

use super::batch::EventBatch;
use super::rest::RestWriter;
use super::schema::{self, DATA_COLUMNS_MAX};
use super::text_column::TextColumn;
use crate::path::PATH_BYTES_MAX;
use crate::units::Units;

/// The fixed columns of one event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attributes<'a> {
    /// Decided by the credential.
    pub tenant: &'a str,
    /// CloudEvents `id`.
    pub id: &'a str,
    /// CloudEvents `source`.
    pub source: &'a str,
    /// CloudEvents `type`.
    pub event_type: &'a str,
    /// CloudEvents `subject`.
    pub subject: Option<&'a str>,
    /// CloudEvents `time`, microseconds since the epoch.
    pub time_us: i64,
}

/// Assembles an [`EventBatch`]: stage an event's members by pointer, then [`commit`](Self::commit) it with its
/// attributes or [`abort`](Self::abort) it.
///
/// Of two members with the same pointer in one row, the first one stays.
#[derive(Debug)]
pub struct EventBatchBuilder {
    tenant: TextColumn,
    id: StringBuilder,
    source: TextColumn,
    event_type: TextColumn,
    subject: TextColumn,
    time_us: Vec<i64>,
    columns: Vec<DataColumn>,
    by_pointer: HashTable<usize>,
    /// Events of one kind have their members in one order, so the column behind the last one is tried first.
    expected: usize,
    /// How many columns the committed rows have.
    columns_committed: usize,
    staged: Vec<(usize, Cell)>,
    staged_rest: RestWriter,
    rest: StringBuilder,
}

#[derive(Debug)]
struct DataColumn {
    pointer: Box<str>,
    cells: Cells,
}

#[derive(Debug)]
enum Cells {
    Text(TextColumn),
    Units(Decimal128Builder),
    Boolean(BooleanBuilder),
}

#[derive(Debug, Clone, Copy)]
enum Cell {
    Text(i32),
    Units(Units),
    Boolean(bool),
}

impl Default for EventBatchBuilder {
    fn default() -> Self {
        Self::new()
    }
}

impl EventBatchBuilder {
    /// An empty builder.
    pub fn new() -> Self {
        Self {
            tenant: TextColumn::default(),
            id: StringBuilder::new(),
            source: TextColumn::default(),
            event_type: TextColumn::default(),
            subject: TextColumn::default(),
            time_us: Vec::new(),
            columns: Vec::new(),
            by_pointer: HashTable::new(),
            expected: 0,
            columns_committed: 0,
            staged: Vec::new(),
            staged_rest: RestWriter::default(),
            rest: StringBuilder::new(),
        }
    }

    /// How many events are committed.
    pub fn len(&self) -> usize {
        self.time_us.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.time_us.is_empty()
    }

    /// Stages a text member.
    pub fn text(&mut self, pointer: &str, text: &str) {
        if let Some(at) = self.column(pointer, || Cells::Text(TextColumn::default()))
            && let Cells::Text(column) = &mut self.columns[at].cells
        {
            self.staged.push((at, Cell::Text(column.intern(text))));
            return;
        }
        self.staged_rest.push_text(pointer, text);
    }

    /// Stages a quantity.
    pub fn units(&mut self, pointer: &str, units: Units) {
        let cells = || Cells::Units(Decimal128Builder::new().with_data_type(schema::units_type()));
        if let Some(at) = self.column(pointer, cells)
            && let Cells::Units(_) = self.columns[at].cells
        {
            self.staged.push((at, Cell::Units(units)));
            return;
        }
        self.staged_rest.push(pointer, &units.to_string());
    }

    /// Stages a truth value.
    pub fn boolean(&mut self, pointer: &str, truth: bool) {
        if let Some(at) = self.column(pointer, || Cells::Boolean(BooleanBuilder::new()))
            && let Cells::Boolean(_) = self.columns[at].cells
        {
            self.staged.push((at, Cell::Boolean(truth)));
            return;
        }
        self.staged_rest.push(pointer, if truth { "true" } else { "false" });
    }

    /// Stages a leftover: a member that fits no column, or an attribute that has none (see [`rest`](super::rest)).
    /// `json` is a valid JSON value.
    pub fn json(&mut self, name: &str, json: &str) {
        self.staged_rest.push(name, json);
    }

    /// Bytes of the leftovers staged for this row.
    pub fn staged_rest_bytes(&self) -> usize {
        self.staged_rest.len()
    }

    /// The staged members become the batch's next row.
    pub fn commit(&mut self, attributes: Attributes<'_>) {
        let row = self.time_us.len();
        self.tenant.append(attributes.tenant);
        self.id.append_value(attributes.id);
        self.source.append(attributes.source);
        self.event_type.append(attributes.event_type);
        if let Some(subject) = attributes.subject {
            self.subject.fill(row);
            self.subject.append(subject);
        }
        self.time_us.push(attributes.time_us);
        for (at, cell) in self.staged.drain(..) {
            self.columns[at].cells.set(row, cell);
        }
        if let Some(rest) = self.staged_rest.close() {
            self.rest.append_nulls(row - self.rest.len());
            self.rest.append_value(rest);
            self.staged_rest.clear();
        }
        self.columns_committed = self.columns.len();
        self.expected = 0;
    }

    /// Forgets the staged members and the columns that were made for them.
    pub fn abort(&mut self) {
        self.staged.clear();
        self.staged_rest.clear();
        self.expected = 0;
        for at in (self.columns_committed..self.columns.len()).rev() {
            if let Ok(entry) = self.by_pointer.find_entry(hash(&self.columns[at].pointer), |&other| other == at) {
                entry.remove();
            }
            self.columns.pop();
        }
    }

    /// The committed rows as a batch; the builder is empty again.
    pub fn finish(&mut self) -> EventBatch {
        self.abort();
        let rows = self.time_us.len();
        let mut fields = schema::fixed_fields().to_vec();
        let time = TimestampMicrosecondArray::from(std::mem::take(&mut self.time_us)).with_timezone("UTC");
        let mut columns: Vec<ArrayRef> = vec![
            self.tenant.finish(rows),
            Arc::new(self.id.finish()),
            self.source.finish(rows),
            self.event_type.finish(rows),
            self.subject.finish(rows),
            Arc::new(time),
        ];
        for mut column in self.columns.drain(..) {
            let array = column.cells.finish(rows);
            fields.push(schema::data_field(&column.pointer, array.data_type().clone()));
            columns.push(array);
        }
        if self.rest.len() > 0 {
            self.rest.append_nulls(rows - self.rest.len());
            fields.push(schema::rest_field());
            columns.push(Arc::new(self.rest.finish()));
        }
        self.by_pointer.clear();
        self.columns_committed = 0;
        let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
            .expect("every column has one value a row and the type of its field");
        EventBatch::try_from(batch).expect("the columns are those of the schema")
    }

    /// The column of `pointer`, made by `cells` at first sight; `None` if it can't have one.
    fn column(&mut self, pointer: &str, cells: impl FnOnce() -> Cells) -> Option<usize> {
        let expected = self.expected;
        if self.columns.get(expected).is_some_and(|column| *column.pointer == *pointer) {
            self.expected = expected + 1;
            return Some(expected);
        }
        let hash = hash(pointer);
        if let Some(&at) = self.by_pointer.find(hash, |&at| *self.columns[at].pointer == *pointer) {
            self.expected = at + 1;
            return Some(at);
        }
        // A longer pointer can't be a meter's path, and the whole of `data` is no member.
        if self.columns.len() >= DATA_COLUMNS_MAX || pointer.is_empty() || pointer.len() > PATH_BYTES_MAX {
            return None;
        }
        let at = self.columns.len();
        self.columns.push(DataColumn { pointer: pointer.into(), cells: cells() });
        self.by_pointer.insert_unique(hash, at, |&at| self::hash(&self.columns[at].pointer));
        self.expected = at + 1;
        Some(at)
    }
}

fn hash(pointer: &str) -> u64 {
    xxh3_64(pointer.as_bytes())
}

impl Cells {
    /// Puts `cell` at `row`, which is at or behind the end; a row that has its cell keeps it.
    fn set(&mut self, row: usize, cell: Cell) {
        if self.len() > row {
            return;
        }
        self.fill(row);
        match (self, cell) {
            (Self::Text(column), Cell::Text(key)) => column.append_key(key),
            (Self::Units(column), Cell::Units(units)) => column.append_value(units.0),
            (Self::Boolean(column), Cell::Boolean(truth)) => column.append_value(truth),
            _ => unreachable!("a cell is staged only for a column of its type"),
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Text(column) => column.len(),
            Self::Units(column) => column.len(),
            Self::Boolean(column) => column.len(),
        }
    }

    fn fill(&mut self, rows: usize) {
        let missing = rows - self.len();
        match self {
            Self::Text(column) => column.fill(rows),
            Self::Units(column) => column.append_nulls(missing),
            Self::Boolean(column) => column.append_nulls(missing),
        }
    }

    fn finish(&mut self, rows: usize) -> ArrayRef {
        self.fill(rows);
        match self {
            Self::Text(column) => column.finish(rows),
            Self::Units(column) => Arc::new(column.finish()),
            Self::Boolean(column) => Arc::new(column.finish()),
        }
    }
}
