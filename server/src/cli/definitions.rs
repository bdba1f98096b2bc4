//! Files of definitions (meters, plans): JSON or TOML, one definition or many, each told as it is done.

use std::path::Path;

use anyhow::Context;
use serde_json::Value;

use super::api::{At, Request, print};
use super::site::{IfAbsent, at};

/// Sends the definitions in `file`, one after the other, as `request` makes one of a name and a definition; `kind` is what
/// they are.
pub(super) fn define(
    place: &At,
    file: &Path,
    kind: &str,
    request: impl Fn(&str, Value) -> Request,
) -> anyhow::Result<()> {
    let definitions = read(file, kind)?;
    let named = definitions.into_iter().enumerate().map(|(at, definition)| {
        let name = definition.get("name").and_then(Value::as_str);
        let name = name.with_context(|| format!("{}: {kind} {} has no name", file.display(), at + 1))?.to_owned();
        Ok((request(&name, definition), name))
    });
    // All names are read before any definition is sent: half of a file is worse than none.
    let named = named.collect::<anyhow::Result<Vec<_>>>()?;
    at(&place.place, IfAbsent::Make, |site| {
        named.iter().try_for_each(|(request, name)| {
            print(site, place, request).with_context(|| format!("{}: {kind} {name}", file.display()))
        })
    })
}

/// The definitions in `file`: the file itself, a JSON list, or what stands under `[[name]]` in TOML.
fn read(file: &Path, name: &str) -> anyhow::Result<Vec<Value>> {
    let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
    parse(&text, file.extension().is_some_and(|extension| extension == "json"), name)
        .with_context(|| file.display().to_string())
}

fn parse(text: &str, is_json: bool, name: &str) -> anyhow::Result<Vec<Value>> {
    let value: Value = if is_json { serde_json::from_str(text)? } else { toml::from_str(text)? };
    Ok(match value {
        Value::Array(list) => list,
        Value::Object(mut members) => match members.remove(name) {
            Some(Value::Array(list)) => list,
            _ if members.contains_key("name") => vec![Value::Object(members)],
            _ => anyhow::bail!("expected a definition with a name, or a list of them under [[{name}]]"),
        },
        _ => anyhow::bail!("expected a definition or a list of them"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, is_json: bool, expect: &[&str]) {
        let definitions = parse(text, is_json, "meter").unwrap();
        let names: Vec<&str> = definitions.iter().map(|definition| definition["name"].as_str().unwrap()).collect();
        assert_eq!(names, expect, "{text}");
    }

    #[test]
    fn one_or_many_definitions_are_read() {
        check("name = 'a'", false, &["a"]);
        check("[[meter]]\nname = 'a'\n[[meter]]\nname = 'b'", false, &["a", "b"]);
        check(r#"{"name": "a"}"#, true, &["a"]);
        check(r#"[{"name": "a"}, {"name": "b"}]"#, true, &["a", "b"]);
        assert!(parse("nam = 'a'", false, "meter").is_err());
        assert!(parse("7", true, "meter").is_err());
    }
}
