//! A node with rows at a clock that stands still, and its views copied into PostgreSQL.

use std::fmt::Write;
use std::net::SocketAddr;
use std::time::Duration;

use actors::PLATFORM;
use jiff::Timestamp;
use serde_json::{Value, json};
use server::serving::Serving;
use tokio::runtime::{Handle, Runtime};
use tokio_postgres::config::SslMode;
use tokio_postgres::{Client, Config, NoTls, SimpleQueryMessage};

use crate::{answer, clients};

/// What is copied: all views whose rows stay while statements run.
pub(super) const VIEWS: [&str; 11] = [
    "events",
    "late_events",
    "rejections",
    "usage",
    "usage_total",
    "tenants",
    "meters",
    "quotas",
    "meter_tokens",
    "meter_calls",
    "meter_latency",
];
const EVENTS: usize = 180;
/// Events go in as two bodies, so that those of the second are late.
const FIRST_OF_LATE: usize = 170;
/// The time of the first event; the others follow over five weeks, in which clocks are set back twice.
const BEGIN: &str = "2026-10-20T00:00:00Z";
const STEP_S: usize = 16_500;

/// A node, and the key that reads all of it.
pub(super) struct Site {
    serving: Option<Serving>,
    runtime: Runtime,
    key: String,
    _folder: tempfile::TempDir,
}

impl Site {
    pub(super) fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (runtime, serving) = clients::served(folder.path());
        let tenants = ["acme", "globex", "initech"].map(str::to_owned);
        runtime.block_on(serving.node.tenants.create_many(&tenants, "test")).unwrap();
        let key = clients::key(&runtime, &serving, PLATFORM, 1);
        let site = Self { serving: Some(serving), runtime, key, _folder: folder };
        site.fill();
        site
    }

    /// Its Postgres door.
    pub(super) fn door(&self) -> Door {
        let address = self.serving().postgres_address().unwrap();
        Door { runtime: self.runtime.handle().clone(), address, key: self.key.clone() }
    }

    fn serving(&self) -> &Serving {
        self.serving.as_ref().expect("it is taken when the site ends")
    }

    fn send(&self, method: &str, path: &str, media: &str, body: &str) {
        let address = self.serving().http_address().unwrap();
        let headers = [("content-type", media)];
        let answer = answer::send(&answer::agent(), address, (method, path), &self.key, &headers, body.as_bytes());
        assert!(answer.status < 300, "{path}: {}", answer.text);
    }

    fn fill(&self) {
        let put = |path: &str, body: Value| self.send("PUT", path, "application/json", &body.to_string());
        let dimension = |name: &str| json!({"name": name, "path": format!("$.{name}")});
        let window = |size_s: u32| json!({"tumbling": {"size_s": size_s}});
        put(
            "/v1/meters/tokens",
            json!({"event_type": "call", "value": "$.tokens", "aggregation": "sum",
            "dimensions": [dimension("model"), dimension("region")], "window": window(86_400), "description": "Tokens"}),
        );
        put("/v1/meters/calls", json!({"event_type": "call", "aggregation": "count", "window": window(3600)}));
        put(
            "/v1/meters/latency",
            json!({"event_type": "call", "value": "$.latency_ms", "aggregation": "avg",
            "window": window(86_400)}),
        );
        let allowance = |units: u32, period: &str| json!({"allowance": {"units": units, "per": {"period": period, "time_zone": "UTC"}}, "hard": false});
        put("/v1/tenants/acme/quotas/tokens", allowance(3000, "month"));
        put("/v1/tenants/globex/quotas/tokens", allowance(700, "month"));
        put("/v1/tenants/acme/quotas/calls", allowance(7, "day"));
        for numbers in [0..FIRST_OF_LATE, FIRST_OF_LATE..EVENTS] {
            let body = numbers.map(event).collect::<String>();
            self.send("POST", "/v1/events", "application/x-ndjson", &body);
        }
        self.serving().node.engine.cut().unwrap();
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        if let Some(serving) = self.serving.take() {
            self.runtime.block_on(serving.drain()).unwrap();
        }
    }
}

/// Where a node is asked.
pub(super) struct Door {
    runtime: Handle,
    address: SocketAddr,
    key: String,
}

