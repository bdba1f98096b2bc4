//! The soak: a real node with thousands of tenants under every kind of client at once, at all doors, killed, drained and
//! started again, for `TENANTRY_SOAK_SECONDS` (60; half an hour by hand).
//!
//! It holds that every request has an answer within its limit, that none breaks off while the node is there, that the node
//! complains of nothing, that no event is lost or counted twice (the torture's oracle), and that memory does not grow without
//! end. `TENANTRY_SEED` sets what clients do and when the node is killed; how threads interleave is the machine's. Everything
//! on the [`roll`] is asked for in every soak.

pub(crate) mod roll;
mod site;
mod pulse;
mod events;
mod sequenced;
mod puts;
mod importer;
mod population;
mod leaver;
mod keyring;
mod views;
mod reader;
mod wire;
mod flights;
mod auditor;
mod billing;
mod commands;
mod declarer;
mod alerter;
mod memory;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;

use crate::door::Door;
use crate::served::{Served, platform_key};
use crate::threads;
use crate::torture::operator::Operator;
use crate::torture::script::Random;
use crate::torture::sender::{Known, Sender};
use crate::torture::{complains_of_nothing, oracle};
use crate::trace;
use crate::watch::{HEADING, Watch};

use events::Paced;
use importer::Importer;
use memory::Memory;
use site::{Client, Site};

const SECONDS: u64 = 60;
const TENANTS: usize = 3000;
/// Clients that change plans and limits, each of its part of the tenants.
const GOVERNORS: usize = 4;
/// The part of the time in which nobody kills the node, at the end, so that its memory can be seen to be flat.
const STEADY_PERCENT: u64 = 35;
/// Comparisons event by event end at so many events.
const DEEP_EVENTS_MAX: usize = 200_000;
/// Between two looks whether something hangs.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// What a node may warn of after it was killed.
const EXPECTED: [&str; 3] =
    ["cutting off a torn write", "going on from an earlier checkpoint", "the last run ended without a stop"];

/// One data folder, everybody who works on it, and what happened.
struct Soak {
    data: tempfile::TempDir,
    /// Of clients.
    folder: tempfile::TempDir,
    key: String,
    settings: Vec<String>,
    runtime: Runtime,
    watch: Arc<Watch>,
    known: Mutex<Known>,
    operator: Paced<Operator>,
    clients: Vec<Box<dyn Client>>,
    random: Random,
    memory: Memory,
    kills: u64,
    drains: u64,
    checks: u64,
}

/// Tells everybody to stop, however the load ends; if it ends in a panic, says what had no answer then.
struct Stops<'a> {
    stop: &'a AtomicBool,
    watch: &'a Watch,
}

impl Drop for Stops<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("{}", self.watch.under_way());
        }
        self.stop.store(true, Ordering::Relaxed);
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Kill,
    Drain,
}

impl Soak {
    fn begin(seed: u64) -> Self {
        let mut random = Random::new(seed, 0);
        let [data, folder] = [(); 2].map(|()| tempfile::tempdir().expect("a temporary folder"));
        let key = platform_key(data.path());
        // Small files and an early move to the lake, so that all of it goes on all the time.
        let settings = [
            "postgres.address=127.0.0.1:0".to_owned(),
            // Longer than a statement may take, so that whatever a drain cuts off hangs.
            "drain_ms_max=45000".to_owned(),
            "flight.address=127.0.0.1:0".to_owned(),
            "webhooks.networks=127.0.0.0/8".to_owned(),
            "webhooks.plaintext=true".to_owned(),
            // Keys come and go here as fast as they can.
            "keys.tenant_per_minute_max=1000000".to_owned(),
            format!("engine.checkpoint_interval_ms={}", random.pick(&["300", "1000", "3000"])),
            format!("engine.segment_bytes={}", random.pick(&["500000", "4000000"])),
            format!("engine.archive_above_bytes={}", random.pick(&["2000000", "20000000"])),
        ];
        let population = (0..TENANTS).map(|number| format!("p{number}")).collect::<Vec<_>>();
        let mut importer = Importer::new(seed, folder.path());
        importer.found(data.path(), &population);
        let known = Mutex::<Known>::default();
        known.lock().unwrap().tenants.founded = population.clone().into();
        let operator = Paced { inner: Operator::new(seed, &key), random: Random::new(seed, 2) };
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let mut soak = Self {
            runtime: runtime.expect("a runtime starts"),
            settings: settings.to_vec(),
            watch: Arc::default(),
            operator,
            clients: vec![Box::new(importer)],
            memory: Memory::default(),
            data,
            folder,
            key,
            known,
            random,
            kills: 0,
            drains: 0,
            checks: 0,
        };
        soak.found(seed, &population);
        soak
    }

