//! Bytes that nobody meant: an answer or an error, never a panic.

use engine::event::builder::{Attributes, EventBatchBuilder};
use engine::event::cloudevents::{Decoder, Form, Limits};
use engine::event::ipc;
use engine::units::Units;
use proptest::prelude::*;

use super::event_round_trip::CONTEXT;

fn encoded() -> Vec<u8> {
    let mut builder = EventBatchBuilder::new();
    for row in 0..20 {
        builder.text("/t", if row % 2 == 0 { "even" } else { "odd" });
        builder.units("/n", Units::whole(row));
        builder.boolean("/b", row % 3 == 0);
        builder.json("/a", "[1]");
        let id = row.to_string();
        let subject = (row % 4 == 0).then_some("subject");
        builder.commit(Attributes { tenant: "t", id: &id, source: "s", event_type: "e", subject, time_us: row });
    }
    ipc::encode(&builder.finish()).unwrap()
}

#[test]
fn every_truncation_is_an_error() {
    let whole = encoded();
    assert_eq!(ipc::decode(&whole).unwrap().len(), 20);
    // The end marker says nothing that the batch before it does not.
    for length in 0..whole.len() - 8 {
        assert!(ipc::decode(&whole[..length]).is_err(), "{length} of {} bytes", whole.len());
    }
}

proptest! {
    #[test]
    fn flipped_bits_give_a_batch_or_an_error(flips in prop::collection::vec((any::<prop::sample::Index>(), 0u8..8), 1..8)) {
        let mut bytes = encoded();
        for (at, bit) in flips {
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
        }
        if let Ok(batch) = ipc::decode(&bytes) {
            // Whatever it holds can be read.
            engine::event::json::data_json(&batch);
            engine::event::fingerprint::keys(&batch, 0);
            engine::event::fingerprint::payloads(&batch, 0);
        }
    }

    #[test]
    fn any_bytes_are_no_batch(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(ipc::decode(&bytes).is_err());
    }

    #[test]
    fn any_body_is_answered(
        body in "[\\[\\]{}\",:\\\\ a1.eE+\\-\n\u{e9}]{0,60}",
        form in prop_oneof![Just(Form::Single), Just(Form::Batch), Just(Form::Ndjson)],
    ) {
        let _ = Decoder::new(Limits::default()).decode(body.as_bytes(), form, &CONTEXT);
    }

    #[test]
    fn a_damaged_event_costs_itself_only(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let event = |id: &str| {
            format!(r#"{{"specversion":"1.0","id":"{id}","source":"/s","type":"t","tenant":"t","data":{{"a":[1,{{}}]}}}}"#)
        };
        let mut damaged = event("2").into_bytes();
        let at = at.index(damaged.len());
        damaged[at] = if matches!(byte, b'\n' | b'\r') { b' ' } else { byte };
        let body = [event("1").into_bytes(), damaged, event("3").into_bytes()].join(&b'\n');
        let decoded = Decoder::new(Limits::default()).decode(&body, Form::Ndjson, &CONTEXT).unwrap();
        let ids: Vec<&str> = decoded.batch.ids().iter().flatten().collect();
        prop_assert!(ids.first() == Some(&"1") && ids.last() == Some(&"3"), "{:?}", ids);
        prop_assert_eq!(decoded.batch.len() + decoded.rejected.len(), 3 - usize::from(ids.len() + decoded.rejected.len() < 3));
    }
}
