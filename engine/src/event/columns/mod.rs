//! Loose Arrow columns as events: what a producer that has columns already sends, without a text in between.
//!
//! `id`, `source` and `type` are texts and required; `subject`, `time` (a timestamp or date; without a zone it is UTC) and
//! `tenant` may be left out as in JSON. A column whose name begins with `ce-` is a further attribute ([`extension`]); every
//! other one is a member of `data` by its type ([`member`]): texts, numbers, booleans; times become RFC 3339 texts, structs
//! the members they have, lists leftovers. Null is an absent member. The same event has the same fingerprint as if it had
//! come as JSON.
//!
//! A column that can't be taken refuses the whole batch; a row that is no event is a rejection (I5). Numbers are exact:
//! floats by their shortest decimal form, as JSON writes them (I4). Works by column and allocates by batch. Limits hold for
//! what columns mean and not for the bytes that they come in ([`written`], I8).
//!
//! Not here: where columns come from, admission.

mod attribute;
mod extension;
mod leftover;
mod member;
mod written;

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, DictionaryArray, Int32Array, RecordBatch, StringArray};
use arrow::compute::filter;
use arrow::datatypes::{DataType, Field, Int32Type, Schema};

use super::batch::{EventBatch, SchemaError, Texts};
use super::cloudevents::{Context, Decoded, Limits, Rejected};
use super::rest;
use super::schema;
use crate::admission::{Reason, Rejection};
use crate::path::push_member;

pub use leftover::Json;
pub use written::Written;

use attribute::Attribute;
use leftover::Leftovers;
use member::Members;

/// Bytes that a row takes beside its texts and values.
const ROW_BYTES: u64 = 32;
/// Bytes of a number or a time, as columns or as text.
const PLAIN_BYTES: u64 = 16;

/// Decodes `columns`, all of them or, if one can't be taken, none.
///
/// # Errors
/// Names the column and what is wrong with it.
pub fn decode(columns: &RecordBatch, context: &Context<'_>, limits: &Limits) -> Result<Decoded, SchemaError> {
    let mut names = HashSet::new();
    for field in columns.schema_ref().fields() {
        if !names.insert(field.name()) {
            return refuse(field.name(), "is there twice");
        }
    }
    check_meaning(columns, limits)?;
    let find = |name: &str| columns.column_by_name(name);
    let id = attribute::ids(find("id"))?;
    let rows = columns.num_rows();
    let mut refused = Refused::new(rows);
    let mut leftovers = Leftovers::default();
    let required = |name| match find(name) {
        Some(column) => attribute::texts(name, column),
        None => refuse(name, "is missing; every event has it"),
    };

    let tenant = tenants(find("tenant"), rows, context)?;
    let source = required("source")?;
    let event_type = required("type")?;
    let subject = match find("subject") {
        Some(column) => attribute::texts("subject", column)?,
        None => DictionaryArray::try_new(Int32Array::new_null(rows), Arc::new(StringArray::from(Vec::<&str>::new())))
            .expect("no key is there that could be wrong"),
    };
    let time = attribute::times(find("time"), rows, context.now_us, &mut leftovers)?;
    for attribute in [
        Attribute { name: "tenant", texts: &tenant, required: true },
        Attribute { name: "source", texts: &source, required: true },
        Attribute { name: "type", texts: &event_type, required: true },
        Attribute { name: "subject", texts: &subject, required: false },
    ] {
        attribute.check(context, limits, &mut refused);
    }
    attribute::check_ids(&id, limits, &mut refused);
    let horizon = context.horizon();
    for (row, &time_us) in time.values().iter().enumerate() {
        if let Err(rejection) = horizon.check(time_us) {
            refused.row(row, || rejection);
        }
    }

    for (field, column) in columns.schema_ref().fields().iter().zip(columns.columns()) {
        if let Some(name) = field.name().strip_prefix(extension::PREFIX) {
            extension::add(field.name(), name, column, limits, &mut leftovers, &mut refused)?;
        }
    }
    let mut members = Members { found: Vec::new(), leftovers: &mut leftovers, refused: &mut refused, limits };
    for (field, column) in columns.schema_ref().fields().iter().zip(columns.columns()) {
        if field.name().starts_with(extension::PREFIX) {
            continue;
        }
        if !matches!(field.name().as_str(), "tenant" | "id" | "source" | "type" | "subject" | "time") {
            let mut pointer = String::new();
            push_member(&mut pointer, field.name());
            members.add(field.name(), pointer, column)?;
        }
    }
    let found = members.found;
    check_sizes(&id, &found, &leftovers, limits, &mut refused);

    let mut fields = schema::fixed_fields().to_vec();
    let time: ArrayRef = Arc::new(time.with_timezone("UTC"));
    let mut arrays: Vec<ArrayRef> = vec![
        Arc::new(tenant.clone()),
        Arc::new(attribute::without_nulls(&id)),
        Arc::new(source),
        Arc::new(event_type),
        Arc::new(subject),
        time,
    ];
    for (pointer, array) in found {
        fields.push(schema::data_field(&pointer, array.data_type().clone()));
        arrays.push(array);
    }
    if let Some(rest) = leftovers.column(rows) {
        fields.push(schema::rest_field());
        arrays.push(Arc::new(rest));
    }
    assemble(fields, arrays, refused, Texts::new(&tenant), &id)
}

