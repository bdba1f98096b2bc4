//! Answers of the API in words and tables: what was done and to what, who there is.
//!
//! Members keep their order and numbers their digits, as the node wrote them. Not here: rows of SQL ([`super::output`]).

use std::fmt::{self, Write};

use anyhow::Context;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::progress::{counted, grouped};
use super::table::Table;

/// `body`, JSON of the API, for people.
///
/// # Errors
/// If it is no JSON that the API answers with.
pub(super) fn words(body: &[u8]) -> anyhow::Result<String> {
    let unknown = "the answer is not what a node answers";
    if body.trim_ascii_start().first() == Some(&b'[') {
        let list: Vec<Members<'_>> = serde_json::from_slice(body).context(unknown)?;
        return Ok(listed(&list));
    }
    let members: Members<'_> = serde_json::from_slice(body).context(unknown)?;
    if members.get("outcome").is_some() {
        return Ok(done(&members));
    }
    if let Some(key) = members.get("key") {
        return Ok(new_key(&members, &key));
    }
    let mut table = Table::new(["member", "value"]).whole();
    for (name, value) in &members.0 {
        table.push(vec![name.clone(), text(value)]);
    }
    Ok(table.to_string())
}

/// `meter tokens: created, 26,823 events counted`.
fn done(members: &Members<'_>) -> String {
    let named = [
        ("tenant", "tenant"),
        ("meter", "meter"),
        ("plan", "plan"),
        ("rule", "alert"),
        ("endpoint", "endpoint"),
        ("id", "key"),
    ];
    let named = named.into_iter().filter_map(|(name, called)| Some(format!("{called} {}", members.get(name)?)));
    let mut line = named.collect::<Vec<_>>().join(", ");
    let _ = write!(line, ": {}", members.get("outcome").unwrap_or_default());
    let number = |name: &str| members.get(name)?.parse::<u64>().ok();
    if let Some(events) = number("events") {
        let _ = write!(line, ", {} counted", counted(events, "event"));
    }
    if let Some(missing) = number("value_missing") {
        let _ = write!(line, " ({} of them without the value; is its path right?)", grouped(missing));
    }
    if let Some(pending) = members.get("pending") {
        let _ = write!(line, "; {pending}");
    }
    line.push('\n');
    line
}

fn new_key(members: &Members<'_>, key: &str) -> String {
    let member = |name: &str| members.get(name).unwrap_or_default();
    let mut told = format!("key {} of {}: created for {}", member("id"), member("tenant"), member("scopes"));
    if let Some(tenants) = members.get("tenants") {
        let _ = write!(told, " of {tenants}");
    }
    let _ = write!(told, "\n{key}\nKeep it: it is shown this once, only its hash is stored.\n");
    told
}

/// A row an item, with the members of all of them.
fn listed(list: &[Members<'_>]) -> String {
    let mut names: Vec<&str> = Vec::new();
    for (name, _) in list.iter().flat_map(|item| &item.0) {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    let mut table = Table::new(names.iter().copied()).whole();
    for item in list {
        table.push(names.iter().map(|name| item.get(name).unwrap_or_default()).collect());
    }
    match names.is_empty() {
        true => table.count(),
        false => format!("{table}{}", table.count()),
    }
}

/// An object in the order in which it was written.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl Members<'_> {
    /// The member's text; `None` if there is none or it is null.
    fn get(&self, name: &str) -> Option<String> {
        let (_, value) = self.0.iter().find(|(known, _)| known == name)?;
        Some(*value).filter(|value| value.get() != "null").map(text)
    }
}

/// A text without its quotes, texts of a list behind each other, a decimal without the zeros behind its last digit, anything
/// else as it is written.
fn text(value: &RawValue) -> String {
    let raw = value.get();
    match raw.as_bytes().first() {
        Some(b'"') => serde_json::from_str(raw).unwrap_or_else(|_| raw.to_owned()),
        Some(b'[') => {
            serde_json::from_str::<Vec<String>>(raw).map_or_else(|_| raw.to_owned(), |texts| texts.join(", "))
        }
        Some(b'-' | b'0'..=b'9') if raw.contains('.') && !raw.contains(['e', 'E']) => {
            raw.trim_end_matches('0').trim_end_matches('.').to_owned()
        }
        _ if raw == "null" => String::new(),
        _ => raw.to_owned(),
    }
}

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;

        impl<'de> Visitor<'de> for InOrder {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(InOrder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(body: &str, expect: &str) {
        assert_eq!(words(body.as_bytes()).unwrap(), expect, "{body}");
    }

    #[test]
    fn what_was_done_is_told_with_its_name() {
        check(
            r#"{"meter":"tokens","changed":true,"outcome":"created","events":26823}"#,
            "meter tokens: created, 26,823 events counted\n",
        );
        check(
            r#"{"meter":"m","changed":true,"outcome":"changed","events":1,"value_missing":1}"#,
            "meter m: changed, 1 event counted (1 of them without the value; is its path right?)\n",
        );
        check(r#"{"tenant":"acme","changed":false,"outcome":"unchanged"}"#, "tenant acme: unchanged\n");
        check(
            r#"{"tenant":"acme","meter":"tokens","changed":true,"outcome":"limit set"}"#,
            "tenant acme, meter tokens: limit set\n",
        );
        check(
            r#"{"tenant":"acme","endpoint":"hook","changed":true,"outcome":"disabled"}"#,
            "tenant acme, endpoint hook: disabled\n",
        );
        check(
            r#"{"tenant":"acme","changed":true,"outcome":"deleted","pending":"the disk is full"}"#,
            "tenant acme: deleted; the disk is full\n",
        );
    }

    #[test]
    fn a_key_is_told_with_what_it_is_for() {
        let body = r#"{"key":"tn_1_2","tenant":"acme","id":"1","scopes":["ingest","query"],"label":""}"#;
        let told = words(body.as_bytes()).unwrap();
        assert!(told.starts_with("key 1 of acme: created for ingest, query\ntn_1_2\n"), "{told}");
    }

    #[test]
    fn lists_keep_order_digits_and_every_member() {
        check(
            r#"[{"z":"x","n":123456789012345678.123456789},{"z":null,"n":7.000,"more":true}]"#,
            "z                             n  more\n\
             -  ----------------------------  ----\n\
             x  123456789012345678.123456789\n\
             \x20                             7  true\n(2 rows)\n",
        );
        check(r#"[{"scopes":["a","b"]}]"#, "scopes\n------\na, b\n(1 row)\n");
        check("[]", "(0 rows)\n");
        check(
            r#"{"name":"a","window":{"tumbling":{"size_s":60}}}"#,
            "member  value\n------  --------------------------\nname    a\nwindow  {\"tumbling\":{\"size_s\":60}}\n",
        );
        assert!(words(b"nonsense").is_err());
    }
}
