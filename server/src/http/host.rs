//! By what name a client calls the node. A page in a browser reaches a node on its own machine by a name that its author has
//! turned to 127.0.0.1 (DNS rebinding); such a name is not the node's, and no request by it is answered.
//!
//! An address can't be turned, so addresses are taken. Not here: Flight, which no page can speak.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::http::uri::Authority;
use axum::http::{Version, header};
use axum::middleware::{Next, from_fn};
use axum::response::IntoResponse;

use super::headers;
use super::problem::{Kind, Problem};

const LOCALHOST: &str = "localhost";

/// What the node may be called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hosts {
    /// Only this machine reaches the door.
    is_local: bool,
    names: Vec<String>,
}

impl Hosts {
    /// Of a door on `address`, which is called one of `names` too, separated by commas.
    pub fn new(address: SocketAddr, names: &str) -> Self {
        let names = names.split(',').map(|name| name.trim().to_lowercase()).filter(|name| !name.is_empty());
        Self { is_local: address.ip().to_canonical().is_loopback(), names: names.collect() }
    }

    fn take(&self, host: &str) -> bool {
        let host = host.trim_end_matches('.').to_lowercase();
        match host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
            Ok(address) if !self.is_local || address.to_canonical().is_loopback() => true,
            Ok(_) => self.names.contains(&host),
            // A door that others reach has names that it can't know unless it is told them.
            Err(_) => host == LOCALHOST || self.names.contains(&host) || (self.names.is_empty() && !self.is_local),
        }
    }

    fn check(&self, request: &Request) -> Result<(), Problem> {
        let written = match request.uri().authority() {
            Some(authority) => authority.as_str(),
            None => match request.headers().get(header::HOST) {
                Some(host) => host.to_str().map_err(|_| Kind::Malformed.with("the header Host is no text"))?,
                None if request.version() < Version::HTTP_11 => return Ok(()),
                None => return Err(Kind::Malformed.with("there is no header Host")),
            },
        };
        let authority = written.parse::<Authority>();
        let authority =
            authority.map_err(|_| Kind::Malformed.with(format!("the header Host is no host: {written:?}")))?;
        match self.take(authority.host()) {
            true => Ok(()),
            false => Err(Kind::Misdirected.with(format!(
                "this node is not called {:?}: use its address, or name it in http.hosts",
                authority.host()
            ))),
        }
    }
}

/// `router`, for requests that call the node what it is called.
pub fn called(router: Router, hosts: Hosts) -> Router {
    let hosts = Arc::new(hosts);
    router.layer(from_fn(move |request: Request, next: Next| {
        let hosts = Arc::clone(&hosts);
        async move {
            let called = hosts.check(&request);
            match called {
                Ok(()) => next.run(request).await,
                Err(problem) => headers::with_all(problem.into_response()).await,
            }
        }
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(address: &str, names: &str, hosts: &[&str]) -> Vec<bool> {
        let own = Hosts::new(address.parse().unwrap(), names);
        hosts.iter().map(|host| own.take(host)).collect()
    }

    #[test]
    fn a_door_on_loopback_is_called_nothing_else() {
        let hosts = ["localhost", "LOCALHOST.", "127.0.0.1", "127.9.9.9", "[::1]", "evil.example", "192.0.2.1"];
        assert_eq!(taken("127.0.0.1:80", "", &hosts), [true, true, true, true, true, false, false]);
        assert_eq!(taken("[::1]:80", " Evil.example, b", &hosts), [true, true, true, true, true, true, false]);
        assert_eq!(taken("127.0.0.1:80", "", &["localhost.evil.example", "127.0.0.1.evil.example"]), [false, false]);
    }

    #[test]
    fn a_door_to_others_is_called_by_address_and_by_the_names_it_is_given() {
        let hosts = ["localhost", "192.0.2.1", "[2001:db8::1]", "metering.example"];
        assert_eq!(taken("0.0.0.0:80", "", &hosts), [true, true, true, true]);
        assert_eq!(taken("0.0.0.0:80", "other.example", &hosts), [true, true, true, false]);
        assert_eq!(taken("0.0.0.0:80", "metering.example", &hosts), [true, true, true, true]);
    }
}