    /// What is there from the beginning, beside the population, and everybody else.
    fn found(&mut self, seed: u64, population: &[String]) {
        let node = self.start();
        self.operator.inner.found(&Door::watched(&node, &self.watch), &self.known);
        let own = |tenant: &str| {
            let body = serde_json::json!({"scopes": ["ingest", "query"]});
            let key = node.json("POST", &format!("/v1/tenants/{tenant}/keys"), &body).json();
            (key["key"].as_str().expect("a key").to_owned(), tenant.to_owned())
        };
        let folder = self.folder.path();
        for (number, own) in [None, Some(own("t0"))].into_iter().enumerate() {
            let (key, tenant) =
                own.as_ref().map_or((self.key.as_str(), None), |(key, tenant)| (key, Some(tenant.as_str())));
            let sender = Sender::new(number as u64, seed, key, tenant);
            self.clients.push(Box::new(Paced { inner: sender, random: Random::new(seed, 3 + number as u64) }));
            self.clients.push(Box::new(reader::Reader::new(seed, number as u64, own)));
            self.clients.push(Box::new(wire::Wire::new(seed, number as u64)));
        }
        for (number, part) in population.chunks(population.len() / GOVERNORS).enumerate() {
            self.clients.push(Box::new(population::Population::new(seed, number as u64, part.to_vec())));
        }
        self.clients.push(Box::new(pulse::Pulse::default()));
        self.clients.push(Box::new(sequenced::Sequenced::new(seed)));
        self.clients.push(Box::new(puts::Puts::new(seed)));
        self.clients.push(Box::new(leaver::Leaver::new(seed)));
        self.clients.push(Box::new(keyring::Keyring::new(seed)));
        self.clients.push(Box::new(views::Views::new(seed)));
        self.clients.push(Box::new(flights::Flights::new(seed)));
        self.clients.push(Box::new(auditor::Auditor::new(seed)));
        self.clients.push(Box::new(commands::Commands::new(seed, folder)));
        self.clients.push(Box::new(billing::Billing::new(seed)));
        self.clients.push(Box::new(declarer::Declarer::new(seed)));
        self.clients.push(Box::new(alerter::Alerter::new(seed)));
        // Plans are there before anybody is put on one.
        self.settle(&node);
        end(&self.watch, node, End::Drain);
    }

    fn start(&self) -> Served {
        let settings = self.settings.iter().map(String::as_str).collect::<Vec<_>>();
        let asked = self.watch.ask("tenantry serve", "until it is ready", Duration::MAX);
        let node = Served::start(self.data.path(), &self.key, &settings);
        asked.answered();
        self.watch.hold();
        node.unwrap_or_else(|said| panic!("the node does not start:\n{said}"))
    }

    /// Everybody works for `lasts`, then the node ends while they do.
    fn load(&mut self, node: Served, lasts: Duration, how: End) {
        let stop = AtomicBool::new(false);
        let began = Instant::now();
        let shared = (&self.runtime, self.key.as_str(), self.folder.path());
        let site = Site::of(&node, &self.watch, &self.known, shared);
        let operator: &mut dyn Client = &mut self.operator;
        let everybody = self.clients.iter_mut().map(|client| &mut **client as &mut dyn Client).chain([operator]);
        let everybody = everybody.collect::<Vec<_>>();
        let (site, stop) = (&site, &stop);
        let fault = std::thread::scope(|scope| {
            let _stops = Stops { stop, watch: &self.watch };
            let work = everybody.into_iter().map(|client| scope.spawn(move || work(client, site, stop)));
            let work = work.collect::<Vec<_>>();
            let mut fault = None;
            while began.elapsed() < lasts && fault.is_none() && work.iter().all(|work| !work.is_finished()) {
                std::thread::sleep(LOOK_EVERY);
                self.memory.look(node.pid(), began);
                fault = self.watch.fault();
                if let Some(hang) = self.watch.overdue() {
                    fault = Some(format!("{hang}{}", threads::of(node.pid())));
                }
            }
            if fault.is_some() {
                self.watch.release();
                let said = node.kill();
                fault = fault.map(|fault| format!("{fault}\nthe node said:\n{said}"));
            } else {
                // Who is asked something now may get no answer, and asks again when the node is back.
                end(&self.watch, node, how);
            }
            fault
        });
        assert!(fault.is_none(), "{}", fault.unwrap_or_default());
        match how {
            End::Kill => self.kills += 1,
            End::Drain => self.drains += 1,
        }
    }

