//! What views and columns say about themselves, for the catalogs of SQL clients and for the documentation.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int32Array, RecordBatch, StringArray};
use arrow::error::ArrowError;

use super::column::COMMENT;
use super::{View, ViewError};

/// A view's comment, or that of one of its columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// Name of the view.
    pub view: String,
    /// Name of the column; `None` for the view itself.
    pub column: Option<String>,
    /// Number of the column, from 1; 0 for the view itself.
    pub number: i32,
    /// What it says.
    pub comment: String,
}

impl Description {
    /// Of `view`, then of its columns in their order.
    pub fn of(view: &dyn View) -> Vec<Self> {
        let name = view.name();
        let whole = Self { view: name.to_owned(), column: None, number: 0, comment: view.comment() };
        let schema = view.schema();
        let columns = schema.fields().iter().zip(1..).filter_map(|(field, number)| {
            let comment = field.metadata().get(COMMENT)?.clone();
            Some(Self { view: name.to_owned(), column: Some(field.name().clone()), number, comment })
        });
        std::iter::once(whole).chain(columns).collect()
    }

    /// Of the view `name`, which can't be read: that it can't.
    pub fn unreadable(name: &str, error: &ViewError) -> Self {
        Self { view: name.to_owned(), column: None, number: 0, comment: error.to_string() }
    }

    /// Columns `view`, `column`, `number` and `comment`.
    ///
    /// # Errors
    /// Never for want of memory; Arrow's constructors say so.
    pub fn batch(all: &[Self]) -> Result<RecordBatch, ArrowError> {
        let views: ArrayRef = Arc::new(StringArray::from_iter_values(all.iter().map(|each| &each.view)));
        let columns: ArrayRef = Arc::new(all.iter().map(|each| each.column.as_deref()).collect::<StringArray>());
        let numbers: ArrayRef = Arc::new(Int32Array::from_iter_values(all.iter().map(|each| each.number)));
        let comments: ArrayRef = Arc::new(StringArray::from_iter_values(all.iter().map(|each| &each.comment)));
        RecordBatch::try_from_iter_with_nullable([
            ("view", views, false),
            ("column", columns, true),
            ("number", numbers, false),
            ("comment", comments, false),
        ])
    }
}
