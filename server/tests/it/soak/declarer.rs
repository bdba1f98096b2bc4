//! Declarations of a plan and of several tenants' quotas, applied as one: whenever somebody looks, also after a kill, all of them
//! say the same number.

use std::time::Duration;

use serde_json::{Value, json};

use super::site::{Client, Got, Site};
use crate::door::Attempt;
use crate::torture::script::Random;

const TENANTS: [&str; 3] = ["t3", "t4", "t5"];
const PLAN: &str = "declared";
const METER: &str = "calls";

pub(super) struct Declarer {
    random: Random,
    number: u64,
}

impl Declarer {
    pub(super) fn new(seed: u64) -> Self {
        Self { random: Random::new(seed, 320), number: 1 }
    }

    /// A plan and quotas that keep nobody out and say `number`.
    fn declarations(number: u64) -> Value {
        let limit =
            json!({"hard": false, "allowance": {"units": number, "per": {"period": "year", "time_zone": "UTC"}}});
        let plan = json!({"limits": {METER: limit}, "billing": {"period": "month", "time_zone": "UTC"}});
        let quotas =
            TENANTS.iter().map(|tenant| json!({"kind": "quota", "tenant": tenant, "name": METER, "spec": limit}));
        quotas.chain([json!({"kind": "plan", "name": PLAN, "spec": plan})]).collect()
    }

    fn apply(&self, site: &Site<'_>, body: &Value) -> Got<(u16, Value)> {
        let sent = site.door.send("POST", "/v1/apply", site.key, "application/json", body.to_string().as_bytes());
        let answer = sent.map_err(|_| Attempt::Gone)?;
        if matches!(answer.status, 429 | 503) {
            return Err(Attempt::NotNow);
        }
        Ok((answer.status, answer.json()))
    }

    fn step(&mut self, site: &Site<'_>) -> Got<()> {
        if self.random.percent(30) {
            return self.all_say_the_same(site);
        }
        let mut objects = Self::declarations(self.number + 1);
        let is_wrong = self.random.percent(30);
        if is_wrong {
            let misfit = json!({"kind": "quota", "tenant": "t6", "name": "nothing", "spec": {"hard": true}});
            objects.as_array_mut().expect("it is a list").push(misfit);
        }
        let is_dry = self.random.percent(20);
        let (status, told) = self.apply(site, &json!({"objects": objects, "dry_run": is_dry}))?;
        assert_eq!(status, if is_wrong { 422 } else { 200 }, "{told}");
        if status == 200 && !is_dry {
            self.number += 1;
        }
        Ok(())
    }

    fn get(site: &Site<'_>, path: &str) -> Got<Value> {
        let answer = site.door.send("GET", path, site.key, "", b"").map_err(|_| Attempt::Gone)?;
        match answer.status {
            429 | 503 => Err(Attempt::NotNow),
            200 => Ok(answer.json()),
            status => panic!("GET {path}: {status} {}", answer.text),
        }
    }

    fn all_say_the_same(&mut self, site: &Site<'_>) -> Got<()> {
        let mut numbers = Vec::new();
        let mut note = |spec: &Value| {
            numbers.push(spec["allowance"]["units"].as_str().and_then(|units| units.parse::<u64>().ok()));
        };
        for tenant in TENANTS {
            let quotas = Self::get(site, &format!("/v1/kinds/quota?tenant={tenant}"))?;
            let quotas = quotas.as_array().expect("a list").iter();
            quotas.filter(|quota| quota["name"] == METER).for_each(|quota| note(&quota["spec"]));
        }
        let plans = Self::get(site, "/v1/kinds/plan")?;
        let plans = plans.as_array().expect("a list").iter();
        plans.filter(|plan| plan["name"] == PLAN).for_each(|plan| note(&plan["spec"]["limits"][METER]));
        // Before the first of them there is nothing.
        if !numbers.is_empty() {
            assert_eq!(numbers.len(), TENANTS.len() + 1, "{numbers:?}");
            assert!(numbers.iter().all(|number| *number == numbers[0] && number.is_some()), "{numbers:?}");
            // One whose answer got lost may have been carried out.
            let found = numbers[0].unwrap_or_default();
            assert!(found == self.number || found == self.number + 1, "{found} where {} is known", self.number);
            self.number = found;
            let versions = Self::get(site, &format!("/v1/kinds/plan/{PLAN}/versions"))?;
            assert!(!versions.as_array().expect("a list").is_empty());
        }
        Ok(())
    }
}

impl Client for Declarer {
    fn once(&mut self, site: &Site<'_>) -> Attempt {
        match self.step(site) {
            Ok(()) => Attempt::Answered,
            Err(attempt) => attempt,
        }
    }

    fn pause(&mut self) -> Duration {
        Duration::from_millis(50 + self.random.below(300))
    }

    fn check(&mut self, site: &Site<'_>) {
        site.door.until_done(|| self.all_say_the_same(site).is_ok());
    }
}
