//! Places for connections (I8). When all are taken, a new connection gets that of one whose client does nothing, so that nobody
//! can shut others out by connecting and keeping still, by sending half of something, or by reading no answers (I13).
//!
//! A connection is idle while nothing of it is being answered: before its first request, between requests, and for as long
//! as a request's head takes to arrive. It is stuck while the node waits for its client: to take what is written, or to go on
//! with a body. Who has to go is of the address that has most places, and the longest idle or stuck of it. If there is none, new
//! ones wait. Not here: sockets, bodies ([`super::held`]).

use std::cmp::Reverse;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use engine::lock::Lock;
use tokio::sync::Notify;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::silence::Waiting;

/// How long a client has the node wait before it counts as stuck; one on a slow line moves within it.
const STUCK_AFTER: Duration = Duration::from_secs(1);
/// Between two looks whether one is stuck, while somebody wants to come in.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// As many places as there are.
#[derive(Debug)]
pub(crate) struct Places {
    places_max: usize,
    taken: Lock<Taken>,
    /// A place has become free or idle.
    changed: Notify,
}

#[derive(Debug, Default)]
struct Taken {
    /// By number.
    open: HashMap<u64, Usage>,
    /// Those among them that have given up theirs and are about to end.
    leaving: usize,
    /// Counts connections.
    came: u64,
}

/// What counts as one address: that of IPv4, and the half of IPv6 that names a network, whose other half its owner may choose.
fn network(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6((address.to_bits() >> 64 << 64).into()),
        address => address,
    }
}

/// One connection's place, until it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    places: Arc<Places>,
    number: u64,
    given_up: CancellationToken,
    waits: Arc<Waits>,
}

/// What the node waits for.
#[derive(Debug, Default)]
struct Waits {
    to_take: Arc<Waiting>,
    to_send: Arc<Waiting>,
}

impl Waits {
    /// For how long the client has been stuck.
    fn stuck(&self) -> Option<Duration> {
        self.to_take.lasts().max(self.to_send.lasts()).filter(|lasts| *lasts >= STUCK_AFTER)
    }
}

#[derive(Debug)]
struct Usage {
    network: IpAddr,
    leaving: bool,
    /// Requests being answered; over HTTP/1.1 at most one.
    answering: usize,
    /// When it became idle; none while it is being answered.
    idle_since: Option<Instant>,
    given_up: CancellationToken,
    waits: Arc<Waits>,
}

/// Held while a request is being answered.
#[derive(Debug)]
pub(crate) struct Answering(Arc<Place>);

impl Places {
    pub(crate) fn new(places_max: usize) -> Arc<Self> {
        Arc::new(Self { places_max, taken: Lock::default(), changed: Notify::new() })
    }

    /// Waits until somebody could come in.
    pub(super) async fn room(&self) {
        loop {
            let changed = self.changed.notified();
            {
                let taken = self.taken.lock();
                if taken.used() < self.places_max || taken.dispensable().is_some() {
                    return;
                }
            }
            // Who becomes stuck tells nobody, so it is looked again even if nothing has changed.
            let _ = timeout(LOOK_EVERY, changed).await;
        }
    }

    /// A place for a new connection from `peer`, if need be one that another has to give up; `None` if there is no room.
    pub(crate) fn enter(self: &Arc<Self>, peer: IpAddr) -> Option<Arc<Place>> {
        let (given_up, waits) = (CancellationToken::new(), Arc::<Waits>::default());
        let mut taken = self.taken.lock();
        let other = match taken.used() < self.places_max {
            true => None,
            false => Some(taken.dispensable()?),
        };
        let other = other.and_then(|number| taken.leaves(number));
        taken.came += 1;
        let number = taken.came;
        let usage = Usage {
            network: network(peer),
            leaving: false,
            answering: 0,
            idle_since: Some(Instant::now()),
            given_up: given_up.clone(),
            waits: Arc::clone(&waits),
        };
        taken.open.insert(number, usage);
        drop(taken);
        if let Some(other) = other {
            other.cancel();
        }
        Some(Arc::new(Place { places: Arc::clone(self), number, given_up, waits }))
    }
}

impl Taken {
    fn used(&self) -> usize {
        self.open.len() - self.leaving
    }

    fn leaves(&mut self, number: u64) -> Option<CancellationToken> {
        let usage = self.open.get_mut(&number)?;
        usage.leaving = true;
        self.leaving += 1;
        Some(usage.given_up.clone())
    }

    /// Who would have to go.
    fn dispensable(&self) -> Option<u64> {
        let staying = || self.open.iter().filter(|(_, usage)| !usage.leaving);
        let mut by_network = HashMap::<IpAddr, usize>::new();
        staying().for_each(|(_, usage)| *by_network.entry(usage.network).or_default() += 1);
        let now = Instant::now();
        let candidates = staying().filter_map(|(number, usage)| {
            let stuck_since = usage.waits.stuck().and_then(|lasts| now.checked_sub(lasts));
            // Since when it has done nothing.
            let since = usage.idle_since.into_iter().chain(stuck_since).min()?;
            Some((Reverse(by_network[&usage.network]), since, *number))
        });
        candidates.min().map(|(_, _, number)| number)
    }
}

