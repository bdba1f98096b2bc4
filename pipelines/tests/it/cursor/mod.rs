//! Whoever follows `revision > cursor` ends with exactly what a fresh read gives, whatever changes totals: events on time and
//! late, meters defined, corrected and removed, plans with other periods, tenants on other plans, tenants erased; and
//! whenever the node is killed. Each change comes once, and a restart changes no revision (I4).
//!
//! `TENANTRY_SEED` reproduces a history, `TENANTRY_HISTORIES` tries more of them.

mod rig;

use std::collections::BTreeMap;

use engine::calendar::{Calendar, Period};
use engine::event::batch::EventBatch;
use engine::event::builder::{Attributes, EventBatchBuilder};
use engine::meter::Meter;
use engine::storage::faulty::{Fault, Operation, Rule};
use engine::units::{ONE, Units};
use pipelines::catalog::Visibility;

use self::rig::{BASE_US, HOUR_US, Rig};
use crate::views::node::texts;
use crate::views::random::Random;

const STEPS: usize = 40;
const TENANTS: [&str; 4] = ["a", "b", "c", "d"];
const METERS: [&str; 3] = ["x", "y", "z"];

/// Tenant, meter, start, dimensions.
type Key = [String; 4];
/// End, value, revision.
type Row = [String; 3];

/// What of a view is followed.
#[derive(Clone, Copy)]
struct Followed {
    view: &'static str,
    columns: &'static str,
}

const FOLLOWED: [Followed; 2] = [
    Followed { view: "usage_total", columns: "tenant, meter, period_start, '{}', period_end" },
    Followed { view: "usage", columns: "tenant, meter, window_start, dimensions, window_end" },
];

struct Follower {
    followed: Followed,
    cursor: i64,
    copy: BTreeMap<Key, Row>,
    /// Rows that it was told to have ended.
    ended: usize,
}

impl Follower {
    fn new(followed: Followed) -> Self {
        Self { followed, cursor: -1, copy: BTreeMap::new(), ended: 0 }
    }

    /// Applies what changed since the last time; how much that was.
    fn follow(&mut self, rig: &Rig) -> usize {
        let (rows, cursor) = read(rig, self.followed, self.cursor);
        let changes = rows.len();
        for (key, row) in rows {
            self.ended += usize::from(row.is_none());
            match row {
                Some(row) => drop(self.copy.insert(key, row)),
                // All dimensions at once.
                None if key[3] == "NULL" => self.copy.retain(|known, _| known[..3] != key[..3]),
                None => drop(self.copy.remove(&key)),
            }
        }
        self.cursor = cursor;
        changes
    }
}

/// The rows of a revision behind `cursor`, none for removed ones, and the next cursor.
fn read(rig: &Rig, followed: Followed, cursor: i64) -> (Vec<(Key, Option<Row>)>, i64) {
    let Followed { view, columns } = followed;
    let sql = format!(
        "SELECT {columns}, removed, value, v.revision, e.revision FROM {view} v CROSS JOIN engine e \
         WHERE v.revision > {cursor}"
    );
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let session = rig.catalog().session(&Visibility::Platform).unwrap();
    let rows = |sql: &str| {
        let rows = runtime.block_on(async { session.sql(sql).await.unwrap().collect().await });
        texts(&rows.unwrap_or_else(|error| panic!("{sql}: {error}")))
    };
    // The cut is the same: nobody makes another meanwhile.
    let next = rows("SELECT revision FROM engine")[0][0].parse().unwrap();
    let mut live = BTreeMap::new();
    let changes = rows(&sql).into_iter().map(|row| {
        let [tenant, meter, start, dimensions, end, removed, value, revision, until] = row.try_into().unwrap();
        assert!(revision.parse::<i64>().unwrap() <= until.parse().unwrap(), "{revision} is behind the cut's {until}");
        let key = [tenant, meter, start, dimensions];
        let is_removed = removed == "true";
        assert_eq!(is_removed, value == "NULL", "{key:?}");
        if let Some(other) = live.insert(key.clone(), is_removed) {
            assert!(other && is_removed, "{view}: {key:?} is there twice");
        }
        (key, (!is_removed).then_some([end, value, revision]))
    });
    (changes.collect(), next)
}

fn fresh(rig: &Rig, followed: Followed) -> BTreeMap<Key, Row> {
    read(rig, followed, -1).0.into_iter().filter_map(|(key, row)| Some((key, row?))).collect()
}

fn calendar(random: &mut Random) -> Calendar {
    let period = [Period::Month, Period::Day, Period::Week][random.below(3) as usize];
    Calendar { period, time_zone: random.pick(&["UTC", "Asia/Kathmandu", "America/New_York"]).to_owned() }
}

