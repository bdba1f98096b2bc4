//! `POST /v1/events`: CloudEvents in, one answer per event out, given when it is durable (I1).
//!
//! Body → decompressed and decoded on a blocking thread, of which few run at once → submitted → answered. What the decoder
//! refuses travels with the batch and becomes durable beside it (I5). Not here: decoding (`engine::event`), admission.

use std::sync::Arc;
use std::time::Duration;

use actors::PLATFORM;
use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use engine::admission::{Receipt, RejectionCount};
use engine::event::batch::EventBatch;
use engine::event::builder::EventBatchBuilder;
use engine::event::cloudevents::{Context, DecodeError, Decoded, Decoder, Form, Limits};
use engine::service::Submission;
use engine::shard::SubmitError;
use pipelines::catalog::Visibility;
use serde::Deserialize;
use tokio::sync::oneshot;
use utoipa::IntoParams;

use crate::identity::{Identity, Scope};
use crate::ingest::{Answer, ERRORS_MAX, answer, counts};
use crate::permits::Permit;

use super::Door;
use super::binary_mode;
use super::body::{self, Coding, Reservation};
use super::caller::MayIngest;
use super::json::Parameters;
use super::media::Media;
use super::problem::{Kind, Problem, ProblemBody};
use super::sequence;

/// What an importer asks for besides.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Wishes {
    /// Create tenants that are not known, if the key is the platform's and may do so (scope `admin`); with any other key their
    /// events are refused as ever.
    #[serde(default)]
    create_tenants: bool,
    /// Refused events that are named one by one in the answer, at most; 1000 if absent.
    errors_max: Option<usize>,
}

/// Takes CloudEvents; answers when they are durable.
///
/// A single event is `application/cloudevents+json`, or any other body with `ce-` headers, of which JSON stays JSON, other
/// text becomes a string and all else base64; many are `application/cloudevents-batch+json` or `application/x-ndjson`.
/// Bodies may be gzip or zstd. The tenant is the key's; a platform key names it in each event's attribute `tenant`. Sending
/// the same events again is safe for as long as ids are remembered (`events.dedup_horizon_s`, 34 days unless set): they are
/// duplicates.
///
/// A producer that numbers its bodies from 0 (`Tenantry-Producer`, `Tenantry-Epoch`, `Tenantry-Sequence`, as Kafka's
/// idempotent producer does) has each known by its number instead of its events by their ids: a number that was taken is
/// answered as duplicates, whatever it holds. At most 64 may be under way; a higher epoch fences the process before it.
#[utoipa::path(post, path = "/v1/events", tag = "events", security(("key" = ["ingest"])), params(Wishes),
    request_body(description = "CloudEvents 1.0", content(
        (serde_json::Value = "application/cloudevents+json"),
        (Vec<serde_json::Value> = "application/cloudevents-batch+json"),
        (String = "application/x-ndjson"))),
    responses((status = 200, description = "what became of them; of many, some may be refused", body = Answer),
        (status = 400, description = "not JSON", body = ProblemBody),
        (status = 401, description = "no valid key", body = ProblemBody),
        (status = 403, description = "the tenant is not active, or not the key's", body = ProblemBody),
        (status = 404, description = "no such tenant (single event)", body = ProblemBody),
        (status = 409, description = "the id was used for other content (single event), or the sequence has no turn",
            body = ProblemBody),
        (status = 413, description = "body or event too large", body = ProblemBody),
        (status = 415, description = "media type or coding not supported", body = ProblemBody),
        (status = 422, description = "an attribute or value is not acceptable (single event)", body = ProblemBody),
        (status = 429, description = "quota used up (single event), or too many requests", body = ProblemBody),
        (status = 503, description = "busy or out of disk space; send all of it again, nothing counts twice", body = ProblemBody)))]
