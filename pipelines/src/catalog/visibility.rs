//! Whose rows an identity may see.

use std::fmt;

/// Decided once, by the identity module of the doors; everything behind it only narrows (I6).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Visibility {
    /// All tenants, and the engine itself.
    Platform,
    /// One tenant's rows and nothing else.
    Tenant(String),
}

impl Visibility {
    /// The tenant that rows are confined to; `None` for the platform.
    pub fn tenant(&self) -> Option<&str> {
        match self {
            Self::Platform => None,
            Self::Tenant(tenant) => Some(tenant),
        }
    }
}

impl fmt::Display for Visibility {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Platform => f.write_str("platform"),
            Self::Tenant(tenant) => write!(f, "tenant {tenant}"),
        }
    }
}
