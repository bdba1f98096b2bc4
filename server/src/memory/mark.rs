//! A mark in the data folder for as long as a node serves from it: a start that finds one knows that the last run did not stop,
//! and what its memory was last.
//!
//! A process that the kernel ends for memory can't say so. The mark says what was resident a second before, and how many
//! processes of its control group had been ended by then. It is a note and no truth (I9): what can't be written or read is left.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::machine;

/// Its file in the data folder.
const FILE: &str = "running.json";
/// At this share of the budget, percent, memory is a likely cause.
const LIKELY_PERCENT: u64 = 80;

/// The mark of this run.
#[derive(Debug)]
pub(super) struct Mark {
    file: PathBuf,
    budget_bytes: u64,
    kills: Option<u64>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Noted {
    pid: u32,
    resident_bytes: u64,
    budget_bytes: u64,
    /// By the kernel, in the control group, when the run began.
    kills: Option<u64>,
}

impl Mark {
    /// Sets the mark; what there is to tell of the run before.
    pub(super) fn begin(data: &Path, budget_bytes: u64) -> (Self, Option<String>) {
        let file = data.join(FILE);
        let kills = machine::kills();
        let before = fs::read(&file).ok();
        let told =
            before.map(|bytes| serde_json::from_slice(&bytes).map_or_else(|_| of_unknown(), |was| told(&was, kills)));
        let mark = Self { file, budget_bytes, kills };
        mark.note(machine::resident_bytes());
        (mark, told)
    }

    /// Notes what is resident now.
    pub(super) fn note(&self, resident_bytes: u64) {
        let (budget_bytes, kills) = (self.budget_bytes, self.kills);
        let noted = Noted { pid: std::process::id(), resident_bytes, budget_bytes, kills };
        let bytes = serde_json::to_vec(&noted).unwrap_or_default();
        // Under another name first: a mark that is half written would say less. On a full disk there is none.
        let next = self.file.with_extension("next");
        let written = fs::write(&next, bytes).and_then(|()| fs::rename(&next, &self.file));
        if let Err(error) = written {
            tracing::debug!(%error, "the mark of a running node can't be written");
        }
    }

    /// Takes it away.
    pub(super) fn remove(&self) {
        if let Err(error) = fs::remove_file(&self.file) {
            tracing::debug!(%error, "the mark of a running node can't be removed");
        }
    }
}

fn of_unknown() -> String {
    "the last run ended without a stop".to_owned()
}

fn told(was: &Noted, kills: Option<u64>) -> String {
    let Noted { resident_bytes, budget_bytes, .. } = was;
    let last = format!("{}; its memory was last {resident_bytes} of {budget_bytes} bytes", of_unknown());
    let is_killed = was.kills.zip(kills).is_some_and(|(before, now)| now > before);
    let is_large = u128::from(*resident_bytes) * 100 >= u128::from(*budget_bytes) * u128::from(LIKELY_PERCENT);
    match (is_killed, is_large) {
        (true, _) => {
            format!("{last}, and the kernel has ended a process of its control group for memory since it began")
        }
        (false, true) => format!("{last}, so it was probably ended for memory: see memory.shed_percent"),
        (false, false) => last,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_did_not_stop_is_told_and_one_that_did_is_not() {
        let data = tempfile::tempdir().unwrap();
        let (mark, before) = Mark::begin(data.path(), 1000);
        assert_eq!(before, None);
        mark.note(400);
        drop(mark);
        let (mark, before) = Mark::begin(data.path(), 1000);
        assert_eq!(before.unwrap(), "the last run ended without a stop; its memory was last 400 of 1000 bytes");
        mark.note(900);
        let (mark, before) = Mark::begin(data.path(), 1000);
        assert!(before.unwrap().contains("900 of 1000 bytes, so it was probably ended for memory"));
        fs::write(&mark.file, b"{").unwrap();
        let (mark, before) = Mark::begin(data.path(), 1000);
        assert_eq!(before.unwrap(), of_unknown());
        mark.remove();
        assert_eq!(Mark::begin(data.path(), 1000).1, None);
    }

    #[test]
    fn what_the_kernel_ended_is_told_as_that() {
        let was = Noted { pid: 1, resident_bytes: 1, budget_bytes: 1000, kills: Some(2) };
        assert!(told(&was, Some(3)).contains("the kernel has ended a process"));
        assert!(!told(&was, Some(2)).contains("kernel"));
        assert!(!told(&was, None).contains("kernel"));
    }
}
