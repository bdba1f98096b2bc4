//! Alert rules that change all the time, over what everybody sends: when all is quiet, exactly those tenants have an alert whose
//! totals say so, and no alert was ever opened or fired twice.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::site::{Client, Got, Site};
use crate::door::Attempt;
use crate::receiver::Receiver;
use crate::torture::script::Random;

/// What the rule asks for; those who are being erased leave their totals before their alerts.
const TOTALS: &str = "SELECT tenant, sum(value) AS value FROM usage_total WHERE meter = 'calls' AND NOT removed \
                      AND tenant NOT LIKE 'd%' GROUP BY tenant";
const TWICE: &str = "SELECT tenant, episode FROM alert_history GROUP BY tenant, episode \
                     HAVING sum(CASE WHEN event = 'fired' THEN 1 ELSE 0 END) > 1 \
                     OR sum(CASE WHEN event IN ('resolved', 'withdrawn', 'dropped') THEN 1 ELSE 0 END) > 1";
/// Nobody else declares these.
const RULES: [&str; 3] = ["counted", "silent", "near"];
const QUIET_MAX: Duration = Duration::from_secs(60);

pub(super) struct Alerter {
    random: Random,
    /// Receives for the platform's endpoint, which is declared before any rule.
    receiver: Receiver,
    has_endpoint: bool,
    /// From which total on there is an alert, as far as that is known.
    at: Option<u64>,
}

impl Alerter {
    pub(super) fn new(seed: u64) -> Self {
        Self { random: Random::new(seed, 330), receiver: Receiver::new(), has_endpoint: false, at: None }
    }

    fn send(site: &Site<'_>, method: &str, path: &str, body: &Value) -> Got<(u16, Value)> {
        let sent = site.door.send(method, path, site.key, "application/json", body.to_string().as_bytes());
        let answer = sent.map_err(|_| Attempt::Gone)?;
        match answer.status {
            429 | 503 => Err(Attempt::NotNow),
            status => Ok((status, answer.json())),
        }
    }

    fn declare(&mut self, site: &Site<'_>, at: u64) -> Got<()> {
        self.at = None;
        self.listen(site)?;
        let rule = |measure: Value, level: Value, waits: u32| json!({"measure": measure, "levels": [{"severity": "warning", "at": level}], "for_s": waits});
        let counted = rule(json!({"query": {"sql": TOTALS, "every_s": 1}}), json!(at), 0);
        let silent = rule(json!({"silence": {"meter": "calls"}}), json!(1), 1);
        let near = rule(json!({"quota": {"meter": "tokens"}}), json!(0.001), 0);
        let object =
            |name: &str, spec: Value| json!({"kind": "alert", "tenant": "platform", "name": name, "spec": spec});
        let [first, second, third] = RULES;
        let objects = [object(first, counted), object(second, silent), object(third, near)];
        let (status, told) = Self::send(site, "POST", "/v1/apply", &json!({ "objects": objects }))?;
        assert_eq!(status, 200, "{told}");
        self.at = Some(at);
        Ok(())
    }

    /// Has every alert of anybody told to the receiver.
    fn listen(&mut self, site: &Site<'_>) -> Got<()> {
        if !self.has_endpoint {
            let spec = json!({"url": self.receiver.url(), "events": ["alert.*"]});
            let object = json!({"kind": "endpoint", "tenant": "platform", "name": "alerts", "spec": spec});
            let (status, told) = Self::send(site, "POST", "/v1/apply", &json!({"objects": [object]}))?;
            assert_eq!(status, 200, "{told}");
            self.has_endpoint = true;
        }
        Ok(())
    }

    /// Asks for an endpoint of the platform, and changes nothing of what it is sent.
    fn ask_of_endpoints(&mut self, site: &Site<'_>) -> Got<()> {
        let path = "/v1/tenants/platform/endpoints";
        let (method, rest, body) = match self.random.below(5) {
            0 => ("GET", "/alerts/secret", json!(null)),
            1 => ("POST", "/alerts/rotate", json!({"overlap_s": 60})),
            2 => ("POST", "/alerts/disable", json!(null)),
            3 => ("POST", "/alerts/enable", json!(null)),
            _ => ("GET", "", json!(null)),
        };
        let (status, told) = Self::send(site, method, &format!("{path}{rest}"), &body)?;
        assert!(matches!(status, 200 | 404), "{status} {told}");
        Ok(())
    }

