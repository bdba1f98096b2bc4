//! The conformance suite of [`Snapshots`]: every implementation goes through [`conforms`].

use actors::snapshots::{MemorySnapshots, SledSnapshots, Snapshots, SnapshotsError, TenantRecord};

use crate::world::chain;

fn record(plan: &str) -> TenantRecord {
    let (sealed, mut record) = (chain("acme", &[plan]).remove(0), TenantRecord::default());
    record.apply(6, sealed.entry(), sealed.head().hash).unwrap();
    record
}

fn all(snapshots: &dyn Snapshots) -> Vec<(String, String)> {
    let mut all = Vec::new();
    snapshots.for_each(&mut |tenant, record| all.push((tenant, record.state.plan().name.clone()))).unwrap();
    all.sort();
    all
}

fn pairs(expect: &[(&str, &str)]) -> Vec<(String, String)> {
    expect.iter().map(|(tenant, plan)| ((*tenant).to_owned(), (*plan).to_owned())).collect()
}

fn conforms(snapshots: &dyn Snapshots) {
    assert_eq!((snapshots.valid_until(), all(snapshots).len()), (Ok(0), 0), "empty at first");

    snapshots.put_batch(&[("acme".into(), record("a")), ("globex".into(), record("g"))], 11).unwrap();
    assert_eq!(all(snapshots), pairs(&[("acme", "a"), ("globex", "g")]));
    assert_eq!(snapshots.valid_until(), Ok(11));

    snapshots.put_batch(&[("acme".into(), record("b"))], 12).unwrap();
    assert_eq!(all(snapshots), pairs(&[("acme", "b"), ("globex", "g")]), "replaced, the other untouched");
    snapshots.put_batch(&[], 13).unwrap();
    assert_eq!((all(snapshots).len(), snapshots.valid_until()), (2, Ok(13)), "the mark moves alone");

    snapshots.clear().unwrap();
    assert_eq!((all(snapshots).len(), snapshots.valid_until()), (0, Ok(0)));
    snapshots.put_batch(&[("acme".into(), record("c"))], 14).unwrap();
    assert_eq!(all(snapshots), pairs(&[("acme", "c")]), "usable after clearing");
}

#[test]
fn memory_conforms() {
    conforms(&MemorySnapshots::default());
}

#[test]
fn sled_conforms_and_keeps_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("snapshots");
    conforms(&SledSnapshots::open(&path).unwrap());
    let again = SledSnapshots::open(&path).unwrap();
    let mut whole = Vec::new();
    again.for_each(&mut |tenant, record| whole.push((tenant, record))).unwrap();
    assert_eq!((whole, again.valid_until()), (vec![("acme".to_owned(), record("c"))], Ok(14)));
    assert_eq!(again.rebuilt(), 0);
}

#[test]
fn a_folder_in_use_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("snapshots");
    let first = SledSnapshots::open(&path).unwrap();
    assert!(matches!(SledSnapshots::open(&path), Err(SnapshotsError::InUse { .. })));
    first.put_batch(&[("acme".into(), record("a"))], 1).unwrap();
    assert!(path.exists() && !folder.path().join("snapshots.corrupt-1").exists());
}
