//! How long a client's messages may be, judged by their heads before anything of them is kept (I13): little before a login,
//! behind it by kind.
//!
//! The library has limits of its own, of 1 GB, and gathers a message before it looks who sent it. Not here: what messages
//! mean, and what is answered ([`super::connection`]).

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::silence::Silence;

/// Bytes of a message before the login, and of one that has neither a statement nor values; as in Postgres itself.
const SMALL_BYTES_MAX: usize = 10_000;
/// Instead of a protocol's version: asks for TLS, and for GSSAPI.
const NEGOTIATIONS: [u32; 2] = [80_877_103, 80_877_104];

/// How long messages may be behind the login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lengths {
    /// With a statement: `Query` and `Parse`.
    pub(super) statement_bytes_max: usize,
    /// With values: `Bind`.
    pub(super) values_bytes_max: usize,
}

/// A message that is too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum TooLong {
    /// From who has not shown a key.
    #[error("a message of {0} bytes before the login, which may have {SMALL_BYTES_MAX}")]
    Stranger(usize),
    /// A statement.
    #[error("a statement of {0} bytes: it may have {1} (postgres.statement_bytes_max)")]
    Statement(usize, usize),
    /// Values.
    #[error("parameters of {0} bytes: they may have {1} (postgres.values_bytes_max)")]
    Values(usize, usize),
    /// Any other.
    #[error("a message of {0} bytes, which may have {SMALL_BYTES_MAX}")]
    Other(usize),
}

/// Follows the heads of a client's messages through its bytes.
#[derive(Debug)]
struct Heads {
    lengths: Lengths,
    logged_in: bool,
    /// Whether the message that tells version and user has come, before which messages have no kind.
    started: bool,
    head: [u8; 8],
    /// Bytes of the head that are here.
    here: usize,
    /// Bytes of the message behind its head that are still to come.
    to_come: usize,
}

impl Heads {
    fn new(lengths: Lengths) -> Self {
        Self { lengths, logged_in: false, started: false, head: [0; 8], here: 0, to_come: 0 }
    }

    fn is_amid(&self) -> bool {
        self.here > 0 || self.to_come > 0
    }

    fn follow(&mut self, mut bytes: &[u8]) -> Result<(), TooLong> {
        while !bytes.is_empty() {
            let behind = self.to_come.min(bytes.len());
            self.to_come -= behind;
            bytes = &bytes[behind..];
            let head_bytes = if self.started { 5 } else { 8 };
            let of_head = (head_bytes - self.here).min(bytes.len());
            self.head[self.here..self.here + of_head].copy_from_slice(&bytes[..of_head]);
            self.here += of_head;
            bytes = &bytes[of_head..];
            if self.here == head_bytes {
                self.here = 0;
                self.begin()?;
            }
        }
        Ok(())
    }

    /// A head is complete.
    fn begin(&mut self) -> Result<(), TooLong> {
        let number = |at: usize| u32::from_be_bytes([0, 1, 2, 3].map(|byte| self.head[at + byte]));
        if self.started {
            // The length counts itself and not the kind. One that is too small is the library's to refuse.
            let bytes = number(1) as usize;
            self.check(self.head[0], bytes)?;
            self.to_come = bytes.saturating_sub(4);
        } else {
            let bytes = number(0) as usize;
            if bytes > SMALL_BYTES_MAX {
                return Err(TooLong::Stranger(bytes));
            }
            self.started = !NEGOTIATIONS.contains(&number(4));
            self.to_come = bytes.saturating_sub(8);
        }
        Ok(())
    }

    fn check(&self, kind: u8, bytes: usize) -> Result<(), TooLong> {
        let Lengths { statement_bytes_max, values_bytes_max } = self.lengths;
        match kind {
            _ if bytes <= SMALL_BYTES_MAX => Ok(()),
            _ if !self.logged_in => Err(TooLong::Stranger(bytes)),
            b'Q' | b'P' if bytes > statement_bytes_max => Err(TooLong::Statement(bytes, statement_bytes_max)),
            b'B' if bytes > values_bytes_max => Err(TooLong::Values(bytes, values_bytes_max)),
            b'Q' | b'P' | b'B' => Ok(()),
            _ => Err(TooLong::Other(bytes)),
        }
    }
}

/// A socket that fails at the head of a message that is too long, and when a message that was begun does not go on.
#[derive(Debug)]
pub(super) struct Measured<S> {
    stream: S,
    heads: Heads,
    silence: Silence,
    too_long: Option<TooLong>,
}

