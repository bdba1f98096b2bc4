//! What is remembered of statements, for the view `queries`: of each asker the latest, in memory, bounded (I8).
//!
//! Each asker has a ring of its own, so that what one sees of its own says nothing about how busy others are (I6). Keys in a
//! statement's text are blanked out (I12). Not here: who may see which rows (the catalog).

use std::borrow::Cow;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use actors::PLATFORM;
use actors::api_key::KEY_PREFIX;
use engine::lock::Lock;
use pipelines::catalog::Visibility;
use pipelines::views::queries::QueryRow;

use super::running::{Ended, Progress};
use super::{Asker, Door};

/// Statements remembered of one asker, those that run included.
const STATEMENTS_MAX: usize = 128;
/// Askers remembered; the one that has been silent for longest is forgotten.
const ASKERS_MAX: usize = 512;
/// Bytes kept of a statement's text.
const TEXT_BYTES_MAX: usize = 1024;

/// The latest statements of each asker.
#[derive(Debug, Default)]
pub struct History(Lock<HashMap<Visibility, Latest>>);

#[derive(Debug)]
struct Latest {
    records: VecDeque<Arc<Record>>,
    asked: Instant,
}

/// One statement.
#[derive(Debug)]
pub(super) struct Record {
    tenant: String,
    principal: String,
    door: Door,
    text: String,
    began_at_us: i64,
    began: Instant,
    pub(super) progress: Progress,
}

impl History {
    /// What runs and what has lately ended, oldest first for each asker; of all, or of one tenant.
    pub fn rows(&self, tenant: Option<&str>) -> Vec<QueryRow> {
        let all: Vec<Arc<Record>> = self.0.lock().values().flat_map(|latest| &latest.records).cloned().collect();
        let wanted = all.iter().filter(|record| tenant.is_none_or(|tenant| tenant == record.tenant));
        let mut rows = wanted.map(|record| record.row()).collect::<Vec<_>>();
        rows.sort_by_key(|row| row.began_at_us);
        rows
    }

    pub(super) fn remember(&self, asker: &Visibility, record: Arc<Record>) {
        let mut all = self.0.lock();
        if !all.contains_key(asker) && all.len() >= ASKERS_MAX {
            let silent = all.iter().min_by_key(|(_, latest)| latest.asked).map(|(asker, _)| asker.clone());
            silent.and_then(|asker| all.remove(&asker));
        }
        let asked = record.began;
        let latest = all.entry(asker.clone()).or_insert_with(|| Latest { records: VecDeque::new(), asked });
        latest.asked = asked;
        if latest.records.len() >= STATEMENTS_MAX {
            // Rather one that has ended: fewer may run at once than are remembered.
            let ended = latest.records.iter().position(|record| record.progress.ended.get().is_some());
            latest.records.remove(ended.unwrap_or(0));
        }
        latest.records.push_back(record);
    }

    pub(super) fn forget(&self, asker: &Visibility, record: &Arc<Record>) {
        let mut all = self.0.lock();
        if let Some(latest) = all.get_mut(asker) {
            latest.records.retain(|other| !Arc::ptr_eq(other, record));
        }
    }
}

impl Record {
    pub(super) fn new(asker: Asker<'_>, door: Door, text: &str, began_at_us: i64, began: Instant) -> Self {
        Self {
            tenant: asker.visibility.tenant().unwrap_or(PLATFORM).to_owned(),
            principal: asker.principal.to_owned(),
            door,
            text: shown(text),
            began_at_us,
            began,
            progress: Progress::default(),
        }
    }

    fn row(&self) -> QueryRow {
        let progress = &self.progress;
        let ended = progress.ended.get();
        let running_ms = || u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        QueryRow {
            tenant: self.tenant.clone(),
            principal: self.principal.clone(),
            door: self.door.as_str(),
            statement: self.text.clone(),
            state: match ended {
                Some(ended) => ended.as_str(),
                None if progress.begun.get().is_none() => "waiting",
                None => "running",
            },
            sqlstate: match ended {
                Some(Ended::Failed(state)) => Some(state.clone()),
                _ => None,
            },
            rows: progress.rows.load(Ordering::Relaxed),
            bytes: progress.bytes.load(Ordering::Relaxed),
            began_at_us: self.began_at_us,
            took_ms: progress.took_ms.get().copied().unwrap_or_else(running_ms),
        }
    }
}