pub(super) async fn ingest(
    State(door): State<Arc<Door>>,
    MayIngest(identity): MayIngest,
    Parameters(wishes): Parameters<Wishes>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Answer>, Problem> {
    let shape = Shape::of(&headers)?;
    let coding = Coding::of(&headers)?;
    let visibility = identity.visibility();
    let sequence = sequence::of(&headers, visibility.tenant().unwrap_or(PLATFORM))?;
    let permit = door.ingest.take(&visibility)?;
    let mut reservation = door.bodies.reserve();
    let (bytes_max, timeout) = (door.options.body_bytes_max, door.options.request_timeout);
    let bytes = body::read(&headers, body, bytes_max, timeout, &mut reservation).await?;
    let body = Incoming { headers, bytes, coding, shape, visibility: visibility.clone(), reservation };
    let (Decoded { batch, index, rejected }, reservation) = decode(&door, body).await?;

    let tenants_created = match wishes.create_tenants {
        true => Some(create_tenants(&door, &identity, &batch).await?),
        false => None,
    };
    let counts = counts(&visibility, &rejected);
    let ids = batch.clone();
    let receipt =
        submit(&door, Submission { batch, rejected: counts.clone(), sequence }, (permit, reservation)).await?;
    door.metrics.count_refused(&counts);
    door.metrics.count_receipt(&receipt);

    let refused = receipt.rejections.iter().map(|(_, refused)| refused);
    if shape.is_single()
        && let Some(refused) = refused.chain(rejected.iter().map(|refused| &refused.rejection)).next()
    {
        return Err(Problem::from(refused));
    }
    let id_of = |row: usize| ids.ids().value(row).to_owned();
    let errors_max = wishes.errors_max.unwrap_or(ERRORS_MAX);
    Ok(Json(Answer { tenants_created, ..answer(&index, id_of, &receipt, &rejected, errors_max) }))
}

/// Creates the tenants of `batch` that are not known, as far as `identity` may; how many.
async fn create_tenants(door: &Door, identity: &Identity, batch: &EventBatch) -> Result<usize, Problem> {
    if identity.require_platform().is_err() || identity.require(Scope::Admin).is_err() {
        return Ok(0);
    }
    let node = door.node()?;
    let missing = node.missing_tenants(batch);
    Ok(node.tenants.create_many(&missing, identity.principal()).await?)
}

/// How the events lie in the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// In the body.
    Structured(Form),
    /// One event: its attributes in headers, its data in the body.
    Binary,
}

impl Shape {
    fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let media = Media::parse(value);
        let form = match media.essence().as_str() {
            "application/cloudevents+json" => Form::Single,
            "application/cloudevents-batch+json" => Form::Batch,
            "application/x-ndjson" | "application/ndjson" => Form::Ndjson,
            // Another format of whole events than JSON is no data of an event.
            other if headers.contains_key("ce-specversion") && !other.starts_with("application/cloudevents") => {
                return Ok(Self::Binary);
            }
            _ => {
                let expect = "send application/cloudevents+json, application/cloudevents-batch+json, \
                              application/x-ndjson, or one event's attributes as ce- headers";
                let detail = format!("media type {value:?} is not supported; {expect}");
                return Err(Kind::UnsupportedMedia.with(detail).field("Content-Type", "unsupported", expect));
            }
        };
        media.check_utf8()?;
        Ok(Self::Structured(form))
    }

    fn is_single(self) -> bool {
        matches!(self, Self::Structured(Form::Single) | Self::Binary)
    }
}

/// A body that was read but not yet looked at.
struct Incoming {
    headers: HeaderMap,
    bytes: Vec<u8>,
    coding: Coding,
    shape: Shape,
    visibility: Visibility,
    reservation: Reservation,
}

