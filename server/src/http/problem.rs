//! The one error table of the HTTP door: every refusal is an RFC 9457 problem of a kind listed here.
//!
//! A kind decides status, title and type URI; the detail says what was found and what would be right. Not here: which
//! errors exist. Each room has its own; the conversions beside the handlers pick a kind for each.

use axum::Json;
use axum::extract::Path;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use engine::admission::{Reason, Rejection};

use crate::query::Failure;

/// Media type of a problem.
pub const PROBLEM_JSON: &str = "application/problem+json";
/// What a type URI begins with; the door answers `GET` on it with the kind's entry of the table.
pub const TYPE_BASE: &str = "/problems/";

/// What can be wrong, as a client may distinguish it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The request can't be read at all.
    Malformed,
    /// No credential, or one that is not valid (any more).
    Unauthenticated,
    /// The credential does not allow this.
    Forbidden,
    /// The tenant is not active.
    TenantInactive,
    /// No such thing, or none that the credential may see.
    NotFound,
    /// No such method here.
    MethodNotAllowed,
    /// The request body did not arrive in time.
    RequestTimeout,
    /// What is there contradicts what is asked for.
    Conflict,
    /// Body, event or result beyond its limit.
    TooLarge,
    /// A media type or content coding that is not spoken here.
    UnsupportedMedia,
    /// The node is not called what the client calls it.
    Misdirected,
    /// Readable but not acceptable: a field has a wrong value.
    Invalid,
    /// SQL that can't be planned or run.
    Query,
    /// A hard quota is used up.
    QuotaExceeded,
    /// Too much at once from this client.
    TooMany,
    /// Too much at once from all clients.
    Overloaded,
    /// No space, or the log can't be written.
    Storage,
    /// Starting, draining or stopped.
    Unavailable,
    /// Stored data that can't be read.
    Damaged,
    /// A statement ran longer than it may.
    QueryTimeout,
    /// Our mistake.
    Internal,
}

/// All kinds, in the order of their status.
pub const KINDS: [Kind; 21] = [
    Kind::Malformed,
    Kind::Query,
    Kind::Unauthenticated,
    Kind::Forbidden,
    Kind::TenantInactive,
    Kind::NotFound,
    Kind::MethodNotAllowed,
    Kind::RequestTimeout,
    Kind::Conflict,
    Kind::TooLarge,
    Kind::UnsupportedMedia,
    Kind::Misdirected,
    Kind::Invalid,
    Kind::QuotaExceeded,
    Kind::TooMany,
    Kind::Internal,
    Kind::Damaged,
    Kind::Overloaded,
    Kind::Storage,
    Kind::Unavailable,
    Kind::QueryTimeout,
];

impl Kind {
    /// The table: status, last part of the type URI, title, seconds after which a retry makes sense.
    const fn row(self) -> (StatusCode, &'static str, &'static str, Option<u32>) {
        match self {
            Self::Malformed => (StatusCode::BAD_REQUEST, "malformed", "The request can't be read", None),
            Self::Query => (StatusCode::BAD_REQUEST, "query", "The query can't be run", None),
            Self::Unauthenticated => (StatusCode::UNAUTHORIZED, "unauthenticated", "No valid API key", None),
            Self::Forbidden => (StatusCode::FORBIDDEN, "forbidden", "The API key does not allow this", None),
            Self::TenantInactive => (StatusCode::FORBIDDEN, "tenant-inactive", "The tenant is not active", None),
            Self::NotFound => (StatusCode::NOT_FOUND, "not-found", "Nothing here", None),
            Self::MethodNotAllowed => {
                (StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", "No such method here", None)
            }
            Self::RequestTimeout => {
                (StatusCode::REQUEST_TIMEOUT, "request-timeout", "The body did not arrive in time", None)
            }
            Self::Conflict => (StatusCode::CONFLICT, "conflict", "It contradicts what is there", None),
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "too-large", "Larger than the limit", None),
            Self::UnsupportedMedia => {
                (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-media", "Media type or coding not supported", None)
            }
            Self::Misdirected => (StatusCode::MISDIRECTED_REQUEST, "misdirected", "Another host is meant", None),
            Self::Invalid => (StatusCode::UNPROCESSABLE_ENTITY, "invalid", "A value is not acceptable", None),
            Self::QuotaExceeded => {
                (StatusCode::TOO_MANY_REQUESTS, "quota-exceeded", "A hard quota is used up", Some(60))
            }
            Self::TooMany => (StatusCode::TOO_MANY_REQUESTS, "too-many", "Too much at once", Some(1)),
            Self::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "internal", "Internal error", None),
            Self::Damaged => (StatusCode::INTERNAL_SERVER_ERROR, "damaged", "Stored data can't be read", None),
            Self::Overloaded => (StatusCode::SERVICE_UNAVAILABLE, "overloaded", "The node is busy", Some(1)),
            Self::Storage => (StatusCode::SERVICE_UNAVAILABLE, "storage", "The node can't write to its disk", Some(10)),
            Self::Unavailable => {
                (StatusCode::SERVICE_UNAVAILABLE, "unavailable", "The node is starting or stopping", Some(5))
            }
            Self::QueryTimeout => {
                (StatusCode::GATEWAY_TIMEOUT, "query-timeout", "The query ran longer than it may", None)
            }
        }
    }

