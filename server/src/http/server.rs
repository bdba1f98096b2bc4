//! Sockets of the doors that speak HTTP: accepts, bounds, drains. Knows nothing of what is served.
//!
//! Limits (I8): so many connections at once ([`places`](super::places) says who makes room), so long for TLS and for a request's
//! head (a slow sender can't hold a connection), so long without a byte of a body or of an answer, so long for a drain. Each
//! door speaks one version, [`Wire`]: a protocol that is not there needs no limits.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use datafusion_postgres::pgwire::tokio::TlsAcceptor;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout;
use tower::ServiceExt;

use crate::listening::listen;
use crate::silence::{Patient, Silence};
use crate::watchdog::doing::doing;

use super::held;
use super::places::{Place, Places};

/// Between two attempts to accept when the machine is out of file descriptors.
const ACCEPT_RETRY: Duration = Duration::from_millis(50);
/// Largest head of a request, bytes.
const HEAD_BYTES_MAX: usize = 64 << 10;
/// Between two questions whether the other end of an HTTP/2 connection is still there, and how long it may take to answer.
const PING_EVERY: Duration = Duration::from_secs(30);
const PONG_WITHIN: Duration = Duration::from_secs(20);
/// Calls at once on one HTTP/2 connection.
const STREAMS_MAX: u32 = 128;
/// The first byte of a client that begins TLS.
const TLS_HANDSHAKE: u8 = 0x16;

/// Limits of the sockets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerOptions {
    /// Connections at once.
    pub connections_max: usize,
    /// Longest time for TLS, and for the head of a request to arrive; also how long an idle connection is kept.
    pub head_timeout: Duration,
    /// Longest time without a byte while the node waits for the client to take or to send one.
    pub silence_max: Duration,
}

impl Default for ServerOptions {
    fn default() -> Self {
        Self { connections_max: 1024, head_timeout: Duration::from_secs(15), silence_max: Duration::from_secs(60) }
    }
}

/// What is spoken.
#[derive(Clone)]
pub enum Wire {
    /// HTTP/1.1 in clear, and within TLS with clients that begin it if there is an acceptor.
    Http1(Option<TlsAcceptor>),
    /// HTTP/2 from the first byte, as gRPC wants it; within TLS if there is an acceptor.
    Http2(Option<TlsAcceptor>),
}

/// Who is at the other end; an extension of every request.
#[derive(Debug, Clone, Copy)]
pub struct Peer {
    /// From where.
    pub address: SocketAddr,
    /// Whether nobody in between can read along.
    pub encrypted: bool,
}

/// Why the door does not open.
#[derive(Debug, thiserror::Error)]
#[error("can't listen for HTTP on {address}: {source}; choose another address, or stop what uses it")]
pub struct BindError {
    /// Which address.
    pub address: SocketAddr,
    /// The operating system's words.
    pub source: std::io::Error,
}

/// A door that is open; drop closes it at once, [`HttpServer::drain`] in order.
#[derive(Debug)]
pub struct HttpServer {
    address: SocketAddr,
    stop: watch::Sender<Option<Duration>>,
    task: JoinHandle<usize>,
}

impl HttpServer {
    /// Listens on `address` (port 0: a free one) and serves `router` over HTTP/1.1.
    pub async fn bind(address: SocketAddr, router: Router, options: ServerOptions) -> Result<Self, BindError> {
        Self::bind_wire(address, router, options, Wire::Http1(None)).await
    }

