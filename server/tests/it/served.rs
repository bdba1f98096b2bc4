//! `tenantry serve` as a process of its own, asked over HTTP; it can be killed.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::answer::{self, Answer};
use crate::cli::{expect, stdout};
use crate::threads;

const TENANTRY: &str = env!("CARGO_BIN_EXE_tenantry");
/// Longest start and longest drain, on a slow machine that does more than this.
const READY_WITHIN: Duration = Duration::from_secs(120);
const DRAINED_WITHIN: Duration = Duration::from_secs(60);

/// A running node and a client of it.
pub(crate) struct Served {
    child: Child,
    address: SocketAddr,
    key: String,
    agent: ureq::Agent,
    log: Arc<Mutex<String>>,
    reader: Option<JoinHandle<()>>,
}

/// Makes a key of the platform in a data folder that no node has open.
pub(crate) fn platform_key(data: &Path) -> String {
    let told = stdout(&expect(data, &["key", "create", "--platform", "--data", "."], 0));
    let start = told.find("tn_").unwrap_or_else(|| panic!("no key in {told}"));
    told[start..].split(['"', '\n']).next().unwrap().to_owned()
}

/// The command that runs a node, with no settings from outside.
pub(crate) fn serve(data: &Path, settings: &[&str]) -> Command {
    let mut command = Command::new(TENANTRY);
    command.args(["serve", "--http", "127.0.0.1:0", "--postgres", "", "--flight", "", "--data"]).arg(data);
    for setting in settings {
        command.args(["--set", setting]);
    }
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("TENANTRY_")) {
        command.env_remove(name);
    }
    command.stdout(Stdio::null());
    command
}

impl Served {
    /// Starts a node and waits until it is ready.
    ///
    /// # Errors
    /// What it said if it ended instead.
    pub(crate) fn start(data: &Path, key: &str, settings: &[&str]) -> Result<Self, String> {
        let mut child = serve(data, settings).stderr(Stdio::piped()).spawn().expect("the binary starts");
        let lines = BufReader::new(child.stderr.take().expect("standard error is piped")).lines();
        let log = Arc::<Mutex<String>>::default();
        let (ready, is_ready) = mpsc::sync_channel(1);
        let sink = Arc::clone(&log);
        let reader = std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let told = line.split_once("http=").filter(|_| line.contains(" ready ")).map(|(_, rest)| {
                    let address = rest.split_whitespace().next().unwrap_or_default().trim_matches('"');
                    address.parse().unwrap_or_else(|_| panic!("no address in {line}"))
                });
                let mut log = sink.lock().unwrap();
                log.push_str(&line);
                log.push('\n');
                drop(log);
                if let Some(address) = told {
                    // Whoever waited may have given up.
                    let _ = ready.send(address);
                }
            }
        });
        let waited = is_ready.recv_timeout(READY_WITHIN);
        let where_it_stands = (waited == Err(RecvTimeoutError::Timeout)).then(|| threads::of(child.id()));
        let address = waited.unwrap_or_else(|_| SocketAddr::from(([0, 0, 0, 0], 0)));
        let reader = Some(reader);
        let mut node = Self { child, address, key: key.to_owned(), agent: answer::agent(), log, reader };
        if waited.is_ok() {
            return Ok(node);
        }
        node.end();
        let said = node.log.lock().unwrap().clone();
        Err(where_it_stands
            .map_or_else(|| said.clone(), |threads| format!("{said}not ready in {READY_WITHIN:?}\n{threads}")))
    }

    /// SIGKILL; gives everything that the node had said.
    pub(crate) fn kill(mut self) -> String {
        self.end();
        self.log.lock().unwrap().clone()
    }

    /// SIGTERM; gives everything that the node had said, and whether it ended well.
    pub(crate) fn terminate(mut self) -> (String, bool) {
        let sent = Command::new("kill").arg(self.child.id().to_string()).status().expect("kill is there");
        assert!(sent.success(), "SIGTERM is sent");
        let deadline = Instant::now() + DRAINED_WITHIN;
        let ended_well = loop {
            if let Some(status) = self.child.try_wait().expect("the child is ours") {
                break status.success();
            }
            assert!(
                Instant::now() < deadline,
                "no end of the drain in {DRAINED_WITHIN:?}\n{}",
                threads::of(self.pid())
            );
            std::thread::sleep(Duration::from_millis(2));
        };
        self.end();
        (self.log.lock().unwrap().clone(), ended_well)
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What stands behind `name` in what the node has said.
    pub(crate) fn told(&self, name: &str) -> String {
        let log = self.log.lock().unwrap();
        let value = log.split_once(name).and_then(|(_, rest)| rest.split_whitespace().next());
        value.unwrap_or_else(|| panic!("no {name} in {log}")).trim_matches('"').to_owned()
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    fn end(&mut self) {
        // It may be gone already; then there is nothing to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if let Some(reader) = self.reader.take() {
            reader.join().expect("the reader of the node's log ends");
        }
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        answer::send(&self.agent, self.address, ("GET", path), &self.key, &[], b"")
    }

    pub(crate) fn get_as(&self, key: &str, path: &str) -> Answer {
        answer::send(&self.agent, self.address, ("GET", path), key, &[], b"")
    }

    pub(crate) fn send(&self, method: &str, path: &str, media: &str, body: &[u8]) -> Answer {
        answer::send(&self.agent, self.address, (method, path), &self.key, &[("content-type", media)], body)
    }

    pub(crate) fn send_as(&self, key: &str, method: &str, path: &str, media: &str, body: &[u8]) -> Answer {
        answer::send(&self.agent, self.address, (method, path), key, &[("content-type", media)], body)
    }

    pub(crate) fn json(&self, method: &str, path: &str, body: &Value) -> Answer {
        self.send(method, path, "application/json", body.to_string().as_bytes())
    }

    /// The rows of a statement, as objects.
    pub(crate) fn rows(&self, sql: &str) -> Vec<Value> {
        let answer = self.json("POST", "/v1/sql", &json!({"sql": sql}));
        assert_eq!(answer.status, 200, "{sql}: {}", answer.text);
        answer.json().as_array().expect("rows").clone()
    }

    /// One line of the metrics, by its name and labels.
    pub(crate) fn metric(&self, name: &str) -> Option<f64> {
        let text = self.get("/metrics").text;
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.map(|value| value.parse().expect("a number"))
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let panicking = std::thread::panicking();
        self.end();
        if panicking {
            println!("the node said:\n{}", self.log.lock().unwrap());
        }
    }
}
