//! `tenantry describe`: a declaration and who made it what it is.

use anyhow::Context;
use clap::Args;

use super::{Which, declared, files, history};
use crate::cli::Ended;
use crate::cli::api::At;
use crate::cli::site::{IfAbsent, at};

/// Show a declaration and its versions
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tenantry describe meter tokens --data ./data
  tenantry describe quota tokens --tenant acme --data ./data")]
pub(in crate::cli) struct Describe {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    place: At,
}

impl Describe {
    pub(in crate::cli) fn run(self) -> anyhow::Result<Ended> {
        let which = &self.which;
        at(&self.place.place, IfAbsent::Refuse, |site| {
            let all = declared(site, &which.kind, which.tenant.as_deref())?;
            let found = all.into_iter().find(|declaration| declaration.name == which.name);
            let found = found.with_context(|| format!("there is no {}", which.told()))?;
            let versions = which.versions(site)?;
            let body = serde_json::to_vec(&found)?;
            self.place.show(&body, |_| {
                Ok(format!("{}\n{}", files::written(&which.kind, vec![found.clone()])?, history::words(&versions)))
            })
        })?;
        Ok(Ended::Well)
    }
}
