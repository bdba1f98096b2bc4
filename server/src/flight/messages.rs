//! Arrow messages from clients as batches, whatever is in them.
//!
//! Arrow checks values but asserts the layout of headers, so hostile headers surface as panics; nothing outlives them. What is
//! compressed is refused: it would be expanded before anybody could count it (I8).

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use arrow::array::RecordBatch;
use arrow::ipc::{FieldNode, root_as_message};
use arrow_flight::FlightData;
use arrow_flight::decode::FlightRecordBatchStream;
use arrow_flight::utils::flight_data_to_batches;
use futures::{FutureExt, Stream, StreamExt, TryStreamExt, stream};
use tonic::Status;

use crate::http::problem::{Kind, Problem};
use crate::identity::Refusal;

use super::status;

/// Values of one array, items of lists included. Nulls and empty structs take no room in a message, and Arrow makes a bit for
/// each where they must not be null.
const VALUES_MAX: i64 = 1 << 27;
/// Bytes of a stream's dictionaries.
const DICTIONARIES_BYTES_MAX: usize = 64 << 20;
/// Messages of a refused stream that are taken in, and for how long.
const DISCARDED_MAX: usize = 64;
const DISCARDING_MAX: Duration = Duration::from_secs(5);

/// Takes in some of what nobody wants: a client that is still sending sees that its stream broke, not why it was refused.
pub(super) async fn discard(messages: impl Stream<Item = Result<FlightData, Status>> + Send) {
    let some = messages.take(DISCARDED_MAX).for_each(|_| std::future::ready(()));
    // Who takes longer sees the break.
    let _ = tokio::time::timeout(DISCARDING_MAX, some).await;
}

/// `messages` until the key of who sends them is `gone`, which is then the last thing in them.
pub(super) fn while_good(
    messages: impl Stream<Item = Result<FlightData, Status>> + Send + 'static,
    gone: impl Future<Output = Refusal> + Send + 'static,
) -> impl Stream<Item = Result<FlightData, Status>> + Send + 'static {
    let begun = Some((messages.boxed(), gone.boxed()));
    stream::unfold(begun, |going_on| async move {
        let (mut messages, mut gone) = going_on?;
        tokio::select! {
            biased;
            refusal = &mut gone => Some((Err(status::from(refusal)), None)),
            message = messages.next() => message.map(|message| (message, Some((messages, gone)))),
        }
    })
}

/// The batches of a stream of `messages`.
pub(super) fn batches(
    messages: impl Stream<Item = Result<FlightData, Status>> + Send + 'static,
) -> impl Stream<Item = Result<RecordBatch, Status>> + Send {
    let mut dictionaries = Dictionaries::default();
    let plain = messages.and_then(move |message| {
        let checked = check_plain(&message).and_then(|()| dictionaries.note(&message)).map_err(status::from);
        std::future::ready(checked.map(|()| message))
    });
    let batches = FlightRecordBatchStream::new_from_flight_data(plain.map_err(Into::into));
    AssertUnwindSafe(batches).catch_unwind().map(|batch| match batch {
        Ok(batch) => batch.map_err(status::of_flight),
        Err(_) => Err(status::from(contradiction())),
    })
}

/// The batches of `messages` that are all there.
pub(super) fn all(messages: &[FlightData]) -> Result<Vec<RecordBatch>, Problem> {
    if messages.is_empty() {
        return Ok(Vec::new());
    }
    messages.iter().try_for_each(check_plain)?;
    match catch_unwind(AssertUnwindSafe(|| flight_data_to_batches(messages))) {
        Ok(batches) => batches.map_err(|error| Kind::Malformed.with(error.to_string())),
        Err(_) => Err(contradiction()),
    }
}

fn contradiction() -> Problem {
    Kind::Malformed.with("an Arrow message whose header contradicts itself")
}

fn check_plain(message: &FlightData) -> Result<(), Problem> {
    if message.data_header.is_empty() {
        return Ok(());
    }
    let header = root_as_message(&message.data_header);
    let header = header.map_err(|error| Kind::Malformed.with(format!("not an Arrow message: {error}")))?;
    let batch = header.header_as_record_batch();
    let batch = batch.or_else(|| header.header_as_dictionary_batch().and_then(|dictionary| dictionary.data()));
    let has_too_many = |node: &FieldNode| node.length() > VALUES_MAX;
    if batch.and_then(|batch| batch.nodes()).is_some_and(|nodes| nodes.iter().any(has_too_many)) {
        let detail =
            format!("an Arrow array with more than {VALUES_MAX} values, items of lists included; send fewer at once");
        return Err(Kind::TooLarge.with(detail));
    }
    if batch.is_some_and(|batch| batch.compression().is_some()) {
        return Err(Kind::UnsupportedMedia.with("compressed Arrow batches are not taken; send them uncompressed"));
    }
    Ok(())
}

/// The dictionaries of a stream, which last as long as it does: each message is bounded, and so are all that are kept.
#[derive(Default)]
struct Dictionaries {
    /// Bytes by id.
    kept: HashMap<i64, usize>,
}

