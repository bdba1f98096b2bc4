//! What a key may do, as a set in one byte: names for people, bits in records.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// One thing that a key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Send events.
    Ingest,
    /// Ask questions.
    Query,
    /// Change the tenant; with the platform's keys: all tenants, meters and plans.
    Admin,
}

impl Scope {
    /// Every scope.
    pub const ALL: [Self; 3] = [Self::Ingest, Self::Query, Self::Admin];

    /// The name used outside.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ingest => "ingest",
            Self::Query => "query",
            Self::Admin => "admin",
        }
    }

    // Bits are journaled: never reuse one.
    const fn bit(self) -> u8 {
        match self {
            Self::Ingest => 1,
            Self::Query => 2,
            Self::Admin => 4,
        }
    }
}

/// A set of [`Scope`]s.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Scopes(u8);

impl Scopes {
    /// All of them.
    pub fn all() -> Self {
        Scope::ALL.into_iter().collect()
    }

    /// Whether `scope` is among them.
    pub fn contains(self, scope: Scope) -> bool {
        self.0 & scope.bit() != 0
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Each, in the order of [`Scope::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::ALL.into_iter().filter(move |scope| self.contains(*scope))
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<T: IntoIterator<Item = Scope>>(scopes: T) -> Self {
        Self(scopes.into_iter().fold(0, |bits, scope| bits | scope.bit()))
    }
}

impl Serialize for Scopes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            return serializer.collect_seq(self.iter());
        }
        serializer.serialize_u8(self.0)
    }
}

impl<'de> Deserialize<'de> for Scopes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            return Ok(Vec::<Scope>::deserialize(deserializer)?.into_iter().collect());
        }
        let bits = u8::deserialize(deserializer)?;
        if bits & !Self::all().0 != 0 {
            return Err(serde::de::Error::custom(format!("unknown scopes in {bits:#010b}")));
        }
        Ok(Self(bits))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_see_names() {
        let scopes: Scopes = [Scope::Admin, Scope::Ingest, Scope::Ingest].into_iter().collect();
        assert_eq!(serde_json::to_string(&scopes).unwrap(), r#"["ingest","admin"]"#);
        assert_eq!(serde_json::from_str::<Scopes>(r#"["admin","ingest"]"#).unwrap(), scopes);
        assert!(serde_json::from_str::<Scopes>(r#"["root"]"#).is_err());
        assert!(scopes.contains(Scope::Admin) && !scopes.contains(Scope::Query));
    }
}
