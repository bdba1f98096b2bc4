//! `information_schema.columns` as Postgres has it: all its columns, and types by the names of SQL instead of Arrow's.
//!
//! DataFusion's own has Arrow's names, by which no client of SQL knows what it reads. One more column, `column_comment`, is
//! what others call the comment. Not here: `pg_catalog`, which the Postgres door has.

use std::borrow::Cow;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int32Array, RecordBatch, StringArray, new_null_array};
use arrow::datatypes::{DataType, Field};
use datafusion::catalog::information_schema::INFORMATION_SCHEMA;
use datafusion::catalog::{CatalogProvider, MemTable, TableProvider};
use datafusion::common::Result;
use datafusion::datasource::{ViewTable, provider_as_source};
use datafusion::logical_expr::LogicalPlanBuilder;

use super::CATALOG;
use crate::views::column::COMMENT;

/// What a text may hold in Postgres, bytes.
const TEXT_BYTES_MAX: i32 = 1 << 30;
/// Digits behind the second.
const TIME_DIGITS: i32 = 6;

/// The columns of all tables in `catalog`, but those of `information_schema` itself.
pub(super) async fn table(catalog: &dyn CatalogProvider) -> Result<Arc<dyn TableProvider>> {
    let mut rows = Vec::new();
    for schema in catalog.schema_names().into_iter().filter(|name| name != INFORMATION_SCHEMA) {
        let Some(provider) = catalog.schema(&schema) else { continue };
        for table in provider.table_names() {
            // Gone since it was listed, or not to be read: then its comment says so, and who reads it is told.
            let Ok(Some(found)) = provider.table(&table).await else { continue };
            let columns = found.schema();
            rows.extend(columns.fields().iter().zip(1..).map(|(field, position)| Row {
                schema: schema.clone(),
                table: table.clone(),
                position,
                kind: Kind::of(field.data_type()),
                field: Arc::clone(field),
            }));
        }
    }
    let rows = batch(&rows)?;
    let rows = Arc::new(MemTable::try_new(rows.schema(), vec![vec![rows]])?);
    // A view and no table: there are none, and clients that list tables must not find one.
    let plan = LogicalPlanBuilder::scan("columns", provider_as_source(rows), None)?.build()?;
    Ok(Arc::new(ViewTable::new(plan, None)))
}

struct Row {
    schema: String,
    table: String,
    position: i32,
    field: Arc<Field>,
    kind: Kind,
}

/// A type in the words of the standard and of Postgres.
#[derive(Debug, Default, PartialEq, Eq)]
struct Kind {
    name: &'static str,
    /// Of Postgres' own, `udt_name`.
    udt: Cow<'static, str>,
    /// Digits and their base.
    precision: Option<(i32, i32)>,
    scale: Option<i32>,
    time_digits: Option<i32>,
}

impl Kind {
    fn of(data_type: &DataType) -> Self {
        let plain = |name, udt| Self { name, udt: Cow::Borrowed(udt), ..Self::default() };
        let number = |name, udt, precision, radix, scale| Self {
            precision: Some((precision, radix)),
            scale,
            ..plain(name, udt)
        };
        let timed = |name, udt, digits| Self { time_digits: Some(digits), ..plain(name, udt) };
        match data_type {
            DataType::Boolean => plain("boolean", "bool"),
            DataType::Int8 | DataType::UInt8 | DataType::Int16 => number("smallint", "int2", 16, 2, Some(0)),
            DataType::UInt16 | DataType::Int32 => number("integer", "int4", 32, 2, Some(0)),
            DataType::UInt32 | DataType::Int64 => number("bigint", "int8", 64, 2, Some(0)),
            DataType::UInt64 => number("numeric", "numeric", 20, 10, Some(0)),
            DataType::Decimal32(digits, scale)
            | DataType::Decimal64(digits, scale)
            | DataType::Decimal128(digits, scale)
            | DataType::Decimal256(digits, scale) => {
                number("numeric", "numeric", i32::from(*digits), 10, Some(i32::from(*scale)))
            }
            DataType::Float16 | DataType::Float32 => number("real", "float4", 24, 2, None),
            DataType::Float64 => number("double precision", "float8", 53, 2, None),
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => plain("text", "text"),
            DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
                plain("bytea", "bytea")
            }
            DataType::Date32 | DataType::Date64 => timed("date", "date", 0),
            DataType::Time32(_) | DataType::Time64(_) => timed("time without time zone", "time", TIME_DIGITS),
            DataType::Timestamp(_, None) => timed("timestamp without time zone", "timestamp", TIME_DIGITS),
            DataType::Timestamp(_, Some(_)) => timed("timestamp with time zone", "timestamptz", TIME_DIGITS),
            DataType::Interval(_) | DataType::Duration(_) => timed("interval", "interval", TIME_DIGITS),
            DataType::List(of)
            | DataType::LargeList(of)
            | DataType::ListView(of)
            | DataType::LargeListView(of)
            | DataType::FixedSizeList(of, _) => {
                Self { udt: Cow::Owned(format!("_{}", Self::of(of.data_type()).udt)), ..plain("ARRAY", "") }
            }
            DataType::Dictionary(_, of) => Self::of(of),
            DataType::RunEndEncoded(_, of) => Self::of(of.data_type()),
            DataType::Null => plain("unknown", "unknown"),
            DataType::Struct(_) | DataType::Map(..) | DataType::Union(..) => plain("record", "record"),
        }
    }
}

