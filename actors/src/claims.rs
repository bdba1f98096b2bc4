//! Names of tenants that are being made: who makes one keeps it from others until it is known, or is known to have failed.
//!
//! A claim is no lock: who waits for one holds none, and waits on no thread (I15). Not here: making tenants.

use std::collections::HashSet;

use engine::lock::Lock;
use tokio::sync::Notify;

/// All claims.
#[derive(Default)]
pub(crate) struct Claims {
    names: Lock<HashSet<String>>,
    freed: Notify,
}

/// Some names, until it is dropped.
pub(crate) struct Claim<'a> {
    claims: &'a Claims,
    names: &'a [String],
}

impl Claims {
    /// All of `names`, once nobody else has any of them.
    pub(crate) async fn claim<'a>(&'a self, names: &'a [String]) -> Claim<'a> {
        loop {
            let freed = self.freed.notified();
            if self.try_claim(names) {
                return Claim { claims: self, names };
            }
            freed.await;
        }
    }

    fn try_claim(&self, names: &[String]) -> bool {
        let mut claimed = self.names.lock();
        let is_free = names.iter().all(|name| !claimed.contains(name));
        if is_free {
            claimed.extend(names.iter().cloned());
        }
        is_free
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        let mut claimed = self.claims.names.lock();
        for name in self.names {
            claimed.remove(name);
        }
        drop(claimed);
        self.claims.freed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[test]
    fn who_waits_for_a_name_holds_none() {
        let claims = Claims::default();
        let [both, one, other] = [vec!["a", "b"], vec!["a"], vec!["b", "b"]]
            .map(|names| names.into_iter().map(str::to_owned).collect::<Vec<_>>());
        let first = claims.claim(&one).now_or_never().unwrap();
        let mut waiting = Box::pin(claims.claim(&both));
        assert!(waiting.as_mut().now_or_never().is_none());
        drop(claims.claim(&other).now_or_never().expect("the one that waits has not taken it"));
        drop(first);
        assert!(waiting.now_or_never().is_some());
    }
}
