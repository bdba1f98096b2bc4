//! The torture's senders and operator as clients of the soak, at a pace that leaves room for others.

use std::time::Duration;

use super::site::{Client, Site};
use crate::door::Attempt;
use crate::torture::book::Book;
use crate::torture::operator::Operator;
use crate::torture::script::Random;
use crate::torture::sender::Sender;

/// Rests up to so long between two batches or orders.
const PAUSE_MS_MAX: u64 = 120;

pub(super) struct Paced<T> {
    pub(super) inner: T,
    pub(super) random: Random,
}

impl<T> Paced<T> {
    fn rest(&mut self) -> Duration {
        Duration::from_millis(self.random.below(PAUSE_MS_MAX))
    }
}

impl Client for Paced<Sender> {
    fn once(&mut self, site: &Site<'_>) -> Attempt {
        self.inner.once(&site.door, site.known)
    }

    fn pause(&mut self) -> Duration {
        self.rest()
    }

    fn settle(&mut self, site: &Site<'_>) {
        self.inner.settle(&site.door, site.known);
    }

    fn book(&self) -> Option<&Book> {
        Some(&self.inner.book)
    }
}

impl Client for Paced<Operator> {
    fn once(&mut self, site: &Site<'_>) -> Attempt {
        self.inner.step(&site.door, site.known)
    }

    fn pause(&mut self) -> Duration {
        self.rest()
    }

    fn settle(&mut self, site: &Site<'_>) {
        self.inner.settle(&site.door, site.known);
    }
}
