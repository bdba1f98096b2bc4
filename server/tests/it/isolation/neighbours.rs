//! A served node of 51 tenants: one that asks, and 50 whose events, refusals, limits, keys and statements bear marks.

use std::fmt::Write;
use std::net::SocketAddr;

use actors::api_key::ApiKey;
use actors::facets::keys::{KeysCommand, Scopes};
use actors::scram::ScramVerifier;
use actors::{Command, PLATFORM};
use serde_json::{Value, json};
use server::serving::Serving;

use super::grammar::OWN;
use crate::answer::{self, Answer};
use crate::clients::served;

const NEIGHBOURS: u64 = 50;
/// Of those, the first may be named in statements, so that their names are no marks.
pub(super) const NAMED: u64 = 5;
/// In all texts of theirs, and the begin of all their numbers. Postgres' own catalogs know canaries, as islands.
const MARKS: [&str; 2] = ["kanari", "3133773133"];
const EVENTS: u64 = 260;

/// See the module.
pub(super) struct Neighbours {
    serving: Option<Serving>,
    runtime: tokio::runtime::Runtime,
    agent: ureq::Agent,
    pub(super) own: String,
    pub(super) platform: String,
    pub(super) folder: tempfile::TempDir,
}

pub(super) fn name(neighbour: u64) -> String {
    format!("neighbour-{neighbour:02}")
}

fn number(neighbour: u64) -> String {
    format!("{}{neighbour:02}", MARKS[1])
}

/// The mark that `text` shows, if one.
pub(super) fn shown_in(text: &str) -> Option<String> {
    let text = text.to_lowercase();
    let names = (NAMED + 1..=NEIGHBOURS).map(name);
    MARKS.iter().map(|mark| (*mark).to_owned()).chain(names).find(|mark| text.contains(mark.as_str()))
}

