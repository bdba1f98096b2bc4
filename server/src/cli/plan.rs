//! `tenantry plan`: limits that many tenants share.

use std::path::PathBuf;

use clap::Subcommand;

use super::Ended;
use super::api::{At, Request, path};
use super::definitions::define;

/// Define limits that many tenants share
#[derive(Debug, Subcommand)]
#[command(after_help = "\
A plan names limits by meter; a tenant's own limit of a meter goes before its plan's. Every tenant is on
the plan `default` unless it is put on another (`tenantry tenant plan TENANT PLAN`).

  [[plan]]
  name = \"free\"
  billing = { period = \"month\", time_zone = \"UTC\" }
  [plan.limits.tokens]
  hard = true
  allowance = { units = \"1000000\", per = { period = \"month\", time_zone = \"UTC\" } }

Examples:
  tenantry plan define plans.toml --data ./data
  tenantry tenant plan acme free --data ./data")]
pub(super) enum Plan {
    /// Define the plans in a file, or change those that are there
    Define {
        /// TOML, or JSON if its name ends in .json
        file: PathBuf,
        #[command(flatten)]
        place: At,
    },
}

impl Plan {
    pub(super) fn run(self) -> anyhow::Result<Ended> {
        let Self::Define { file, place } = self;
        define(&place, &file, "plan", |name, mut definition| {
            if let Some(members) = definition.as_object_mut() {
                members.remove("name");
            }
            Request::put(path(&["plans", name]), definition)
        })?;
        Ok(Ended::Well)
    }
}
