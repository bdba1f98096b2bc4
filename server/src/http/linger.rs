//! What is left of a refused request's body is taken in before the answer goes out. A server that answers and hangs up while
//! the client still sends resets the connection, and the client sees that instead of "429, come back in a second".
//!
//! Only as much as a body may have, and not for long: who sends more than that is hung up on. Not here: refusing.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use futures::StreamExt;
use http_body::{Frame, SizeHint};

/// Longest time to take in what nobody wants.
const LINGER_MAX: Duration = Duration::from_secs(5);

/// What a handler has not read of a request's body.
pub(super) struct Rest(Arc<Mutex<Body>>);

struct Lent(Arc<Mutex<Body>>);

/// The same request, and a way to what will be left of its body.
pub(super) fn lend(request: Request) -> (Request, Rest) {
    let (head, body) = request.into_parts();
    let body = Arc::new(Mutex::new(body));
    (Request::from_parts(head, Body::new(Lent(Arc::clone(&body)))), Rest(body))
}

impl Rest {
    /// Takes in at most `bytes_max`.
    pub(super) async fn discard(self, bytes_max: usize) {
        if lock(&self.0).is_end_stream() {
            return;
        }
        let all = async {
            let (mut chunks, mut bytes) = (Body::new(Lent(self.0)).into_data_stream(), 0);
            while let Some(Ok(chunk)) = chunks.next().await {
                bytes += chunk.len();
                if bytes > bytes_max {
                    break;
                }
            }
        };
        // A client that takes longer sees the reset.
        let _ = tokio::time::timeout(LINGER_MAX, all).await;
    }
}

impl HttpBody for Lent {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut *lock(&self.0)).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        lock(&self.0).is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        lock(&self.0).size_hint()
    }
}

fn lock(body: &Mutex<Body>) -> MutexGuard<'_, Body> {
    body.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sending(chunks: usize) -> (Request, Rest, Arc<Mutex<usize>>) {
        let sent = Arc::new(Mutex::new(0));
        let counter = Arc::clone(&sent);
        let chunks = futures::stream::iter(0..chunks).map(move |_| {
            *counter.lock().unwrap() += 1;
            Ok::<_, std::io::Error>(vec![b'x'; 10])
        });
        let (request, rest) = lend(Request::new(Body::from_stream(chunks)));
        (request, rest, sent)
    }

    #[tokio::test]
    async fn what_a_handler_leaves_is_taken_in_up_to_a_limit() {
        let (request, rest, sent) = sending(5);
        let mut read = request.into_body().into_data_stream();
        read.next().await.unwrap().unwrap();
        drop(read);
        rest.discard(1000).await;
        assert_eq!(*sent.lock().unwrap(), 5);

        let (request, rest, sent) = sending(500);
        drop(request);
        rest.discard(100).await;
        assert_eq!(*sent.lock().unwrap(), 11);
    }
}
