//! Waiting for another thread of the engine without waiting for ever.
//!
//! A bounded channel keeps what its receiver never took for as long as a sender lives. So a question that reached a thread
//! just before it died is not dropped with it, and whoever asked would not notice.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError};

/// How long a death may go unnoticed.
const LOOK: Duration = Duration::from_millis(50);

/// The next message, or none if there will never be one: its senders are gone, or a thread of the engine is.
pub(super) fn wait<T>(messages: &Receiver<T>, alive: &AtomicBool) -> Option<T> {
    loop {
        // Looked at before: what a thread said before it died is still heard.
        let lives = alive.load(Ordering::Acquire);
        match messages.recv_timeout(LOOK) {
            Ok(message) => return Some(message),
            Err(RecvTimeoutError::Timeout) if lives => {}
            Err(_) => return None,
        }
    }
}
