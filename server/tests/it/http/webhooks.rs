//! Messages from a change to a receiver: signed, each under one name, in order where that is asked for, across starts.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use server::reactions::Reactions;
use server::webhooks::address::Rules;
use server::webhooks::exchange::{Exchange, Limits};
use server::webhooks::resolve::Machine;
use server::webhooks::signature::Secrets;
use server::webhooks::trust::Trust;

use super::rig::{NOW_US, Rig, rig};
use crate::receiver::{Received, Receiver};

const SECOND: i64 = 1_000_000;

/// How messages leave a test: to this machine, without TLS.
pub(super) fn exchange() -> Arc<Exchange> {
    let rules = Rules { private: true, http: true, ..Rules::default() };
    Arc::new(Exchange::new(rules, Limits::default(), Trust::nobody(), Arc::new(Machine::default())))
}

/// A node that reacts, and the tenant `acme`, whose endpoint `hook` is a receiver.
struct World {
    reactions: Option<Reactions>,
    rig: Rig,
    acme: String,
    receiver: Receiver,
}

impl World {
    fn new(spec: Value) -> Self {
        let rig = rig();
        let acme = rig.tenant("acme");
        let mut world = Self { reactions: None, rig, acme, receiver: Receiver::new() };
        world.start();
        world.declare("acme", "hook", spec);
        world
    }

    fn start(&mut self) {
        let _runtime = self.rig.runtime.enter();
        self.reactions = Some(Reactions::start(&self.rig.node, exchange()));
    }

    fn stop(&mut self) {
        let _runtime = self.rig.runtime.enter();
        drop(self.reactions.take());
    }

    fn declare(&self, tenant: &str, name: &str, spec: Value) {
        let mut spec = spec;
        spec["url"] = json!(self.receiver.url());
        let object = json!({"kind": "endpoint", "tenant": tenant, "name": name, "spec": spec});
        let answer = self.rig.post("/v1/apply", &self.rig.platform, &json!({"objects": [object]}));
        assert_eq!(answer.status, 200, "{}", answer.text);
    }

    fn tenant(&self, what: &str) {
        let reason = json!({"reason": "test"});
        let body = if what == "suspend" { reason } else { json!({}) };
        let answer = self.rig.post(&format!("/v1/tenants/acme/{what}"), &self.rig.platform, &body);
        assert_eq!(answer.status, 200, "{}", answer.text);
    }

