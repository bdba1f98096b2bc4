//! Where panes begin: the common refinement of everything that a meter's windows and billing periods may be cut at.
//!
//! A pane lies wholly inside or outside of every window and of every billing period, because it starts at the latest of
//! the window grid's, the quarter hours' and the calendar's edges before it. Quarter hours are the edges of all periods in
//! all time zones since 1972; a meter's own calendar contributes its very edges, so its windows are exact in any zone.
//! Within a session meter's pane all events are less than the gap apart, so they always share a session.

use engine::calendar::{Calendar, Periods};
use engine::meter::Window;

const SECOND_US: i64 = 1_000_000;
const QUARTER_HOUR_US: i64 = 900 * SECOND_US;

/// The edges of a meter's panes; equal edges can share one table of panes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Edges {
    step_us: i64,
    calendar: Option<Calendar>,
}

/// [`Edges`] at work: with the time zone loaded and the last pane remembered, since neighbours mostly share it.
#[derive(Debug, Clone)]
pub(super) struct Cutter {
    step_us: i64,
    periods: Option<Periods>,
}

impl Edges {
    /// The edges for a window.
    pub(super) fn new(window: &Window) -> Self {
        let step = |seconds: u32| Self { step_us: i64::from(seconds.max(1)) * SECOND_US, calendar: None };
        match window {
            Window::Tumbling { size_s } => step(*size_s),
            Window::Sliding { slide_s, .. } => step(*slide_s),
            Window::Session { gap_s } => step(*gap_s),
            Window::Calendar(calendar) => Self { step_us: QUARTER_HOUR_US, calendar: Some(calendar.clone()) },
        }
    }

    /// Loads the time zone; `None` if it is unknown, which [`check`](super::compile::check) refuses.
    pub(super) fn cutter(&self) -> Option<Cutter> {
        let periods = match &self.calendar {
            Some(calendar) => Some(calendar.periods().ok()?),
            None => None,
        };
        Some(Cutter { step_us: self.step_us, periods })
    }

    /// A text that is equal for equal edges.
    pub(super) fn identity(&self) -> String {
        match &self.calendar {
            Some(calendar) => format!("{} {:?} {}", self.step_us, calendar.period, calendar.time_zone),
            None => self.step_us.to_string(),
        }
    }
}

/// The largest multiple of `step` that is not after `time`.
pub(super) fn floor(time: i64, step: i64) -> i64 {
    time.saturating_sub(time.rem_euclid(step))
}

impl Cutter {
    /// Start of the pane that `time_us` lies in.
    pub(super) fn start(&mut self, time_us: i64) -> i64 {
        let start = floor(time_us, QUARTER_HOUR_US).max(floor(time_us, self.step_us));
        match self.periods.as_mut().map(|periods| periods.containing(time_us)) {
            Some(Ok(period)) => start.max(period.start_us),
            // Outside of the calendar (year 9999) there is no period to be cut at.
            Some(Err(_)) | None => start,
        }
    }
}

#[cfg(test)]
mod tests {
    use engine::calendar::Period;

    use super::*;

    fn check(window: Window, time_s: i64, expect_s: i64) {
        let start = Edges::new(&window).cutter().unwrap().start(time_s * SECOND_US + 7);
        assert_eq!(start, expect_s * SECOND_US, "{window:?} {time_s}");
    }

    #[test]
    fn panes_are_cut_at_windows_and_quarter_hours() {
        check(Window::Tumbling { size_s: 60 }, 125, 120);
        check(Window::Tumbling { size_s: 7 }, 20, 14);
        check(Window::Tumbling { size_s: 7 }, 902, 900);
        check(Window::Tumbling { size_s: 3600 }, 3599, 2700);
        check(Window::Tumbling { size_s: 1000 }, 1100, 1000);
        check(Window::Sliding { size_s: 600, slide_s: 60 }, 125, 120);
        check(Window::Session { gap_s: 10 }, -1, -10);
        let day = Calendar { period: Period::Day, time_zone: "Africa/Monrovia".into() };
        // Liberia was 44 minutes and 30 seconds behind until 1972.
        check(Window::Calendar(day), 2670, 2670);
    }
}
