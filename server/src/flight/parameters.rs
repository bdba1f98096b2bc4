//! Parameters of prepared statements: `$1` as DataFusion has them, `?` as JDBC and Python's DB-API write them.

use std::borrow::Cow;

use arrow::array::RecordBatch;
use arrow::datatypes::{DataType, Field, Schema};
use datafusion::common::{ParamValues, ScalarValue};
use datafusion::dataframe::DataFrame;
use datafusion::error::DataFusionError;
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::tokenizer::{Token, Tokenizer};
use pipelines::catalog::coerced;

/// `sql` with its `?` numbered from `$1` on; those in texts, names and comments stay.
pub(super) fn numbered(sql: &str) -> Cow<'_, str> {
    if !sql.contains('?') {
        return Cow::Borrowed(sql);
    }
    // What is no SQL is not planned either, and the planner says why.
    let Ok(tokens) = Tokenizer::new(&GenericDialect {}, sql).tokenize_with_location() else {
        return Cow::Borrowed(sql);
    };
    let marks = tokens.iter().filter(|token| matches!(&token.token, Token::Placeholder(name) if name == "?"));
    let mut marks = marks.map(|token| (token.span.start.line, token.span.start.column)).peekable();
    let mut out = String::with_capacity(sql.len() + 8);
    let (mut line, mut column, mut number) = (1, 1, 0);
    for character in sql.chars() {
        if marks.next_if_eq(&(line, column)).is_some() {
            number += 1;
            out.push_str(&format!("${number}"));
        } else {
            out.push(character);
        }
        (line, column) = if character == '\n' { (line + 1, 1) } else { (line, column + 1) };
    }
    Cow::Owned(out)
}

/// The parameters of a planned statement in their order; `Null` where any type is right.
pub(super) fn schema(frame: &DataFrame) -> Result<Schema, DataFusionError> {
    let mut found: Vec<_> = frame.logical_plan().get_parameter_types()?.into_iter().collect();
    found.sort_by_key(|(name, _)| (name.trim_start_matches('$').parse::<u32>().unwrap_or(u32::MAX), name.clone()));
    let field =
        |(name, data_type): (String, Option<DataType>)| Field::new(name, data_type.unwrap_or(DataType::Null), true);
    Ok(Schema::new(found.into_iter().map(field).collect::<Vec<_>>()))
}

/// `frame` with the columns of `row` as its parameters, in their order.
pub(super) fn bind(frame: DataFrame, row: &RecordBatch) -> Result<DataFrame, DataFusionError> {
    let values = row.columns().iter().map(|column| ScalarValue::try_from_array(column, 0));
    let (state, plan) = frame.into_parts();
    let plan = plan.with_param_values(ParamValues::from(values.collect::<Result<Vec<_>, _>>()?))?;
    // Only now are all types known.
    let plan = coerced(&state, plan)?;
    Ok(DataFrame::new(state, plan))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(sql: &str, expect: &str) {
        assert_eq!(numbered(sql), expect);
    }

    #[test]
    fn question_marks_are_numbered_where_they_are_parameters() {
        check("select 1", "select 1");
        check("select ?, ?", "select $1, $2");
        check("select $1", "select $1");
        check("select '?', \"?\", ? -- ?\n, ? /* ? */", "select '?', \"?\", $1 -- ?\n, $2 /* ? */");
        check("select 'größe ?' where x=?", "select 'größe ?' where x=$1");
        check("select 'unfinished ?", "select 'unfinished ?");
    }
}
