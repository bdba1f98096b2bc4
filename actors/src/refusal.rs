//! How a rejection is told at the doors: what kind of answer it is, and which field is meant.
//!
//! Each facet says it of its own rejections. Not here: statuses of HTTP, SQL states (the doors).

/// What is told besides the text of a rejection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What kind of answer it is.
    pub kind: RefusalKind,
    /// Which fields of what was asked are meant, each with a word for programs and a sentence for people.
    pub fields: Vec<RefusedField>,
}

/// Why a field is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedField {
    /// Which.
    pub name: String,
    /// `invalid`, `unknown` or `limited`.
    pub reason: &'static str,
    /// What would be right; the text of the rejection if it is absent.
    pub detail: Option<String>,
}

impl Refusal {
    /// What several rejections say together; the first one decides what kind of answer it is.
    pub(crate) fn all<R: Refused + ToString>(rejections: &[R]) -> Self {
        let kind = rejections.first().map_or(RefusalKind::Invalid, |first| first.refusal().kind);
        let fields = rejections.iter().flat_map(|rejection| {
            let told = rejection.to_string();
            rejection
                .refusal()
                .fields
                .into_iter()
                .map(move |field| RefusedField { detail: Some(field.detail.unwrap_or_else(|| told.clone())), ..field })
        });
        Self { kind, fields: fields.collect() }
    }
}

impl RefusedField {
    /// A field that makes no sense.
    pub(crate) fn of(name: String, detail: String) -> Self {
        Self { name, reason: "invalid", detail: Some(detail) }
    }
}

/// What kind of answer a rejection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusalKind {
    /// Something that was asked for makes no sense.
    Invalid,
    /// There is no such thing.
    NotFound,
    /// It contradicts what is there.
    Conflict,
    /// Whoever asks may not.
    Forbidden,
    /// A query in it can't be used.
    Query,
}

/// A rejection that says how it is told.
pub trait Refused {
    /// How.
    fn refusal(&self) -> Refusal;
}

impl RefusalKind {
    /// A refusal of this kind that means no field.
    pub fn alone(self) -> Refusal {
        Refusal { kind: self, fields: Vec::new() }
    }

    /// The same of the field `name`, for `reason`.
    pub fn of(self, name: impl Into<String>, reason: &'static str) -> Refusal {
        Refusal { kind: self, fields: vec![RefusedField { name: name.into(), reason, detail: None }] }
    }
}

/// Names that a rejection gives at most.
const NAMED_MAX: usize = 3;

/// Some of `names`, and how many more there are.
pub(crate) fn some(names: &[String]) -> String {
    let named = names.iter().take(NAMED_MAX).cloned().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(NAMED_MAX) {
        0 => named,
        more => format!("{named} and {more} more"),
    }
}
