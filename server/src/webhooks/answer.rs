//! What came of one attempt to send a message.
//!
//! Not here: how an answer is heard ([`super::exchange`]), what follows from it.

use std::time::Duration;

use hyper::StatusCode;
use hyper::header::{HeaderMap, RETRY_AFTER};
use jiff::Timestamp;
use jiff::fmt::{rfc2822, strtime};
use jiff::tz::Offset;

use super::special::Special;
use super::target::TargetError;

/// Most bytes of an answer that are read.
pub const ANSWER_MAX: usize = 4096;
/// Longest pause that an endpoint can ask for.
pub const RETRY_AFTER_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// One attempt to send a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// What the endpoint answered with, if it did.
    pub status: Option<u16>,
    /// From when there was a place for it until the answer was read, or it was given up.
    pub latency: Duration,
    /// How the answer's body begins.
    pub answer: String,
    /// What it means.
    pub outcome: Outcome,
}

/// What an attempt means for the message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The endpoint has it.
    Delivered,
    /// The endpoint is gone for good and wants no more.
    Gone,
    /// The endpoint wants it later, maybe told when.
    Later(Option<Duration>),
    /// The endpoint has not taken it.
    Failed(Reason),
}

/// Why an endpoint has not taken a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// Nothing is sent to such a URL.
    #[error("{0}")]
    Target(#[from] TargetError),
    /// Too many messages wait for this endpoint, or for any. Nothing was sent.
    #[error("too many messages are being sent, so this one was not")]
    Busy,
    /// The name of the host has no addresses.
    #[error("the host has no address, or its name servers do not answer")]
    Dns,
    /// The host is where messages may not go.
    #[error("the address of the host is {0}, which this node does not send to")]
    Address(Special),
    /// Nobody takes connections there.
    #[error("the host can't be connected to")]
    Connect,
    /// The host is not who it should be, or speaks no TLS.
    #[error("the host has no certificate for its name from who this node trusts, or speaks no TLS")]
    Tls,
    /// It took too long.
    #[error("there was no whole answer in time")]
    Timeout,
    /// The connection ended within the answer or before it.
    #[error("the host closed the connection before its answer was whole")]
    Closed,
    /// The answer is not HTTP.
    #[error("the answer is not HTTP, or its head is too long")]
    Malformed,
    /// The answer says that the message was not taken. Redirects are not followed.
    #[error("the answer's status is not one of success")]
    Status,
}

impl Outcome {
    /// What an answer of `status` means, which asked for a pause of `retry_after`.
    pub(super) fn of(status: StatusCode, retry_after: Option<Duration>) -> Self {
        match status {
            StatusCode::GONE => Self::Gone,
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => Self::Later(retry_after),
            status if status.is_success() => Self::Delivered,
            _ => Self::Failed(Reason::Status),
        }
    }
}

/// The pause that an answer asks for at `now`, in seconds or until a date in any of HTTP's three forms.
pub(super) fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let pause = if text.bytes().all(|byte| byte.is_ascii_digit()) && !text.is_empty() {
        Duration::from_secs(text.parse().unwrap_or(u64::MAX))
    } else {
        // A date that has passed means now.
        Duration::try_from(date(text)?.duration_since(now)).unwrap_or(Duration::ZERO)
    };
    Some(pause.min(RETRY_AFTER_MAX))
}

fn date(text: &str) -> Option<Timestamp> {
    let old = |format| {
        let civil = strtime::parse(format, text).ok()?.to_datetime().ok()?;
        Offset::UTC.to_timestamp(civil).ok()
    };
    let current = rfc2822::parse(text).ok().map(|zoned| zoned.timestamp());
    current.or_else(|| old("%A, %d-%b-%y %H:%M:%S GMT")).or_else(|| old("%a %b %e %H:%M:%S %Y"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_is_told_in_seconds_or_as_a_date() {
        let now = "1994-11-06T08:49:07Z".parse().unwrap();
        let cases = [
            ("120", Some(120)),
            (" 0 ", Some(0)),
            ("99999999999999999999999", Some(24 * 60 * 60)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(30)),
            ("Sunday, 06-Nov-94 08:49:37 GMT", Some(30)),
            ("Sun Nov  6 08:49:37 1994", Some(30)),
            ("Sun, 06 Nov 1994 08:49:00 GMT", Some(0)),
            ("Wed, 06 Nov 2094 08:49:37 GMT", None),
            ("Sat, 06 Nov 2094 08:49:37 GMT", Some(24 * 60 * 60)),
            ("", None),
            ("-1", None),
            ("1.5", None),
            ("soon", None),
            ("Sun, 06 Nov 1994", None),
        ];
        for (text, seconds) in cases {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, text.parse().unwrap())]);
            assert_eq!(retry_after(&headers, now), seconds.map(Duration::from_secs), "{text}");
        }
        assert_eq!(retry_after(&HeaderMap::new(), now), None);
    }

    #[test]
    fn a_status_says_what_becomes_of_the_message() {
        let pause = Some(Duration::from_secs(1));
        let cases = [
            (200, Outcome::Delivered),
            (204, Outcome::Delivered),
            (299, Outcome::Delivered),
            (301, Outcome::Failed(Reason::Status)),
            (307, Outcome::Failed(Reason::Status)),
            (400, Outcome::Failed(Reason::Status)),
            (410, Outcome::Gone),
            (429, Outcome::Later(pause)),
            (500, Outcome::Failed(Reason::Status)),
            (503, Outcome::Later(pause)),
        ];
        for (status, outcome) in cases {
            assert_eq!(Outcome::of(StatusCode::from_u16(status).unwrap(), pause), outcome, "{status}");
        }
    }
}
