//! Places for connections (I8). When all are taken, a new connection gets the place of the one that has been idle longest, so
//! that nobody can shut others out by connecting and keeping still.
//!
//! A connection is idle while nothing of it is being answered: before its first request, between requests, and for as long
//! as a request's head takes to arrive. If all are busy, new ones wait in the kernel's queue. Not here: sockets.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use axum::response::Response;
use http_body::{Frame, SizeHint};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// As many places as there are.
#[derive(Debug)]
pub(super) struct Places {
    places_max: usize,
    taken: Mutex<Taken>,
    /// A place has become free or idle.
    changed: Notify,
}

#[derive(Debug, Default)]
struct Taken {
    open: usize,
    /// Counts how often a connection became idle.
    turn: u64,
    /// The idle ones, the longest first.
    idle: BTreeMap<u64, CancellationToken>,
}

/// One connection's place, until it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    places: Arc<Places>,
    usage: Mutex<Usage>,
    given_up: CancellationToken,
}

#[derive(Debug)]
struct Usage {
    /// Requests being answered; over HTTP/1.1 at most one.
    answering: usize,
    /// When it became idle; none while it is being answered.
    idle_since: Option<u64>,
}

/// Held while a request is being answered.
#[derive(Debug)]
pub(super) struct Answering(Arc<Place>);

impl Places {
    pub(super) fn new(places_max: usize) -> Arc<Self> {
        Arc::new(Self { places_max, taken: Mutex::default(), changed: Notify::new() })
    }

    /// Waits until somebody could come in.
    pub(super) async fn room(&self) {
        loop {
            let changed = self.changed.notified();
            {
                let taken = self.lock();
                if taken.open < self.places_max || !taken.idle.is_empty() {
                    return;
                }
            }
            changed.await;
        }
    }

    /// A place for a new connection, if need be that of the longest idle one.
    pub(super) fn enter(self: &Arc<Self>) -> Arc<Place> {
        let given_up = CancellationToken::new();
        let mut taken = self.lock();
        if taken.open >= self.places_max
            && let Some((_, longest)) = taken.idle.pop_first()
        {
            longest.cancel();
        }
        taken.open += 1;
        let since = taken.idles(&given_up);
        let usage = Mutex::new(Usage { answering: 0, idle_since: Some(since) });
        Arc::new(Place { places: Arc::clone(self), usage, given_up })
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Taken {
    fn idles(&mut self, given_up: &CancellationToken) -> u64 {
        self.turn += 1;
        self.idle.insert(self.turn, given_up.clone());
        self.turn
    }
}

impl Place {
    /// When somebody else has got the place.
    pub(super) async fn given_up(&self) {
        self.given_up.cancelled().await;
    }

    /// Whether nothing is being answered.
    pub(super) fn is_idle(&self) -> bool {
        self.lock().answering == 0
    }

    /// From a request's head to the last byte of its answer.
    pub(super) fn answering(self: &Arc<Self>) -> Answering {
        let mut usage = self.lock();
        usage.answering += 1;
        if let Some(since) = usage.idle_since.take() {
            self.places.lock().idle.remove(&since);
        }
        Answering(Arc::clone(self))
    }

    fn lock(&self) -> MutexGuard<'_, Usage> {
        self.usage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let since = self.lock().idle_since.take();
        let mut taken = self.places.lock();
        taken.open -= 1;
        if let Some(since) = since {
            taken.idle.remove(&since);
        }
        drop(taken);
        self.places.changed.notify_one();
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        let Self(place) = self;
        let mut usage = place.lock();
        usage.answering -= 1;
        if usage.answering == 0 {
            usage.idle_since = Some(place.places.lock().idles(&place.given_up));
            place.places.changed.notify_one();
        }
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_longest_idle_one_gives_up_its_place() {
        let places = Places::new(2);
        let (first, second) = (places.enter(), places.enter());
        drop(first.answering());
        let third = places.enter();
        assert!(second.given_up.is_cancelled());
        assert!(!first.given_up.is_cancelled() && !third.given_up.is_cancelled());
    }

    #[tokio::test]
    async fn who_is_being_answered_keeps_it() {
        let places = Places::new(1);
        let place = places.enter();
        let answering = place.answering();
        drop(place.answering());
        let room = places.room();
        tokio::pin!(room);
        assert!(futures::poll!(room.as_mut()).is_pending());
        drop(answering);
        room.await;
        let other = places.enter();
        assert!(place.given_up.is_cancelled() && place.is_idle());
        drop((place, other));
        let taken = places.lock();
        assert_eq!((taken.open, taken.idle.len()), (0, 0));
    }
}