impl Neighbours {
    pub(super) fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (runtime, serving) = served(folder.path());
        let mut node = Self {
            serving: Some(serving),
            runtime,
            agent: answer::agent(),
            own: String::new(),
            platform: String::new(),
            folder,
        };
        let tenants = (1..=NEIGHBOURS).map(name).chain([OWN.to_owned()]).collect::<Vec<_>>();
        node.runtime.block_on(node.serving().node.tenants.create_many(&tenants, "test")).unwrap();
        (node.platform, node.own) = (node.key(PLATFORM, 1), node.key(OWN, 2));
        node.fill();
        node
    }

    fn serving(&self) -> &Serving {
        self.serving.as_ref().expect("it is taken when this ends")
    }

    pub(super) fn postgres(&self) -> SocketAddr {
        self.serving().postgres_address().unwrap()
    }

    fn key(&self, tenant: &str, number: u8) -> String {
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
        self.runtime.block_on(self.serving().node.command(tenant, Command::Keys(create), "test")).unwrap();
        text
    }

    fn send(&self, method: &str, path: &str, key: &str, media: &str, body: &str) -> Answer {
        let address = self.serving().http_address().unwrap();
        answer::send(&self.agent, address, (method, path), key, &[("content-type", media)], body.as_bytes())
    }

    pub(super) fn sql(&self, key: &str, sql: &str) -> Answer {
        self.send("POST", "/v1/sql", key, "application/json", &json!({ "sql": sql }).to_string())
    }

    fn fill(&self) {
        let done = |method: &str, path: &str, body: Value| {
            let answer = self.send(method, path, &self.platform, "application/json", &body.to_string());
            assert!(answer.status < 300, "{path}: {}", answer.text);
            answer
        };
        let meter = json!({"event_type": "1", "value": "$.value", "aggregation": "max",
            "dimensions": [{"name": "region", "path": "$.region"}], "window": {"tumbling": {"size_s": 3600}}});
        done("PUT", "/v1/meters/highest", meter);
        // What can be limited; each tenant has one event of it, so that what is used of a quota is its own number.
        let limited = json!({"event_type": "2", "value": "$.value", "aggregation": "sum",
            "window": {"tumbling": {"size_s": 3600}}});
        done("PUT", "/v1/meters/limited", limited);
        for view in [
            "by_source AS SELECT source, count(*) AS n, max(id) AS last FROM events GROUP BY source",
            "by_region AS SELECT tenant, json_value(data, '$.region') AS region, min(subject) AS subject FROM events \
             GROUP BY 1, 2",
        ] {
            done("POST", "/v1/sql", json!({"sql": format!("CREATE MATERIALIZED VIEW {view}")}));
        }
        // Before the events, which a hard limit would refuse.
        for neighbour in 0..=NEIGHBOURS {
            let tenant = if neighbour == 0 { OWN.to_owned() } else { name(neighbour) };
            let allowance = if neighbour == 0 { "7".to_owned() } else { number(neighbour) };
            let quota =
                json!({"allowance": {"units": allowance, "per": {"period": "day", "time_zone": "UTC"}}, "hard": false});
            done("PUT", &format!("/v1/tenants/{tenant}/quotas/limited"), quota);
            let key = json!({"scopes": ["query"], "label": text(neighbour, "label")});
            let made = done("POST", &format!("/v1/tenants/{tenant}/keys"), key).json();
            let asked = format!("SELECT '{}' AS \"{}\"", text(neighbour, "statement"), text(neighbour, "column"));
            assert_eq!(self.sql(made["key"].as_str().unwrap(), &asked).status, 200);
        }
        self.events();
        self.serving().node.engine.cut().unwrap();
    }

    /// In three bodies, so that what is far back is late; of every tenant one is refused.
    fn events(&self) {
        let event = |kind: &str, count: u64, neighbour: u64, time: &str, value: &str| {
            let tenant = if neighbour == 0 { OWN.to_owned() } else { name(neighbour) };
            format!(
                r#"{{"specversion":"1.0","id":"{}","source":"{}","type":"{kind}","subject":"{}","tenant":"{tenant}","time":"{time}",
                "data":{{"value":{value},"region":"{}","tags":["{}"]}}}}"#,
                if neighbour == 0 { count.to_string() } else { text(neighbour, &format!("id-{count}")) },
                text(neighbour, "source"),
                text(neighbour, "subject"),
                text(neighbour, "region"),
                text(neighbour, "tag"),
            )
            .replace('\n', "")
        };
        let value = |neighbour: u64| if neighbour == 0 { "5".to_owned() } else { number(neighbour) };
        let mut bodies = [String::new(), String::new(), String::new()];
        for count in 0..EVENTS {
            let neighbour = count % (NEIGHBOURS + 1);
            let time = format!("2026-11-23T11:{:02}:00Z", count % 60);
            writeln!(bodies[0], "{}", event("1", count, neighbour, &time, &value(neighbour))).unwrap();
        }
        for neighbour in 0..=NEIGHBOURS {
            let counted = event("2", 3 * EVENTS + neighbour, neighbour, "2026-11-23T11:59:00Z", &value(neighbour));
            writeln!(bodies[0], "{counted}").unwrap();
            let late = event("1", EVENTS + neighbour, neighbour, "2026-11-23T02:00:00Z", &value(neighbour));
            writeln!(bodies[1], "{late}").unwrap();
            let wrong = format!("\"{}\"", text(neighbour, "wrong"));
            let refused = event("1", 2 * EVENTS + neighbour, neighbour, "2026-11-23T11:00:00Z", &wrong);
            writeln!(bodies[2], "{refused}").unwrap();
        }
        for body in bodies {
            let answer = self.send("POST", "/v1/events", &self.platform, "application/x-ndjson", &body);
            assert!(answer.status < 300 || answer.status == 422, "{}", answer.text);
        }
    }
}

/// A text of a neighbour's, or the asking tenant's own.
fn text(neighbour: u64, what: &str) -> String {
    if neighbour == 0 { "3".to_owned() } else { format!("{}-{neighbour:02}-{what}", MARKS[0]) }
}

impl Drop for Neighbours {
    fn drop(&mut self) {
        if let Some(serving) = self.serving.take() {
            self.runtime.block_on(serving.drain()).unwrap();
        }
    }
}
