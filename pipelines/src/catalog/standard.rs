//! Tables of `information_schema` that tools ask for keys and character sets: views have no constraints, so most are empty.
//!
//! Columns are those of PostgreSQL. Not here: what there is something to tell of ([`super::information_schema`]).

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray, new_empty_array};
use arrow::datatypes::{DataType, Field, Schema};
use datafusion::catalog::TableProvider;
use datafusion::common::Result;
use datafusion::datasource::MemTable;

use super::CATALOG;

/// Names and columns of tables that have no rows.
const EMPTY: [(&str, &[&str]); 6] = [
    (
        "table_constraints",
        &[
            "constraint_catalog",
            "constraint_schema",
            "constraint_name",
            "table_catalog",
            "table_schema",
            "table_name",
            "constraint_type",
            "is_deferrable",
            "initially_deferred",
            "enforced",
            "nulls_distinct",
        ],
    ),
    (
        "key_column_usage",
        &[
            "constraint_catalog",
            "constraint_schema",
            "constraint_name",
            "table_catalog",
            "table_schema",
            "table_name",
            "column_name",
            "ordinal_position",
            "position_in_unique_constraint",
        ],
    ),
    (
        "referential_constraints",
        &[
            "constraint_catalog",
            "constraint_schema",
            "constraint_name",
            "unique_constraint_catalog",
            "unique_constraint_schema",
            "unique_constraint_name",
            "match_option",
            "update_rule",
            "delete_rule",
        ],
    ),
    (
        "constraint_column_usage",
        &[
            "table_catalog",
            "table_schema",
            "table_name",
            "column_name",
            "constraint_catalog",
            "constraint_schema",
            "constraint_name",
        ],
    ),
    ("check_constraints", &["constraint_catalog", "constraint_schema", "constraint_name", "check_clause"]),
    ("sequences", &["sequence_catalog", "sequence_schema", "sequence_name", "data_type"]),
];
/// Columns that are numbers.
const NUMBERS: [&str; 2] = ["ordinal_position", "position_in_unique_constraint"];
const CHARACTER_SETS: &str = "character_sets";

/// Whether there is one of that name.
pub(super) fn knows(name: &str) -> bool {
    name == CHARACTER_SETS || EMPTY.iter().any(|(known, _)| *known == name)
}

/// The table `name`, if there is one.
///
/// # Errors
/// Never.
pub(super) fn table(name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
    let rows = if name == CHARACTER_SETS {
        character_sets()?
    } else {
        let Some((_, columns)) = EMPTY.iter().find(|(known, _)| *known == name) else { return Ok(None) };
        let kind = |column: &str| if NUMBERS.contains(&column) { DataType::Int32 } else { DataType::Utf8 };
        let fields = columns.iter().map(|column| Field::new(*column, kind(column), true)).collect::<Vec<_>>();
        let columns = fields.iter().map(|field| new_empty_array(field.data_type())).collect();
        RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)?
    };
    Ok(Some(Arc::new(MemTable::try_new(rows.schema(), vec![vec![rows]])?)))
}

fn character_sets() -> Result<RecordBatch> {
    let text = |text: Option<&str>| Arc::new(StringArray::from(vec![text])) as ArrayRef;
    Ok(RecordBatch::try_from_iter_with_nullable([
        ("character_set_catalog", text(None), true),
        ("character_set_schema", text(None), true),
        ("character_set_name", text(Some("UTF8")), true),
        ("character_repertoire", text(Some("UCS")), true),
        ("form_of_use", text(Some("UTF8")), true),
        ("default_collate_catalog", text(Some(CATALOG)), true),
        ("default_collate_schema", text(None), true),
        ("default_collate_name", text(None), true),
    ])?)
}