    /// The same over `wire`.
    pub async fn bind_wire(
        address: SocketAddr,
        router: Router,
        options: ServerOptions,
        wire: Wire,
    ) -> Result<Self, BindError> {
        let failed = |source| BindError { address, source };
        let listener = listen(address).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let (stop, stopped) = watch::channel(None);
        // Owned: `closed` and `drain` notice its end, dropping the server aborts it.
        let task = tokio::spawn(accept(listener, router, options, wire, stopped));
        Ok(Self { address, stop, task })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends only if the door has closed by itself, which it should not.
    pub async fn closed(&mut self) {
        // Both an end and a panic mean closed.
        let _ = (&mut self.task).await;
    }

    /// Stops accepting, lets requests under way end within `deadline`; says how many connections were cut off.
    pub async fn drain(mut self, deadline: Duration) -> usize {
        // A door that has closed already has nobody to tell.
        let _ = self.stop.send(Some(deadline));
        (&mut self.task).await.unwrap_or(0)
    }
}

impl Drop for HttpServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(
    listener: TcpListener,
    router: Router,
    options: ServerOptions,
    wire: Wire,
    mut stopped: watch::Receiver<Option<Duration>>,
) -> usize {
    let places = Places::new(options.connections_max);
    let mut connections = JoinSet::new();
    let mut drain = stopped.clone();
    // Accepted, and without a place yet.
    let mut waiting = None;
    loop {
        tokio::select! {
            _ = drain.changed() => break,
            Some(ended) = connections.join_next() => report(ended),
            accepted = next(&listener), if waiting.is_none() => waiting = Some(accepted),
            () = places.room(), if waiting.is_some() => {
                let Some((stream, peer)) = waiting.take() else { continue };
                let Some(place) = places.enter(peer.ip()) else {
                    waiting = Some((stream, peer));
                    continue;
                };
                let one_at_a_time = matches!(wire, Wire::Http1(_));
                let (router, options, stopped) = (router.clone(), options.clone(), stopped.clone());
                let served = Served { router, options, one_at_a_time, stopped };
                match wire.clone() {
                    Wire::Http1(tls) => {
                        let begin = begin_http1(stream, tls, peer, place, served);
                        connections.spawn(doing("a connection over HTTP/1.1", begin))
                    }
                    Wire::Http2(tls) => {
                        let begin = begin_http2(stream, tls, peer, place, served);
                        connections.spawn(doing("a connection over HTTP/2", begin))
                    }
                };
            }
        }
    }
    drop(listener);
    let deadline = stopped.borrow_and_update().unwrap_or_default();
    let all = async {
        while let Some(ended) = connections.join_next().await {
            report(ended)
        }
    };
    if tokio::time::timeout(deadline, all).await.is_ok() {
        return 0;
    }
    let cut_off = connections.len();
    connections.shutdown().await;
    cut_off
}

fn report(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended
        && error.is_panic()
    {
        tracing::error!(%error, "a connection's task panicked");
    }
}

async fn next(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                // Answers are small and complete: waiting for more only delays them.
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(%error, "can't set TCP_NODELAY");
                }
                return (stream, peer);
            }
            Err(error) => {
                tracing::warn!(%error, "can't accept a connection");
                tokio::time::sleep(ACCEPT_RETRY).await;
            }
        }
    }
}

fn http1(head_timeout: Duration) -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new()).http1_only();
    builder.http1().timer(TokioTimer::new()).header_read_timeout(head_timeout).max_buf_size(HEAD_BYTES_MAX);
    builder
}

fn http2() -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new()).http2_only();
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS_MAX)
        .max_header_list_size(HEAD_BYTES_MAX as u32)
        .keep_alive_interval(PING_EVERY)
        .keep_alive_timeout(PONG_WITHIN);
    builder
}

/// What a connection is served with.
struct Served {
    router: Router,
    options: ServerOptions,
    /// Whether a client that does not go on with a request has nothing else under way.
    one_at_a_time: bool,
    stopped: watch::Receiver<Option<Duration>>,
}

/// Speaks HTTP/1.1, within TLS if that is how the client begins.
async fn begin_http1(stream: TcpStream, tls: Option<TlsAcceptor>, peer: SocketAddr, place: Arc<Place>, served: Served) {
    let head_timeout = served.options.head_timeout;
    let mut first = [0];
    let begins_tls = match &tls {
        None => false,
        Some(_) => match begun(stream.peek(&mut first), head_timeout, &place).await {
            Some(1) => first[0] == TLS_HANDSHAKE,
            _ => return,
        },
    };
    match tls.filter(|_| begins_tls) {
        None => speak(stream, http1(head_timeout), Peer { address: peer, encrypted: false }, place, served).await,
        Some(tls) => {
            if let Some(stream) = begun(tls.accept(stream), head_timeout, &place).await {
                speak(stream, http1(head_timeout), Peer { address: peer, encrypted: true }, place, served).await;
            }
        }
    }
}

/// Speaks HTTP/2 with who says something at all, and says it well if it is to be TLS.
async fn begin_http2(stream: TcpStream, tls: Option<TlsAcceptor>, peer: SocketAddr, place: Arc<Place>, served: Served) {
    let peer = Peer { address: peer, encrypted: tls.is_some() };
    let head_timeout = served.options.head_timeout;
    match tls {
        None => {
            if begun(stream.readable(), head_timeout, &place).await.is_some() {
                speak(stream, http2(), peer, place, served).await;
            }
        }
        Some(tls) => {
            if let Some(stream) = begun(tls.accept(stream), head_timeout, &place).await {
                speak(stream, http2(), peer, place, served).await;
            }
        }
    }
}

async fn begun<T>(begin: impl Future<Output = std::io::Result<T>>, head_timeout: Duration, place: &Place) -> Option<T> {
    tokio::select! {
        begun = timeout(head_timeout, begin) => match begun {
            Ok(Ok(begun)) => Some(begun),
            Ok(Err(error)) => {
                tracing::debug!(%error, "connection ended before it began");
                None
            }
            Err(_) => None,
        },
        () = place.given_up() => None,
    }
}

