//! `tenantry serve`: a node until it is told to stop.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use actors::PLATFORM;
use clap::Args;
use engine::clock::SystemClock;

use crate::config::{ConfigError, Layers, Settings};
use crate::node::Node;
use crate::serving::Serving;
use crate::telemetry::logging;

use super::{Ended, runtime, stop};

/// Run a node
#[derive(Debug, Args)]
#[command(after_help = "\
Settings come from a file (--config, or tenantry.toml in the working folder), then from environment
variables (TENANTRY_HTTP_ADDRESS sets http.address), then from flags; the last one counts.
--print-config prints all of them with their explanation, value and origin; its output is a valid file.

Ctrl-C or SIGTERM drains: running requests end, state is checkpointed. A second one ends at once. Either
way nothing that was acknowledged is lost.

Examples:
  tenantry serve --data ./data
  tenantry serve --http 0.0.0.0:8080 --set tls.certificate=chain.pem --set tls.key=key.pem
  tenantry serve --set engine.checkpoint_interval_ms=5000 --print-config > tenantry.toml")]
pub(super) struct Serve {
    /// Configuration file
    #[arg(long, value_name = "FILE", env = "TENANTRY_CONFIG")]
    config: Option<PathBuf>,
    /// Data folder
    #[arg(long, value_name = "FOLDER")]
    data: Option<String>,
    /// Address of the HTTP API
    #[arg(long, value_name = "ADDRESS")]
    http: Option<String>,
    /// Address of the Postgres wire protocol
    #[arg(long, value_name = "ADDRESS")]
    postgres: Option<String>,
    /// Address of Arrow Flight SQL
    #[arg(long, value_name = "ADDRESS")]
    flight: Option<String>,
    /// Shards of a new data folder, 0 for one a core; an existing one keeps its own
    #[arg(long, value_name = "N")]
    shards: Option<String>,
    /// What is logged: a level, or directives
    #[arg(long, value_name = "FILTER")]
    log: Option<String>,
    /// Any setting, by its dotted name
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = setting)]
    settings: Vec<(String, String)>,
    /// Print the settings in force and where each came from, and end
    #[arg(long)]
    print_config: bool,
}

fn setting(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE, for instance engine.shards=8")?;
    Ok((name.to_owned(), value.to_owned()))
}

impl Serve {
    pub(super) fn run(self) -> anyhow::Result<Ended> {
        let settings = self.settings()?;
        if self.print_config {
            write!(std::io::stdout(), "{settings}")?;
            return Ok(Ended::Well);
        }
        logging::init(&settings.config.log)?;
        runtime()?.block_on(serve(&settings))
    }

    fn settings(&self) -> Result<Settings, ConfigError> {
        let own = [
            ("--data", "data", &self.data),
            ("--http", "http.address", &self.http),
            ("--postgres", "postgres.address", &self.postgres),
            ("--flight", "flight.address", &self.flight),
            ("--shards", "engine.shards", &self.shards),
            ("--log", "log.filter", &self.log),
        ];
        let own = own.into_iter().filter_map(|(flag, name, value)| Some((flag, name, value.as_ref()?)));
        let set = self.settings.iter().map(|(name, value)| ("--set", name.as_str(), value));
        let flags = own.chain(set).map(|(flag, name, value)| (flag.to_owned(), name.to_owned(), value.clone()));
        Layers::gather(self.config.as_deref(), flags.collect())?.merge()
    }
}

async fn serve(settings: &Settings) -> anyhow::Result<Ended> {
    let config = &settings.config;
    let mut serving = Serving::open(config, Arc::new(SystemClock)).await?;
    if serving.node.is_new() {
        tracing::info!(shards = serving.node.shards(), "made a new data folder");
    }
    if let Some(told) = settings.without_effect(serving.node.shards()) {
        tracing::warn!("{told}");
    }
    let address = |address: Option<std::net::SocketAddr>| address.map_or("off".to_owned(), |at| at.to_string());
    tracing::info!(
        data = %config.data.display(),
        http = address(serving.http_address()),
        postgres = address(serving.postgres_address()),
        flight = address(serving.flight_address()),
        "ready"
    );
    if !has_platform_key(&serving.node) {
        tracing::warn!(
            "there is no platform key yet, so nobody can ask: stop, make one with \
             `tenantry key create --platform --data {}`, and start again",
            config.data.display()
        );
    }
    tokio::select! {
        asked = stop::asked() => asked?,
        broken = serving.broken() => return Err(broken.into()),
    }
    tracing::info!("draining");
    serving.drain().await?;
    tracing::info!("drained");
    Ok(Ended::Well)
}

fn has_platform_key(node: &Node) -> bool {
    node.tenants.state(PLATFORM).is_some_and(|platform| !platform.keys().keys.is_empty())
}