/// What may be kept of `text`: its beginning, without keys.
fn shown(text: &str) -> String {
    let open = without_keys(text);
    if open.len() <= TEXT_BYTES_MAX {
        return open.into_owned();
    }
    let end = (0..=TEXT_BYTES_MAX).rev().find(|at| open.is_char_boundary(*at)).unwrap_or(0);
    format!("{}…", &open[..end])
}

/// `text` with everything that could be an API key, or the beginning of one, cut down to its prefix.
fn without_keys(text: &str) -> Cow<'_, str> {
    if !text.contains(KEY_PREFIX) {
        return Cow::Borrowed(text);
    }
    let mut open = String::with_capacity(text.len());
    for (number, part) in text.split(KEY_PREFIX).enumerate() {
        if number == 0 {
            open.push_str(part);
            continue;
        }
        let rest = part.trim_start_matches(|c: char| c.is_ascii_hexdigit() || c == '_');
        // A name that merely contains the prefix, `return_code` say, has no run of key characters behind it.
        let is_key = part.len() - rest.len() >= 8;
        open.push_str(KEY_PREFIX);
        open.push_str(if is_key { "…" } else { &part[..part.len() - rest.len()] });
        open.push_str(rest);
    }
    Cow::Owned(open)
}

#[cfg(test)]
mod tests {
    use actors::api_key::ApiKey;

    use super::*;

    fn remember(history: &History, tenant: &str, text: &str) -> Arc<Record> {
        let visibility = Visibility::Tenant(tenant.into());
        let asker = Asker { visibility: &visibility, principal: "x/1" };
        let record = Arc::new(Record::new(asker, Door::Http, text, 0, Instant::now()));
        history.remember(&visibility, Arc::clone(&record));
        record
    }

    #[test]
    fn a_busy_asker_pushes_out_its_own_statements_only() {
        let history = History::default();
        remember(&history, "quiet", "SELECT 1");
        let running = remember(&history, "loud", "SELECT 'runs'");
        running.progress.begun.set(()).unwrap();
        for _ in 0..2 * STATEMENTS_MAX {
            let _ = remember(&history, "loud", "SELECT 2").progress.ended.set(Ended::Finished);
        }
        assert_eq!(history.rows(Some("quiet")).len(), 1);
        let loud = history.rows(Some("loud"));
        assert_eq!(loud.len(), STATEMENTS_MAX);
        assert!(loud.iter().any(|row| row.statement == running.text && row.state == "running"));
        assert_eq!(history.rows(None).len(), STATEMENTS_MAX + 1);
        for number in 0..2 * ASKERS_MAX {
            remember(&history, &number.to_string(), "SELECT 3");
        }
        assert_eq!(history.0.lock().len(), ASKERS_MAX);
    }

    fn check(text: &str, expect: &str) {
        assert_eq!(shown(text), expect);
    }

    #[test]
    fn texts_hold_no_keys_and_are_bounded() {
        let (_, key) = ApiKey::generate([7; 8], [9; 32]);
        check(&format!("SELECT '{key}', 1"), "SELECT 'tn_…', 1");
        check(&format!("SELECT '{}'", &key[..30]), "SELECT 'tn_…'");
        check("SELECT return_code, tn_, tn_x", "SELECT return_code, tn_, tn_x");
        let long = "ä".repeat(TEXT_BYTES_MAX);
        check(&long, &format!("{}…", "ä".repeat(TEXT_BYTES_MAX / 2)));
        assert!(!shown(&format!("{}{key}", "x".repeat(TEXT_BYTES_MAX - 20))).contains(&key[3..10]));
    }
}
