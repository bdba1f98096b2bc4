//! Keys and payloads depend on what an event says, and on nothing else.

use std::collections::HashSet;

use engine::event::batch::EventBatch;
use engine::event::builder::{Attributes, EventBatchBuilder};
use engine::event::cloudevents::{Context, Decoder, Form, Limits};
use engine::event::{fingerprint, ipc};
use engine::units::Units;
use proptest::prelude::*;

use super::event_round_trip::{CONTEXT, any_json, batch};

const SEED: u64 = 42;
const ATTRIBUTES: Attributes<'static> =
    Attributes { tenant: "t", id: "1", source: "s", event_type: "e", subject: None, time_us: 5 };

fn one(attributes: Attributes<'_>, stage: impl Fn(&mut EventBatchBuilder)) -> EventBatch {
    let mut builder = EventBatchBuilder::new();
    stage(&mut builder);
    builder.commit(attributes);
    builder.finish()
}

fn payload(attributes: Attributes<'_>, stage: impl Fn(&mut EventBatchBuilder)) -> u64 {
    fingerprint::payloads(&one(attributes, stage), SEED)[0]
}

#[test]
fn tenant_source_and_id_each_make_another_key() {
    let key =
        |tenant, source, id| fingerprint::keys(&one(Attributes { tenant, source, id, ..ATTRIBUTES }, |_| {}), SEED)[0];
    let keys = [key("t", "s", "1"), key("t", "s1", ""), key("ts", "", "1"), key("", "ts", "1"), key("s", "t", "1")];
    assert_eq!(keys.iter().collect::<HashSet<_>>().len(), keys.len());
    assert_eq!(key("t", "s", "1"), keys[0]);
    assert_ne!(fingerprint::keys(&one(ATTRIBUTES, |_| {}), SEED + 1)[0], keys[0]);
}

#[test]
fn each_part_of_what_is_said_makes_another_payload() {
    let said = [
        payload(ATTRIBUTES, |_| {}),
        payload(Attributes { event_type: "f", ..ATTRIBUTES }, |_| {}),
        payload(Attributes { subject: Some(""), ..ATTRIBUTES }, |_| {}),
        payload(Attributes { time_us: 6, ..ATTRIBUTES }, |_| {}),
        payload(ATTRIBUTES, |row| row.text("/a", "1")),
        payload(ATTRIBUTES, |row| row.units("/a", Units::whole(1))),
        payload(ATTRIBUTES, |row| row.units("/b", Units::whole(1))),
        payload(ATTRIBUTES, |row| row.boolean("/a", true)),
        payload(ATTRIBUTES, |row| row.json("/a", "null")),
        payload(ATTRIBUTES, |row| row.json("/a", "[1]")),
    ];
    assert_eq!(said.iter().collect::<HashSet<_>>().len(), said.len());
}

#[test]
fn where_a_member_sits_makes_no_difference() {
    let in_columns = payload(ATTRIBUTES, |row| {
        row.text("/t", "x\"é");
        row.units("/n", Units::whole(1));
        row.boolean("/b", true);
    });
    let in_rest = payload(ATTRIBUTES, |row| {
        row.json("/b", "true");
        row.json("/n", "1.0");
        row.json("/t", r#""x\"\u00e9""#);
        row.json("traceparent", "\"of this attempt\"");
    });
    assert_eq!(in_columns, in_rest);
}

#[test]
fn the_retry_of_an_event_without_time_says_the_same() {
    let body = br#"{"specversion":"1.0","id":"1","source":"/s","type":"t","tenant":"t","data":{"a":1}}"#;
    let payload_at = |now_us| {
        let context = Context { now_us, ..CONTEXT };
        let batch = Decoder::new(Limits::default()).decode(body, Form::Single, &context).unwrap().batch;
        assert_eq!(batch.times().value(0), now_us);
        fingerprint::payloads(&batch, SEED)
    };
    assert_eq!(payload_at(1), payload_at(2));
}

proptest! {
    #[test]
    fn cutting_and_encoding_make_no_difference(
        data in prop::collection::vec(prop::option::of(any_json()), 1..10),
        cut in any::<prop::sample::Index>(),
    ) {
        let whole = batch(&data);
        let (keys, payloads) = (fingerprint::keys(&whole, SEED), fingerprint::payloads(&whole, SEED));
        let alone: Vec<u64> = (0..data.len())
            .map(|row| {
                // In a batch of its own no column has a type that other events gave it.
                let line = batch(&data[row..=row]);
                fingerprint::payloads(&line, SEED)[0]
            })
            .collect();
        prop_assert_eq!(&alone, &payloads);
        let cut = cut.index(data.len());
        let parts = [whole.slice(0, cut), whole.slice(cut, data.len() - cut)];
        let decoded = parts.map(|part| ipc::decode(&ipc::encode(&part).unwrap()).unwrap());
        let both = |of: fn(&EventBatch, u64) -> Vec<u128>| decoded.iter().flat_map(|part| of(part, SEED)).collect::<Vec<_>>();
        prop_assert_eq!(both(fingerprint::keys), keys);
        let cut_payloads: Vec<u64> = decoded.iter().flat_map(|part| fingerprint::payloads(part, SEED)).collect();
        prop_assert_eq!(cut_payloads, payloads);
    }
}