    fn step(&mut self, site: &Site<'_>) -> Got<()> {
        let tenant = format!("t{}", self.random.below(6));
        match self.random.below(13) {
            0 | 1 => {
                let at = 1 + self.random.below(400);
                self.declare(site, at)
            }
            2..5 => {
                let path = format!("/v1/tenants/{tenant}/alerts/counted/acknowledge");
                let (status, told) = Self::send(site, "POST", &path, &json!({"note": "seen"}))?;
                assert!(matches!(status, 200 | 404 | 409), "{status} {told}");
                Ok(())
            }
            5..7 => {
                let sent = site.door.send("GET", &format!("/v1/tenants/{tenant}/alerts"), site.key, "", b"");
                let answer = sent.map_err(|_| Attempt::Gone)?;
                assert!(matches!(answer.status, 200 | 404 | 429 | 503), "{} {}", answer.status, answer.text);
                Ok(())
            }
            10 => self.ask_of_endpoints(site),
            11 => site.rows("endpoints", "SELECT * FROM endpoints", site.key).map(drop),
            12 => {
                let sql = "SELECT outcome, count(*) FROM delivery_attempts GROUP BY outcome";
                site.rows("delivery_attempts", sql, site.key).map(drop)
            }
            7 => site.rows("alert_rules", "SELECT * FROM alert_rules", site.key).map(drop),
            8 => site.rows("alerts", "SELECT state, count(*) FROM alerts GROUP BY state", site.key).map(drop),
            _ => {
                let twice = site.rows("alert_history", TWICE, site.key)?;
                assert!(twice.is_empty(), "opened or ended twice: {}", twice[0]);
                Ok(())
            }
        }
    }

    fn those(site: &Site<'_>, view: &str, sql: &str) -> Got<BTreeSet<String>> {
        let rows = site.rows(view, sql, site.key)?;
        Ok(rows.iter().map(|row| row["tenant"].as_str().expect("a tenant").to_owned()).collect())
    }
}

impl Client for Alerter {
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
        let at = self.at.unwrap_or(100);
        site.door.until_done(|| self.declare(site, at).is_ok());
        let expect = format!("SELECT tenant FROM ({TOTALS}) WHERE value >= {at}");
        let shown = "SELECT tenant FROM alerts WHERE rule = 'counted' AND tenant NOT LIKE 'd%'";
        let began = Instant::now();
        loop {
            let found = (Self::those(site, "usage_total", &expect), Self::those(site, "alerts", shown));
            if let (Ok(expect), Ok(shown)) = found {
                if expect == shown {
                    break;
                }
                assert!(began.elapsed() < QUIET_MAX, "alerts {shown:?}\nwhere totals say {expect:?}");
            }
            std::thread::sleep(Duration::from_millis(200));
        }
        let enable = "/v1/tenants/platform/endpoints/alerts/enable";
        site.door.until_done(|| Self::send(site, "POST", enable, &json!(null)).is_ok());
        let sql_of_edges = format!("SELECT count(*) AS n FROM alert_history WHERE rule IN ('{}')", RULES.join("', '"));
        loop {
            let received = self.receiver.received();
            let own = received.iter().filter(|received| {
                let rule = &received.event()["data"]["rule"]["name"];
                RULES.iter().any(|own| rule == own)
            });
            let ids: BTreeSet<_> = own.map(|received| &received.id).collect();
            if let Ok(rows) = site.rows("alert_history", &sql_of_edges, site.key)
                && rows[0]["n"].as_u64() == Some(ids.len() as u64)
            {
                return;
            }
            if began.elapsed() > QUIET_MAX {
                let endpoints = site.rows("endpoints", "SELECT * FROM endpoints", site.key);
                let sql = "SELECT outcome, status, count(*), max(took_us) FROM delivery_attempts GROUP BY 1, 2";
                let attempts = site.rows("delivery_attempts", sql, site.key);
                let edges = site.rows("alert_history", &sql_of_edges, site.key);
                panic!("{} messages, {edges:?} edges, {endpoints:?}, {attempts:?}", ids.len());
            }
            std::thread::sleep(Duration::from_millis(200));
        }
    }
}
