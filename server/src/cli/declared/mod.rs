//! Declarations on the command line: one command a file, the same for every kind.
//!
//! Not here: what kinds there are (`actors::kinds`), making it so (`node::declared`).

mod files;
pub(super) mod apply;
pub(super) mod delete;
pub(super) mod describe;
pub(super) mod explain;
pub(super) mod export;
pub(super) mod get;
pub(super) mod history;
pub(super) mod rollback;
pub(super) mod schema;

use clap::Args;
use serde_json::{Map, Value};

use super::api::{Request, path};
use super::site::Site;

/// Which declaration is meant.
#[derive(Debug, Clone, Args)]
pub(super) struct Which {
    /// What it is: meter, plan, view, quota, alert or endpoint
    kind: String,
    /// Its name; a quota's is its meter's
    name: String,
    /// Whose it is, of a kind that tenants have
    #[arg(long)]
    tenant: Option<String>,
}

impl Which {
    /// Its members in a request, without what it says.
    fn named(&self) -> Map<String, Value> {
        named(&self.kind, self.tenant.as_deref(), &self.name)
    }

    /// `quota tokens of tenant acme`.
    fn told(&self) -> String {
        told(&self.kind, self.tenant.as_deref(), &self.name)
    }

    fn versions(&self, site: &Site) -> anyhow::Result<Vec<Version>> {
        let request =
            Request::get(path(&["kinds", &self.kind, &self.name, "versions"])).of_tenant(self.tenant.as_deref());
        Ok(serde_json::from_slice(&site.answer(&request)?)?)
    }
}

/// A version of a declaration.
#[derive(Debug, serde::Deserialize)]
struct Version {
    version: u64,
    at: String,
    by: String,
    spec: Option<Value>,
}

/// Everything that is declared of a kind.
fn declared(site: &Site, kind: &str, tenant: Option<&str>) -> anyhow::Result<Vec<files::Declaration>> {
    let request = Request::get(path(&["kinds", kind])).of_tenant(tenant);
    Ok(serde_json::from_slice(&site.answer(&request)?)?)
}

fn named(kind: &str, tenant: Option<&str>, name: &str) -> Map<String, Value> {
    let members = [("kind", Some(kind)), ("tenant", tenant), ("name", Some(name))];
    members.into_iter().filter_map(|(member, value)| Some((member.to_owned(), value?.into()))).collect()
}

fn told(kind: &str, tenant: Option<&str>, name: &str) -> String {
    let whose = tenant.map(|tenant| format!(" of tenant {tenant}")).unwrap_or_default();
    format!("{kind} {name}{whose}")
}
