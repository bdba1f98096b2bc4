//! Endpoints that do what a test says, byte by byte, and the names and rules by which they are reached.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use engine::lock::Lock;
use hyper::HeaderMap;
use server::webhooks::address::Rules;
use server::webhooks::exchange::{Exchange, Limits, Message};
use server::webhooks::resolve::{Resolve, Resolving};
use server::webhooks::trust::Trust;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// What an endpoint does once it has a request.
#[derive(Clone)]
pub(crate) enum Step {
    /// Answers and waits for the next.
    Answer(String),
    /// Answers, and says more a moment later without being asked.
    Chatter(String, String),
    /// Says so much and closes the connection.
    Close(String),
    /// Says so much and does nothing any more.
    Hang(String),
    /// Answers with as many bytes of body.
    Flood(usize),
}

#[derive(Debug, Default)]
pub(crate) struct Told {
    pub(crate) connections: AtomicUsize,
    pub(crate) closed: AtomicUsize,
    pub(crate) flooded: AtomicUsize,
    pub(crate) requests: Lock<Vec<String>>,
}

impl Told {
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// Connections that nobody has closed.
    pub(crate) fn open(&self) -> usize {
        self.connections() - self.closed.load(Ordering::SeqCst)
    }

    pub(crate) fn requests(&self) -> usize {
        self.requests.lock().len()
    }
}

/// Serves until it is dropped.
pub(crate) struct Endpoint {
    pub(crate) address: SocketAddr,
    pub(crate) told: Arc<Told>,
    _task: JoinSet<()>,
}

impl Endpoint {
    /// At any port of 127.0.0.1; `step` is asked what the request of that number does.
    pub(crate) async fn start(step: impl Fn(usize) -> Step + Send + Sync + 'static) -> Self {
        Self::at(SocketAddr::from(([127, 0, 0, 1], 0)), step).await
    }

    pub(crate) async fn at(address: SocketAddr, step: impl Fn(usize) -> Step + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let (address, told, step) = (listener.local_addr().unwrap(), Arc::<Told>::default(), Arc::new(step));
        let mut task = JoinSet::new();
        let heard = Arc::clone(&told);
        task.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                heard.connections.fetch_add(1, Ordering::SeqCst);
                let (step, heard) = (Arc::clone(&step), Arc::clone(&heard));
                connections.spawn(async move {
                    _ = serve(stream, &*step, &heard).await;
                    heard.closed.fetch_add(1, Ordering::SeqCst);
                });
            }
        });
        Self { address, told, _task: task }
    }

    pub(crate) async fn always(step: Step) -> Self {
        Self::start(move |_| step.clone()).await
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }
}

/// Answers what comes, as `step` says.
pub(crate) async fn serve<S>(mut stream: S, step: &(dyn Fn(usize) -> Step + Sync), told: &Told) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    while let Some(request) = receive(&mut stream).await? {
        let number = {
            let mut requests = told.requests.lock();
            requests.push(request);
            requests.len() - 1
        };
        match step(number) {
            Step::Answer(text) => stream.write_all(text.as_bytes()).await?,
            Step::Chatter(text, more) => {
                stream.write_all(text.as_bytes()).await?;
                tokio::time::sleep(Duration::from_millis(20)).await;
                stream.write_all(more.as_bytes()).await?;
            }
            Step::Close(text) => {
                stream.write_all(text.as_bytes()).await?;
                return stream.shutdown().await;
            }
            Step::Hang(text) => {
                stream.write_all(text.as_bytes()).await?;
                return std::future::pending().await;
            }
            Step::Flood(bytes) => {
                stream.write_all(format!("HTTP/1.1 200 OK\r\ncontent-length: {bytes}\r\n\r\n").as_bytes()).await?;
                let some = vec![b'x'; 64 << 10];
                for _ in 0..bytes / some.len() {
                    stream.write_all(&some).await?;
                    told.flooded.fetch_add(some.len(), Ordering::SeqCst);
                }
            }
        }
    }
    Ok(())
}

/// One request with its body; none if the connection is closed.
async fn receive<S: AsyncRead + Unpin>(stream: &mut S) -> io::Result<Option<String>> {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap_or("0");
            if body.len() >= length.parse().unwrap() {
                return Ok(Some(text));
            }
        }
        if stream.read_buf(&mut bytes).await? == 0 {
            return Ok(None);
        }
    }
}

/// An answer of `status` with a body.
pub(crate) fn answer(status: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n{headers}\r\n{body}", body.len())
}

/// Names mean what a test says, the time of that number they are asked for.
pub(crate) struct Names<F> {
    pub(crate) asked: AtomicUsize,
    meaning: F,
}

impl<F> Names<F> {
    pub(crate) fn new(meaning: F) -> Arc<Self>
    where
        F: Fn(&str, usize) -> io::Result<Vec<IpAddr>> + Send + Sync + 'static,
    {
        Arc::new(Self { asked: AtomicUsize::new(0), meaning })
    }
}

impl<F: Fn(&str, usize) -> io::Result<Vec<IpAddr>> + Send + Sync + 'static> Resolve for Names<F> {
    fn resolve<'a>(&'a self, host: &'a str) -> Resolving<'a> {
        let number = self.asked.fetch_add(1, Ordering::SeqCst);
        Box::pin(async move { (self.meaning)(host, number) })
    }
}

/// 127.0.0.1 stands for the public internet; the rest of this machine is private.
pub(crate) fn rules() -> Rules {
    Rules { private: false, allowed: vec!["127.0.0.1".parse().unwrap()], http: true }
}

pub(crate) fn limits() -> Limits {
    Limits { attempt: Duration::from_secs(2), connect: Duration::from_secs(1), ..Limits::default() }
}

/// Believes nobody of this world.
pub(crate) fn trust() -> Trust {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ca.pem");
    let own = rcgen::generate_simple_self_signed(["nobody.example".to_owned()]).unwrap();
    std::fs::write(&file, own.cert.pem()).unwrap();
    Trust::open(Some(&file)).unwrap()
}

/// Sends to 127.0.0.1 whatever the name.
pub(crate) fn exchange(limits: Limits) -> Exchange {
    let here = Names::new(|_: &str, _| Ok(vec![IpAddr::V4(Ipv4Addr::LOCALHOST)]));
    Exchange::new(rules(), limits, trust(), here)
}

pub(crate) fn message(url: impl Into<String>) -> Message {
    let headers = HeaderMap::from_iter([(hyper::header::CONTENT_TYPE, "application/json".parse().unwrap())]);
    Message { url: url.into(), headers, body: Bytes::from_static(b"{\"type\":\"test\"}") }
}
