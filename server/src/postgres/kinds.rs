//! `pg_class` that tells materialized views from views, so that clients list them as such (`\dm`).
//!
//! Not here: making and dropping them ([`super::views`]), and their comments ([`super::comments`]).

use std::sync::Arc;

use datafusion::catalog::TableProvider;
use datafusion::datasource::{ViewTable, provider_as_source};
use datafusion::error::Result;
use datafusion::logical_expr::{LogicalPlanBuilder, when};
use datafusion::prelude::{col, lit};

/// `pg_class` in which the views `materialized` have the kind `m`.
pub(super) fn told(pg_class: Arc<dyn TableProvider>, materialized: Vec<String>) -> Result<Arc<dyn TableProvider>> {
    if materialized.is_empty() {
        return Ok(pg_class);
    }
    let names = materialized.into_iter().map(lit).collect();
    let is_one = col("relkind").eq(lit("v")).and(col("relname").in_list(names, false));
    let kind = when(is_one, lit("m")).otherwise(col("relkind"))?.alias("relkind");
    let schema = pg_class.schema();
    let columns = schema.fields().iter().map(|field| match field.name().as_str() {
        "relkind" => kind.clone(),
        name => col(name),
    });
    let columns = columns.collect::<Vec<_>>();
    let plan = LogicalPlanBuilder::scan("pg_class", provider_as_source(pg_class), None)?.project(columns)?.build()?;
    Ok(Arc::new(ViewTable::new(plan, None)))
}
