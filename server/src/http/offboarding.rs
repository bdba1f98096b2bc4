//! `GET /v1/tenants/{tenant}/export`: everything that is kept of a tenant, as one stream.
//!
//! One JSON object a line, `{"view": …, "row": {…}}`: what it is, its limits, its changes, its usage, its events. The last
//! line is `{"complete": true}`; a stream without it broke off. What could not be read is said by the last line of a stream
//! that breaks off, `{"complete": false, "view": …, "detail": …}` (I14). A complete export that began when the tenant was
//! offboarding is recorded, which permits its deletion: it holds every event that was ever answered. No other is. Not here:
//! which views there are (`pipelines`).

use std::pin::Pin;
use std::sync::Arc;

use actors::Command;
use actors::facets::lifecycle::{LifecycleCommand, Status};
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use datafusion::prelude::{col, lit};
use futures::{Stream, StreamExt, stream};
use pipelines::catalog::Visibility;
use serde_json::json;
use tokio::time::Instant;

use crate::identity::Identity;

use super::Door;
use super::caller::MayAdminister;
use super::json::Names;
use super::problem::{Kind, Problem, ProblemBody};
use super::query;
use super::rows::{self, Format};

/// What is exported, in this order.
const VIEWS: [&str; 7] = ["tenants", "quotas", "audit", "usage_total", "usage", "rejections", "events"];
/// The last line.
const COMPLETE: &[u8] = b"{\"complete\":true}\n";

/// Everything that is kept of a tenant.
#[utoipa::path(get, path = "/v1/tenants/{tenant}/export", tag = "tenants", security(("key" = ["admin"])),
    params(("tenant" = String, Path, description = "its name")),
    responses((status = 200, content_type = "application/x-ndjson",
            description = "an object a line, `view` and `row`; complete if the last line is `{\"complete\":true}`. If something \
                can't be read, the last line says what, and the connection breaks off"),
        (status = 404, description = "no such tenant, or not yours", body = ProblemBody)))]
pub(super) async fn export(
    State(door): State<Arc<Door>>,
    MayAdminister(identity): MayAdminister,
    Names(tenant): Names<String>,
) -> Result<Response, Problem> {
    identity.require_tenant(&tenant)?;
    let query = query::begin(&door, &identity, "GET /v1/tenants/{tenant}/export").await?;
    let leaves = leaves(&door, &tenant)?;
    cut(&door).await?;
    // The first view says whether there is such a tenant.
    let mut first = lines(&door, &tenant, VIEWS[0]).await;
    let Some(row) = first.next().await.transpose().map_err(|unread| unread.problem)?.filter(|row| !row.is_empty())
    else {
        return Err(Kind::NotFound.with(format!("there is no tenant {tenant:?}")));
    };
    let head = stream::iter([Ok(row)]).chain(first);
    let rest = stream::iter(&VIEWS[1..]).then({
        let (door, tenant) = (Arc::clone(&door), tenant.clone());
        move |view| {
            let (door, tenant) = (Arc::clone(&door), tenant.clone());
            async move { lines(&door, &tenant, view).await }
        }
    });
    let last = stream::once(async move {
        let recorded = if leaves { record(&door, &tenant, &identity).await } else { Ok(()) };
        recorded.map(|()| COMPLETE.to_vec()).map_err(|problem| Unread { view: None, problem })
    });
    let whole = until_broken(head.chain(rest.flatten()).chain(last));
    let sent = rows::sent_by(query, whole).map(|chunk| chunk.map_err(|problem| std::io::Error::other(problem.detail)));
    let mut response = Response::new(Body::from_stream(sent));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    Ok(response)
}

/// Whether the tenant is leaving, so that no event of it is taken any more. An export that begins before that is just a look:
/// more may come behind it.
fn leaves(door: &Door, tenant: &str) -> Result<bool, Problem> {
    let state = door.node()?.tenants.state(tenant);
    Ok(state.is_some_and(|state| state.lifecycle().status == Status::Offboarding))
}

/// Brings what was answered until now in sight: the last cut may be older, and what an export lacks is erased behind it.
async fn cut(door: &Door) -> Result<(), Problem> {
    let node = Arc::clone(door.node()?);
    let cut = tokio::task::spawn_blocking(move || node.engine.cut().map(drop)).await;
    match cut {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(Kind::Unavailable.with(error.to_string())),
        Err(error) => Err(Kind::Internal.with(format!("the cut failed: {error}"))),
    }
}

