//! The JSON door: any body is answered event by event, and what is admitted is what was sent.
//!
//! The first byte chooses form, credential and limits; the rest is the body.

use std::borrow::Cow;

use arrow::array::Array;
use engine::event::batch::EventBatch;
use engine::event::builder::{Attributes, EventBatchBuilder};
use engine::event::cloudevents::{Context, DecodeError, Decoded, Decoder, Form, Limits, Members};
use engine::event::{encoding, fingerprint, ipc, json, rest};
use engine::units::Units;

const SEED: u64 = 7;
const PLATFORM: Context<'static> =
    Context { tenant: None, platform: true, now_us: 1_790_000_000_000_000, past_max_us: None, future_max_us: i64::MAX };
const TENANT: Context<'static> = Context {
    tenant: Some("t"),
    platform: false,
    past_max_us: Some(86_400_000_000),
    future_max_us: 60_000_000,
    ..PLATFORM
};
const NARROW: Limits = Limits {
    body_bytes_max: 4096,
    events_max: 3,
    event_bytes_max: 300,
    attribute_bytes_max: 20,
    depth_max: 4,
    expanded_bytes_max: 4096,
};

pub(crate) fn run(input: &[u8]) {
    let Some((&choice, body)) = input.split_first() else { return };
    let form = [Form::Single, Form::Batch, Form::Ndjson][usize::from(choice) % 3];
    let context = if choice & 0x80 == 0 { PLATFORM } else { TENANT };
    let limits = if choice & 0x40 == 0 { Limits::default() } else { NARROW };
    let mut decoder = Decoder::new(limits);
    let first = decoder.decode(body, form, &context);
    assert_same(&first, &decoder.decode(body, form, &context));

    let sent = events(body, form);
    let decoded = match first {
        Ok(decoded) => decoded,
        Err(DecodeError::Malformed { position, .. }) => {
            assert!(position <= body.len(), "byte {position} of {}", body.len());
            assert!(form != Form::Batch || sent.is_none(), "an array of values is a batch");
            return;
        }
        Err(DecodeError::TooLarge { bytes_max }) => return assert!(body.len() > bytes_max),
        Err(DecodeError::TooMany { events_max }) => return assert!(sent.is_none_or(|sent| sent.len() > events_max)),
    };
    check_answered_once(&decoded, sent.as_deref());
    check_columns(&decoded.batch);
    let Some(sent) = sent else { return };
    let (keys, payloads) = (fingerprint::keys(&decoded.batch, SEED), fingerprint::payloads(&decoded.batch, SEED));
    for (row, &index) in decoded.index.iter().enumerate() {
        let text = sent[index as usize];
        check_row(&decoded.batch, row, text);
        // An event is the same one whatever it is sent with.
        let alone = decoder.decode(text, Form::Single, &context).expect("an admitted event is one of its own");
        assert_eq!(fingerprint::keys(&alone.batch, SEED), [keys[row]]);
        assert_eq!(fingerprint::payloads(&alone.batch, SEED), [payloads[row]]);
    }
}

fn assert_same(first: &Result<Decoded, DecodeError>, again: &Result<Decoded, DecodeError>) {
    match (first, again) {
        (Ok(first), Ok(again)) => {
            assert_eq!((&first.index, &first.rejected), (&again.index, &again.rejected));
            assert_eq!(first.batch, again.batch);
        }
        (Err(first), Err(again)) => assert_eq!(first, again),
        _ => panic!("one body, two answers: {first:?} and {again:?}"),
    }
}

/// The events' texts, where an independent look can tell them apart.
fn events(body: &[u8], form: Form) -> Option<Vec<&[u8]>> {
    match form {
        Form::Single => Some(vec![body]),
        Form::Ndjson => {
            let lines = body.split(|byte| matches!(byte, b'\n' | b'\r')).map(encoding::trimmed);
            Some(lines.filter(|line| !line.is_empty()).collect())
        }
        Form::Batch => {
            let body = std::str::from_utf8(encoding::trimmed(body)).ok()?;
            let count = serde_json::from_str::<Vec<serde_json::Value>>(body).ok()?.len();
            let texts = sonic_rs::to_array_iter(body).map(|value| match value.ok()?.as_raw_cow() {
                Cow::Borrowed(text) => Some(text.as_bytes()),
                Cow::Owned(_) => None,
            });
            texts.collect::<Option<Vec<_>>>().filter(|texts| texts.len() == count)
        }
    }
}