    /// HTTP status.
    pub const fn status(self) -> StatusCode {
        self.row().0
    }

    /// Last part of the type URI.
    pub const fn slug(self) -> &'static str {
        self.row().1
    }

    /// A problem of this kind.
    pub fn with(self, detail: impl Into<String>) -> Problem {
        Problem { kind: self, detail: detail.into(), errors: Vec::new(), failure: None, retry_after_s: self.row().3 }
    }
}

/// A refusal, on its way to the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Which row of the table.
    pub kind: Kind,
    /// What was found and what would be right.
    pub detail: String,
    /// Fields that are wrong, if single ones are.
    pub errors: Vec<FieldError>,
    /// Of a statement: what else is told of its failure.
    pub failure: Option<Box<Failure>>,
    /// When a retry makes sense, seconds.
    pub retry_after_s: Option<u32>,
}

/// One wrong field of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldError {
    /// Member of the body, query parameter or header.
    pub field: String,
    /// Short and typed, for instance `missing_attribute`.
    pub reason: String,
    /// One sentence.
    pub detail: String,
}

impl Problem {
    /// The SQL state of a statement that ends with this.
    pub fn sqlstate(&self) -> &'static str {
        self.failure.as_ref().map_or("XX000", |failure| failure.state)
    }

    /// The same problem, naming one wrong field.
    pub fn field(mut self, field: impl Into<String>, reason: impl Into<String>, detail: impl Into<String>) -> Self {
        self.errors.push(FieldError { field: field.into(), reason: reason.into(), detail: detail.into() });
        self
    }

    /// The same problem with another time to wait, rounded up to seconds.
    pub fn retry_after_ms(mut self, wait_ms: u64) -> Self {
        let seconds = wait_ms.div_ceil(1000).max(1);
        self.retry_after_s = Some(u32::try_from(seconds).unwrap_or(u32::MAX));
        self
    }

    /// A field of the request body has a wrong value.
    pub fn invalid_field(field: impl Into<String>, detail: impl Into<String>) -> Self {
        let (field, detail) = (field.into(), detail.into());
        Kind::Invalid.with(format!("{field}: {detail}")).field(field, "invalid", detail)
    }
}

/// A single event's rejection is the answer to its request.
impl From<&Rejection> for Problem {
    fn from(rejection: &Rejection) -> Self {
        let kind = match rejection.reason {
            Reason::Malformed => Kind::Malformed,
            Reason::MissingAttribute
            | Reason::InvalidAttribute
            | Reason::TooOld
            | Reason::TooNew
            | Reason::ValueInvalid
            | Reason::ValueOverflow
            | Reason::ExceedsLimit => Kind::Invalid,
            Reason::TenantMismatch => Kind::Forbidden,
            Reason::TenantUnknown => Kind::NotFound,
            Reason::TenantSuspended | Reason::TenantQuarantined => Kind::TenantInactive,
            Reason::Conflict => Kind::Conflict,
            Reason::QuotaExceeded | Reason::CardinalityExceeded => Kind::QuotaExceeded,
            Reason::RateLimited => Kind::TooMany,
            Reason::TooLarge => Kind::TooLarge,
            Reason::Busy => Kind::Overloaded,
            Reason::UsageUnreadable => Kind::Damaged,
        };
        let detail = rejection.detail.to_string();
        let problem = kind.with(detail.clone()).field(rejection.field.to_string(), rejection.reason.as_str(), detail);
        match rejection.retry_after_ms {
            Some(wait_ms) => problem.retry_after_ms(wait_ms),
            None => problem,
        }
    }
}

