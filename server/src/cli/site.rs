//! The place of a command, open: a running node behind its socket, or the node of a data folder in this process.
//!
//! Both answer the requests of the HTTP API, the second through the same router, as the operator of the machine: who may
//! write the folder may do everything anyway. So a command gives the same from both, errors included. Not here: what is
//! asked ([`super::api`]), what the routes mean (`http`).

use std::io;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use axum::body::Body;
use axum::http::{Request as HttpRequest, header};
use engine::checkpoint::folder::FolderError;
use engine::clock::SystemClock;
use futures::StreamExt;
use tokio::runtime::Runtime;
use tower::ServiceExt;

use crate::config::Settings;
use crate::http;
use crate::identity::Identity;
use crate::node::{Node, NodeError, NodeOptions};
use crate::query::Queries;
use crate::telemetry::metrics::Metrics;

use super::api::Request;
use super::place::Place;
use super::problem::Problem;
use super::progress::{counted, note};
use super::remote::Remote;

/// What becomes of a data folder that is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum IfAbsent {
    /// It is made: the command may be the first one.
    Make,
    /// The command ends: whoever only reads, or changes what must be there, has a mistyped path.
    Refuse,
}

/// A place that is open.
pub(super) enum Site {
    /// A running node.
    Remote(Remote),
    /// A data folder.
    Local(Local),
}

/// The node of a data folder, without doors.
pub(super) struct Local {
    pub(super) runtime: Runtime,
    pub(super) node: Arc<Node>,
    router: Router,
}

/// Opens `place`, lets `work` do its work and closes it again, however the work ends.
///
/// # Errors
/// If the place does not open or the work fails.
pub(super) fn at<T>(
    place: &Place,
    if_absent: IfAbsent,
    work: impl FnOnce(&Site) -> anyhow::Result<T>,
) -> anyhow::Result<T> {
    let site = match place.remote()? {
        Some(remote) => Site::Remote(remote),
        None => Site::Local(Local::open(&place.settings()?, if_absent)?),
    };
    let done = work(&site);
    let closed = match site {
        Site::Remote(_) => Ok(()),
        // What was answered is durable whatever comes now; a drain only makes the next start quicker.
        Site::Local(Local { runtime, node, .. }) => runtime.block_on(node.drain()),
    };
    let done = done?;
    closed?;
    Ok(done)
}

impl Site {
    /// Asks for `request` and gives the answer's bytes to `take` as they come.
    ///
    /// # Errors
    /// A [`Problem`] if it is refused; anything else if the node can't be reached, the answer breaks off or `take` fails.
    pub(super) fn ask(
        &self,
        request: &Request,
        take: &mut dyn FnMut(&[u8]) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        match self {
            Self::Remote(remote) => remote.ask(request, take),
            Self::Local(local) => local.runtime.block_on(local.ask(request, take)),
        }
    }

    /// The same for an answer that is read whole.
    ///
    /// # Errors
    /// As [`Site::ask`].
    pub(super) fn answer(&self, request: &Request) -> anyhow::Result<Vec<u8>> {
        let mut whole = Vec::new();
        self.ask(request, &mut |bytes| {
            whole.extend_from_slice(bytes);
            Ok(())
        })?;
        Ok(whole)
    }
}

impl Local {
    fn open(settings: &Settings, if_absent: IfAbsent) -> anyhow::Result<Self> {
        let config = &settings.config;
        let runtime = super::runtime()?;
        let metrics = Arc::new(Metrics::default());
        let clock = Arc::new(SystemClock);
        let queries = Queries::new(&config.query, Arc::clone(&metrics), clock.clone());
        let options =
            NodeOptions { make: if_absent == IfAbsent::Make, history: queries.history(), ..config.node_options() };
        let node = runtime.block_on(Node::open(options, clock)).map_err(advised)?;
        if node.is_new() {
            let shards = counted(node.shards().into(), "shard");
            note(&format!("made the data folder {} with {shards}", config.data.display()));
        }
        if let Some(told) = settings.without_effect(node.shards()) {
            note(&format!("note: {told}"));
        }
        let door = http::Door::new(config.http_options(), queries, metrics);
        door.open(Arc::clone(&node));
        Ok(Self { runtime, node, router: http::router(door) })
    }

    async fn ask(&self, request: &Request, take: &mut dyn FnMut(&[u8]) -> anyhow::Result<()>) -> anyhow::Result<()> {
        let mut builder = HttpRequest::builder().method(request.method.clone()).uri(&request.path);
        builder = builder.extension(Identity::operator());
        let asked = match &request.body {
            Some(body) => builder.header(header::CONTENT_TYPE, request.media).body(Body::from(body.clone())),
            None => builder.body(Body::empty()),
        }?;
        let answered = self.router.clone().oneshot(asked).await?;
        let status = answered.status();
        if !status.is_success() {
            let body = axum::body::to_bytes(answered.into_body(), usize::MAX).await?;
            return Err(Problem::read(status.as_u16(), None, &body).into());
        }
        let mut chunks = answered.into_body().into_data_stream();
        while let Some(chunk) = chunks.next().await {
            take(&chunk.context("the answer broke off")?)?;
        }
        Ok(())
    }
}

/// A data folder that does not open, with what to do.
fn advised(error: NodeError) -> anyhow::Error {
    match &error {
        NodeError::Folder(FolderError::Absent { folder } | FolderError::NotOne { folder }) => {
            let folder = folder.display();
            anyhow::anyhow!(
                "{error}; check the path given by --data, by TENANTRY_DATA or as `data` in tenantry.toml, or name a running node \
                 with --url (`tenantry key create --platform --data {folder}` makes a new folder)"
            )
        }
        NodeError::Folder(FolderError::InUse { .. }) => {
            anyhow::anyhow!("{error}, or work on the node that runs there: --url URL --key KEY")
        }
        _ => error.into(),
    }
}

/// An answer that ended before its end.
pub(super) fn broken_off(error: &io::Error) -> anyhow::Error {
    anyhow::anyhow!(
        "the answer broke off: {error}; the node's log says why (a limit of [query] on rows, bytes or time, perhaps)"
    )
}

/// The seconds of a `Retry-After`. A date, which only proxies send, counts as not said.
pub(super) fn seconds(value: Option<&header::HeaderValue>) -> Option<Duration> {
    value?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}
