//! What a tenant *is*: facets as pure state machines, and the thin ractor shells around them.
//!
//! The only crate that knows ractor; no Arrow compute, no DataFusion, no sockets. Modules stand in the order in which a
//! command flows through them, then the gate, which is where events meet what was decided.

pub mod refusal;
pub mod limit;
pub mod rule;
pub mod endpoint;
pub mod plan;
pub mod facet;
mod written;
pub mod facets;
pub mod api_key;
pub mod scram;
pub mod tenant;
pub mod kinds;
pub mod tenants;
pub mod together;
pub mod timers;
mod time;
mod claims;
mod supervisor;
mod active;
mod handle;
mod everybody;
mod shell;
pub mod journal;
pub mod audit;
pub mod messages;
mod publish;
mod settle;
pub mod directory;
pub mod snapshots;
pub mod restore;
pub mod gate;

pub use audit::{Audit, AuditEntry};
pub use directory::{AuthError, Directory, Edition, Identity};
pub use messages::Message;
pub use tenant::{Change, Command, FACETS, PLATFORM, Rejected, TenantState};
pub use tenants::{CommandError, Tenants, TenantsError, TenantsHandle, TenantsOptions};
pub use timers::Timers;
pub use written::ChangeError;
