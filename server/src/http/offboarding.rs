//! `GET /v1/tenants/{tenant}/export`: everything that is kept of a tenant, as one stream.
//!
//! One JSON object a line, `{"view": …, "row": {…}}`: what it is, its limits, its changes, its usage, its events. The last
//! line is `{"complete": true}`; a stream without it broke off. A complete export of a tenant that is offboarding is
//! recorded, which permits its deletion. Not here: which views there are (`pipelines`).

use std::sync::Arc;

use actors::Command;
use actors::facets::lifecycle::LifecycleCommand;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use datafusion::prelude::{col, lit};
use futures::{Stream, StreamExt, stream};
use pipelines::catalog::Visibility;
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
            description = "an object a line, `view` and `row`; complete if the last line is `{\"complete\":true}`"),
        (status = 404, description = "no such tenant, or not yours", body = ProblemBody)))]
pub(super) async fn export(
    State(door): State<Arc<Door>>,
    MayAdminister(identity): MayAdminister,
    Names(tenant): Names<String>,
) -> Result<Response, Problem> {
    identity.require_tenant(&tenant)?;
    let query = query::begin(&door, &identity, "GET /v1/tenants/{tenant}/export")?;
    // The first view says whether there is such a tenant.
    let mut first = lines(&door, &tenant, VIEWS[0]).await?;
    let Some(row) = first.next().await.transpose()?.filter(|row| !row.is_empty()) else {
        return Err(Kind::NotFound.with(format!("no tenant is called {tenant:?}")));
    };
    let head = stream::iter([Ok(row)]).chain(first);
    let rest = stream::iter(&VIEWS[1..]).then({
        let (door, tenant) = (Arc::clone(&door), tenant.clone());
        move |view| {
            let (door, tenant) = (Arc::clone(&door), tenant.clone());
            async move { lines(&door, &tenant, view).await }
        }
    });
    let rest = rest.flat_map(|lines| match lines {
        Ok(lines) => lines,
        Err(problem) => Box::pin(stream::iter([Err(problem)])),
    });
    let last = stream::once(async move {
        record(&door, &tenant, &identity).await?;
        Ok(COMPLETE.to_vec())
    });
    let whole = rows::sent_by(query, head.chain(rest).chain(last));
    let mut response = Response::new(Body::from_stream(until_broken(whole)));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
    Ok(response)
}

/// Stops at the first error, which cuts the connection: nothing follows a gap, least of all the last line.
fn until_broken(
    chunks: impl Stream<Item = Result<Vec<u8>, Problem>> + Send + 'static,
) -> impl Stream<Item = Result<Vec<u8>, std::io::Error>> + Send + 'static {
    chunks.scan(false, |broken, chunk| {
        let item = match chunk {
            _ if *broken => None,
            Ok(chunk) => Some(Ok(chunk)),
            Err(problem) => {
                *broken = true;
                tracing::warn!(detail = problem.detail, "an export broke off");
                Some(Err(std::io::Error::other(problem.detail)))
            }
        };
        futures::future::ready(item)
    })
}

/// The tenant's rows of `view`, each wrapped.
async fn lines(door: &Door, tenant: &str, view: &'static str) -> Result<rows::Chunks, Problem> {
    let session = door.node()?.catalog.session(&Visibility::Tenant(tenant.to_owned()))?;
    let frame = session.table(view).await?.filter(col("tenant").eq(lit(tenant)))?;
    let batches = frame.execute_stream().await?;
    let deadline = Instant::now() + door.queries.timeout();
    let chunks = rows::chunks(batches, Format::Ndjson, deadline);
    Ok(Box::pin(chunks.map(move |chunk| chunk.map(|chunk| wrapped(view, &chunk)))))
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

/// Records the export if the tenant is leaving; otherwise it was just a look.
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
        let chunks = [Ok(b"1\n".to_vec()), Err(Kind::Query.with("x")), Ok(COMPLETE.to_vec())];
        let got: Vec<_> = until_broken(stream::iter(chunks)).collect().await;
        assert_eq!(got.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, false]);
    }
}
