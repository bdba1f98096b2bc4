//! The JSON door beside a decoder that is as simple as it is slow: both say the same about every event.
//!
//! Events are generated with what goes wrong in practice and then damaged. Not here: escapes that name no character,
//! which the simple decoder's parser takes for broken JSON, and how a body is cut into events.

use std::collections::HashSet;
use std::fmt;

use engine::admission::Reason;
use engine::event::cloudevents::{Context, Decoder, Form, Limits};
use engine::event::json::data_json;
use proptest::prelude::*;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

const TIME_US: i64 = 1_700_000_000_000_000;
const TENANT: Context<'static> =
    Context { tenant: Some("acme"), platform: false, now_us: TIME_US, past_max_us: Some(1), future_max_us: 1 };

/// JSON with members as they were written.
#[derive(Debug, Clone, PartialEq)]
enum Json {
    Null,
    Boolean(bool),
    Number(f64),
    Text(String),
    Array(Vec<Json>),
    Object(Vec<(String, Json)>),
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Json;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("JSON")
            }

            fn visit_unit<E>(self) -> Result<Json, E> {
                Ok(Json::Null)
            }

            fn visit_bool<E>(self, truth: bool) -> Result<Json, E> {
                Ok(Json::Boolean(truth))
            }

            fn visit_u64<E>(self, number: u64) -> Result<Json, E> {
                Ok(Json::Number(number as f64))
            }

            fn visit_i64<E>(self, number: i64) -> Result<Json, E> {
                Ok(Json::Number(number as f64))
            }

            fn visit_f64<E>(self, number: f64) -> Result<Json, E> {
                Ok(Json::Number(number))
            }

            fn visit_str<E>(self, text: &str) -> Result<Json, E> {
                Ok(Json::Text(text.to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Json, A::Error> {
                let mut array = Vec::new();
                while let Some(element) = elements.next_element()? {
                    array.push(element);
                }
                Ok(Json::Array(array))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Json, A::Error> {
                let mut object = Vec::new();
                while let Some(member) = members.next_entry()? {
                    object.push(member);
                }
                Ok(Json::Object(object))
            }
        }
        deserializer.deserialize_any(Any)
    }
}

impl Json {
    fn member(&self, name: &str) -> Option<&Json> {
        let Self::Object(members) = self else { return None };
        members.iter().find(|(other, _)| other == name).map(|(_, member)| member)
    }

    /// Whether an object that becomes columns has a name twice.
    fn repeats(&self) -> bool {
        let Self::Object(members) = self else { return false };
        let names: HashSet<&str> = members.iter().map(|(name, _)| name.as_str()).collect();
        names.len() < members.len() || members.iter().any(|(_, member)| member.repeats())
    }

    /// With members in one order.
    fn sorted(self) -> Self {
        match self {
            Self::Array(elements) => Self::Array(elements.into_iter().map(Self::sorted).collect()),
            Self::Object(members) => {
                let mut members: Vec<_> = members.into_iter().map(|(name, member)| (name, member.sorted())).collect();
                members.sort_by(|(a, _), (b, _)| a.cmp(b));
                Self::Object(members)
            }
            other => other,
        }
    }
}

#[derive(Debug, PartialEq)]
struct Event {
    id: String,
    source: String,
    event_type: String,
    subject: Option<String>,
    time_us: i64,
    data: Option<Json>,
}

type Refusal = (Reason, String);

/// Whether the number is spelled without point and exponent, and has 32 bits.
fn is_whole(number: &serde_json::Value) -> bool {
    let minus_zero = number.as_f64().is_some_and(|number| number == 0.0 && number.is_sign_negative());
    minus_zero || number.as_i64().is_some_and(|number| i32::try_from(number).is_ok())
}

fn naive(text: &str) -> Result<Event, Refusal> {
    let spelled: serde_json::Value = serde_json::from_str(text).unwrap_or_default();
    let refuse = |reason, field: &str| Err((reason, field.to_owned()));
    let Ok(event @ Json::Object(_)) = serde_json::from_str(text) else { return refuse(Reason::Malformed, "") };
    let Json::Object(members) = &event else { unreachable!() };
    let names: HashSet<&str> = members.iter().map(|(name, _)| name.as_str()).collect();
    if names.len() < members.len() {
        return refuse(Reason::Malformed, "");
    }
    let text = |name: &str| match event.member(name) {
        None | Some(Json::Null) => Ok(None),
        Some(Json::Text(text)) => Ok(Some(text.clone())),
        Some(_) => Err((Reason::InvalidAttribute, name.to_owned())),
    };
    let attribute = |name: &str| match text(name)? {
        Some(text) if text.is_empty() || text.contains(char::is_control) => {
            Err((Reason::InvalidAttribute, name.to_owned()))
        }
        text => Ok(text),
    };
    let required = |name: &str| attribute(name)?.ok_or_else(|| (Reason::MissingAttribute, name.to_owned()));
    if required("specversion")? != "1.0" {
        return refuse(Reason::InvalidAttribute, "specversion");
    }
    if !matches!(text("tenant")?.as_deref(), None | Some("" | "acme")) {
        return refuse(Reason::TenantMismatch, "tenant");
    }
    let subject = attribute("subject")?;
    let time_us = match text("time")?.as_deref() {
        None | Some("2023-11-14T22:13:20Z" | "2023-11-14T23:13:20+01:00") => TIME_US,
        Some("2023-11-14T22:13:19Z") => TIME_US - 1_000_000,
        Some("2023-11-14T22:13:21Z") => TIME_US + 1_000_000,
        Some(_) => return refuse(Reason::InvalidAttribute, "time"),
    };
    for (name, value) in members {
        let core = ["specversion", "id", "source", "type", "subject", "time", "tenant", "data"];
        if core.contains(&name.as_str()) {
            continue;
        }
        let named_well = !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        let fits = match value {
            Json::Array(_) | Json::Object(_) => false,
            Json::Text(text) => !text.contains(char::is_control),
            Json::Number(_) => is_whole(&spelled[name]),
            Json::Null | Json::Boolean(_) => true,
        };
        if !named_well || !fits {
            return refuse(Reason::InvalidAttribute, name);
        }
    }
    let (id, source, event_type) = (required("id")?, required("source")?, required("type")?);
    // A colon in the first segment would end a scheme.
    let has_scheme = source.split('/').next().is_some_and(|first| first.contains(':'));
    if has_scheme
        || !source.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b',' | b'~' | b':'))
    {
        return refuse(Reason::InvalidAttribute, "source");
    }
    if time_us != TIME_US {
        return refuse(if time_us < TIME_US { Reason::TooOld } else { Reason::TooNew }, "time");
    }
    let data = event.member("data").cloned();
    if data.as_ref().is_some_and(Json::repeats) {
        return refuse(Reason::Malformed, "data");
    }
    Ok(Event { id, source, event_type, subject, time_us, data: data.map(Json::sorted) })
}