    fn settle(&mut self, node: &Served) {
        let shared = (&self.runtime, self.key.as_str(), self.folder.path());
        let site = Site::of(node, &self.watch, &self.known, shared);
        self.operator.settle(&site);
        self.clients.iter_mut().for_each(|client| client.settle(&site));
    }

    /// Everybody ends what had no answer, then everything must be there once.
    fn check(&mut self, node: &Served) {
        self.settle(node);
        let books = self.clients.iter().filter_map(|client| client.book()).collect::<Vec<_>>();
        let events = books.iter().map(|book| book.taken.len()).sum::<usize>();
        oracle::check(node, &books, &self.operator.inner, &self.known.lock().unwrap(), events < DEEP_EVENTS_MAX);
        let shared = (&self.runtime, self.key.as_str(), self.folder.path());
        let site = Site::of(node, &self.watch, &self.known, shared);
        self.clients.iter_mut().for_each(|client| client.check(&site));
        self.checks += 1;
    }

    fn between(&mut self) {
        self.clients.iter_mut().for_each(|client| client.between(self.data.path()));
    }

    /// Figures of the whole run.
    fn tell(&self, began: Instant) {
        println!("{:44} {HEADING}", "");
        for (name, kind) in self.watch.kinds() {
            println!("{name:44} {kind}");
        }
        let books = self.clients.iter().filter_map(|client| client.book()).collect::<Vec<_>>();
        let (sent, counted) =
            (books.iter().map(|book| book.sent).sum::<u64>(), books.iter().map(|book| book.taken.len()).sum::<usize>());
        let (kills, drains, checks) = (self.kills, self.drains, self.checks);
        println!("{} s: {kills} kills and {drains} drains under load, {checks} comparisons", began.elapsed().as_secs());
        println!("{sent} events sent, {counted} counted, each once");
        println!("{}", self.memory);
    }
}

/// Ends a node under load, which must not have complained of anything.
fn end(watch: &Arc<Watch>, node: Served, how: End) {
    watch.release();
    let said = match how {
        End::Kill => node.kill(),
        End::Drain => {
            let asked = watch.ask("drain", "until it is gone", Duration::MAX);
            let (said, ended_well) = node.terminate();
            asked.answered();
            assert!(ended_well, "a drain fails:\n{said}");
            said
        }
    };
    complains_of_nothing(&said);
    let warning =
        said.lines().find(|line| line.contains(" WARN ") && !EXPECTED.iter().any(|words| line.contains(words)));
    assert_eq!(warning, None, "the node said:\n{said}");
}

fn work(client: &mut dyn Client, site: &Site<'_>, stop: &AtomicBool) {
    while !stop.load(Ordering::Relaxed) && client.once(site) != crate::door::Attempt::Gone {
        std::thread::sleep(client.pause());
    }
    // Whoever is told that the node is gone waits for the others, so that one who ends early has failed.
    while !stop.load(Ordering::Relaxed) {
        std::thread::sleep(LOOK_EVERY);
    }
}

#[test]
fn everything_at_once_for_as_long_as_wanted() {
    let seconds = trace::number("TENANTRY_SOAK_SECONDS").unwrap_or(SECONDS);
    let seed = trace::number("TENANTRY_SEED").unwrap_or_else(|| u64::from(std::process::id()));
    println!("TENANTRY_SOAK_SECONDS={seconds} TENANTRY_SEED={seed}");
    let began = Instant::now();
    let mut soak = Soak::begin(seed);
    println!("founded after {:.1} s", began.elapsed().as_secs_f64());
    let restless = Duration::from_secs(seconds * (100 - STEADY_PERCENT) / 100);
    let began = Instant::now();
    while began.elapsed() < restless {
        let node = soak.start();
        if soak.random.percent(40) {
            soak.check(&node);
        }
        let longest_ms = (seconds * 1000 / 8).min(60_000);
        let lasts = Duration::from_millis(500 + soak.random.below(longest_ms));
        let how = if soak.random.percent(65) { End::Kill } else { End::Drain };
        soak.load(node, lasts, how);
        if soak.random.percent(30) {
            soak.between();
        }
        println!("{:5.1} s: {how:?} after {:.1} s of load", began.elapsed().as_secs_f64(), lasts.as_secs_f64());
    }
    let node = soak.start();
    soak.check(&node);
    soak.memory.begin();
    soak.load(node, Duration::from_secs(seconds * STEADY_PERCENT / 100), End::Kill);
    let node = soak.start();
    soak.check(&node);
    end(&soak.watch, node, End::Drain);
    soak.tell(began);
    soak.memory.is_flat();
    let missing = roll::missing(&soak.watch.kinds());
    assert!(missing.is_empty(), "nobody got an answer to {missing:?}");
}
