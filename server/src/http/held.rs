//! Bodies that a connection's place knows of: an answer until it has been sent, and a request's that does not go on (I13).
//!
//! Not here: places ([`super::places`]), how large bodies may be ([`super::body`]).

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::response::Response;
use http_body::{Frame, SizeHint};

use crate::silence::Silence;

use super::places::{Answering, Place};

/// A body whose connection is being answered until it has been sent.
struct Held {
    body: Body,
    _answering: Answering,
}

/// `response`, being answered until its last byte.
pub(super) fn hold(response: Response, answering: Answering) -> Response {
    response.map(|body| Body::new(Held { body, _answering: answering }))
}

impl HttpBody for Held {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A request's body whose sender may keep still for so long.
struct Awaited {
    body: Body,
    silence: Silence,
}

/// The client has begun a body and does not go on.
#[derive(Debug, thiserror::Error)]
#[error("no byte of the body has come for {0} ms (connections.silence_ms_max)")]
pub(super) struct Silent(u128);

/// `body`, as long as its sender goes on with it.
pub(super) fn awaited(body: Body, place: &Place, longest: Duration) -> Body {
    if body.is_end_stream() {
        return body;
    }
    Body::new(Awaited { body, silence: Silence::new(longest, place.to_send()) })
}

impl HttpBody for Awaited {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(context);
        if frame.is_ready() {
            self.silence.broken();
            return frame;
        }
        let longest_ms = self.silence.longest().as_millis();
        self.silence.poll(context).map(|()| Some(Err(axum::Error::new(Silent(longest_ms)))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