fn ours(body: &str, form: Form) -> Vec<Result<Event, Refusal>> {
    let decoded = Decoder::new(Limits::default()).decode(body.as_bytes(), form, &TENANT).unwrap();
    let batch = &decoded.batch;
    let data = data_json(batch);
    let row = |(row, index): (usize, &u32)| {
        let event = Event {
            id: batch.ids().value(row).to_owned(),
            source: batch.sources().get(row).unwrap().to_owned(),
            event_type: batch.types().get(row).unwrap().to_owned(),
            subject: batch.subjects().get(row).map(str::to_owned),
            time_us: batch.times().value(row),
            data: data.iter().nth(row).unwrap().map(|json| serde_json::from_str::<Json>(json).unwrap().sorted()),
        };
        assert_eq!(batch.tenants().get(row), Some("acme"));
        (*index, Ok(event))
    };
    let refused = decoded.rejected.into_iter();
    let refused = refused.map(|r| (r.index, Err((r.rejection.reason, r.rejection.field.to_string()))));
    let mut all: Vec<_> = decoded.index.iter().enumerate().map(row).chain(refused).collect();
    all.sort_by_key(|(index, _)| *index);
    assert!(all.iter().map(|(index, _)| *index).eq(0..all.len() as u32));
    all.into_iter().map(|(_, event)| event).collect()
}

fn space() -> impl Strategy<Value = &'static str> {
    prop_oneof![8 => Just(""), 1 => Just(" "), 1 => Just("\t\r ")]
}

fn text() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        Just("a"),
        Just("longer than a word"),
        Just("é"),
        Just("😀"),
        Just("}"),
        Just(","),
        Just("]"),
        Just("/"),
        Just("~1"),
        Just("\\n"),
        Just("\\\""),
        Just("\\\\"),
        Just("\\/"),
        Just("\\u0041"),
        Just("\\uD83d\\ude00"),
    ];
    prop::collection::vec(part, 0..4).prop_map(|parts| format!("\"{}\"", parts.concat()))
}

