//! One tenant's entries among a million of others': read alone, in moments, and never wrong (I8, I14).
//!
//! `TENANTRY_JOURNAL_ENTRIES` makes the journal as long as wanted; the figures are printed with `--nocapture`.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use actors::facets::plan::PlanSet;
use actors::journal::{Head, Journal, JournalError, SEGMENT_BYTES_MAX, Sealed, trail};
use actors::snapshots::{MemorySnapshots, SledSnapshots, Snapshots};
use actors::{Change, CommandError, Tenants, TenantsHandle, TenantsOptions};
use engine::clock::ManualClock;
use engine::log::memory::MemoryLog;
use engine::log::segment::{SegmentLog, SegmentOptions};
use engine::log::{LogError, Offset, SharedLog};
use engine::storage::local::LocalStorage;
use engine::storage::memory::MemoryStorage;
use engine::storage::{SharedStorage, Storage};
use tokio::task::JoinSet;

use crate::cursed::{CURSED, Curse};
use crate::world::{audit, chain, noted, run};

/// Entries of the journal in an ordinary run.
const ENTRIES: u64 = 20_000;
/// Longest time for an audit of one tenant, or for a tenant's activation after it failed.
const SLOW: Duration = Duration::from_millis(50);
/// How often each is tried; fewer than the failures after which a tenant is quarantined.
const TIMES: usize = 3;

async fn open(log: SharedLog, snapshots: Box<dyn Snapshots>) -> TenantsHandle {
    Tenants::open(TenantsOptions::default(), log, snapshots, Arc::new(ManualClock::new(1_000_000))).await.unwrap()
}

fn forgetful() -> Box<dyn Snapshots> {
    Box::new(MemorySnapshots::default())
}

async fn note(tenants: &TenantsHandle, tenant: &str, label: &str) -> Result<(), CommandError> {
    tenants.command(tenant, noted(label), "ops").await.map(drop)
}

/// A chain that notes where the entry before is, with other tenants' entries in between.
fn scattered(journal: &Journal, tenant: &str, plans: &[&str], others: u64) -> Vec<(Offset, Sealed)> {
    let mut placed: Vec<(Offset, Sealed)> = Vec::new();
    for sealed in chain(tenant, plans) {
        let sealed = sealed.behind(placed.last().map(|(offset, _)| *offset));
        let offset = run(journal.append(std::slice::from_ref(&sealed))).unwrap();
        placed.push((offset, sealed));
        for other in 0..others {
            run(journal.append(&chain(&format!("{tenant}-{plans:?}-{offset}-{other}"), &["x"]))).unwrap();
        }
    }
    placed
}

fn walk(journal: &Journal, placed: &[(Offset, Sealed)]) -> Result<Option<Vec<Offset>>, JournalError> {
    let (last, sealed) = placed.last().unwrap();
    trail::walk(journal, &sealed.entry().tenant, sealed.head(), *last)
}

fn in_memory() -> Journal {
    Journal::new(Arc::new(MemoryLog::new().unwrap()))
}

#[test]
fn a_walk_finds_each_entry_of_its_tenant_and_no_other() {
    let journal = in_memory();
    let acme = scattered(&journal, "acme", &["a", "b", "c", "d"], 3);
    let globex = scattered(&journal, "globex", &["x"], 0);
    for placed in [&acme, &globex] {
        let offsets = placed.iter().map(|(offset, _)| *offset).collect::<Vec<_>>();
        assert_eq!(walk(&journal, placed), Ok(Some(offsets)));
    }
}

#[test]
fn a_walk_that_comes_upon_an_entry_of_an_earlier_release_does_not_know_the_way() {
    let journal = in_memory();
    let entries = chain("acme", &["a", "b", "c"]);
    run(journal.append(&entries[..2])).unwrap();
    let last = entries[2].clone().behind(Some(1));
    let at = run(journal.append(std::slice::from_ref(&last))).unwrap();
    assert_eq!(trail::walk(&journal, "acme", last.head(), at), Ok(None));
    run(async {
        let log: SharedLog = Arc::new(MemoryLog::new().unwrap());
        Journal::new(Arc::clone(&log)).append(&entries).await.unwrap();
        for name in 0..500 {
            Journal::new(Arc::clone(&log)).append(&chain(&format!("other-{name}"), &["x"])).await.unwrap();
        }
        let tenants = open(log, forgetful()).await;
        assert_eq!(audit(&tenants, "acme").len(), 3, "the whole journal is read for it");
        tenants.drain().await;
    });
}

