//! The statements, and which of them are known to be answered otherwise than by PostgreSQL.
//!
//! A file of the corpus is a topic. A statement begins at the start of a line and goes on over lines that are indented; lines
//! that begin with `--` are for people. One file is one session: `SET` holds to its end.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// The page of known differences.
const PAGE: &str = "../docs/SQL_DIFFERENCES.md";

/// The statements of one file.
pub(super) struct Topic {
    pub(super) name: String,
    pub(super) statements: Vec<String>,
}

/// All topics, by name.
pub(super) fn topics() -> Vec<Topic> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/against_postgres/corpus");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let topic = |path: std::path::PathBuf| Topic {
        name: path.file_stem().unwrap().to_str().unwrap().to_owned(),
        statements: statements(&fs::read_to_string(&path).unwrap()),
    };
    let mut topics = files.map(topic).collect::<Vec<_>>();
    topics.sort_by(|one, other| one.name.cmp(&other.name));
    topics
}

/// What the page lists.
pub(super) struct Page {
    /// The statements of its blocks of SQL.
    pub(super) statements: BTreeSet<String>,
    /// The types of its table, PostgreSQL's before the node's.
    pub(super) types: BTreeSet<(String, String)>,
}

impl Page {
    pub(super) fn read() -> Self {
        let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(PAGE)).unwrap();
        let blocks = page.split("\n```sql\n").skip(1).map(|rest| rest.split_once("\n```").expect("a block ends").0);
        Self { statements: blocks.flat_map(statements).collect(), types: types(&page) }
    }
}

/// The rows of the table of types: `| PostgreSQL's | ours | … |`, each in backquotes.
fn types(page: &str) -> BTreeSet<(String, String)> {
    let row = |line: &str| {
        let mut cells = line.strip_prefix('|')?.split('|').map(|cell| cell.trim().strip_prefix('`')?.strip_suffix('`'));
        Some((cells.next()??.to_owned(), cells.next()??.to_owned()))
    };
    page.lines().filter_map(row).collect()
}

fn statements(text: &str) -> Vec<String> {
    let mut statements = Vec::<String>::new();
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with("--")) {
        match statements.last_mut() {
            Some(last) if line.starts_with(' ') => {
                last.push('\n');
                last.push_str(line);
            }
            _ => statements.push(line.to_owned()),
        }
    }
    statements
}

#[test]
fn a_statement_goes_on_over_indented_lines() {
    let text = "-- For people.\nSELECT 1\n\nSELECT 'a'\n  'b'\nSELECT 2\n";
    assert_eq!(statements(text), ["SELECT 1", "SELECT 'a'\n  'b'", "SELECT 2"]);
}

#[test]
fn types_stand_in_a_table() {
    let page = "| PostgreSQL | here | where |\n|---|---|---|\n| `int4` | `int8` | literals |\nText with `a` | `b` |\n";
    assert_eq!(types(page), BTreeSet::from([("int4".to_owned(), "int8".to_owned())]));
}
