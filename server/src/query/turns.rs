//! Whose statement runs next (I8): so many at once, in all and for one asker; those beyond wait their turn, bounded.
//!
//! A dashboard asks twenty things at once and wants twenty answers, not twelve refusals. Askers go round: each end of a
//! statement lets the next one in of whoever was let in longest ago, so that a long queue delays nobody but its owner. Who may
//! run is decided by the permits alone. Not here: how long a statement waits (its own time, `running`).

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use engine::lock::Lock;
use pipelines::catalog::Visibility;
use tokio::sync::oneshot;

use crate::permits::{Full, Permit, Permits};

/// Statements of one asker that may wait for each that may run.
const WAITING_FACTOR: usize = 4;

/// Gives turns; cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Turns(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    permits: Permits,
    /// Statements of one asker that may wait.
    waiting_max: usize,
    waiting: Lock<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    by_asker: HashMap<Visibility, VecDeque<oneshot::Sender<Turn>>>,
    /// Whoever waits, in the order of the round.
    round: VecDeque<Visibility>,
}

/// The turn of a statement; the next one's comes when it is dropped.
#[derive(Debug)]
pub(super) struct Turn {
    permit: Option<Permit>,
    turns: Turns,
}

/// When a turn comes.
#[derive(Debug)]
pub(super) enum Place {
    Now(Turn),
    Later(oneshot::Receiver<Turn>),
}

impl Turns {
    /// So many statements at once, in all and for one asker.
    pub(super) fn new(total_max: usize, asker_max: usize) -> Self {
        let waiting_max = asker_max.saturating_mul(WAITING_FACTOR);
        Self(Arc::new(Shared { permits: Permits::new(total_max, asker_max), waiting_max, waiting: Lock::default() }))
    }

    /// A turn at once, or a place behind those who wait; an error if as many wait as may.
    pub(super) fn take(&self, asker: &Visibility) -> Result<Place, Full> {
        let is_first = !self.0.waiting.lock().by_asker.contains_key(asker);
        let full = match is_first.then(|| self.0.permits.take(asker)) {
            Some(Ok(permit)) => return Ok(Place::Now(self.turn(permit))),
            Some(Err(full)) => full,
            None => self.full(asker),
        };
        let (sender, receiver) = oneshot::channel();
        if !self.0.waiting.lock().join(asker, sender, self.0.waiting_max) {
            return Err(full);
        }
        // A permit may have come back before there was anybody to take it.
        self.next();
        Ok(Place::Later(receiver))
    }

    /// What `asker` waits for.
    pub(super) fn full(&self, asker: &Visibility) -> Full {
        self.0.permits.full(asker)
    }

    /// Statements whose turn it is.
    pub(super) fn taken(&self) -> usize {
        self.0.permits.taken()
    }

    /// Statements that wait.
    pub(super) fn waiting(&self) -> usize {
        let waiting = self.0.waiting.lock();
        waiting.by_asker.values().flatten().filter(|waits| !waits.is_closed()).count()
    }

    fn turn(&self, permit: Permit) -> Turn {
        Turn { permit: Some(permit), turns: self.clone() }
    }

    /// Lets in whoever may run of those who wait.
    fn next(&self) {
        loop {
            let round: Vec<_> = self.0.waiting.lock().round.iter().cloned().collect();
            let permitted = round.into_iter().find_map(|asker| {
                let permit = self.0.permits.take(&asker).ok()?;
                Some((asker, permit))
            });
            let Some((asker, permit)) = permitted else { return };
            // Without the lock: whoever is let in is woken here, and whoever has left gives the permit back.
            let next = self.0.waiting.lock().leave(&asker);
            if let Some(sender) = next {
                // If it has left just now, its turn is dropped, and with it comes the next one's.
                let _ = sender.send(self.turn(permit));
            }
        }
    }
}

impl Waiting {
    /// Puts `asker` behind its others, if that leaves no more than `waiting_max` of them.
    fn join(&mut self, asker: &Visibility, sender: oneshot::Sender<Turn>, waiting_max: usize) -> bool {
        let own = self.by_asker.entry(asker.clone()).or_default();
        let is_new = own.is_empty();
        own.retain(|waits| !waits.is_closed());
        let fits = own.len() < waiting_max;
        if fits {
            own.push_back(sender);
        }
        if is_new && fits {
            self.round.push_back(asker.clone());
        } else if own.is_empty() {
            self.by_asker.remove(asker);
            self.round.retain(|other| other != asker);
        }
        fits
    }