#[test]
fn a_walk_that_is_led_astray_is_an_error() {
    let journal = in_memory();
    let mut acme = scattered(&journal, "acme", &["a", "b"], 1);
    let forged = chain("acme", &["a", "forged"]).pop().unwrap();
    acme[1].1 = forged.clone();
    assert!(matches!(walk(&journal, &acme), Err(JournalError::Broken { offset: 2, .. })));
    // The entry before is said to be where another tenant's is.
    let at = run(journal.append(&[forged.clone().behind(Some(1))])).unwrap();
    assert!(matches!(walk(&journal, &[(at, forged.clone())]), Err(JournalError::Missing { offset: 1 })));
    assert!(matches!(walk(&journal, &[(99, forged)]), Err(JournalError::Missing { offset: 99 })));
}

#[test]
fn an_audit_of_one_of_all_and_of_some_tell_the_same() {
    run(async {
        let tenants = open(Arc::new(MemoryLog::new().unwrap()), forgetful()).await;
        let names = (0..300).map(|n| format!("tenant-{n}")).collect::<Vec<_>>();
        tenants.create_many(&names, "ops").await.unwrap();
        for plan in ["a", "b", "c"] {
            for name in [&names[3], &names[200]] {
                note(&tenants, name, plan).await.unwrap();
            }
        }
        let all = tenants.audit(None).collect::<Result<Vec<_>, _>>().unwrap();
        assert_eq!(all.len(), 307);
        for name in ["tenant-3", "tenant-200", "tenant-7", "platform"] {
            let own = all.iter().filter(|entry| entry.tenant == name).cloned().collect::<Vec<_>>();
            assert_eq!(audit(&tenants, name), own);
        }
        for some in [["tenant-3", "tenant-9"].as_slice(), &["nobody"], &[]] {
            let some = some.iter().map(|name| (*name).to_owned()).collect();
            let mut told = tenants.audit(Some(&some)).collect::<Result<Vec<_>, _>>().unwrap();
            told.sort_by_key(|entry| (entry.tenant.clone(), entry.sequence));
            let mut own = all.iter().filter(|entry| some.contains(&entry.tenant)).cloned().collect::<Vec<_>>();
            own.sort_by_key(|entry| (entry.tenant.clone(), entry.sequence));
            assert_eq!(told, own);
        }
        tenants.drain().await;
    });
}

/// Flips a bit of the journal's only segment where `entry` is.
fn damage(storage: &MemoryStorage, entry: &Sealed) -> String {
    let names = storage.list("log/journal").unwrap();
    let [name] = names.as_slice() else { panic!("one segment: {names:?}") };
    let bytes = storage.read(name).unwrap();
    let at = bytes.windows(entry.envelope().len()).position(|bytes| bytes == entry.envelope()).unwrap();
    storage.flip_bit(name, at as u64 + 20, 3).unwrap();
    name.clone()
}

#[test]
fn damage_in_the_middle_is_told_by_file_and_place_and_only_to_who_asks_for_it() {
    let storage = MemoryStorage::new();
    let log = SegmentLog::open(Arc::new(storage.clone()), "log/journal", SegmentOptions::default()).unwrap();
    let log: SharedLog = Arc::new(log);
    let journal = Journal::new(Arc::clone(&log));
    scattered(&journal, "globex", &["x", "y"], 0);
    let acme = scattered(&journal, "acme", &["a", "b", "c"], 200);
    run(async {
        let tenants = open(log, forgetful()).await;
        let file = damage(&storage, &acme[1].1);
        let only = |tenant: &str| Some([tenant.to_owned()].into());
        for who in [None, only("acme")] {
            let told = tenants.audit(who.as_ref()).collect::<Result<Vec<_>, _>>().unwrap_err();
            let JournalError::Log(LogError::Corrupt { segment, position, .. }) = &told else { panic!("{told}") };
            assert!(*segment == file && *position > 0 && told.to_string().contains(&file), "{told}");
            let mut trail = tenants.audit(who.as_ref());
            assert!(trail.by_ref().any(|entry| entry.is_err()) && trail.next().is_none(), "nothing follows the error");
        }
        assert_eq!(audit(&tenants, "globex").len(), 2, "it is far from the damage");
        tenants.drain().await;
    });
}

