//! The operator of the node: creates tenants, keys, meters and limits, suspends, erases, one order at a time, each sent
//! again until it is answered.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use super::book::Bounds;
use super::script::{FREE, LIMITED, METERS, METERS_KEPT, MOODY, Random};
use super::sender::Known;
use crate::door::{Attempt, Door};

/// Most tenants that are created besides.
const CREATED_MAX: usize = 12;
/// Most keys that a tenant is given here, those without an answer included; it may have 100, and others give it some.
const KEYS_MAX: u64 = 50;
const PAUSE: Duration = Duration::from_millis(3);

#[derive(Debug, Clone)]
enum Order {
    Tenant(String),
    Key(String),
    Limit(&'static str, u64),
    Meter(usize),
    NoMeter(usize),
    Suspend,
    Activate,
    /// A tenant that is created, sends events, leaves and is erased: one step an order.
    Erase(String, Step),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Create,
    Use,
    Offboard,
    Delete,
}

pub(crate) struct Operator {
    key: String,
    random: Random,
    /// The order without an answer, and whether it was sent.
    pending: Option<(Order, bool)>,
    /// Follows the order that is answered.
    next: Option<Order>,
    names: u64,
    /// Meters beyond those that are always there.
    meters: BTreeSet<usize>,
    /// Keys that were answered, with their tenants.
    pub(crate) keys: Vec<(String, String)>,
    /// How many keys each tenant has.
    pub(crate) key_counts: BTreeMap<String, Bounds>,
    /// The largest limit that may hold.
    pub(crate) limits_max: BTreeMap<String, u64>,
    pub(crate) erased: Vec<String>,
}

impl Operator {
    pub(crate) fn new(seed: u64, key: &str) -> Self {
        Self {
            key: key.to_owned(),
            random: Random::new(seed, 1),
            pending: None,
            next: None,
            names: 0,
            meters: BTreeSet::new(),
            keys: Vec::new(),
            key_counts: BTreeMap::new(),
            limits_max: BTreeMap::new(),
            erased: Vec::new(),
        }
    }

    /// What is there from the beginning.
    pub(crate) fn found(&mut self, door: &Door, known: &Mutex<Known>) {
        let tenants = FREE.iter().chain(&LIMITED).chain(&[MOODY]);
        let orders = tenants.map(|name| Order::Tenant((*name).to_owned()));
        let meters = (0..METERS_KEPT).map(Order::Meter);
        let limits = LIMITED.iter().map(|name| Order::Limit(name, 50));
        for order in orders.chain(meters).chain(limits) {
            self.pending = Some((order, false));
            self.settle(door, known);
        }
        known.lock().unwrap().tenants.created.clear();
        self.meters.clear();
    }

    /// Orders until told to stop or until the node does not answer any more.
    pub(crate) fn run(&mut self, door: &Door, known: &Mutex<Known>, stop: &AtomicBool) {
        while !stop.load(Ordering::Relaxed) {
            if self.step(door, known) == Attempt::Gone {
                return;
            }
            std::thread::sleep(PAUSE * self.random.below(8) as u32);
        }
    }

    /// The order that had no answer, the one that follows, or another one.
    pub(crate) fn step(&mut self, door: &Door, known: &Mutex<Known>) -> Attempt {
        if self.pending.is_none() {
            let order = self.next.take().unwrap_or_else(|| self.draw(known));
            self.pending = Some((order, false));
        }
        self.once(door, known)
    }

    /// Sends what had no answer until it has one, and ends what was begun.
    pub(crate) fn settle(&mut self, door: &Door, known: &Mutex<Known>) {
        door.until_done(|| {
            if self.pending.is_none() {
                self.pending = self.next.take().map(|order| (order, false));
            }
            self.pending.is_none() || (self.once(door, known) == Attempt::Answered && self.next.is_none())
        });
    }

    /// Meters that are there.
    pub(crate) fn meters(&self) -> impl Iterator<Item = usize> {
        (0..METERS_KEPT).chain(self.meters.iter().copied())
    }

    fn draw(&mut self, known: &Mutex<Known>) -> Order {
        self.names += 1;
        let limits = known.lock().unwrap().limits.clone();
        let created = known.lock().unwrap().tenants.created.len();
        match self.random.below(100) {
            0..15 if created < CREATED_MAX => Order::Tenant(format!("n{}", self.names)),
            0..30 => {
                let tenant = self.random.pick(&["t1", "t2", "q0"]).to_owned();
                let (made, unknown) = self.key_counts.get(&tenant).copied().unwrap_or_default();
                if made + unknown < KEYS_MAX { Order::Key(tenant) } else { Order::Activate }
            }
            30..60 => {
                let tenant = self.random.pick(&LIMITED);
                Order::Limit(LIMITED[usize::from(tenant == LIMITED[1])], limits[tenant] + self.random.below(60))
            }
            60..75 => {
                let meter = METERS_KEPT + self.random.below((METERS.len() - METERS_KEPT) as u64) as usize;
                if self.meters.contains(&meter) { Order::NoMeter(meter) } else { Order::Meter(meter) }
            }
            75..85 => Order::Suspend,
            85..97 => Order::Activate,
            _ => Order::Erase(format!("d{}", self.names), Step::Create),
        }
    }

