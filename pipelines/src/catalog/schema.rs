//! The schema `public` of one identity: the views it may know of, one more per meter, and the materialized ones.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::{SchemaProvider, TableProvider};
use datafusion::common::Result;

use super::source::Source;
use super::visibility::Visibility;
use crate::views::{self, Description, View, ViewTable};

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
        let made = self.source.views().into_iter().filter_map(|row| views::materialized_view::view(row.view).ok());
        self.fixed.iter().cloned().chain(meters).chain(made).flat_map(|view| Description::of(view.as_ref())).collect()
    }

    fn view(&self, name: &str) -> Option<Arc<dyn View>> {
        if let Some(view) = self.fixed.iter().find(|view| view.name() == name) {
            return Some(Arc::clone(view));
        }
        if let Some(meter) = name.strip_prefix(views::meter::PREFIX) {
            let meter = self.source.meters().into_iter().find(|candidate| candidate.name == meter)?;
            return Some(views::meter::view(meter));
        }
        let found = self.source.views().into_iter().find(|candidate| candidate.view.name == name)?;
        let view = views::materialized_view::view(found.view);
        view.inspect_err(|error| tracing::error!(view = name, %error, "a materialized view can't be read")).ok()
    }
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
        Ok(self
            .view(name)
            .map(|view| Arc::new(ViewTable::new(view, self.visibility.clone())) as Arc<dyn TableProvider>))
    }

    fn table_exist(&self, name: &str) -> bool {
        self.view(name).is_some()
    }
}
