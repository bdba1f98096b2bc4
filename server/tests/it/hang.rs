//! What used to wait for ever: readers of all tenants beside who changes plans, a text that fetches twice. And what is told
//! when something does all the same.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use actors::api_key::ApiKey;
use actors::facets::keys::{KeysCommand, Scopes};
use actors::scram::ScramVerifier;
use actors::{Command as TenantCommand, PLATFORM};
use engine::clock::SystemClock;
use engine::lock::Lock;
use serde_json::json;
use server::config::{self, Layers};
use server::serving::Serving;
use server::telemetry::metrics::Metrics;
use server::watchdog::doing::doing;
use server::watchdog::{Silences, Watchdog, Wire};
use tokio::runtime::Runtime;

use crate::answer::{self, Answer};

/// Longest wait for anything here; a hang lasts for ever.
const PATIENCE: Duration = Duration::from_secs(60);

/// A node with all its doors, and a key of the platform.
struct House {
    serving: Option<Serving>,
    http: SocketAddr,
    postgres: SocketAddr,
    key: String,
    agent: ureq::Agent,
    runtime: Runtime,
    _folder: tempfile::TempDir,
}

impl House {
    fn open(threads: usize, more: &[(&str, &str)]) -> Self {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let runtime = builder.worker_threads(threads).thread_name("doors").enable_all().build().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("node").display().to_string();
        let doors = ["http.address", "postgres.address", "flight.address"].map(|name| (name, "127.0.0.1:0"));
        let own = [("data", data.as_str())].into_iter().chain(doors).chain(more.iter().copied());
        let flags = own.map(|(name, value)| ("test".into(), name.into(), value.into())).collect();
        let config = Layers { flags, ..Layers::default() }.merge().unwrap().config;
        let (serving, key) = runtime.block_on(async {
            let serving = Serving::open(&config, Arc::new(SystemClock)).await.unwrap();
            let (ApiKey { id, hash }, key) = ApiKey::generate([1; 8], [1; 32]);
            let scram = ScramVerifier::derive(PLATFORM, &key);
            let (scopes, label) = (Scopes::all(), String::new());
            let create = KeysCommand::Create { id, hash, scram, scopes, label, expires_at_us: None, tenants: None };
            serving.node.command(PLATFORM, TenantCommand::Keys(create), "test").await.unwrap();
            (serving, key)
        });
        let (http, postgres) = (serving.http_address().unwrap(), serving.postgres_address().unwrap());
        Self { serving: Some(serving), http, postgres, key, agent: answer::agent(), runtime, _folder: folder }
    }

    fn ask(&self, method: &str, path: &str, body: &serde_json::Value) -> Answer {
        let (headers, body) = ([("content-type", "application/json")], body.to_string());
        answer::send(&self.agent, self.http, (method, path), &self.key, &headers, body.as_bytes())
    }

    fn silences(&self) -> Silences {
        self.serving.as_ref().unwrap().silences()
    }
}

impl Drop for House {
    fn drop(&mut self) {
        if let Some(serving) = self.serving.take() {
            self.runtime.block_on(serving.drain()).unwrap();
        }
    }
}

fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "{what}");
        thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn readers_of_all_tenants_beside_changes_of_plans_are_all_answered() {
    const WRITERS: usize = 4;
    const ROUNDS: usize = 40;
    let house = House::open(2, &[]);
    let names: Vec<String> = (0..500).map(|number| format!("tenant-{number}")).collect();
    let serving = house.serving.as_ref().unwrap();
    house.runtime.block_on(serving.node.tenants.create_many(&names, "test")).unwrap();
    let meter = json!({"event_type": "call", "aggregation": "count", "window": {"tumbling": {"size_s": 60}}});
    assert_eq!(house.ask("PUT", "/v1/meters/calls", &meter).status, 200);
    let over = AtomicBool::new(false);
    let read = || {
        let mut asked = 0;
        while !over.load(Ordering::Relaxed) {
            let view = ["tenants", "quotas", "usage_total"][asked % 3];
            let answer = house.ask("POST", "/v1/sql", &json!({"sql": format!("SELECT count(*) AS n FROM {view}")}));
            assert_eq!(answer.status, 200, "{view}: {}", answer.text);
            asked += 1;
        }
        asked
    };
    let change = |writer: usize| {
        for round in 0..ROUNDS {
            let calendar = json!({"period": "month", "time_zone": "UTC"});
            let allowance = json!({"units": (1000 * writer + round + 1).to_string(), "per": calendar});
            let limits = json!({"calls": {"allowance": allowance, "hard": true}});
            let plan = json!({"limits": limits, "billing": calendar});
            let answer = house.ask("PUT", &format!("/v1/plans/plan_{writer}"), &plan);
            assert_eq!(answer.status, 200, "{}", answer.text);
        }
    };
    let asked: usize = thread::scope(|scope| {
        let readers: Vec<_> = (0..5).map(|_| scope.spawn(read)).collect();
        let changing: Vec<_> = (0..WRITERS).map(|writer| scope.spawn(move || change(writer))).collect();
        let changed = changing.into_iter().map(thread::ScopedJoinHandle::join).collect::<Vec<_>>();
        over.store(true, Ordering::Relaxed);
        changed.into_iter().for_each(|changed| changed.unwrap());
        readers.into_iter().map(|reader| reader.join().unwrap()).sum()
    });
    assert!(asked > 5, "{asked}");
    assert!(house.silences().told().is_none());
}

