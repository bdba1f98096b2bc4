//! The statements that change materialized views, recognised for all doors; everything else only reads.
//!
//! Not here: whether a view can be kept current (`metering::select`), carrying statements out (`server::statements`), who
//! may.

use datafusion::error::DataFusionError;
use datafusion::sql::sqlparser::ast::{CreateView, ObjectName, ObjectType, Statement};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::Token;
use engine::view::{View, ViewRefusal};

use super::{CATALOG, CatalogError, SCHEMA, Visibility, bounds};
use crate::views;

/// A statement about materialized views.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ViewStatement {
    /// `CREATE MATERIALIZED VIEW [IF NOT EXISTS] name AS SELECT …`.
    Create {
        /// The definition.
        view: View,
        /// Whether a view of that name is no error.
        if_not_exists: bool,
    },
    /// `DROP MATERIALIZED VIEW [IF EXISTS] name, …`.
    Drop {
        /// Which.
        names: Vec<String>,
        /// Whether a missing one is no error.
        if_exists: bool,
    },
    /// `REFRESH MATERIALIZED VIEW name`: it is always fresh.
    Refresh {
        /// Which.
        name: String,
    },
}

impl ViewStatement {
    /// What `sql` says about materialized views; `None` if it is about something else.
    ///
    /// # Errors
    /// Syntax, or clauses that are not known here.
    pub fn parse(sql: &str) -> Result<Option<Self>, CatalogError> {
        const CREATE: [Keyword; 3] = [Keyword::CREATE, Keyword::MATERIALIZED, Keyword::VIEW];
        const REPLACE: [Keyword; 5] =
            [Keyword::CREATE, Keyword::OR, Keyword::REPLACE, Keyword::MATERIALIZED, Keyword::VIEW];
        const DROP: [Keyword; 3] = [Keyword::DROP, Keyword::MATERIALIZED, Keyword::VIEW];
        const REFRESH: [Keyword; 3] = [Keyword::REFRESH, Keyword::MATERIALIZED, Keyword::VIEW];
        bounds::check_text(sql, &PostgreSqlDialect {})?;
        let parser = || Parser::new(&PostgreSqlDialect {}).try_with_sql(sql);
        // What has no tokens is nothing of ours; whoever parses it next says what is wrong.
        let Ok(mut begun) = parser() else { return Ok(None) };
        if begun.parse_keywords(&REFRESH) {
            // Nobody is locked out in any case.
            let _ = begun.parse_keyword(Keyword::CONCURRENTLY);
            let name = begun.parse_object_name(false).map_err(syntax)?;
            end(&mut begun)?;
            return Ok(Some(Self::Refresh { name: plain(&name)? }));
        }
        if !begun.parse_keywords(&CREATE) && !begun.parse_keywords(&REPLACE) && !begun.parse_keywords(&DROP) {
            return Ok(None);
        }
        let mut parser = parser().map_err(syntax)?;
        let statement = parser.parse_statement().map_err(syntax)?;
        end(&mut parser)?;
        bounds::check_syntax(&statement)?;
        match statement {
            Statement::CreateView(create) => Self::create(&create).map(Some),
            Statement::Drop { object_type: ObjectType::MaterializedView, if_exists, names, .. } => {
                let names = names.iter().map(plain).collect::<Result<_, _>>()?;
                Ok(Some(Self::Drop { names, if_exists }))
            }
            _ => Ok(None),
        }
    }

    fn create(create: &CreateView) -> Result<Self, CatalogError> {
        let refuse = |construct: &str, reason: &str| Err(ViewRefusal::new(construct, reason).into());
        if create.or_replace || create.or_alter {
            return refuse("OR REPLACE", "drop the view and create it again; its history is computed either way");
        }
        if !create.columns.is_empty() {
            return refuse("column list", "name columns in the SELECT by AS");
        }
        let name = plain(&create.name)?;
        if is_reserved(&name) {
            return refuse(&format!("name {name}"), "belongs to a view of the catalog; give it another name");
        }
        let view = View { name, query: create.query.to_string() };
        // What else the dialects know of (options, clusters, comments) would be left out silently.
        let kept = format!("CREATE MATERIALIZED VIEW {} AS {}", create.name, view.query);
        let plainly = CreateView { if_not_exists: false, ..create.clone() };
        if plainly.to_string() != kept {
            return refuse("options", "are not known here: CREATE MATERIALIZED VIEW [IF NOT EXISTS] name AS SELECT …");
        }
        Ok(Self::Create { view, if_not_exists: create.if_not_exists })
    }
}

/// Nothing but the end, or a semicolon before it.
fn end(parser: &mut Parser<'_>) -> Result<(), CatalogError> {
    while parser.consume_token(&Token::SemiColon) {}
    parser.expect_token(&Token::EOF).map(|_| ()).map_err(syntax)
}

fn syntax(error: ParserError) -> CatalogError {
    DataFusionError::SQL(Box::new(error), None).into()
}

/// The name alone; the only schema is this one.
fn plain(name: &ObjectName) -> Result<String, CatalogError> {
    let parts = name.0.iter().filter_map(|part| part.as_ident());
    let parts = parts.map(|part| match part.quote_style {
        Some(_) => part.value.clone(),
        None => part.value.to_lowercase(),
    });
    let parts = parts.collect::<Vec<_>>();
    match parts.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [name] | [SCHEMA, name] | [CATALOG, SCHEMA, name] => Ok((*name).to_owned()),
        _ => Err(ViewRefusal::new(format!("name {name}"), format!("the only schema is {SCHEMA}")).into()),
    }
}

/// Whether the catalog has, or may have, a view of its own of that name.
fn is_reserved(name: &str) -> bool {
    name.starts_with(views::meter::PREFIX)
        || name.starts_with("pg_")
        || views::all(&Visibility::Platform).iter().any(|view| view.name() == name)
}
