//! Which windows a pane belongs to, and what a group's interval is.

use engine::calendar::{Interval, Periods};
use engine::meter::{Meter, Window};

use super::pane::floor;

const SECOND_US: i64 = 1_000_000;

/// A meter's windows with fixed edges; sessions are found by [`sessions`].
pub(super) enum Windows {
    /// Starts every `slide_us`, `size_us` long.
    Grid {
        /// Length.
        size_us: i64,
        /// Distance of starts.
        slide_us: i64,
    },
    /// Calendar periods.
    Calendar(Box<Periods>),
}

impl Windows {
    /// The windows of `meter`; `None` for sessions.
    pub(super) fn of(meter: &Meter) -> Option<Self> {
        let grid = |size: u32, slide: u32| Self::Grid {
            size_us: i64::from(size) * SECOND_US,
            slide_us: i64::from(slide) * SECOND_US,
        };
        match &meter.window {
            Window::Tumbling { size_s } => Some(grid(*size_s, *size_s)),
            Window::Sliding { size_s, slide_s } => Some(grid(*size_s, *slide_s)),
            Window::Calendar(calendar) => {
                Some(Self::Calendar(Box::new(calendar.periods().expect("loaded when the meter was checked"))))
            }
            Window::Session { .. } => None,
        }
    }

    /// The starts of the windows that hold the pane that starts at `pane_us`. Of a grid's, which may be many, only those that
    /// overlap `time`, if given.
    pub(super) fn starts(&mut self, pane_us: i64, time: Option<Interval>, starts: &mut Vec<i64>) {
        match self {
            Self::Grid { size_us, slide_us } => {
                let (last, before) = time.map_or((pane_us, pane_us), |time| {
                    (pane_us.min(time.end_us.saturating_sub(1)), pane_us.max(time.start_us))
                });
                let mut start = floor(last, *slide_us);
                while start > before.saturating_sub(*size_us) {
                    starts.push(start);
                    start -= *slide_us;
                }
            }
            // A pane outside of the calendar is a window of its own: no event is lost.
            Self::Calendar(periods) => starts.push(periods.containing(pane_us).map_or(pane_us, |p| p.start_us)),
        }
    }

    /// How many windows a pane is in at most.
    pub(super) fn of_a_pane(&self) -> usize {
        match self {
            Self::Grid { size_us, slide_us } => usize::try_from(size_us / slide_us + 1).unwrap_or(usize::MAX),
            Self::Calendar(_) => 1,
        }
    }

    /// The window that starts at `start_us`.
    pub(super) fn interval(&mut self, start_us: i64) -> Interval {
        let end_us = match self {
            Self::Grid { size_us, .. } => start_us.saturating_add(*size_us),
            Self::Calendar(periods) => periods.containing(start_us).map_or(start_us, |period| period.end_us),
        };
        Interval { start_us, end_us }
    }
}

/// Whether two intervals share an instant.
pub(super) fn overlap(a: Interval, b: Interval) -> bool {
    a.start_us < b.end_us && b.start_us < a.end_us
}

/// The session of each pane, named by the time of its first event. Panes come sorted by series and start, each with its
/// first and last event time; an event exactly `gap_us` after the one before begins a new session.
pub(super) fn sessions(
    first: &[i64],
    last: &[i64],
    gap_us: i64,
    same_series: impl Fn(usize, usize) -> bool,
) -> Vec<i64> {
    let mut sessions: Vec<i64> = Vec::with_capacity(first.len());
    for row in 0..first.len() {
        let joins = row > 0 && first[row] - last[row - 1] < gap_us && same_series(row - 1, row);
        sessions.push(if joins { sessions[row - 1] } else { first[row] });
    }
    sessions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sliding_windows_hold_each_pane_size_by_slide_times() {
        let mut windows = Windows::Grid { size_us: 30, slide_us: 10 };
        let mut starts = Vec::new();
        windows.starts(25, None, &mut starts);
        assert_eq!(starts, [20, 10, 0]);
        starts.clear();
        windows.starts(-10, None, &mut starts);
        assert_eq!(starts, [-10, -20, -30]);
    }

    #[test]
    fn sliding_windows_that_a_time_leaves_out_are_not_made() {
        let mut windows = Windows::Grid { size_us: 30, slide_us: 10 };
        for pane_us in -60..60 {
            let mut all = Vec::new();
            windows.starts(pane_us, None, &mut all);
            for (start_us, end_us) in [(0, 1), (5, 25), (-40, -11), (100, 200), (20, 21)] {
                let time = Interval { start_us, end_us };
                let mut some = Vec::new();
                windows.starts(pane_us, Some(time), &mut some);
                let wanted = all.iter().copied().filter(|&start| overlap(windows.interval(start), time));
                assert_eq!(some, wanted.collect::<Vec<_>>(), "{pane_us} {time:?}");
            }
        }
    }

    #[test]
    fn sessions_end_at_a_gap_or_another_series() {
        let series = [0, 0, 0, 1, 1];
        let found = sessions(&[0, 12, 25, 26, 36], &[5, 15, 25, 26, 36], 10, |a, b| series[a] == series[b]);
        assert_eq!(found, [0, 0, 25, 26, 36]);
    }
}