    fn once(&mut self, door: &Door, known: &Mutex<Known>) -> Attempt {
        let (order, was_sent) = self.pending.take().expect("there is an order");
        if let Order::Limit(tenant, limit) = order {
            let highest = self.limits_max.entry(tenant.to_owned()).or_default();
            *highest = (*highest).max(limit);
        }
        let (method, path, body) = request(&order);
        let media = if path == "/v1/events" { "application/cloudevents-batch+json" } else { "application/json" };
        let answer = match door.send(method, &path, &self.key, media, body.to_string().as_bytes()) {
            Ok(answer) => answer,
            Err(_) => return self.unanswered(order, Attempt::Gone),
        };
        let done_before = match order {
            Order::Tenant(_) | Order::Erase(_, Step::Create) => answer.status == 409,
            Order::NoMeter(_) => answer.status == 404,
            _ => false,
        };
        match answer.status {
            200 | 201 => {}
            _ if was_sent && done_before => {}
            429 | 503 => return self.unanswered(order, Attempt::NotNow),
            status => panic!("{order:?}: {status} {}", answer.text),
        }
        let told = answer.json();
        assert!(told.get("pending").is_none(), "{order:?}: {told}");
        self.done(order, &told, known);
        Attempt::Answered
    }

    fn unanswered(&mut self, order: Order, attempt: Attempt) -> Attempt {
        if let Order::Key(tenant) = order {
            // Nobody will ever learn this key; another one would be a second one.
            self.key_counts.entry(tenant).or_default().1 += 1;
        } else {
            self.pending = Some((order, true));
        }
        attempt
    }

    fn done(&mut self, order: Order, told: &Value, known: &Mutex<Known>) {
        match order {
            Order::Tenant(name) => known.lock().unwrap().tenants.created.push(name),
            Order::Key(tenant) => {
                self.keys.push((tenant.clone(), told["key"].as_str().expect("a key").to_owned()));
                self.key_counts.entry(tenant).or_default().0 += 1;
            }
            Order::Limit(tenant, limit) => drop(known.lock().unwrap().limits.insert(tenant.to_owned(), limit)),
            Order::Meter(meter) => drop(self.meters.insert(meter)),
            Order::NoMeter(meter) => drop(self.meters.remove(&meter)),
            Order::Suspend | Order::Activate => {}
            Order::Erase(name, Step::Create) => self.next = Some(Order::Erase(name, Step::Use)),
            Order::Erase(name, Step::Use) => self.next = Some(Order::Erase(name, Step::Offboard)),
            Order::Erase(name, Step::Offboard) => self.next = Some(Order::Erase(name, Step::Delete)),
            Order::Erase(name, Step::Delete) => self.erased.push(name),
        }
    }
}

fn request(order: &Order) -> (&'static str, String, Value) {
    match order {
        Order::Tenant(name) | Order::Erase(name, Step::Create) => {
            ("POST", "/v1/tenants".to_owned(), json!({"tenant": name}))
        }
        Order::Key(tenant) => ("POST", format!("/v1/tenants/{tenant}/keys"), json!({"scopes": ["ingest", "query"]})),
        Order::Limit(tenant, units) => {
            let per = json!({"period": "year", "time_zone": "UTC"});
            let limit = json!({"allowance": {"units": units.to_string(), "per": per}, "hard": true});
            ("PUT", format!("/v1/tenants/{tenant}/quotas/calls"), limit)
        }
        Order::Meter(meter) => ("PUT", format!("/v1/meters/{}", METERS[*meter].name), METERS[*meter].definition()),
        Order::NoMeter(meter) => ("DELETE", format!("/v1/meters/{}", METERS[*meter].name), Value::Null),
        Order::Suspend => ("POST", format!("/v1/tenants/{MOODY}/suspend"), json!({"reason": "torture"})),
        Order::Activate => ("POST", format!("/v1/tenants/{MOODY}/activate"), json!({})),
        Order::Erase(name, Step::Use) => {
            let event = |id: u32| {
                json!({"specversion": "1.0", "id": id.to_string(), "source": "/operator", "type": "call",
                    "tenant": name, "time": "2026-01-15T01:00:00Z", "data": {"tokens": 1, "model": "m0", "user": "u0"}})
            };
            ("POST", "/v1/events".to_owned(), (0..20).map(event).collect())
        }
        Order::Erase(name, Step::Offboard) => {
            ("POST", format!("/v1/tenants/{name}/offboard"), json!({"reason": "torture"}))
        }
        Order::Erase(name, Step::Delete) => ("DELETE", format!("/v1/tenants/{name}?without_export=true"), Value::Null),
    }
}
