//! A node with two tenants whose Flight door is open, and the keys that open it.

use std::sync::Arc;

use actors::api_key::ApiKey;
use actors::facets::keys::{KeysCommand, Scope, Scopes};
use actors::scram::ScramVerifier;
use actors::{Command, PLATFORM};
use arrow::util::display::array_value_to_string;
use engine::clock::{Clock, SystemClock};
use engine::event::builder::{Attributes, EventBatchBuilder};
use engine::units::Units;
use pipelines::catalog::Visibility;
use server::config::Layers;
use server::serving::Serving;

const PRINCIPAL: &str = "test";

pub(super) struct House {
    pub(super) serving: Serving,
    pub(super) folder: tempfile::TempDir,
}

impl House {
    pub(super) async fn open(more: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("node").display().to_string();
        let own = [
            ("data", data.as_str()),
            ("http.address", ""),
            ("postgres.address", ""),
            ("flight.address", "127.0.0.1:0"),
        ];
        let flags = own.iter().chain(more).map(|(name, value)| ("test".into(), (*name).into(), (*value).into()));
        let config = Layers { flags: flags.collect(), ..Layers::default() }.merge().unwrap().config;
        let serving = Serving::open(&config, Arc::new(SystemClock)).await.unwrap();
        serving.node.tenants.create_many(&["acme".to_owned(), "globex".to_owned()], PRINCIPAL).await.unwrap();
        Self { serving, folder }
    }

    pub(super) fn port(&self) -> String {
        self.serving.flight_address().unwrap().port().to_string()
    }

    /// A new key with all scopes; no two with one `number`.
    pub(super) async fn key(&self, tenant: &str, number: u8) -> String {
        self.key_with(tenant, number, &Scope::ALL).await
    }

    pub(super) async fn key_with(&self, tenant: &str, number: u8, scopes: &[Scope]) -> String {
        let (ApiKey { id, hash }, text) = ApiKey::generate([number; 8], [number; 32]);
        let scopes: Scopes = scopes.iter().copied().collect();
        let create = KeysCommand::Create {
            id,
            hash,
            scram: ScramVerifier::derive(tenant, &text),
            scopes,
            label: String::new(),
            expires_at_us: None,
            tenants: None,
        };
        self.serving.node.command(tenant, Command::Keys(create), PRINCIPAL).await.unwrap();
        text
    }

    pub(super) async fn platform(&self, number: u8) -> String {
        self.key(PLATFORM, number).await
    }

    /// The rows of a statement of the platform, cells joined by `|`.
    pub(super) async fn rows(&self, sql: &str) -> Vec<String> {
        let frame = self.serving.node.catalog.query(&Visibility::Platform, sql).await.unwrap();
        let mut rows = Vec::new();
        for batch in frame.collect().await.unwrap() {
            for row in 0..batch.num_rows() {
                let cells = batch.columns().iter().map(|column| array_value_to_string(column, row).unwrap());
                rows.push(cells.collect::<Vec<_>>().join("|"));
            }
        }
        rows
    }

    /// `count` events of `tenant` with the member `tokens`, in sight of queries.
    pub(super) fn fill(&self, tenant: &str, count: usize) {
        let mut builder = EventBatchBuilder::new();
        let now_us = SystemClock.now_us();
        for number in 0..count {
            builder.units("/tokens", Units::whole(number as i64));
            builder.commit(Attributes {
                tenant,
                id: &format!("{tenant}-{number}"),
                source: "/test",
                event_type: "call",
                subject: None,
                time_us: now_us - number as i64,
            });
        }
        let receipt = self.serving.node.engine.submit_and_wait(builder.finish()).unwrap();
        assert_eq!(receipt.tally().admitted, count as u64);
        self.serving.node.engine.cut().unwrap();
    }
}
