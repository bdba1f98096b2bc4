//! Whether two servers said the same: equal, refused by the node with a reason, or different.

use std::collections::BTreeSet;

use tokio_postgres::types::Type;

use super::outcome::{Outcome, Rows};

/// See the module.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Equal,
    /// Equal but for types that are known to be others, PostgreSQL's before the node's.
    Typed(Vec<(String, String)>),
    /// The node gives no answer where PostgreSQL does.
    Refused {
        state: String,
        message: String,
    },
    Different(String),
}

/// SQLSTATE's class of what must not happen.
const INTERNAL: &str = "XX";
/// Values and rows of a difference that are told.
const TOLD_MAX: usize = 3;

/// Compares what the two said to `sql`; `known` are the pairs of types that may differ.
pub(super) fn compare(sql: &str, postgres: &Outcome, node: &Outcome, known: &BTreeSet<(String, String)>) -> Verdict {
    match (postgres, node) {
        (Outcome::Broken(why), _) => Verdict::Different(format!("PostgreSQL: {why}")),
        (_, Outcome::Broken(why)) => Verdict::Different(why.clone()),
        (_, Outcome::Refused { state, message }) if state.starts_with(INTERNAL) => {
            Verdict::Different(format!("{state} {message}"))
        }
        (Outcome::Done, Outcome::Done) | (Outcome::Refused { .. }, Outcome::Refused { .. }) => Verdict::Equal,
        (_, Outcome::Refused { state, message }) => Verdict::Refused { state: state.clone(), message: message.clone() },
        (Outcome::Refused { state, message }, _) => {
            Verdict::Different(format!("an answer where PostgreSQL refuses: {state} {message}"))
        }
        (Outcome::Rows(expect), Outcome::Rows(found)) => {
            let types = expect.types.iter().zip(&found.types).filter(|(expect, found)| !is_same(expect, found));
            let types = types.map(|(expect, found)| (expect.name().to_owned(), found.name().to_owned()));
            let types = types.filter(|pair| known.contains(pair)).collect::<Vec<_>>();
            match difference(sql, expect, found, &types) {
                Some(why) => Verdict::Different(why),
                None if types.is_empty() => Verdict::Equal,
                None => Verdict::Typed(types),
            }
        }
        (Outcome::Rows(_), Outcome::Done) => Verdict::Different("no rows where PostgreSQL has some".to_owned()),
        (Outcome::Done, Outcome::Rows(_)) => Verdict::Different("rows where PostgreSQL has none".to_owned()),
    }
}

/// The first thing in which they differ, but for `types`.
fn difference(sql: &str, expect: &Rows, found: &Rows, types: &[(String, String)]) -> Option<String> {
    if expect.names != found.names {
        return Some(format!("columns {:?}, not {:?}", found.names, expect.names));
    }
    if found.described != found.names {
        return Some(format!("columns described as {:?} are sent as {:?}", found.described, found.names));
    }
    let named = |types: &[Type]| types.iter().map(|of| of.name().to_owned()).collect::<Vec<_>>();
    let is_known = |expect: &Type, found: &Type| types.iter().any(|(e, f)| e == expect.name() && f == found.name());
    let mut pairs = expect.types.iter().zip(&found.types);
    if expect.types.len() != found.types.len() || !pairs.all(|(e, f)| is_same(e, f) || is_known(e, f)) {
        return Some(format!("types {:?}, not {:?}", named(&found.types), named(&expect.types)));
    }
    let ordered = is_ordered(sql);
    let (expect_text, found_text) = (arranged(expect.text.clone(), ordered), arranged(found.text.clone(), ordered));
    if let Some(why) = of_rows(&expect_text, &found_text) {
        return Some(why);
    }
    // The bytes of another type are others; its text was compared.
    let alike = expect.types.iter().zip(&found.types).map(|(e, f)| is_same(e, f)).collect::<Vec<_>>();
    let of_alike = |rows: &[Vec<Option<Vec<u8>>>]| {
        let row = |row: &Vec<Option<Vec<u8>>>| {
            row.iter().zip(&alike).map(|(value, alike)| value.clone().filter(|_| *alike)).collect()
        };
        rows.iter().map(row).collect::<Vec<Vec<_>>>()
    };
    let (expect_binary, found_binary) =
        (arranged(of_alike(&expect.binary), ordered), arranged(of_alike(&found.binary), ordered));
    of_rows(&expect_binary, &found_binary).map(|why| format!("in binary: {why}"))
}

/// Types that a client can't tell apart by what it reads, in text and in binary.
fn is_same(expect: &Type, found: &Type) -> bool {
    // All are sent as the characters they have.
    const TEXTS: [Type; 4] = [Type::TEXT, Type::VARCHAR, Type::NAME, Type::UNKNOWN];
    expect == found || (TEXTS.contains(expect) && TEXTS.contains(found))
}

