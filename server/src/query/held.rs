//! What a statement has still to give, kept where it can be let go of while nobody asks for it (I13).
//!
//! A client that does not read keeps its door from asking for more, so nothing that is done when more is asked for ends the
//! statement. Rows are taken out while they are asked for, and whoever finds the statement late takes them out for good: no lock
//! is held while rows are computed (I15).

use std::sync::{Arc, Weak};

use engine::lock::Lock;

/// A place for rows.
#[derive(Debug)]
pub(crate) struct Held<T>(Arc<Lock<Place<T>>>);

#[derive(Debug)]
enum Place<T> {
    Here(T),
    /// Somebody is computing more of them.
    Out,
    Gone,
}

/// Something that can be let go of, whatever it is.
trait LetGo: Send + Sync {
    /// Whether nobody is at it.
    fn let_go(&self) -> bool;
}

/// All that one statement holds.
#[derive(Default)]
pub(super) struct Holdings(Lock<Vec<Weak<dyn LetGo>>>);

impl<T: Send> LetGo for Lock<Place<T>> {
    fn let_go(&self) -> bool {
        let mut place = self.lock();
        if matches!(*place, Place::Out) {
            return false;
        }
        let rows = std::mem::replace(&mut *place, Place::Gone);
        drop(place);
        // What computes them ends here, without the lock.
        drop(rows);
        true
    }
}

impl<T> Held<T> {
    /// Takes it out; `None` if it was let go of.
    pub(crate) fn take(&self) -> Option<T> {
        let mut place = self.0.lock();
        match std::mem::replace(&mut *place, Place::Out) {
            Place::Here(rows) => Some(rows),
            Place::Out | Place::Gone => {
                *place = Place::Gone;
                None
            }
        }
    }

    /// Puts it back.
    pub(crate) fn put(&self, rows: T) {
        *self.0.lock() = Place::Here(rows);
    }
}

impl Holdings {
    /// Keeps `rows`.
    pub(super) fn keep<T: Send + 'static>(&self, rows: T) -> Held<T> {
        let place = Arc::new(Lock::new(Place::Here(rows)));
        let known: Arc<dyn LetGo> = Arc::clone(&place) as _;
        self.0.lock().push(Arc::downgrade(&known));
        Held(place)
    }

    /// Lets go of everything that is not taken out at the moment; whether there was something, and nothing is taken out.
    pub(super) fn let_go(&self) -> bool {
        let all: Vec<_> = self.0.lock().iter().filter_map(Weak::upgrade).collect();
        let mut is_idle = !all.is_empty();
        for rows in all {
            is_idle &= rows.let_go();
        }
        is_idle
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_asks_for_is_let_go_of() {
        let (holdings, rows) = (Holdings::default(), Arc::new(()));
        let waiting = holdings.keep(Arc::clone(&rows));
        let asked_for = holdings.keep(Arc::clone(&rows));
        let taken = asked_for.take().unwrap();
        assert!(!holdings.let_go());
        assert_eq!(Arc::strong_count(&rows), 2, "one is being read");
        assert!(waiting.take().is_none());
        asked_for.put(taken);
        assert!(holdings.let_go());
        assert_eq!(Arc::strong_count(&rows), 1);
        drop((waiting, asked_for));
        assert!(!holdings.let_go(), "nothing is held");
    }
}
