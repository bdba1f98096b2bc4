//! Every fault of the disk at every operation of the tenants' journal: typed errors or recovery while it lasts, and after it
//! exactly what was answered, once, in an audit trail without gaps (I1, I9).
//!
//! Not here: the log by itself (the engine's tests), snapshots that are damaged (`restore`).

use std::collections::BTreeSet;
use std::sync::Arc;

use actors::snapshots::MemorySnapshots;
use actors::{CommandError, Tenants, TenantsHandle, TenantsOptions};
use engine::clock::ManualClock;
use engine::log::SharedLog;
use engine::log::segment::{SegmentLog, SegmentOptions};
use engine::storage::faulty::{FaultyStorage, Rule, matrix};
use engine::storage::memory::MemoryStorage;

use crate::world::{audit, noted, run};

const NAMES: [&str; 3] = ["a", "b", "c"];

struct Life {
    rule: Option<Rule>,
    memory: MemoryStorage,
    faulty: Arc<FaultyStorage>,
    /// Asked for, as (tenant, label); each label is asked for by one command.
    asked: BTreeSet<(String, String)>,
    /// Answered.
    answered: BTreeSet<(String, String)>,
    created: BTreeSet<String>,
    commands: usize,
}

impl Life {
    fn new(rule: Option<Rule>) -> Self {
        let memory = MemoryStorage::new();
        let faulty = Arc::new(FaultyStorage::new(Arc::new(memory.clone())));
        rule.iter().for_each(|rule| faulty.inject(rule.clone()));
        let (asked, answered, created) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        Self { rule, memory, faulty, asked, answered, created, commands: 0 }
    }

    async fn open(&self) -> Result<TenantsHandle, String> {
        let segments = SegmentOptions { segment_bytes: 600, ..SegmentOptions::default() };
        let log = SegmentLog::open(self.faulty.clone(), "log/journal", segments).map_err(|error| error.to_string())?;
        let (log, clock): (SharedLog, _) = (Arc::new(log), Arc::new(ManualClock::new(1_000_000)));
        let opened = Tenants::open(TenantsOptions::default(), log, Box::new(MemorySnapshots::default()), clock).await;
        opened.map_err(|error| error.to_string())
    }

    fn is_typed(&self, error: &str) {
        assert!(self.faulty.struck() > 0 && !error.contains("panicked"), "{:?}: {error}", self.rule);
    }

    /// One process: it starts, or starts again, works and is killed.
    fn work(&mut self) {
        run(async {
            let tenants = match self.open().await {
                Ok(tenants) => tenants,
                Err(error) => {
                    self.is_typed(&error);
                    self.lose_power();
                    let again = self.open().await;
                    again.unwrap_or_else(|error| panic!("{:?}: it does not start again: {error}", self.rule))
                }
            };
            for name in NAMES {
                match tenants.create(name, "ops").await {
                    Ok(()) => assert!(self.created.insert(name.into()), "{:?}: {name} was created twice", self.rule),
                    Err(CommandError::Exists(_)) => drop(self.created.insert(name.into())),
                    Err(error) => self.is_typed(&error.to_string()),
                }
            }
            for name in NAMES.iter().cycle().take(6) {
                self.commands += 1;
                let of = ((*name).to_owned(), format!("command {}", self.commands));
                self.asked.insert(of.clone());
                match tenants.command(name, noted(&of.1), "ops").await {
                    Ok(_) => drop(self.answered.insert(of)),
                    Err(CommandError::Unknown(_)) if !self.created.contains(*name) => {}
                    Err(error) => {
                        assert!(!matches!(error, CommandError::Failed | CommandError::Quarantined), "{error}");
                        self.is_typed(&error.to_string());
                    }
                }
            }
            self.faulty.halt();
        });
        // With its runtime all of it is gone.
        self.lose_power();
    }

    fn lose_power(&self) {
        let kept = self.rule.as_ref().map_or(0, |rule| rule.skip as usize % 3);
        self.memory.crash_torn(|_, unsynced| unsynced * kept / 2);
        self.faulty.resume();
    }

    fn all_is_there(self) {
        self.faulty.heal();
        run(async {
            let tenants = self.open().await;
            let tenants = tenants.unwrap_or_else(|error| panic!("{:?}: it can't be opened: {error}", self.rule));
            for name in NAMES {
                let trail = audit(&tenants, name);
                let sequence = trail.iter().map(|entry| entry.sequence).collect::<Vec<_>>();
                assert_eq!(sequence, (1..=trail.len() as u64).collect::<Vec<_>>(), "{:?}: {name}", self.rule);
                assert!(!self.created.contains(name) || !trail.is_empty(), "{:?}: {name} is lost", self.rule);
                let is_noted = |entry: &&actors::AuditEntry| entry.json().contains("command ");
                let noted = trail.iter().filter(is_noted).map(|entry| entry.json()).collect::<Vec<_>>();
                let with = |of: &BTreeSet<(String, String)>, changes: &str| {
                    of.iter().any(|(tenant, label)| tenant == name && changes.contains(&format!("\"{label}\"")))
                };
                assert!(noted.iter().all(|changes| with(&self.asked, changes)), "{:?}: {noted:?}", self.rule);
                assert_eq!(
                    noted.iter().collect::<BTreeSet<_>>().len(),
                    noted.len(),
                    "{:?}: twice: {noted:?}",
                    self.rule
                );
                for (_, label) in self.answered.iter().filter(|(tenant, _)| tenant == name) {
                    let is_there = noted.iter().any(|changes| changes.contains(&format!("\"{label}\"")));
                    assert!(is_there, "{:?}: {label} of {name} was answered and is lost", self.rule);
                }
                if let Some(state) = tenants.state(name) {
                    assert_eq!(state.keys().keys.len(), noted.len(), "{:?}: the state of {name}", self.rule);
                }
            }
            tenants.drain().await;
        });
    }
}

#[test]
fn whatever_fails_whenever_what_was_answered_is_in_the_journal_once() {
    let live = |rule: Option<Rule>| {
        let mut life = Life::new(rule);
        (0..3).for_each(|_| life.work());
        life
    };
    let clean = live(None);
    assert_eq!(clean.answered, clean.asked);
    let rules = matrix::rules(&clean.faulty.seen());
    clean.all_is_there();
    let mut struck = 0;
    let all = rules.len() as u64;
    for rule in rules {
        let life = live(Some(rule));
        struck += life.faulty.struck();
        life.all_is_there();
    }
    assert!(struck > all / 2, "{struck} of {all} struck");
}
