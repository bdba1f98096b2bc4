//! Which pane rows a reader wants, so that others need not be read.

/// Rows asked for. A hint, not a filter: whoever gives rows may give more, never fewer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted<'a> {
    /// Only of these tenants.
    pub(super) tenants: Option<&'a [String]>,
    /// Earliest and latest pane start, both included.
    pub(super) starts: (i64, i64),
}

impl Wanted<'_> {
    /// Every row.
    pub(super) const ALL: Self = Self { tenants: None, starts: (i64::MIN, i64::MAX) };

    /// Whether some of the rows within these bounds (first and last, both included) may be wanted; unknown bounds may be
    /// anything. Tenants are compared byte by byte, as texts are sorted.
    pub(super) fn touches(&self, tenants: Option<(&[u8], &[u8])>, starts: Option<(i64, i64)>) -> bool {
        let of_tenants = self.tenants.zip(tenants).is_none_or(|(wanted, (first, last))| {
            wanted.iter().any(|tenant| first <= tenant.as_bytes() && tenant.as_bytes() <= last)
        });
        of_tenants && starts.is_none_or(|(first, last)| self.starts.0 <= last && first <= self.starts.1)
    }
}
