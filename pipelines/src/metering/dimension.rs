//! What events of a series have in common beside their tenant: an attribute or a member of `data`.
//!
//! A meter's dimensions are members; a view may group by attributes too. Not here: how many there may be.

use arrow::array::{Array, AsArray};
use arrow::datatypes::Int32Type;
use engine::event::batch::{EventBatch, Texts};
use engine::event::schema;

/// No number or truth value has a longer text.
const PLAIN_BYTES_MAX: usize = 64;

/// One of a definition's dimensions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Dimension {
    /// The canonical text of the member that a pointer names.
    Member(String),
    /// The member as a number; absent where it is none.
    Number(String),
    /// A fixed column of every batch that holds repeated texts, by its index in [`engine::event::schema`].
    Attribute(usize),
}

impl Dimension {
    /// No event of `batch` has a longer value, in bytes. Looks at each text once, however many events have it.
    pub(super) fn longest(&self, batch: &EventBatch) -> usize {
        match self {
            Self::Number(_) => PLAIN_BYTES_MAX,
            Self::Attribute(index) => of_column(batch.record_batch().column(*index)),
            Self::Member(pointer) => {
                // A leftover's text is in the text of all leftovers of its event.
                let leftovers = batch.rest().filter(|rest| rest.null_count() < rest.len());
                let leftover = leftovers.map_or(0, |rest| lengths(rest.value_offsets()));
                batch.data(pointer).map_or(0, |column| of_column(column)).max(leftover)
            }
        }
    }

    /// What it is called where an event is refused for it.
    pub(super) fn field(&self) -> &str {
        match self {
            Self::Member(pointer) | Self::Number(pointer) => pointer,
            Self::Attribute(index) => schema::fixed_fields()[*index].name(),
        }
    }
}

fn of_column(column: &dyn Array) -> usize {
    column.as_dictionary_opt::<Int32Type>().map_or(PLAIN_BYTES_MAX, |texts| longest(&Texts::new(texts)))
}

/// Bytes of the longest of the texts that rows may have.
pub(super) fn longest(texts: &Texts<'_>) -> usize {
    lengths(texts.values.value_offsets())
}

fn lengths(offsets: &[i32]) -> usize {
    offsets.windows(2).map(|ends| (ends[1] - ends[0]) as usize).max().unwrap_or_default()
}
