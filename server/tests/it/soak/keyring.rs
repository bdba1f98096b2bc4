//! Keys: made, rotated and revoked; a key that is good opens every door, one that is not opens none, from the answer on and
//! after every restart.

use std::time::Duration;

use serde_json::{Value, json};

use super::site::{Client, Got, Site};
use crate::door::Attempt;
use crate::torture::script::Random;

/// Keys that are over and are tried again.
const OVER_MAX: usize = 8;
const TENANTS: [&str; 3] = ["t3", "t4", "t5"];

pub(super) struct Keyring {
    random: Random,
    /// Keys that open nothing any more.
    over: Vec<(&'static str, String)>,
}

impl Keyring {
    pub(super) fn new(seed: u64) -> Self {
        Self { random: Random::new(seed, 270), over: Vec::new() }
    }

    fn step(&mut self, site: &Site<'_>) -> Got<()> {
        if !self.over.is_empty() && self.random.percent(30) {
            let at = self.random.below(self.over.len() as u64) as usize;
            let (tenant, key) = self.over[at].clone();
            return opens(site, tenant, &key, false);
        }
        let tenant = TENANTS[self.random.below(TENANTS.len() as u64) as usize];
        let keys = format!("/v1/tenants/{tenant}/keys");
        let (id, first) = made(site, &keys, &json!({"scopes": ["query", "ingest"], "label": "soak"}))?;
        opens(site, tenant, &first, true)?;
        let (next_id, second) = made(site, &format!("{keys}/{id}/rotate"), &json!({"overlap_s": 0}))?;
        self.is_over(tenant, &first);
        opens(site, tenant, &first, false)?;
        opens(site, tenant, &second, true)?;
        let answer =
            site.door.send("DELETE", &format!("{keys}/{next_id}"), site.key, "", b"").map_err(|_| Attempt::Gone)?;
        told(answer.status, 200, &answer.text)?;
        self.is_over(tenant, &second);
        opens(site, tenant, &second, false)
    }

    fn is_over(&mut self, tenant: &'static str, key: &str) {
        if self.over.len() == OVER_MAX {
            self.over.remove(0);
        }
        self.over.push((tenant, key.to_owned()));
    }
}

fn told(status: u16, expect: u16, text: &str) -> Got<()> {
    match status {
        429 | 503 => Err(Attempt::NotNow),
        status => {
            assert_eq!(status, expect, "{text}");
            Ok(())
        }
    }
}

/// Id and text of a new key.
fn made(site: &Site<'_>, path: &str, body: &Value) -> Got<(String, String)> {
    let body = body.to_string();
    let sent = site.door.send("POST", path, site.key, "application/json", body.as_bytes());
    let answer = sent.map_err(|_| Attempt::Gone)?;
    told(answer.status, 201, &answer.text)?;
    let key = answer.json();
    Ok((key["id"].as_str().expect("an id").to_owned(), key["key"].as_str().expect("a key").to_owned()))
}

/// Whether a key opens the doors: all or none.
fn opens(site: &Site<'_>, tenant: &str, key: &str, expect: bool) -> Got<()> {
    let answer = site.door.send("GET", &format!("/v1/tenants/{tenant}"), key, "", b"").map_err(|_| Attempt::Gone)?;
    told(answer.status, if expect { 200 } else { 401 }, &answer.text)?;
    let refused = site.connect(tenant, key)?.err();
    assert_eq!(refused.as_deref(), (!expect).then_some("28P01"), "Postgres, {tenant}");
    let counted = site.batches(&mut site.flight(key), "tenants", "SELECT count(*) FROM tenants")?;
    assert_eq!(
        counted.err().map(|status| status.code()),
        (!expect).then_some(tonic::Code::Unauthenticated),
        "Flight, {tenant}"
    );
    Ok(())
}

impl Client for Keyring {
    fn once(&mut self, site: &Site<'_>) -> Attempt {
        self.step(site).map_or_else(|attempt| attempt, |()| Attempt::Answered)
    }

    fn pause(&mut self) -> Duration {
        Duration::from_millis(100 + self.random.below(400))
    }
}
