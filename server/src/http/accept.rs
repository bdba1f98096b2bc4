//! The `Accept` header (RFC 9110, 12.5.1): in which of the formats that there are a client wants its rows.
//!
//! Not here: formats that a request names itself, which go first.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::header::ACCEPT;
use axum::http::request::Parts;

use super::rows::Format;

/// What the client prefers, if it names any of the formats.
pub(super) struct Preferred(pub(super) Option<Format>);

impl<S: Send + Sync> FromRequestParts<S> for Preferred {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self(preferred(&parts.headers)))
    }
}

/// The format with the highest quality; of equal ones the first that is named. A wildcard and media types that are unknown here
/// choose nothing.
fn preferred(headers: &HeaderMap) -> Option<Format> {
    let named =
        headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    let known = named.filter_map(|range| {
        let (media, parameters) = range.split_once(';').unwrap_or((range, ""));
        let quality = parameters.split(';').find_map(|parameter| parameter.trim().strip_prefix("q="));
        let thousandths =
            quality.map_or(Some(1000), |quality| quality.trim().parse().ok().map(|q: f32| (q * 1000.0) as u32));
        Some((Format::of_media(media.trim())?, thousandths?))
    });
    let mut best: Option<(Format, u32)> = None;
    for (format, quality) in known.filter(|(_, quality)| *quality > 0) {
        if best.is_none_or(|(_, highest)| quality > highest) {
            best = Some((format, quality));
        }
    }
    best.map(|(format, _)| format)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn check(accept: &str, expect: Option<Format>) {
        let headers = HeaderMap::from_iter([(ACCEPT, HeaderValue::from_str(accept).unwrap())]);
        assert_eq!(preferred(&headers), expect, "{accept}");
    }

    #[test]
    fn the_best_of_what_there_is_is_taken() {
        check("text/csv", Some(Format::Csv));
        check("application/x-ndjson", Some(Format::Ndjson));
        check("application/vnd.apache.arrow.stream, */*;q=0.1", Some(Format::Arrow));
        check("application/json;q=0.5, text/csv;q=0.9", Some(Format::Csv));
        check("TEXT/CSV; header=present; q=0.4, application/json; q=0.3", Some(Format::Csv));
        check("text/html,application/xhtml+xml,*/*;q=0.8", None);
        check("*/*", None);
        check("text/csv;q=0", None);
        assert_eq!(preferred(&HeaderMap::new()), None);
    }
}
