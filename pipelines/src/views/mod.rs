//! The views: one file each, all of one shape (columns with comments, then how the rows come about).
//!
//! | view | a row is | a tenant sees |
//! |---|---|---|
//! | [`events`] | an admitted event | its own |
//! | [`usage`] | a window of any meter | its own |
//! | [`meter`] (`meter_<name>`) | a window of one meter, with its dimensions as columns | its own |
//! | [`usage_total`] | a billing period of a meter | its own |
//! | [`tenants`] | a tenant | itself |
//! | [`quotas`] | a limit and its use | its own |
//! | [`declarations`] | a declaration | its own |
//! | [`meters`] | a meter's definition | all, without statistics |
//! | [`materialized_views`] | a materialized view's definition | all, without statistics |
//! | [`materialized_view`] (its name) | a group of its `SELECT` | its own, of its own events |
//! | [`alerts`] | an alert that is under way | its own |
//! | [`alert_history`] | an edge of an alert | its own |
//! | [`alert_rules`] | an alert rule | its own |
//! | [`endpoints`] | an endpoint that messages go to | its own |
//! | [`delivery_attempts`] | an attempt to send one | its own |
//! | [`rejections`] | refused events by reason | its own |
//! | [`late_events`] | a late event, per meter | its own |
//! | [`audit`] | a journaled change | its own |
//! | [`queries`] | a statement that runs or has lately ended | its own |
//! | [`engine`] | the cut itself | it |
//! | [`engine_shards`] | a shard | nothing: shards are shared |
//!
//! Filters on `tenant`, `meter`, times and `revision` become bounds ([`Ask`]), so that a query about one tenant touches
//! only its slices. Not here: sessions and what may be executed (`catalog`).

pub mod column;
pub mod ask;
pub mod view;
mod row_view;
pub mod scan;
pub mod table;
pub mod events;
pub mod usage;
pub mod meter;
pub mod usage_total;
pub mod tenants;
pub mod quotas;
pub mod declarations;
pub mod meters;
pub mod materialized_views;
pub mod materialized_view;
pub mod alerts;
pub mod alert_history;
pub mod alert_rules;
pub mod endpoints;
pub mod delivery_attempts;
pub mod rejections;
pub mod late_events;
pub mod engine_shards;
pub mod engine;
pub mod audit;
pub mod queries;
pub mod description;

use std::sync::Arc;

pub use ask::Ask;
pub use column::Column;
pub use description::Description;
pub use row_view::{RowColumn, RowView};
pub use table::ViewTable;
pub use view::{Emit, Fault, SharedView, View, ViewError};

use crate::catalog::Visibility;

/// The views that `visibility` may know of, but for those of single meters and materialized ones.
pub fn all(visibility: &Visibility) -> Vec<SharedView> {
    let platform = *visibility == Visibility::Platform;
    let mut views: Vec<SharedView> = vec![
        Arc::new(events::Events),
        Arc::new(usage::Usage),
        Arc::new(usage_total::UsageTotal),
        Arc::new(tenants::Tenants),
        Arc::new(quotas::Quotas),
        Arc::new(declarations::Declarations),
        Arc::new(meters::Meters { statistics: platform }),
        Arc::new(materialized_views::MaterializedViews { statistics: platform }),
        Arc::new(alerts::Alerts),
        Arc::new(alert_history::AlertHistory),
        Arc::new(alert_rules::AlertRules),
        Arc::new(endpoints::Endpoints),
        Arc::new(delivery_attempts::DeliveryAttempts),
        Arc::new(rejections::Rejections),
        Arc::new(late_events::LateEvents),
        Arc::new(audit::Audit),
        Arc::new(queries::Queries),
        Arc::new(engine::Engine),
    ];
    if platform {
        views.push(Arc::new(engine_shards::EngineShards));
    }
    views
}
