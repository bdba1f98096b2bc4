//! `information_schema`: DataFusion's, with the comments of views and columns as a last column of `tables` and `columns`.
//!
//! The standard knows no comments; the names `table_comment` and `column_comment` are those that other databases use.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Weak};

use async_trait::async_trait;
use datafusion::catalog::information_schema::InformationSchemaProvider;
use datafusion::catalog::{
    CatalogProvider, CatalogProviderList, MemoryCatalogProvider, MemoryCatalogProviderList, SchemaProvider,
    TableFunction, TableProvider,
};
use datafusion::common::{JoinType, Result, internal_datafusion_err};
use datafusion::datasource::{MemTable, ViewTable, provider_as_source};
use datafusion::logical_expr::LogicalPlanBuilder;
use datafusion::prelude::{col, lit};

use super::schema::PublicSchema;
use super::{CATALOG, SCHEMA};
use crate::views::Description;

/// See the module.
pub(super) struct InformationSchema {
    /// The catalog that this schema is in; weak, because that one owns it.
    catalog: Weak<MemoryCatalogProvider>,
    public: Arc<PublicSchema>,
    functions: HashMap<String, Arc<TableFunction>>,
}

impl fmt::Debug for InformationSchema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "InformationSchema({:?})", self.public)
    }
}

impl InformationSchema {
    pub(super) fn new(
        catalog: Weak<MemoryCatalogProvider>,
        public: Arc<PublicSchema>,
        functions: HashMap<String, Arc<TableFunction>>,
    ) -> Self {
        Self { catalog, public, functions }
    }

    fn plain(&self) -> Result<InformationSchemaProvider> {
        let catalog = self.catalog.upgrade();
        let catalog = catalog.ok_or_else(|| internal_datafusion_err!("the session of information_schema is gone"))?;
        let list: Arc<dyn CatalogProviderList> = Arc::new(MemoryCatalogProviderList::new());
        list.register_catalog(CATALOG.to_owned(), catalog as Arc<dyn CatalogProvider>);
        Ok(InformationSchemaProvider::new(list).with_table_functions(self.functions.clone()))
    }

    /// `table` with the comments under the name `comment`; of columns if the table has them.
    fn commented(&self, table: Arc<dyn TableProvider>, comment: &str) -> Result<Arc<dyn TableProvider>> {
        let of_columns = table.schema().column_with_name("column_name").is_some();
        let mut told = self.public.descriptions();
        told.retain(|each| each.column.is_some() == of_columns);
        let told = Description::batch(&told)?;
        let told = Arc::new(MemTable::try_new(told.schema(), vec![vec![told]])?);
        let told = LogicalPlanBuilder::scan("told", provider_as_source(told), None)?
            .project(vec![col("view"), col("column"), lit(SCHEMA).alias("schema"), col("comment").alias(comment)])?
            .alias("told")?
            .build()?;
        let names = table.schema().fields().iter().map(|field| col(field.name())).collect::<Vec<_>>();
        let (mut left, mut right) = (vec!["table_schema", "table_name"], vec!["told.schema", "told.view"]);
        if of_columns {
            left.push("column_name");
            right.push("told.column");
        }
        let plan = LogicalPlanBuilder::scan("plain", provider_as_source(table), None)?
            .join(told, JoinType::Left, (left, right), None)?
            .project(names.into_iter().chain([col(comment)]))?
            .build()?;
        Ok(Arc::new(ViewTable::new(plan, None)))
    }
}

#[async_trait]
impl SchemaProvider for InformationSchema {
    fn table_names(&self) -> Vec<String> {
        self.plain().map(|plain| plain.table_names()).unwrap_or_default()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        let Some(table) = self.plain()?.table(name).await? else { return Ok(None) };
        match name {
            "tables" => self.commented(table, "table_comment").map(Some),
            "columns" => self.commented(table, "column_comment").map(Some),
            _ => Ok(Some(table)),
        }
    }

    fn table_exist(&self, name: &str) -> bool {
        self.plain().is_ok_and(|plain| plain.table_exist(name))
    }
}
