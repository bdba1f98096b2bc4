//! The HTTP door of a node that may be gone at any moment; each request is seen by a [`Watch`].

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::answer::{self, Answer};
use crate::served::Served;
use crate::soak::roll;
use crate::watch::Watch;

/// Longest wait for anything.
const PATIENCE: Duration = Duration::from_secs(60);

/// The way to a node that may be gone.
#[derive(Clone)]
pub(crate) struct Door {
    agent: ureq::Agent,
    pub(crate) address: SocketAddr,
    pub(crate) watch: Arc<Watch>,
}

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Attempt {
    Answered,
    NotNow,
    Gone,
}

impl Door {
    /// To a node whose requests may break off at any moment.
    pub(crate) fn to(node: &Served) -> Self {
        let watch = Arc::<Watch>::default();
        watch.release();
        Self::watched(node, &watch)
    }

    pub(crate) fn watched(node: &Served, watch: &Arc<Watch>) -> Self {
        Self { agent: answer::agent(), address: node.address(), watch: Arc::clone(watch) }
    }

    pub(crate) fn send(
        &self,
        method: &str,
        path: &str,
        key: &str,
        media: &str,
        body: &[u8],
    ) -> Result<Answer, ureq::Error> {
        self.send_with(method, path, key, &[("content-type", media)], body)
    }

    pub(crate) fn send_with(
        &self,
        method: &str,
        path: &str,
        key: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Answer, ureq::Error> {
        let (kind, limit) = roll::kind(method, path);
        self.ask(&kind, limit, (method, path), key, headers, body)
    }

    /// Rows of a statement over `view`, under which it is counted.
    pub(crate) fn sql(&self, view: &str, sql: &str, format: &str, key: &str) -> Result<Answer, ureq::Error> {
        let (kind, limit) = roll::kind("POST", "/v1/sql");
        let body = serde_json::json!({"sql": sql, "format": format}).to_string();
        let headers = [("content-type", "application/json")];
        self.ask(&format!("{kind} {view}"), limit, ("POST", "/v1/sql"), key, &headers, body.as_bytes())
    }

    fn ask(
        &self,
        kind: &str,
        limit: Duration,
        what: (&str, &str),
        key: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Answer, ureq::Error> {
        let start = String::from_utf8_lossy(&body[..body.len().min(300)]);
        let asked = self.watch.ask(kind, &format!("{} {} {start}", what.0, what.1), limit);
        let answer = answer::try_send(&self.agent, self.address, what, key, headers, body);
        match &answer {
            Ok(answer) if matches!(answer.status, 429 | 503) => asked.not_now(),
            Ok(_) => asked.answered(),
            Err(error) => asked.broke_off(&error.to_string()),
        }
        answer
    }

    pub(crate) fn until_done(&self, mut is_done: impl FnMut() -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !is_done() {
            assert!(Instant::now() < deadline, "the node does not answer");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}
