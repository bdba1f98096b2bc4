//! What is added up of a statement while its syntax is walked ([`super::syntax`]): one frame for each query, select and expression.

use std::collections::{HashMap, VecDeque};

use super::{COLUMNS_MAX, Figure, Limits, TooComplex};

/// What has been added up of one query, select or expression.
#[derive(Debug, Default)]
pub(super) struct Frame {
    /// Whether it is one of a select.
    pub(super) select: bool,
    pub(super) query: Option<Named>,
    pub(super) parts: u64,
    /// Its own, on top of each other.
    pub(super) levels: u64,
    /// Levels of the deepest part.
    pub(super) within: u64,
    /// Columns of the tables that it reads.
    pub(super) read: u64,
    /// Columns that it gives.
    pub(super) gives: u64,
    /// By which it is grouped or sorted.
    pub(super) keys: u64,
    pub(super) tables: u64,
}

/// The queries that a `WITH` names.
#[derive(Debug, Default)]
pub(super) struct Named {
    /// Not yet looked at, by their place.
    pub(super) next: VecDeque<(usize, String)>,
    pub(super) known: HashMap<String, Size>,
}

/// How large a part is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Size {
    pub(super) parts: u64,
    pub(super) levels: u64,
    pub(super) gives: u64,
}

impl Frame {
    /// What is known of it so far.
    pub(super) fn size(&self) -> Size {
        Size { parts: self.parts, levels: self.levels.saturating_add(self.within), gives: self.gives.max(1) }
    }

    /// Has it so many parts more.
    pub(super) fn add(&mut self, parts: u64) {
        self.parts = self.parts.saturating_add(parts);
    }

    /// Puts levels on top of its own.
    pub(super) fn add_levels(&mut self, levels: u64) {
        self.levels = self.levels.saturating_add(levels);
    }

    /// Puts a part of that size into it.
    pub(super) fn holds(&mut self, size: Size) {
        self.add(size.parts);
        self.within = self.within.max(size.levels);
    }

    /// Has it read so many columns more.
    pub(super) fn reads(&mut self, columns: u64) {
        self.read = self.read.saturating_add(columns);
    }

    /// Whether it is within bounds.
    ///
    /// # Errors
    /// A figure that is beyond its limit.
    pub(super) fn within(&self, limits: Limits) -> Result<(), TooComplex> {
        let Size { parts, levels, gives } = self.size();
        Figure::Columns.within(gives.max(self.keys), COLUMNS_MAX)?;
        Figure::Levels.within(levels, limits.levels)?;
        Figure::Parts.within(parts, limits.parts)
    }
}
