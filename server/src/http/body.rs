//! Request bodies: read, counted and decompressed within limits (I8), before anything looks at them.
//!
//! A body is never trusted about its size: bytes are counted as they arrive and as they come out of the decompressor, so
//! that neither a missing length nor a decompression bomb costs more than the limit. Not here: what the bytes mean.

use std::error::Error;
use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, header};
use futures::StreamExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::identity::Refusal;

use super::held::Silent;
use super::problem::{Kind, Problem};

/// Largest window a zstd frame may ask for (8 MiB, what RFC 8878 tells every decoder to support).
const ZSTD_WINDOW_LOG_MAX: u32 = 23;
/// The memory budget is counted in these.
const BUDGET_UNIT_BYTES: usize = 1024;

/// Content coding of a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coding {
    /// As it is.
    Identity,
    /// RFC 1952, of one or more members.
    Gzip,
    /// RFC 8878, of one or more frames.
    Zstd,
}

impl Coding {
    /// The coding that the headers name.
    pub(super) fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        let Some(value) = headers.get(header::CONTENT_ENCODING) else { return Ok(Self::Identity) };
        match value.to_str().unwrap_or_default().trim().to_ascii_lowercase().as_str() {
            "" | "identity" => Ok(Self::Identity),
            "gzip" | "x-gzip" => Ok(Self::Gzip),
            "zstd" => Ok(Self::Zstd),
            other => Err(Kind::UnsupportedMedia
                .with(format!("content coding {other:?} is not supported; send gzip, zstd or no coding"))
                .field("Content-Encoding", "unsupported", "use gzip or zstd")),
        }
    }
}

/// Memory that all bodies under way may hold together.
#[derive(Debug, Clone)]
pub(super) struct Budget {
    free: Arc<Semaphore>,
}

/// Some of the budget; comes back when dropped.
#[derive(Debug)]
pub(super) struct Reservation {
    free: Arc<Semaphore>,
    held: Option<OwnedSemaphorePermit>,
    bytes: usize,
}

impl Budget {
    /// `bytes_max` bytes in all.
    pub(super) fn new(bytes_max: usize) -> Self {
        let units = (bytes_max / BUDGET_UNIT_BYTES).min(Semaphore::MAX_PERMITS);
        Self { free: Arc::new(Semaphore::new(units)) }
    }

    /// Nothing yet, to be grown.
    pub(super) fn reserve(&self) -> Reservation {
        Reservation { free: Arc::clone(&self.free), held: None, bytes: 0 }
    }
}

impl Reservation {
    /// Takes `bytes` more, or says that the node is busy.
    pub(super) fn grow(&mut self, bytes: usize) -> Result<(), Problem> {
        self.bytes += bytes;
        let held = self.held.as_ref().map_or(0, OwnedSemaphorePermit::num_permits);
        let missing = self.bytes.div_ceil(BUDGET_UNIT_BYTES).saturating_sub(held);
        if missing == 0 {
            return Ok(());
        }
        let busy = || Kind::Overloaded.with("too many bytes of other requests are in memory; try again");
        let missing = u32::try_from(missing).map_err(|_| busy())?;
        let more = Arc::clone(&self.free).try_acquire_many_owned(missing).map_err(|_| busy())?;
        match &mut self.held {
            Some(held) => held.merge(more),
            None => self.held = Some(more),
        }
        Ok(())
    }
}

/// Reads a whole body of at most `bytes_max` bytes within `timeout`; `reservation` grows with it.
pub(super) async fn read(
    headers: &HeaderMap,
    body: Body,
    bytes_max: usize,
    timeout: Duration,
    reservation: &mut Reservation,
) -> Result<Vec<u8>, Problem> {
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|bytes| bytes > bytes_max as u64) {
        return Err(too_large(bytes_max));
    }
    let all = async {
        // Room that nothing arrives in costs no memory, only addresses.
        let mut bytes = Vec::with_capacity(announced.unwrap_or_default() as usize);
        let mut chunks = body.into_data_stream();
        while let Some(chunk) = chunks.next().await {
            let chunk: Bytes = chunk.map_err(|error| broken_off(&error))?;
            if bytes.len() + chunk.len() > bytes_max {
                return Err(too_large(bytes_max));
            }
            reservation.grow(chunk.len())?;
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    };
    let late = |_| Kind::RequestTimeout.with(format!("the body took longer than {} ms", timeout.as_millis()));
    tokio::time::timeout(timeout, all).await.map_err(late)?
}

/// Why a body did not come to its end.
pub(super) fn broken_off(error: &(dyn Error + 'static)) -> Problem {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(refusal) = error.downcast_ref::<Refusal>() {
            return refusal.clone().into();
        }
        if let Some(silent) = error.downcast_ref::<Silent>() {
            return Kind::RequestTimeout.with(silent.to_string());
        }
        cause = error.source();
    }
    Kind::Malformed.with(format!("the body broke off: {error}"))
}