impl Door {
    /// What runs its connections.
    pub(super) fn runtime(&self) -> &Handle {
        &self.runtime
    }

    /// A connection to it.
    pub(super) fn connect(&self) -> Client {
        let mut config = Config::new();
        config.host(self.address.ip().to_string()).port(self.address.port()).dbname("tenantry");
        config.user(PLATFORM).password(&self.key).ssl_mode(SslMode::Disable);
        let (client, connection) = self.runtime.block_on(config.connect(NoTls)).unwrap();
        // It ends with the client.
        self.runtime.spawn(connection);
        client
    }

    /// Makes tables of the views' names, types and rows.
    pub(super) fn copy_into(&self, postgres: &Client) {
        let node = self.connect();
        for view in VIEWS {
            let script = self.runtime.block_on(script(&node, view));
            let made = self.runtime.block_on(postgres.batch_execute(&script));
            made.unwrap_or_else(|error| panic!("{script}\n{error:?}"));
        }
    }
}

/// One event, a line of JSON: with and without subject and members, with texts that patterns and sorting can get wrong.
fn event(n: usize) -> String {
    let tenant = ["acme", "acme", "globex", "initech"][n % 4];
    let kind = ["call", "upload", "call", "login", "call"][n * 7 % 5];
    let source = ["/api", "/batch"][n % 2];
    let micros = if n.is_multiple_of(3) { n * 123_457 % 1_000_000 } else { 0 };
    // The last ones are older than those that came before them.
    let after_s = if n < FIRST_OF_LATE { n * STEP_S } else { (n - FIRST_OF_LATE) * STEP_S + 60 };
    let time = BEGIN.parse::<Timestamp>().unwrap()
        + Duration::from_secs(after_s as u64)
        + Duration::from_micros(micros as u64);
    let mut line = format!(
        r#"{{"specversion":"1.0","id":"e-{n:03}","source":"{source}","type":"{kind}","tenant":"{tenant}","time":"{time}""#
    );
    if !n.is_multiple_of(5) {
        let subject = ["user-1", "User-2", "naïve", "日本", "a_b", "100%", "O'Hara", "user-10"][n % 8];
        write!(line, r#","subject":"{subject}""#).unwrap();
    }
    let data = match kind {
        "call" => {
            let model = ["small", "large", "tiny"][n % 3];
            let mut data = format!(r#"{{"tokens":{},"model":"{model}","ok":{}"#, n * 37 % 101, !n.is_multiple_of(7));
            if !n.is_multiple_of(6) {
                write!(data, r#","latency_ms":{}.{:02}"#, n * 7919 % 1000, n * 31 % 100).unwrap();
            }
            if n % 4 != 3 {
                write!(data, r#","region":"{}""#, ["eu", "us", "eu-west"][n / 2 % 3]).unwrap();
            }
            data + "}"
        }
        "upload" => {
            let tags = [r#"[]"#, r#"["a"]"#, r#"["a","b"]"#][n % 3];
            format!(r#"{{"bytes":{},"tags":{tags}}}"#, n * n * 1_000_003 % 1_000_000_000_000)
        }
        _ => "{}".to_owned(),
    };
    writeln!(line, r#","data":{data}}}"#).unwrap();
    line
}

/// What makes and fills a table as `view` is.
async fn script(node: &Client, view: &str) -> String {
    let all = format!("SELECT * FROM {view}");
    let described = node.prepare(&all).await.unwrap();
    let columns = described.columns().iter().map(|column| format!("\"{}\" {}", column.name(), column.type_().name()));
    let mut script = format!("CREATE TABLE {view} ({});\n", columns.collect::<Vec<_>>().join(", "));
    for message in node.simple_query(&all).await.unwrap() {
        let SimpleQueryMessage::Row(row) = message else { continue };
        let value =
            |text: Option<&str>| text.map_or("NULL".to_owned(), |text| format!("'{}'", text.replace('\'', "''")));
        let values = (0..row.len()).map(|column| value(row.get(column))).collect::<Vec<_>>();
        writeln!(script, "INSERT INTO {view} VALUES ({});", values.join(", ")).unwrap();
    }
    script
}
