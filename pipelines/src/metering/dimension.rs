//! What events of a series have in common beside their tenant: an attribute or a member of `data`.
//!
//! A meter's dimensions are members; a view may group by attributes too. Not here: how many there may be.

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