/// What an export broke off at.
struct Unread {
    /// While it was read; `None` behind the last of them.
    view: Option<&'static str>,
    problem: Problem,
}

impl Unread {
    /// The last line of an export that is not complete.
    fn line(&self) -> Vec<u8> {
        let said = json!({ "complete": false, "view": self.view, "detail": self.problem.detail });
        format!("{said}\n").into_bytes()
    }
}

/// Rows of an export, a line each.
type Lines = Pin<Box<dyn Stream<Item = Result<Vec<u8>, Unread>> + Send>>;

/// Ends at the first error, which is said in a line and then cuts the connection: nothing else follows a gap, least of all
/// the last line.
fn until_broken(
    lines: impl Stream<Item = Result<Vec<u8>, Unread>> + Send + 'static,
) -> impl Stream<Item = Result<Vec<u8>, Problem>> + Send + 'static {
    let begun = (Box::pin(lines), None::<Problem>);
    stream::unfold(Some(begun), |going_on| async move {
        let (mut lines, broken) = going_on?;
        if let Some(problem) = broken {
            // The connection is cut with all that it has not sent yet, so the line that says why goes first.
            tokio::task::yield_now().await;
            return Some((Err(problem), None));
        }
        Some(match lines.next().await? {
            Ok(line) => (Ok(line), Some((lines, None))),
            Err(unread) => {
                tracing::warn!(view = unread.view, detail = unread.problem.detail, "an export broke off");
                (Ok(unread.line()), Some((lines, Some(unread.problem))))
            }
        })
    })
}

/// The tenant's rows of `view`, each wrapped.
async fn lines(door: &Door, tenant: &str, view: &'static str) -> Lines {
    let unread = move |problem| Unread { view: Some(view), problem };
    match chunks(door, tenant, view).await {
        Ok(chunks) => Box::pin(chunks.map(move |chunk| chunk.map(|chunk| wrapped(view, &chunk)).map_err(unread))),
        Err(problem) => Box::pin(stream::iter([Err(unread(problem))])),
    }
}

async fn chunks(door: &Door, tenant: &str, view: &str) -> Result<rows::Chunks, Problem> {
    let session = door.node()?.catalog.session(&Visibility::Tenant(tenant.to_owned()))?;
    let frame = session.table(view).await?.filter(col("tenant").eq(lit(tenant)))?;
    let batches = frame.execute_stream().await?;
    let deadline = Instant::now() + door.queries.timeout();
    Ok(rows::chunks(batches, Format::Ndjson, deadline))
}

fn wrapped(view: &str, lines: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(lines.len() * 9 / 8);
    for line in lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        out.extend_from_slice(b"{\"view\":\"");
        out.extend_from_slice(view.as_bytes());
        out.extend_from_slice(b"\",\"row\":");
        out.extend_from_slice(line);
        out.extend_from_slice(b"}\n");
    }
    out
}

/// Records the export, if the tenant has not gone meanwhile.
async fn record(door: &Door, tenant: &str, identity: &Identity) -> Result<(), Problem> {
    let location = format!("streamed to {}", identity.principal());
    let command = Command::Lifecycle(LifecycleCommand::RecordExport { location });
    match door.change(tenant, command, identity, "exported").await {
        Err(problem) if problem.kind != Kind::Conflict => Err(problem),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_says_which_view_it_is_of() {
        let got = String::from_utf8(wrapped("events", b"{\"a\":1}\n{\"a\":2}\n")).unwrap();
        assert_eq!(got, "{\"view\":\"events\",\"row\":{\"a\":1}}\n{\"view\":\"events\",\"row\":{\"a\":2}}\n");
        assert!(wrapped("events", b"").is_empty());
    }

    #[tokio::test]
    async fn nothing_follows_a_gap() {
        let unread = Unread { view: Some("audit"), problem: Kind::Damaged.with("the journal is damaged") };
        let lines = [Ok(b"1\n".to_vec()), Err(unread), Ok(COMPLETE.to_vec())];
        let got: Vec<_> = until_broken(stream::iter(lines)).collect().await;
        let [Ok(first), Ok(said), Err(problem)] = got.as_slice() else { panic!("{got:?}") };
        assert_eq!(first, b"1\n");
        let said: serde_json::Value = serde_json::from_slice(said).unwrap();
        assert_eq!(said, json!({"complete": false, "view": "audit", "detail": "the journal is damaged"}));
        assert_eq!(problem.kind, Kind::Damaged);
    }
}
