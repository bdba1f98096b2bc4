//! JSON into columns, into bytes, and back.

use std::collections::BTreeMap;

use arrow::array::{Array, BooleanArray};
use engine::event::batch::EventBatch;
use engine::event::cloudevents::{Context, Decoder, Form, Limits};
use engine::event::{ipc, json, split};
use engine::units::Units;
use proptest::prelude::*;

/// JSON with numbers as they are written.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Json {
    Null,
    Boolean(bool),
    Number(String),
    Text(String),
    Array(Vec<Json>),
    Object(BTreeMap<String, Json>),
}

impl Json {
    fn write(&self, text: &mut String) {
        let space = if text.len().is_multiple_of(3) { " " } else { "" };
        text.push_str(space);
        match self {
            Self::Null => text.push_str("null"),
            Self::Boolean(truth) => text.push_str(&truth.to_string()),
            Self::Number(number) => text.push_str(number),
            Self::Text(content) => text.push_str(&serde_json::to_string(content).unwrap()),
            Self::Array(elements) => {
                text.push('[');
                for (at, element) in elements.iter().enumerate() {
                    text.push_str(if at > 0 { "," } else { "" });
                    element.write(text);
                }
                text.push(']');
            }
            Self::Object(members) => {
                text.push('{');
                for (at, (name, member)) in members.iter().enumerate() {
                    text.push_str(if at > 0 { "," } else { "" });
                    text.push_str(&serde_json::to_string(name).unwrap());
                    text.push(':');
                    member.write(text);
                }
                text.push('}');
            }
        }
        text.push_str(space);
    }

    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        self.write(&mut text);
        text
    }

    fn read(text: &str) -> Self {
        match text.as_bytes()[0] {
            b'n' => Self::Null,
            b't' | b'f' => Self::Boolean(text == "true"),
            b'"' => Self::Text(serde_json::from_str(text).unwrap()),
            b'[' => Self::Array(sonic_rs::to_array_iter(text).map(|e| Self::read(e.unwrap().as_raw_str())).collect()),
            b'{' => {
                let members = sonic_rs::to_object_iter(text).map(|member| {
                    let (name, value) = member.unwrap();
                    (name.into_owned(), Self::read(value.as_raw_str()))
                });
                Self::Object(members.collect())
            }
            _ => Self::Number(text.to_owned()),
        }
    }

    /// The same value with every number spelled one way.
    fn normal(self) -> Self {
        match self {
            Self::Number(text) => Self::Number(Units::parse(&text).map_or(text, |units| units.to_string())),
            Self::Array(elements) => Self::Array(elements.into_iter().map(Self::normal).collect()),
            Self::Object(members) => {
                Self::Object(members.into_iter().map(|(name, member)| (name, member.normal())).collect())
            }
            other => other,
        }
    }
}

/// Few names, so that events share columns and types clash.
fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("a".into()),
        Just("b".into()),
        Just("c/d".into()),
        Just("~0".into()),
        Just(String::new()),
        ".{0,3}"
    ]
}

pub(crate) fn any_json() -> impl Strategy<Value = Json> {
    let number = prop_oneof![
        Just("0".to_owned()),
        Just("-0.0".to_owned()),
        Just("1e400".to_owned()),
        Just("0.0000000001".to_owned()),
        "-?[1-9][0-9]{0,20}",
        "-?[0-9]\\.[0-9]{1,12}",
        "[1-9][eE][+-]?[0-9]{1,2}",
    ];
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::Boolean),
        number.prop_map(Json::Number),
        any::<String>().prop_map(Json::Text),
    ];
    leaf.prop_recursive(4, 24, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Json::Array),
            prop::collection::btree_map(name(), inner, 0..5).prop_map(Json::Object),
        ]
    })
}

pub(crate) const CONTEXT: Context<'static> =
    Context { tenant: None, platform: true, now_us: 0, past_max_us: None, future_max_us: i64::MAX };

/// Events of three tenants with these `data`.
pub(crate) fn batch(data: &[Option<Json>]) -> EventBatch {
    let line = |(at, data): (usize, &Option<Json>)| {
        let data = data.as_ref().map_or(String::new(), |data| format!(r#","data":{}"#, data.text()));
        let tenant = at % 3;
        format!(r#"{{"specversion":"1.0","id":"{at}","source":"/s","type":"t","tenant":"t{tenant}"{data}}}"#)
    };
    let body = data.iter().enumerate().map(line).collect::<Vec<_>>().join("\n");
    let decoded = Decoder::new(Limits::default()).decode(body.as_bytes(), Form::Ndjson, &CONTEXT).unwrap();
    assert_eq!(decoded.rejected, []);
    decoded.batch
}

fn data_of(batch: &EventBatch) -> Vec<Option<Json>> {
    json::data_json(batch).iter().map(|text| text.map(|text| Json::read(text).normal())).collect()
}

proptest! {
    #[test]
    fn data_comes_back_as_it_was(data in prop::collection::vec(prop::option::of(any_json()), 1..12)) {
        let batch = batch(&data);
        let expect: Vec<_> = data.into_iter().map(|data| data.map(Json::normal)).collect();
        prop_assert_eq!(&data_of(&batch), &expect);

        let bytes = ipc::encode(&batch).unwrap();
        prop_assert_eq!(&data_of(&ipc::decode(&bytes).unwrap()), &expect);
    }

    #[test]
    fn parts_of_a_batch_hold_its_rows(data in prop::collection::vec(prop::option::of(any_json()), 1..12), shards in 1u16..5) {
        let batch = batch(&data);
        let whole = data_of(&batch);
        let mut seen = vec![false; batch.len()];
        for (shard, part, rows) in split::split(&batch, shards) {
            prop_assert_eq!(part.len(), rows.len());
            let part = ipc::decode(&ipc::encode(&part).unwrap()).unwrap();
            for (at, (row, data)) in rows.iter().zip(data_of(&part)).enumerate() {
                prop_assert_eq!(split::shard_of(part.tenants().get(at).unwrap(), shards), shard);
                prop_assert_eq!(part.ids().value(at), row.to_string());
                prop_assert_eq!(&data, &whole[*row as usize]);
                prop_assert!(!std::mem::replace(&mut seen[*row as usize], true));
            }
        }
        prop_assert!(seen.into_iter().all(|seen| seen));
    }
}

#[test]
fn what_was_filtered_away_is_not_encoded() {
    let text = |n: usize| Json::Text(format!("{n:0100}"));
    let data: Vec<_> = (0..1000).map(|n| Some(Json::Object([(format!("m{}", n % 2), text(n))].into()))).collect();
    let whole = batch(&data);
    let one = whole.filter(&BooleanArray::from_iter((0..1000).map(|row| Some(row == 7)))).unwrap();
    let bytes = ipc::encode(&one).unwrap();
    assert!(bytes.len() < 4096, "{} bytes for one event", bytes.len());
    let back = ipc::decode(&bytes).unwrap();
    assert_eq!(data_of(&back), [data[7].clone()]);
    assert!(back.data("/m0").is_none(), "a column without values is not encoded");
    assert_eq!(back.tenants().values.len(), 1);
}

#[test]
fn a_batch_without_rows_is_encoded_too() {
    let none = batch(&[None]).slice(0, 0);
    assert_eq!(ipc::decode(&ipc::encode(&none).unwrap()).unwrap().len(), 0);
}
