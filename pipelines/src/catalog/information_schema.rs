//! `information_schema`: DataFusion's, with the comments of views as a last column of `tables`, and `columns` as Postgres has
//! it ([`super::columns`]).
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
use super::{CATALOG, SCHEMA, columns, standard};
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

    fn catalog(&self) -> Result<Arc<MemoryCatalogProvider>> {
        let catalog = self.catalog.upgrade();
        catalog.ok_or_else(|| internal_datafusion_err!("the session of information_schema is gone"))
    }

    fn plain(&self) -> Result<InformationSchemaProvider> {
        let list: Arc<dyn CatalogProviderList> = Arc::new(MemoryCatalogProviderList::new());
        list.register_catalog(CATALOG.to_owned(), self.catalog()? as Arc<dyn CatalogProvider>);
        Ok(InformationSchemaProvider::new(list).with_table_functions(self.functions.clone()))
    }

    /// `tables` with the views' comments.
    fn commented(&self, tables: Arc<dyn TableProvider>) -> Result<Arc<dyn TableProvider>> {
        let mut told = self.public.descriptions();
        told.retain(|each| each.column.is_none());
        let told = Description::batch(&told)?;
        let told = Arc::new(MemTable::try_new(told.schema(), vec![vec![told]])?);
        let told = LogicalPlanBuilder::scan("told", provider_as_source(told), None)?
            .project(vec![col("view"), lit(SCHEMA).alias("schema"), col("comment").alias("table_comment")])?
            .alias("told")?
            .build()?;
        let names = tables.schema().fields().iter().map(|field| col(field.name())).collect::<Vec<_>>();
        let on = (vec!["table_schema", "table_name"], vec!["told.schema", "told.view"]);
        let plan = LogicalPlanBuilder::scan("plain", provider_as_source(tables), None)?
            .join(told, JoinType::Left, on, None)?
            .project(names.into_iter().chain([col("table_comment")]))?
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
        if name == "columns" {
            return columns::table(self.catalog()?.as_ref()).await.map(Some);
        }
        if let Some(table) = standard::table(name)? {
            return Ok(Some(table));
        }
        let table = self.plain()?.table(name).await?;
        match table {
            Some(tables) if name == "tables" => self.commented(tables).map(Some),
            table => Ok(table),
        }
    }

    fn table_exist(&self, name: &str) -> bool {
        standard::knows(name) || self.plain().is_ok_and(|plain| plain.table_exist(name))
    }
}
