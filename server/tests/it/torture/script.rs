//! What the torture sends: events, batches, meters and their windows, all drawn from seeds.
//!
//! Not here: sending (`sender`, `operator`), judging answers (`sender`), the totals (`oracle`).

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Value, json};

/// 2026-01-15T00:00:00Z: all events happen within six hours of that day, in any order.
pub(crate) const DAY_US: i64 = 1_768_435_200_000_000;
const SPAN_MS: u64 = 6 * 3_600_000;
/// Tenants without limits.
pub(crate) const FREE: [&str; 6] = ["t0", "t1", "t2", "t3", "t4", "t5"];
/// Tenants with a hard limit of the meter `calls`.
pub(crate) const LIMITED: [&str; 2] = ["q0", "q1"];
/// The tenant that is suspended and let in again.
pub(crate) const MOODY: &str = "s0";
/// Whom nobody creates.
const GHOST: &str = "ghost";
const EVENTS_MAX: u64 = 60;

/// SplitMix64 (Steele, Lea & Flood, OOPSLA 2014).
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

impl Random {
    /// A stream of its own for each purpose of one seed.
    pub(crate) fn new(seed: u64, purpose: u64) -> Self {
        let mut random = Self(seed ^ purpose.wrapping_mul(0xd6e8_feb8_6659_fd93));
        random.next();
        random
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    pub(crate) fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    pub(crate) fn pick<'a, T: ?Sized>(&mut self, of: &[&'a T]) -> &'a T {
        of[self.below(of.len() as u64) as usize]
    }
}

/// An event that could be counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) tenant: String,
    pub(crate) id: String,
    pub(crate) time_us: i64,
    pub(crate) tokens: i64,
    pub(crate) model: u64,
    pub(crate) user: u64,
}

/// What an event is sent for.
#[derive(Debug, Clone)]
pub(crate) enum Sent {
    /// To be counted, unless the gate refuses it.
    Fresh(Event),
    /// Counted before: a duplicate.
    Repeat(Event),
    /// An id that was counted before, with another payload.
    Conflict(Event),
    /// Refused for the reason given, which is counted for the tenant given.
    Bad(Value, &'static str, String),
}

impl Event {
    pub(crate) fn random(random: &mut Random, tenant: String, id: String) -> Self {
        let time_us = DAY_US + random.below(SPAN_MS) as i64 * 1000;
        let (tokens, model, user) = (random.below(1000) as i64, random.below(3), random.below(40));
        Self { tenant, id, time_us, tokens, model, user }
    }

    pub(crate) fn json(&self, source: &str, names_tenant: bool) -> Value {
        let time = jiff::Timestamp::from_microsecond(self.time_us).unwrap().to_string();
        let data =
            json!({"tokens": self.tokens, "model": format!("m{}", self.model), "user": format!("u{}", self.user)});
        let mut json = json!({"specversion": "1.0", "id": self.id, "source": source, "type": "call", "time": time,
            "data": data});
        if names_tenant {
            json["tenant"] = Value::from(self.tenant.as_str());
        }
        json
    }
}

/// The events of batch `number`; `taken` are those that are known to be counted. A sender with a key of one tenant names
/// none.
pub(crate) fn batch(
    random: &mut Random,
    number: u64,
    (source, own): (&str, Option<&str>),
    tenants: &Tenants,
    taken: &[Event],
) -> Vec<Sent> {
    let one = |(at, random): (u64, &mut Random)| {
        let tenant = own.map_or_else(|| tenants.any(random), str::to_owned);
        let event = Event::random(random, tenant.clone(), format!("b{number}-{at}"));
        let with = |name: &str, value: Value| {
            let mut json = event.json(source, own.is_none());
            json[name] = value;
            json
        };
        match random.below(100) {
            0..3 => Sent::Bad(with("data", json!({"tokens": "many"})), "value_invalid", tenant),
            3..5 => Sent::Bad(with("time", "yesterday".into()), "invalid_attribute", tenant),
            5..7 if own.is_none() => Sent::Bad(with("tenant", GHOST.into()), "tenant_unknown", String::new()),
            5..7 => Sent::Bad(with("tenant", GHOST.into()), "tenant_mismatch", tenant),
            7..12 if !taken.is_empty() => Sent::Repeat(taken[random.below(taken.len() as u64) as usize].clone()),
            12..14 if !taken.is_empty() => {
                let mut changed = taken[random.below(taken.len() as u64) as usize].clone();
                changed.tokens += 1;
                Sent::Conflict(changed)
            }
            _ => Sent::Fresh(event),
        }
    };
    (0..1 + random.below(EVENTS_MAX)).map(|at| one((at, random))).collect()
}

/// Whom events are for.
#[derive(Debug, Default, Clone)]
pub(crate) struct Tenants {
    /// There from the beginning, beside those that have a part of their own.
    pub(crate) founded: Arc<[String]>,
    /// Created since.
    pub(crate) created: Vec<String>,
}

impl Tenants {
    /// One that has a part of its own, half of the time.
    fn any(&self, random: &mut Random) -> String {
        self.pick(random, LIMITED.iter().chain(&[MOODY]))
    }

