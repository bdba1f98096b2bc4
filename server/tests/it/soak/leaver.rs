//! Tenants that come, use the node, and leave: what they are given when they go is whole, and nothing of them stays.

use std::time::Duration;

use serde_json::{Value, json};

use super::site::{Client, Site};
use crate::door::Attempt;
use crate::torture::script::Random;

const EVENTS: usize = 25;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Create,
    Use,
    Offboard,
    Export,
    Delete,
}

pub(super) struct Leaver {
    random: Random,
    names: u64,
    step: Step,
    /// Whether the step was sent before.
    again: bool,
}

impl Leaver {
    pub(super) fn new(seed: u64) -> Self {
        Self { random: Random::new(seed, 260), names: 0, step: Step::Create, again: false }
    }

    fn take(&mut self, site: &Site<'_>) -> Attempt {
        let name = format!("dl{}", self.names);
        let tenant = format!("/v1/tenants/{name}");
        let (method, path, body) = match self.step {
            Step::Create => ("POST", "/v1/tenants".to_owned(), json!({"tenant": name})),
            Step::Use => ("POST", "/v1/events".to_owned(), (0..EVENTS).map(|id| event(&name, id)).collect()),
            Step::Offboard => ("POST", format!("{tenant}/offboard"), json!({"reason": "soak"})),
            Step::Export => ("GET", format!("{tenant}/export"), Value::Null),
            Step::Delete => ("DELETE", tenant, Value::Null),
        };
        let media = if self.step == Step::Use { "application/cloudevents-batch+json" } else { "application/json" };
        let again = std::mem::replace(&mut self.again, true);
        let Ok(answer) = site.door.send(method, &path, site.key, media, body.to_string().as_bytes()) else {
            return Attempt::Gone;
        };
        match answer.status {
            200 | 201 => {}
            409 if again && self.step == Step::Create => {}
            429 | 503 => return Attempt::NotNow,
            status => panic!("{method} {path}: {status} {}", answer.text),
        }
        match self.step {
            Step::Use => {
                let told = answer.json();
                assert_eq!(
                    told["admitted"].as_u64().unwrap() + told["duplicate"].as_u64().unwrap(),
                    EVENTS as u64,
                    "{told}"
                );
            }
            Step::Export => is_whole(&name, &answer.text),
            Step::Delete => assert!(answer.json().get("pending").is_none(), "{}", answer.text),
            Step::Create | Step::Offboard => {}
        }
        (self.step, self.again) = (self.after(), false);
        Attempt::Answered
    }

    fn after(&mut self) -> Step {
        match self.step {
            Step::Create => Step::Use,
            Step::Use => Step::Offboard,
            Step::Offboard => Step::Export,
            Step::Export => Step::Delete,
            Step::Delete => {
                self.names += 1;
                Step::Create
            }
        }
    }
}

fn event(tenant: &str, id: usize) -> Value {
    json!({"specversion": "1.0", "id": id.to_string(), "source": "/operator", "type": "call", "tenant": tenant,
        "time": "2026-01-15T02:00:00Z", "data": {"tokens": 2, "model": "m0", "user": "u0"}})
}

/// All that the tenant had, and the line that says so.
fn is_whole(tenant: &str, export: &str) {
    let lines =
        export.lines().map(|line| serde_json::from_str::<Value>(line).expect("a line is JSON")).collect::<Vec<_>>();
    let of = |view: &str| lines.iter().filter(|line| line["view"] == view).map(|line| &line["row"]).collect::<Vec<_>>();
    assert_eq!(of("events").len(), EVENTS, "events of {tenant} in its export");
    assert_eq!(of("tenants").len(), 1);
    assert!(of("audit").len() >= 2, "the audit of {tenant} in its export: {:?}", of("audit"));
    let calls = of("usage").into_iter().find(|row| row["meter"] == "calls").map(|row| row["value"].clone());
    let calls = calls.unwrap_or_else(|| panic!("{tenant}'s export has no usage of calls"));
    assert_eq!(calls.to_string().trim_matches('"').parse::<f64>().ok(), Some(EVENTS as f64));
    assert_eq!(lines.last(), Some(&json!({"complete": true})), "the export of {tenant} is cut short");
}

impl Client for Leaver {
    fn once(&mut self, site: &Site<'_>) -> Attempt {
        self.take(site)
    }

    fn pause(&mut self) -> Duration {
        Duration::from_millis(self.random.below(300))
    }

    fn settle(&mut self, site: &Site<'_>) {
        site.door.until_done(|| {
            (self.step == Step::Create && !self.again) || {
                self.take(site);
                self.step == Step::Create && !self.again
            }
        });
    }
}