impl<S> Measured<S> {
    /// `begun` was read of `stream` before.
    pub(super) fn new(stream: S, lengths: Lengths, silence: Silence, begun: &[u8]) -> Self {
        let mut heads = Heads::new(lengths);
        let too_long = heads.follow(begun).err();
        Self { stream, heads, silence, too_long }
    }

    /// From now on messages may be longer.
    pub(super) fn log_in(&mut self) {
        self.heads.logged_in = true;
    }

    /// What ended the connection, if it was that.
    pub(super) fn too_long(&self) -> Option<TooLong> {
        self.too_long
    }

    /// What is below.
    pub(super) fn stream(&mut self) -> &mut S {
        &mut self.stream
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Measured<S> {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if let Some(too_long) = this.too_long {
            return Poll::Ready(Err(io::Error::other(too_long)));
        }
        let before = into.filled().len();
        match Pin::new(&mut this.stream).poll_read(context, into) {
            Poll::Ready(Ok(())) => {
                this.silence.broken();
                if let Err(too_long) = this.heads.follow(&into.filled()[before..]) {
                    this.too_long = Some(too_long);
                    // Not even what has come of it is kept.
                    into.set_filled(before);
                    return Poll::Ready(Err(io::Error::other(too_long)));
                }
                Poll::Ready(Ok(()))
            }
            Poll::Pending if this.heads.is_amid() => this.silence.poll(context).map(|()| {
                Err(io::Error::new(io::ErrorKind::TimedOut, "the client has begun a message and does not go on"))
            }),
            other => other,
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Measured<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LENGTHS: Lengths = Lengths { statement_bytes_max: 100_000, values_bytes_max: 200_000 };

    fn startup(code: u32, bytes: u32) -> Vec<u8> {
        let mut message = [bytes.to_be_bytes(), code.to_be_bytes()].concat();
        message.resize((bytes as usize).clamp(8, 20_000), 0);
        message
    }

    /// A message and, if it is short, its body.
    fn message(kind: u8, bytes: u32) -> Vec<u8> {
        let mut message = [&[kind], bytes.to_be_bytes().as_slice()].concat();
        message.resize(1 + bytes as usize, b'x');
        message
    }

    fn follow(logged_in: bool, messages: &[Vec<u8>], step: usize) -> Result<bool, TooLong> {
        let mut heads = Heads::new(LENGTHS);
        heads.follow(&startup(NEGOTIATIONS[1], 8))?;
        heads.follow(&startup(NEGOTIATIONS[0], 8))?;
        heads.follow(&startup(196_608, 40))?;
        heads.logged_in = logged_in;
        let all = messages.concat();
        all.chunks(step).try_for_each(|bytes| heads.follow(bytes))?;
        Ok(heads.is_amid())
    }

    #[test]
    fn a_stranger_sends_little() {
        assert_eq!(Heads::new(LENGTHS).follow(&startup(196_608, 10_001)), Err(TooLong::Stranger(10_001)));
        assert_eq!(Heads::new(LENGTHS).follow(&startup(196_608, 10_000)), Ok(()));
        for kind in [b'Q', b'p', b'B', b'd', b'P'] {
            let huge = [&[kind], 0x3fff_fff0_u32.to_be_bytes().as_slice()].concat();
            assert_eq!(follow(false, &[message(b'p', 50), huge], 7), Err(TooLong::Stranger(0x3fff_fff0)));
        }
    }

    #[test]
    fn behind_the_login_each_kind_has_its_limit() {
        let check = |kind: u8, bytes: u32, expect| assert_eq!(follow(true, &[message(kind, bytes)], 4096), expect);
        check(b'Q', 100_000, Ok(false));
        check(b'Q', 100_001, Err(TooLong::Statement(100_001, 100_000)));
        check(b'P', 100_001, Err(TooLong::Statement(100_001, 100_000)));
        check(b'B', 200_000, Ok(false));
        check(b'B', 200_001, Err(TooLong::Values(200_001, 200_000)));
        check(b'd', 10_001, Err(TooLong::Other(10_001)));
    }

    proptest! {
        #[test]
        fn however_bytes_are_cut_messages_begin_where_they_begin(
            sizes in prop::collection::vec(4..3000_u32, 0..8), step in 1..4000_usize, cut in 0..9_usize,
        ) {
            let mut messages: Vec<_> = sizes.iter().map(|bytes| message(b'Q', *bytes)).collect();
            prop_assert_eq!(follow(true, &messages, step), Ok(false));
            let mut last = message(b'Q', 20);
            last.truncate(cut);
            messages.push(last);
            prop_assert_eq!(follow(true, &messages, step), Ok(cut > 0));
        }
    }
}
