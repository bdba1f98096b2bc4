//! What there is to ask about: catalogs, schemas, tables and their columns, and what this server can do.
//!
//! Listed from a session of the caller's own, so nobody learns of views that it may not see (I6). Not here: rows.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef};
use arrow_flight::error::FlightError;
use arrow_flight::sql::metadata::{GetCatalogsBuilder, SqlInfoData, SqlInfoDataBuilder};
use arrow_flight::sql::{
    CommandGetDbSchemas, CommandGetSqlInfo, CommandGetTableTypes, CommandGetTables, SqlInfo, SqlNullOrdering,
    SqlSupportedCaseSensitivity, SqlSupportedTransaction,
};
use pipelines::catalog::{CATALOG, SCHEMA, Visibility};
use pipelines::plain;
use pipelines::views::column::COMMENT;
use tonic::Status;

use crate::http::problem::Kind;

use super::{Door, status};

/// What all our tables are.
const VIEW: &str = "VIEW";
/// Key under which Flight SQL's clients look for a column's comment.
const REMARKS: &str = "ARROW:FLIGHT:SQL:REMARKS";

/// One row: ours.
pub(super) fn catalogs() -> Result<RecordBatch, Status> {
    let mut catalogs = GetCatalogsBuilder::new();
    catalogs.append(CATALOG);
    built(catalogs.build())
}

/// One row: ours, if it is asked for.
pub(super) fn schemas(asked: CommandGetDbSchemas) -> Result<RecordBatch, Status> {
    let mut schemas = asked.into_builder();
    schemas.append(CATALOG, SCHEMA);
    built(schemas.build())
}

/// One row: views.
pub(super) fn table_types(asked: CommandGetTableTypes) -> Result<RecordBatch, Status> {
    let mut types = asked.into_builder();
    types.append(VIEW);
    built(types.build())
}

/// The views that `asker` may see, with their columns if asked for.
pub(super) async fn tables(door: &Door, asker: &Visibility, asked: CommandGetTables) -> Result<RecordBatch, Status> {
    let with_columns = asked.include_schema;
    let mut tables = asked.into_builder();
    let session = door.node.catalog.session(asker).map_err(status::from)?;
    let missing = || status::from(Kind::Internal.with("the session has no views"));
    let views = session.catalog(CATALOG).and_then(|catalog| catalog.schema(SCHEMA)).ok_or_else(missing)?;
    for name in views.table_names() {
        // A meter may be removed while we look.
        let Some(view) = views.table(&name).await.map_err(status::from)? else { continue };
        let columns = if with_columns { remarked(&view.schema()) } else { Arc::new(Schema::empty()) };
        built(tables.append(CATALOG, SCHEMA, &name, VIEW, &columns))?;
    }
    built(tables.build())
}

/// `schema` as rows of it are sent, with its comments where clients look for them.
fn remarked(schema: &Schema) -> SchemaRef {
    let remarked = |field: &Arc<Field>| match field.metadata().get(COMMENT) {
        Some(comment) => {
            let remarks = HashMap::from([(REMARKS.to_owned(), comment.clone())]);
            Arc::new(field.as_ref().clone().with_metadata(remarks))
        }
        None => Arc::clone(field),
    };
    plain::schema(&Schema::new(schema.fields().iter().map(remarked).collect::<Fields>()))
}

/// What this server is and can do: columns and rows.
pub(super) fn sql_info() -> &'static SqlInfoData {
    &SQL_INFO
}

/// Of that, what is asked for; everything if nothing is named.
pub(super) fn sql_info_of(asked: CommandGetSqlInfo) -> Result<RecordBatch, Status> {
    built(asked.into_builder(sql_info()).build())
}

/// No view has one; the columns are those of the protocol.
pub(super) fn primary_keys() -> RecordBatch {
    let text = |name| Field::new(name, DataType::Utf8, true);
    let required = |name| Field::new(name, DataType::Utf8, false);
    RecordBatch::new_empty(Arc::new(Schema::new(vec![
        text("catalog_name"),
        text("db_schema_name"),
        required("table_name"),
        required("column_name"),
        text("key_name"),
        Field::new("key_sequence", DataType::Int32, false),
    ])))
}

/// The same for keys from one table into another.
pub(super) fn foreign_keys() -> RecordBatch {
    let text = |name| Field::new(name, DataType::Utf8, true);
    let required = |name| Field::new(name, DataType::Utf8, false);
    RecordBatch::new_empty(Arc::new(Schema::new(vec![
        text("pk_catalog_name"),
        text("pk_db_schema_name"),
        required("pk_table_name"),
        required("pk_column_name"),
        text("fk_catalog_name"),
        text("fk_db_schema_name"),
        required("fk_table_name"),
        required("fk_column_name"),
        Field::new("key_sequence", DataType::Int32, false),
        text("fk_key_name"),
        text("pk_key_name"),
        Field::new("update_rule", DataType::UInt8, false),
        Field::new("delete_rule", DataType::UInt8, false),
    ])))
}

static SQL_INFO: LazyLock<SqlInfoData> = LazyLock::new(|| {
    let mut info = SqlInfoDataBuilder::new();
    info.append(SqlInfo::FlightSqlServerName, "Tenantry");
    info.append(SqlInfo::FlightSqlServerVersion, env!("CARGO_PKG_VERSION"));
    info.append(SqlInfo::FlightSqlServerArrowVersion, arrow::ARROW_VERSION);
    // SQL only reads; bulk ingestion into `events` is the exception that has a flag of its own.
    info.append(SqlInfo::FlightSqlServerReadOnly, true);
    info.append(SqlInfo::FlightSqlServerSql, true);
    info.append(SqlInfo::FlightSqlServerCancel, true);
    info.append(SqlInfo::FlightSqlServerSubstrait, false);
    info.append(SqlInfo::FlightSqlServerTransaction, SqlSupportedTransaction::None as i32);
    info.append(SqlInfo::FlightSqlServerBulkIngestion, true);
    info.append(SqlInfo::FlightSqlServerIngestTransactionsSupported, false);
    info.append(SqlInfo::SqlDdlCatalog, false);
    info.append(SqlInfo::SqlDdlSchema, false);
    info.append(SqlInfo::SqlDdlTable, false);
    info.append(SqlInfo::SqlIdentifierCase, SqlSupportedCaseSensitivity::SqlCaseSensitivityLowercase as i32);
    info.append(
        SqlInfo::SqlQuotedIdentifierCase,
        SqlSupportedCaseSensitivity::SqlCaseSensitivityCaseInsensitive as i32,
    );
    info.append(SqlInfo::SqlIdentifierQuoteChar, "\"");
    info.append(SqlInfo::SqlAllTablesAreSelectable, true);
    info.append(SqlInfo::SqlNullOrdering, SqlNullOrdering::SqlNullsSortedHigh as i32);
    info.build().expect("the names and values above are fixed and tested")
});

fn built<T>(outcome: Result<T, FlightError>) -> Result<T, Status> {
    outcome.map_err(|error| status::from(Kind::Internal.with(error.to_string())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_server_can_do_is_well_formed() {
        assert!(sql_info().record_batch([]).unwrap().num_rows() > 10);
    }
}