/// Puts another tenant on `from..to` as plans, a record each, as many at a time as clients would.
async fn fill(log: &SharedLog, plans: std::ops::Range<u64>) {
    let (journal, tenant) = (Journal::new(Arc::clone(log)), format!("busy-{}", plans.start));
    let mut head = Head::default();
    let mut waiting = JoinSet::new();
    for plan in plans {
        let sealed = head.seal(&tenant, 7, "test", vec![Change::Plan(PlanSet { plan: plan.to_string() })]).unwrap();
        head = sealed.head();
        let journal = journal.clone();
        waiting.spawn(async move { journal.append(&[sealed]).await.unwrap() });
        if waiting.len() == 1000 {
            while waiting.join_next().await.is_some() {}
        }
    }
    while waiting.join_next().await.is_some() {}
}

/// How long it takes, at best of a few times: what a busy machine adds is not ours.
fn at_best(mut act: impl FnMut()) -> Duration {
    let timed = (0..TIMES).map(|_| {
        let begun = Instant::now();
        act();
        begun.elapsed()
    });
    timed.min().unwrap()
}

#[test]
fn a_tenant_among_a_million_entries_is_read_and_activated_in_moments() {
    let entries = std::env::var("TENANTRY_JOURNAL_ENTRIES").map_or(ENTRIES, |text| text.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let curse = || {
        let storage: SharedStorage = Arc::new(LocalStorage::open(folder.path()).unwrap());
        let segments = SegmentOptions { segment_bytes: SEGMENT_BYTES_MAX, ..SegmentOptions::default() };
        Arc::new(Curse::new(SegmentLog::open(storage, "log/journal", segments).unwrap()))
    };
    let snapshots = || Box::new(SledSnapshots::open(&folder.path().join("cache")).unwrap());
    run(async {
        let curse = curse();
        let log: SharedLog = curse.clone();
        let tenants = open(Arc::clone(&log), snapshots()).await;
        tenants.create(CURSED, "ops").await.unwrap();
        tenants.create("acme", "ops").await.unwrap();
        fill(&log, 0..entries / 2).await;
        note(&tenants, "acme", "a").await.unwrap();
        fill(&log, entries / 2..entries).await;
        note(&tenants, "acme", "b").await.unwrap();

        let audited = at_best(|| assert_eq!(audit(&tenants, "acme").len(), 3));
        let first = at_best(|| assert_eq!(tenants.audit(None).next().unwrap().unwrap().sequence, 1));
        let mut activated = Duration::MAX;
        for time in 0..TIMES {
            curse.is_on.store(true, Ordering::Relaxed);
            assert!(matches!(note(&tenants, CURSED, "lost").await, Err(CommandError::Failed)));
            curse.is_on.store(false, Ordering::Relaxed);
            let begun = Instant::now();
            note(&tenants, CURSED, &format!("kept-{time}")).await.unwrap();
            activated = activated.min(begun.elapsed());
        }
        let begun = Instant::now();
        let all = tenants.audit(None).count();
        let read = begun.elapsed();
        println!(
            "{all} entries: audit of one {audited:?}, first of all {first:?}, all {read:?}, activation {activated:?}"
        );
        assert!(audited < SLOW && first < SLOW && activated < SLOW, "{audited:?} {first:?} {activated:?}");
        tenants.drain().await;
    });
    // The next start reads nothing of it, and does not know yet where anything is.
    run(async {
        let tenants = open(curse(), snapshots()).await;
        // Once only: the second time it knows.
        let begun = Instant::now();
        assert_eq!(audit(&tenants, "acme").len(), 3);
        println!("after a start: audit of one {:?}", begun.elapsed());
        tenants.drain().await;
    });
}
