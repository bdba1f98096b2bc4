//! Requests to the HTTP API: what every command of administration comes to.
//!
//! So there is one set of rules and one form of answer. Not here: the routes' meaning (`http`), who answers ([`super::site`]),
//! how answers look ([`super::answer`]).

use std::io::{BufWriter, IsTerminal, Write};

use axum::http::Method;
use clap::{Args, ValueEnum};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use super::answer;
use super::place::Place;
use super::site::{IfAbsent, Site, at};

/// One request to the API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) body: Option<Vec<u8>>,
    /// Media type of the body.
    pub(super) media: &'static str,
    /// What becomes of a data folder that is not there.
    pub(super) if_absent: IfAbsent,
}

impl Request {
    fn new(method: Method, path: impl Into<String>, body: Option<Value>) -> Self {
        let body = body.map(|body| body.to_string().into_bytes());
        Self { method, path: path.into(), body, media: "application/json", if_absent: IfAbsent::Refuse }
    }

    pub(super) fn get(path: impl Into<String>) -> Self {
        Self::new(Method::GET, path, None)
    }

    /// A request whose body is `Null` has none.
    pub(super) fn post(path: impl Into<String>, body: Value) -> Self {
        Self::new(Method::POST, path, Some(body).filter(|body| !body.is_null()))
    }

    pub(super) fn put(path: impl Into<String>, body: Value) -> Self {
        Self::new(Method::PUT, path, Some(body))
    }

    pub(super) fn delete(path: impl Into<String>) -> Self {
        Self::new(Method::DELETE, path, None)
    }

    /// Events, a line each.
    pub(super) fn events(path: impl Into<String>, lines: Vec<u8>) -> Self {
        let media = "application/x-ndjson";
        Self { body: Some(lines), media, ..Self::new(Method::POST, path, None) }
    }

    /// The same of one tenant, if one is named.
    pub(super) fn of_tenant(self, tenant: Option<&str>) -> Self {
        let query = tenant.map(|tenant| format!("?tenant={}", utf8_percent_encode(tenant, OTHERS)));
        Self { path: self.path + &query.unwrap_or_default(), ..self }
    }

    /// The same, which may be the first thing done in a data folder.
    pub(super) fn or_make(self) -> Self {
        Self { if_absent: IfAbsent::Make, ..self }
    }
}

/// What is escaped in names.
const OTHERS: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The path of `segments`, whatever characters names have.
pub(super) fn path(segments: &[&str]) -> String {
    let mut path = "/v1".to_owned();
    for segment in segments {
        path.push('/');
        path.extend(utf8_percent_encode(segment, OTHERS));
    }
    path
}

/// Where a command of administration works, and how it tells what came of it.
#[derive(Debug, Clone, Args)]
pub(super) struct At {
    #[command(flatten)]
    pub(super) place: Place,
    /// How the answer is printed [default: text on a terminal, json otherwise]
    #[arg(long, value_enum, value_name = "FORMAT")]
    format: Option<Form>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    /// Words and tables, for people
    Text,
    /// What the API answers, for programs
    Json,
}

/// Sends `request` to where `place` says and prints the answer.
pub(super) fn run(place: &At, request: Request) -> anyhow::Result<()> {
    at(&place.place, request.if_absent, |site| print(site, place, &request))
}

/// Sends `request` to `site` and prints the answer.
pub(super) fn print(site: &Site, place: &At, request: &Request) -> anyhow::Result<()> {
    place.show(&site.answer(request)?, answer::words)
}

impl At {
    /// Prints the answer `body`, for people as `words` has it.
    pub(super) fn show(&self, body: &[u8], words: impl FnOnce(&[u8]) -> anyhow::Result<String>) -> anyhow::Result<()> {
        let mut out = BufWriter::new(std::io::stdout());
        let is_text = match self.format {
            Some(form) => form == Form::Text,
            None => std::io::stdout().is_terminal(),
        };
        match is_text {
            true => write!(out, "{}", words(body)?)?,
            false => {
                out.write_all(body.trim_ascii_end())?;
                out.write_all(b"\n")?;
            }
        }
        Ok(out.flush()?)
    }
}