    /// The next of `asker`, who goes to the end of the round.
    fn leave(&mut self, asker: &Visibility) -> Option<oneshot::Sender<Turn>> {
        let own = self.by_asker.get_mut(asker)?;
        let next = std::iter::from_fn(|| own.pop_front()).find(|waits| !waits.is_closed());
        let is_last = own.is_empty();
        self.round.retain(|other| other != asker);
        if is_last {
            self.by_asker.remove(asker);
        } else {
            self.round.push_back(asker.clone());
        }
        next
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        // The permit first, which is what others wait for.
        self.permit = None;
        self.turns.next();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asker(name: &str) -> Visibility {
        Visibility::Tenant(name.into())
    }

    fn now(place: Place) -> Turn {
        match place {
            Place::Now(turn) => turn,
            Place::Later(_) => panic!("it has to wait"),
        }
    }

    fn later(place: Place) -> oneshot::Receiver<Turn> {
        match place {
            Place::Later(waits) => waits,
            Place::Now(_) => panic!("it need not wait"),
        }
    }

    #[test]
    fn those_who_wait_go_round_by_asker() {
        let turns = Turns::new(1, 1);
        let running = now(turns.take(&asker("a")).unwrap());
        let mut waits: Vec<_> = ["a", "a", "b", "a", "b"]
            .into_iter()
            .map(|name| (name, later(turns.take(&asker(name)).unwrap())))
            .collect();
        drop(running);
        let mut order = Vec::new();
        while !waits.is_empty() {
            let let_in = (0..waits.len()).find_map(|at| Some((at, waits[at].1.try_recv().ok()?)));
            let (at, turn) = let_in.expect("somebody is let in");
            assert_eq!((turns.taken(), turns.waiting()), (1, waits.len() - 1));
            order.push(waits.remove(at).0);
            drop(turn);
        }
        assert_eq!(order, ["a", "b", "a", "b", "a"]);
        assert_eq!((turns.taken(), turns.waiting()), (0, 0));
        assert!(turns.0.waiting.lock().by_asker.is_empty() && turns.0.waiting.lock().round.is_empty());
    }

    #[test]
    fn whoever_leaves_delays_nobody_and_makes_room() {
        let turns = Turns::new(2, 1);
        let running = now(turns.take(&asker("a")).unwrap());
        let gone: Vec<_> = (0..WAITING_FACTOR).map(|_| turns.take(&asker("a")).unwrap()).collect();
        assert_eq!(turns.take(&asker("a")).unwrap_err(), Full::Tenant(1), "as many wait as may");
        let _other = now(turns.take(&asker("b")).unwrap());
        drop(gone);
        let mut waits = later(turns.take(&asker("a")).unwrap());
        assert!(waits.try_recv().is_err());
        drop(running);
        assert!(waits.try_recv().is_ok());
    }

    #[test]
    fn under_a_crowd_nobody_is_forgotten_and_no_limit_passed() {
        let turns = Turns::new(3, 2);
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).build().unwrap();
        let (most, ran) = (Arc::new(std::sync::atomic::AtomicUsize::new(0)), Arc::new(Lock::new(0)));
        let tasks: Vec<_> = (0..200)
            .map(|number| {
                let (turns, most, ran) = (turns.clone(), Arc::clone(&most), Arc::clone(&ran));
                runtime.spawn(async move {
                    let asker = asker(&(number % 25).to_string());
                    let turn = match turns.take(&asker).expect("eight of each fit") {
                        Place::Now(turn) => turn,
                        Place::Later(waits) => waits.await.expect("its turn comes"),
                    };
                    most.fetch_max(turns.taken(), std::sync::atomic::Ordering::Relaxed);
                    tokio::task::yield_now().await;
                    *ran.lock() += 1;
                    drop(turn);
                })
            })
            .collect();
        runtime.block_on(async {
            for task in tasks {
                task.await.unwrap();
            }
        });
        let ran = *ran.lock();
        assert_eq!((ran, turns.taken(), turns.waiting()), (200, 0, 0));
        assert!(most.load(std::sync::atomic::Ordering::Relaxed) <= 3);
    }
}