/// Rows that come in no order are compared as a bag.
fn arranged<T: Ord>(mut rows: Vec<T>, ordered: bool) -> Vec<T> {
    if !ordered {
        rows.sort();
    }
    rows
}

fn of_rows<T: PartialEq + std::fmt::Debug>(expect: &[Vec<Option<T>>], found: &[Vec<Option<T>>]) -> Option<String> {
    if expect.len() != found.len() {
        return Some(format!(
            "{} rows, not {}: {:?}",
            found.len(),
            expect.len(),
            found.iter().take(TOLD_MAX).collect::<Vec<_>>()
        ));
    }
    let other = expect.iter().zip(found).filter(|(expect, found)| expect != found);
    let told = other.take(TOLD_MAX).map(|(expect, found)| format!("{found:?}, not {expect:?}")).collect::<Vec<_>>();
    (!told.is_empty()).then(|| told.join("; "))
}

/// Whether the statement itself says in which order its rows come: `ORDER BY` outside of parentheses and quotes. Statements of
/// the corpus order by what decides all.
fn is_ordered(sql: &str) -> bool {
    let (mut depth, mut quote, mut plain) = (0i32, None, String::new());
    for character in sql.chars() {
        match (quote, character) {
            (Some(open), _) if character == open => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(character),
            (None, '(') => depth += 1,
            (None, ')') => depth -= 1,
            (None, _) if depth == 0 => plain.push(character),
            (None, _) => {}
        }
    }
    plain.split_whitespace().collect::<Vec<_>>().windows(2).any(|words| words == ["ORDER", "BY"])
}

#[test]
fn only_an_order_of_the_whole_counts() {
    assert!(is_ordered("SELECT a FROM t ORDER BY a"));
    assert!(is_ordered("SELECT ')' FROM t ORDER\n  BY a"));
    assert!(!is_ordered("SELECT array_agg(a ORDER BY a) FROM t"));
    assert!(!is_ordered("SELECT ' ORDER BY ' FROM t"));
}

#[test]
fn what_differs_is_told() {
    let rows = |name: &str, of: Type, text: &[&str]| {
        Outcome::Rows(Rows {
            names: vec![name.to_owned()],
            text: text.iter().map(|value| vec![Some((*value).to_owned())]).collect(),
            types: vec![of],
            described: vec![name.to_owned()],
            binary: text.iter().map(|value| vec![Some(value.as_bytes().to_vec())]).collect(),
        })
    };
    let refused = |state: &str| Outcome::Refused { state: state.to_owned(), message: String::new() };
    let one = || rows("a", Type::INT4, &["1", "2"]);
    let check = |sql: &str, found: Outcome, expect: &str| {
        let known = BTreeSet::from([("int4".to_owned(), "int8".to_owned())]);
        let said = match compare(sql, &one(), &found, &known) {
            Verdict::Typed(types) => format!("{types:?}"),
            Verdict::Equal => "equal".to_owned(),
            Verdict::Refused { state, .. } => state,
            Verdict::Different(why) => why,
        };
        assert_eq!(said, expect);
    };
    check("SELECT a", one(), "equal");
    check("SELECT a", rows("a", Type::INT4, &["2", "1"]), "equal");
    check(
        "SELECT a ORDER BY a",
        rows("a", Type::INT4, &["2", "1"]),
        r#"[Some("2")], not [Some("1")]; [Some("1")], not [Some("2")]"#,
    );
    check("SELECT a", rows("b", Type::INT4, &["1", "2"]), r#"columns ["b"], not ["a"]"#);
    check("SELECT a", rows("a", Type::INT2, &["1", "2"]), r#"types ["int2"], not ["int4"]"#);
    check("SELECT a", rows("a", Type::INT8, &["1", "2"]), r#"[("int4", "int8")]"#);
    check("SELECT a", rows("a", Type::INT8, &["1", "3"]), r#"[Some("3")], not [Some("2")]"#);
    check("SELECT a", rows("a", Type::INT4, &["1"]), r#"1 rows, not 2: [[Some("1")]]"#);
    check("SELECT a", refused("0A000"), "0A000");
    check("SELECT a", refused("XX000"), "XX000 ");
    check("SELECT a", Outcome::Done, "no rows where PostgreSQL has some");
    let none = BTreeSet::new();
    assert_eq!(compare("", &refused("22012"), &refused("42883"), &none), Verdict::Equal);
    assert!(matches!(compare("", &refused("22012"), &one(), &none), Verdict::Different(_)));
}
