//! `tenantry alert`: what fires, and saying that somebody has seen it.

use clap::Subcommand;
use serde_json::json;

use super::Ended;
use super::api::{At, Request, path, run};

/// See what fires for a tenant, and say that somebody has seen it
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Rules are declared: see `tenantry explain alert`, `tenantry apply` and `tenantry get alert`. Those of the
tenant `platform` hold for every tenant. A running node evaluates them; `select * from alert_history` has
every edge, `select * from alert_rules` says how the last evaluation went.

Examples:
  tenantry alert list acme --url http://127.0.0.1:8080 --key KEY
  tenantry alert ack acme near-limit --note 'called them' --url http://127.0.0.1:8080 --key KEY")]
pub(super) enum Alert {
    /// The alerts of a tenant that are under way
    List {
        /// Whose
        tenant: String,
        #[command(flatten)]
        place: At,
    },
    /// Acknowledge an alert that fires
    Ack {
        /// Whose
        tenant: String,
        /// By which rule
        rule: String,
        /// The rule is the tenant's own, not the platform's
        #[arg(long)]
        own: bool,
        /// What to say of it in the audit trail
        #[arg(long, default_value = "")]
        note: String,
        #[command(flatten)]
        place: At,
    },
}

impl Alert {
    pub(super) fn run(self) -> anyhow::Result<Ended> {
        match self {
            Self::List { tenant, place } => run(&place, Request::get(path(&["tenants", &tenant, "alerts"])))?,
            Self::Ack { tenant, rule, own, note, place } => {
                let declared_by = if own { "tenant" } else { "platform" };
                let said = json!({ "declared_by": declared_by, "note": note });
                run(&place, Request::post(path(&["tenants", &tenant, "alerts", &rule, "acknowledge"]), said))?;
            }
        }
        Ok(Ended::Well)
    }
}
