//! What a node is opened with. The configuration file, environment and flags become this (`config`).

use std::path::PathBuf;
use std::sync::Arc;

use actors::TenantsOptions;
use engine::log::segment::SegmentOptions;
use engine::service::EngineOptions;
use pipelines::catalog::CatalogOptions;
use pipelines::metering::MeteringOptions;

use crate::query::History;

/// Options of a node.
#[derive(Debug, Clone)]
pub struct NodeOptions {
    /// The data folder.
    pub data: PathBuf,
    /// Whether a folder that is not there is made; whoever only reads makes none of a mistyped path.
    pub make: bool,
    /// Shards of a new folder, 0 for one a core; an existing one keeps its own.
    pub shards_if_new: u16,
    /// Of both logs.
    pub segments: SegmentOptions,
    /// Of the engine.
    pub engine: EngineOptions,
    /// Of the shards' panes.
    pub metering: MeteringOptions,
    /// Of the tenants' actors.
    pub tenants: TenantsOptions,
    /// Of the query side.
    pub catalog: CatalogOptions,
    /// Where the doors remember statements, for the view `queries`.
    pub history: Arc<History>,
}

impl NodeOptions {
    /// Defaults on the folder `data`.
    pub fn new(data: impl Into<PathBuf>) -> Self {
        Self {
            data: data.into(),
            make: true,
            shards_if_new: 0,
            segments: SegmentOptions::default(),
            engine: EngineOptions::default(),
            metering: MeteringOptions::default(),
            tenants: TenantsOptions::default(),
            catalog: CatalogOptions::default(),
            history: Arc::default(),
        }
    }
}
