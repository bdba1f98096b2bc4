//! `tenantry rollback`: a declaration as it was before.

use anyhow::{Context, bail};
use clap::Args;
use serde_json::json;

use super::{Version, Which, apply};
use crate::cli::Ended;
use crate::cli::api::At;
use crate::cli::site::{IfAbsent, at};

/// Declare again what an earlier version said
#[derive(Debug, Args)]
#[command(after_help = "\
A rollback is a new version: nothing is ever taken out of the history (`tenantry history KIND NAME`).

Examples:
  tenantry rollback meter tokens --dry-run --data ./data
  tenantry rollback quota tokens --tenant acme --to 3 --data ./data")]
pub(in crate::cli) struct Rollback {
    #[command(flatten)]
    which: Which,
    /// Which version [default: the one before the newest]
    #[arg(long, value_name = "VERSION")]
    to: Option<u64>,
    /// Say what would change, and change nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    place: At,
}

impl Rollback {
    pub(in crate::cli) fn run(self) -> anyhow::Result<Ended> {
        at(&self.place.place, IfAbsent::Refuse, |site| {
            let versions = self.which.versions(site)?;
            let newest = versions.last().context("a declaration has versions")?.version;
            let to = match self.to {
                Some(to) => to,
                None if newest > 1 => newest - 1,
                None => bail!("{} has one version only", self.which.told()),
            };
            let found = versions.into_iter().find(|version| version.version == to);
            let Version { spec, .. } =
                found.with_context(|| format!("there is no version {to}, the newest is {newest}"))?;
            let mut named = self.which.named();
            let body = match spec {
                Some(spec) => {
                    named.insert("spec".into(), spec);
                    json!({"objects": [named], "dry_run": self.dry_run})
                }
                None => json!({"remove": [named], "dry_run": self.dry_run}),
            };
            self.place.show(&apply::ask(site, body)?, apply::words)
        })?;
        Ok(Ended::Well)
    }
}
