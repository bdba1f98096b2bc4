//! Objects and arrays that are built of JSON texts: `json_build_object`, `json_build_array`, rows, and what aggregates gather.
//!
//! What is given are values as JSON already ([`super::encode`]), where NULL stands for `null`. Blanks are where PostgreSQL has
//! them; those of `jsonb` have its one form. Not here: how values become JSON ([`super::arguments`]), and the aggregates' syntax
//! ([`super::syntax`]).

use std::borrow::Cow;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, StringArray, StringBuilder};
use arrow::datatypes::DataType;
use datafusion::common::{Result, exec_err, plan_err};

use super::super::defined::{Call, Definition};
use super::super::marks::Mark;
use super::encode::LINE;
use super::normal;

/// All of them.
pub(super) const ALL: [Definition; 10] = [
    Definition::new(OBJECT, pairs, text, |call| built(call, |columns, row| object(columns, row, &SPACED), false))
        .marked(Mark::Json),
    Definition::new(OBJECT_BINARY, pairs, text, |call| built(call, |columns, row| object(columns, row, &SPACED), true))
        .marked(Mark::Jsonb),
    Definition::new(ARRAY, texts, text, |call| built(call, array, false)).marked(Mark::Json),
    Definition::new(ARRAY_BINARY, texts, text, |call| built(call, array, true)).marked(Mark::Jsonb),
    Definition::new(ROW, of_row, text, |call| built(call, |columns, row| object(columns, row, &DENSE), false))
        .marked(Mark::Json),
    Definition::new(MEMBER, pairs, text, members),
    Definition::new("_json_list", lists, text, |call| gathered(call, list, false)).marked(Mark::Json),
    Definition::new("_jsonb_list", lists, text, |call| gathered(call, list, true)).marked(Mark::Jsonb),
    Definition::new("_json_members", lists, text, |call| gathered(call, of_members, false)).marked(Mark::Json),
    Definition::new("_jsonb_members", lists, text, |call| gathered(call, of_members, true)).marked(Mark::Jsonb),
];

/// Names and values in turn.
pub(super) const OBJECT: &str = "json_build_object";
/// See [`OBJECT`].
pub(super) const OBJECT_BINARY: &str = "jsonb_build_object";
/// Values.
pub(super) const ARRAY: &str = "json_build_array";
/// See [`ARRAY`].
pub(super) const ARRAY_BINARY: &str = "jsonb_build_array";
/// A row, of the names of its columns and their values in turn.
pub(super) const ROW: &str = "_json_row";
/// A name and a value, as they stand in an object.
pub(super) const MEMBER: &str = "_json_member";

/// What stands around, between and within members.
struct Blanks {
    between: &'static str,
    within: &'static str,
}

const SPACED: Blanks = Blanks { between: ", ", within: " : " };
const DENSE: Blanks = Blanks { between: ",", within: ":" };

fn text(_: &[DataType]) -> Result<DataType> {
    Ok(DataType::Utf8)
}

fn texts(arguments: &[DataType]) -> Result<Vec<DataType>> {
    // Before arguments are made JSON any type may stand here.
    Ok(vec![DataType::Utf8; arguments.len()])
}

fn pairs(arguments: &[DataType]) -> Result<Vec<DataType>> {
    if arguments.len().is_multiple_of(2) {
        return texts(arguments);
    }
    plan_err!("argument list must have even number of elements: names and values in turn")
}

/// One argument is all columns of a table, which stand for it later.
fn of_row(arguments: &[DataType]) -> Result<Vec<DataType>> {
    match arguments {
        [DataType::Null] => Ok(vec![DataType::Null]),
        _ => pairs(arguments),
    }
}

fn lists(arguments: &[DataType]) -> Result<Vec<DataType>> {
    match arguments {
        [DataType::List(_) | DataType::Null] => Ok(vec![DataType::new_list(DataType::Utf8, true)]),
        _ => plan_err!("a list of JSON texts is wanted"),
    }
}

fn built(call: &Call<'_>, of: impl Fn(&[&StringArray], usize) -> Result<String>, is_binary: bool) -> Result<ArrayRef> {
    let columns = call.columns.iter().map(|column| column.as_string::<i32>()).collect::<Vec<_>>();
    let mut texts = StringBuilder::with_capacity(call.rows, 0);
    for row in 0..call.rows {
        let text = of(&columns, row)?;
        texts.append_value(if is_binary { normal(&text)? } else { text });
    }
    Ok(Arc::new(texts.finish()))
}

