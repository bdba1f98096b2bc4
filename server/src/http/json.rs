//! JSON bodies, query parameters and path parameters whose failures are problems like all others, with the member named
//! that is wrong or missing.

use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, PathRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::body::broken_off;
use super::problem::{Kind, Problem};

/// A JSON body.
pub(super) struct Body<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        if !is_json(request.headers()) {
            return Err(Kind::UnsupportedMedia.with("send application/json").field(
                "Content-Type",
                "unsupported",
                "send application/json",
            ));
        }
        let unread = |error: BytesRejection| match error.status() {
            StatusCode::PAYLOAD_TOO_LARGE => Kind::TooLarge.with(error.body_text()),
            _ => broken_off(&error),
        };
        let bytes = Bytes::from_request(request, state).await.map_err(unread)?;
        let mut json = serde_json::Deserializer::from_slice(&bytes);
        let value = serde_path_to_error::deserialize(&mut json).map_err(|error| {
            let path = error.path().to_string();
            let error = error.into_inner();
            match error.is_data() {
                true => wrong_member(&path, &error.to_string()),
                false => Kind::Malformed.with(format!("the body is not JSON: {error}")),
            }
        })?;
        json.end().map_err(|error| Kind::Malformed.with(format!("the body is not JSON: {error}")))?;
        Ok(Self(value))
    }
}

/// The definition that `members` make.
pub(super) fn definition<T: DeserializeOwned>(members: Map<String, Value>) -> Result<T, Problem> {
    serde_path_to_error::deserialize(Value::Object(members))
        .map_err(|error| wrong_member(&error.path().to_string(), &error.inner().to_string()))
}

fn is_json(headers: &HeaderMap) -> bool {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    media.strip_prefix("application/").is_some_and(|subtype| subtype == "json" || subtype.ends_with("+json"))
}

/// A problem that names the member that serde could not read at `path`, in `words` of serde.
fn wrong_member(path: &str, words: &str) -> Problem {
    let (field, reason, detail) = member(path, words);
    Kind::Invalid.with(detail.clone()).field(field, reason, detail)
}

/// Which member serde could not read at `path`, a word for why, and a sentence, made of `words` of serde.
pub(super) fn member(path: &str, words: &str) -> (String, &'static str, String) {
    let words = words.rsplit_once(" at line ").map_or(words, |(words, _)| words);
    let path = if path == "." { "" } else { path };
    let quoted = |prefix: &str| words.strip_prefix(prefix)?.split_once('`');
    let below = |name: &str| match path {
        "" => name.to_owned(),
        path if path == name || path.ends_with(&format!(".{name}")) => path.to_owned(),
        path => format!("{path}.{name}"),
    };
    let (field, reason, detail) = match (quoted("missing field `"), quoted("unknown field `")) {
        (Some((name, _)), _) => (below(name), "missing", "is missing".to_owned()),
        (_, Some((name, expected))) => {
            (below(name), "unknown", format!("is not known{}", expected.trim_end_matches(", there are no fields")))
        }
        _ => (path.to_owned(), "invalid", words.to_owned()),
    };
    let detail = match (field.as_str(), reason) {
        ("", _) => detail,
        (field, "invalid") => format!("{field}: {detail}"),
        (field, _) => format!("{field} {detail}"),
    };
    (field, reason, detail)
}

/// Parameters behind the question mark.
pub(super) struct Parameters<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Parameters<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let refuse = |error: QueryRejection| wrong_parameter(&error.body_text());
        Query::from_request_parts(parts, state).await.map(|Query(value)| Self(value)).map_err(refuse)
    }
}

/// Parameters in the path.
pub(super) struct Names<T>(pub(super) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Names<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let refuse = |error: PathRejection| Kind::Malformed.with(error.body_text());
        Path::from_request_parts(parts, state).await.map(|Path(value)| Self(value)).map_err(refuse)
    }
}

/// The same for the query parameter that `told`, axum's sentence, is about: `Failed to deserialize …: limit: invalid digit …`.
fn wrong_parameter(told: &str) -> Problem {
    let words = told.split_once(": ").map_or(told, |(_, words)| words);
    let problem = match words.split_once(": ") {
        Some((name, words)) if !name.contains(' ') => wrong_member(name, words),
        _ => wrong_member("", words),
    };
    Problem { kind: Kind::Malformed, ..problem }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Outer {
        #[expect(dead_code, reason = "only read")]
        name: String,
        #[expect(dead_code, reason = "only read")]
        inner: Inner,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        #[expect(dead_code, reason = "only read")]
        size: u32,
    }

    fn check(body: Value, field: &str, reason: &str, detail: &str) {
        let Value::Object(members) = body.clone() else { panic!("{body} is no object") };
        let problem = definition::<Outer>(members).unwrap_err();
        let error = &problem.errors[0];
        assert_eq!((error.field.as_str(), error.reason.as_str()), (field, reason), "{body}: {error:?}");
        assert!(error.detail.contains(detail) && problem.detail == error.detail, "{body}: {error:?}");
    }

    #[test]
    fn the_member_that_is_wrong_or_missing_is_named() {
        check(json!({"inner": {"size": 1}}), "name", "missing", "name is missing");
        check(json!({"name": "a", "inner": {}}), "inner.size", "missing", "inner.size is missing");
        check(json!({"name": "a", "inner": {"size": "x"}}), "inner.size", "invalid", "inner.size: invalid type");
        check(
            json!({"name": "a", "inner": {"size": 1, "sice": 1}}),
            "inner.sice",
            "unknown",
            "inner.sice is not known, expected `size`",
        );
        check(json!({"nam": "a"}), "nam", "unknown", "nam is not known, expected `name` or `inner`");
    }

    #[test]
    fn parameters_are_named_too() {
        let check = |told: &str, field: &str, reason: &str| {
            let problem = wrong_parameter(told);
            let error = &problem.errors[0];
            assert_eq!((error.field.as_str(), error.reason.as_str()), (field, reason), "{told}");
            assert_eq!(problem.kind, Kind::Malformed);
        };
        check("Failed to deserialize query string: limit: invalid digit found in string", "limit", "invalid");
        check("Failed to deserialize query string: unknown field `form`, expected `format`", "form", "unknown");
        check("Failed to deserialize query string: form: unknown field `form`, expected `format`", "form", "unknown");
        check("Failed to deserialize query string: missing field `sql`", "sql", "missing");
    }
}
