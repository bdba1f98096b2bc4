//! The rows of a statement on their way out: encoded batch by batch, bounded in time and memory (I8).
//!
//! A statement runs in a task of its own, which the answer's stream owns, and is at most [`BATCHES_AHEAD`] batches ahead of
//! its reader. So a reader that stops reading is cut off by the statement's deadline like any other, and one that goes away
//! takes its statement with it.

use std::pin::Pin;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use arrow_flight::FlightData;
use arrow_flight::encode::FlightDataEncoderBuilder;
use arrow_flight::error::FlightError;
use datafusion::execution::SendableRecordBatchStream;
use futures::{Stream, StreamExt, TryStreamExt, stream};
use pipelines::plain;
use tokio::sync::mpsc::{Sender, channel};
use tokio::task::JoinSet;
use tokio::time::timeout_at;
use tonic::{Response, Status};

use crate::http::problem::{Kind, Problem};
use crate::identity::Refusal;
use crate::query::Query;

use super::running::Fetch;
use super::status;

/// Batches that wait for the reader.
const BATCHES_AHEAD: usize = 2;
/// Bytes of one message, about; clients refuse much larger ones.
const MESSAGE_BYTES: usize = 2 << 20;

/// An answer's messages.
pub(super) type Messages = Pin<Box<dyn Stream<Item = Result<FlightData, Status>> + Send>>;

/// Ends when `fetch` is cancelled or the key of who fetches is `gone`, with the status that tells so.
pub(super) async fn stopped(query: Arc<Query>, fetch: Fetch, gone: impl Future<Output = Refusal>) -> Status {
    tokio::select! {
        () = fetch.cancelled() => status::cancelled(&query),
        refusal = gone => {
            query.fail("28P01");
            status::from(refusal)
        }
    }
}

/// Answers with `batches` of `query`, announced as `schema`, all of which must have been taken before its time is up, or
/// it is `stopped`.
pub(super) fn answer(
    batches: SendableRecordBatchStream,
    schema: SchemaRef,
    query: Arc<Query>,
    mut stopped: Pin<Box<impl Future<Output = Status> + Send + 'static>>,
) -> Response<Messages> {
    let (sender, receiver) = channel(BATCHES_AHEAD);
    let mut task = JoinSet::new();
    task.spawn(async move {
        let ended = tokio::select! {
            biased;
            status = &mut stopped => Err(status),
            ended = timeout_at(query.deadline().into(), forward(batches, &query, &sender)) => ended.map_err(|_| {
                let late = Problem::from(query.out_of_time());
                query.fail(late.sqlstate());
                status::from(late)
            }),
        };
        if let Err(reason) = ended {
            // The next may run, whoever still has to read why this one ended; a reader that has gone needs no reason.
            drop((query, stopped));
            let _ = sender.send(Err(reason.into())).await;
        }
    });
    let received = stream::unfold((receiver, task), |(mut receiver, mut task)| async move {
        match receiver.recv().await {
            Some(batch) => Some((batch, (receiver, task))),
            // The sender is gone: the task has ended, well or by a panic.
            None => match task.join_next().await {
                Some(Err(death)) => {
                    let bug = Kind::Internal.with(format!("the query died: {death}; the node's log says where"));
                    Some((Err(status::from(bug).into()), (receiver, task)))
                }
                _ => None,
            },
        }
    });
    encoded(received, schema)
}

/// Runs the statement and lets go of it, whoever is still reading.
async fn forward(
    mut batches: SendableRecordBatchStream,
    query: &Query,
    sender: &Sender<Result<RecordBatch, FlightError>>,
) {
    while let Some(batch) = batches.next().await {
        let batch = batch.map_err(Problem::from).and_then(|batch| {
            query.sent_bytes(batch.get_array_memory_size())?;
            Ok(batch)
        });
        let batch = batch.map_err(|problem| status::from(problem).into());
        let failed = batch.is_err();
        if sender.send(batch).await.is_err() || failed {
            return;
        }
    }
}

/// Answers with one batch that is there already.
pub(super) fn table(batch: RecordBatch) -> Response<Messages> {
    let schema = batch.schema();
    encoded(stream::iter([Ok(batch)]), schema)
}

fn encoded(
    batches: impl Stream<Item = Result<RecordBatch, FlightError>> + Send + 'static,
    schema: SchemaRef,
) -> Response<Messages> {
    let schema = plain::schema(&schema);
    let as_sent = SchemaRef::clone(&schema);
    let plain = batches.map(move |batch| Ok::<_, FlightError>(plain::batch(&batch?, &as_sent)?));
    let pieces = plain.map_ok(|batch| stream::iter(pieces(&batch).map(Ok).collect::<Vec<_>>())).try_flatten();
    let builder = FlightDataEncoderBuilder::new().with_schema(schema).with_max_flight_data_size(usize::MAX);
    Response::new(Box::pin(builder.build(pieces).map_err(Status::from)))
}

/// `batch` in messages. The encoder would count all of a buffer for each slice of it, and send rows one by one.
fn pieces(batch: &RecordBatch) -> impl Iterator<Item = RecordBatch> {
    let bytes: usize = batch.columns().iter().map(|column| column.to_data().get_slice_memory_size().unwrap_or(0)).sum();
    let rows_max = (batch.num_rows() / bytes.div_ceil(MESSAGE_BYTES).max(1)).max(1);
    (0..batch.num_rows()).step_by(rows_max).map(move |from| batch.slice(from, rows_max.min(batch.num_rows() - from)))
}
