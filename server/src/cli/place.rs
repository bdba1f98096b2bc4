//! Where a command works: on a data folder that no node has open, or on a running node.
//!
//! Not here: what is open there ([`super::site`]).

use std::path::PathBuf;

use clap::Args;

use crate::config::{ConfigError, Layers, Settings};

use super::remote::Remote;

/// `--data FOLDER | --url URL --key KEY`
#[derive(Debug, Clone, Args)]
pub struct Place {
    /// Data folder to work on; no node may have it open [default: the one that `serve` would use]
    #[arg(long, value_name = "FOLDER", conflicts_with = "url")]
    pub data: Option<PathBuf>,
    /// Running node to work on, for instance http://127.0.0.1:8080 [env: TENANTRY_URL, unless --data is given]
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
    /// PEM file of the authority that the certificate of an https:// node is from, or of that certificate itself [default: what
    /// this machine trusts]
    #[arg(long, value_name = "FILE", env = "TENANTRY_CA")]
    pub ca: Option<PathBuf>,
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
        if self.data.is_some() {
            return Ok(None);
        }
        // Not by clap, for which a variable that is set would contradict --data like a flag.
        let Some(url) = self.url.clone().or_else(|| std::env::var("TENANTRY_URL").ok()) else { return Ok(None) };
        let Some(key) = &self.key else {
            anyhow::bail!("a running node wants an API key: give --key, or set TENANTRY_KEY");
        };
        Remote::new(&url, key, self.ca.as_deref()).map(Some)
    }

    /// The settings for the data folder.
    ///
    /// # Errors
    /// If file or environment are wrong.
    pub(super) fn settings(&self) -> Result<Settings, ConfigError> {
        let flag = |data: &PathBuf| ("--data".to_owned(), "data".to_owned(), data.display().to_string());
        Layers::gather(None, self.data.iter().map(flag).collect())?.merge()
    }
}
