//! Starting again: with snapshots that are good, old, ahead or noise, and with a broken chain.

use std::path::Path;
use std::sync::Arc;

use actors::facets::lifecycle::LifecycleCommand;
use actors::journal::{ChainBreak, Journal};
use actors::restore::{RestoreError, restore};
use actors::snapshots::{MemorySnapshots, SledSnapshots, Snapshots};
use actors::{Command, TenantState};
use engine::log::memory::MemoryLog;

use crate::world::{Tenants, chain, drive, journal, run};

/// `count` tenants in a journal, with a few entries each.
fn populated(count: u32) -> (Journal, Tenants) {
    let (journal, mut tenants) = (journal(), Tenants::new());
    for n in 0..count {
        let name = format!("tenant-{n}");
        for command in [LifecycleCommand::Provision, LifecycleCommand::Activate] {
            drive(&journal, &mut tenants, &name, Command::Lifecycle(command), 1 + i64::from(n)).unwrap();
        }
    }
    (journal, tenants)
}

fn fill(snapshots: &dyn Snapshots, tenants: &Tenants, valid_until: u64) {
    let records: Vec<_> = tenants.clone().into_iter().collect();
    snapshots.put_batch(&records, valid_until).unwrap();
}

fn state_of(snapshots: &dyn Snapshots, journal: &Journal) -> Tenants {
    restore(snapshots, journal).unwrap().tenants.into_iter().collect()
}

fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed | 1;
    let next = || {
        // xorshift64
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    std::iter::repeat_with(next).take(length).collect()
}

fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.filter(|path| path.is_file()).collect()
}

#[test]
fn a_good_cache_saves_the_replay() {
    let (journal, tenants) = populated(20);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("snapshots");
    fill(&SledSnapshots::open(&path).unwrap(), &tenants, journal.end());

    let snapshots = SledSnapshots::open(&path).unwrap();
    let restored = restore(&snapshots, &journal).unwrap();
    assert_eq!((snapshots.rebuilt(), restored.applied), (0, 0));
    assert_eq!(restored.tenants.into_iter().collect::<Tenants>(), tenants);
}

/// New bytes from old ones and a seed.
type Damage = fn(&[u8], u64) -> Vec<u8>;

#[test]
fn a_cache_of_noise_is_set_aside_and_the_state_is_identical() {
    let damages: [(&str, Damage); 4] = [
        ("all noise", |bytes, seed| noise(bytes.len(), seed)),
        ("noise in the middle", |bytes, seed| {
            let mut bytes = bytes.to_vec();
            let (start, end) = (bytes.len() / 4, bytes.len() / 2);
            bytes[start..end].copy_from_slice(&noise(end - start, seed));
            bytes
        }),
        ("cut in half", |bytes, _| bytes[..bytes.len() / 2].to_vec()),
        ("emptied", |_, _| Vec::new()),
    ];
    let (journal, tenants) = populated(20);
    for (seed, (damage, apply)) in damages.into_iter().enumerate() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("snapshots");
        fill(&SledSnapshots::open(&path).unwrap(), &tenants, journal.end());
        for file in files(&path) {
            let bytes = std::fs::read(&file).unwrap();
            std::fs::write(&file, apply(&bytes, seed as u64 + 1)).unwrap();
        }
        let snapshots = SledSnapshots::open(&path).unwrap();
        assert_eq!(state_of(&snapshots, &journal), tenants, "{damage}");
        assert!(!folder.path().join("snapshots.corrupt-2").exists(), "{damage}: set aside twice");
        let aside = folder.path().join("snapshots.corrupt-1").exists();
        assert_eq!(aside, snapshots.rebuilt() == 1, "{damage}");
        if damage == "all noise" {
            assert!(aside, "noise was taken for snapshots");
        }
        // The new folder is a cache like any other.
        fill(&snapshots, &tenants, journal.end());
        assert_eq!(restore(&snapshots, &journal).unwrap().applied, 0, "{damage}");
    }
}

#[test]
fn folders_set_aside_do_not_take_each_others_place() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("snapshots");
    for n in 1..=2 {
        drop(SledSnapshots::open(&path).unwrap());
        for file in files(&path) {
            std::fs::write(&file, noise(4096, n)).unwrap();
        }
        let snapshots = SledSnapshots::open(&path).unwrap();
        restore(&snapshots, &journal()).unwrap();
        assert_eq!(snapshots.rebuilt(), 1);
        assert!(folder.path().join(format!("snapshots.corrupt-{n}")).exists());
    }
}

#[test]
fn a_journal_that_is_shorter_than_the_cache_has_lost_entries() {
    let (journal, tenants) = populated(3);
    let end = journal.end();
    for (tenant_until, mark) in [(end + 1, 0), (end, end + 1)] {
        let snapshots = MemorySnapshots::default();
        let mut ahead = tenants.clone();
        ahead.get_mut("tenant-0").unwrap().valid_until = tenant_until;
        fill(&snapshots, &ahead, mark);
        let refused = restore(&snapshots, &journal).unwrap_err();
        assert_eq!(refused, RestoreError::JournalShort { start: 0, end, known: end + 1 });
        let mut kept = 0;
        snapshots.for_each(&mut |_, _| kept += 1).unwrap();
        assert_eq!(kept, tenants.len(), "a good cache is not set aside for a bad journal");
    }
}

#[test]
fn a_broken_chain_stops_its_tenant_only() {
    let journal = Journal::new(Arc::new(MemoryLog::new().unwrap()));
    let acme = chain("acme", &["a", "b", "c", "d"]);
    let globex = chain("globex", &["x", "y"]);
    for sealed in [&acme[0], &globex[0], &acme[2], &globex[1], &acme[3]] {
        run(journal.append(std::slice::from_ref(sealed))).unwrap();
    }
    let restored = restore(&MemorySnapshots::default(), &journal).unwrap();
    let plan = |tenant: &str| restored.tenants[tenant].state.plan().name.clone();
    assert_eq!((plan("acme"), plan("globex")), ("a".to_owned(), "y".to_owned()));
    let breaks: Vec<_> = restored.broken.into_iter().collect();
    assert_eq!(breaks, [("acme".to_owned(), ChainBreak::Sequence { expect: 2, found: 3 })]);
}

#[test]
fn nothing_gives_nothing() {
    let restored = restore(&MemorySnapshots::default(), &journal()).unwrap();
    assert!(restored.tenants.is_empty());
    assert_eq!(TenantState::default().plan().name, "default");
}