fn refuse<T>(column: &str, reason: impl Into<String>) -> Result<T, SchemaError> {
    Err(SchemaError { column: column.to_owned(), reason: reason.into() })
}

/// The rows that are no events, each with the first reason that was found.
struct Refused {
    keep: Vec<bool>,
    rejections: Vec<(u32, Rejection)>,
}

impl Refused {
    /// Whether `row` is an event so far.
    fn keeps(&self, row: usize) -> bool {
        self.keep[row]
    }

    fn new(rows: usize) -> Self {
        Self { keep: vec![true; rows], rejections: Vec::new() }
    }

    fn row(&mut self, row: usize, rejection: impl FnOnce() -> Rejection) {
        if std::mem::replace(&mut self.keep[row], false) {
            self.rejections.push((row as u32, rejection()));
        }
    }
}

/// The column `tenant`, or the credential's tenant for every row.
fn tenants(
    column: Option<&ArrayRef>,
    rows: usize,
    context: &Context<'_>,
) -> Result<DictionaryArray<Int32Type>, SchemaError> {
    match (column, context.tenant) {
        (Some(column), None) => attribute::texts("tenant", column),
        (None, Some(own)) => {
            let keys = Int32Array::from(vec![0; rows]);
            Ok(DictionaryArray::try_new(keys, Arc::new(StringArray::from(vec![own]))).expect("0 is the one key"))
        }
        (Some(column), Some(own)) => attribute::filled(attribute::texts("tenant", column)?, own),
        (None, None) => refuse("tenant", "is missing; a platform credential names each event's tenant"),
    }
}

/// Refuses a batch that means more than one may, before anything of it is written out.
fn check_meaning(columns: &RecordBatch, limits: &Limits) -> Result<(), SchemaError> {
    let rows = columns.num_rows();
    let fixed = (rows as u64).saturating_mul(ROW_BYTES);
    let sum = |means: fn(&dyn Array) -> u64| {
        columns.columns().iter().fold(fixed, |sum, column| sum.saturating_add(means(column)))
    };
    let bytes_max = limits.expanded_bytes_max as u64;
    if sum(means_at_most) <= bytes_max {
        return Ok(());
    }
    let bytes = sum(means);
    if bytes <= bytes_max {
        return Ok(());
    }
    let largest = columns.schema_ref().fields().iter().zip(columns.columns()).max_by_key(|(_, column)| means(column));
    let name = largest.map_or("", |(field, _)| field.name());
    let reason = format!(
        "has most of the {bytes} bytes that the batch has when all of it is written out, of which {bytes_max} are taken; send \
         fewer rows at once"
    );
    refuse(name, reason)
}