    /// The same of those without limits, whose events are never refused.
    pub(crate) fn any_free(&self, random: &mut Random) -> String {
        self.pick(random, [].iter())
    }

    fn pick(&self, random: &mut Random, more: impl Iterator<Item = &'static &'static str>) -> String {
        let others = (self.founded.len() + self.created.len()) as u64;
        if others == 0 || random.percent(50) {
            return random.pick(&FREE.iter().chain(more).copied().collect::<Vec<_>>()).to_owned();
        }
        let at = random.below(others) as usize;
        self.founded.get(at).unwrap_or_else(|| &self.created[at - self.founded.len()]).clone()
    }
}

/// A meter over all events, as the oracle can compute it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Metered {
    pub(crate) name: &'static str,
    pub(crate) aggregate: Aggregate,
    size_s: i64,
    /// Distance of two starts of overlapping windows.
    slide_s: i64,
    pub(crate) by_model: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Aggregate {
    Count,
    Sum,
    Max,
    Users,
}

/// The first two are always there, the others come and go.
pub(crate) const METERS: [Metered; 5] = [
    Metered { name: "calls", aggregate: Aggregate::Count, size_s: 3600, slide_s: 3600, by_model: false },
    Metered { name: "tokens", aggregate: Aggregate::Sum, size_s: 3600, slide_s: 3600, by_model: true },
    Metered { name: "peak", aggregate: Aggregate::Max, size_s: 1800, slide_s: 1800, by_model: false },
    Metered { name: "people", aggregate: Aggregate::Users, size_s: 86_400, slide_s: 86_400, by_model: true },
    Metered { name: "recent", aggregate: Aggregate::Sum, size_s: 3600, slide_s: 1800, by_model: false },
];
pub(crate) const METERS_KEPT: usize = 2;

impl Metered {
    pub(crate) fn definition(&self) -> Value {
        let (aggregation, value) = match self.aggregate {
            Aggregate::Count => ("count", None),
            Aggregate::Sum => ("sum", Some("$.tokens")),
            Aggregate::Max => ("max", Some("$.tokens")),
            Aggregate::Users => ("unique_count", Some("$.user")),
        };
        let window = if self.size_s == self.slide_s {
            json!({"tumbling": {"size_s": self.size_s}})
        } else {
            json!({"sliding": {"size_s": self.size_s, "slide_s": self.slide_s}})
        };
        let mut meter = json!({"event_type": "call", "aggregation": aggregation, "window": window});
        if let Some(value) = value {
            meter["value"] = value.into();
        }
        if self.by_model {
            meter["dimensions"] = json!([{"name": "model", "path": "$.model"}]);
        }
        meter
    }

    /// Starts of the windows that hold `time_us`.
    pub(crate) fn starts(&self, time_us: i64) -> impl Iterator<Item = i64> {
        let (size_us, slide_us) = (self.size_s * 1_000_000, self.slide_s * 1_000_000);
        let last = time_us.div_euclid(slide_us) * slide_us;
        (0..size_us / slide_us).map(move |back| last - back * slide_us)
    }

    pub(crate) fn value<'a>(&self, events: impl Iterator<Item = &'a Event>) -> i64 {
        match self.aggregate {
            Aggregate::Count => events.count() as i64,
            Aggregate::Sum => events.map(|event| event.tokens).sum(),
            Aggregate::Max => events.map(|event| event.tokens).max().unwrap_or_default(),
            Aggregate::Users => events.map(|event| event.user).collect::<BTreeSet<_>>().len() as i64,
        }
    }
}
