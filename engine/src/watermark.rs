//! A shard's watermark: no earlier event is expected.
//!
//! The latest event time seen, less the delay that out-of-order sources need; a shard that has been idle for the idle
//! timeout follows the clock instead, or its windows would never close. Never moves backwards. Each record in the log
//! carries the value it was admitted under, so replay does not need the clock (I4).

/// Where a shard stands that has not seen an event: the year 1, before which no event can be.
pub const BEGINNING_US: i64 = -62_135_596_800_000_000;

/// How watermarks move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WatermarkOptions {
    /// How far events may be out of order without being late, microseconds.
    pub delay_us: i64,
    /// Silence after which the clock moves the watermark, microseconds.
    pub idle_us: i64,
}

impl Default for WatermarkOptions {
    fn default() -> Self {
        Self { delay_us: 60_000_000, idle_us: 60_000_000 }
    }
}

/// The watermark of one shard.
#[derive(Debug, Clone)]
pub struct Watermark {
    options: WatermarkOptions,
    value_us: i64,
    active_at_us: i64,
}

impl Watermark {
    /// Nothing seen yet: everything is still expected.
    pub fn new(options: WatermarkOptions, now_us: i64) -> Self {
        Self { options, value_us: BEGINNING_US, active_at_us: now_us }
    }

    /// The watermark.
    pub fn value_us(&self) -> i64 {
        self.value_us
    }

    /// Goes on from a value that was durable.
    pub fn restore(&mut self, value_us: i64) {
        self.value_us = self.value_us.max(value_us);
    }

    /// Events up to `time_max_us` came at `now_us`.
    pub fn observe(&mut self, time_max_us: i64, now_us: i64) {
        self.active_at_us = now_us;
        self.value_us = self.value_us.max(time_max_us.saturating_sub(self.options.delay_us));
    }

    /// Time passes; a shard that never saw an event has nothing to close and stays.
    pub fn tick(&mut self, now_us: i64) {
        let idle = now_us.saturating_sub(self.active_at_us) >= self.options.idle_us;
        if idle && self.value_us != BEGINNING_US {
            let follow = now_us.saturating_sub(self.options.idle_us).saturating_sub(self.options.delay_us);
            self.value_us = self.value_us.max(follow);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000;

    #[test]
    fn follows_events_then_the_clock_and_never_goes_back() {
        let options = WatermarkOptions { delay_us: 10 * SECOND, idle_us: 60 * SECOND };
        let mut watermark = Watermark::new(options, 0);
        watermark.tick(1000 * SECOND);
        assert_eq!(watermark.value_us(), BEGINNING_US, "nothing to close yet");
        watermark.observe(100 * SECOND, 1000 * SECOND);
        assert_eq!(watermark.value_us(), 90 * SECOND);
        watermark.observe(50 * SECOND, 1001 * SECOND);
        assert_eq!(watermark.value_us(), 90 * SECOND);
        watermark.tick(1060 * SECOND);
        assert_eq!(watermark.value_us(), 90 * SECOND, "not yet idle");
        watermark.tick(1061 * SECOND);
        assert_eq!(watermark.value_us(), 991 * SECOND);
    }
}
