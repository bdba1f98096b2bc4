//! `tenantry tenant`: create, look at and move tenants through their life.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::Ended;
use super::api::{Request, run};
use super::place::Place;

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
        place: Place,
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
        place: Place,
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
        place: Place,
    },
    /// Begin its end: events are rejected, data can be exported
    Offboard {
        /// Its name
        tenant: String,
        /// Why, for the audit trail
        #[arg(long, default_value = "")]
        reason: String,
        #[command(flatten)]
        place: Place,
    },
    /// Everything known about it; allows it to be deleted
    Export(Named),
    /// Delete it and erase its data, for good; its name is not used again
    Delete {
        /// Its name
        tenant: String,
        /// Although nothing was exported
        #[arg(long)]
        without_export: bool,
        #[command(flatten)]
        place: Place,
    },
    /// Put it on a plan
    Plan {
        /// Its name
        tenant: String,
        /// Name of the plan
        plan: String,
        #[command(flatten)]
        place: Place,
    },
}

/// A tenant and where it is.
#[derive(Debug, Args)]
pub(super) struct Named {
    /// Its name
    tenant: String,
    #[command(flatten)]
    place: Place,
}

impl Tenant {
    pub(super) fn run(self) -> anyhow::Result<Ended> {
        let (place, request) = self.request();
        run(&place, request)?;
        Ok(Ended::Well)
    }

    fn request(self) -> (Place, Request) {
        let path = |tenant: &str| format!("/v1/tenants/{tenant}");
        match self {
            Self::List { place } => (place, Request::get("/v1/tenants")),
            Self::Show(Named { tenant, place }) => (place, Request::get(path(&tenant))),
            Self::Create { tenant, plan, place } => {
                (place, Request::post("/v1/tenants", json!({ "tenant": tenant, "plan": plan })))
            }
            Self::Activate(Named { tenant, place }) => {
                (place, Request::post(format!("{}/activate", path(&tenant)), Value::Null))
            }
            Self::Suspend { tenant, reason, place } => {
                (place, Request::post(format!("{}/suspend", path(&tenant)), json!({ "reason": reason })))
            }
            Self::Offboard { tenant, reason, place } => {
                (place, Request::post(format!("{}/offboard", path(&tenant)), json!({ "reason": reason })))
            }
            Self::Export(Named { tenant, place }) => (place, Request::get(format!("{}/export", path(&tenant)))),
            Self::Delete { tenant, without_export, place } => {
                (place, Request::delete(format!("{}?without_export={without_export}", path(&tenant))))
            }
            Self::Plan { tenant, plan, place } => {
                (place, Request::put(format!("{}/plan", path(&tenant)), json!({ "plan": plan })))
            }
        }
    }
}