/// Names and values, as an object; few names, so that some come twice.
fn object(members: Vec<(&'static str, String, String)>) -> String {
    let members = members.into_iter().map(|(space, name, value)| format!("{space}{name}{space}:{space}{value}{space}"));
    format!("{{{}}}", members.collect::<Vec<_>>().join(","))
}

fn value() -> impl Strategy<Value = String> {
    const WORDS: &[&str] =
        &["0", "-0", "1.5", "-12.000000001", "1e3", "25E-2", "123456", "true", "false", "null", "{}", "[ ]"];
    const BROKEN: &[&str] =
        &["01", "1.", "-", "1e", "tru", "nulll", "+1", "'a'", "\"\t\"", "\"\\x\"", "[1,]", "{,}", "{\"a\"}"];
    let leaf = prop_oneof![20 => text(), 20 => prop::sample::select(WORDS).prop_map(str::to_owned),
        1 => prop::sample::select(BROKEN).prop_map(str::to_owned)];
    leaf.prop_recursive(3, 16, 4, |inner| {
        let name = prop_oneof![
            prop::sample::select(&["\"a\"", "\"b\"", "\"c\"", "\"\\u0061\""][..]).prop_map(str::to_owned),
            text()
        ];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(|elements| format!("[{}]", elements.join(" ,"))),
            prop::collection::vec((space(), name, inner), 0..4).prop_map(object),
        ]
    })
}

fn event() -> impl Strategy<Value = String> {
    let fixed = |name: &'static str, values: &'static [&'static str]| {
        let value = prop_oneof![9 => Just(values[0].to_owned()), 2 => prop::sample::select(values).prop_map(str::to_owned), 1 => value()];
        prop::option::weighted(0.97, value.prop_map(move |value| (format!("\"{name}\""), value)))
    };
    let required = (
        fixed("specversion", &["\"1.0\"", "\"0.3\"", "\"1.\\u0030\""]),
        fixed("id", &["\"1\"", "\"\"", "null"]),
        fixed("source", &["\"/s\""]),
        fixed("type", &["\"t\"", "7"]),
        fixed("tenant", &["\"acme\"", "\"globex\"", "\"\"", "null"]),
        fixed(
            "time",
            &[
                "\"2023-11-14T22:13:20Z\"",
                "\"2023-11-14T23:13:20+01:00\"",
                "\"2023-11-14T22:13:19Z\"",
                "\"2023-11-14T22:13:21Z\"",
                "\"x\"",
                "null",
            ],
        ),
        prop::option::weighted(0.8, value().prop_map(|value| ("\"data\"".to_owned(), value))),
    );
    const NAMES: &[&str] = &["\"subject\"", "\"traceparent\"", "\"x1\"", "\"Bad\"", "\"\"", "\"i\\u0064\"", "\"data\""];
    let more = prop::collection::vec((prop::sample::select(NAMES).prop_map(str::to_owned), value()), 0..2);
    (required, more, prop::collection::vec(space(), 10)).prop_flat_map(|((a, b, c, d, e, f, g), more, spaces)| {
        let members: Vec<_> = [a, b, c, d, e, f, g].into_iter().flatten().chain(more).collect();
        let members = members.into_iter().zip(spaces).map(|((name, value), space)| (space, name, value));
        Just(members.collect::<Vec<_>>()).prop_shuffle().prop_map(object)
    })
}

fn damaged() -> impl Strategy<Value = String> {
    let damage = (
        any::<prop::sample::Index>(),
        prop::sample::select(&["", "{", "}", "[", "]", "\"", ",", ":", "\\", "0", " "][..]),
    );
    let damaged = (event(), prop::option::weighted(0.3, damage)).prop_map(|(event, damage)| match damage {
        None => event,
        Some((at, put)) => {
            let at = event.floor_char_boundary(at.index(event.len()));
            let cut = event[at..].chars().next().map_or(0, char::len_utf8);
            // A byte instead of nothing, or nothing instead of a character.
            let behind = if put.is_empty() { at + cut } else { at };
            format!("{}{put}{}", &event[..at], &event[behind..])
        }
    });
    let broken_escape = |event: &str| event.contains("\\u") && serde_json::from_str::<Json>(event).is_err();
    damaged.prop_filter("may have an escape that names no character", move |event| !broken_escape(event))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]
    #[test]
    fn the_simple_decoder_says_the_same(events in prop::collection::vec(damaged(), 1..8)) {
        let expect: Vec<_> = events.iter().map(|event| naive(event)).collect();
        // A CR ends a line.
        prop_assert_eq!(ours(&events.join("\n").replace('\r', " "), Form::Ndjson), &expect[..]);
        let whole: Vec<_> = events.iter().zip(expect).filter(|(_, expect)| !matches!(expect, Err((Reason::Malformed, field)) if field.is_empty())).collect();
        let body = format!("[{}]", whole.iter().map(|(event, _)| event.as_str()).collect::<Vec<_>>().join(" , "));
        let expect: Vec<_> = whole.into_iter().map(|(_, expect)| expect).collect();
        prop_assert_eq!(ours(&body, Form::Batch), expect);
    }
}