#[test]
fn a_text_may_fetch_from_a_cursor_as_often_as_it_likes() {
    let psql = Command::new("psql").arg("--version").output();
    if !psql.is_ok_and(|output| output.status.success()) {
        assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "psql is not installed and CI=true");
        println!("skipped: psql is not installed");
        return;
    }
    let house = House::open(2, &[("query.timeout_ms", "20000")]);
    let place = format!("host=127.0.0.1 port={} dbname=tenantry user={PLATFORM}", house.postgres.port());
    let check = |text: &str, expect: &str| {
        let mut command = Command::new("psql");
        command.args([&place, "-X", "-q", "-At", "-v", "ON_ERROR_STOP=1", "-c", text]).env("PGPASSWORD", &house.key);
        let output = command.output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(
            String::from_utf8_lossy(&output.stdout).split_whitespace().collect::<Vec<_>>().join(" "),
            expect,
            "{text}: {told}"
        );
    };
    let numbers = "DECLARE c CURSOR FOR SELECT n FROM (VALUES (1), (2), (3), (4), (5), (6), (7)) AS t (n) ORDER BY n;";
    check(&format!("BEGIN; {numbers} FETCH 2 FROM c; FETCH 2 FROM c; FETCH 1 FROM c; COMMIT"), "1 2 3 4 5");
    check(&format!("BEGIN; {numbers} FETCH 3 FROM c; FETCH ALL FROM c; FETCH 1 FROM c; COMMIT"), "1 2 3 4 5 6 7");
    check(&format!("BEGIN; {numbers} FETCH 2 FROM c; CLOSE c; SELECT 'closed'; COMMIT"), "1 2 closed");
    check(&format!("BEGIN; {numbers} FETCH 7 FROM c; FETCH 1 FROM c; FETCH 1 FROM c; COMMIT"), "1 2 3 4 5 6 7");
}

#[test]
fn a_runtime_that_is_stuck_is_told_with_its_doors_its_thread_and_what_that_waits_for() {
    static WANTED: Lock<()> = Lock::new(());
    let house = House::open(1, &[("watchdog.every_ms", "20"), ("watchdog.silence_ms_max", "500")]);
    let ((takes, taken), (let_go, lets_go)) = (channel(), channel::<()>());
    let holder = thread::Builder::new().name("holder".into()).spawn(move || {
        let held = WANTED.lock();
        takes.send(()).unwrap();
        // Until the other end goes.
        let _ = lets_go.recv();
        drop(held);
    });
    taken.recv().unwrap();
    house.runtime.spawn(doing("a task that waits", async { drop(WANTED.lock()) }));
    let silences = house.silences();
    let doors = || silences.now().into_keys().collect::<Vec<_>>();
    until("all doors are silent", || doors() == ["flight", "http", "postgres"]);
    if cfg!(target_os = "linux") {
        let threads = silences.now().remove("http").unwrap().threads;
        let told = threads.iter().map(ToString::to_string).find(|told| told.contains("; waits for a lock at"));
        let told = told.unwrap_or_else(|| panic!("nobody waits: {threads:#?}"));
        for part in ["thread doors (", "; at a task that waits since ", "hang.rs", "; holder ("] {
            assert!(told.contains(part), "{part} is not in {told}");
        }
    }
    drop(let_go);
    holder.unwrap().join().unwrap();
    until("all doors answer again", || doors().is_empty());
    assert_eq!(house.ask("GET", "/readyz", &json!({})).status, 200);
    let metrics = house.ask("GET", "/metrics", &json!({})).text;
    for line in ["tenantry_door_hangs_total{door=\"postgres\"} 1", "tenantry_door_silent{door=\"postgres\"} 0"] {
        assert!(metrics.contains(line), "{line} is not in\n{metrics}");
    }
}

#[test]
fn a_node_of_which_one_door_is_silent_is_not_ready() {
    let house = House::open(2, &[]);
    // Connections stay in the kernel's queue.
    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let options = config::Watchdog { every_ms: 10, silence_ms_max: 50 };
    let door = [("postgres", Wire::Postgres, silent.local_addr().unwrap())];
    let watchdog = Watchdog::start(&options, &door, &Metrics::default(), house.silences()).unwrap();
    until("it is not ready", || house.ask("GET", "/readyz", &json!({})).status == 503);
    let answer = house.ask("GET", "/readyz", &json!({}));
    assert!(answer.text.contains("the postgres door has not answered for"), "{}", answer.text);
    drop(watchdog);
    until("it is ready", || house.ask("GET", "/readyz", &json!({})).status == 200);
}
