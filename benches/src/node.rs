//! A node in a process of its own: the measuring binary starts itself as `tenantry serve`. Not here: what is asked of it.
#![allow(clippy::unwrap_used, reason = "a measurement has failed when it can't go on")]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

const AS_NODE: &str = "BENCH_AS_NODE";

/// Whether this process was started to be the node; it then runs the command line.
pub fn is_one() -> bool {
    std::env::var_os(AS_NODE).is_some()
}

/// Ends with its process.
pub struct Node {
    child: Child,
    base: String,
    /// The platform's.
    pub key: String,
}

impl Node {
    /// On the folder `data`, with these settings.
    pub fn start(data: &Path, settings: &[&str]) -> Self {
        let itself = || {
            let mut command = Command::new(std::env::current_exe().unwrap());
            command.env(AS_NODE, "1");
            command
        };
        let made = itself().args(["key", "create", "--platform", "--data"]).arg(data).output().unwrap();
        let told = String::from_utf8(made.stdout).unwrap();
        let key = told[told.find("tn_").unwrap()..].split(['"', '\n']).next().unwrap().to_owned();
        let mut serve = itself();
        serve.args(["serve", "--http", "127.0.0.1:0", "--postgres", "", "--data"]).arg(data).stderr(Stdio::piped());
        for setting in settings {
            serve.args(["--set", setting]);
        }
        let mut child = serve.spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
        let ready = lines.find(|line| line.contains(" ready ")).unwrap();
        // What it says later must not fill the pipe.
        std::thread::spawn(move || lines.for_each(drop));
        let address = ready.split("http=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
        Self { child, base: format!("http://{address}"), key }
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Status and body of an answer to a holder of `key`.
    pub fn send(
        &self,
        agent: &ureq::Agent,
        key: &str,
        (method, path): (&str, &str),
        media: &str,
        body: &[u8],
    ) -> (u16, Vec<u8>) {
        let request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base))
            .header("authorization", format!("Bearer {key}"))
            .header("content-type", media)
            .body(body)
            .unwrap();
        let request = agent.configure_request(request).http_status_as_error(false).build();
        let mut answer = agent.run(request).unwrap();
        (answer.status().as_u16(), answer.body_mut().read_to_vec().unwrap())
    }

    /// The JSON that the platform is answered.
    pub fn json(&self, agent: &ureq::Agent, method: &str, path: &str, media: &str, body: &[u8]) -> Value {
        let (status, answer) = self.send(agent, &self.key, (method, path), media, body);
        assert!(status < 300, "{method} {path}: {status} {}", String::from_utf8_lossy(&answer));
        serde_json::from_slice(&answer).unwrap()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