fn value(column: &StringArray, row: usize) -> &str {
    if column.is_null(row) { "null" } else { column.value(row) }
}

fn array(columns: &[&StringArray], row: usize) -> Result<String> {
    let values = columns.iter().map(|column| value(column, row)).collect::<Vec<_>>();
    Ok(format!("[{}]", values.join(", ")))
}

fn object(columns: &[&StringArray], row: usize, blanks: &Blanks) -> Result<String> {
    let mut text = String::from("{");
    for (at, pair) in columns.chunks_exact(2).enumerate() {
        let [names, values] = pair else { continue };
        if names.is_null(row) {
            return exec_err!("argument {} cannot be null: it names a member", 2 * at + 1);
        }
        text.push_str(if at > 0 { blanks.between } else { "" });
        text.push_str(&name(names.value(row))?);
        text.push_str(blanks.within);
        text.push_str(value(values, row));
    }
    text.push('}');
    Ok(text)
}

/// A value as the name of a member.
fn name(value: &str) -> Result<Cow<'_, str>> {
    match value.as_bytes().first() {
        Some(b'"') => Ok(Cow::Borrowed(value)),
        Some(b'[' | b'{') => exec_err!("key value must be scalar, not array, composite, or json"),
        _ => Ok(Cow::Owned(format!("\"{value}\""))),
    }
}

/// NULL where there is no name: an aggregate that leaves the row out need not know it.
fn members(call: &Call<'_>) -> Result<ArrayRef> {
    let (names, values) = (call.columns[0].as_string::<i32>(), call.columns[1].as_string::<i32>());
    let member = |(row, named): (usize, Option<&str>)| -> Result<Option<String>> {
        named.map(|named| Ok(format!("{} : {}", name(named)?, value(values, row)))).transpose()
    };
    Ok(Arc::new(names.iter().enumerate().map(member).collect::<Result<StringArray>>()?))
}

/// Lists of texts, each as `of` puts it together; of no rows there is nothing.
fn gathered(call: &Call<'_>, of: impl Fn(&StringArray) -> Result<String>, is_binary: bool) -> Result<ArrayRef> {
    let lists = call.columns[0].as_list::<i32>();
    let mut texts = StringBuilder::with_capacity(call.rows, 0);
    for list in lists.iter() {
        match list {
            Some(list) => {
                let text = of(list.as_string::<i32>())?;
                texts.append_value(if is_binary { normal(&text)? } else { text });
            }
            None => texts.append_null(),
        }
    }
    Ok(Arc::new(texts.finish()))
}

fn list(elements: &StringArray) -> Result<String> {
    let mut text = String::with_capacity(elements.value_data().len() + 2 * elements.len() + 2);
    text.push('[');
    for (at, element) in elements.iter().enumerate() {
        let element = element.unwrap_or("null");
        if at > 0 {
            text.push_str(", ");
            text.push_str(element);
        } else {
            text.push_str(element.strip_prefix(LINE).unwrap_or(element));
        }
    }
    text.push(']');
    Ok(text)
}

fn of_members(members: &StringArray) -> Result<String> {
    let mut text = String::with_capacity(members.value_data().len() + 2 * members.len() + 4);
    text.push_str("{ ");
    for (at, member) in members.iter().enumerate() {
        let Some(member) = member else { return exec_err!("field name must not be null") };
        text.push_str(if at > 0 { ", " } else { "" });
        text.push_str(member);
    }
    text.push_str(" }");
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_are_where_postgres_has_them() {
        let column = |text: Option<&str>| StringArray::from(vec![text]);
        let (name, value, other, none) = (column(Some("\"a\"")), column(Some("1")), column(Some("2")), column(None));
        let columns = [&name, &value, &other, &none];
        assert_eq!(object(&columns, 0, &SPACED).unwrap(), r#"{"a" : 1, "2" : null}"#);
        assert_eq!(object(&columns, 0, &DENSE).unwrap(), r#"{"a":1,"2":null}"#);
        assert_eq!(array(&columns, 0).unwrap(), r#"["a", 1, 2, null]"#);
        assert!(object(&[&none, &value], 0, &DENSE).is_err());
        let elements = StringArray::from(vec![Some("\n [1]"), None, Some("\n [2]")]);
        assert_eq!(list(&elements).unwrap(), "[[1], null, \n [2]]");
        assert_eq!(of_members(&StringArray::from(vec!["\"a\" : 1", "\"b\" : 2"])).unwrap(), r#"{ "a" : 1, "b" : 2 }"#);
        assert!(of_members(&none).is_err());
    }
}
