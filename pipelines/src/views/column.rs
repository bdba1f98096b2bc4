//! A view's columns as a table of constants, from which its schema, its documentation and `\d+` come.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use engine::event::schema;

/// One column of a view.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// Its name in SQL.
    pub name: &'static str,
    /// Its Arrow type.
    pub data_type: fn() -> DataType,
    /// Whether it can be null.
    pub nullable: bool,
    /// What it says, with unit.
    pub comment: &'static str,
}

/// Key under which a field's metadata carries its comment.
pub const COMMENT: &str = "comment";

impl Column {
    /// A column that always has a value.
    pub const fn required(name: &'static str, data_type: fn() -> DataType, comment: &'static str) -> Self {
        Self { name, data_type, nullable: false, comment }
    }

    /// A column that may be null.
    pub const fn optional(name: &'static str, data_type: fn() -> DataType, comment: &'static str) -> Self {
        Self { name, data_type, nullable: true, comment }
    }
}

/// The schema of `columns`; comments travel as field metadata.
pub fn schema_of(columns: &[Column]) -> SchemaRef {
    let fields = columns.iter().map(|column| {
        Field::new(column.name, (column.data_type)(), column.nullable)
            .with_metadata(HashMap::from([(COMMENT.to_owned(), column.comment.to_owned())]))
    });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// Text.
pub fn text() -> DataType {
    DataType::Utf8
}

/// Text that repeats.
pub fn label() -> DataType {
    schema::text_type()
}

/// An instant, microseconds, UTC.
pub fn instant() -> DataType {
    schema::time_type()
}

/// An exact quantity.
pub fn units() -> DataType {
    schema::units_type()
}

/// A whole number; offsets and revisions too, because SQL knows no unsigned ones.
pub fn whole() -> DataType {
    DataType::Int64
}

/// Yes or no.
pub fn flag() -> DataType {
    DataType::Boolean
}
