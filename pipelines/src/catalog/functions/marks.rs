//! Texts that clients tell apart: JSON, its binary form and UUIDs, which are texts with a mark on their field.
//!
//! A mark is an extension type's name in the field's metadata. It is read of the plan as it was written, since optimizers may
//! drop it; what computes by it must therefore decide before them. Not here: how values are checked and sent
//! (`server::postgres::typed`).

use arrow::datatypes::Field;

/// Where Arrow keeps the name of an extension type.
pub const EXTENSION_NAME: &str = "ARROW:extension:name";

/// See the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mark {
    /// `json`, as it was written.
    Json,
    /// `jsonb`, in its normal form.
    Jsonb,
    /// `uuid`.
    Uuid,
}

impl Mark {
    /// The name of the extension type.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Json => "postgres.json",
            Self::Jsonb => "postgres.jsonb",
            Self::Uuid => "postgres.uuid",
        }
    }

    /// What `field` is marked with.
    pub fn of(field: &Field) -> Option<Self> {
        let name = field.extension_type_name()?;
        [Self::Json, Self::Jsonb, Self::Uuid].into_iter().find(|mark| mark.name() == name)
    }
}

/// `field` with `mark`.
pub(super) fn marked(field: Field, mark: Option<Mark>) -> Field {
    match mark {
        Some(mark) => field.with_metadata([(EXTENSION_NAME.to_owned(), mark.name().to_owned())].into()),
        None => field,
    }
}
