//! Bounded (I8): whatever clients do, the node stays up, in its memory, and answers the others.
//!
//! Not here: the limits one by one (the tests of the doors), the kill (`torture`).

mod hostile;
mod overload;
mod neighbour;
mod strangers;
mod revoked;
mod memory;
mod readers;
mod flights;
mod turns;

use std::path::Path;

use serde_json::json;

use crate::served::{Served, platform_key};

/// A node, its platform's key, and the meter `tokens`: the sum of `$.tokens` of `call` by `$.model` and minute.
struct Bounded {
    node: Served,
    key: String,
    /// For clients that want one.
    runtime: tokio::runtime::Runtime,
    _data: tempfile::TempDir,
}

impl Bounded {
    fn start(settings: &[&str]) -> Self {
        let data = tempfile::tempdir().unwrap();
        let key = platform_key(data.path());
        let node = Served::start(data.path(), &key, settings).unwrap_or_else(|said| panic!("{said}"));
        let meter = json!({"event_type": "call", "value": "$.tokens", "aggregation": "sum",
            "dimensions": [{"name": "model", "path": "$.model"}], "window": {"tumbling": {"size_s": 60}}});
        assert_eq!(node.json("PUT", "/v1/meters/tokens", &meter).status, 200);
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        Self { node, key, runtime, _data: data }
    }

    /// Creates a tenant and gives a key of it.
    fn tenant(&self, name: &str) -> String {
        assert_eq!(self.node.json("POST", "/v1/tenants", &json!({"tenant": name})).status, 201);
        let key = self.node.json("POST", &format!("/v1/tenants/{name}/keys"), &json!({"scopes": ["ingest", "query"]}));
        key.json()["key"].as_str().unwrap().to_owned()
    }

    /// Resident memory in MB.
    fn resident_mb(&self) -> f64 {
        self.status_mb("VmRSS:")
    }

    /// The most that it has been, since the start or [`Bounded::forget_peak`].
    fn peak_mb(&self) -> f64 {
        self.status_mb("VmHWM:")
    }

    /// Has the peak be counted from now on.
    fn forget_peak(&self) {
        std::fs::write(Path::new("/proc").join(self.node.pid().to_string()).join("clear_refs"), "5").unwrap();
    }

    fn status_mb(&self, name: &str) -> f64 {
        let status = std::fs::read_to_string(Path::new("/proc").join(self.node.pid().to_string()).join("status"));
        let status = status.unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.split_whitespace().next().unwrap().parse::<f64>().unwrap() / 1024.0
    }
}

/// `rows` events as a body of NDJSON in which the ids can be changed in place.
struct Template {
    body: Vec<u8>,
    ids: Vec<usize>,
}

const ID_DIGITS: usize = 12;

impl Template {
    fn new(tenant: Option<&str>, rows: usize) -> Self {
        let (mut body, mut ids) = (Vec::new(), Vec::new());
        for row in 0..rows {
            ids.push(body.len() + r#"{"id":""#.len());
            let tenant = tenant.map(|tenant| format!(r#""tenant":"{tenant}","#)).unwrap_or_default();
            let event = format!(
                r#"{{"id":"{:0ID_DIGITS$}",{tenant}"specversion":"1.0","source":"/load","type":"call","data":{{"model":"m{}","tokens":1}}}}"#,
                0,
                row % 7
            );
            body.extend_from_slice(event.as_bytes());
            body.push(b'\n');
        }
        Self { body, ids }
    }

    /// The same events under ids from `first` on.
    fn from(&mut self, first: u64) -> &[u8] {
        for (row, at) in self.ids.iter().enumerate() {
            let id = format!("{:0ID_DIGITS$}", first + row as u64);
            self.body[*at..at + ID_DIGITS].copy_from_slice(id.as_bytes());
        }
        &self.body
    }
}