fn meter(random: &mut Random, name: &str) -> Meter {
    let dimensions = match random.below(2) {
        0 => serde_json::json!([]),
        _ => serde_json::json!([{"name": "kind", "path": "$.kind"}]),
    };
    let window = match random.below(3) {
        0 => serde_json::json!({"session": {"gap_s": 10_800}}),
        1 => serde_json::json!({"sliding": {"size_s": 7200, "slide_s": 3600}}),
        _ => serde_json::json!({"tumbling": {"size_s": 3600}}),
    };
    let definition = serde_json::json!({"name": name, "event_type": random.pick(&["call", "chat"]),
        "aggregation": random.pick(&["count", "sum", "max"]), "value": "$.tokens", "dimensions": dimensions,
        "window": window, "description": random.pick(&["", "other words"])});
    serde_json::from_value(definition).unwrap()
}

fn batch(rig: &Rig, random: &mut Random, step: usize) -> EventBatch {
    let mut builder = EventBatchBuilder::new();
    for at in 0..1 + random.below(8) {
        let tenant = random.pick(&TENANTS);
        if rig.left.contains(tenant) {
            // The gate sees to that in a node.
            continue;
        }
        builder.units("/tokens", Units(random.below(100) as i128 * ONE));
        builder.text("/kind", random.pick(&["p", "q"]));
        let id = format!("{step}-{at}");
        // Later with each step, but some are late.
        let time_us = BASE_US + step as i64 * 4 * HOUR_US - random.below(360) as i64 * HOUR_US / 6;
        let event_type = random.pick(&["call", "chat"]);
        builder.commit(Attributes { tenant, id: &id, source: "s", event_type, subject: None, time_us });
    }
    builder.finish()
}

/// Does something; whether it was done, which it may not be if something is broken.
fn act(rig: &mut Rig, random: &mut Random, step: usize) -> bool {
    match random.below(16) {
        0..=6 => {
            let batch = batch(rig, random, step);
            rig.send(batch)
        }
        7 | 8 => {
            let name = random.pick(&METERS);
            let meter = meter(random, name);
            rig.meters.insert(name.to_owned(), meter);
            rig.define()
        }
        9 => {
            rig.meters.remove(random.pick(&METERS));
            rig.define()
        }
        10 => {
            rig.default = calendar(random);
            // Who was never put on another plan follows.
            rig.bill()
        }
        11 | 12 => {
            let tenant = random.pick(&TENANTS).to_owned();
            let calendar = calendar(random);
            rig.calendars.insert(tenant, calendar);
            rig.bill()
        }
        13 if random.below(4) == 0 => {
            rig.left.insert(random.pick(&TENANTS).to_owned());
            rig.erase()
        }
        _ => rig.checkpoint(),
    }
}

/// A life by `seed`; how many rows ended in each view.
fn live(seed: u64) -> [usize; 2] {
    let mut random = Random::new(seed);
    let random = &mut random;
    let mut rig = Rig::new(calendar(random));
    assert!(rig.start());
    let mut followers = [0, 1, 2, 3, 4, 5].map(|at: usize| Follower::new(FOLLOWED[at % 2]));
    for step in 0..STEPS {
        if random.below(6) == 0 {
            // Whatever comes next breaks off somewhere.
            let operation =
                [Operation::Append, Operation::Sync, Operation::CreateNew, Operation::Read][random.below(4) as usize];
            let (skip, fault) = (random.below(6), Fault::Halt);
            rig.faulty.inject(Rule { operation, name_contains: String::new(), skip, times: 1, fault });
        }
        let is_done = act(&mut rig, random, step) && rig.cut();
        let is_done = is_done && !rig.is_struck();
        if is_done {
            // What has not struck is not meant for readers.
            rig.faulty.heal();
        }
        let is_killed = !is_done || random.below(6) == 0;
        if is_killed {
            // What the last cut shows is durable, so somebody may have read it.
            let before = is_done.then(|| FOLLOWED.map(|followed| fresh(&rig, followed)));
            if is_done && random.below(2) == 0 {
                for follower in &mut followers[..2] {
                    follower.follow(&rig);
                }
            }
            let kept = random.below(3) as usize;
            rig.lose_power(kept);
            while !rig.start() {
                rig.lose_power(kept);
            }
            assert!(rig.cut());
            if let Some(before) = before {
                let after = FOLLOWED.map(|followed| fresh(&rig, followed));
                assert_eq!(after, before, "seed {seed}, step {step}: after a restart");
            }
        }
        for (at, follower) in followers.iter_mut().enumerate() {
            if at < 2 || random.below(1 + 3 * at as u64) == 0 {
                follower.follow(&rig);
                assert_eq!(follower.copy, fresh(&rig, follower.followed), "seed {seed}, step {step}, follower {at}");
                assert_eq!(follower.follow(&rig), 0, "seed {seed}, step {step}: a change comes twice");
            }
        }
    }
    [followers[0].ended, followers[1].ended]
}

