//! Events that may have been imported so long ago that their ids are forgotten: told and asked before they count twice (I2).
//!
//! An id is remembered for dedup's horizon. A data folder that is younger has forgotten none, and nobody is asked. Not here:
//! dedup itself.

use std::io::{self, BufRead, IsTerminal, Write};
use std::sync::{Arc, OnceLock};

use datasets::DatasetBatch;
use engine::dedup::DedupOptions;
use engine::event::batch::EventBatch;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::api::{Request, path};
use super::import::Batches;
use super::progress::{Pause, note};
use super::site::Site;

const KNOWN_SINCE: &str = "SELECT ids_known_since FROM engine";

/// Since when ids are known, µs, if others may be forgotten. Where the key may not ask, as long as they are remembered unless
/// set otherwise.
pub(super) fn known_since_us(site: &Site, now_us: i64) -> Option<i64> {
    asked(site).unwrap_or_else(|error| {
        note(&format!("whether ids are forgotten can't be told, so older events are asked about: {error:#}"));
        Some(now_us.saturating_sub(DedupOptions::default().horizon_us))
    })
}

fn asked(site: &Site) -> anyhow::Result<Option<i64>> {
    let request = Request::post(path(&["sql"]), json!({ "sql": KNOWN_SINCE, "format": "json" }));
    let answer: Value = serde_json::from_slice(&site.answer(&request)?)?;
    let Some(since) = answer.pointer("/0/ids_known_since").and_then(Value::as_str) else { return Ok(None) };
    Ok(Some(since.parse::<Timestamp>()?.as_microsecond()))
}

/// Whether to go on is asked at most once.
#[derive(Debug, Clone, Default)]
pub(super) struct Consent {
    refused: Arc<OnceLock<String>>,
}

impl Consent {
    /// `batches`, as long as none holds an event older than `known_since_us` or somebody agrees.
    pub(super) fn watch(&self, batches: Batches, known_since_us: Option<i64>, pause: Pause) -> Batches {
        let Some(known_since_us) = known_since_us else { return batches };
        let consent = self.clone();
        let mut agreed = false;
        Box::new(batches.take_while(move |batch| {
            let oldest = batch.as_ref().ok().and_then(|DatasetBatch { batch, .. }| oldest_us(batch));
            if let Some(oldest_us) = oldest.filter(|oldest_us| !agreed && *oldest_us < known_since_us) {
                agreed = consent.asked(oldest_us, known_since_us, &pause);
                return agreed;
            }
            true
        }))
    }

    fn asked(&self, oldest_us: i64, known_since_us: i64, pause: &Pause) -> bool {
        let told = warning(oldest_us, known_since_us);
        if io::stdin().is_terminal() && io::stderr().is_terminal() && pause.during(|| agrees(&told)) {
            return true;
        }
        let _ = self.refused.set(told);
        false
    }

    /// # Errors
    /// If somebody did not agree, or nobody was there to.
    pub(super) fn check(&self) -> anyhow::Result<()> {
        match self.refused.get() {
            Some(told) => anyhow::bail!("{told}; --older-than-dedup imports them all the same"),
            None => Ok(()),
        }
    }
}

fn oldest_us(batch: &EventBatch) -> Option<i64> {
    batch.times().values().iter().copied().min()
}

fn warning(oldest_us: i64, known_since_us: i64) -> String {
    let text = |us| Timestamp::from_microsecond(us).map_or_else(|_| us.to_string(), |time| time.to_string());
    format!(
        "an event of {} may have been imported before and would count twice: ids of events that were admitted before {} \
         are forgotten (events.dedup_horizon_s)",
        text(oldest_us),
        text(known_since_us)
    )
}

/// Asks on the terminal.
fn agrees(told: &str) -> bool {
    let mut out = io::stderr();
    let mut answer = String::new();
    let asked = write!(out, "{told}\nimport all the same? [y/N] ").and_then(|()| out.flush());
    asked.and_then(|()| io::stdin().lock().read_line(&mut answer)).is_ok() && matches!(answer.trim(), "y" | "Y" | "yes")
}