/// Undoes the coding; blocks while it computes. The result has at most `bytes_max` bytes.
pub(super) fn decompress(bytes: Vec<u8>, coding: Coding, bytes_max: usize) -> Result<Vec<u8>, Problem> {
    let broken = |error: std::io::Error| Kind::Malformed.with(format!("the body does not decompress: {error}"));
    match coding {
        Coding::Identity => Ok(bytes),
        Coding::Gzip => drain(flate2::bufread::MultiGzDecoder::new(bytes.as_slice()), bytes_max),
        Coding::Zstd => {
            let mut decoder = zstd::Decoder::with_buffer(bytes.as_slice()).map_err(broken)?;
            decoder.window_log_max(ZSTD_WINDOW_LOG_MAX).map_err(broken)?;
            drain(decoder, bytes_max)
        }
    }
}

fn drain(decoder: impl Read, bytes_max: usize) -> Result<Vec<u8>, Problem> {
    let mut out = Vec::new();
    // One byte more than allowed tells "exactly full" from "too large".
    let mut bounded = decoder.take(bytes_max as u64 + 1);
    bounded
        .read_to_end(&mut out)
        .map_err(|error| Kind::Malformed.with(format!("the body does not decompress: {error}")))?;
    if out.len() > bytes_max {
        return Err(too_large(bytes_max));
    }
    Ok(out)
}

fn too_large(bytes_max: usize) -> Problem {
    Kind::TooLarge
        .with(format!("the body is larger than {bytes_max} bytes (counted after decompression); send less at once"))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn check(bytes: Vec<u8>, coding: Coding, expect: Result<&[u8], Kind>) {
        let got = decompress(bytes, coding, 1000).map_err(|problem| problem.kind);
        assert_eq!(got, expect.map(<[u8]>::to_vec), "{coding:?}");
    }

    #[test]
    fn codings_are_undone_within_the_limit() {
        let full = vec![b'x'; 1000];
        check(full.clone(), Coding::Identity, Ok(&full));
        check(gzip(&full), Coding::Gzip, Ok(&full));
        check(zstd::encode_all(full.as_slice(), 19).unwrap(), Coding::Zstd, Ok(&full));
        let two_members = [gzip(b"one"), gzip(b"two")].concat();
        check(two_members, Coding::Gzip, Ok(b"onetwo"));
    }

    #[test]
    fn bombs_stop_at_the_limit() {
        let bomb = vec![0; 64 << 20];
        check(gzip(&bomb), Coding::Gzip, Err(Kind::TooLarge));
        check(zstd::encode_all(bomb.as_slice(), 3).unwrap(), Coding::Zstd, Err(Kind::TooLarge));
    }

    #[test]
    fn noise_is_malformed() {
        check(b"not gzip".to_vec(), Coding::Gzip, Err(Kind::Malformed));
        check(b"not zstd".to_vec(), Coding::Zstd, Err(Kind::Malformed));
        let mut torn = gzip(&[b'x'; 500]);
        torn.truncate(torn.len() - 9);
        check(torn, Coding::Gzip, Err(Kind::Malformed));
    }

    #[test]
    fn bodies_share_one_budget() {
        let budget = Budget::new(4 * BUDGET_UNIT_BYTES);
        let mut first = budget.reserve();
        first.grow(10).unwrap();
        first.grow(3 * BUDGET_UNIT_BYTES - 10).unwrap();
        let mut second = budget.reserve();
        assert_eq!(second.grow(2 * BUDGET_UNIT_BYTES).unwrap_err().kind, Kind::Overloaded);
        drop(first);
        assert!(second.grow(0).is_ok());
    }

    #[tokio::test]
    async fn a_body_of_unknown_length_is_cut_off_at_the_limit() {
        let chunks = futures::stream::iter((0..10).map(|_| Ok::<_, std::io::Error>(vec![b'x'; 100])));
        let mut reservation = Budget::new(1 << 20).reserve();
        let got =
            read(&HeaderMap::new(), Body::from_stream(chunks), 950, Duration::from_secs(60), &mut reservation).await;
        assert_eq!(got.unwrap_err().kind, Kind::TooLarge);
    }

    #[tokio::test]
    async fn a_body_that_never_ends_times_out() {
        let body = Body::from_stream(futures::stream::pending::<Result<Vec<u8>, std::io::Error>>());
        let mut reservation = Budget::new(1 << 20).reserve();
        let got = read(&HeaderMap::new(), body, 950, Duration::from_millis(1), &mut reservation).await;
        assert_eq!(got.unwrap_err().kind, Kind::RequestTimeout);
    }
}
