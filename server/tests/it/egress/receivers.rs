//! Messages to receivers that believe them by the reference libraries, by Svix's, and by the cryptography of node and
//! Python.
//!
//! What a receiver needs is made once in the user's cache folder, pinned; where what runs it is missing the tests say
//! so and skip, but fail under `CI=true`.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;
use server::webhooks::address::Rules;
use server::webhooks::answer::{Attempt, Outcome, Reason};
use server::webhooks::exchange::{Exchange, Limits, Message};
use server::webhooks::resolve::Machine;
use server::webhooks::secret::{Scheme, Secret};
use server::webhooks::signature::{Id, Secrets};
use server::webhooks::trust::Trust;

use crate::clients::tools::{has, locked, missing, run};

/// Node's libraries, pinned.
const MODULES: [&str; 2] = ["standardwebhooks@1.1.1", "svix@2.5.0"];
const NODE: &str = "receivers-node-1";
/// Python's, pinned.
const PACKAGES: [&str; 3] = ["standardwebhooks==1.1.0", "svix==2.9.1", "cryptography==50.0.2"];
const VENV: &str = "receivers-python-1";

const BODY: &str = "{\"type\":\"usage.recorded\",\"data\":{\"name\":\"Grüße, 世界 🎉\",\"dot\":\"a.b.c\"}}";

/// A receiver that runs until it is dropped.
struct Receiver {
    process: Child,
    port: u16,
}

impl Receiver {
    fn start(mut program: Command, shared: &Secret, pair: &Secret) -> Self {
        let public = pair.public_key().unwrap();
        program.env("SECRET", shared.reveal()).env("PUBLIC_KEY", public).stdout(Stdio::piped());
        let mut process = program.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Self { process, port: line.trim().parse().expect("it says its port first") }
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

#[test]
fn receivers_in_node_believe_what_is_signed_and_nothing_else() {
    if let Some(node) = node() {
        believed(node, "node.js");
    }
}

#[test]
fn receivers_in_python_believe_what_is_signed_and_nothing_else() {
    if let Some(python) = python() {
        believed(Command::new(python), "python.py");
    }
}

fn believed(mut program: Command, script: &str) {
    program.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/egress/receivers").join(script));
    let [shared, other] = [(); 2].map(|()| Secret::generate(Scheme::HmacSha256).unwrap());
    let [pair, another] = [(); 2].map(|()| Secret::generate(Scheme::Ed25519).unwrap());
    let receiver = Receiver::start(program, &shared, &pair);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let rules = Rules { private: true, http: true, ..Rules::default() };
    let trust = Trust::open(None).expect("the machine trusts somebody");
    let sender = Exchange::new(rules, Limits::default(), trust, Arc::<Machine>::default());
    let id = Id::new("msg_2KWPBgLlAfxdpx2AI54pPJ85f4W").unwrap();
    let now_s = Timestamp::now().as_second();
    let post = |path: &str, secrets: &[&Secret], at_s: i64, body: &'static str| -> (Attempt, Secrets) {
        let secrets = Secrets::new(secrets.iter().map(|secret| (*secret).clone()).collect()).unwrap();
        let headers = secrets.headers(&id, at_s, BODY.as_bytes());
        let url = format!("http://127.0.0.1:{}{path}", receiver.port);
        let attempt = runtime.block_on(sender.post(&Message { url, headers, body: Bytes::from(body) }));
        println!("{script} {path}: {attempt:?}");
        (attempt, secrets)
    };
    let refused = Outcome::Failed(Reason::Status);
    for path in ["/standardwebhooks", "/svix"] {
        // One secret; two, of which the receiver has either; both schemes at once.
        for secrets in [&[&shared][..], &[&other, &shared], &[&shared, &other], &[&pair, &other, &shared]] {
            let (attempt, secrets) = post(path, secrets, now_s, BODY);
            assert_eq!(attempt.outcome, Outcome::Delivered);
            // What the library signs is believed here.
            let said = (id.as_str(), &*now_s.to_string(), attempt.answer.as_str());
            assert_eq!(secrets.verify(said, BODY.as_bytes(), now_s), Ok(()));
        }
        assert_eq!(post(path, &[&other], now_s, BODY).0.outcome, refused);
        assert_eq!(post(path, &[&pair], now_s, BODY).0.outcome, refused);
        assert_eq!(post(path, &[&shared], now_s, "{\"type\":\"other\"}").0.outcome, refused);
        assert_eq!(post(path, &[&shared], now_s - 290, BODY).0.outcome, Outcome::Delivered);
        assert_eq!(post(path, &[&shared], now_s - 310, BODY).0.outcome, refused);
        assert_eq!(post(path, &[&shared], now_s + 330, BODY).0.outcome, refused);
    }
    for secrets in [&[&pair][..], &[&another, &pair], &[&shared, &pair]] {
        assert_eq!(post("/ed25519", secrets, now_s, BODY).0.outcome, Outcome::Delivered);
    }
    assert_eq!(post("/ed25519", &[&another, &shared], now_s, BODY).0.outcome, refused);
    assert_eq!(post("/ed25519", &[&pair], now_s, "{\"type\":\"other\"}").0.outcome, refused);
}

/// Node, which finds the libraries.
fn node() -> Option<Command> {
    if !has("node") || !has("npm") {
        return None;
    }
    let (folder, _lock) = locked();
    let home = folder.join(NODE);
    let done = home.join("complete");
    let install = ["install", "--silent", "--no-audit", "--no-fund", "--prefix"];
    let made = done.exists()
        || (run(Command::new("npm").args(install).arg(&home).args(MODULES)) && fs::write(&done, "").is_ok());
    let mut node = Command::new("node");
    node.env("NODE_PATH", home.join("node_modules"));
    (made || missing("node's packages can't be installed")).then_some(node)
}

/// A Python that has the libraries.
fn python() -> Option<PathBuf> {
    if !has("python3") {
        return None;
    }
    let (folder, _lock) = locked();
    let venv = folder.join(VENV);
    let (python, done) = (venv.join("bin/python"), venv.join("complete"));
    let made = done.exists()
        || (run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&venv))
            && run(Command::new(&python).args(["-m", "pip", "install", "-q"]).args(PACKAGES))
            && fs::write(&done, "").is_ok());
    (made || missing("Python's packages can't be installed")).then_some(python)
}
