//! Where a command works: on a data folder that no node has open, or on a running node.
//!
//! Administration is the HTTP API in both cases: over a socket, or through the same router in this process, so that both
//! have the same rules and the same answers. Not here: the API.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use engine::clock::SystemClock;

use crate::config::{Config, ConfigError, Layers};
use crate::node::{Node, NodeError};

use super::remote::Remote;

/// `--data FOLDER | --url URL --key KEY`
#[derive(Debug, Clone, Args)]
pub struct Place {
    /// Data folder to work on; no node may have it open [default: the one that `serve` would use]
    #[arg(long, value_name = "FOLDER", conflicts_with = "url")]
    pub data: Option<PathBuf>,
    /// Running node to work on, for instance http://127.0.0.1:8080
    #[arg(long, value_name = "URL", env = "TENANTRY_URL")]
    pub url: Option<String>,
    /// API key for the running node
    #[arg(long, value_name = "KEY", env = "TENANTRY_KEY", hide_env_values = true)]
    pub key: Option<String>,
}

impl Place {
    /// The running node, if one is named.
    ///
    /// # Errors
    /// If there is a URL but no key, or the URL is none.
    pub(super) fn remote(&self) -> anyhow::Result<Option<Remote>> {
        let Some(url) = self.url.as_ref().filter(|_| self.data.is_none()) else { return Ok(None) };
        let Some(key) = &self.key else {
            anyhow::bail!("a running node wants an API key: give --key or set TENANTRY_KEY");
        };
        Remote::new(url, key).map(Some)
    }

    /// The configuration for the data folder.
    ///
    /// # Errors
    /// If file or environment are wrong.
    pub(super) fn config(&self) -> Result<Config, ConfigError> {
        let flag = |data: &PathBuf| ("--data".to_owned(), "data".to_owned(), data.display().to_string());
        Ok(Layers::gather(None, self.data.iter().map(flag).collect())?.merge()?.config)
    }

    /// Opens the data folder as a node without doors.
    ///
    /// # Errors
    /// If the configuration is wrong or the node does not open.
    pub(super) async fn open(&self) -> anyhow::Result<Arc<Node>> {
        Ok(open(&self.config()?).await?)
    }
}

/// Opens a node on the machine's clock.
pub(super) async fn open(config: &Config) -> Result<Arc<Node>, NodeError> {
    Node::open(config.node_options(), Arc::new(SystemClock)).await
}
