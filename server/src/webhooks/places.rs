//! How many messages are being sent at once, and the connections that wait for the next one.
//!
//! An endpoint that hangs holds its own places and no other's: who waits for a place of an endpoint has none of the
//! node's yet, and not many may wait. Not here: how long an attempt may take ([`super::exchange`]).

use std::collections::HashMap;
use std::mem;
use std::sync::Arc;
use std::time::Duration;

use engine::lock::Lock;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};

use super::connection::Connection;
use super::target::Origin;

/// How much is done at once.
#[derive(Debug, Clone)]
pub struct Limits {
    /// For how long one attempt may go on once it has a place.
    pub attempt: Duration,
    /// For how long one waits for a place.
    pub wait: Duration,
    /// For how long each address of a host is tried.
    pub connect: Duration,
    /// Attempts at once.
    pub attempts: usize,
    /// Attempts at once at one endpoint's host.
    pub attempts_per_host: usize,
    /// Attempts that wait for a place at one endpoint's host.
    pub waits_per_host: usize,
    /// Connections that are kept for the next message.
    pub idle: usize,
    /// Of these, those of one endpoint's host.
    pub idle_per_host: usize,
    /// For how long they are kept.
    pub idle_for: Duration,
    /// For how long a connection is used: then the name is resolved anew.
    pub age: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            attempt: Duration::from_secs(15),
            wait: Duration::from_secs(15),
            connect: Duration::from_secs(5),
            attempts: 2048,
            attempts_per_host: 8,
            waits_per_host: 32,
            idle: 2048,
            idle_per_host: 4,
            idle_for: Duration::from_secs(30),
            age: Duration::from_secs(120),
        }
    }
}

#[derive(Debug)]
pub(super) struct Places {
    limits: Limits,
    attempts: Arc<Semaphore>,
    hosts: Lock<Hosts>,
}

#[derive(Debug, Default)]
struct Hosts {
    by_origin: HashMap<Arc<Origin>, Host>,
    idle: usize,
}

/// A host that somebody sends to, or that a connection is kept of.
#[derive(Debug)]
struct Host {
    attempts: Arc<Semaphore>,
    /// How many have a place or wait for one.
    users: usize,
    idle: Vec<Idle>,
}

#[derive(Debug)]
struct Idle {
    connection: Connection,
    since: Instant,
}

/// Somebody's place at a host, until it is dropped.
#[derive(Debug)]
pub(super) struct Place<'a> {
    places: &'a Places,
    origin: Arc<Origin>,
    permits: Option<(OwnedSemaphorePermit, OwnedSemaphorePermit)>,
}

impl Places {
    pub(super) fn new(limits: Limits) -> Self {
        let attempts = Arc::new(Semaphore::new(limits.attempts));
        Self { limits, attempts, hosts: Lock::default() }
    }

    /// A place at the host, once there is one; none if too many wait, or it takes too long.
    pub(super) async fn enter(&self, origin: &Origin) -> Option<Place<'_>> {
        let (mut place, attempts) = self.join(origin)?;
        let both = async {
            // In this order: who waits for a host that hangs holds up nobody else.
            let own = attempts.acquire_owned().await.ok()?;
            let any = Arc::clone(&self.attempts).acquire_owned().await.ok()?;
            Some((own, any))
        };
        place.permits = Some(timeout(self.limits.wait, both).await.ok()??);
        Some(place)
    }

    fn join(&self, origin: &Origin) -> Option<(Place<'_>, Arc<Semaphore>)> {
        let users_max = self.limits.attempts_per_host + self.limits.waits_per_host;
        let mut hosts = self.hosts.lock();
        let known = hosts.by_origin.get_key_value(origin).map(|(origin, _)| Arc::clone(origin));
        let origin = known.unwrap_or_else(|| Arc::new(origin.clone()));
        let host = hosts.by_origin.entry(Arc::clone(&origin)).or_insert_with(|| Host {
            attempts: Arc::new(Semaphore::new(self.limits.attempts_per_host)),
            users: 0,
            idle: Vec::new(),
        });
        if host.users >= users_max {
            return None;
        }
        host.users += 1;
        Some((Place { places: self, origin, permits: None }, Arc::clone(&host.attempts)))
    }

    /// Closes the connections that have been kept for long enough; how many are kept still.
    pub(super) fn sweep(&self) -> usize {
        let now = Instant::now();
        let mut stale = Vec::new();
        let mut hosts = self.hosts.lock();
        let Hosts { by_origin, idle } = &mut *hosts;
        for host in by_origin.values_mut() {
            stale.extend(host.idle.extract_if(.., |idle| !self.is_fresh(idle, now)));
        }
        by_origin.retain(|_, host| !host.is_forgotten());
        *idle -= stale.len();
        let kept = *idle;
        // They close their sockets once the lock is free.
        drop(hosts);
        drop(stale);
        kept
    }

    fn is_fresh(&self, idle: &Idle, now: Instant) -> bool {
        let age = now.saturating_duration_since(idle.connection.since);
        now.saturating_duration_since(idle.since) < self.limits.idle_for && age < self.limits.age
    }
}

impl Host {
    fn is_forgotten(&self) -> bool {
        self.users == 0 && self.idle.is_empty()
    }
}

impl Place<'_> {
    /// A connection that was kept, the one that was used last.
    pub(super) fn take(&self) -> Option<Connection> {
        let now = Instant::now();
        loop {
            let idle = {
                let mut hosts = self.places.hosts.lock();
                let idle = hosts.by_origin.get_mut(&self.origin)?.idle.pop()?;
                hosts.idle -= 1;
                idle
            };
            if self.places.is_fresh(&idle, now) {
                return Some(idle.connection);
            }
        }
    }

    /// Keeps a connection for the next message, unless there are enough.
    pub(super) fn keep(&self, connection: Connection) {
        let limits = &self.places.limits;
        let idle = Idle { connection, since: Instant::now() };
        let mut hosts = self.places.hosts.lock();
        let Hosts { by_origin, idle: kept } = &mut *hosts;
        let host = by_origin.get_mut(&self.origin).filter(|host| host.idle.len() < limits.idle_per_host);
        let surplus = match host {
            Some(host) if *kept < limits.idle => {
                *kept += 1;
                host.idle.push(idle);
                None
            }
            _ => Some(idle),
        };
        // It closes its socket once the lock is free.
        drop(hosts);
        drop(surplus);
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        // Before the host is forgotten: who comes then makes new places.
        drop(mem::take(&mut self.permits));
        let mut hosts = self.places.hosts.lock();
        if let Some(host) = hosts.by_origin.get_mut(&self.origin) {
            host.users -= 1;
            if host.is_forgotten() {
                hosts.by_origin.remove(&self.origin);
            }
        }
    }
}
