//! The one error table of the Flight door: the problems of the HTTP door with gRPC's codes, and when to try again.
//!
//! Not here: which error is which kind of problem, which is the same for both doors (`http::problem`).

use arrow_flight::error::FlightError;
use prost::Message;
use tonic::{Code, Status};

use crate::http::problem::{Kind, Problem};
use crate::query::Query;

const RETRY_INFO: &str = "type.googleapis.com/google.rpc.RetryInfo";

/// The status of `refusal`.
pub(super) fn from(refusal: impl Into<Problem>) -> Status {
    let mut problem: Problem = refusal.into();
    let code = code(problem.kind);
    // A status has one sentence and no members.
    if let Some(failure) = &problem.failure {
        problem.detail.push_str(&failure.position.map(|at| format!(", at character {at}")).unwrap_or_default());
        problem.detail.push_str(&failure.hint.as_ref().map(|hint| format!("; {hint}")).unwrap_or_default());
    }
    match problem.retry_after_s {
        None => Status::new(code, problem.detail),
        Some(seconds) => {
            let retry = RetryInfo { delay: Some(Delay { seconds: seconds.into() }) };
            let details = vec![Detail { type_url: RETRY_INFO.to_owned(), value: retry.encode_to_vec() }];
            let rich = Details { code: code as i32, message: problem.detail.clone(), details };
            Status::with_details(code, problem.detail, rich.encode_to_vec().into())
        }
    }
}

/// The status of `query` that its client has cancelled, which is then recorded as failed.
pub(super) fn cancelled(query: &Query) -> Status {
    query.fail("57014");
    Status::cancelled("the statement was cancelled by its client")
}

/// The status of what a client sent and can't be decoded; what is a status already stays one.
pub(super) fn of_flight(error: FlightError) -> Status {
    match error {
        FlightError::Tonic(status) => *status,
        other => from(Kind::Malformed.with(other.to_string())),
    }
}

/// The table.
fn code(kind: Kind) -> Code {
    match kind {
        Kind::Malformed | Kind::Query | Kind::UnsupportedMedia | Kind::Misdirected | Kind::Invalid => {
            Code::InvalidArgument
        }
        Kind::Unauthenticated => Code::Unauthenticated,
        Kind::Forbidden | Kind::TenantInactive => Code::PermissionDenied,
        Kind::NotFound => Code::NotFound,
        Kind::MethodNotAllowed => Code::Unimplemented,
        Kind::RequestTimeout | Kind::QueryTimeout => Code::DeadlineExceeded,
        Kind::Conflict => Code::AlreadyExists,
        Kind::TooLarge => Code::OutOfRange,
        Kind::QuotaExceeded | Kind::TooMany => Code::ResourceExhausted,
        Kind::Overloaded | Kind::Storage | Kind::Unavailable => Code::Unavailable,
        Kind::Damaged => Code::DataLoss,
        Kind::Internal => Code::Internal,
    }
}

/// `google.rpc.Status`, the form in which gRPC carries details.
#[derive(Clone, PartialEq, Message)]
struct Details {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
    #[prost(message, repeated, tag = "3")]
    details: Vec<Detail>,
}

/// `google.protobuf.Any`.
#[derive(Clone, PartialEq, Message)]
struct Detail {
    #[prost(string, tag = "1")]
    type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    value: Vec<u8>,
}

/// `google.rpc.RetryInfo`.
#[derive(Clone, PartialEq, Message)]
struct RetryInfo {
    #[prost(message, optional, tag = "1")]
    delay: Option<Delay>,
}

/// `google.protobuf.Duration`.
#[derive(Clone, PartialEq, Message)]
struct Delay {
    #[prost(int64, tag = "1")]
    seconds: i64,
}

#[cfg(test)]
mod tests {
    use engine::shard::SubmitError;

    use super::*;
    use crate::http::problem::KINDS;
    use crate::identity::{Refusal, Scope};

    #[test]
    fn refusals_have_the_codes_that_clients_know() {
        assert_eq!(from(Refusal::Missing).code(), Code::Unauthenticated);
        assert_eq!(from(Refusal::Scope(Scope::Query)).code(), Code::PermissionDenied);
        assert_eq!(from(SubmitError::Closed).code(), Code::Unavailable);
    }

    #[test]
    fn what_may_be_retried_says_when() {
        for kind in KINDS {
            let status = from(kind.with("x"));
            let retryable = matches!(status.code(), Code::ResourceExhausted | Code::Unavailable);
            assert_eq!(!status.details().is_empty(), retryable, "{kind:?}");
            if retryable {
                let rich = Details::decode(status.details()).unwrap();
                assert_eq!((rich.code, rich.details[0].type_url.as_str()), (status.code() as i32, RETRY_INFO));
                let retry = RetryInfo::decode(rich.details[0].value.as_slice()).unwrap();
                assert!(retry.delay.unwrap().seconds > 0, "{kind:?}");
            }
        }
    }
}
