//! `tenantry get`: what is declared, as a file would declare it.

use anyhow::bail;
use clap::Args;

use super::{declared, files, told};
use crate::cli::Ended;
use crate::cli::api::At;
use crate::cli::site::{IfAbsent, at};

/// Show what is declared
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tenantry get meter --data ./data
  tenantry get quota tokens --tenant acme --url http://127.0.0.1:8080 --key KEY")]
pub(in crate::cli) struct Get {
    /// What: meter, plan, view, quota, alert or endpoint
    kind: String,
    /// Its name [default: all of them]
    name: Option<String>,
    /// Whose, of a kind that tenants have [default: everybody's]
    #[arg(long)]
    tenant: Option<String>,
    #[command(flatten)]
    place: At,
}

impl Get {
    pub(in crate::cli) fn run(self) -> anyhow::Result<Ended> {
        at(&self.place.place, IfAbsent::Refuse, |site| {
            let mut found = declared(site, &self.kind, self.tenant.as_deref())?;
            if let Some(name) = &self.name {
                found.retain(|declaration| declaration.name == *name);
                if found.is_empty() {
                    bail!("there is no {}", told(&self.kind, self.tenant.as_deref(), name));
                }
            }
            let body = serde_json::to_vec(&found)?;
            self.place.show(&body, |_| match found.is_empty() {
                true => Ok(format!("no {} is declared\n", self.kind)),
                false => files::written(&self.kind, found.clone()),
            })
        })?;
        Ok(Ended::Well)
    }
}
