//! Comments of views and columns for Postgres clients: the table `pg_description` and the functions that read it.
//!
//! Not here: what the comments say (`pipelines::views`).

use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::DataType;
use datafusion::catalog::{SchemaProvider, TableProvider};
use datafusion::common::JoinType;
use datafusion::datasource::{MemTable, ViewTable, provider_as_source};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{LogicalPlanBuilder, cast};
use datafusion::prelude::{col, lit};
use datafusion::sql::sqlparser::ast::{
    Expr, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, Query, SelectItem, SetExpr, Statement, VisitMut,
    VisitorMut,
};
use datafusion::sql::sqlparser::dialect::PostgreSqlDialect;
use datafusion::sql::sqlparser::parser::Parser;
use pipelines::catalog::{Catalog, SCHEMA, Visibility};
use pipelines::views::Description;

use super::kinds;

const PG_DESCRIPTION: &str = "pg_description";
const PG_CLASS: &str = "pg_class";

/// `pg_catalog` with a `pg_description` that tells what the views say, and a `pg_class` that knows materialized ones.
pub(super) struct Commented {
    pub(super) plain: Arc<dyn SchemaProvider>,
    pub(super) catalog: Arc<Catalog>,
    pub(super) visibility: Visibility,
}

impl fmt::Debug for Commented {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Commented({:?})", self.plain)
    }
}

impl Commented {
    /// The library gives out object ids, so the comments find theirs by name in its tables.
    async fn pg_description(&self) -> Result<Arc<dyn TableProvider>> {
        let table = async |name: &str| {
            let missing = || DataFusionError::Internal(format!("no table pg_catalog.{name}"));
            let table = self.plain.table(name).await?.ok_or_else(missing)?;
            LogicalPlanBuilder::scan(name, provider_as_source(table), None)
        };
        let told = Description::batch(&self.catalog.descriptions(&self.visibility))?;
        let told = MemTable::try_new(told.schema(), vec![vec![told]])?;
        let told = LogicalPlanBuilder::scan("told", provider_as_source(Arc::new(told)), None)?.build()?;
        let namespace = table("pg_namespace").await?.filter(col("nspname").eq(lit(SCHEMA)))?;
        let namespace = namespace.project(vec![col("oid").alias("schema_oid")])?.alias("namespace")?.build()?;
        let classes = table("pg_class").await?.filter(col("relname").eq(lit("pg_class")))?;
        let classes = classes.project(vec![col("oid").alias("class_oid")])?.alias("classes")?.build()?;
        let own = table("pg_class")
            .await?
            .join(namespace, JoinType::Inner, (vec!["relnamespace"], vec!["schema_oid"]), None)?
            .join(told, JoinType::Inner, (vec!["relname"], vec!["told.view"]), None)?
            .cross_join(classes)?
            .project(vec![
                col("pg_class.oid").alias("objoid"),
                col("classes.class_oid").alias("classoid"),
                cast(col("told.number"), DataType::Int32).alias("objsubid"),
                col("told.comment").alias("description"),
            ])?
            .build()?;
        let builtin =
            table(PG_DESCRIPTION).await?.project(["objoid", "classoid", "objsubid", "description"].map(col))?;
        Ok(Arc::new(ViewTable::new(builtin.union(own)?.build()?, None)))
    }
}

#[async_trait]
impl SchemaProvider for Commented {
    fn table_names(&self) -> Vec<String> {
        self.plain.table_names()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        match name {
            PG_DESCRIPTION => self.pg_description().await.map(Some),
            PG_CLASS => {
                let pg_class = self.plain.table(name).await?;
                pg_class.map(|table| kinds::told(table, self.catalog.materialized_views())).transpose()
            }
            _ => self.plain.table(name).await,
        }
    }

    fn table_exist(&self, name: &str) -> bool {
        self.plain.table_exist(name)
    }
}

/// Replaces what psql and others call in `statement` and the library can't compute.
pub(super) fn replace_functions(statement: &mut Statement) {
    let _ = statement.visit(&mut Replace);
}

struct Replace;

impl VisitorMut for Replace {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        if let SetExpr::Select(select) = query.body.as_mut() {
            for item in &mut select.projection {
                // A column is called as its function even if that is replaced.
                if let SelectItem::UnnamedExpr(expr) = item
                    && let (Some((name, _)), Some(replaced)) = (call(expr), replaced(expr))
                {
                    *item = SelectItem::ExprWithAlias { expr: replaced, alias: Ident::new(name) };
                }
            }
        }
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expression: &mut Expr) -> ControlFlow<()> {
        if let Some(replaced) = replaced(expression) {
            *expression = replaced;
        }
        ControlFlow::Continue(())
    }
}

/// What stands for `expression` if it calls one of the functions.
fn replaced(expression: &Expr) -> Option<Expr> {
    let (name, arguments) = call(expression)?;
    let described = |object: &Expr, column: &str| {
        format!(
            "(SELECT max(told.description) FROM pg_catalog.pg_description told \
             WHERE told.objoid = {object} AND told.objsubid = {column})"
        )
    };
    let text = match (name.as_str(), arguments.as_slice()) {
        ("col_description", [object, column]) => described(object, &column.to_string()),
        // Of a relation; the ids of functions and types are others, so that the kind need not be looked at.
        ("obj_description", [object] | [object, _]) => described(object, "0"),
        // Asked for by `\d+`: storage options, which the library's `pg_class` has no column for and views don't have.
        ("array_to_string", [options, _]) if options.to_string().contains("reloptions") => {
            "CAST(NULL AS TEXT)".to_owned()
        }
        // Of `'pg_class'::regclass`: the library looks for names without a schema in ours only.
        ("parse_ident", [Expr::Cast { expr, .. }]) if expr.to_string().starts_with("'pg_") => {
            format!("parse_ident('pg_catalog.{}')", expr.to_string().trim_matches('\''))
        }
        _ => return None,
    };
    Parser::new(&PostgreSqlDialect {}).try_with_sql(&text).ok()?.parse_expr().ok()
}

fn call(expression: &Expr) -> Option<(String, Vec<&Expr>)> {
    let Expr::Function(function) = expression else { return None };
    let name = function.name.0.last()?.as_ident()?.value.to_lowercase();
    let FunctionArguments::List(list) = &function.args else { return None };
    let arguments = list.args.iter().map(|argument| match argument {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expression)) => Some(expression),
        _ => None,
    });
    Some((name, arguments.collect::<Option<Vec<_>>>()?))
}
