//! Files of declarations: TOML, YAML or JSON, with any kinds in any order.
//!
//! A file holds declarations under the names of their kinds (`[[meter]]`), or one or a list of them that name their kinds
//! themselves (`kind: meter`). What stands beside `kind`, `name` and `tenant` is the specification.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use actors::kinds::{KINDS, kind, without_nulls};
use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A declaration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Declaration {
    pub(super) kind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) tenant: Option<String>,
    pub(super) name: String,
    pub(super) spec: Value,
}

/// The declarations in `path`, a file or a folder of files, each with the file that it is in.
///
/// # Errors
/// A file that can't be read, or whose content is no declarations.
pub(super) fn read(path: &Path) -> anyhow::Result<Vec<(PathBuf, Declaration)>> {
    let mut files = Vec::new();
    gather(path, &mut files).with_context(|| path.display().to_string())?;
    files.sort_unstable();
    if files.is_empty() {
        bail!("{}: there is no .toml, .yaml, .yml or .json file in it", path.display());
    }
    let mut all = Vec::new();
    for file in files {
        let read = parse(&std::fs::read_to_string(&file).with_context(|| file.display().to_string())?, &file)
            .with_context(|| file.display().to_string())?;
        all.extend(read.into_iter().map(|declaration| (file.clone(), declaration)));
    }
    Ok(all)
}

/// As it stands in a TOML file, which reads back as the same declarations.
///
/// # Errors
/// If TOML can't hold it.
pub(super) fn written(kind: &str, declarations: Vec<Declaration>) -> anyhow::Result<String> {
    let list = declarations.into_iter().map(|Declaration { tenant, name, spec, .. }| InFile {
        name,
        tenant,
        spec: without_nulls(spec),
    });
    Ok(toml::to_string(&BTreeMap::from([(kind, list.collect::<Vec<_>>())]))?)
}

/// A declaration as it stands in a file, under its kind.
#[derive(Serialize)]
struct InFile {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant: Option<String>,
    #[serde(flatten)]
    spec: Value,
}

fn gather(path: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    if !path.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    for entry in std::fs::read_dir(path)? {
        let inner = entry?.path();
        let is_hidden = inner.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if inner.is_dir() && !is_hidden {
            gather(&inner, files)?;
        } else if Format::of(&inner).is_some() && !is_hidden {
            files.push(inner);
        }
    }
    Ok(())
}

#[derive(Clone, Copy)]
enum Format {
    Toml,
    Yaml,
    Json,
}

impl Format {
    fn of(file: &Path) -> Option<Self> {
        match file.extension()?.to_str()? {
            "toml" => Some(Self::Toml),
            "yaml" | "yml" => Some(Self::Yaml),
            "json" => Some(Self::Json),
            _ => None,
        }
    }
}

fn parse(text: &str, file: &Path) -> anyhow::Result<Vec<Declaration>> {
    let documents: Vec<Value> = match Format::of(file).unwrap_or(Format::Toml) {
        Format::Toml => vec![toml::from_str(text)?],
        Format::Json => vec![serde_json::from_str(text)?],
        Format::Yaml => serde_saphyr::from_multiple(text)?,
    };
    let mut all = Vec::new();
    for document in documents {
        match document {
            Value::Null => {}
            Value::Object(members) if members.contains_key("kind") => all.push(declaration(None, members)?),
            Value::Object(members) => {
                for (name, value) in members.into_iter().filter(|(name, _)| name != "$schema") {
                    if kind(&name).is_none() {
                        let known = KINDS.iter().map(|kind| kind.name()).collect::<Vec<_>>().join(", ");
                        bail!("there is no kind {name:?}; there are {known}");
                    }
                    let list = if let Value::Array(list) = value { list } else { vec![value] };
                    for item in list {
                        all.push(declaration(Some(&name), object(item)?)?);
                    }
                }
            }
            Value::Array(list) => {
                for item in list {
                    all.push(declaration(None, object(item)?)?);
                }
            }
            _ => bail!("expected declarations"),
        }
    }
    Ok(all)
}

fn object(value: Value) -> anyhow::Result<Map<String, Value>> {
    match value {
        Value::Object(members) => Ok(members),
        other => bail!("expected a declaration with a name, found {other}"),
    }
}

fn declaration(kind: Option<&str>, mut members: Map<String, Value>) -> anyhow::Result<Declaration> {
    members.remove("$schema");
    let mut text = |member: &str| match members.remove(member) {
        Some(Value::String(text)) => Ok(Some(text)),
        Some(other) => bail!("{member} must be a text, not {other}"),
        None => Ok(None),
    };
    let of = text("kind")?.or(kind.map(str::to_owned)).context("a declaration has no kind")?;
    let name = text("name")?.with_context(|| format!("a {of} has no name"))?;
    let tenant = text("tenant")?;
    Ok(Declaration { kind: of, tenant, name, spec: Value::Object(members) })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOML: &str = "[[meter]]\nname = 'a'\nevent_type = 'x'\n[[quota]]\ntenant = 'acme'\nname = 'a'\nhard = true\n";
    const YAML: &str = "# yaml-language-server: $schema=x\nmeter:\n  - {name: a, event_type: x}\n---\n\
        {kind: quota, tenant: acme, name: a, hard: true}\n";
    const JSON: &str = r#"[{"kind": "meter", "name": "a", "event_type": "x"},
        {"kind": "quota", "tenant": "acme", "name": "a", "hard": true}]"#;

    fn read(text: &str, file: &str) -> anyhow::Result<Vec<Declaration>> {
        parse(text, Path::new(file))
    }

    #[test]
    fn every_format_says_the_same() {
        let of_toml = read(TOML, "a.toml").unwrap();
        assert_eq!(of_toml.len(), 2);
        assert_eq!(of_toml, read(YAML, "a.yaml").unwrap());
        assert_eq!(of_toml, read(JSON, "a.json").unwrap());
    }

    #[test]
    fn what_is_no_declaration_says_why() {
        let told = |text: &str| read(text, "a.toml").unwrap_err().to_string();
        assert!(told("[[metr]]\nname = 'a'").starts_with("there is no kind \"metr\"; there are meter, plan, "));
        assert_eq!(told("[[meter]]\nevent_type = 'a'"), "a meter has no name");
        assert_eq!(told("[[meter]]\nname = 7"), "name must be a text, not 7");
    }

    #[test]
    fn what_is_written_reads_back() {
        let declarations: Vec<_> =
            read(TOML, "a.toml").unwrap().into_iter().filter(|one| one.kind == "quota").collect();
        let text = written("quota", declarations.clone()).unwrap();
        assert_eq!(read(&text, "a.toml").unwrap(), declarations, "{text}");
        assert_eq!(written("quota", read(&text, "a.toml").unwrap()).unwrap(), text);
    }
}
