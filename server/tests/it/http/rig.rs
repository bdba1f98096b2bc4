//! A node in a temporary folder, its HTTP door on a free port, and a client.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use actors::api_key::ApiKey;
use actors::facets::keys::{KeysCommand, Scope};
use actors::scram::ScramVerifier;
use actors::{Command, PLATFORM};
use engine::clock::ManualClock;
use pipelines::catalog::CatalogOptions;
use pipelines::metering::MeteringOptions;
use serde_json::{Value, json};
use server::config::{self, Config};
use server::http::{self, Door, HttpOptions, HttpServer, ServerOptions};
use server::node::{Node, NodeOptions};
use server::query::Queries;
use server::telemetry::metrics::Metrics;

use crate::answer::{self, Answer};

/// 2026-11-23T12:00:00Z, when all tests happen.
pub(super) const NOW_US: i64 = 1_795_435_200_000_000;

pub(super) struct Rig {
    pub(super) node: Arc<Node>,
    pub(super) clock: Arc<ManualClock>,
    pub(super) door: Arc<Door>,
    pub(super) server: Option<HttpServer>,
    pub(super) address: SocketAddr,
    /// A key of the platform with all scopes.
    pub(super) platform: String,
    pub(super) runtime: tokio::runtime::Runtime,
    agent: ureq::Agent,
    folder: tempfile::TempDir,
}

pub(super) fn rig() -> Rig {
    rig_with(HttpOptions::default())
}

pub(super) fn rig_with(options: HttpOptions) -> Rig {
    rig_of(options, &Config::default().query)
}

/// A node whose panes all go to the lake with the next checkpoint.
pub(super) fn rig_with_cold_panes() -> Rig {
    let cold = MeteringOptions { hot_us: 0, cold_rows_min: 1, ..MeteringOptions::default() };
    rig_made(HttpOptions::default(), &Config::default().query, cold)
}

pub(super) fn rig_of(options: HttpOptions, query: &config::Query) -> Rig {
    rig_made(options, query, MeteringOptions::default())
}

fn rig_made(options: HttpOptions, query: &config::Query, metering: MeteringOptions) -> Rig {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::new(NOW_US));
    let (node, door, server) = runtime.block_on(async {
        let metrics = Arc::new(Metrics::default());
        let queries = Queries::new(query, Arc::clone(&metrics), clock.clone());
        let catalog = CatalogOptions {
            memory_bytes_max: query.memory_bytes_max,
            statement_memory_bytes_max: query.statement_memory_bytes_max,
            ..CatalogOptions::default()
        };
        let history = queries.history();
        let node_options = NodeOptions { history, catalog, metering, ..NodeOptions::new(folder.path()) };
        let node = Node::open(node_options, clock.clone()).await.unwrap();
        let door = Door::new(options, queries, metrics);
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let router = http::router(Arc::clone(&door));
        let server = HttpServer::bind(address, router, ServerOptions::default()).await.unwrap();
        (node, door, server)
    });
    door.open(Arc::clone(&node));
    let mut rig = Rig {
        address: server.address(),
        server: Some(server),
        node,
        clock,
        door,
        platform: String::new(),
        runtime,
        agent: answer::agent(),
        folder,
    };
    rig.platform = rig.key(PLATFORM, &Scope::ALL);
    rig
}

impl Rig {
    /// The node's data folder.
    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Makes a key behind the door's back.
    pub(super) fn key(&self, tenant: &str, scopes: &[Scope]) -> String {
        let (mut id, mut secret) = ([0; 8], [0; 32]);
        getrandom::fill(&mut id).unwrap();
        getrandom::fill(&mut secret).unwrap();
        let (key, text) = ApiKey::generate(id, secret);
        let command = KeysCommand::Create {
            id: key.id,
            hash: key.hash,
            scram: ScramVerifier::derive(tenant, &text),
            scopes: scopes.iter().copied().collect(),
            label: String::new(),
            expires_at_us: None,
            tenants: None,
        };
        self.runtime.block_on(self.node.command(tenant, Command::Keys(command), "test")).unwrap();
        text
    }

    /// An active tenant, and a key of it with all scopes.
    pub(super) fn tenant(&self, name: &str) -> String {
        self.runtime.block_on(self.node.tenants.create(name, "test")).unwrap();
        self.key(name, &Scope::ALL)
    }

    /// The meter `tokens`: sum of `$.tokens` of events of the type `call`, by minute.
    pub(super) fn meter(&self) {
        let meter = json!({"event_type": "call", "value": "$.tokens", "aggregation": "sum",
            "window": {"tumbling": {"size_s": 60}}});
        let answer = self.put("/v1/meters/tokens", &self.platform, &meter);
        assert_eq!(answer.status, 200, "{}", answer.text);
    }

    pub(super) fn send(&self, method: &str, path: &str, key: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        answer::send(&self.agent, self.address, (method, path), key, headers, body)
    }

    pub(super) fn get(&self, path: &str, key: &str) -> Answer {
        self.send("GET", path, key, &[], b"")
    }

    pub(super) fn delete(&self, path: &str, key: &str) -> Answer {
        self.send("DELETE", path, key, &[], b"")
    }

    pub(super) fn post(&self, path: &str, key: &str, body: &Value) -> Answer {
        self.send("POST", path, key, &[("content-type", "application/json")], body.to_string().as_bytes())
    }

    pub(super) fn put(&self, path: &str, key: &str, body: &Value) -> Answer {
        self.send("PUT", path, key, &[("content-type", "application/json")], body.to_string().as_bytes())
    }

    /// One event.
    pub(super) fn single(&self, key: &str, event: &Value) -> Answer {
        let media = [("content-type", "application/cloudevents+json")];
        self.send("POST", "/v1/events", key, &media, event.to_string().as_bytes())
    }

    /// Many events.
    pub(super) fn batch(&self, key: &str, events: &[Value]) -> Answer {
        let media = [("content-type", "application/cloudevents-batch+json")];
        self.send("POST", "/v1/events", key, &media, Value::from(events).to_string().as_bytes())
    }

    /// The rows of a statement that sees everything answered before.
    pub(super) fn sql(&self, key: &str, sql: &str) -> Value {
        self.node.engine.cut().unwrap();
        let answer = self.post("/v1/sql", key, &json!({"sql": sql}));
        assert_eq!(answer.status, 200, "{sql}: {}", answer.text);
        answer.json()
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        let server = self.server.take();
        let node = Arc::clone(&self.node);
        self.runtime.block_on(async move {
            if let Some(server) = server {
                server.drain(Duration::from_secs(10)).await;
            }
            node.drain().await.unwrap();
        });
    }
}

/// An event of the type `call`, a minute ago.
pub(super) fn event(id: &str, tokens: i64) -> Value {
    json!({"specversion": "1.0", "id": id, "source": "/test", "type": "call",
        "time": "2026-11-23T11:59:00Z", "data": {"tokens": tokens}})
}

/// `event` with `name` changed; null removes it.
pub(super) fn with(mut event: Value, name: &str, value: Value) -> Value {
    event[name] = value;
    event
}
