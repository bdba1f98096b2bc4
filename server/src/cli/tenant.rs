//! `tenantry tenant`: create, look at and move tenants through their life.

use std::io::{self, BufWriter, Write};

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::Ended;
use super::api::{At, Request, path, run};
use super::place::Place;
use super::site::{IfAbsent, at};

/// Create tenants and move them through their life
#[derive(Debug, Subcommand)]
#[command(after_help = "\
A tenant is provisioned, then active; it may be suspended and activated again, and ends by offboarding,
export and erasure. Only active tenants' events are admitted.

Examples:
  tenantry tenant create acme --data ./data
  tenantry tenant suspend acme --reason \"unpaid\" --url http://127.0.0.1:8080 --key KEY
  tenantry tenant list")]
pub(super) enum Tenant {
    /// All tenants
    List {
        #[command(flatten)]
        place: At,
    },
    /// One tenant: status, plan, limits
    Show(Named),
    /// Create a tenant, active at once
    Create {
        /// Its name: A-Z a-z 0-9 . _ -
        tenant: String,
        /// Its plan
        #[arg(long)]
        plan: Option<String>,
        #[command(flatten)]
        place: At,
    },
    /// Admit its events (again)
    Activate(Named),
    /// Reject its events until it is activated again
    Suspend {
        /// Its name
        tenant: String,
        /// Why, for the audit trail
        #[arg(long, default_value = "")]
        reason: String,
        #[command(flatten)]
        place: At,
    },
    /// Begin its end: events are rejected, data can be exported
    Offboard {
        /// Its name
        tenant: String,
        /// Why, for the audit trail
        #[arg(long, default_value = "")]
        reason: String,
        #[command(flatten)]
        place: At,
    },
    /// Everything known about it, an object a line; allows it to be deleted once it is offboarded
    Export {
        /// Its name
        tenant: String,
        #[command(flatten)]
        place: Place,
    },
    /// Delete it and erase its data, for good; its name is not used again
    Delete {
        /// Its name
        tenant: String,
        /// Although nothing was exported
        #[arg(long)]
        without_export: bool,
        #[command(flatten)]
        place: At,
    },
    /// Put it on a plan
    Plan {
        /// Its name
        tenant: String,
        /// Name of the plan
        plan: String,
        #[command(flatten)]
        place: At,
    },
}

/// A tenant and where it is.
#[derive(Debug, Args)]
pub(super) struct Named {
    /// Its name
    tenant: String,
    #[command(flatten)]
    place: At,
}

impl Tenant {
    pub(super) fn run(self) -> anyhow::Result<Ended> {
        let of = |tenant: &str, step: &[&str]| path(&[&["tenants", tenant], step].concat());
        let (place, request) = match self {
            Self::Export { tenant, place } => {
                export(&place, &tenant)?;
                return Ok(Ended::Well);
            }
            Self::List { place } => (place, Request::get(path(&["tenants"]))),
            Self::Show(Named { tenant, place }) => (place, Request::get(of(&tenant, &[]))),
            Self::Create { tenant, plan, place } => {
                (place, Request::post(path(&["tenants"]), json!({ "tenant": tenant, "plan": plan })).or_make())
            }
            Self::Activate(Named { tenant, place }) => (place, Request::post(of(&tenant, &["activate"]), Value::Null)),
            Self::Suspend { tenant, reason, place } => {
                (place, Request::post(of(&tenant, &["suspend"]), json!({ "reason": reason })))
            }
            Self::Offboard { tenant, reason, place } => {
                (place, Request::post(of(&tenant, &["offboard"]), json!({ "reason": reason })))
            }
            Self::Delete { tenant, without_export, place } => {
                (place, Request::delete(format!("{}?without_export={without_export}", of(&tenant, &[]))))
            }
            Self::Plan { tenant, plan, place } => {
                (place, Request::put(of(&tenant, &["plan"]), json!({ "plan": plan })))
            }
        };
        run(&place, request)?;
        Ok(Ended::Well)
    }
}

/// Writes the export to standard output as it comes.
fn export(place: &Place, tenant: &str) -> anyhow::Result<()> {
    /// The last line of an export that is whole.
    const COMPLETE: &[u8] = b"{\"complete\":true}\n";
    let mut out = BufWriter::new(io::stdout());
    let mut last = Vec::new();
    at(place, IfAbsent::Refuse, |site| {
        site.ask(&Request::get(path(&["tenants", tenant, "export"])), &mut |bytes| {
            last.extend_from_slice(bytes);
            last.drain(..last.len().saturating_sub(COMPLETE.len()));
            Ok(out.write_all(bytes)?)
        })
    })?;
    out.flush()?;
    if last != COMPLETE {
        anyhow::bail!(
            "the export of {tenant} is not complete: its last line is not {{\"complete\":true}}; export it again"
        );
    }
    Ok(())
}
