//! `DoPut` of events: Arrow batches through the same admission as every door, the fast way in.
//!
//! A bulk ingestion into the table `events`, as ADBC sends it, is answered once, with how many events are in; a stream to
//! the path `events` is answered batch by batch, with the JSON that `POST /v1/events` answers. Either way an answer says
//! that the batch is durable (I1), and sending it again changes nothing (I2).
//!
//! Bounded (I8): so many streams at once, so many bytes a message, [`BATCHES_AHEAD`] batches of a stream without an answer;
//! the next is not read before. While the engine has no room the stream waits, and its sender with it, for as long as
//! [`PATIENCE`]. A key that is revoked or expires ends its streams within a second. Not here: what columns mean (`engine::event::columns`).

use std::sync::Arc;
use std::time::Duration;

use arrow::array::RecordBatch;
use arrow_flight::FlightData;
use arrow_flight::sql::{CommandStatementIngest, TableExistsOption};
use engine::admission::{Receipt, RejectionCount};
use engine::event::batch::EventBatch;
use engine::event::cloudevents::{Context, Decoded, Limits, Rejected};
use engine::event::columns;
use engine::service::Submission;
use engine::shard::SubmitError;
use futures::stream::BoxStream;
use futures::{Stream, StreamExt, TryStreamExt};
use pipelines::catalog::{CATALOG, SCHEMA, Visibility};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep};
use tonic::Status;

use crate::http::problem::{Kind, Problem};
use crate::identity::Identity;
use crate::ingest::{Answer, ERRORS_MAX, answer, counts};
use crate::permits::Permit;

use super::{Door, messages, status};

/// The one table that takes rows.
pub(super) const EVENTS: &str = "events";
/// Batches of one stream that wait for their answer.
const BATCHES_AHEAD: usize = 2;
/// Events submitted at once; the engine shares its room out by rows.
const SUBMISSION_EVENTS_MAX: usize = 32_768;
/// How long a stream waits for room in the engine.
const PATIENCE: Duration = Duration::from_secs(10);

/// What became of the batches of a stream, in their order; ends after the first that could not be taken.
pub(super) type Answers = BoxStream<'static, Result<Answer, Status>>;

/// Takes the batches of `messages` for `asker`, as long as its key is good.
pub(super) fn take(
    door: Arc<Door>,
    asker: &Identity,
    messages: impl Stream<Item = Result<FlightData, Status>> + Send + 'static,
) -> Result<Answers, Status> {
    let visibility = asker.visibility();
    let permit = Arc::new(door.puts.take(&visibility).map_err(status::from)?);
    let metrics = Arc::clone(&door.metrics);
    let sent = messages::while_good(messages, asker.gone(&door.node.tenants)).inspect_ok(move |message| {
        metrics.body_bytes.inc_by(message.data_body.len() as u64);
    });
    let submitted = messages::batches(sent).enumerate().then(move |(number, batch)| {
        let (door, visibility, permit) = (Arc::clone(&door), visibility.clone(), Arc::clone(&permit));
        async move { submit(door, visibility, permit, number, batch?).await }
    });
    let answers = submitted.map(|pending| async {
        match pending {
            Ok(pending) => pending.answer().await,
            Err(status) => Err(status),
        }
    });
    // What follows a batch that failed is not taken: its sender has to hear of it first.
    let until_failed = answers.buffered(BATCHES_AHEAD).scan(false, |failed, answer| {
        let ended = std::mem::replace(failed, answer.is_err());
        std::future::ready((!ended).then_some(answer))
    });
    Ok(until_failed.boxed())
}

/// The sum of a bulk ingestion's answers, as the number of its events that are in.
///
/// # Errors
/// If any was refused: clients have no other place to look.
pub(super) async fn total(mut answers: Answers) -> Result<i64, Status> {
    let mut sum = Answer::default();
    while let Some(answer) = answers.try_next().await? {
        sum.admitted += answer.admitted;
        sum.duplicate += answer.duplicate;
        sum.rejected += answer.rejected;
        if sum.errors.is_empty() {
            sum.errors.extend(answer.errors.into_iter().next());
        }
    }
    let is_in = sum.admitted + sum.duplicate;
    match sum.errors.first() {
        None => Ok(i64::try_from(is_in).unwrap_or(i64::MAX)),
        Some(first) => {
            let detail = format!(
                "{} of {} events were rejected, the first one (id {:?}) as {}: {}; the others are durable, sending them again \
                 changes nothing; the view rejections counts them by reason",
                sum.rejected,
                is_in + sum.rejected,
                first.id,
                first.reason,
                first.detail,
            );
            Err(status::from(Kind::Invalid.with(detail)))
        }
    }
}

