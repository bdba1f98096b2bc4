//! The contract of `engine::storage`, checked on each implementation.

use std::sync::Arc;

use engine::storage::faulty::{Fault, FaultyStorage, Operation, Rule};
use engine::storage::local::LocalStorage;
use engine::storage::memory::MemoryStorage;
use engine::storage::{Storage, StorageError};

fn on_each(check: impl Fn(&dyn Storage)) {
    let folder = tempfile::tempdir().unwrap();
    check(&LocalStorage::open(folder.path()).unwrap());
    check(&MemoryStorage::new());
    check(&FaultyStorage::new(Arc::new(MemoryStorage::new())));
}

fn not_found(name: &str) -> StorageError {
    StorageError::NotFound { name: name.into() }
}

fn exists(name: &str) -> StorageError {
    StorageError::Exists { name: name.into() }
}

#[test]
fn a_new_file_has_its_content_and_is_never_overwritten() {
    on_each(|storage| {
        storage.create_new("a/b/c", b"first").unwrap();
        assert_eq!(storage.create_new("a/b/c", b"second"), Err(exists("a/b/c")));
        assert_eq!(storage.read("a/b/c").unwrap(), b"first");
        assert_eq!(storage.size("a/b/c").unwrap(), 5);
        storage.create_new("empty", b"").unwrap();
        assert_eq!(storage.read("empty").unwrap(), b"");
    });
}

#[test]
fn appends_are_read_at_once_and_go_on_at_the_end() {
    on_each(|storage| {
        let mut file = storage.open_append("log/1").unwrap();
        assert_eq!(storage.size("log/1").unwrap(), 0);
        file.append(b"one").unwrap();
        assert_eq!(storage.read("log/1").unwrap(), b"one");
        file.sync().unwrap();
        drop(file);
        let mut file = storage.open_append("log/1").unwrap();
        file.append(b"two").unwrap();
        file.sync().unwrap();
        assert_eq!(storage.read("log/1").unwrap(), b"onetwo");
        storage.truncate("log/1", 4).unwrap();
        file.append(b"X").unwrap();
        assert_eq!(storage.read("log/1").unwrap(), b"onetX", "an open file appends at the new end");
    });
}

#[test]
fn reading_at_is_short_only_at_the_end() {
    on_each(|storage| {
        storage.create_new("f", b"0123456789").unwrap();
        for (offset, length, expect) in
            [(0, 4, "0123"), (8, 4, "89"), (10, 4, ""), (99, 1, ""), (3, 0, ""), (0, 99, "0123456789")]
        {
            assert_eq!(storage.read_at("f", offset, length).unwrap(), expect.as_bytes(), "{length} from {offset}");
        }
    });
}

#[test]
fn what_is_absent_is_not_found() {
    on_each(|storage| {
        assert_eq!(storage.read("x"), Err(not_found("x")));
        assert_eq!(storage.read_at("x", 0, 1), Err(not_found("x")));
        assert_eq!(storage.size("x"), Err(not_found("x")));
        assert_eq!(storage.truncate("x", 0), Err(not_found("x")));
        assert_eq!(storage.rename("x", "y"), Err(not_found("x")));
        assert_eq!(storage.remove("x"), Ok(()));
        assert_eq!(storage.remove("no/folder/x"), Ok(()));
        assert_eq!(storage.list("nothing"), Ok(Vec::new()));
    });
}

#[test]
fn a_folder_lists_its_own_files_sorted() {
    on_each(|storage| {
        for name in ["a/2", "a/1", "a/b/3", "top", "ab/4"] {
            storage.create_new(name, b"").unwrap();
        }
        assert_eq!(storage.list("a").unwrap(), ["a/1", "a/2"]);
        assert_eq!(storage.list("a/b").unwrap(), ["a/b/3"]);
        assert_eq!(storage.list("").unwrap(), ["top"]);
        assert_eq!(storage.list_folders("a").unwrap(), ["a/b"]);
        assert_eq!(storage.list_folders("a/b"), Ok(Vec::new()));
        assert_eq!(storage.list_folders("nothing"), Ok(Vec::new()));
        let top = storage.list_folders("").unwrap();
        assert!(top.is_sorted() && ["a", "ab"].iter().all(|own| top.contains(&(*own).to_owned())), "{top:?}");
        storage.remove("a/1").unwrap();
        assert_eq!(storage.list("a").unwrap(), ["a/2"]);
    });
}

