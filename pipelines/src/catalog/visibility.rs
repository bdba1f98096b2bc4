//! Whose rows an identity may see.

use std::collections::BTreeSet;
use std::fmt;

/// Decided once, by the identity module of the doors; everything behind it only narrows (I6).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Visibility {
    /// All tenants, and the engine itself.
    Platform,
    /// One tenant's rows and nothing else.
    Tenant(String),
    /// The rows of some tenants and nothing else.
    Tenants(BTreeSet<String>),
}

impl Visibility {
    /// The one tenant it is; `None` for the platform and for several.
    pub fn tenant(&self) -> Option<&str> {
        match self {
            Self::Platform | Self::Tenants(_) => None,
            Self::Tenant(tenant) => Some(tenant),
        }
    }

    /// The tenants that rows are confined to; `None` for the platform.
    pub fn tenants(&self) -> Option<BTreeSet<String>> {
        match self {
            Self::Platform => None,
            Self::Tenant(tenant) => Some([tenant.clone()].into()),
            Self::Tenants(tenants) => Some(tenants.clone()),
        }
    }
}

impl fmt::Display for Visibility {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Platform => f.write_str("platform"),
            Self::Tenant(tenant) => write!(f, "tenant {tenant}"),
            Self::Tenants(tenants) => write!(f, "{} tenants", tenants.len()),
        }
    }
}
