//! Who may use a data folder, and what is remembered of it.

use std::fs;

use engine::checkpoint::folder::{DataFolder, FolderError, Node};

#[test]
fn a_folder_is_what_it_was_made_as() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("deep/data");
    let made = DataFolder::open(&path, Some(Node::new(8, u64::MAX, -5))).unwrap();
    assert_eq!((made.node(), made.is_new()), (&Node::new(8, u64::MAX, -5), true));
    made.storage().create_new("x", b"1").unwrap();
    drop(made);
    let opened = DataFolder::open(&path, Some(Node::new(16, 1, 1))).unwrap();
    assert_eq!((opened.node(), opened.is_new()), (&Node::new(8, u64::MAX, -5), false));
    assert_eq!(opened.storage().read("x").unwrap(), b"1");
}

#[test]
fn whoever_does_not_make_a_folder_leaves_no_trace_of_a_wrong_path() {
    let root = tempfile::tempdir().unwrap();
    let typo = root.path().join("dta");
    let refused = DataFolder::open(&typo, None).map(drop).unwrap_err();
    assert_eq!(refused, FolderError::Absent { folder: typo.clone() });
    let refused = DataFolder::open(root.path(), None).map(drop).unwrap_err();
    assert_eq!(refused, FolderError::NotOne { folder: root.path().into() });
    assert_eq!(fs::read_dir(root.path()).unwrap().count(), 0, "nothing was made");
    drop(DataFolder::open(&typo, Some(Node::new(8, 1, 1))).unwrap());
    assert_eq!(*DataFolder::open(&typo, None).unwrap().node(), Node::new(8, 1, 1));
}

#[test]
fn a_folder_has_one_owner_at_a_time() {
    let root = tempfile::tempdir().unwrap();
    let owner = DataFolder::open(root.path(), Some(Node::new(8, 1, 1))).unwrap();
    let refused = DataFolder::open(root.path(), Some(Node::new(8, 1, 1))).map(drop).unwrap_err();
    let process = std::process::id().to_string();
    assert_eq!(refused, FolderError::InUse { folder: root.path().into(), owner: process });
    drop(owner);
    DataFolder::open(root.path(), Some(Node::new(8, 1, 1))).unwrap();
}

#[test]
fn a_damaged_or_foreign_description_is_refused() {
    let root = tempfile::tempdir().unwrap();
    drop(DataFolder::open(root.path(), Some(Node::new(8, 1, 1))).unwrap());
    let file = root.path().join("node.json");
    let text = fs::read_to_string(&file).unwrap();
    for damaged in [text.replace("\"shards\": 8", "\"shards\": 9"), text[..text.len() - 1].into(), String::new()] {
        fs::write(&file, damaged).unwrap();
        let refused = DataFolder::open(root.path(), Some(Node::new(8, 1, 1))).map(drop).unwrap_err();
        assert!(matches!(&refused, FolderError::Corrupt { file: named, .. } if *named == file), "{refused}");
    }
    fs::remove_file(&file).unwrap();
    drop(DataFolder::open(root.path(), Some(Node { format: 2, ..Node::new(8, 1, 1) })));
    let refused = DataFolder::open(root.path(), Some(Node::new(8, 1, 1))).map(drop).unwrap_err();
    assert!(matches!(refused, FolderError::Format { found: 2, supported: 1, .. }), "{refused}");
}

#[test]
fn files_without_their_node_are_damage_and_not_a_new_folder() {
    let root = tempfile::tempdir().unwrap();
    drop(DataFolder::open(root.path(), Some(Node::new(4, 7, 0))).unwrap());
    std::fs::create_dir_all(root.path().join("log/events")).unwrap();
    std::fs::remove_file(root.path().join("node.json")).unwrap();
    let refused = DataFolder::open(root.path(), Some(Node::new(4, 8, 0))).map(drop).unwrap_err();
    let expect = FolderError::Missing { file: root.path().join("node.json"), folder: root.path().join("log") };
    assert_eq!(refused, expect);
    assert!(!root.path().join("node.json").exists(), "nothing takes its place");
}

#[test]
fn nobody_but_its_owner_reads_a_folder() {
    use std::os::unix::fs::PermissionsExt;
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("data");
    let folder = DataFolder::open(&path, Some(Node::new(4, 7, 0))).unwrap();
    let mut file = folder.storage().open_append("log/a").unwrap();
    file.append(b"x").unwrap();
    for name in ["node.json", "node.lock", "log/a"] {
        assert_eq!(mode(&path.join(name)), 0o600, "{name}");
    }
    drop(folder);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    let _folder = DataFolder::open(&path, Some(Node::new(4, 7, 0))).unwrap();
    assert_eq!(mode(&path), 0o700, "one made by an older version is closed");
}
