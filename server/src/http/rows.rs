//! Query results on their way out, streamed (I8): encoded by `pipelines::export`, bounded in time here.
//!
//! What fails before the first bytes is a problem; what fails later cuts the connection, so that half a result never looks
//! like a whole one. Not here: queries.

use std::pin::Pin;
use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use datafusion::execution::SendableRecordBatchStream;
use futures::{Stream, StreamExt, stream};
use pipelines::export::{self, ExportError};
use serde::Deserialize;
use tokio::time::{Instant, timeout_at};
use utoipa::ToSchema;

use crate::query::{Exceeded, Query};

use super::problem::{Kind, Problem};

/// How rows are written.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Format {
    /// An array of objects.
    #[default]
    Json,
    /// One object a line.
    Ndjson,
    /// RFC 4180 with a header line.
    Csv,
    /// One Parquet file.
    Parquet,
    /// A frame for people.
    Table,
    /// Arrow's IPC stream: every type and every digit.
    Arrow,
}

impl Format {
    const ALL: [Self; 6] = [Self::Json, Self::Ndjson, Self::Csv, Self::Parquet, Self::Table, Self::Arrow];

    /// The format of a media type.
    pub(super) fn of_media(media: &str) -> Option<Self> {
        let essence = |format: &Self| format.content_type().split(';').next().unwrap_or_default();
        Self::ALL.into_iter().find(|format| essence(format).eq_ignore_ascii_case(media))
    }

    fn exported(self) -> export::Format {
        match self {
            Self::Json | Self::Ndjson => export::Format::Ndjson,
            Self::Csv => export::Format::Csv,
            Self::Parquet => export::Format::Parquet,
            Self::Table => export::Format::Table,
            Self::Arrow => export::Format::Arrow,
        }
    }

    fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            other => other.exported().content_type(),
        }
    }
}

/// Encoded rows.
pub(super) type Chunks = Pin<Box<dyn Stream<Item = Result<Vec<u8>, Problem>> + Send>>;

/// The rows of `batches` as bytes, all of which must have come before `deadline`.
pub(super) fn chunks(batches: SendableRecordBatchStream, format: Format, deadline: Instant) -> Chunks {
    let begun = Instant::now();
    let encoded = Box::pin(export::chunks(batches, format.exported()));
    let timed = stream::unfold(Some(encoded), move |encoded| async move {
        let mut encoded = encoded?;
        match timeout_at(deadline, encoded.next()).await {
            Ok(chunk) => chunk.map(|chunk| (chunk.map_err(Problem::from), Some(encoded))),
            Err(_) => Some((Err(Exceeded::Time(begun.elapsed().as_millis()).into()), None)),
        }
    });
    match format {
        Format::Json => Box::pin(array(timed)),
        _ => Box::pin(timed),
    }
}

/// One object a line becomes an array of objects. A line break ends a line and nothing else: within strings it is escaped.
fn array(
    lines: impl Stream<Item = Result<Vec<u8>, Problem>> + Send,
) -> impl Stream<Item = Result<Vec<u8>, Problem>> + Send {
    let mut before: &[u8] = b"[";
    let rows = lines.map(move |chunk| {
        let chunk = chunk?;
        let mut out = Vec::with_capacity(chunk.len() + 1);
        for line in chunk.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            out.extend_from_slice(before);
            out.extend_from_slice(line);
            before = b",\n";
        }
        Ok((out, before == b"["))
    });
    let end = |empty: bool| if empty { b"[]\n".to_vec() } else { b"]\n".to_vec() };
    // `None` stands for the end, which must know whether there were rows.
    rows.map(Some).chain(stream::iter([None])).scan(true, move |empty, item| {
        let out = match item {
            Some(Ok((bytes, still_empty))) => {
                *empty = still_empty;
                Ok(bytes)
            }
            Some(Err(problem)) => Err(problem),
            None => Ok(end(*empty)),
        };
        futures::future::ready(Some(out))
    })
}

/// Answers with `chunks`, the rows of `query`.
pub(super) async fn answer(chunks: Chunks, format: Format, query: Arc<Query>) -> Result<Response, Problem> {
    let mut chunks = Box::pin(sent_by(query, chunks));
    let first = chunks.next().await.transpose()?;
    let rest = chunks.map(|chunk| {
        chunk.map_err(|problem| {
            tracing::warn!(detail = problem.detail, "a result broke off");
            std::io::Error::other(problem.detail)
        })
    });
    let bytes = stream::iter(first.map(Ok)).chain(rest);
    let mut response = Response::new(Body::from_stream(bytes));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(format.content_type()));
    Ok(response)
}

/// `chunks`, counted as sent by `query`, which ends with them.
pub(super) fn sent_by(
    query: Arc<Query>,
    chunks: impl Stream<Item = Result<Vec<u8>, Problem>> + Send + 'static,
) -> impl Stream<Item = Result<Vec<u8>, Problem>> + Send + 'static {
    let begun = Some((query.keep(Box::pin(chunks)), query));
    stream::unfold(begun, |going_on| async move {
        let (held, query) = going_on?;
        let Some(mut chunks) = held.take() else { return Some((Err(query.out_of_time().into()), None)) };
        let Some(next) = chunks.next().await else {
            query.finish();
            return None;
        };
        let counted = next.and_then(|chunk| Ok(query.sent_bytes(chunk.len()).map(|()| chunk)?));
        Some(match counted {
            Ok(chunk) => {
                held.put(chunks);
                (Ok(chunk), Some((held, query)))
            }
            Err(problem) => {
                query.fail(problem.sqlstate());
                (Err(problem), None)
            }
        })
    })
}

impl From<ExportError> for Problem {
    fn from(error: ExportError) -> Self {
        match error {
            ExportError::Query(error) => error.into(),
            other => Kind::Query.with(other.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn check(lines: &[&str], expect: &str) {
        let chunks = lines.iter().map(|chunk| Ok(chunk.as_bytes().to_vec())).collect::<Vec<_>>();
        let got: Vec<_> = array(stream::iter(chunks)).map(Result::unwrap).collect().await;
        assert_eq!(String::from_utf8(got.concat()).unwrap(), expect);
    }

    #[tokio::test]
    async fn lines_become_an_array() {
        check(&[], "[]\n").await;
        check(&[""], "[]\n").await;
        check(&["{\"a\":1}\n"], "[{\"a\":1}]\n").await;
        check(&["{\"a\":1}\n{\"a\":2}\n", "{\"a\":\"x\\ny\"}\n", ""], "[{\"a\":1},\n{\"a\":2},\n{\"a\":\"x\\ny\"}]\n")
            .await;
    }
}
