//! The schema `public` of one identity: the views it may know of, one more per meter, and the materialized ones.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::{SchemaProvider, TableProvider};
use datafusion::common::{DataFusionError, Result};
use datafusion::logical_expr::TableType;

use super::source::Source;
use super::visibility::Visibility;
use crate::views::materialized_views::ViewRow;
use crate::views::{self, Description, View, ViewError, ViewTable};

/// Views by name, for one identity. Tables can't be added.
pub(super) struct PublicSchema {
    pub(super) source: Arc<dyn Source>,
    pub(super) visibility: Visibility,
    pub(super) fixed: Vec<Arc<dyn View>>,
}

impl fmt::Debug for PublicSchema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicSchema({})", self.visibility)
    }
}

impl PublicSchema {
    /// What the views and their columns say.
    pub(super) fn descriptions(&self) -> Vec<Description> {
        let meters = self.source.meters().into_iter().map(views::meter::view);
        let plain = self.fixed.iter().cloned().chain(meters).flat_map(|view| Description::of(view.as_ref()));
        let made = self.source.views().into_iter().flat_map(|row| {
            let name = row.view.name.clone();
            materialized(row).map_or_else(
                |error| vec![Description::unreadable(&name, &error)],
                |view| Description::of(view.as_ref()),
            )
        });
        plain.chain(made).collect()
    }

    /// The view called `name`; of one that there is and that can't be read, why not.
    fn view(&self, name: &str) -> Result<Option<Arc<dyn View>>, ViewError> {
        if let Some(view) = self.fixed.iter().find(|view| view.name() == name) {
            return Ok(Some(Arc::clone(view)));
        }
        if let Some(meter) = name.strip_prefix(views::meter::PREFIX) {
            let meter = self.source.meters().into_iter().find(|candidate| candidate.name == meter);
            return Ok(meter.map(views::meter::view));
        }
        let found = self.source.views().into_iter().find(|candidate| candidate.view.name == name);
        found.map(materialized).transpose()
    }
}

fn materialized(row: ViewRow) -> Result<Arc<dyn View>, ViewError> {
    let what = format!("materialized view {}", row.view.name);
    views::materialized_view::view(row.view)
        .map_err(|refusal| ViewError::Unreadable { what, reason: refusal.to_string() })
}

#[async_trait]
impl SchemaProvider for PublicSchema {
    fn table_names(&self) -> Vec<String> {
        let meters = self.source.meters();
        let fixed = self.fixed.iter().map(|view| view.name().to_owned());
        let meters = meters.iter().map(|meter| format!("{}{}", views::meter::PREFIX, meter.name));
        let views = self.source.views().into_iter().map(|row| row.view.name);
        fixed.chain(meters).chain(views).collect()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        let view = self.view(name).map_err(|error| DataFusionError::External(Box::new(error)))?;
        Ok(view.map(|view| Arc::new(ViewTable::new(view, self.visibility.clone())) as Arc<dyn TableProvider>))
    }

    /// Known of one that can't be read too, so that the others are listed beside it.
    async fn table_type(&self, name: &str) -> Result<Option<TableType>> {
        Ok(self.table_exist(name).then_some(TableType::View))
    }

    fn table_exist(&self, name: &str) -> bool {
        // One that can't be read is there; who reads it is told.
        self.view(name).map_or(true, |view| view.is_some())
    }
}