#[test]
fn whoever_follows_revisions_has_what_a_fresh_read_gives() {
    let first =
        std::env::var("TENANTRY_SEED").map_or_else(|_| u64::from(std::process::id()), |text| text.parse().unwrap());
    let histories = std::env::var("TENANTRY_HISTORIES").map_or(8, |text| text.parse().unwrap());
    println!("TENANTRY_SEED={first}");
    let mut ended = [0; 2];
    for of_life in (first..first + histories).map(live) {
        ended = [ended[0] + of_life[0], ended[1] + of_life[1]];
    }
    assert!(histories < 8 || ended.iter().all(|ended| *ended > 0), "nothing ever ended: {ended:?}");
}

fn at(id: &str, minute: i64) -> EventBatch {
    let mut builder = EventBatchBuilder::new();
    let time_us = BASE_US + minute * HOUR_US / 60;
    builder.commit(Attributes { tenant: "a", id, source: "s", event_type: "call", subject: None, time_us });
    builder.finish()
}

fn counted(window: &serde_json::Value) -> Meter {
    let definition = serde_json::json!({"name": "x", "event_type": "call", "aggregation": "count", "window": window});
    serde_json::from_value(definition).unwrap()
}

/// Of one meter, whose sessions end half an hour after an event.
fn rig_of_sessions() -> Rig {
    let mut rig = Rig::new(Calendar { period: Period::Month, time_zone: "UTC".into() });
    rig.meters.insert("x".into(), counted(&serde_json::json!({"session": {"gap_s": 1800}})));
    assert!(rig.start());
    rig
}

/// Sessions whose gap is half an hour, after each event at a minute: when those begin that there are and those that ended.
fn sessions(minutes: &[i64], expect: &[&[i64]]) {
    let rig = rig_of_sessions();
    let mut follower = Follower::new(FOLLOWED[1]);
    let mut ended = Vec::new();
    for (number, minute) in minutes.iter().enumerate() {
        assert!(rig.send(at(&number.to_string(), *minute)) && rig.cut());
        let before = follower.copy.clone();
        follower.follow(&rig);
        assert_eq!(follower.copy, fresh(&rig, FOLLOWED[1]), "{minutes:?}, event {number}");
        ended.push(before.keys().filter(|key| !follower.copy.contains_key(*key)).count() as i64);
    }
    let starts: Vec<String> = follower.copy.keys().map(|key| key[2].clone()).collect();
    assert_eq!((starts.len() as i64, ended.as_slice()), (expect[0][0], expect[1]), "{minutes:?}: {starts:?}");
}

#[test]
fn a_session_that_a_late_event_made_part_of_another_one_ends() {
    // In order: one goes on, another begins.
    sessions(&[0, 20, 40, 100], &[&[2], &[0, 0, 0, 0]]);
    // Two become one.
    sessions(&[0, 50, 25], &[&[1], &[0, 0, 1]]);
    // It begins earlier: within the same pane, and in one before.
    sessions(&[25, 20, 5, -10], &[&[1], &[0, 1, 1, 1]]);
    // Three become one, from the middle.
    sessions(&[0, 100, 50, 25, 75], &[&[1], &[0, 0, 0, 1, 1]]);
}

#[test]
fn a_session_that_was_swallowed_before_its_panes_went_ends() {
    let redefined = |rig: &mut Rig| {
        rig.meters.insert("x".into(), counted(&serde_json::json!({"tumbling": {"size_s": 7200}})));
        rig.define()
    };
    let removed = |rig: &mut Rig| {
        rig.meters.clear();
        rig.define()
    };
    let erased = |rig: &mut Rig| {
        rig.left.insert("a".into());
        rig.erase()
    };
    type Way<'a> = (&'a str, &'a dyn Fn(&mut Rig) -> bool);
    let ways: [Way<'_>; 3] = [("redefined", &redefined), ("removed", &removed), ("erased", &erased)];
    for (name, end) in ways {
        let mut rig = rig_of_sessions();
        let mut follower = Follower::new(FOLLOWED[1]);
        assert!(rig.send(at("0", 0)) && rig.send(at("1", 50)) && rig.cut());
        follower.follow(&rig);
        assert_eq!(follower.copy.len(), 2, "{name}");
        // Nobody looks between these two.
        assert!(rig.send(at("2", 25)) && end(&mut rig) && rig.cut());
        follower.follow(&rig);
        assert_eq!(follower.copy, fresh(&rig, FOLLOWED[1]), "{name}");
    }
}
