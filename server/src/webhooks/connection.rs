//! A connection to one address of one host, over which one message after another goes.
//!
//! Whoever sends a message runs the connection meanwhile, and nobody does between two messages: there is no task that
//! could outlive its owner, and a connection that is dropped is closed. What the host did meanwhile, such as closing
//! it, is noticed by the next one. Not here: which connections are kept ([`super::places`]).

use std::fmt;
use std::future::poll_fn;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_rustls::TlsConnector;

use super::answer::{ANSWER_MAX, Reason, retry_after};
use super::target::Origin;
use super::trust::Trust;

/// Bytes of an answer that are read ahead; its head has to fit. It may have 100 headers, which is what hyper takes.
const BUFFER_BYTES: usize = 16 << 10;

trait Socket: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Socket for S {}

type Driver = http1::Connection<TokioIo<Box<dyn Socket>>, Full<Bytes>>;

/// One connection.
pub(super) struct Connection {
    /// When it was made.
    pub(super) since: Instant,
    sender: SendRequest<Full<Bytes>>,
    /// `None` once it has ended.
    driver: Option<Pin<Box<Driver>>>,
}

/// What has been heard of an answer so far.
#[derive(Debug, Default)]
pub(super) struct Heard {
    pub(super) status: Option<StatusCode>,
    pub(super) retry_after: Option<Duration>,
    pub(super) body: Vec<u8>,
    /// Whether the body goes on after what was read of it.
    pub(super) is_cut: bool,
}

impl Connection {
    /// Connects to `address` for `origin`, whose certificate it has to have.
    pub(super) async fn open(origin: &Origin, address: IpAddr, trust: &Trust) -> Result<Self, Reason> {
        let stream = TcpStream::connect(SocketAddr::new(address, origin.port)).await.map_err(|_| Reason::Connect)?;
        // A message is written at once, or nearly so.
        stream.set_nodelay(true).map_err(|_| Reason::Connect)?;
        let socket: Box<dyn Socket> = if origin.tls {
            let name = origin.server_name().ok_or(Reason::Tls)?;
            let connecting = TlsConnector::from(trust.0.clone()).connect(name, stream);
            Box::new(Box::pin(connecting).await.map_err(|_| Reason::Tls)?)
        } else {
            Box::new(stream)
        };
        let (sender, driver) = http1::Builder::new()
            .max_buf_size(BUFFER_BYTES)
            .handshake(TokioIo::new(socket))
            .await
            .map_err(|_| Reason::Connect)?;
        Ok(Self { since: Instant::now(), sender, driver: Some(Box::pin(driver)) })
    }

    /// Sends `request` and tells `heard` how the answer begins.
    pub(super) async fn send(&mut self, request: Request<Full<Bytes>>, heard: &mut Heard) -> Result<(), Reason> {
        let Self { sender, driver, .. } = self;
        let mut answer = pin!(async {
            let mut response = sender.send_request(request).await.map_err(|error| reason(&error))?;
            heard.status = Some(response.status());
            heard.retry_after = retry_after(response.headers(), Timestamp::now());
            while let Some(frame) = response.frame().await {
                let frame = frame.map_err(|error| reason(&error))?;
                let data = frame.data_ref().map_or(&[][..], |data| &data[..]);
                let rest = ANSWER_MAX - heard.body.len();
                heard.body.extend_from_slice(&data[..data.len().min(rest)]);
                if data.len() > rest {
                    heard.is_cut = true;
                    return Ok(());
                }
            }
            Ok(())
        });
        poll_fn(|context| {
            if let Poll::Ready(done) = answer.as_mut().poll(context) {
                return Poll::Ready(done);
            }
            if driver.as_mut().is_some_and(|running| running.as_mut().poll(context).is_ready()) {
                *driver = None;
            }
            // What the driver has just read, or why it has ended.
            answer.as_mut().poll(context)
        })
        .await
    }

    /// Whether another message can be sent, as far as can be known.
    pub(super) async fn is_ready(&mut self) -> bool {
        poll_fn(|context| {
            let ended = self.driver.as_mut().is_none_or(|driver| driver.as_mut().poll(context).is_ready());
            if ended {
                self.driver = None;
            }
            Poll::Ready(!ended && self.sender.is_ready())
        })
        .await
    }
}

/// What went wrong once there was a connection.
fn reason(error: &hyper::Error) -> Reason {
    let source = std::error::Error::source(error).and_then(|source| source.downcast_ref::<io::Error>());
    let malformed = source.is_some_and(|io| matches!(io.kind(), ErrorKind::InvalidData | ErrorKind::InvalidInput));
    if error.is_parse() || malformed { Reason::Malformed } else { Reason::Closed }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("since", &self.since).finish_non_exhaustive()
    }
}
