//! One attempt to send one message: where it goes, for how long, and what came of it.
//!
//! A name is resolved once for a connection, all its addresses are judged, and of these the connection is made, so a
//! name that means something else a moment later changes nothing. A kept connection is to an address that passed, and
//! the rules of an exchange don't change; its name is resolved again once it is old. Not here: whether there is another
//! attempt.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{HOST, HeaderMap, HeaderValue, USER_AGENT};
use hyper::{Method, Request};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use super::address::Rules;
use super::answer::{Attempt, Outcome, Reason};
use super::connection::{Connection, Heard};
use super::headers;
use super::places::{Place, Places};
use super::resolve::{ADDRESSES_MAX, Resolve};
use super::target::{Target, TargetError};
use super::trust::Trust;

pub use super::places::Limits;

const SENDER: HeaderValue = HeaderValue::from_static(concat!("tenantry/", env!("CARGO_PKG_VERSION")));
/// How often kept connections are looked after.
const SWEEP: Duration = Duration::from_secs(5);

/// A message on its way.
#[derive(Debug, Clone)]
pub struct Message {
    /// Where to.
    pub url: String,
    /// The signatures, and what the endpoint asks for. What a connection is run by is left out.
    pub headers: HeaderMap,
    /// What it says.
    pub body: Bytes,
}

/// Sends messages.
pub struct Exchange {
    rules: Rules,
    limits: Limits,
    trust: Trust,
    resolver: Arc<dyn Resolve>,
    places: Places,
}

impl Exchange {
    /// Sends to where `rules` allow, as much at once as `limits` say.
    pub fn new(rules: Rules, limits: Limits, trust: Trust, resolver: Arc<dyn Resolve>) -> Self {
        Self { rules, places: Places::new(limits.clone()), limits, trust, resolver }
    }

    /// Sends `message` once. Whoever drops the future ends the attempt.
    pub async fn post(&self, message: &Message) -> Attempt {
        let failed = |reason| Attempt {
            status: None,
            latency: Duration::ZERO,
            answer: String::new(),
            outcome: Outcome::Failed(reason),
        };
        let target = match Target::parse(&message.url, &self.rules) {
            Ok(target) => target,
            Err(TargetError::Address(special)) => return failed(Reason::Address(special)),
            Err(error) => return failed(error.into()),
        };
        let Some(place) = self.places.enter(&target.origin).await else { return failed(Reason::Busy) };
        let begin = Instant::now();
        let mut heard = Heard::default();
        let sending = Box::pin(self.send(&target, message, &place, &mut heard));
        let sent = timeout(self.limits.attempt, sending).await.unwrap_or(Err(Reason::Timeout));
        let outcome = match (sent, heard.status) {
            (Err(reason), _) => Outcome::Failed(reason),
            (Ok(()), Some(status)) => Outcome::of(status, heard.retry_after),
            (Ok(()), None) => Outcome::Failed(Reason::Malformed),
        };
        Attempt {
            status: heard.status.map(|status| status.as_u16()),
            latency: begin.elapsed(),
            answer: String::from_utf8_lossy(&heard.body).into_owned(),
            outcome,
        }
    }

    /// Closes the connections that have been kept for long enough; how many are kept still.
    pub fn sweep(&self) -> usize {
        self.places.sweep()
    }

    /// Sweeps now and then, for as long as this runs.
    pub async fn tend(&self) {
        let mut ticks = interval(SWEEP);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.sweep();
        }
    }

    async fn send(
        &self,
        target: &Target,
        message: &Message,
        place: &Place<'_>,
        heard: &mut Heard,
    ) -> Result<(), Reason> {
        while let Some(mut kept) = place.take() {
            if !kept.is_ready().await {
                continue;
            }
            match kept.send(request(target, message), heard).await {
                // The host closed it, as it may at any time; the message, if it has it, it knows by its name.
                Err(Reason::Closed) if heard.status.is_none() => {}
                sent => return finish(sent, kept, heard, place).await,
            }
        }
        let mut made = self.connect(target).await?;
        let sent = made.send(request(target, message), heard).await;
        finish(sent, made, heard, place).await
    }

    async fn connect(&self, target: &Target) -> Result<Connection, Reason> {
        let mut last = Reason::Dns;
        let mut passed = Vec::new();
        for address in self.addresses(target).await? {
            match self.rules.judge(address) {
                Ok(()) => passed.push(address),
                Err(special) => last = Reason::Address(special),
            }
        }
        for address in passed {
            let opening = Connection::open(&target.origin, address, &self.trust);
            match timeout(self.limits.connect, opening).await {
                Ok(Ok(connection)) => return Ok(connection),
                Ok(Err(reason)) => last = reason,
                Err(_) => last = Reason::Timeout,
            }
        }
        Err(last)
    }

    async fn addresses(&self, target: &Target) -> Result<Vec<IpAddr>, Reason> {
        if let Some(address) = target.address {
            return Ok(vec![address]);
        }
        let mut found = self.resolver.resolve(&target.origin.host).await.map_err(|_| Reason::Dns)?;
        found.truncate(ADDRESSES_MAX);
        Ok(found)
    }
}

/// Keeps the connection if the whole answer was read.
async fn finish(
    sent: Result<(), Reason>,
    mut connection: Connection,
    heard: &Heard,
    place: &Place<'_>,
) -> Result<(), Reason> {
    if sent.is_ok() && !heard.is_cut && connection.is_ready().await {
        place.keep(connection);
    }
    sent
}

fn request(target: &Target, message: &Message) -> Request<Full<Bytes>> {
    let mut request = Request::new(Full::new(message.body.clone()));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = target.path.clone();
    let own = request.headers_mut();
    own.clone_from(&message.headers);
    headers::take_framing(own);
    own.entry(USER_AGENT).or_insert(SENDER);
    own.insert(HOST, target.authority.clone());
    request
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exchange").field("rules", &self.rules).field("limits", &self.limits).finish_non_exhaustive()
    }
}
