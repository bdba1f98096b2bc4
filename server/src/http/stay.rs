//! How long a request stays: as long as its key is good. A key that is revoked or expires ends what is under way within a second
//! (I13): a body that still comes, an answer that is being worked out, rows that still go out.
//!
//! Commands go on to their end: what is journaled must come into force. Not here: who asks ([`super::caller`]).

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use futures::FutureExt;
use futures::future::BoxFuture;
use http_body::{Frame, SizeHint};
use pipelines::catalog::Visibility;

use crate::identity::{Identity, Refusal};
use crate::node::Node;

use super::problem::Problem;

/// Whose request it is, and where the key is looked up.
#[derive(Clone)]
pub(super) struct Stay {
    identity: Identity,
    node: Arc<Node>,
}

impl Stay {
    pub(super) fn new(identity: Identity, node: Arc<Node>) -> Self {
        Self { identity, node }
    }

    /// Whose permits it takes.
    pub(super) fn visibility(&self) -> Visibility {
        self.identity.visibility()
    }

    fn over(&self) -> BoxFuture<'static, Refusal> {
        self.identity.gone(&self.node.tenants).boxed()
    }

    /// `request`, whose body breaks off when the key is gone.
    pub(super) fn during(&self, request: Request) -> Request {
        request.map(|body| self.within(body))
    }

    /// The answer that `work` gives, or that the key is gone; its body breaks off when it goes later.
    pub(super) async fn answer(&self, work: impl Future<Output = Response>) -> Response {
        let response = tokio::select! {
            biased;
            response = work => response,
            refusal = self.over() => Problem::from(refusal).into_response(),
        };
        self.after(response)
    }

    /// `response`, whose body breaks off when the key is gone. One that is there whole does not: it may be what took the key.
    pub(super) fn after(&self, response: Response) -> Response {
        match response.body().size_hint().exact() {
            Some(_) => response,
            None => response.map(|body| self.within(body)),
        }
    }

    fn within(&self, body: Body) -> Body {
        if body.is_end_stream() {
            return body;
        }
        Body::new(Kept { body, over: self.over() })
    }
}

/// A body that breaks off when the key is gone.
struct Kept {
    body: Body,
    over: BoxFuture<'static, Refusal>,
}

impl HttpBody for Kept {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if let Poll::Ready(refusal) = self.over.poll_unpin(context) {
            // It has ended, and is not to be asked again.
            self.over = poll_fn(|_| Poll::Pending).boxed();
            return Poll::Ready(Some(Err(axum::Error::new(refusal))));
        }
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