fn batch(rows: &[Row]) -> Result<RecordBatch> {
    let text = |of: &dyn for<'a> Fn(&'a Row) -> Option<&'a str>| -> ArrayRef {
        Arc::new(rows.iter().map(of).collect::<StringArray>())
    };
    let same = |value: &'static str| text(&move |_| Some(value));
    let whole =
        |of: &dyn Fn(&Row) -> Option<i32>| -> ArrayRef { Arc::new(rows.iter().map(of).collect::<Int32Array>()) };
    let no_text = || new_null_array(&DataType::Utf8, rows.len());
    let no_number = || new_null_array(&DataType::Int32, rows.len());
    let positions = rows.iter().map(|row| Some(row.position.to_string())).collect::<StringArray>();
    let columns: [(&str, ArrayRef); 45] = [
        ("table_catalog", same(CATALOG)),
        ("table_schema", text(&|row| Some(&row.schema))),
        ("table_name", text(&|row| Some(&row.table))),
        ("column_name", text(&|row| Some(row.field.name()))),
        ("ordinal_position", whole(&|row| Some(row.position))),
        ("column_default", no_text()),
        ("is_nullable", text(&|row| Some(if row.field.is_nullable() { "YES" } else { "NO" }))),
        ("data_type", text(&|row| Some(row.kind.name))),
        ("character_maximum_length", no_number()),
        ("character_octet_length", whole(&|row| (row.kind.name == "text").then_some(TEXT_BYTES_MAX))),
        ("numeric_precision", whole(&|row| row.kind.precision.map(|(digits, _)| digits))),
        ("numeric_precision_radix", whole(&|row| row.kind.precision.map(|(_, radix)| radix))),
        ("numeric_scale", whole(&|row| row.kind.scale)),
        ("datetime_precision", whole(&|row| row.kind.time_digits)),
        ("interval_type", no_text()),
        ("interval_precision", no_number()),
        ("character_set_catalog", no_text()),
        ("character_set_schema", no_text()),
        ("character_set_name", no_text()),
        ("collation_catalog", no_text()),
        ("collation_schema", no_text()),
        ("collation_name", no_text()),
        ("domain_catalog", no_text()),
        ("domain_schema", no_text()),
        ("domain_name", no_text()),
        ("udt_catalog", same(CATALOG)),
        ("udt_schema", same("pg_catalog")),
        ("udt_name", text(&|row| Some(&row.kind.udt))),
        ("scope_catalog", no_text()),
        ("scope_schema", no_text()),
        ("scope_name", no_text()),
        ("maximum_cardinality", no_number()),
        ("dtd_identifier", Arc::new(positions)),
        ("is_self_referencing", same("NO")),
        ("is_identity", same("NO")),
        ("identity_generation", no_text()),
        ("identity_start", no_text()),
        ("identity_increment", no_text()),
        ("identity_maximum", no_text()),
        ("identity_minimum", no_text()),
        ("identity_cycle", same("NO")),
        ("is_generated", same("NEVER")),
        ("generation_expression", no_text()),
        ("is_updatable", same("NO")),
        ("column_comment", text(&|row| row.field.metadata().get(COMMENT).map(String::as_str))),
    ];
    Ok(RecordBatch::try_from_iter_with_nullable(columns.map(|(name, values)| (name, values, true)))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_have_the_names_of_postgres() {
        let of = |data_type: DataType| Kind::of(&data_type);
        let named = |data_type: DataType| (of(data_type.clone()).name, of(data_type).udt.into_owned());
        let label = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
        assert_eq!(named(label.clone()), ("text", "text".to_owned()));
        assert_eq!(named(DataType::new_list(label, true)), ("ARRAY", "_text".to_owned()));
        let numeric = of(DataType::Decimal128(38, 9));
        assert_eq!((numeric.name, numeric.precision, numeric.scale), ("numeric", Some((38, 10)), Some(9)));
        let bigint = of(DataType::Int64);
        assert_eq!((bigint.name, bigint.precision, bigint.scale), ("bigint", Some((64, 2)), Some(0)));
        let double = of(DataType::Float64);
        assert_eq!((double.name, double.precision, double.scale), ("double precision", Some((53, 2)), None));
    }
}
