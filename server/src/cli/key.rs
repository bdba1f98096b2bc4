//! `tenantry key`: who may ask.

use actors::PLATFORM;
use clap::{Subcommand, ValueEnum};
use serde_json::json;

use super::Ended;
use super::api::{At, Request, path, run};

/// Make, rotate and revoke API keys
#[derive(Debug, Subcommand)]
#[command(after_help = "\
A key is shown once, when it is made: only its hash is stored. A tenant's key sees that tenant and nothing
else; a platform key sees all, or with --tenants the rows of those. A revoked key is refused from its next
request on.

Examples:
  tenantry key create --platform --data ./data
  tenantry key create --tenants acme,globex --label 'sales, north' --data ./data
  tenantry key create acme --scope ingest --url http://127.0.0.1:8080 --key KEY
  tenantry key rotate acme KEY_ID --overlap-s 3600
  tenantry key revoke acme KEY_ID")]
pub(super) enum Key {
    /// A tenant's keys, without their secrets
    List {
        /// Whose
        #[arg(required_unless_present = "platform", conflicts_with = "platform")]
        tenant: Option<String>,
        /// The platform's
        #[arg(long)]
        platform: bool,
        #[command(flatten)]
        place: At,
    },
    /// Make a key and print it, once
    Create {
        /// For whom
        #[arg(required_unless_present_any = ["platform", "tenants"], conflicts_with_all = ["platform", "tenants"])]
        tenant: Option<String>,
        /// For the platform
        #[arg(long)]
        platform: bool,
        /// A key of the platform that reads these tenants only
        #[arg(long, value_delimiter = ',', value_name = "TENANT,…")]
        tenants: Vec<String>,
        /// What it may do; give several times for several [default: all of them, with --tenants: query]
        #[arg(long, value_enum)]
        scope: Vec<Scope>,
        /// What it is for, for people
        #[arg(long, default_value = "")]
        label: String,
        #[command(flatten)]
        place: At,
    },
    /// Make its successor and print it; the old one holds a while longer
    Rotate {
        /// Whose
        tenant: String,
        /// Which key, by its id
        id: String,
        /// Seconds that the old key still holds
        #[arg(long, default_value_t = 86_400)]
        overlap_s: u32,
        #[command(flatten)]
        place: At,
    },
    /// Refuse it from now on
    Revoke {
        /// Whose
        tenant: String,
        /// Which key, by its id
        id: String,
        #[command(flatten)]
        place: At,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Scope {
    /// Send events
    Ingest,
    /// Read with SQL, export usage
    Query,
    /// Everything else
    Admin,
}

impl Key {
    pub(super) fn run(self) -> anyhow::Result<Ended> {
        let whose = |tenant: Option<String>| tenant.unwrap_or_else(|| PLATFORM.to_owned());
        match self {
            Self::List { tenant, place, .. } => {
                run(&place, Request::get(path(&["tenants", &whose(tenant), "keys"])))?;
            }
            Self::Create { tenant, tenants, scope, label, place, .. } => {
                let mut body = json!({ "scopes": names(&scope, &Scope::ALL), "label": label });
                if !tenants.is_empty() {
                    body["scopes"] = json!(names(&scope, &[Scope::Query]));
                    body["tenants"] = json!(&tenants);
                }
                // The platform's first key may be the first thing in a data folder; a tenant is there before its keys.
                let is_platforms = tenant.is_none() && tenants.is_empty();
                let request = Request::post(path(&["tenants", &whose(tenant), "keys"]), body);
                run(&place, if is_platforms { request.or_make() } else { request })?;
            }
            Self::Rotate { tenant, id, overlap_s, place } => {
                let body = json!({ "overlap_s": overlap_s });
                run(&place, Request::post(path(&["tenants", &tenant, "keys", &id, "rotate"]), body))?;
            }
            Self::Revoke { tenant, id, place } => {
                run(&place, Request::delete(path(&["tenants", &tenant, "keys", &id])))?;
            }
        }
        Ok(Ended::Well)
    }
}

impl Scope {
    const ALL: [Self; 3] = [Self::Ingest, Self::Query, Self::Admin];
}

fn names(scopes: &[Scope], default: &[Scope]) -> Vec<&'static str> {
    let asked = if scopes.is_empty() { default } else { scopes };
    asked
        .iter()
        .map(|scope| match scope {
            Scope::Ingest => "ingest",
            Scope::Query => "query",
            Scope::Admin => "admin",
        })
        .collect()
}
