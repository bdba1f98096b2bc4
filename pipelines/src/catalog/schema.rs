//! The schema `public` of one identity: the views it may know of, one more per meter, and the materialized ones.
//!
//! What is made by definition is there when its history is: a definition is journaled before, and a view that is being filled
//! would show a part for the whole.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use datafusion::catalog::{SchemaProvider, TableProvider};
use datafusion::common::{DataFusionError, Result};
use datafusion::logical_expr::TableType;
use engine::definition::view_key;

use super::source::Source;
use super::visibility::Visibility;
use super::zone;
use crate::metering::definitions;
use crate::views::materialized_views::ViewRow;
use crate::views::{self, Description, View, ViewError, ViewTable};

/// Views by name, for one identity. Tables can't be added.
pub(super) struct PublicSchema {
    source: Arc<dyn Source>,
    visibility: Visibility,
    fixed: Vec<Arc<dyn View>>,
    /// In which time zone the instants are of views that are looked up from now on.
    zone: ArcSwap<String>,
}

impl fmt::Debug for PublicSchema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicSchema({})", self.visibility)
    }
}

impl PublicSchema {
    /// The views that `visibility` may know of (I6).
    pub(super) fn new(source: Arc<dyn Source>, visibility: Visibility) -> Self {
        let fixed = views::all(&visibility);
        Self { source, visibility, fixed, zone: ArcSwap::from_pointee(zone::UTC.to_owned()) }
    }

    /// Who may know of them.
    pub(super) fn visibility(&self) -> &Visibility {
        &self.visibility
    }

    /// Has the views' instants be in `zone`.
    pub(super) fn turn_to(&self, zone: &str) {
        if self.zone.load().as_str() != zone {
            self.zone.store(Arc::new(zone.to_owned()));
        }
    }

    /// What the views and their columns say.
    pub(super) fn descriptions(&self) -> Vec<Description> {
        let there = self.there();
        let mut meters = self.source.meters();
        meters.retain(|meter| there.contains(&meter.name));
        let meters = meters.into_iter().map(views::meter::view);
        let plain = self.fixed.iter().cloned().chain(meters).flat_map(|view| Description::of(view.as_ref()));
        let made = self.source.views().into_iter().filter(|row| there.contains(&view_key(&row.view.name)));
        let made = made.flat_map(|row| {
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
            let meter = meter.filter(|meter| self.there().contains(&meter.name));
            return Ok(meter.map(views::meter::view));
        }
        let found = self.source.views().into_iter().find(|candidate| candidate.view.name == name);
        let found = found.filter(|row| self.there().contains(&*view_key(&row.view.name)));
        found.map(materialized).transpose()
    }

    /// The keys of the definitions whose history is there, and of those that can't be computed, which say so.
    fn there(&self) -> BTreeSet<String> {
        let snapshot = self.source.snapshot();
        let refused = snapshot.shards.iter().flat_map(|shard| shard.state.refused()).map(|(key, _)| key.to_owned());
        let whole = definitions(&snapshot.shards).map(|made| made.key().into_owned());
        whole.chain(refused).collect()
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
        let there = self.there();
        let fixed = self.fixed.iter().map(|view| view.name().to_owned());
        let meters = self.source.meters().into_iter().filter(|meter| there.contains(&meter.name));
        let meters = meters.map(|meter| format!("{}{}", views::meter::PREFIX, meter.name));
        let views = self.source.views().into_iter().map(|row| row.view.name);
        let views = views.filter(|name| there.contains(&view_key(name)));
        fixed.chain(meters).chain(views).collect()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        let view = self.view(name).map_err(|error| DataFusionError::External(Box::new(error)))?;
        Ok(view.map(|view| {
            Arc::new(ViewTable::new(view, self.visibility.clone(), &self.zone.load())) as Arc<dyn TableProvider>
        }))
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