async fn speak(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    builder: auto::Builder<TokioExecutor>,
    peer: Peer,
    place: Arc<Place>,
    Served { router, options, one_at_a_time, mut stopped }: Served,
) {
    let seat = Arc::clone(&place);
    let silence_max = options.silence_max;
    let service = tower::service_fn(move |request: Request<_>| {
        let (answering, router) = (seat.answering(), router.clone());
        let mut request = request.map(|body| match one_at_a_time {
            true => held::awaited(Body::new(body), &seat, silence_max),
            false => Body::new(body),
        });
        request.extensions_mut().insert(peer);
        async move { router.oneshot(request).await.map(|response| held::hold(response, answering)) }
    });
    let stream = Patient::new(stream, Silence::new(options.silence_max, place.to_take()));
    let connection = builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(service));
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = place.given_up() => {
            if place.is_dispensable() {
                return;
            }
            connection.as_mut().graceful_shutdown();
            connection.await
        }
        _ = stopped.changed() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "connection ended");
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::sync::Notify;

    use super::*;

    const ANYWHERE: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

    async fn ask(address: SocketAddr) -> TcpStream {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        stream
    }

    #[tokio::test]
    async fn a_drain_lets_requests_end_and_takes_no_new_ones() {
        let (entered, leave) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (at_work, may_end) = (Arc::clone(&entered), Arc::clone(&leave));
        let handler = move || async move {
            at_work.notify_one();
            may_end.notified().await;
            "done"
        };
        let router = Router::new().route("/", get(handler));
        let server = HttpServer::bind(ANYWHERE, router, ServerOptions::default()).await.unwrap();
        let address = server.address();
        let mut stream = ask(address).await;
        entered.notified().await;
        let drain = tokio::spawn(server.drain(Duration::from_secs(60)));
        // Refused as soon as the listener is gone.
        while TcpStream::connect(address).await.is_ok() {
            tokio::task::yield_now().await;
        }
        leave.notify_one();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("done"), "{answer}");
        assert_eq!(drain.await.unwrap(), 0);
    }

    #[tokio::test]
    async fn a_drain_cuts_off_what_outlasts_its_deadline() {
        let entered = Arc::new(Notify::new());
        let at_work = Arc::clone(&entered);
        let handler = move || async move {
            at_work.notify_one();
            std::future::pending::<&str>().await
        };
        let router = Router::new().route("/", get(handler));
        let server = HttpServer::bind(ANYWHERE, router, ServerOptions::default()).await.unwrap();
        let _stream = ask(server.address()).await;
        entered.notified().await;
        assert_eq!(server.drain(Duration::ZERO).await, 1);
    }

    #[tokio::test]
    async fn who_keeps_still_makes_room_and_who_is_answered_does_not() {
        let (entered, leave) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (at_work, may_end) = (Arc::clone(&entered), Arc::clone(&leave));
        let slow = move || async move {
            at_work.notify_one();
            may_end.notified().await;
            "slow"
        };
        let router = Router::new().route("/", get(slow)).route("/quick", get(async || "quick"));
        let options =
            ServerOptions { connections_max: 2, head_timeout: Duration::from_secs(3600), ..ServerOptions::default() };
        let server = HttpServer::bind(ANYWHERE, router, options).await.unwrap();
        let mut answered = ask(server.address()).await;
        entered.notified().await;
        let mut still = TcpStream::connect(server.address()).await.unwrap();
        still.write_all(b"GET / HTTP/1.1\r\nhost").await.unwrap();
        for _ in 0..5 {
            let mut next = TcpStream::connect(server.address()).await.unwrap();
            next.write_all(b"GET /quick HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
            let mut answer = String::new();
            next.read_to_string(&mut answer).await.unwrap();
            assert!(answer.ends_with("quick"), "{answer}");
        }
        leave.notify_one();
        let mut answer = vec![0; 4096];
        let length = answered.read(&mut answer).await.unwrap();
        assert!(answer[..length].ends_with(b"slow"));
        // Closed, whether or not that shows as an error.
        let _ = still.read_to_end(&mut answer).await;
    }

    #[tokio::test]
    async fn a_sender_that_never_ends_its_head_is_cut_off() {
        let options = ServerOptions { head_timeout: Duration::from_millis(20), ..ServerOptions::default() };
        let server = HttpServer::bind(ANYWHERE, Router::new(), options).await.unwrap();
        let mut stream = TcpStream::connect(server.address()).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nhost").await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
    }
}
