//! A client that keeps still while the node waits for it (I13): for how long it may, and sockets that fail when it was longer.
//!
//! The node waits for a client that takes no byte of its answer, or sends none of what it has begun. Not here: a client that
//! owes nothing, such as a connection between two requests; who is hung up on to make room for others (`http::places`).

use std::io::{self, ErrorKind, IoSlice};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

/// Times are counted from here.
static BEGIN: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Since when the node waits for a client, for whoever wants to know.
#[derive(Debug, Default)]
pub(crate) struct Waiting(AtomicU64);

impl Waiting {
    /// How long it has waited by now; `None` if it does not wait.
    pub(crate) fn lasts(&self) -> Option<Duration> {
        let since_ms = self.0.load(Ordering::Relaxed).checked_sub(1)?;
        Some(Duration::from_millis(now_ms().saturating_sub(since_ms)))
    }

    fn begin(&self) {
        self.0.store(now_ms() + 1, Ordering::Relaxed);
    }

    fn end(&self) {
        self.0.store(0, Ordering::Relaxed);
    }
}

fn now_ms() -> u64 {
    u64::try_from(BEGIN.elapsed().as_millis()).unwrap_or(u64::MAX - 1)
}

/// The silence of one client.
#[derive(Debug)]
pub(crate) struct Silence {
    longest: Duration,
    waiting: Arc<Waiting>,
    is_waiting: bool,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Silence {
    /// Of a client that may be silent for `longest`; `waiting` tells of it.
    pub(crate) fn new(longest: Duration, waiting: Arc<Waiting>) -> Self {
        Self { longest, waiting, is_waiting: false, timer: None }
    }

    /// The client has not moved; ready once it has not for too long.
    pub(crate) fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep(self.longest)));
        if !self.is_waiting {
            self.is_waiting = true;
            self.waiting.begin();
            timer.as_mut().reset(Instant::now() + self.longest);
        }
        timer.as_mut().poll(context)
    }

    /// How long the client may be silent.
    pub(crate) fn longest(&self) -> Duration {
        self.longest
    }

    /// The client has moved, or owes nothing.
    pub(crate) fn broken(&mut self) {
        if self.is_waiting {
            self.is_waiting = false;
            self.waiting.end();
        }
    }
}

impl Drop for Silence {
    fn drop(&mut self) {
        self.broken();
    }
}

/// A socket that fails once its client has taken nothing of what is written for too long.
#[derive(Debug)]
pub(crate) struct Patient<S> {
    stream: S,
    silence: Silence,
}

impl<S> Patient<S> {
    pub(crate) fn new(stream: S, silence: Silence) -> Self {
        Self { stream, silence }
    }

    fn moved<T>(&mut self, context: &mut Context<'_>, done: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if done.is_ready() {
            self.silence.broken();
            return done;
        }
        self.silence.poll(context).map(|()| {
            let longest_ms = self.silence.longest().as_millis();
            Err(io::Error::new(ErrorKind::TimedOut, format!("the client has taken no byte for {longest_ms} ms")))
        })
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Patient<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, into)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let done = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.moved(context, done)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let done = Pin::new(&mut self.stream).poll_write_vectored(context, bytes);
        self.moved(context, done)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let done = Pin::new(&mut self.stream).poll_flush(context);
        self.moved(context, done)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let done = Pin::new(&mut self.stream).poll_shutdown(context);
        self.moved(context, done)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    #[tokio::test]
    async fn who_takes_nothing_is_given_up_and_who_takes_a_little_is_not() {
        const LONGEST: Duration = Duration::from_millis(500);
        let (mut client, node) = duplex(4);
        let waiting = Arc::<Waiting>::default();
        let mut node = Patient::new(node, Silence::new(LONGEST, Arc::clone(&waiting)));
        let slow = async {
            for _ in 0..5 {
                sleep(LONGEST / 3).await;
                client.read_exact(&mut [0; 4]).await.unwrap();
            }
            client
        };
        let (written, _client) = tokio::join!(node.write_all(&[0; 24]), slow);
        written.unwrap();
        assert_eq!(waiting.lasts(), None);
        let error = node.write_all(&[0; 4]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
        assert!(waiting.lasts() >= Some(LONGEST));
        drop(node);
        assert_eq!(waiting.lasts(), None);
    }
}