/// The answer's body; see RFC 9457.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct ProblemBody {
    /// URI reference that names the kind; `GET` it for the kind's entry.
    #[serde(rename = "type")]
    #[schema(example = "/problems/invalid")]
    pub type_uri: String,
    /// The kind in words.
    pub title: &'static str,
    /// HTTP status.
    pub status: u16,
    /// What was found and what would be right.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub detail: String,
    /// Fields that are wrong, if single ones are.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
    /// Of SQL: five characters, as Postgres has them.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "42703")]
    pub sqlstate: Option<&'static str>,
    /// Of SQL: what would be right.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// Of SQL: where in the statement, characters from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub position: Option<usize>,
}

impl ProblemBody {
    fn of(kind: Kind) -> Self {
        let (status, slug, title, _) = kind.row();
        Self {
            type_uri: format!("{TYPE_BASE}{slug}"),
            title,
            status: status.as_u16(),
            detail: String::new(),
            errors: Vec::new(),
            sqlstate: None,
            hint: None,
            position: None,
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = self.kind.status();
        let mut body = ProblemBody { detail: self.detail, errors: self.errors, ..ProblemBody::of(self.kind) };
        if let Some(failure) = self.failure {
            body.sqlstate = Some(failure.state);
            (body.hint, body.position) = (failure.hint, failure.position);
        }
        let mut response = (status, Json(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        if let Some(seconds) = self.retry_after_s {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        if self.kind == Kind::Unauthenticated {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"tenantry\""));
        }
        response
    }
}

/// One entry of the table.
#[utoipa::path(get, path = "/problems/{kind}", tag = "service",
    params(("kind" = String, Path, description = "last part of a problem's `type`")),
    responses((status = 200, description = "the kind's title and status", body = ProblemBody),
        (status = 404, description = "no such kind", body = ProblemBody)))]
pub(super) async fn show(Path(slug): Path<String>) -> Result<Json<ProblemBody>, Problem> {
    let kind = KINDS.into_iter().find(|kind| kind.slug() == slug);
    let kind = kind.ok_or_else(|| Kind::NotFound.with(format!("no kind of problem is called {slug:?}")))?;
    Ok(Json(ProblemBody::of(kind)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_an_entry_of_its_own() {
        for (at, kind) in KINDS.into_iter().enumerate() {
            assert!(!KINDS[..at].iter().any(|other| other.slug() == kind.slug()), "{kind:?}");
            assert!(kind.status().is_client_error() || kind.status().is_server_error(), "{kind:?}");
        }
    }

    #[test]
    fn what_may_be_retried_says_when() {
        for kind in KINDS {
            let wants_retry = matches!(kind.status(), StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE);
            let response = kind.with("x").into_response();
            assert_eq!(response.headers().contains_key(header::RETRY_AFTER), wants_retry, "{kind:?}");
            assert_eq!(response.headers()[header::CONTENT_TYPE], PROBLEM_JSON);
        }
    }

    fn check(reason: Reason, status: u16) {
        let problem = Problem::from(&Rejection::new(reason, "field", "detail"));
        assert_eq!(problem.kind.status().as_u16(), status, "{reason:?}");
        assert_eq!(problem.errors[0].reason, reason.as_str());
    }

    #[test]
    fn a_rate_says_when_the_event_passes_and_what_never_passes_does_not() {
        let wait = |rejection: Rejection| Problem::from(&rejection).retry_after_s;
        assert_eq!(wait(Rejection::new(Reason::RateLimited, "m", "d").for_now(9001)), Some(10));
        assert_eq!(wait(Rejection::new(Reason::RateLimited, "m", "d").for_now(90_000_000)), Some(90_000));
        assert_eq!(wait(Rejection::new(Reason::ExceedsLimit, "m", "d")), None);
    }

    #[test]
    fn rejections_of_single_events_have_their_status() {
        check(Reason::Malformed, 400);
        check(Reason::TenantMismatch, 403);
        check(Reason::TenantSuspended, 403);
        check(Reason::TenantUnknown, 404);
        check(Reason::Conflict, 409);
        check(Reason::TooLarge, 413);
        check(Reason::MissingAttribute, 422);
        check(Reason::TooOld, 422);
        check(Reason::ExceedsLimit, 422);
        check(Reason::QuotaExceeded, 429);
        check(Reason::Busy, 503);
    }
}
