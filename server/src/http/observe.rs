//! What happens around every request: whose it is, the in-flight limit, the time limit, the measurement, and answers for no
//! route.
//!
//! Not here: limits of sockets (`server`) and of single kinds of requests (their handlers).

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::{Request, State};
use axum::http::{Method, StatusCode, Uri};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::MethodRouter;
use futures::FutureExt;

use crate::watchdog::doing::doing;

use super::Door;
use super::caller;
use super::linger;
use super::problem::{Kind, Problem};
use super::stay::Stay;
use super::whole;

/// Routes that must answer even when the node is at its limit.
const ALWAYS: [&str; 3] = ["/healthz", "/readyz", "/metrics"];
/// The route that brings events, whose handler takes a permit of those that are for them.
const EVENTS: &str = "/v1/events";
/// The route beside those of `GET` that only reads, or whose command goes on by itself.
const SQL: &str = "/v1/sql";

#[derive(Clone)]
struct Route {
    path: &'static str,
    door: Arc<Door>,
}

/// `methods`, bounded and measured under the name `path`.
pub(super) fn measured(
    path: &'static str,
    methods: MethodRouter<Arc<Door>>,
    door: &Arc<Door>,
) -> MethodRouter<Arc<Door>> {
    methods.layer(from_fn_with_state(Route { path, door: Arc::clone(door) }, around))
}

async fn around(State(Route { path, door }): State<Route>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let (method, version) = (request.method().clone(), request.version());
    let (mut request, rest) = linger::lend(request);
    let stay = known(&mut request, &door);
    let response = match AssertUnwindSafe(doing(path, bounded(path, &door, request, next, stay))).catch_unwind().await {
        Ok(response) => response,
        Err(_) => Kind::Internal.with("answering panicked; the node's log says where").into_response(),
    };
    let response = whole::gathered(version, response).await;
    let status = response.status();
    // Who sends too much, or not at all, is not waited for.
    let hangs_up = matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::PAYLOAD_TOO_LARGE);
    if !status.is_success() && !hangs_up {
        rest.discard(door.options.body_bytes_max).await;
    }
    let took = started.elapsed();
    door.metrics.observe_request(method.as_str(), path, status.as_u16(), took);
    // Being busy is no failure, and a line for each refusal would be one more load; the metrics count them.
    if status.is_server_error() && status != StatusCode::SERVICE_UNAVAILABLE {
        tracing::warn!(%method, route = path, status = status.as_u16(), took_us = took.as_micros(), "request failed");
    } else {
        tracing::debug!(%method, route = path, status = status.as_u16(), took_us = took.as_micros(), "request");
    }
    response
}

/// Whose request it is, if it has a good key; handlers need not look it up again, and refuse it if there is none.
fn known(request: &mut Request, door: &Door) -> Option<Stay> {
    let identity = caller::known(request.headers(), request.extensions(), door).ok()?;
    request.extensions_mut().insert(identity.clone());
    Some(Stay::new(identity, Arc::clone(door.node().ok()?)))
}

async fn bounded(path: &'static str, door: &Door, request: Request, next: Next, stay: Option<Stay>) -> Response {
    if ALWAYS.contains(&path) {
        return next.run(request).await;
    }
    // Whoever shows no good key is refused before anything is read of it, or asks for what costs nothing.
    let place = match &stay {
        Some(stay) if path != EVENTS => door.requests.take(&stay.visibility()).map(Some),
        _ => Ok(None),
    };
    let _place = match place {
        Ok(place) => place,
        Err(full) => return Problem::from(full).into_response(),
    };
    let only_reads = request.method() == Method::GET || path == SQL;
    let request = stay.iter().fold(request, |request, stay| stay.during(request));
    let work = async {
        match tokio::time::timeout(door.options.request_timeout, next.run(request)).await {
            Ok(response) => response,
            Err(_) => {
                let limit_ms = door.options.request_timeout.as_millis();
                let detail = format!(
                    "no answer within {limit_ms} ms; what was sent may have taken effect, sending it again is safe"
                );
                Kind::Overloaded.with(detail).into_response()
            }
        }
    };
    match stay {
        Some(stay) if only_reads => stay.answer(work).await,
        Some(stay) => stay.after(work.await),
        None => work.await,
    }
}

/// The answer where there is no route.
pub(super) async fn no_such_route(uri: Uri) -> Problem {
    Kind::NotFound.with(format!("there is no {}; /openapi.json lists what there is", uri.path()))
}

/// The answer where a route has another method.
pub(super) async fn no_such_method(method: Method, uri: Uri) -> Problem {
    Kind::MethodNotAllowed.with(format!("{} does not take {method}; /openapi.json lists what it takes", uri.path()))
}
