//! The clients that analysts bring, as they are: real drivers against a real node. Here those of the Postgres door ([`flight`]
//! has its own): one node for all of them, and the snippets of the page "Connect your tool", which are
//! run as they stand there.
//!
//! What a client needs is made once in the user's cache folder, pinned; where what runs it is missing the tests say so and
//! skip, but fail under `CI=true`.

pub(crate) mod tools;
mod psql;
mod psycopg;
mod asyncpg;
mod sqlalchemy;
mod adbc;
mod ibis;
mod dbt;
mod node_pg;
mod porsager;
mod pgx;
mod jdbc;
mod odbc;
mod grafana;
mod asked;
mod parquet;
mod flight;
mod schemathesis;

use std::fmt::Write;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use actors::api_key::ApiKey;
use actors::facets::keys::{KeysCommand, Scopes};
use actors::scram::ScramVerifier;
use actors::{Command as TenantCommand, PLATFORM};
use engine::clock::ManualClock;
use jiff::Timestamp;
use serde_json::json;
use server::config::Layers;
use server::serving::Serving;
use tokio::runtime::Runtime;

use crate::answer;

const PAGE: &str = include_str!("../../../connect/README.md");

/// The clock stands still, so that the rows are the same every day.
const NOW: &str = "2026-11-23T12:00:00Z";

/// A node with rows, and keys for its tenants.
struct Rig {
    serving: Option<Serving>,
    runtime: Runtime,
    platform: String,
    acme: String,
    _folder: tempfile::TempDir,
}

/// The node that tests share while one of them holds it: the tenant `acme` used 1 to 60 tokens in the minutes of an hour,
/// `globex` 100 once.
fn rig() -> Arc<Rig> {
    static SHARED: Mutex<Weak<Rig>> = Mutex::new(Weak::new());
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(rig) = shared.upgrade() {
        return rig;
    }
    let rig = Arc::new(Rig::open());
    *shared = Arc::downgrade(&rig);
    rig
}

/// A node in `folder` that serves HTTP and Postgres on free ports, at [`NOW`].
pub(crate) fn served(folder: &Path) -> (Runtime, Serving) {
    let data = folder.join("node").display().to_string();
    let flags = [
        ("data", data.as_str()),
        ("http.address", "127.0.0.1:0"),
        ("postgres.address", "127.0.0.1:0"),
        ("flight.address", ""),
    ];
    let flags = flags.map(|(name, value)| ("test".into(), name.into(), value.into())).to_vec();
    let config = Layers { flags, ..Layers::default() }.merge().unwrap().config;
    let clock = ManualClock::new(NOW.parse::<Timestamp>().unwrap().as_microsecond());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let serving = runtime.block_on(Serving::open(&config, Arc::new(clock))).unwrap();
    (runtime, serving)
}

/// A key that may do everything as `tenant`: its text, made of `number`.
pub(crate) fn key(runtime: &Runtime, serving: &Serving, tenant: &str, number: u8) -> String {
    let (key, text) = ApiKey::generate([number; 8], [number; 32]);
    let create = KeysCommand::Create {
        id: key.id,
        hash: key.hash,
        scram: ScramVerifier::derive(tenant, &text),
        scopes: Scopes::all(),
        label: String::new(),
        expires_at_us: None,
        tenants: None,
    };
    runtime.block_on(serving.node.command(tenant, TenantCommand::Keys(create), "test")).unwrap();
    text
}

impl Rig {
    fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (runtime, serving) = served(folder.path());
        let tenants = ["acme".to_owned(), "globex".to_owned()];
        runtime.block_on(serving.node.tenants.create_many(&tenants, "test")).unwrap();
        let mut rig =
            Self { serving: Some(serving), runtime, platform: String::new(), acme: String::new(), _folder: folder };
        rig.platform = key(&rig.runtime, rig.serving(), PLATFORM, 1);
        rig.acme = key(&rig.runtime, rig.serving(), "acme", 2);
        rig.fill();
        rig
    }

    fn serving(&self) -> &Serving {
        self.serving.as_ref().expect("it is taken when the rig ends")
    }

    fn fill(&self) {
        let send = |method: &str, path: &str, media: &str, body: &str| {
            let address = self.serving().http_address().unwrap();
            let headers = [("content-type", media)];
            let answer =
                answer::send(&answer::agent(), address, (method, path), &self.platform, &headers, body.as_bytes());
            assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        };
        let meter = json!({"event_type": "call", "value": "$.tokens", "aggregation": "sum",
            "dimensions": [{"name": "model", "path": "$.model"}], "window": {"tumbling": {"size_s": 60}}});
        send("PUT", "/v1/meters/tokens", "application/json", &meter.to_string());
        let mut events = String::new();
        let mut push = |tenant: &str, minute: i32, tokens: i32| {
            let event = json!({"specversion": "1.0", "id": format!("{tenant}-{minute}"), "source": "/test",
                "type": "call", "tenant": tenant, "time": format!("2026-11-23T11:{minute:02}:00Z"),
                "data": {"tokens": tokens, "model": if minute % 2 == 0 { "small" } else { "large" }}});
            writeln!(events, "{event}").unwrap();
        };
        (0..60).for_each(|minute| push("acme", minute, minute + 1));
        push("globex", 30, 100);
        send("POST", "/v1/events", "application/x-ndjson", &events);
        self.serving().node.engine.cut().unwrap();
    }

    /// Has `command` connect as `user`, by the variables that Postgres clients know.
    fn run(&self, command: &mut Command, user: &str) -> Output {
        let address = self.serving().postgres_address().unwrap();
        let key = if user == PLATFORM { &self.platform } else { &self.acme };
        command.env("PGHOST", "127.0.0.1").env("PGPORT", address.port().to_string()).env("PGDATABASE", "tenantry");
        command.env("PGUSER", user).env("PGPASSWORD", key).env("PGSSLMODE", "require");
        command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"))
    }

    /// What it says, if it succeeds.
    fn told(&self, command: &mut Command, user: &str) -> String {
        let output = self.run(command, user);
        let (said, complained) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{command:?}\n{said}\n{complained}");
        said.into_owned()
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        if let Some(serving) = self.serving.take() {
            self.runtime.block_on(serving.drain()).unwrap();
        }
    }
}

/// The first block of code under a heading of the page.
fn snippet(heading: &str) -> &'static str {
    let (_, section) = PAGE.split_once(&format!("\n## {heading}\n")).unwrap_or_else(|| panic!("no heading {heading}"));
    let (_, block) = section.split_once("\n```").expect("a block begins");
    let (_, code) = block.split_once('\n').expect("a block has lines");
    code.split_once("\n```").expect("a block ends").0
}
