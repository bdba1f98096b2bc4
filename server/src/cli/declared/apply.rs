//! `tenantry apply`: everything that is declared, from files.

use std::fmt::Write;
use std::path::PathBuf;

use clap::Args;
use serde::Deserialize;
use serde_json::{Value, json};

use super::files::{self, Declaration};
use super::told;
use crate::cli::Ended;
use crate::cli::api::{At, Request};
use crate::cli::problem::Problem;
use crate::cli::progress::counted;
use crate::cli::site::{IfAbsent, Site, at};

/// Make everything so as files declare it
#[derive(Debug, Args)]
#[command(after_help = "\
Files are TOML, YAML or JSON and hold meters, plans, views, quotas, alert rules and endpoints in any order:

  [[meter]]
  name = \"tokens\"
  event_type = \"llm.completion\"
  value = \"$.usage.tokens\"
  aggregation = \"sum\"
  window = { tumbling = { size_s = 60 } }

  [[quota]]
  tenant = \"acme\"
  name = \"tokens\"            # the meter's
  hard = true
  allowance = { units = 1000000, per = { period = \"month\", time_zone = \"UTC\" } }

All of it happens or nothing, and applying the same again changes nothing. `tenantry explain KIND` teaches what a
declaration may say, and editors know it from `tenantry schema DIR`.

Examples:
  tenantry apply tenants/ --dry-run --url http://127.0.0.1:8080 --key KEY
  tenantry apply meters.toml quotas.yaml --data ./data
  tenantry apply tenants/ --prune --data ./data    # and remove what the files no longer declare")]
pub(in crate::cli) struct Apply {
    /// Files, or folders of files
    #[arg(required = true)]
    paths: Vec<PathBuf>,
    /// Say what would change, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Remove what the files do not declare, of the kinds that they do
    #[arg(long)]
    prune: bool,
    #[command(flatten)]
    place: At,
}

impl Apply {
    pub(in crate::cli) fn run(self) -> anyhow::Result<Ended> {
        let mut read = Vec::new();
        for path in &self.paths {
            read.extend(files::read(path)?);
        }
        let (files, objects): (Vec<PathBuf>, Vec<Declaration>) = read.into_iter().unzip();
        let body = json!({"objects": objects, "prune": self.prune, "dry_run": self.dry_run});
        let if_absent = if self.dry_run { IfAbsent::Refuse } else { IfAbsent::Make };
        at(&self.place.place, if_absent, |site| {
            let answer = ask(site, body).map_err(|error| placed(error, &files))?;
            self.place.show(&answer, words)
        })?;
        Ok(Ended::Well)
    }
}

/// Asks for it; the answer's bytes.
pub(super) fn ask(site: &Site, body: Value) -> anyhow::Result<Vec<u8>> {
    site.answer(&Request::post("/v1/apply", body))
}

/// The same error, with the file of each declaration that is wrong.
fn placed(error: anyhow::Error, files: &[PathBuf]) -> anyhow::Error {
    let Some(problem) = error.downcast_ref::<Problem>() else { return error };
    let file = |field: &str| {
        let (at, _) = field.strip_prefix("objects[")?.split_once(']')?;
        files.get(at.parse::<usize>().ok()?)
    };
    let lines: Vec<String> = problem
        .errors()
        .iter()
        .map(|error| match file(&error.field) {
            Some(file) => format!("{}: {}", file.display(), error.detail),
            None => error.detail.clone(),
        })
        .collect();
    match lines.is_empty() {
        true => error,
        false => anyhow::anyhow!("nothing was changed:\n  {}", lines.join("\n  ")),
    }
}

#[derive(Deserialize)]
struct Applied {
    dry_run: bool,
    objects: Vec<Object>,
    pending: Option<String>,
}

#[derive(Deserialize)]
struct Object {
    kind: String,
    tenant: Option<String>,
    name: String,
    outcome: String,
    differences: Vec<Difference>,
    backfill: bool,
    events: Option<u64>,
}

#[derive(Deserialize)]
struct Difference {
    field: String,
    before: Value,
    after: Value,
}

/// What became of it, for people.
pub(super) fn words(body: &[u8]) -> anyhow::Result<String> {
    let Applied { dry_run, objects, pending } = serde_json::from_slice(body)?;
    let mut out = String::new();
    for object in &objects {
        let Object { kind, tenant, name, outcome, differences, backfill, events } = object;
        let history = match events {
            Some(events) => format!(", {} of the past to count", counted(*events, "event")),
            None if *backfill => ", counts the past too".to_owned(),
            None => String::new(),
        };
        let _ = writeln!(out, "{}: {outcome}{history}", told(kind, tenant.as_deref(), name));
        for Difference { field, before, after } in differences {
            let _ = writeln!(out, "    {field}: {before} -> {after}");
        }
    }
    let count = |outcome: &str| objects.iter().filter(|object| object.outcome == outcome).count();
    let counts = ["added", "changed", "removed", "unchanged"].map(|outcome| format!("{} {outcome}", count(outcome)));
    let done = if dry_run { "; nothing was done, this was a dry run" } else { "" };
    let _ = writeln!(out, "{}{done}", counts.join(", "));
    if let Some(pending) = pending {
        let _ = writeln!(out, "{pending}");
    }
    Ok(out)
}
