//! `tenantry explain`: what a declaration may say, from the types that read it.

use std::fmt::Write;
use std::io::Write as _;

use actors::kinds::{KINDS, kind};
use anyhow::{Context, bail};
use clap::Args;
use serde_json::Value;

use crate::cli::Ended;
use crate::http::declared::schema_of;

/// Explain what a declaration may say
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tenantry explain meter
  tenantry explain meter.window
  tenantry explain quota.allowance.per")]
pub(in crate::cli) struct Explain {
    /// A kind, or a field of one [default: which kinds there are]
    #[arg(value_name = "KIND[.FIELD]")]
    of: Option<String>,
}

impl Explain {
    pub(in crate::cli) fn run(self) -> anyhow::Result<Ended> {
        let text = match &self.of {
            Some(of) => explained(of)?,
            None => {
                let kinds: Vec<_> = KINDS.iter().map(|kind| (kind.name(), schema_of(*kind))).collect();
                table(&kinds.iter().map(|(name, schema)| (*name, schema, false)).collect::<Vec<_>>())
            }
        };
        std::io::stdout().write_all(text.as_bytes())?;
        Ok(Ended::Well)
    }
}

fn explained(of: &str) -> anyhow::Result<String> {
    let mut parts = of.split('.');
    let name = parts.next().unwrap_or_default();
    let known = || KINDS.iter().map(|kind| kind.name()).collect::<Vec<_>>().join(", ");
    let kind = kind(name).with_context(|| format!("there is no kind {name:?}; there are {}", known()))?;
    let root = schema_of(kind);
    let (mut schema, mut path) = (&root, name.to_owned());
    for part in parts {
        let Some((_, found, _)) = members(schema).into_iter().find(|(name, ..)| *name == part) else {
            let there: Vec<_> = members(schema).into_iter().map(|(name, ..)| name).collect();
            bail!(
                "{path} has no field {part:?}; {}",
                match there.is_empty() {
                    true => "it has none".to_owned(),
                    false => format!("it has {}", there.join(", ")),
                }
            );
        };
        schema = found;
        let _ = write!(path, ".{part}");
    }
    let mut out = format!("{path} ({})\n", type_of(schema));
    if let Some(description) = description(schema) {
        let _ = write!(out, "\n{description}\n");
    }
    let members = members(schema);
    if !members.is_empty() {
        out.push('\n');
        out += &table(&members);
    }
    Ok(out)
}

/// Lines such as `  window  object, required  Which windows …`, in columns.
fn table(members: &[(&str, &Value, bool)]) -> String {
    let shape = |schema: &Value, is_required: bool| type_of(schema) + if is_required { ", required" } else { "" };
    let rows: Vec<_> =
        members.iter().map(|(name, schema, is_required)| (*name, shape(schema, *is_required), *schema)).collect();
    let names = rows.iter().map(|(name, ..)| name.len()).max().unwrap_or_default();
    let shapes = rows.iter().map(|(_, shape, _)| shape.len()).max().unwrap_or_default();
    let line = |(name, shape, schema): &(&str, String, &Value)| {
        let said = description(schema).unwrap_or_default();
        let first = said.split("\n\n").next().unwrap_or_default().replace('\n', " ");
        format!("  {name:<names$}  {shape:<shapes$}  {first}").trim_end().to_owned() + "\n"
    };
    rows.iter().map(line).collect()
}

fn description(schema: &Value) -> Option<&str> {
    schema["description"].as_str()
}

/// The shapes that a value may have: itself, or one of several.
fn shapes(schema: &Value) -> impl Iterator<Item = &Value> {
    let several = ["oneOf", "anyOf"].into_iter().filter_map(|word| schema[word].as_array()).flatten();
    std::iter::once(schema).chain(several)
}

/// What stands in an object, and what may stand in its place: name, schema, whether it must be there.
fn members(schema: &Value) -> Vec<(&str, &Value, bool)> {
    let mut all: Vec<(&str, &Value, bool)> = Vec::new();
    for shape in shapes(schema).flat_map(|shape| shapes(shape).collect::<Vec<_>>()) {
        let required = |name: &str| {
            shape == schema && shape["required"].as_array().is_some_and(|all| all.iter().any(|one| one == name))
        };
        for (name, member) in
            shape["properties"].as_object().into_iter().flatten().filter(|(name, _)| *name != "$schema")
        {
            if !all.iter().any(|(known, ..)| known == name) {
                all.push((name.as_str(), member, required(name)));
            }
        }
        let word = shape["const"]
            .as_str()
            .into_iter()
            .chain(shape["enum"].as_array().into_iter().flatten().filter_map(Value::as_str));
        all.extend(word.map(|word| (word, shape, false)));
        if shape["type"] == "array" || shape["items"].is_object() {
            all.extend(members(&shape["items"]));
        }
        if shape["additionalProperties"].is_object() {
            all.extend(members(&shape["additionalProperties"]));
        }
    }
    all
}

fn type_of(schema: &Value) -> String {
    let mut names = Vec::new();
    for shape in shapes(schema) {
        let own: Vec<&str> = match &shape["type"] {
            Value::String(name) => vec![name],
            Value::Array(names) => names.iter().filter_map(Value::as_str).filter(|name| *name != "null").collect(),
            _ if shape["const"].is_string() => vec!["string"],
            _ => Vec::new(),
        };
        for name in own.into_iter().filter(|name| *name != "null") {
            if !names.contains(&name) {
                names.push(name);
            }
        }
    }
    match names.is_empty() {
        true => "any".to_owned(),
        false => names.join(" or "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_teach_what_they_read() {
        let meter = explained("meter").unwrap();
        assert!(meter.contains("event_type") && meter.contains("string, required"), "{meter}");
        assert!(explained("meter.window").unwrap().contains("tumbling"));
        assert!(explained("meter.window.tumbling.size_s").unwrap().contains("Length in seconds"));
        assert!(explained("meter.dimensions.path").unwrap().contains("JSON path"));
        assert!(explained("meter.aggregation").unwrap().contains("unique_count"));
        assert!(explained("plan.limits.allowance.units").unwrap().contains("string or number"));
        let told = explained("meter.windw").unwrap_err().to_string();
        assert!(told.contains("has no field \"windw\"") && told.contains("window"), "{told}");
        assert!(explained("metr").unwrap_err().to_string().contains("there are meter, plan, view, quota"));
    }
}