impl Dictionaries {
    fn note(&mut self, message: &FlightData) -> Result<(), Problem> {
        let Ok(header) = root_as_message(&message.data_header) else { return Ok(()) };
        let Some(dictionary) = header.header_as_dictionary_batch() else { return Ok(()) };
        let kept = self.kept.entry(dictionary.id()).or_default();
        // A delta comes to what is there, anything else takes its place.
        *kept = message.data_body.len() + if dictionary.isDelta() { *kept } else { 0 };
        let bytes = self.kept.values().fold(0, |sum: usize, bytes| sum.saturating_add(*bytes));
        if bytes > DICTIONARIES_BYTES_MAX {
            let detail = format!(
                "the dictionaries of this stream have {bytes} bytes, at most {DICTIONARIES_BYTES_MAX} are kept; send texts \
                 that do not repeat as plain texts"
            );
            return Err(Kind::TooLarge.with(detail));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Array, ArrayRef, DictionaryArray, Int64Array, LargeListArray, NullArray, StructArray};
    use arrow::buffer::OffsetBuffer;
    use arrow::datatypes::{DataType, Field, Fields, Int8Type};
    use arrow::ipc::CompressionType;
    use arrow::ipc::writer::IpcWriteOptions;
    use arrow_flight::encode::{DictionaryHandling, FlightDataEncoderBuilder};

    use super::*;

    async fn messages(compression: Option<CompressionType>) -> Vec<FlightData> {
        let column: ArrayRef = Arc::new(Int64Array::from(vec![7; 1000]));
        let batch = RecordBatch::try_from_iter([("n", column)]).unwrap();
        let options = IpcWriteOptions::default().try_with_compression(compression).unwrap();
        let encoder = FlightDataEncoderBuilder::new().with_options(options).build(stream::iter([Ok(batch)]));
        encoder.try_collect().await.unwrap()
    }

    async fn check(messages: Vec<FlightData>, expect: Result<usize, &str>) {
        let rows = |batches: Vec<RecordBatch>| batches.iter().map(RecordBatch::num_rows).sum::<usize>();
        let at_once = all(&messages).map(rows).map_err(|problem| problem.detail);
        let streamed = batches(stream::iter(messages.into_iter().map(Ok))).try_collect().await;
        let streamed = streamed.map(rows).map_err(|status| status.message().to_owned());
        for got in [at_once, streamed] {
            match (&got, expect) {
                (Ok(got), Ok(expect)) => assert_eq!(*got, expect),
                (Err(got), Err(expect)) => assert!(got.contains(expect), "{got}"),
                _ => panic!("{got:?} is not {expect:?}"),
            }
        }
    }

    #[tokio::test]
    async fn what_is_compressed_or_contradicts_itself_is_refused() {
        check(messages(None).await, Ok(1000)).await;
        check(messages(Some(CompressionType::ZSTD)).await, Err("compressed")).await;
        check(messages(Some(CompressionType::LZ4_FRAME)).await, Err("compressed")).await;
        let mut short = messages(None).await;
        short[1].data_body.truncate(8);
        check(short, Err("")).await;
        let mut noise = messages(None).await;
        noise[1].data_header = vec![0xff; 64].into();
        check(noise, Err("not an Arrow message")).await;
    }

    #[tokio::test]
    async fn an_array_of_more_values_than_fit_is_refused_before_it_is_made() {
        // Not nullable within a struct: Arrow would ask for 2^57 bytes and end the process.
        let nulls: ArrayRef = Arc::new(NullArray::new(1 << 60));
        let fields = Fields::from(vec![Field::new("n", DataType::Null, true)]);
        let structs = Arc::new(StructArray::new(fields, vec![nulls], None));
        let item = Arc::new(Field::new("item", structs.data_type().clone(), true));
        let list = LargeListArray::new(item, OffsetBuffer::new(vec![0, 1 << 60].into()), structs, None);
        let batch = RecordBatch::try_from_iter([("x", Arc::new(list) as ArrayRef)]).unwrap();
        let encoder = FlightDataEncoderBuilder::new()
            .with_dictionary_handling(DictionaryHandling::Resend)
            .build(stream::iter([Ok(batch)]));
        check(encoder.try_collect().await.unwrap(), Err("134217728 values")).await;
    }

    #[tokio::test]
    async fn the_dictionaries_that_a_stream_keeps_are_bounded_together() {
        let column: ArrayRef = Arc::new(["a", "b", "a"].into_iter().collect::<DictionaryArray<Int8Type>>());
        let batch = RecordBatch::try_from_iter([("kind", column)]).unwrap();
        let encoder = FlightDataEncoderBuilder::new()
            .with_dictionary_handling(DictionaryHandling::Resend)
            .build(stream::iter([Ok(batch)]));
        let sent: Vec<FlightData> = encoder.try_collect().await.unwrap();
        let is_dictionary = |message: &&FlightData| {
            root_as_message(&message.data_header).is_ok_and(|header| header.header_as_dictionary_batch().is_some())
        };
        let of_half = FlightData {
            data_body: vec![0; DICTIONARIES_BYTES_MAX / 2 + 1].into(),
            ..sent.iter().find(is_dictionary).expect("a dictionary").clone()
        };
        let mut kept = Dictionaries::default();
        sent.iter().for_each(|message| kept.note(message).unwrap());
        for _ in 0..10 {
            kept.note(&of_half).unwrap();
        }
        // As another column's.
        kept.kept.insert(i64::MAX, DICTIONARIES_BYTES_MAX / 2);
        let refused = kept.note(&of_half).unwrap_err();
        assert!(refused.kind == Kind::TooLarge && refused.detail.contains("67108864"), "{}", refused.detail);
    }
}
