//! A view as DataFusion's table: plans scans whose bounds include what the identity may see.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::datatypes::{DataType, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::Result;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;

use super::ask::{Ask, Fit, TENANT, fit};
use super::scan::ViewScan;
use super::view::SharedView;
use crate::catalog::{self, Visibility, zone};

/// One view for one identity.
#[derive(Debug)]
pub struct ViewTable {
    view: SharedView,
    visibility: Visibility,
    schema: SchemaRef,
}

impl ViewTable {
    /// `view`, confined to what `visibility` may see, with its instants in the time zone `zone`.
    pub fn new(view: SharedView, visibility: Visibility, zone: &str) -> Self {
        let schema = in_zone(&view.schema(), zone);
        Self { view, visibility, schema }
    }
}

#[async_trait]
impl TableProvider for ViewTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::View
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        let of = |filter: &&Expr| match fit(filter) {
            Fit::Exact => TableProviderFilterPushDown::Exact,
            Fit::Coarse => TableProviderFilterPushDown::Inexact,
            Fit::None => TableProviderFilterPushDown::Unsupported,
        };
        Ok(filters.iter().map(of).collect())
    }

    async fn scan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let schema = Arc::clone(&self.schema);
        let schema = match projection {
            Some(columns) => Arc::new(schema.project(columns)?),
            None => schema,
        };
        let mut columns = schema.fields().iter().map(|field| field.name().clone()).collect::<BTreeSet<_>>();
        // The scan looks at it even if the query does not.
        columns.insert(TENANT.to_owned());
        let ask = Ask::new(&self.visibility, filters, columns);
        Ok(Arc::new(ViewScan::new(Arc::clone(&self.view), catalog::cut(session)?, ask, schema, limit)))
    }
}

/// `schema` with its instants in `zone`; they stay the same instants.
fn in_zone(schema: &SchemaRef, zone: &str) -> SchemaRef {
    if zone == zone::UTC {
        return Arc::clone(schema);
    }
    let zone: Arc<str> = Arc::from(zone);
    let fields = schema.fields().iter().map(|field| match field.data_type() {
        DataType::Timestamp(unit, Some(_)) => {
            let there = DataType::Timestamp(*unit, Some(Arc::clone(&zone)));
            Arc::new(field.as_ref().clone().with_data_type(there))
        }
        _ => Arc::clone(field),
    });
    Arc::new(Schema::new_with_metadata(fields.collect::<Vec<_>>(), schema.metadata().clone()))
}
