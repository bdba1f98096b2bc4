//! Places for connections (I8). When all are taken, a new connection gets the place of the one that has been idle longest, so
//! that nobody can shut others out by connecting and keeping still.
//!
//! A connection is idle while nothing of it is being answered: before its first request, between requests, and for as long
//! as a request's head takes to arrive. If all are busy, new ones wait in the kernel's queue. Not here: sockets.

use std::collections::{BTreeMap, HashMap};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use axum::response::Response;
use engine::lock::Lock;
use http_body::{Frame, SizeHint};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// As many places as there are.
#[derive(Debug)]
pub(super) struct Places {
    places_max: usize,
    taken: Lock<Taken>,
    /// A place has become free or idle.
    changed: Notify,
}

#[derive(Debug, Default)]
struct Taken {
    /// By number.
    open: HashMap<u64, Usage>,
    /// Counts how often a connection came or became idle.
    turn: u64,
    /// The idle ones, the longest first.
    idle: BTreeMap<u64, CancellationToken>,
}

/// One connection's place, until it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    places: Arc<Places>,
    number: u64,
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
        Arc::new(Self { places_max, taken: Lock::default(), changed: Notify::new() })
    }

    /// Waits until somebody could come in.
    pub(super) async fn room(&self) {
        loop {
            let changed = self.changed.notified();
            {
                let taken = self.taken.lock();
                if taken.open.len() < self.places_max || !taken.idle.is_empty() {
                    return;
                }
            }
            changed.await;
        }
    }

    /// A place for a new connection, if need be that of the longest idle one.
    pub(super) fn enter(self: &Arc<Self>) -> Arc<Place> {
        let given_up = CancellationToken::new();
        let mut taken = self.taken.lock();
        let longest = if taken.open.len() >= self.places_max { taken.idle.pop_first() } else { None };
        let number = taken.next();
        let since = taken.idles(&given_up);
        taken.open.insert(number, Usage { answering: 0, idle_since: Some(since) });
        drop(taken);
        if let Some((_, longest)) = longest {
            longest.cancel();
        }
        Arc::new(Place { places: Arc::clone(self), number, given_up })
    }
}

impl Taken {
    fn next(&mut self) -> u64 {
        self.turn += 1;
        self.turn
    }

    fn idles(&mut self, given_up: &CancellationToken) -> u64 {
        let since = self.next();
        self.idle.insert(since, given_up.clone());
        since
    }
}

impl Place {
    /// When somebody else has got the place.
    pub(super) async fn given_up(&self) {
        self.given_up.cancelled().await;
    }

    /// Whether nothing is being answered.
    pub(super) fn is_idle(&self) -> bool {
        self.places.taken.lock().open.get(&self.number).is_none_or(|usage| usage.answering == 0)
    }

    /// From a request's head to the last byte of its answer.
    pub(super) fn answering(self: &Arc<Self>) -> Answering {
        let mut taken = self.places.taken.lock();
        if let Some(usage) = taken.open.get_mut(&self.number) {
            usage.answering += 1;
            if let Some(since) = usage.idle_since.take() {
                taken.idle.remove(&since);
            }
        }
        Answering(Arc::clone(self))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken.lock();
        if let Some(since) = taken.open.remove(&self.number).and_then(|usage| usage.idle_since) {
            taken.idle.remove(&since);
        }
        drop(taken);
        self.places.changed.notify_one();
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        let Self(place) = self;
        let mut taken = place.places.taken.lock();
        let answering = taken.open.get_mut(&place.number).map(|usage| {
            usage.answering -= 1;
            usage.answering
        });
        if answering == Some(0) {
            let since = taken.idles(&place.given_up);
            taken.open.entry(place.number).and_modify(|usage| usage.idle_since = Some(since));
        }
        drop(taken);
        if answering == Some(0) {
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
        let taken = places.taken.lock();
        assert_eq!((taken.open.len(), taken.idle.len()), (0, 0));
    }
}
