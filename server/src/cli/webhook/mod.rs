//! `tenantry webhook`: where a tenant's messages go, what they are signed with, and a receiver to try it with.

mod listen;

use clap::Subcommand;
use serde_json::{Value, json};

use super::Ended;
use super::api::{At, Request, path, run};

/// See where messages go, manage their secrets, and receive some
#[derive(Debug, Subcommand)]
#[command(after_help = "\
Endpoints are declared: see `tenantry explain endpoint` and `tenantry apply`. Those of the tenant `platform`
hear of all tenants. A running node posts a CloudEvent for each change that an endpoint wants (alert.fired,
tenant.suspended, quota.set, ...), signed by Standard Webhooks, and tries again for a day if it is not taken.
`select * from endpoints` and `select * from delivery_attempts` tell how it goes.

Examples:
  tenantry webhook list acme --url http://127.0.0.1:8080 --key KEY
  tenantry webhook secret acme hook --url http://127.0.0.1:8080 --key KEY
  tenantry webhook listen --secret whsec_... --address 127.0.0.1:9000")]
pub(super) enum Webhook {
    /// A tenant's endpoints, and how far each has come
    List {
        /// Whose
        tenant: String,
        #[command(flatten)]
        place: At,
    },
    /// What messages to an endpoint are signed with
    Secret {
        #[command(flatten)]
        endpoint: Endpoint,
    },
    /// Give an endpoint another secret; the old one signs a while longer
    Rotate {
        #[command(flatten)]
        endpoint: Endpoint,
        /// Seconds that the old secret still signs
        #[arg(long, default_value_t = 86_400)]
        overlap_s: u32,
    },
    /// Send messages to an endpoint again, from where it stopped
    Enable {
        #[command(flatten)]
        endpoint: Endpoint,
    },
    /// Send nothing to an endpoint until it is enabled
    Disable {
        #[command(flatten)]
        endpoint: Endpoint,
    },
    Listen(listen::Listen),
}

/// Which endpoint, and where.
#[derive(Debug, clap::Args)]
pub(super) struct Endpoint {
    /// Whose
    tenant: String,
    /// Which endpoint
    endpoint: String,
    #[command(flatten)]
    place: At,
}

impl Endpoint {
    fn post(&self, what: &str, body: Value) -> anyhow::Result<()> {
        run(&self.place, Request::post(path(&["tenants", &self.tenant, "endpoints", &self.endpoint, what]), body))
    }
}

impl Webhook {
    pub(super) fn run(self) -> anyhow::Result<Ended> {
        match self {
            Self::List { tenant, place } => run(&place, Request::get(path(&["tenants", &tenant, "endpoints"])))?,
            Self::Secret { endpoint: Endpoint { tenant, endpoint, place } } => {
                run(&place, Request::get(path(&["tenants", &tenant, "endpoints", &endpoint, "secret"])))?;
            }
            Self::Rotate { endpoint, overlap_s } => endpoint.post("rotate", json!({ "overlap_s": overlap_s }))?,
            Self::Enable { endpoint } => endpoint.post("enable", Value::Null)?,
            Self::Disable { endpoint } => endpoint.post("disable", Value::Null)?,
            Self::Listen(listen) => return listen.run(),
        }
        Ok(Ended::Well)
    }
}
