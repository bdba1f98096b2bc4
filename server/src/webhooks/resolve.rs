//! What a host's name means right now.
//!
//! The machine's resolver can't be called off: a name whose servers don't answer keeps a thread busy after whoever
//! asked has left. So it is the thread that has a place here, until it is done, and there are not many. Not here: which
//! addresses pass ([`super::address`]).

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::pin::Pin;
use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task;

/// Names that are asked for at once.
const LOOKUPS: usize = 64;
/// Most addresses of a name that are looked at.
pub(super) const ADDRESSES_MAX: usize = 16;

/// The addresses of a name, as soon as they are known.
pub type Resolving<'a> = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send + 'a>>;

/// Knows what names mean.
pub trait Resolve: Send + Sync + 'static {
    /// The addresses of `host`, those to try first at the beginning.
    fn resolve<'a>(&'a self, host: &'a str) -> Resolving<'a>;
}

/// The machine's own resolver.
#[derive(Debug)]
pub struct Machine {
    places: Arc<Semaphore>,
}

impl Default for Machine {
    fn default() -> Self {
        Self { places: Arc::new(Semaphore::new(LOOKUPS)) }
    }
}

impl Resolve for Machine {
    fn resolve<'a>(&'a self, host: &'a str) -> Resolving<'a> {
        Box::pin(async move {
            let place = Arc::clone(&self.places).acquire_owned().await.map_err(io::Error::other)?;
            let host = host.to_owned();
            let ask = move || {
                let _place = place;
                let found = (host.as_str(), 0).to_socket_addrs()?;
                Ok(found.map(|address: SocketAddr| address.ip()).take(ADDRESSES_MAX).collect())
            };
            task::spawn_blocking(ask).await.map_err(io::Error::other)?
        })
    }
}