#[test]
fn a_rename_takes_a_free_name_only() {
    on_each(|storage| {
        storage.create_new("from", b"content").unwrap();
        storage.create_new("taken", b"other").unwrap();
        assert_eq!(storage.rename("from", "taken"), Err(exists("taken")));
        assert_eq!(storage.read("taken").unwrap(), b"other");
        storage.rename("from", "new/name").unwrap();
        assert_eq!(storage.read("from"), Err(not_found("from")));
        assert_eq!(storage.read("new/name").unwrap(), b"content");
    });
}

#[test]
fn names_never_leave_the_folder() {
    on_each(|storage| {
        for name in ["", "/etc/x", "../x", "a/../x", "a//x", "a/", "./x", "a\\x", "x\0"] {
            assert!(matches!(storage.create_new(name, b""), Err(StorageError::Io { .. })), "create {name:?}");
            assert!(matches!(storage.open_append(name), Err(StorageError::Io { .. })), "append {name:?}");
            assert!(matches!(storage.read(name), Err(StorageError::Io { .. })), "read {name:?}");
            assert!(matches!(storage.remove(name), Err(StorageError::Io { .. })), "remove {name:?}");
            assert!(storage.rename("x", name).is_err(), "rename to {name:?}");
        }
    });
}

#[test]
fn of_many_who_create_one_name_one_wins() {
    let folder = tempfile::tempdir().unwrap();
    let storage = LocalStorage::open(folder.path()).unwrap();
    let won = std::thread::scope(|scope| {
        let writers: Vec<_> = (0..8u8)
            .map(|by| {
                scope.spawn({
                    let storage = &storage;
                    move || (by, storage.create_new("fence", &[by; 1000]))
                })
            })
            .collect();
        let outcomes: Vec<_> = writers.into_iter().map(|writer| writer.join().unwrap()).collect();
        let won: Vec<u8> = outcomes.iter().filter(|(_, outcome)| outcome.is_ok()).map(|(by, _)| *by).collect();
        assert!(outcomes.iter().all(|(_, outcome)| *outcome == Ok(()) || *outcome == Err(exists("fence"))));
        won
    });
    assert_eq!(won.len(), 1);
    assert_eq!(storage.read("fence").unwrap(), [won[0]; 1000]);
    assert_eq!(storage.list(".unfinished").unwrap(), Vec::<String>::new());
}

#[test]
fn opening_removes_what_a_killed_process_left_unfinished() {
    let folder = tempfile::tempdir().unwrap();
    let storage = LocalStorage::open(folder.path()).unwrap();
    storage.create_new("kept", b"whole").unwrap();
    std::fs::write(folder.path().join(".unfinished/0"), b"hal").unwrap();
    drop(storage);
    let storage = LocalStorage::open(folder.path()).unwrap();
    assert_eq!(storage.list(".unfinished").unwrap(), Vec::<String>::new());
    storage.create_new("next", b"also whole").unwrap();
    assert_eq!(storage.list("").unwrap(), ["kept", "next"]);
}

#[test]
fn a_crash_takes_what_was_not_synced() {
    let storage = MemoryStorage::new();
    storage.create_new("created", b"whole").unwrap();
    let mut synced = storage.open_append("synced").unwrap();
    synced.append(b"kept").unwrap();
    synced.sync().unwrap();
    synced.append(b"lost").unwrap();
    storage.open_append("unsynced").unwrap().append(b"lost").unwrap();
    storage.crash();
    assert_eq!(storage.list("").unwrap(), ["created", "synced"]);
    assert_eq!(storage.read("synced").unwrap(), b"kept");
    assert!(synced.append(b"late").is_err(), "a file from before the crash no longer works");

    storage.open_append("synced").unwrap().append(b"torn").unwrap();
    storage.crash_torn(|name, unsynced| {
        assert_eq!((name, unsynced), ("synced", 4));
        3
    });
    assert_eq!(storage.read("synced").unwrap(), b"kepttor");
}

