//! Decode: bytes of a door become columns. JSON is parsed, Arrow is checked and sliced.
//!
//! Limit: a copy of the same bytes. Not here: HTTP, and who may send.

use engine::event::batch::EventBatch;
use engine::event::cloudevents::{Context, Decoder, Form, Limits};
use engine::event::{ipc, json};
use serde_json::{Value, json};

use crate::bench::{Bench, Figure, Work};
use crate::input::{self, NOW_US, ROWS};

pub(crate) fn bench(bench: &mut Bench) {
    let batch = input::batches(1_000, 1).remove(0);

    let body = body(&batch);
    let mut decoder = Decoder::new(Limits::default());
    let context =
        Context { tenant: None, platform: true, now_us: NOW_US, past_max_us: None, future_max_us: 60_000_000 };
    let decode = |()| {
        let decoded = decoder.decode(&body, Form::Batch, &context).unwrap();
        assert_eq!(decoded.batch.len(), ROWS, "{:?}", decoded.rejected.first());
        decoded
    };
    let figure = Figure::events("decode", "JSON", ROWS, 1);
    bench.beside(figure, Work { setup: || (), routine: decode }, "copy", copy(&body));

    let bytes = ipc::encode(&batch).unwrap();
    let decode = |()| ipc::decode(&bytes).unwrap();
    let figure = Figure::events("decode", "Arrow", ROWS, 1);
    bench.beside(figure, Work { setup: || (), routine: decode }, "copy", copy(&bytes));
}

/// Copies `bytes` to where there is room already: no page is asked for.
pub(crate) fn copy(bytes: &[u8]) -> Work<impl FnMut(), impl FnMut(()) -> u8> {
    let mut room = vec![1; bytes.len()];
    let routine = move |()| {
        room.copy_from_slice(std::hint::black_box(bytes));
        room[room.len() / 2]
    };
    Work { setup: || (), routine }
}

/// The batch as a client with a platform key sends it.
fn body(batch: &EventBatch) -> Vec<u8> {
    let data = json::data_json(batch);
    let event = |row: usize| {
        let time = jiff::Timestamp::from_microsecond(batch.times().value(row)).unwrap();
        json!({
            "specversion": "1.0",
            "tenant": batch.tenants().get(row),
            "id": batch.ids().value(row),
            "source": batch.sources().get(row),
            "type": batch.types().get(row),
            "time": time.to_string(),
            "data": serde_json::from_str::<Value>(data.value(row)).unwrap(),
        })
    };
    serde_json::to_vec(&(0..batch.len()).map(event).collect::<Vec<_>>()).unwrap()
}
