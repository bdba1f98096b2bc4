//! What any operation may be refused with, added to `/openapi.json` in one place: an operation documents the refusals that
//! are its own, and this file those that follow from its shape (a key, parameters, a body). It also names the media type of
//! every refusal. Not here: the refusals themselves; `problem` has their table.

use axum::http::StatusCode;
use utoipa::Modify;
use utoipa::openapi::path::{Operation, ParameterIn, PathItem};
use utoipa::openapi::{Content, OpenApi, Ref, RefOr, Response, ResponseBuilder};

use super::problem::PROBLEM_JSON;

/// Adds to each operation what its shape brings with it.
pub(super) struct Refusals;

impl Modify for Refusals {
    fn modify(&self, document: &mut OpenApi) {
        document.paths.paths.values_mut().flat_map(operations).for_each(complete);
    }
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.get, &mut item.put, &mut item.post, &mut item.delete].into_iter().flatten()
}

fn complete(operation: &mut Operation) {
    let is_in = |place: ParameterIn| {
        operation.parameters.iter().flatten().any(|parameter| match parameter {
            RefOr::T(parameter) => parameter.parameter_in == place,
            RefOr::Ref(_) => false,
        })
    };
    let (has_path, has_query) = (is_in(ParameterIn::Path), is_in(ParameterIn::Query));
    let (has_key, has_body) = (operation.security.is_some(), operation.request_body.is_some());
    let brought = [
        (has_path || has_query || has_body, StatusCode::BAD_REQUEST, "a parameter or the body can't be read"),
        (has_key, StatusCode::UNAUTHORIZED, "no valid key"),
        (has_key, StatusCode::FORBIDDEN, "the key has no scope for this, or it is another tenant's"),
        (has_path, StatusCode::NOT_FOUND, "no such thing, or none that the key may see"),
        (has_body, StatusCode::REQUEST_TIMEOUT, "the body did not arrive in time"),
        (has_body, StatusCode::PAYLOAD_TOO_LARGE, "the body is larger than it may be"),
        (has_body, StatusCode::UNSUPPORTED_MEDIA_TYPE, "media type or coding not supported"),
        (
            has_path || has_query || has_body,
            StatusCode::UNPROCESSABLE_ENTITY,
            "a value is not acceptable; `errors` names the field",
        ),
        (has_key, StatusCode::TOO_MANY_REQUESTS, "too much at once from this client"),
        (has_key, StatusCode::INTERNAL_SERVER_ERROR, "stored data can't be read, or a mistake of the node's"),
        (true, StatusCode::SERVICE_UNAVAILABLE, "the node is busy, starting or stopping"),
        (has_key, StatusCode::GATEWAY_TIMEOUT, "the answer took longer than it may"),
    ];
    for (_, status, description) in brought.into_iter().filter(|(is_brought, ..)| *is_brought) {
        let responses = &mut operation.responses.responses;
        responses.entry(status.as_str().to_owned()).or_insert_with(|| refusal(description).into());
    }
    for (status, response) in &mut operation.responses.responses {
        if let (true, RefOr::T(response)) = (status.as_str() >= "400", response) {
            name_the_media_type(response);
        }
    }
}

fn refusal(description: &str) -> Response {
    let content = Content::new(Some(Ref::from_schema_name("Problem")));
    ResponseBuilder::new().description(description).content(PROBLEM_JSON, content).build()
}

/// The derive macro knows a body's type, and takes it for plain JSON.
fn name_the_media_type(response: &mut Response) {
    if let Some(content) = response.content.shift_remove("application/json") {
        response.content.insert(PROBLEM_JSON.to_owned(), content);
    }
}