/// Bytes of a column's values when they are written out.
fn means(column: &dyn Array) -> u64 {
    let rows = column.len() as u64;
    match column.data_type() {
        DataType::Null => 0,
        DataType::Boolean => rows,
        DataType::Struct(_) => {
            column.as_struct().columns().iter().fold(0, |sum, member| sum.saturating_add(means(member)))
        }
        plain if plain.is_primitive() => rows.saturating_mul(PLAIN_BYTES),
        _ => Written::of(column).total(column.len()),
    }
}

/// No less than [`means`], told by the longest value where keys say which values there are.
fn means_at_most(column: &dyn Array) -> u64 {
    match column.data_type() {
        DataType::Struct(_) => {
            column.as_struct().columns().iter().fold(0, |sum, member| sum.saturating_add(means_at_most(member)))
        }
        DataType::Dictionary(..) => {
            let values = column.as_any_dictionary().values();
            let written = Written::of(values);
            let longest = (0..values.len()).map(|at| written.bytes(at)).max().unwrap_or_default();
            (column.len() as u64).saturating_mul(longest.max(PLAIN_BYTES))
        }
        _ => means(column),
    }
}

/// Refuses events that are longer than one may be, counting the texts they hold.
fn check_sizes(
    id: &StringArray,
    found: &[(String, ArrayRef)],
    leftovers: &Leftovers,
    limits: &Limits,
    refused: &mut Refused,
) {
    let texts = || found.iter().filter_map(|(_, column)| column.as_dictionary_opt::<Int32Type>().map(Texts::new));
    let longest = |texts: &StringArray| texts.iter().flatten().map(str::len).max().unwrap_or(0);
    let longest_event: usize = texts().map(|texts| longest(texts.values)).sum::<usize>() + longest(id);
    if longest_event + leftovers.bytes() <= limits.event_bytes_max {
        return;
    }
    let mut bytes: Vec<usize> = (0..id.len()).map(|row| id.value_length(row) as usize).collect();
    leftovers.add_bytes(&mut bytes);
    for texts in texts() {
        for (row, bytes) in bytes.iter_mut().enumerate() {
            *bytes += texts.get(row).map_or(0, str::len);
        }
    }
    for (row, &bytes) in bytes.iter().enumerate() {
        if bytes > limits.event_bytes_max {
            refused.row(row, || too_large("", limits));
        }
    }
}

fn too_large(field: &str, limits: &Limits) -> Rejection {
    let detail = format!("the event is longer than {} bytes; move bulk elsewhere", limits.event_bytes_max);
    Rejection::new(Reason::TooLarge, field, detail)
}

fn assemble(
    fields: Vec<Arc<Field>>,
    mut arrays: Vec<ArrayRef>,
    refused: Refused,
    tenants: Texts<'_>,
    ids: &StringArray,
) -> Result<Decoded, SchemaError> {
    let Refused { keep, mut rejections } = refused;
    rejections.sort_by_key(|(row, _)| *row);
    let rejected = rejections.into_iter().map(|(index, rejection)| {
        let row = index as usize;
        let id = if ids.is_valid(row) { ids.value(row).to_owned() } else { String::new() };
        Rejected { index, tenant: tenants.get(row).unwrap_or_default().to_owned(), id, rejection }
    });
    let rejected: Vec<Rejected> = rejected.collect();
    let index = (0u32..).zip(&keep).filter(|(_, keep)| **keep).map(|(row, _)| row).collect();
    if !rejected.is_empty() {
        let keep = BooleanArray::from(keep);
        for array in &mut arrays {
            *array = filter(array, &keep).expect("the mask is as long as every column");
        }
    }
    let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays);
    let batch = batch.map_err(|error| SchemaError { column: String::new(), reason: error.to_string() })?;
    Ok(Decoded { batch: EventBatch::try_from(batch)?, index, rejected })
}

#[cfg(test)]
mod tests;
