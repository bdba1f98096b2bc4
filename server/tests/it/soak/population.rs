//! Changes to thousands of tenants: plans, the tenants on them, and limits that refuse nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use super::site::{Client, Site};
use crate::door::Attempt;
use crate::torture::script::Random;

const PLANS: [&str; 4] = ["small", "medium", "large", "huge"];

pub(super) struct Population {
    random: Random,
    /// Its part of the tenants.
    tenants: Vec<String>,
    /// The plan that each is known to be on; none while that is not known.
    plans: BTreeMap<String, Option<&'static str>>,
    /// Tenants with a limit of their own, as far as that is known.
    limited: BTreeMap<String, Option<bool>>,
}

impl Population {
    pub(super) fn new(seed: u64, number: u64, tenants: Vec<String>) -> Self {
        let random = Random::new(seed, 210 + number);
        Self { random, tenants, plans: BTreeMap::new(), limited: BTreeMap::new() }
    }

    fn send(&self, site: &Site<'_>, method: &str, path: &str, body: &Value, may: u16) -> Attempt {
        let body = body.to_string();
        let Ok(answer) = site.door.send(method, path, site.key, "application/json", body.as_bytes()) else {
            return Attempt::Gone;
        };
        match answer.status {
            200 => Attempt::Answered,
            429 | 503 => Attempt::NotNow,
            status if status == may => Attempt::Answered,
            status => panic!("{method} {path}: {status} {}", answer.text),
        }
    }
}

/// All periods of it begin when the month and the year do, in which all events happen.
fn plan(random: &mut Random) -> Value {
    let units = (1_000_000_000 + random.below(1_000_000)).to_string();
    let per = json!({"period": random.pick(&["month", "year"]), "time_zone": "UTC"});
    let limit = json!({"allowance": {"units": units, "per": per}, "hard": random.percent(50)});
    json!({"limits": {"tokens": limit}, "billing": {"period": random.pick(&["month", "quarter", "year"]), "time_zone": "UTC"}})
}

impl Client for Population {
    fn once(&mut self, site: &Site<'_>) -> Attempt {
        let tenant = self.tenants[self.random.below(self.tenants.len() as u64) as usize].clone();
        match self.random.below(100) {
            0..8 => {
                let (name, plan) = (self.random.pick(&PLANS).to_owned(), plan(&mut self.random));
                self.send(site, "PUT", &format!("/v1/plans/{name}"), &plan, 200)
            }
            8..10 => self.send(site, "POST", &format!("/v1/tenants/{tenant}/release"), &Value::Null, 200),
            10..70 => {
                let plan = PLANS[self.random.below(PLANS.len() as u64) as usize];
                self.plans.insert(tenant.clone(), None);
                let attempt =
                    self.send(site, "PUT", &format!("/v1/tenants/{tenant}/plan"), &json!({"plan": plan}), 200);
                if attempt == Attempt::Answered {
                    self.plans.insert(tenant, Some(plan));
                }
                attempt
            }
            roll => {
                let (path, sets) = (format!("/v1/tenants/{tenant}/quotas/tokens"), roll < 88);
                self.limited.insert(tenant.clone(), None);
                let units = self.random.below(1_000_000).to_string();
                let per = json!({"period": "year", "time_zone": "UTC"});
                let limit = json!({"allowance": {"units": units, "per": per}, "hard": false});
                let attempt = match sets {
                    true => self.send(site, "PUT", &path, &limit, 200),
                    false => self.send(site, "DELETE", &path, &Value::Null, 404),
                };
                if attempt == Attempt::Answered {
                    self.limited.insert(tenant, Some(sets));
                }
                attempt
            }
        }
    }

    fn pause(&mut self) -> Duration {
        Duration::from_millis(self.random.below(8))
    }

    fn settle(&mut self, site: &Site<'_>) {
        // Plans are named by tenants before they are there only in the first moments.
        for name in PLANS {
            let plan = plan(&mut self.random);
            site.door
                .until_done(|| self.send(site, "PUT", &format!("/v1/plans/{name}"), &plan, 200) == Attempt::Answered);
        }
    }

    fn check(&mut self, site: &Site<'_>) {
        let rows = site.rows("tenants", "SELECT tenant, plan FROM tenants", site.key).expect("a quiet node answers");
        let shown =
            rows.iter().map(|row| (row["tenant"].as_str().unwrap(), row["plan"].as_str())).collect::<BTreeMap<_, _>>();
        for (tenant, plan) in self.plans.iter().filter(|(_, plan)| plan.is_some()) {
            assert_eq!(shown[tenant.as_str()], *plan, "the plan of {tenant}");
        }
        let own =
            "SELECT tenant FROM quotas WHERE meter = 'tokens' AND NOT hard AND \"limit\" < 1000000 GROUP BY tenant";
        let rows = site.rows("quotas", own, site.key).expect("a quiet node answers");
        let shown = rows.iter().map(|row| row["tenant"].as_str().unwrap()).collect::<std::collections::BTreeSet<_>>();
        for (tenant, limited) in &self.limited {
            let Some(limited) = limited else { continue };
            assert_eq!(shown.contains(tenant.as_str()), *limited, "whether {tenant} has a limit of its own");
        }
    }
}