/// I5: each event is a row or a rejection, and only one of them.
fn check_answered_once(decoded: &Decoded, sent: Option<&[&[u8]]>) {
    assert_eq!(decoded.index.len(), decoded.batch.len());
    let rejected: Vec<u32> = decoded.rejected.iter().map(|rejected| rejected.index).collect();
    assert!(decoded.index.is_sorted() && rejected.is_sorted(), "answers are in order");
    let mut answered = [decoded.index.as_slice(), &rejected].concat();
    answered.sort_unstable();
    let count = sent.map_or(answered.len(), <[&[u8]]>::len);
    assert_eq!(answered, (0..count as u32).collect::<Vec<_>>());
}

/// What the log stores, and what the lake puts together again, are the same events.
fn check_columns(batch: &EventBatch) {
    let (keys, payloads) = (fingerprint::keys(batch, SEED), fingerprint::payloads(batch, SEED));
    let data = json::data_json(batch);
    let logged = ipc::decode(&ipc::encode(batch).expect("a batch is encoded")).expect("what was encoded decodes");
    assert_eq!(json::data_json(&logged), data);
    assert_eq!(fingerprint::keys(&logged, SEED), keys);
    assert_eq!(fingerprint::payloads(&logged, SEED), payloads);

    let (mut members, mut builder) = (Members::default(), EventBatchBuilder::new());
    for row in 0..batch.len() {
        if data.is_valid(row) {
            members.stage(data.value(row), &mut builder).expect("data is JSON");
        }
        let leftovers = batch.rest().filter(|rest| rest.is_valid(row)).map_or("", |rest| rest.value(row));
        for (name, json) in rest::members(leftovers).filter(|(name, _)| !rest::is_data(name)) {
            builder.json(&name, &json);
        }
        builder.commit(Attributes {
            tenant: batch.tenants().get(row).expect("a tenant is never null"),
            id: batch.ids().value(row),
            source: batch.sources().get(row).expect("a source is never null"),
            event_type: batch.types().get(row).expect("a type is never null"),
            subject: batch.subjects().get(row),
            time_us: batch.times().value(row),
        });
    }
    let replayed = builder.finish();
    assert_eq!(json::data_json(&replayed), data);
    assert_eq!(fingerprint::keys(&replayed, SEED), keys);
    assert_eq!(fingerprint::payloads(&replayed, SEED), payloads);
}

/// The row says what the event's text says.
fn check_row(batch: &EventBatch, row: usize, text: &[u8]) {
    let text = std::str::from_utf8(encoding::trimmed(text)).expect("an admitted event is UTF-8");
    let members: Vec<_> = sonic_rs::to_object_iter(text).map(|member| member.expect("it is JSON")).collect();
    let member = |name: &str| members.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_raw_str());
    let attribute = |name: &str| {
        let json = member(name).filter(|json| *json != "null")?;
        Some(sonic_rs::from_str::<String>(json).expect("an attribute is a string"))
    };
    assert_eq!(attribute("id").as_deref(), Some(batch.ids().value(row)));
    assert_eq!(attribute("source").as_deref(), batch.sources().get(row));
    assert_eq!(attribute("type").as_deref(), batch.types().get(row));
    assert_eq!(attribute("subject").as_deref(), batch.subjects().get(row));
    if let Some(tenant) = attribute("tenant").filter(|tenant| !tenant.is_empty()) {
        assert_eq!(Some(tenant.as_str()), batch.tenants().get(row));
    }
    let data = json::data_json(&batch.slice(row, 1));
    let found = data.is_valid(0).then(|| canonical(data.value(0)));
    let expect = match (member("data"), attribute("data_base64")) {
        (Some(data), _) => Some(canonical(data)),
        (None, Some(data)) => Some(canonical(&format!(r#"{{"data_base64":"{data}"}}"#))),
        (None, None) => None,
    };
    assert_eq!(found, expect);
}

/// JSON with one spelling: members sorted, no space, numbers that are quantities as those.
fn canonical(json: &str) -> String {
    let json = json.trim_ascii();
    match json.as_bytes()[0] {
        b'{' => {
            let member = |member: sonic_rs::Result<(Cow<'_, str>, sonic_rs::LazyValue<'_>)>| {
                let (name, value) = member.expect("data is JSON");
                (name.into_owned(), canonical(value.as_raw_str()))
            };
            let mut members: Vec<(String, String)> = sonic_rs::to_object_iter(json).map(member).collect();
            members.sort();
            let members: Vec<_> = members.iter().map(|(name, value)| format!("{name:?}:{value}")).collect();
            format!("{{{}}}", members.join(","))
        }
        b'[' => {
            let elements =
                sonic_rs::to_array_iter(json).map(|value| canonical(value.expect("data is JSON").as_raw_str()));
            format!("[{}]", elements.collect::<Vec<_>>().join(","))
        }
        b'"' => format!("{:?}", sonic_rs::from_str::<String>(json).expect("a string of data has whole escapes")),
        _ => Units::parse(json).map_or_else(|_| json.to_owned(), |units| units.to_string()),
    }
}
