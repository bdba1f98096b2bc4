//! Headers of every answer, for browsers and what lies between: nobody keeps it, guesses what it is, or shows it as part of a
//! page. Not here: what an answer is.

use axum::http::{HeaderName, HeaderValue, header};
use axum::response::Response;

/// In place of what an answer does not say itself.
const ALL: [(HeaderName, HeaderValue); 5] = [
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
];

/// `response` with them.
pub(super) async fn with_all(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in ALL {
        headers.entry(name).or_insert(value);
    }
    response
}