    /// What has come once there are so many.
    fn until(&self, count: usize) -> Vec<Received> {
        let began = Instant::now();
        loop {
            let received = self.receiver.received();
            if received.len() >= count {
                return received;
            }
            assert!(began.elapsed() < Duration::from_secs(20), "{} came of {count}: {received:?}", received.len());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn endpoint(&self) -> Value {
        let sql = "SELECT state, retries FROM endpoints WHERE tenant = 'acme'";
        self.rig.sql(&self.rig.platform, sql)[0].clone()
    }

    fn until_endpoint(&self, expect: &Value) {
        let began = Instant::now();
        while self.endpoint() != *expect {
            assert!(began.elapsed() < Duration::from_secs(20), "{} where {expect} is expected", self.endpoint());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.stop();
    }
}

fn kinds(received: &[Received]) -> Vec<String> {
    received.iter().map(Received::kind).collect()
}

#[test]
fn a_change_comes_as_a_signed_event() {
    let world = World::new(json!({"events": ["tenant.*"]}));
    world.declare("platform", "all", json!({"events": ["tenant.suspended", "quota.*"]}));
    world.tenant("suspend");
    let received = world.until(2);
    let ids: BTreeSet<_> = received.iter().map(|received| &received.id).collect();
    assert_eq!(ids.len(), 2, "the tenant's endpoint and the platform's");
    assert_eq!(received[0].body, received[1].body);
    let event = received[0].event();
    assert_eq!((&event["specversion"], &event["source"]), (&json!("1.0"), &json!("/tenants/acme")));
    assert_eq!((&event["type"], &event["data"]), (&json!("tenant.suspended"), &json!({"reason": "test"})));
    assert_eq!(event["time"], "2026-11-23T12:00:00Z");

    let told = world.rig.get("/v1/tenants/acme/endpoints/hook/secret", &world.acme);
    let secret = told.json()["secret"].as_str().unwrap().to_owned();
    let secrets = Secrets::new(vec![secret.parse().unwrap()]).unwrap();
    let is_own = |received: &&Received| {
        let sent = (received.id.as_str(), received.timestamp.as_str(), received.signature.as_str());
        secrets.verify(sent, received.body.as_bytes(), NOW_US / SECOND).is_ok()
    };
    assert_eq!(received.iter().filter(is_own).count(), 1, "the other one is signed by the platform's");
    // Nobody finds it anywhere else.
    for path in ["/v1/kinds/endpoint", "/v1/tenants/acme/endpoints"] {
        assert!(!world.rig.get(path, &world.rig.platform).text.contains(&secret), "{path}");
    }
    let audit = world.rig.sql(&world.rig.platform, "SELECT change FROM audit").to_string();
    assert!(audit.contains("whsec") && !audit.contains(&secret["whsec_".len()..]));
}

#[test]
fn what_is_not_taken_comes_again_under_the_same_name() {
    let world = World::new(json!({"events": ["tenant.*"]}));
    world.receiver.answer(500);
    world.tenant("suspend");
    world.until(1);
    world.until_endpoint(&json!({"state": "retrying", "retries": 1}));
    world.receiver.answer(204);
    world.tenant("activate");
    let received = world.until(2);
    assert_eq!(received[1].kind(), "tenant.activated", "others go on");
    world.rig.clock.set(NOW_US + 6 * SECOND);
    let received = world.until(3);
    assert_eq!((&received[2].id, &received[2].body), (&received[0].id, &received[0].body));
    assert_ne!(received[2].timestamp, received[0].timestamp);
    world.until_endpoint(&json!({"state": "current", "retries": 0}));
    let attempts = world.rig.sql(&world.acme, "SELECT status, outcome FROM delivery_attempts ORDER BY status DESC");
    assert_eq!(attempts[0]["outcome"], "the answer's status is not one of success", "{attempts}");
    assert_eq!((attempts.as_array().unwrap().len(), &attempts[2]["outcome"]), (3, &json!("delivered")));
}

#[test]
fn in_order_nothing_overtakes_what_is_not_taken() {
    let world = World::new(json!({"events": ["tenant.*"], "ordered": true}));
    world.receiver.answer(503);
    world.tenant("suspend");
    world.until(1);
    world.until_endpoint(&json!({"state": "retrying", "retries": 1}));
    for what in ["activate", "suspend", "activate"] {
        world.tenant(what);
    }
    world.until_endpoint(&json!({"state": "behind", "retries": 1}));
    assert_eq!(world.receiver.received().len(), 1);
    world.receiver.answer(204);
    world.rig.clock.set(NOW_US + 6 * SECOND);
    let [off, on] = ["tenant.suspended", "tenant.activated"];
    assert_eq!(kinds(&world.until(5)), [off, off, on, off, on]);
    world.until_endpoint(&json!({"state": "current", "retries": 0}));
}

#[test]
fn an_endpoint_that_is_gone_is_disabled_until_somebody_enables_it() {
    let world = World::new(json!({"events": ["tenant.*"]}));
    world.receiver.answer(410);
    world.tenant("suspend");
    world.until_endpoint(&json!({"state": "disabled_gone", "retries": 1}));
    world.receiver.answer(204);
    world.tenant("activate");
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(world.receiver.received().len(), 1);
    let enabled = world.rig.post("/v1/tenants/acme/endpoints/hook/enable", &world.acme, &json!({}));
    assert_eq!(enabled.json()["outcome"], "enabled", "{}", enabled.text);
    assert_eq!(kinds(&world.until(2))[1..], ["tenant.activated"]);
    world.rig.clock.set(NOW_US + 6 * SECOND);
    assert_eq!(kinds(&world.until(3))[2..], ["tenant.suspended"]);
}

#[test]
fn nothing_is_missing_or_new_behind_a_start() {
    let mut world = World::new(json!({"events": ["tenant.*"]}));
    world.tenant("suspend");
    world.until(1);
    for round in 0..10 {
        // At whatever stage the last message is.
        world.stop();
        world.tenant(if round % 2 == 0 { "activate" } else { "suspend" });
        world.start();
        std::thread::sleep(Duration::from_millis(round * 40));
    }
    let began = Instant::now();
    loop {
        let received = world.receiver.received();
        let ids: BTreeSet<_> = received.iter().map(|received| (&received.id, &received.body)).collect();
        if ids.len() == 11 {
            let names: BTreeSet<_> = ids.iter().map(|(id, _)| id).collect();
            assert_eq!(names.len(), 11, "one name, one body");
            return;
        }
        assert!(ids.len() < 11 && began.elapsed() < Duration::from_secs(20), "{ids:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn an_alert_reaches_its_hook() {
    let world = World::new(json!({"events": ["alert.fired", "alert.resolved"]}));
    world.rig.meter();
    let spec = json!({"measure": {"total": {"meter": "tokens"}}, "summary": "much",
        "levels": [{"severity": "critical", "at": 5}]});
    let object = json!({"kind": "alert", "tenant": "acme", "name": "much", "spec": spec});
    assert_eq!(world.rig.post("/v1/apply", &world.rig.platform, &json!({"objects": [object]})).status, 200);
    let began = Instant::now();
    assert_eq!(world.rig.single(&world.acme, &super::rig::event("a", 7)).status, 200);
    let received = world.until(1);
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    let data = received[0].event()["data"].clone();
    assert_eq!((&data["edge"], &data["rule"]), (&json!("fired"), &json!({"by": "tenant", "name": "much"})));
    let episode = &data["episode"];
    assert_eq!((&episode["severity"], &episode["summary"]), (&json!("critical"), &json!("much")));
    assert_eq!(episode["sighting"]["value"], "7");
}

#[test]
fn a_tenant_manages_its_own_secrets_only() {
    let world = World::new(json!({}));
    world.rig.tenant("globex");
    let path = "/v1/tenants/acme/endpoints/hook";
    let first = world.rig.get(&format!("{path}/secret"), &world.acme).json();
    let second = world.rig.post(&format!("{path}/rotate"), &world.acme, &json!({"overlap_s": 60}));
    assert_eq!(second.status, 200, "{}", second.text);
    assert_ne!(first["secret"], second.json()["secret"]);
    world.rig.post(&format!("{path}/rotate"), &world.acme, &json!({"overlap_s": 999_999})).is_problem(422, "invalid");
    let globex = world.rig.key("globex", &actors::facets::keys::Scope::ALL);
    assert_eq!(world.rig.get(&format!("{path}/secret"), &globex).status, 404);
    world.rig.get("/v1/tenants/acme/endpoints/nothing/secret", &world.acme).is_problem(404, "not-found");
    world.tenant("suspend");
    let signatures = world.until(1)[0].signature.clone();
    assert_eq!(signatures.split(' ').count(), 2, "the old one signs for a while: {signatures}");
}
