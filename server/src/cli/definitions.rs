//! Files of definitions (meters, plans): JSON or TOML, one definition or many.

use std::path::Path;

use anyhow::Context;
use serde_json::Value;

/// The definitions in `file`: the file itself, a JSON list, or what stands under `[[name]]` in TOML.
pub(super) fn read(file: &Path, name: &str) -> anyhow::Result<Vec<Value>> {
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

/// The definition's name, which is its place in the API.
pub(super) fn name_of(definition: &Value) -> anyhow::Result<&str> {
    definition.get("name").and_then(Value::as_str).context("a definition without a name")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, is_json: bool, expect: &[&str]) {
        let definitions = parse(text, is_json, "meter").unwrap();
        let names: Vec<&str> = definitions.iter().map(|definition| name_of(definition).unwrap()).collect();
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