impl Place {
    /// When somebody else has got the place.
    pub(crate) async fn given_up(&self) {
        self.given_up.cancelled().await;
    }

    /// Whether nobody would miss the connection: nothing is being answered, or its client is stuck.
    pub(super) fn is_dispensable(&self) -> bool {
        let taken = self.places.taken.lock();
        taken.open.get(&self.number).is_none_or(|usage| usage.answering == 0) || self.waits.stuck().is_some()
    }

    /// Told of the client that takes nothing of what is written.
    pub(super) fn to_take(&self) -> Arc<Waiting> {
        Arc::clone(&self.waits.to_take)
    }

    /// Told of the client that does not go on with a body.
    pub(super) fn to_send(&self) -> Arc<Waiting> {
        Arc::clone(&self.waits.to_send)
    }

    /// From a request's head to the last byte of its answer.
    pub(super) fn answering(self: &Arc<Self>) -> Answering {
        let mut taken = self.places.taken.lock();
        if let Some(usage) = taken.open.get_mut(&self.number) {
            usage.answering += 1;
            usage.idle_since = None;
        }
        Answering(Arc::clone(self))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken.lock();
        if taken.open.remove(&self.number).is_some_and(|usage| usage.leaving) {
            taken.leaving -= 1;
        }
        drop(taken);
        self.places.changed.notify_one();
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        let Self(place) = self;
        let mut taken = place.places.taken.lock();
        let usage = taken.open.get_mut(&place.number);
        let is_idle = usage.is_some_and(|usage| {
            usage.answering -= 1;
            usage.idle_since = (usage.answering == 0).then(Instant::now);
            usage.answering == 0
        });
        drop(taken);
        if is_idle {
            place.places.changed.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::task::{Context, Waker};

    use crate::silence::Silence;

    use super::*;

    const ONE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
    const OTHER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2));

    fn enter(places: &Arc<Places>, peer: IpAddr) -> Arc<Place> {
        places.enter(peer).expect("there is room")
    }

    #[tokio::test]
    async fn the_longest_idle_one_gives_up_its_place() {
        let places = Places::new(2);
        let (first, second) = (enter(&places, ONE), enter(&places, ONE));
        drop(first.answering());
        let third = enter(&places, ONE);
        assert!(second.given_up.is_cancelled());
        assert!(!first.given_up.is_cancelled() && !third.given_up.is_cancelled());
    }

    #[tokio::test]
    async fn who_is_being_answered_keeps_it() {
        let places = Places::new(1);
        let place = enter(&places, ONE);
        let answering = place.answering();
        drop(place.answering());
        let room = places.room();
        tokio::pin!(room);
        assert!(futures::poll!(room.as_mut()).is_pending());
        assert!(places.enter(ONE).is_none());
        drop(answering);
        room.await;
        let other = enter(&places, ONE);
        assert!(place.given_up.is_cancelled() && place.is_dispensable());
        drop((place, other));
        let taken = places.taken.lock();
        assert_eq!((taken.open.len(), taken.leaving), (0, 0));
    }

    #[tokio::test]
    async fn an_address_with_many_makes_room_before_one_with_few() {
        let places = Places::new(4);
        let quiet = enter(&places, OTHER);
        let many: Vec<_> = (0..20).map(|_| enter(&places, ONE)).collect();
        assert!(!quiet.given_up.is_cancelled());
        assert_eq!(many.iter().filter(|place| !place.given_up.is_cancelled()).count(), 3);
    }

    #[tokio::test]
    async fn who_is_answered_and_takes_nothing_makes_room_after_a_while() {
        let places = Places::new(2);
        let (busy, stuck) = (enter(&places, ONE), enter(&places, ONE));
        let _answering = (busy.answering(), stuck.answering());
        let mut silence = Silence::new(Duration::from_secs(60), stuck.to_take());
        assert!(silence.poll(&mut Context::from_waker(Waker::noop())).is_pending());
        timeout(Duration::from_millis(100), places.room()).await.unwrap_err();
        timeout(STUCK_AFTER * 5, places.room()).await.unwrap();
        let other = enter(&places, ONE);
        assert!(stuck.given_up.is_cancelled() && !busy.given_up.is_cancelled());
        // Whoever has just come does not make room for the next one while another has long been stuck.
        let mut silence = Silence::new(Duration::from_secs(60), busy.to_send());
        assert!(silence.poll(&mut Context::from_waker(Waker::noop())).is_pending());
        tokio::time::sleep(STUCK_AFTER * 2).await;
        drop(other.answering());
        let _next = enter(&places, ONE);
        assert!(busy.given_up.is_cancelled() && !other.given_up.is_cancelled());
    }
}
