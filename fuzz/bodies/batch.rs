//! The payload of a log record: any bytes are a batch whose every row can be read, or an error.

use engine::event::{fingerprint, ipc, json, rest, split};

pub(crate) fn run(input: &[u8]) {
    let Ok(batch) = ipc::decode(input) else { return };
    let data = json::data_json(&batch);
    let (keys, payloads) = (fingerprint::keys(&batch, 7), fingerprint::payloads(&batch, 7));
    for leftovers in batch.rest().into_iter().flatten().flatten() {
        rest::members(leftovers).for_each(drop);
    }
    let rows: usize = split::split(&batch, 3).iter().map(|(_, part, _)| part.len()).sum();
    assert_eq!(rows, batch.len());

    let again = ipc::decode(&ipc::encode(&batch).expect("a batch is encoded")).expect("what was encoded decodes");
    assert_eq!(json::data_json(&again), data);
    assert_eq!(fingerprint::keys(&again, 7), keys);
    assert_eq!(fingerprint::payloads(&again, 7), payloads);
}
