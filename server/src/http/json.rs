//! JSON bodies, query parameters and path parameters whose failures are problems like all others.

use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use super::problem::{Kind, Problem};

/// A JSON body.
pub(super) struct Body<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        match axum::Json::<T>::from_request(request, state).await {
            Ok(axum::Json(value)) => Ok(Self(value)),
            Err(JsonRejection::JsonSyntaxError(error)) => Err(Kind::Malformed.with(error.body_text())),
            // Its text names the member's path.
            Err(JsonRejection::JsonDataError(error)) => {
                let detail = error.body_text();
                Err(Kind::Invalid.with(detail.clone()).field(member(&detail), "invalid", detail))
            }
            Err(JsonRejection::MissingJsonContentType(_)) => Err(Kind::UnsupportedMedia
                .with("send application/json")
                .field("Content-Type", "unsupported", "send application/json")),
            Err(other) if other.status() == StatusCode::PAYLOAD_TOO_LARGE => {
                Err(Kind::TooLarge.with(other.body_text()))
            }
            Err(other) => Err(Kind::Malformed.with(other.body_text())),
        }
    }
}

/// The member that serde's sentence begins with: `Failed to deserialize …: window.size_s: invalid type …`.
fn member(detail: &str) -> String {
    let mut parts = detail.split(": ").skip(1);
    match (parts.next(), parts.next()) {
        (Some(member), Some(_)) if !member.contains(' ') => member.to_owned(),
        _ => String::new(),
    }
}

/// Parameters behind the question mark.
pub(super) struct Parameters<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Parameters<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let refuse = |error: QueryRejection| Kind::Malformed.with(error.body_text());
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wrong_member_is_named() {
        let text = "Failed to deserialize the JSON body into the target type: window.size_s: invalid type: string";
        assert_eq!(member(text), "window.size_s");
        assert_eq!(member("Failed to deserialize the JSON body into the target type: missing field `name`"), "");
    }
}
