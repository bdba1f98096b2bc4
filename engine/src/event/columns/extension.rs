//! Columns that are further attributes: those whose names begin with `ce-`, as HTTP's headers do in binary mode.
//!
//! Texts, booleans and whole numbers of 32 bits, kept as they came. Null is an attribute that is not there. Not here:
//! attributes that have a column of their own.

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int32Type};

use super::super::batch::{SchemaError, Texts};
use super::super::cloudevents::Limits;
use super::super::cloudevents::attributes::{controls, invalid, too_long};
use super::super::syntax::{is_attribute_name, is_media_type, is_string, is_uri};
use super::super::value::push_text;
use super::leftover::Leftovers;
use super::{Refused, attribute, refuse};
use crate::admission::Rejection;

/// What the names of such columns begin with.
pub(super) const PREFIX: &str = "ce-";

/// Adds the attribute `name`, whose column the batch calls `column_name`.
pub(super) fn add(
    column_name: &str,
    name: &str,
    column: &ArrayRef,
    limits: &Limits,
    leftovers: &mut Leftovers,
    refused: &mut Refused,
) -> Result<(), SchemaError> {
    const OWN: [&str; 8] = ["specversion", "id", "source", "type", "subject", "time", "tenant", "data"];
    if OWN.contains(&name) || !is_attribute_name(name) {
        return refuse(column_name, "names no further attribute; use a-z and 0-9 only behind ce-");
    }
    match column.data_type() {
        DataType::Null => {}
        DataType::Boolean => {
            for (row, truth) in column.as_boolean().iter().enumerate() {
                let Some(truth) = truth else { continue };
                leftovers.add(row, name, |json| json.push_str(if truth { "true" } else { "false" }));
            }
        }
        whole if whole.is_integer() => {
            let fits = cast(column, &DataType::Int32);
            let Ok(numbers) = fits else {
                return refuse(column_name, format!("{whole} is not taken; cast it to text"));
            };
            let numbers = numbers.as_primitive::<Int32Type>();
            for row in (0..column.len()).filter(|row| column.is_valid(*row)) {
                if numbers.is_null(row) {
                    refused.row(row, || invalid(name, "is no whole number of 32 bits; send it as text"));
                    continue;
                }
                leftovers.add(row, name, |json| json.push_str(&numbers.value(row).to_string()));
            }
        }
        text if attribute::is_text(text) => {
            let texts = attribute::texts(column_name, column)?;
            let texts = Texts::new(&texts);
            for row in 0..column.len() {
                let Some(text) = texts.get(row) else { continue };
                match judge(name, text, limits) {
                    Some(rejection) => refused.row(row, || rejection),
                    None => leftovers.add(row, name, |json| push_text(json, text)),
                }
            }
        }
        other => {
            return refuse(column_name, format!("expected text, a boolean or a whole number, found {other}; cast it"));
        }
    }
    Ok(())
}

fn judge(name: &str, text: &str, limits: &Limits) -> Option<Rejection> {
    if text.len() > limits.attribute_bytes_max {
        return Some(too_long(name, limits));
    }
    if !is_string(text) {
        return Some(controls(name));
    }
    match name {
        "datacontenttype" if !is_media_type(text) => Some(invalid(name, "is no media type (RFC 2046)")),
        "dataschema" if !is_uri(text) => Some(invalid(name, "is no URI (RFC 3986)")),
        _ => None,
    }
}
