//! A running node, over its HTTP API.
//!
//! Plain HTTP: keys stay on the machine or behind a proxy that ends TLS. Not here: what is asked ([`super::api`]).

use std::io::{self, Read};
use std::time::Duration;

use serde_json::{Value, json};
use ureq::Agent;
use ureq::http::header::{HeaderValue, RETRY_AFTER};
use ureq::http::{Request as HttpRequest, Response};

use super::api::{ANSWER_BYTES_MAX, Request, understood};

/// What became of events that were sent.
#[derive(Debug)]
pub(super) enum Sent {
    /// The answer counts them.
    Answered(Value),
    /// 429 or 503: the node asks to be sent all of them again.
    NotNow {
        /// When, if it says so.
        retry_after: Option<Duration>,
        /// Its problem, in its own words.
        reason: anyhow::Error,
    },
}

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A node that answers HTTP.
#[derive(Debug, Clone)]
pub(super) struct Remote {
    agent: Agent,
    base: String,
    key: String,
}

impl Remote {
    /// The node at `url`, asked with `key`.
    ///
    /// # Errors
    /// If `url` is not an `http://` one.
    pub(super) fn new(url: &str, key: &str) -> anyhow::Result<Self> {
        if !url.starts_with("http://") {
            anyhow::bail!("{url}: expected http://HOST:PORT");
        }
        // Statuses carry problems, which are read here rather than by the library.
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .user_agent(concat!("tenantry/", env!("CARGO_PKG_VERSION")))
            .build();
        Ok(Self { agent: config.into(), base: url.trim_end_matches('/').to_owned(), key: key.to_owned() })
    }

    /// Sends `request` and reads its answer.
    ///
    /// # Errors
    /// If the node can't be reached or answers with a problem.
    pub(super) fn send(&self, request: &Request) -> anyhow::Result<Value> {
        let body = request.body.as_ref().map(Value::to_string);
        let mut answer =
            self.ask(request.method.as_str(), &request.path, "application/json", body.unwrap_or_default())?;
        let status = answer.status().as_u16();
        let bytes = answer.body_mut().with_config().limit(ANSWER_BYTES_MAX as u64).read_to_vec()?;
        understood(status, &bytes)
    }

    /// Runs one statement; the rows come as the API writes them in `format`.
    ///
    /// # Errors
    /// As [`Remote::send`].
    pub(super) fn sql(&self, sql: &str, format: &str) -> anyhow::Result<impl Read + use<>> {
        let body = json!({ "sql": sql, "format": format }).to_string();
        self.stream(self.ask("POST", "/v1/sql", "application/json", body)?)
    }

    /// Sends events, once.
    ///
    /// # Errors
    /// If the node can't be reached or answers with a problem that waiting does not mend.
    pub(super) fn events(&self, lines: &[u8]) -> anyhow::Result<Sent> {
        let mut answer = self.ask("POST", "/v1/events", "application/x-ndjson", lines)?;
        let status = answer.status().as_u16();
        let retry_after = seconds(answer.headers().get(RETRY_AFTER));
        let bytes = answer.body_mut().with_config().limit(ANSWER_BYTES_MAX as u64).read_to_vec()?;
        match understood(status, &bytes) {
            Ok(answer) => Ok(Sent::Answered(answer)),
            Err(reason) if matches!(status, 429 | 503) => Ok(Sent::NotNow { retry_after, reason }),
            Err(refused) => Err(refused),
        }
    }

    fn ask(
        &self,
        method: &str,
        path: &str,
        media_type: &str,
        body: impl AsRef<[u8]>,
    ) -> anyhow::Result<Response<ureq::Body>> {
        let request = HttpRequest::builder()
            .method(method)
            .uri(format!("{}{path}", self.base))
            .header("authorization", format!("Bearer {}", self.key));
        let answer = match method {
            "GET" | "DELETE" => self.agent.run(request.body(())?),
            _ => self.agent.run(request.header("content-type", media_type).body(body.as_ref())?),
        };
        answer.map_err(|error| anyhow::anyhow!("{}: {error}; is the node running there?", self.base))
    }

    fn stream(&self, mut answer: Response<ureq::Body>) -> anyhow::Result<impl Read + use<>> {
        let status = answer.status().as_u16();
        if status != 200 {
            let bytes = answer.body_mut().with_config().limit(ANSWER_BYTES_MAX as u64).read_to_vec()?;
            understood(status, &bytes)?;
            return Err(io::Error::other(format!("the node answered {status}")).into());
        }
        Ok(answer.into_body().into_reader())
    }
}

/// The seconds of a `Retry-After`. A date, which only proxies send, counts as not said.
fn seconds(value: Option<&HeaderValue>) -> Option<Duration> {
    value?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}
