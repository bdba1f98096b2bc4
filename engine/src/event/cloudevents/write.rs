//! Events of a batch as CloudEvents 1.0 in JSON, a line each: what a batch is sent on as, nothing left out.
//!
//! Read again they are the same events: extension attributes, binary data, and that an event had no time of its own are
//! among the leftovers and come out of them. Not here: HTTP, compression.

use std::fmt::Write;

use arrow::array::Array;

use crate::event::batch::EventBatch;
use crate::event::instant::rfc3339;
use crate::event::json::data_json;
use crate::event::rest;
use crate::event::value::push_text;

/// Name of binary data among the leftovers.
pub(super) const BINARY: &str = "/data_base64";

/// The events as NDJSON.
pub fn lines(batch: &EventBatch) -> String {
    let data = data_json(batch);
    let mut out = String::with_capacity(batch.len() * 256);
    for row in 0..batch.len() {
        let leftovers = batch.rest().filter(|column| column.is_valid(row)).map_or("", |column| column.value(row));
        out.push_str("{\"specversion\":\"1.0\"");
        let texts = [
            ("id", Some(batch.ids().value(row))),
            ("source", batch.sources().get(row)),
            ("type", batch.types().get(row)),
            ("tenant", batch.tenants().get(row)),
            ("subject", batch.subjects().get(row)),
        ];
        for (name, text) in texts {
            let Some(text) = text else { continue };
            push_name(&mut out, name);
            push_text(&mut out, text);
        }
        if !rest::members(leftovers).any(|(name, _)| name == rest::TIME)
            && let Some(time) = rfc3339(batch.times().value(row))
        {
            push_name(&mut out, "time");
            push_text(&mut out, &time);
        }
        let mut members = 0;
        let mut binary = None;
        for (name, json) in rest::members(leftovers) {
            if rest::is_data(&name) {
                members += 1;
                binary = (name == BINARY && json.starts_with('"')).then_some(json);
            } else if name != rest::TIME {
                push_name(&mut out, &name);
                out.push_str(&json);
            }
        }
        let whole = data.is_valid(row).then(|| data.value(row));
        match (binary, whole) {
            (Some(binary), Some(whole)) if members == 1 && is_alone(&binary, whole) => {
                push_name(&mut out, "data_base64");
                out.push_str(&binary);
            }
            (_, Some(whole)) => {
                push_name(&mut out, "data");
                out.push_str(whole);
            }
            _ => {}
        }
        out.push_str("}\n");
    }
    out
}

/// Whether the binary data is all that `data` shows.
fn is_alone(binary: &str, data: &str) -> bool {
    data.len() == binary.len() + r#"{"data_base64":}"#.len()
}

fn push_name(out: &mut String, name: &str) {
    // Names of attributes need no escapes, and writing to a string can't fail.
    let _ = write!(out, ",\"{name}\":");
}
