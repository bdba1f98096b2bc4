//! A change as it is written: the number of its facet, the version of its shape, and a body in MessagePack that names its
//! fields. The only module that names MessagePack.
//!
//! Because fields have names, one can be added without a version: an older body lacks it and reads as its default. A change
//! whose shape is no longer readable gets a new [`Facet::VERSION`], and [`Facet::upcast`] reads the versions before. What a
//! later release wrote is an error that names it, a field that is not known included: leaving it out would give another state
//! than the one that was decided. Not here: entries (`journal`).

use std::cell::RefCell;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::facet::Facet;

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Written {
    /// Number of the facet in the list of `tenant`.
    pub(crate) facet: u32,
    /// Version of the facet's changes.
    pub(crate) version: u16,
    /// The change.
    pub(crate) body: Vec<u8>,
}

/// Why what is written is not a change that can be applied.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChangeError {
    /// Written by a later release.
    #[error("a change of facet {0}, which this release does not know; use the release that wrote it, or a later one")]
    Facet(u32),
    /// Written by a later release.
    #[error(
        "a change of {facet} in version {version}, which this release does not know; use the release that wrote it, or a later one"
    )]
    Version {
        /// What a tenant has of it.
        facet: &'static str,
        /// Of its changes.
        version: u16,
    },
    /// Written by a later release.
    #[error(
        "a change of {facet} with a field {field}, which this release does not know; use the release that wrote it, or a later one"
    )]
    Field {
        /// What a tenant has of it.
        facet: &'static str,
        /// The path of the field in the change.
        field: String,
    },
    /// It does not decode although the checksum around it fits.
    #[error("a change of {facet} that can't be decoded: {reason}")]
    Body {
        /// What a tenant has of it.
        facet: &'static str,
        /// What is wrong.
        reason: String,
    },
}

impl Written {
    /// A change of the facet whose number is `facet`.
    ///
    /// # Errors
    /// What can't be encoded, in words.
    pub(crate) fn new<F: Facet>(facet: u32, change: &F::Change) -> Result<Self, String> {
        Ok(Self { facet, version: F::VERSION, body: encode(change)? })
    }

    /// The change, if it is one of the facet `F`.
    pub(crate) fn read<F: Facet>(&self) -> Result<F::Change, ChangeError> {
        if self.version > F::VERSION {
            return Err(ChangeError::Version { facet: F::NAME, version: self.version });
        }
        if self.version < F::VERSION {
            return F::upcast(self.version, &self.body);
        }
        decode(F::NAME, &self.body)
    }
}

/// A body.
///
/// # Errors
/// What can't be encoded, in words.
pub(crate) fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, String> {
    rmp_serde::to_vec_named(value).map_err(|error| error.to_string())
}

/// What a body of `facet` says.
///
/// # Errors
/// [`ChangeError::Body`] or [`ChangeError::Field`].
pub(crate) fn decode<T: DeserializeOwned>(facet: &'static str, body: &[u8]) -> Result<T, ChangeError> {
    let malformed = |reason: String| ChangeError::Body { facet, reason };
    let mut rest = body;
    let mut reader = rmp_serde::Deserializer::new(&mut rest);
    let unknown = RefCell::new(None);
    let note = |path: serde_ignored::Path<'_>| {
        unknown.borrow_mut().get_or_insert_with(|| path.to_string());
    };
    let value = serde_ignored::deserialize(&mut reader, note).map_err(|error| malformed(error.to_string()))?;
    if let Some(field) = unknown.into_inner() {
        return Err(ChangeError::Field { facet, field });
    }
    if !rest.is_empty() {
        return Err(malformed(format!("{} bytes are left over", rest.len())));
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facet::{Context, Owner};
    use crate::refusal::{Refusal, RefusalKind, Refused};

    /// A facet in its second version: its first wrote a number where there is a text now, and no note.
    #[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize)]
    struct Toy;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Renamed {
        to: String,
        note: Option<String>,
    }

    #[derive(Serialize, Deserialize)]
    struct First {
        to: u32,
    }

    #[derive(Debug, thiserror::Error)]
    #[error("never")]
    struct Never;

    impl Refused for Never {
        fn refusal(&self) -> Refusal {
            RefusalKind::Conflict.alone()
        }
    }

    impl Facet for Toy {
        const NAME: &'static str = "toys";
        const OWNER: Owner = Owner::Tenant;
        const VERSION: u16 = 2;
        type Command = ();
        type Change = Renamed;
        type Rejection = Never;

        fn decide(&self, (): (), _: Context<'_>) -> Result<Vec<Renamed>, Never> {
            Ok(Vec::new())
        }

        fn apply(&mut self, _: &Renamed) {}

        fn upcast(_: u16, body: &[u8]) -> Result<Renamed, ChangeError> {
            let First { to } = decode(Self::NAME, body)?;
            Ok(Renamed { to: to.to_string(), note: None })
        }
    }

    fn written(version: u16, body: &impl Serialize) -> Written {
        Written { facet: 9, version, body: encode(body).unwrap() }
    }

    #[test]
    fn an_old_shape_is_lifted_and_an_absent_field_is_its_default() {
        let seven = Renamed { to: "7".into(), note: None };
        assert_eq!(written(1, &First { to: 7 }).read::<Toy>(), Ok(seven));
        let now = Renamed { to: "x".into(), note: Some("y".into()) };
        assert_eq!(Written::new::<Toy>(9, &now).unwrap().read::<Toy>(), Ok(now));
        #[derive(Serialize)]
        struct Before {
            to: &'static str,
        }
        assert_eq!(written(2, &Before { to: "x" }).read::<Toy>(), Ok(Renamed { to: "x".into(), note: None }));
    }

    #[test]
    fn what_a_later_release_wrote_is_named() {
        let later = written(3, &First { to: 7 }).read::<Toy>().unwrap_err();
        assert_eq!(later, ChangeError::Version { facet: "toys", version: 3 });
        #[derive(Serialize)]
        struct Later {
            to: &'static str,
            colour: &'static str,
        }
        let field = written(2, &Later { to: "x", colour: "red" }).read::<Toy>().unwrap_err();
        assert_eq!(field, ChangeError::Field { facet: "toys", field: "colour".into() });
        let mut longer = written(2, &Renamed { to: "x".into(), note: None });
        longer.body.push(0);
        assert!(matches!(longer.read::<Toy>(), Err(ChangeError::Body { .. })));
    }
}
