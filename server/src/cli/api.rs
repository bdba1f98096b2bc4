//! Administration as requests to the HTTP API, sent to a running node or answered by the same router in this process.
//!
//! So there is one set of rules and one form of answer. Not here: the routes' meaning (`http`), the socket ([`Remote`]).

use std::io::{IsTerminal, Write};

use axum::body::Body;
use axum::http::{Method, Request as HttpRequest, header};
use serde_json::Value;
use tower::ServiceExt;

use crate::http;
use crate::identity::Identity;
use crate::query::Queries;
use crate::telemetry::metrics::Metrics;

use super::place::Place;
use super::table::Table;

/// Longest answer that administration reads, bytes.
pub(super) const ANSWER_BYTES_MAX: usize = 64 << 20;

/// One request to the API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) body: Option<Value>,
}

impl Request {
    pub(super) fn get(path: impl Into<String>) -> Self {
        Self { method: Method::GET, path: path.into(), body: None }
    }

    /// A request whose body is `Null` has none.
    pub(super) fn post(path: impl Into<String>, body: Value) -> Self {
        Self { method: Method::POST, path: path.into(), body: Some(body).filter(|body| !body.is_null()) }
    }

    pub(super) fn put(path: impl Into<String>, body: Value) -> Self {
        Self { method: Method::PUT, path: path.into(), body: Some(body) }
    }

    pub(super) fn delete(path: impl Into<String>) -> Self {
        Self { method: Method::DELETE, path: path.into(), body: None }
    }
}

/// Sends `request` to where `place` says and prints the answer: as a table on a terminal, as JSON otherwise.
pub(super) fn run(place: &Place, request: Request) -> anyhow::Result<()> {
    let answer = send(place, request)?;
    let mut out = std::io::stdout();
    match table(&answer).filter(|_| out.is_terminal()) {
        Some(table) => write!(out, "{table}")?,
        None if answer.is_null() => {}
        None => writeln!(out, "{answer:#}")?,
    }
    Ok(())
}

/// Sends `request` to where `place` says.
pub(super) fn send(place: &Place, request: Request) -> anyhow::Result<Value> {
    if let Some(remote) = place.remote()? {
        return remote.send(&request);
    }
    super::runtime()?.block_on(answer_here(place, request))
}

/// Opens the data folder and lets the API's router answer, as the operator of the machine: who may write the folder may
/// do everything anyway.
async fn answer_here(place: &Place, request: Request) -> anyhow::Result<Value> {
    let config = place.config()?;
    let node = super::place::open(&config).await?;
    let metrics = std::sync::Arc::new(Metrics::default());
    let queries = Queries::new(&config.query, std::sync::Arc::clone(&metrics), std::sync::Arc::clone(&node.clock));
    let door = http::Door::new(config.http_options(), queries, metrics);
    door.open(std::sync::Arc::clone(&node));
    let mut builder = HttpRequest::builder().method(request.method).uri(&request.path);
    builder = builder.extension(Identity::operator());
    let asked = match request.body {
        Some(body) => builder.header(header::CONTENT_TYPE, "application/json").body(Body::from(body.to_string())),
        None => builder.body(Body::empty()),
    }?;
    let answered = http::router(door).oneshot(asked).await?;
    let status = answered.status();
    let bytes = axum::body::to_bytes(answered.into_body(), ANSWER_BYTES_MAX).await?;
    node.drain().await?;
    understood(status.as_u16(), &bytes)
}

/// The answer's value, or the problem that it tells.
pub(super) fn understood(status: u16, bytes: &[u8]) -> anyhow::Result<Value> {
    let value: Value = match bytes.is_empty() {
        true => Value::Null,
        false => {
            serde_json::from_slice(bytes).unwrap_or_else(|_| Value::String(String::from_utf8_lossy(bytes).into_owned()))
        }
    };
    if (200..300).contains(&status) {
        return Ok(value);
    }
    let text = |name: &str| value.get(name).and_then(Value::as_str);
    let hint = text("hint").map(|hint| format!("\nhint: {hint}")).unwrap_or_default();
    match (text("title"), text("detail")) {
        (Some(title), Some(detail)) => anyhow::bail!("{title}: {detail}{hint}"),
        (Some(title), None) => anyhow::bail!("{title}"),
        _ => anyhow::bail!("the node answered {status}: {value}"),
    }
}

/// Rows of a query (`columns` and `rows`), a list of objects, or one object, as a table.
pub(super) fn table(answer: &Value) -> Option<Table> {
    let list = match answer {
        Value::Array(list) => list,
        Value::Object(members) => match (members.get("columns"), members.get("rows")) {
            (Some(Value::Array(columns)), Some(Value::Array(rows))) => return Some(rows_table(columns, rows)),
            _ => return Some(members_table(members)),
        },
        _ => return None,
    };
    let first = list.first()?.as_object()?;
    let mut table = Table::new(first.keys().cloned());
    for item in list {
        table.push(first.keys().map(|name| cell(item.get(name))).collect());
    }
    Some(table)
}

fn rows_table(columns: &[Value], rows: &[Value]) -> Table {
    let mut table = Table::new(columns.iter().map(|column| cell(column.get("name"))));
    for row in rows.iter().filter_map(Value::as_array) {
        table.push(row.iter().map(|value| cell(Some(value))).collect());
    }
    table
}

fn members_table(members: &serde_json::Map<String, Value>) -> Table {
    let mut table = Table::new(["member", "value"]);
    for (name, value) in members {
        table.push(vec![name.clone(), cell(Some(value))]);
    }
    table
}

fn cell(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lists_become_tables() {
        let list = table(&json!([{"name": "a", "events": 7}, {"name": "b"}])).unwrap().to_string();
        let rows = json!({"columns": [{"name": "events"}, {"name": "name"}], "rows": [[7, "a"], [null, "b"]]});
        assert_eq!(list, "events  name\n------  ----\n     7  a\n        b\n");
        assert_eq!(table(&rows).unwrap().to_string(), list);
        assert!(table(&json!([])).is_none());
        assert!(table(&json!({"name": "a"})).unwrap().to_string().contains("name    a"));
    }

    #[test]
    fn problems_are_told_in_their_own_words() {
        let problem = br#"{"title":"Nothing here","detail":"no tenant x","status":404}"#;
        assert_eq!(understood(404, problem).unwrap_err().to_string(), "Nothing here: no tenant x");
        assert_eq!(understood(204, b"").unwrap(), Value::Null);
        assert!(understood(502, b"bad gateway").unwrap_err().to_string().contains("502"));
    }
}
