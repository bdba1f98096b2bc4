//! Alerts from the event to the view: rules over quotas, totals, silence and queries, on a node whose clock stands.

use std::time::{Duration, Instant};

use actors::PLATFORM;
use serde_json::{Value, json};
use server::reactions::Reactions;

use super::rig::{NOW_US, Rig, event, rig};
use super::webhooks::exchange;

const SECOND: i64 = 1_000_000;

/// A node that reacts, with the meter `tokens` and the tenants `acme` and `globex`.
struct World {
    reactions: Option<Reactions>,
    rig: Rig,
    acme: String,
}

impl World {
    fn new() -> Self {
        let rig = rig();
        rig.meter();
        let acme = rig.tenant("acme");
        rig.tenant("globex");
        let mut world = Self { reactions: None, rig, acme };
        world.start();
        world
    }

    fn start(&mut self) {
        let _runtime = self.rig.runtime.enter();
        self.reactions = Some(Reactions::start(&self.rig.node, exchange()));
    }

    fn declare(&self, tenant: &str, name: &str, measure: Value, levels: Value, more: Value) {
        let mut spec = json!({"measure": measure, "levels": levels});
        spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let object = json!({"kind": "alert", "tenant": tenant, "name": name, "spec": spec});
        let answer = self.rig.post("/v1/apply", &self.rig.platform, &json!({"objects": [object]}));
        assert_eq!(answer.status, 200, "{}", answer.text);
    }

    fn send(&self, id: &str, tokens: i64) {
        let answer = self.rig.single(&self.acme, &event(id, tokens));
        assert_eq!(answer.status, 200, "{}", answer.text);
    }

    fn allow(&self, units: i64) {
        let per = json!({"period": "month", "time_zone": "UTC"});
        let limit = json!({"hard": false, "allowance": {"units": units, "per": per}});
        let answer = self.rig.put("/v1/tenants/acme/quotas/tokens", &self.rig.platform, &limit);
        assert_eq!(answer.status, 200, "{}", answer.text);
    }

    /// What is under way: tenant, rule, state, severity and value.
    fn alerts(&self) -> Vec<String> {
        let sql = "SELECT tenant, rule, state, severity, value FROM alerts ORDER BY 1, 2";
        let told = |row: &Value| {
            let of = |name: &str| row[name].as_str().map_or_else(|| row[name].to_string(), str::to_owned);
            let told = ["tenant", "rule", "state", "severity", "value"].map(of).join(" ");
            told.trim_end_matches(".0").to_owned()
        };
        self.rig.sql(&self.rig.platform, sql).as_array().unwrap().iter().map(told).collect()
    }