/// Decompresses and decodes on a blocking thread; few at once, because each needs a core and a decompressed body.
async fn decode(door: &Arc<Door>, body: Incoming) -> Result<(Decoded, Reservation), Problem> {
    let turn = Arc::clone(&door.decoders).acquire_owned().await.expect("the semaphore is never closed");
    let now_us = door.node()?.clock.now_us();
    let door = Arc::clone(door);
    let work = move || {
        let _turn = turn;
        let Incoming { headers, bytes, coding, shape, visibility, mut reservation } = body;
        let compressed = bytes.len();
        let mut bytes = body::decompress(bytes, coding, door.options.body_bytes_max)?;
        // The columns are about as large as the text; the compressed bytes are gone.
        reservation.grow(bytes.len().saturating_sub(compressed))?;
        door.metrics.body_bytes.inc_by(bytes.len() as u64);
        let form = match shape {
            Shape::Structured(form) => form,
            Shape::Binary => {
                bytes = binary_mode::structured(&headers, &bytes)?;
                Form::Single
            }
        };
        let options = &door.options;
        let limits = Limits {
            body_bytes_max: bytes.len(),
            events_max: options.batch_events_max,
            event_bytes_max: options.event_bytes_max,
            ..Limits::default()
        };
        let context = Context {
            tenant: visibility.tenant(),
            platform: visibility == Visibility::Platform,
            now_us,
            past_max_us: Some(micros(options.past_max)),
            future_max_us: micros(options.future_max),
        };
        Ok((Decoder::new(limits).decode(&bytes, form, &context)?, reservation))
    };
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| Kind::Internal.with(format!("decoding failed: {error}")))?
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

impl From<DecodeError> for Problem {
    fn from(error: DecodeError) -> Self {
        let kind = match error {
            DecodeError::TooLarge { .. } | DecodeError::TooMany { .. } => Kind::TooLarge,
            DecodeError::Malformed { .. } => Kind::Malformed,
        };
        kind.with(error.to_string())
    }
}

/// Makes refusals durable that came without events, `counts` of them by tenant, reason and field.
pub(super) async fn refuse(door: &Door, visibility: &Visibility, counts: Vec<RejectionCount>) -> Result<(), Problem> {
    let held = (door.ingest.take(visibility)?, door.bodies.reserve());
    let submission = Submission { batch: EventBatchBuilder::new().finish(), rejected: counts.clone(), sequence: None };
    submit(door, submission, held).await?;
    door.metrics.count_refused(&counts);
    Ok(())
}

/// Submits and waits for durability. What is `held` is held until the engine has answered, even if the client has gone.
async fn submit(door: &Door, submission: Submission, held: (Permit, Reservation)) -> Result<Receipt, Problem> {
    if submission.batch.is_empty() && submission.rejected.is_empty() && submission.sequence.is_none() {
        return Ok(Receipt::default());
    }
    let (send, receive) = oneshot::channel();
    let done = move |answer| {
        drop(held);
        // Nobody waits any more if the client has gone; what is durable stays so.
        let _ = send.send(answer);
    };
    let answered = match door.node()?.engine.submit(submission, done) {
        Ok(()) => receive.await.unwrap_or(Err(SubmitError::Closed)),
        Err(refused) => Err(refused),
    };
    if let Err(SubmitError::Log(error)) = &answered {
        tracing::error!(%error, "events could not be made durable");
        door.note_storage_trouble(error.to_string());
    }
    Ok(answered?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(content_type: &str, expect: Option<Shape>) {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, content_type.parse().unwrap());
        assert_eq!(Shape::of(&headers).ok(), expect, "{content_type}");
    }

    #[test]
    fn the_media_type_decides_the_shape() {
        check("application/cloudevents+json; charset=utf-8", Some(Shape::Structured(Form::Single)));
        check("Application/CloudEvents-Batch+JSON", Some(Shape::Structured(Form::Batch)));
        check("application/x-ndjson", Some(Shape::Structured(Form::Ndjson)));
        check("application/cloudevents-batch+json;charset=\"UTF-8\"", Some(Shape::Structured(Form::Batch)));
        check("application/cloudevents+json; charset=utf-16", None);
        check("application/json", None);
        check("text/plain", None);
        let with_headers = |content_type: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, content_type.parse().unwrap());
            headers.insert("ce-specversion", "1.0".parse().unwrap());
            Shape::of(&headers).ok()
        };
        assert_eq!(with_headers("text/plain"), Some(Shape::Binary));
        assert_eq!(with_headers("application/cloudevents+json"), Some(Shape::Structured(Form::Single)));
        assert_eq!(with_headers("application/cloudevents+avro"), None);
    }
}
