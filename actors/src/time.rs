//! Time as the rules of tenants see it: the clock's, but never before what the journal says. Else a clock that was set back would
//! have an expired key open doors again.
//!
//! Not here: event time, watermarks and the gate's rates, which have rules of their own for such clocks.

use std::sync::Arc;

use engine::clock::Clock;

use crate::journal::Journal;

/// See the module.
pub(crate) struct JournalTime {
    clock: Arc<dyn Clock>,
    journal: Arc<Journal>,
}

impl JournalTime {
    pub(crate) fn new(clock: Arc<dyn Clock>, journal: Arc<Journal>) -> Self {
        Self { clock, journal }
    }
}

impl Clock for JournalTime {
    fn now_us(&self) -> i64 {
        self.clock.now_us().max(self.journal.latest_us())
    }
}