    fn until(&self, expect: &[&str]) {
        let began = Instant::now();
        loop {
            let found = self.alerts();
            if found == expect {
                return;
            }
            assert!(began.elapsed() < Duration::from_secs(20), "{found:?} where {expect:?} is expected");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// What has happened, in order.
    fn history(&self) -> Vec<String> {
        let rows = self.rig.sql(&self.rig.platform, "SELECT event FROM alert_history ORDER BY tenant, sequence");
        rows.as_array().unwrap().iter().map(|row| row["event"].as_str().unwrap().to_owned()).collect()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _runtime = self.rig.runtime.enter();
        drop(self.reactions.take());
    }
}

fn near() -> Value {
    json!([{"severity": "warning", "at": 80, "until": 70}, {"severity": "critical", "at": 100}])
}

#[test]
fn an_alert_follows_what_a_tenant_has_used_of_its_quota() {
    let world = World::new();
    world.allow(1000);
    world.declare(PLATFORM, "near", json!({"quota": {"meter": "tokens"}}), near(), json!({"summary": "close"}));
    world.send("a", 799);
    assert_eq!(world.alerts(), Vec::<String>::new());
    world.send("b", 1);
    world.until(&["acme near firing warning 80"]);
    world.send("c", 200);
    world.until(&["acme near firing critical 100"]);
    // What it may use is as much of the measure as what it has used.
    world.allow(1400);
    world.until(&["acme near firing warning 71.428571428"]);
    world.allow(2000);
    world.until(&[]);
    assert_eq!(world.history(), ["fired", "moved", "moved", "resolved"]);
    let rules = world.rig.sql(&world.rig.platform, "SELECT rule, measure, schedule, error FROM alert_rules");
    assert_eq!(rules, json!([{"rule": "near", "measure": "quota", "schedule": "changes", "error": null}]));
}

#[test]
fn a_total_falls_when_its_period_ends() {
    let world = World::new();
    world.declare(
        PLATFORM,
        "much",
        json!({"total": {"meter": "tokens"}}),
        json!([{"severity": "info", "at": 5}]),
        json!({}),
    );
    world.send("a", 5);
    world.until(&["acme much firing info 5"]);
    // The next month has begun, and no event said so.
    world.rig.clock.set(NOW_US + 30 * 86_400 * SECOND);
    world.until(&[]);
}

#[test]
fn silence_is_measured_though_nothing_happens() {
    let world = World::new();
    let levels = json!([{"severity": "warning", "at": 3600}]);
    world.declare(PLATFORM, "quiet", json!({"silence": {"meter": "tokens"}}), levels, json!({"for_s": 60}));
    world.send("a", 5);
    // The event is a minute old.
    world.rig.clock.set(NOW_US + 3538 * SECOND);
    std::thread::sleep(Duration::from_millis(200));
    assert_eq!(world.alerts(), Vec::<String>::new());
    world.rig.clock.set(NOW_US + 3541 * SECOND);
    let began = Instant::now();
    while world.alerts().is_empty() {
        assert!(began.elapsed() < Duration::from_secs(20), "no alert");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(world.alerts()[0].starts_with("acme quiet pending"), "{:?}", world.alerts());
    world.rig.clock.set(NOW_US + 3602 * SECOND);
    let began = Instant::now();
    while !world.alerts()[0].starts_with("acme quiet firing") {
        assert!(began.elapsed() < Duration::from_secs(20), "it is pending");
        std::thread::sleep(Duration::from_millis(20));
    }
    let mut late = event("b", 1);
    late["time"] = json!("2026-11-23T12:59:00Z");
    assert_eq!(world.rig.single(&world.acme, &late).status, 200);
    world.until(&[]);
    assert_eq!(world.history(), ["pending", "fired", "resolved"]);
}

#[test]
fn a_query_is_a_measure_too_and_its_failure_no_answer() {
    let world = World::new();
    let sql = "SELECT tenant, sum(value) AS value FROM usage_total GROUP BY tenant";
    let levels = json!([{"severity": "info", "at": 7}]);
    let query = |sql: &str| json!({"query": {"sql": sql, "every_s": 1}});
    world.declare(PLATFORM, "sum", query(sql), levels.clone(), json!({}));
    let own = json!({"query": {"sql": "SELECT sum(value) AS value FROM usage_total", "every_s": 10}});
    world.declare("acme", "own", own, levels.clone(), json!({}));
    world.send("a", 7);
    // Its schedule is by the node's clock, which stands.
    let mut now_us = NOW_US;
    let mut pass = || {
        now_us += 10 * SECOND;
        world.rig.clock.set(now_us);
    };
    pass();
    world.until(&["acme own firing info 7", "acme sum firing info 7"]);
    let broken = "SELECT tenant, sum(value) / (sum(value) - 7) AS value FROM usage_total GROUP BY tenant";
    world.declare(PLATFORM, "sum", query(broken), levels, json!({}));
    pass();
    world.until(&["acme own firing info 7", "acme sum unmeasurable info 7"]);
    let error = world.rig.sql(&world.rig.platform, "SELECT error FROM alert_rules WHERE rule = 'sum'");
    assert!(error[0]["error"].as_str().unwrap().to_lowercase().contains("divi"), "{error}");
    let delete = json!({"remove": [{"kind": "alert", "tenant": "platform", "name": "sum"}]});
    assert_eq!(world.rig.post("/v1/apply", &world.rig.platform, &delete).status, 200);
    world.until(&["acme own firing info 7"]);
    let own = world.rig.get("/v1/tenants/acme/alerts", &world.acme);
    assert_eq!((own.status, own.json()[0]["declared_by"].as_str()), (200, Some("tenant")), "{}", own.text);
    assert_eq!(world.rig.get("/v1/tenants/globex/alerts", &world.acme).status, 404);
}

#[test]
fn an_alert_is_acknowledged_and_goes_on_after_a_start() {
    let mut world = World::new();
    world.allow(10);
    world.declare(PLATFORM, "near", json!({"quota": {"meter": "tokens"}}), near(), json!({}));
    let path = "/v1/tenants/acme/alerts/near/acknowledge";
    world.rig.post(path, &world.rig.platform, &json!({})).is_problem(409, "conflict");
    world.send("a", 8);
    world.until(&["acme near firing warning 80"]);
    let done = world.rig.post(path, &world.rig.platform, &json!({"note": "on it"}));
    assert_eq!((done.status, done.json()["outcome"].as_str()), (200, Some("acknowledged")), "{}", done.text);
    world.until(&["acme near acknowledged warning 80"]);
    world.rig.post(path, &world.rig.platform, &json!({"declared_by": "nobody"})).is_problem(422, "invalid");
    {
        let _runtime = world.rig.runtime.enter();
        drop(world.reactions.take());
    }
    // What changes while nobody looks is seen by the next who does, and what has not changed is not told again.
    world.send("b", 2);
    world.start();
    world.until(&["acme near firing critical 100"]);
    assert_eq!(world.history(), ["fired", "acknowledged", "moved"]);
}

#[test]
fn a_wrong_rule_is_refused_by_its_fields() {
    let world = World::new();
    let spec = json!({"measure": {"quota": {"meter": "nothing"}}, "levels": [], "for_s": 9_999_999});
    let object = json!({"kind": "alert", "tenant": PLATFORM, "name": "wrong", "spec": spec});
    let answer = world.rig.post("/v1/apply", &world.rig.platform, &json!({"objects": [object]}));
    answer.is_problem(422, "invalid");
    let errors = answer.json()["errors"].clone();
    let mut fields: Vec<_> = errors.as_array().unwrap().iter().map(|error| error["field"].to_string()).collect();
    fields.sort();
    assert_eq!(fields.len(), 3, "{fields:?}");
    assert!(["for_s", "levels", "measure"].iter().zip(&fields).all(|(name, field)| field.contains(name)), "{fields:?}");
}

#[test]
fn a_rule_whose_query_cant_be_asked_is_refused() {
    let world = World::new();
    let wrong = |tenant: &str, sql: &str| {
        let spec =
            json!({"measure": {"query": {"sql": sql, "every_s": 60}}, "levels": [{"severity": "info", "at": 1}]});
        let object = json!({"kind": "alert", "tenant": tenant, "name": "asks", "spec": spec});
        let answer = world.rig.post("/v1/apply", &world.rig.platform, &json!({"objects": [object], "dry_run": true}));
        if answer.status == 200 {
            return None;
        }
        answer.is_problem(422, "invalid");
        let error = answer.json()["errors"][0].clone();
        assert_eq!(error["field"], "objects[0].spec.measure.query.sql", "{}", answer.text);
        Some(error["detail"].as_str().unwrap().to_owned())
    };
    assert_eq!(wrong(PLATFORM, "SELECT tenant, value FROM usage_total"), None);
    assert_eq!(wrong("acme", "SELECT sum(value) AS value FROM usage_total"), None);
    for (tenant, sql, words) in [
        (PLATFORM, "SELECT sum(value) AS value FROM usage_total", "no column `tenant`"),
        ("acme", "SELECT sum(value) FROM usage_total", "no column `value`"),
        ("acme", "SELECT value FROM usage_totl", "usage_totl"),
        ("acme", "SELECT 1 AS value FROM engine_shards", "engine_shards"),
        ("acme", "SELEC 1", "SELEC"),
    ] {
        let told = wrong(tenant, sql).unwrap_or_default();
        assert!(told.contains(words), "{sql}: {told}");
    }
}

#[test]
fn a_tenant_declares_its_own_rules_and_nobody_elses() {
    let world = World::new();
    let spec = json!({"measure": {"total": {"meter": "tokens"}}, "levels": [{"severity": "info", "at": 5}]});
    let object = |tenant: &str| json!({"kind": "alert", "tenant": tenant, "name": "own", "spec": spec});
    let apply = |body: Value| world.rig.post("/v1/apply", &world.acme, &body);
    let done = apply(json!({"objects": [object("acme")]}));
    assert_eq!(done.json()["objects"][0]["outcome"], "added", "{}", done.text);
    world.send("a", 5);
    world.until(&["acme own firing info 5"]);
    let own = world.rig.get("/v1/kinds/alert?tenant=acme", &world.acme);
    assert_eq!((own.status, own.json()[0]["name"].as_str()), (200, Some("own")), "{}", own.text);
    assert_eq!(world.rig.get("/v1/kinds/alert/own/versions?tenant=acme", &world.acme).status, 200);
    apply(json!({"objects": [object("globex")]})).is_problem(404, "not-found");
    apply(json!({"objects": [object(PLATFORM)]})).is_problem(404, "not-found");
    apply(json!({"objects": [object("acme")], "prune": true})).is_problem(403, "forbidden");
    let quota = json!({"kind": "quota", "tenant": "acme", "name": "tokens", "spec": {"hard": false}});
    apply(json!({"objects": [quota]})).is_problem(403, "forbidden");
    for path in ["/v1/kinds/alert", "/v1/kinds/alert?tenant=globex", "/v1/kinds/quota?tenant=acme", "/v1/kinds/meter"] {
        assert!(matches!(world.rig.get(path, &world.acme).status, 403 | 404), "{path}");
    }
    let remove = json!({"remove": [{"kind": "alert", "tenant": "acme", "name": "own"}]});
    assert_eq!(apply(remove).status, 200);
    world.until(&[]);
}
