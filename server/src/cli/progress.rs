//! How far long work has come: a bar on a terminal, plain lines otherwise. Standard error only.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use engine::admission::Tally;
use engine::lock::Lock;

/// Between two plain lines.
const LINE_EVERY: Duration = Duration::from_secs(2);

/// Shows a running [`Tally`].
pub(super) struct Progress {
    shown: Shown,
    started: Instant,
}

enum Shown {
    Bar(ProgressBar),
    Lines { last: Lock<Instant> },
}

impl Progress {
    /// Begins to show; `what` is the source's name.
    pub(super) fn begin(what: &str) -> Self {
        let started = Instant::now();
        if !std::io::stderr().is_terminal() {
            return Self { shown: Shown::Lines { last: Lock::new(started) }, started };
        }
        let bar = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{spinner} {prefix}  {msg}  {elapsed}") {
            bar.set_style(style);
        }
        bar.set_prefix(what.to_owned());
        bar.enable_steady_tick(Duration::from_millis(100));
        Self { shown: Shown::Bar(bar), started }
    }

    /// What stops the bar while somebody is asked.
    pub(super) fn pause(&self) -> Pause {
        match &self.shown {
            Shown::Bar(bar) => Pause(Some(bar.clone())),
            Shown::Lines { .. } => Pause(None),
        }
    }

    /// What has been answered so far.
    pub(super) fn show(&self, tally: &Tally) {
        match &self.shown {
            Shown::Bar(bar) => bar.set_message(line(tally, self.started.elapsed())),
            Shown::Lines { last } => {
                let mut last = last.lock();
                let is_due = last.elapsed() >= LINE_EVERY;
                if is_due {
                    *last = Instant::now();
                }
                drop(last);
                if is_due {
                    note(&line(tally, self.started.elapsed()));
                }
            }
        }
    }
}

/// Takes the bar off the terminal.
pub(super) struct Pause(Option<ProgressBar>);

impl Pause {
    /// Runs `work` without the bar.
    pub(super) fn during<T>(&self, work: impl FnOnce() -> T) -> T {
        match &self.0 {
            Some(bar) => bar.suspend(work),
            None => work(),
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Shown::Bar(bar) = &self.shown {
            bar.finish_and_clear();
        }
    }
}

/// A line for people, on standard error.
pub(super) fn note(line: &str) {
    // Without a standard error nobody is there to read it.
    let _ = writeln!(std::io::stderr(), "{line}");
}

fn line(tally: &Tally, took: Duration) -> String {
    let answered = tally.admitted + tally.duplicate + tally.rejected;
    let rate = answered as f64 / took.as_secs_f64().max(0.001);
    format!(
        "{}: {} admitted, {} duplicate, {} rejected ({} a second)",
        counted(answered, "event"),
        grouped(tally.admitted),
        grouped(tally.duplicate),
        grouped(tally.rejected),
        grouped(rate as u64),
    )
}

/// `1 event`, `2,000 events`.
pub(super) fn counted(number: u64, what: &str) -> String {
    format!("{} {what}{}", grouped(number), if number == 1 { "" } else { "s" })
}

/// A number with its thousands set apart.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_thousands() {
        for (number, expect) in [(0, "0"), (999, "999"), (1_000, "1,000"), (3_037_902, "3,037,902")] {
            assert_eq!(grouped(number), expect);
        }
        assert_eq!((counted(1, "event"), counted(2_000, "event")), ("1 event".into(), "2,000 events".into()));
    }
}