#[test]
fn faults_strike_where_they_are_told_to() {
    let memory = MemoryStorage::new();
    let storage = FaultyStorage::new(Arc::new(memory.clone()));
    let rule = |operation, skip, times, fault| Rule { operation, name_contains: "f".into(), skip, times, fault };
    let full = Err(StorageError::Full { name: "f".into() });
    let mut file = storage.open_append("f").unwrap();

    storage.inject(rule(Operation::Append, 1, 1, Fault::Short));
    file.append(b"good").unwrap();
    assert_eq!(file.append(b"HALF"), full);
    file.append(b"good").unwrap();
    assert_eq!(memory.read("f").unwrap(), b"goodHAgood");

    storage.inject(rule(Operation::Append, 0, u64::MAX, Fault::Full));
    assert_eq!((file.append(b"x"), file.append(b"x")), (full.clone(), full));
    storage.heal();
    file.sync().unwrap();
    file.append(b"unsynced").unwrap();
    storage.inject(rule(Operation::Sync, 0, 1, Fault::Lost));
    assert!(file.sync().is_err());
    assert_eq!(memory.read("f").unwrap(), b"goodHAgood");

    storage.inject(rule(Operation::Read, 0, 1, Fault::BitFlip));
    let flipped = storage.read("f").unwrap();
    let wrong_bits: u32 = flipped.iter().zip(b"goodHAgood").map(|(a, b)| (a ^ b).count_ones()).sum();
    assert_eq!(wrong_bits, 1);
    assert_eq!(storage.read("f").unwrap(), b"goodHAgood");
    storage.inject(rule(Operation::CreateNew, 0, 1, Fault::Full));
    storage.create_new("other", b"").unwrap();
    assert!(storage.create_new("f2", b"").is_err());
    assert_eq!(storage.struck(), 6);
}

#[test]
fn a_seed_reproduces_its_faults() {
    let run = |seed| {
        let storage = FaultyStorage::new(Arc::new(MemoryStorage::new()));
        storage.inject_by_seed(seed, 5, &[Operation::Append, Operation::Sync]);
        let mut file = storage.open_append("f").unwrap();
        let outcomes: Vec<_> = (0..200u8).map(|mark| (file.append(&[mark]), file.sync())).collect();
        assert!((30..=130).contains(&storage.struck()), "{} faults in 400 operations", storage.struck());
        (outcomes, storage.read("f").unwrap())
    };
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
}

#[test]
fn what_is_denied_has_happened_and_what_is_halted_has_not() {
    let storage = FaultyStorage::new(Arc::new(MemoryStorage::new()));
    let rule = |operation, fault| Rule { operation, name_contains: String::new(), skip: 0, times: 1, fault };
    let mut file = storage.open_append("log").unwrap();
    storage.inject(rule(Operation::CreateNew, Fault::Unsure));
    storage.create_new("new", b"whole").unwrap_err();
    assert_eq!(storage.read("new").unwrap(), b"whole");
    storage.inject(rule(Operation::Append, Fault::Unsure));
    file.append(b"a").unwrap_err();
    storage.inject(rule(Operation::Rename, Fault::Unsure));
    storage.rename("new", "moved").unwrap_err();
    storage.inject(rule(Operation::Remove, Fault::Unsure));
    storage.remove("moved").unwrap_err();
    assert_eq!(storage.list("").unwrap(), ["log"]);

    storage.inject(rule(Operation::Append, Fault::Halt));
    file.append(b"b").unwrap_err();
    storage.create_new("later", b"").unwrap_err();
    storage.resume();
    assert_eq!((storage.list("").unwrap(), storage.read("log").unwrap()), (vec!["log".to_owned()], b"a".to_vec()));
    storage.halt();
    storage.read("log").unwrap_err();
    storage.heal();
    storage.read("log").unwrap();
    assert_eq!(storage.seen()[&Operation::Append], 2);
    assert_eq!(storage.struck(), 5);
}
