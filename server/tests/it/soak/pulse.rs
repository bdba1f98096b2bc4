//! Asks the node how it is, all the time: what hangs shows here first, and nothing else may keep this waiting.

use std::time::Duration;

use super::site::{Client, Site};
use crate::door::Attempt;

const EVERY: Duration = Duration::from_millis(250);

#[derive(Default)]
pub(super) struct Pulse {
    turn: usize,
}

impl Client for Pulse {
    fn once(&mut self, site: &Site<'_>) -> Attempt {
        self.turn += 1;
        let path = ["/healthz", "/readyz"][self.turn % 2];
        let Ok(answer) = site.door.send("GET", path, "", "", b"") else { return Attempt::Gone };
        // A node that drains says that it is not ready.
        assert!(answer.status == 200 || site.watch.is_released(), "{path} of a node that serves: {}", answer.text);
        Attempt::Answered
    }

    fn pause(&mut self) -> Duration {
        EVERY
    }
}
