//! Answers to HTTP/1.0, which can't say that a body broke off: they are gathered before their first byte goes out, so that
//! half of one never looks like a whole one (I14). Proxies speak it to what is behind them, nginx unless told otherwise.
//!
//! What is larger than may be gathered is refused (I8). Not here: later versions, whose bodies end with a mark.

use axum::body::{Body, HttpBody};
use axum::http::Version;
use axum::response::{IntoResponse, Response};
use futures::StreamExt;

use super::problem::{Kind, Problem};

/// Bytes of a gathered answer; as many of them may be in memory as requests are worked on.
const GATHERED_BYTES_MAX: usize = 8 << 20;

/// `response`, gathered if it is to a request of such a `version` and its length is not known.
pub(super) async fn gathered(version: Version, response: Response) -> Response {
    if version >= Version::HTTP_11 || response.body().size_hint().exact().is_some() {
        return response;
    }
    let (head, body) = response.into_parts();
    match gather(body).await {
        Ok(bytes) => Response::from_parts(head, Body::from(bytes)),
        Err(problem) => problem.into_response(),
    }
}

async fn gather(body: Body) -> Result<Vec<u8>, Problem> {
    let (mut bytes, mut chunks) = (Vec::new(), body.into_data_stream());
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|error| Kind::Internal.with(format!("the answer broke off: {error}")))?;
        if bytes.len() + chunk.len() > GATHERED_BYTES_MAX {
            let detail = format!("more than {GATHERED_BYTES_MAX} bytes, the limit for HTTP/1.0; ask over HTTP/1.1");
            return Err(Kind::TooLarge.with(detail));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;
    use futures::stream;

    use super::*;

    async fn check(version: Version, chunks: Vec<Result<Vec<u8>, std::io::Error>>, status: u16, expect: Option<&str>) {
        let response = Response::new(Body::from_stream(stream::iter(chunks)));
        let response = gathered(version, response).await;
        assert_eq!(response.status().as_u16(), status);
        let text = to_bytes(response.into_body(), usize::MAX).await.ok();
        let text = text.map(|bytes| String::from_utf8(bytes.to_vec()).unwrap());
        match expect {
            None => assert_eq!(text, None, "it breaks off on the way"),
            Some(part) => assert!(text.as_ref().is_some_and(|text| text.contains(part)), "{text:?}"),
        }
    }

    #[tokio::test]
    async fn half_an_answer_is_none_where_it_can_t_be_told_from_a_whole_one() {
        let half = || vec![Ok(b"half".to_vec()), Err(std::io::Error::other("a file is damaged"))];
        check(Version::HTTP_11, half(), 200, None).await;
        check(Version::HTTP_10, half(), 500, Some("a file is damaged")).await;
        check(Version::HTTP_10, vec![Ok(b"wh".to_vec()), Ok(b"ole".to_vec())], 200, Some("whole")).await;
        check(Version::HTTP_10, vec![Ok(vec![b'x'; GATHERED_BYTES_MAX]), Ok(vec![b'x'])], 413, Some("HTTP/1.1")).await;
    }
}
