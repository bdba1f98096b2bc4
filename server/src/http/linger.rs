//! What is left of a refused request's body is taken in before the answer goes out. A server that answers and hangs up while
//! the client still sends resets the connection, and the client sees that instead of "429, come back in a second".
//!
//! Only as much as a body may have, and not for long: who sends more than that is hung up on. Not here: refusing.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::Request;
use engine::lock::Lock;
use futures::StreamExt;
use http_body::{Frame, SizeHint};

/// Longest time to take in what nobody wants.
const LINGER_MAX: Duration = Duration::from_secs(5);

/// What a handler has not read of a request's body.
pub(super) struct Rest(Home);

/// Where a body is when nobody reads it.
type Home = Arc<Lock<Option<Body>>>;

/// A body that goes home when its reader lets go of it.
struct Lent {
    body: Body,
    home: Home,
}

impl Drop for Lent {
    fn drop(&mut self) {
        *self.home.lock() = Some(std::mem::take(&mut self.body));
    }
}

/// The same request, and a way to what will be left of its body.
pub(super) fn lend(request: Request) -> (Request, Rest) {
    let (head, body) = request.into_parts();
    let home = Home::default();
    let lent = Lent { body, home: Arc::clone(&home) };
    (Request::from_parts(head, Body::new(lent)), Rest(home))
}

impl Rest {
    /// Takes in at most `bytes_max`; nothing if somebody still reads it.
    pub(super) async fn discard(self, bytes_max: usize) {
        let Some(body) = self.0.lock().take() else { return };
        if body.is_end_stream() {
            return;
        }
        let all = async {
            let (mut chunks, mut bytes) = (body.into_data_stream(), 0);
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn sending(chunks: usize) -> (Request, Rest, Arc<AtomicUsize>) {
        let sent = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&sent);
        let chunks = futures::stream::iter(0..chunks).map(move |_| {
            counter.fetch_add(1, Ordering::Relaxed);
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
        assert_eq!(sent.load(Ordering::Relaxed), 5);

        let (request, rest, sent) = sending(500);
        drop(request);
        rest.discard(100).await;
        assert_eq!(sent.load(Ordering::Relaxed), 11);
    }
}
