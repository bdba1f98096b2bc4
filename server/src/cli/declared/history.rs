//! `tenantry history`: every version of a declaration.

use clap::Args;

use super::{Version, Which};
use crate::cli::Ended;
use crate::cli::api::{At, Request, path};
use crate::cli::site::{IfAbsent, at};
use crate::cli::table::Table;

/// Show who declared what, and when
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tenantry history meter tokens --data ./data
  tenantry history quota tokens --tenant acme --format json --data ./data")]
pub(in crate::cli) struct History {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    place: At,
}

impl History {
    pub(in crate::cli) fn run(self) -> anyhow::Result<Ended> {
        let Which { kind, name, tenant } = &self.which;
        let request = Request::get(path(&["kinds", kind, name, "versions"])).of_tenant(tenant.as_deref());
        at(&self.place.place, IfAbsent::Refuse, |site| {
            let answer = site.answer(&request)?;
            self.place.show(&answer, |body| Ok(words(&serde_json::from_slice::<Vec<Version>>(body)?)))
        })?;
        Ok(Ended::Well)
    }
}

/// A row a version.
pub(super) fn words(versions: &[Version]) -> String {
    let mut table = Table::new(["version", "at", "by", "says"]).whole();
    for Version { version, at, by, spec } in versions {
        let says = spec.as_ref().map_or_else(|| "removed".to_owned(), ToString::to_string);
        table.push(vec![version.to_string(), at.clone(), by.clone(), says]);
    }
    table.to_string()
}
