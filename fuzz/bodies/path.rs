//! Paths of meters: any text is a path or an error, and a path finds in any data what RFC 6901 says it names.
//!
//! The first line is the path, the rest is an event's `data`.

use arrow::array::{Array, AsArray};
use arrow::datatypes::{DataType, Decimal128Type, Int32Type};
use engine::event::batch::{EventBatch, Texts};
use engine::event::cloudevents::{Context, Decoder, Form, Limits};
use engine::event::rest;
use engine::path::{JsonPath, PATH_BYTES_MAX, members};
use engine::units::Units;

const CONTEXT: Context<'static> =
    Context { tenant: Some("t"), platform: false, now_us: 0, past_max_us: None, future_max_us: i64::MAX };

pub(crate) fn run(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let (path, data) = text.split_once('\n').unwrap_or((text, ""));
    let path = match JsonPath::parse(path) {
        Ok(path) => path,
        Err(error) => return assert!(error.at <= path.len(), "{error}"),
    };
    let pointer = path.pointer();
    assert!(!path.members().is_empty());
    assert_eq!(members(&pointer).collect::<Vec<_>>(), path.members());

    // Lines of the body are events, so `data` must be one line.
    let data = data.replace(['\n', '\r'], " ");
    let event = format!(r#"{{"specversion":"1.0","id":"1","source":"s","type":"e","data":{data}}}"#);
    let decoded = Decoder::new(Limits::default()).decode(event.as_bytes(), Form::Single, &CONTEXT);
    let Some(batch) = decoded.ok().map(|decoded| decoded.batch).filter(|batch| batch.len() == 1) else { return };
    let Ok(data) = serde_json::from_str::<serde_json::Value>(&data) else { return };
    // Longer pointers have no column: what is below them is in the leftovers of an object above.
    if pointer.len() <= PATH_BYTES_MAX {
        check(&batch, &pointer, data.pointer(&pointer).filter(|_| data.is_object()));
    }
}

fn check(batch: &EventBatch, pointer: &str, expect: Option<&serde_json::Value>) {
    use serde_json::Value;
    let column = batch.data(pointer).filter(|column| column.is_valid(0));
    let leftovers = batch.rest().filter(|rest| rest.is_valid(0)).map_or("", |rest| rest.value(0));
    let leftover = rest::members(leftovers).find(|(name, _)| name == pointer).map(|(_, json)| json);
    assert!(column.is_none() || leftover.is_none(), "{pointer} is there twice");
    match (expect, column) {
        (Some(Value::String(text)), Some(column)) if column.as_dictionary_opt::<Int32Type>().is_some() => {
            assert_eq!(Texts::new(column.as_dictionary::<Int32Type>()).get(0), Some(text.as_str()));
        }
        (Some(Value::Bool(truth)), Some(column)) if *column.data_type() == DataType::Boolean => {
            assert_eq!(column.as_boolean().value(0), *truth);
        }
        (Some(Value::Number(number)), Some(column)) => {
            let units = Units(column.as_primitive::<Decimal128Type>().value(0)).to_string();
            let (found, expect) = (units.parse::<f64>().expect("units are a number"), number.as_f64());
            // The oracle reads floats, to within the last digits.
            assert!(
                expect.is_some_and(|expect| (found - expect).abs() <= expect.abs() * 1e-14),
                "{units} for {number}"
            );
        }
        (Some(Value::Object(members)), None) if !members.is_empty() => assert_eq!(leftover, None),
        (Some(expect), None) => {
            let leftover = leftover.expect("a member without a column is a leftover");
            assert_eq!(&serde_json::from_str::<Value>(&leftover).expect("leftovers are JSON"), expect);
        }
        (None, None) => assert!(leftover.is_none() || !pointer.starts_with('/'), "{pointer} is nowhere in the data"),
        (expect, Some(column)) => panic!("{} for {expect:?}", column.data_type()),
    }
}
