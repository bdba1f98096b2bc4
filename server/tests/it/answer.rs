//! An HTTP client for tests: one request, its whole answer, and what every problem must have.

use std::io::Read;
use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use ureq::Agent;
use ureq::http::{HeaderMap, Request};

/// A client for which a status is an answer, not an error.
pub(crate) fn agent() -> Agent {
    let config = Agent::config_builder().http_status_as_error(false);
    // The node closes a connection that is idle for 15 s; a request must not meet that.
    config.timeout_global(Some(Duration::from_secs(60))).max_idle_age(Duration::from_secs(5)).build().into()
}

/// Asks the node at `address`; `what` is method and path.
pub(crate) fn send(
    agent: &Agent,
    address: SocketAddr,
    what: (&str, &str),
    key: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Answer {
    try_send(agent, address, what, key, headers, body).unwrap_or_else(|error| panic!("{what:?}: {error}"))
}

/// The same of a node that may be gone before it has answered.
///
/// # Errors
/// There is no whole answer.
pub(crate) fn try_send(
    agent: &Agent,
    address: SocketAddr,
    what: (&str, &str),
    key: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Result<Answer, ureq::Error> {
    let (method, path) = what;
    let mut request = Request::builder().method(method).uri(format!("http://{address}{path}"));
    if !key.is_empty() {
        request = request.header("authorization", format!("Bearer {key}"));
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answered = match method {
        "GET" | "DELETE" => agent.run(request.body(()).unwrap()),
        _ => agent.run(request.body(body).unwrap()),
    };
    let mut answer = answered?;
    let mut bytes = Vec::new();
    answer.body_mut().as_reader().read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    Ok(Answer { status: answer.status().as_u16(), headers: answer.headers().clone(), text })
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// A problem of the kind `slug`, with everything that problems have.
    pub(crate) fn is_problem(&self, status: u16, slug: &str) {
        assert_eq!(
            (self.status, self.header("content-type")),
            (status, Some("application/problem+json")),
            "{}",
            self.text
        );
        let problem = self.json();
        assert_eq!(problem["type"], format!("/problems/{slug}"), "{}", self.text);
        assert_eq!(problem["status"], status);
        assert!(!problem["detail"].as_str().unwrap().is_empty(), "{}", self.text);
        assert_eq!(self.header("retry-after").is_some(), matches!(status, 429 | 503), "{}", self.text);
    }
}