/// Refuses a bulk ingestion to anywhere but the events, or that wants to do more than append.
pub(super) fn check_target(asked: &CommandStatementIngest) -> Result<(), Status> {
    let refuse = |kind: Kind, detail: &str| Err(status::from(kind.with(detail)));
    let named = |name: &Option<String>, ours: &str| name.as_deref().is_none_or(|name| name.is_empty() || name == ours);
    if asked.table != EVENTS || !named(&asked.schema, SCHEMA) || !named(&asked.catalog, CATALOG) {
        return refuse(Kind::Invalid, "rows are taken by the table events and by no other");
    }
    if asked.temporary || asked.transaction_id.is_some() {
        return refuse(
            Kind::Invalid,
            "there are no temporary tables and no transactions; every batch is durable by itself",
        );
    }
    match asked.table_definition_options.map(|options| options.if_exists()) {
        Some(TableExistsOption::Fail) => refuse(Kind::Conflict, "the table events is there already; append to it"),
        Some(TableExistsOption::Replace) => refuse(Kind::Invalid, "events are never replaced; append to them"),
        Some(TableExistsOption::Append | TableExistsOption::Unspecified) | None => Ok(()),
    }
}

/// A batch on its way through the engine.
struct Pending {
    door: Arc<Door>,
    batch: EventBatch,
    index: Vec<u32>,
    rejected: Vec<Rejected>,
    refused: Vec<RejectionCount>,
    parts: Vec<oneshot::Receiver<Result<Receipt, SubmitError>>>,
}

/// Decodes and submits one batch, all of it or nothing.
async fn submit(
    door: Arc<Door>,
    visibility: Visibility,
    permit: Arc<Permit>,
    number: usize,
    batch: RecordBatch,
) -> Result<Pending, Status> {
    let (decoder, asker) = (Arc::clone(&door), visibility.clone());
    // Converting holds a core, and few may at once.
    let turn = Arc::clone(&door.decoders).acquire_owned().await.expect("the semaphore is never closed");
    let decoded = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        decode(&decoder, &asker, &batch)
    });
    let decoded =
        decoded.await.map_err(|error| status::from(Kind::Internal.with(format!("decoding failed: {error}"))))?;
    let Decoded { batch, index, rejected } =
        decoded.map_err(|error| status::from(Kind::Invalid.with(format!("batch {number}: {error}"))))?;

    let refused = counts(&visibility, &rejected);
    let mut with_first = refused.clone();
    let mut parts = Vec::new();
    let mut from = 0;
    while from < batch.len() || !with_first.is_empty() {
        let length = SUBMISSION_EVENTS_MAX.min(batch.len() - from);
        let part =
            Submission { batch: batch.slice(from, length), rejected: std::mem::take(&mut with_first), sequence: None };
        parts.push(when_free(&door, part, &permit).await.map_err(status::from)?);
        from += length;
    }
    Ok(Pending { door, batch, index, rejected, refused, parts })
}

fn decode(
    door: &Door,
    visibility: &Visibility,
    batch: &RecordBatch,
) -> Result<Decoded, engine::event::batch::SchemaError> {
    let us = |s: u32| i64::from(s) * 1_000_000;
    let context = Context {
        tenant: visibility.tenant(),
        platform: *visibility == Visibility::Platform,
        now_us: door.node.clock.now_us(),
        past_max_us: Some(us(door.events.past_s_max)),
        future_max_us: us(door.events.future_s_max),
    };
    let limits = Limits {
        event_bytes_max: door.event_bytes_max,
        expanded_bytes_max: door.limits.expanded_bytes_max,
        ..Limits::default()
    };
    columns::decode(batch, &context, &limits)
}

/// Submits `part` as soon as the engine has room.
async fn when_free(
    door: &Door,
    part: Submission,
    permit: &Arc<Permit>,
) -> Result<oneshot::Receiver<Result<Receipt, SubmitError>>, SubmitError> {
    let begun = Instant::now();
    loop {
        let (send, receive) = oneshot::channel();
        // Held until the engine has answered, even if the client has gone.
        let held = Arc::clone(permit);
        let done = move |answer| {
            drop(held);
            // Nobody waits any more if the client has gone; what is durable stays so.
            let _ = send.send(answer);
        };
        match door.node.engine.submit(part.clone(), done) {
            Ok(()) => return Ok(receive),
            Err(SubmitError::Overloaded { retry_after_ms }) if begun.elapsed() < PATIENCE => {
                sleep(Duration::from_millis(retry_after_ms)).await;
            }
            Err(refused) => return Err(refused),
        }
    }
}

impl Pending {
    async fn answer(self) -> Result<Answer, Status> {
        let mut whole = Receipt::default();
        for part in self.parts {
            let receipt = part.await.unwrap_or(Err(SubmitError::Closed)).map_err(|error| {
                if let SubmitError::Log(error) = &error {
                    tracing::error!(%error, "events could not be made durable");
                }
                status::from(Problem::from(error))
            })?;
            let from = whole.outcomes.len() as u32;
            whole.outcomes.extend(receipt.outcomes);
            whole.rejections.extend(receipt.rejections.into_iter().map(|(row, rejection)| (from + row, rejection)));
        }
        self.door.metrics.count_refused(&self.refused);
        self.door.metrics.count_receipt(&whole);
        let id_of = |row: usize| self.batch.ids().value(row).to_owned();
        Ok(answer(&self.index, id_of, &whole, &self.rejected, ERRORS_MAX))
    }
}
