//! `declarations`: everything that is declared by a name and a specification, of every kind.

use super::{Ask, RowColumn, RowView, ViewError};
use crate::catalog::Cut;

/// A declaration, as the tenants' side tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeclarationRow {
    /// Whose it is.
    pub tenant: String,
    /// What it is.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// What it says, as JSON.
    pub spec: String,
}

/// See the module.
#[derive(Debug)]
pub struct Declarations;

impl RowView for Declarations {
    type Row = DeclarationRow;
    const NAME: &'static str = "declarations";
    const COMMENT: &'static str =
        "what is declared by a name and a specification: meters, plans, views, quotas, alert rules and endpoints";
    const COLUMNS: &'static [RowColumn<DeclarationRow>] = &[
        RowColumn::text("tenant", |row| &row.tenant, "whose it is; platform for what is the platform's"),
        RowColumn::text("kind", |row| &row.kind, "meter, plan, view, quota, alert or endpoint"),
        RowColumn::text("name", |row| &row.name, "its name; a quota's is its meter's"),
        RowColumn::text("spec", |row| &row.spec, "what it says, as JSON; /schemas/KIND.json has its schema"),
    ];

    fn rows(&self, cut: &Cut, ask: &Ask) -> Result<Vec<DeclarationRow>, ViewError> {
        let mut rows = cut.source.declarations(ask.tenant())?;
        rows.retain(|row| ask.may_be("tenant", &row.tenant) && ask.may_be("kind", &row.kind));
        Ok(rows)
    }
}
