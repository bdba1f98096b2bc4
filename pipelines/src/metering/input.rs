//! The columns that expressions read of events.
//!
//! Not here: the expressions ([`compile`](super::compile)), how columns are made ([`value`](super::value)).

use arrow::array::ArrayRef;
use arrow::datatypes::{DataType, Field};
use engine::event::schema::{fixed_fields, text_type, units_type};

use super::value::Rows;

/// A column with the name by which expressions know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Input {
    /// Its name.
    pub(super) name: String,
    /// What it holds.
    pub(super) read: Read,
}

/// Where a column's values come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Read {
    /// The member that a pointer names as DECIMAL(38, 9).
    Number(String),
    /// Its canonical text.
    Text(String),
    /// A fixed column of every batch by its index in [`engine::event::schema`], texts as Utf8.
    Fixed(usize),
}

impl Input {
    /// The column `name` of `read`.
    pub(super) fn new(name: impl Into<String>, read: Read) -> Self {
        Self { name: name.into(), read }
    }

    /// A fixed column under its own name.
    pub(super) fn fixed(index: usize) -> Self {
        Self::new(fixed_fields()[index].name(), Read::Fixed(index))
    }

    /// Column name and type.
    pub(super) fn field(&self) -> Field {
        match &self.read {
            Read::Number(_) => Field::new(&self.name, units_type(), true),
            Read::Text(_) => Field::new(&self.name, DataType::Utf8, true),
            Read::Fixed(index) => {
                let fixed = &fixed_fields()[*index];
                let is_text = *fixed.data_type() == text_type();
                let data_type = if is_text { DataType::Utf8 } else { fixed.data_type().clone() };
                Field::new(&self.name, data_type, fixed.is_nullable())
            }
        }
    }

    /// Its values.
    pub(super) fn column(&self, rows: &mut Rows<'_>) -> ArrayRef {
        match &self.read {
            Read::Number(pointer) => rows.numbers(pointer),
            Read::Text(pointer) => rows.texts(pointer),
            Read::Fixed(index) => rows.fixed(*index),
        }
    }
}
