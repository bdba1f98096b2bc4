//! Work that gives way: on a thread of its own whose priority is lowered, so that shards, doors and queries get a core when
//! they want one, and it gets what they leave.
//!
//! Not here: statements that run for long (`pipelines::catalog`), which give way later and more.

use std::panic::resume_unwind;
use std::thread::{Builder, scope};

use crate::priority::Thread;
use crate::service::EngineError;

/// Nice value of such work: beside a thread of normal priority it gets a tenth of a core.
const NICE: i32 = 10;

/// Does `work` aside and waits for it; a panic goes on here.
///
/// # Errors
/// Those of `work`, and if the operating system gives no thread.
pub(super) fn aside(work: impl FnOnce() -> Result<(), EngineError> + Send) -> Result<(), EngineError> {
    let lowered = || {
        Thread::current().lower(NICE);
        work()
    };
    scope(|scope| match Builder::new().name("aside".to_owned()).spawn_scoped(scope, lowered) {
        Ok(thread) => thread.join().unwrap_or_else(|panic| resume_unwind(panic)),
        Err(_) => Err(EngineError::Thread("aside".to_owned())),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn what_is_done_aside_has_a_lower_priority() {
        let nice = || Thread::current().nice().unwrap();
        let own = nice();
        let mut aside_nice = own;
        aside(|| {
            aside_nice = nice();
            Ok(())
        })
        .unwrap();
        assert_eq!(aside_nice, NICE.max(own));
        assert_eq!(nice(), own);
    }

    #[test]
    #[should_panic = "of the work"]
    fn a_panic_goes_on() {
        let _ = aside(|| panic!("of the work"));
    }
}
