//! `tenantry delete`: what is no longer declared.

use clap::Args;
use serde_json::json;

use super::{Which, apply};
use crate::cli::Ended;
use crate::cli::api::At;
use crate::cli::site::{IfAbsent, at};

/// Remove a declaration
#[derive(Debug, Args)]
#[command(after_help = "\
What others rely on stays: a meter with limits, a plan with tenants.

Examples:
  tenantry delete quota tokens --tenant acme --data ./data
  tenantry delete meter tokens --url http://127.0.0.1:8080 --key KEY")]
pub(in crate::cli) struct Delete {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    place: At,
}

impl Delete {
    pub(in crate::cli) fn run(self) -> anyhow::Result<Ended> {
        at(&self.place.place, IfAbsent::Refuse, |site| {
            let answer = apply::ask(site, json!({"remove": [self.which.named()]}))?;
            self.place.show(&answer, apply::words)
        })?;
        Ok(Ended::Well)
    }
}
