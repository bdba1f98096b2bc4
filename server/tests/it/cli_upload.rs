//! `tenantry import --url` against a node that says "not now": a listener that answers by script.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::process::Output;
use std::thread;
use std::time::{Duration, Instant};

use crate::cli::{stderr, tenantry};

const EVENTS: &str = r#"{"specversion":"1.0","id":"1","source":"/test","type":"call","tenant":"acme","time":"2026-01-01T00:00:00Z","data":{"tokens":0.1}}
{"specversion":"1.0","id":"2","source":"/test","type":"call","tenant":"acme","time":"2026-01-01T00:00:00Z"}
"#;

fn problem(status: &str, retry_after: &str, title: &str) -> String {
    let body = format!(r#"{{"type":"/problems/x","title":"{title}","detail":"free some space","status":0}}"#);
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/problem+json\r\n{retry_after}content-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )
}

fn taken() -> String {
    ok(r#"{"admitted":1,"late":0,"duplicate":1,"rejected":0,"errors":[]}"#)
}

fn ok(body: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
}

/// Imports two events into a listener that gives these answers, the last one for ever; what was told, how long it took,
/// and the bodies that were sent.
fn import(answers: &[String], more: &[&str]) -> (Output, Duration, Vec<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("events.ndjson"), EVENTS).unwrap();
    let answers = answers.to_vec();
    let node = thread::spawn(move || {
        let mut bodies = Vec::new();
        for connection in listener.incoming() {
            let mut reader = BufReader::new(connection.unwrap());
            let mut length = None;
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            let is_query = line.starts_with("POST /v1/sql");
            line.clear();
            while reader.read_line(&mut line).unwrap() > 2 {
                if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                    length = Some(value.trim().parse().unwrap());
                }
                line.clear();
            }
            // The test's own call, below, which ends this.
            let Some(length) = length else { break };
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            if is_query {
                reader.get_mut().write_all(ok(r#"{"columns":[],"rows":[[null]]}"#).as_bytes()).unwrap();
                continue;
            }
            let answer = answers.get(bodies.len()).or(answers.last()).unwrap();
            reader.get_mut().write_all(answer.as_bytes()).unwrap();
            bodies.push(String::from_utf8(body).unwrap());
        }
        bodies
    });
    let began = Instant::now();
    let args = ["import", "events.ndjson", "--format", "cloudevents", "--url", &url, "--key", "key"];
    let output = tenantry(folder.path(), &[&args, more].concat());
    let took = began.elapsed();
    let mut end = std::net::TcpStream::connect(url.trim_start_matches("http://")).unwrap();
    end.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    (output, took, node.join().unwrap())
}

#[test]
fn a_node_that_is_busy_or_full_is_sent_the_same_again_when_it_says() {
    let answers = [
        problem("503 Service Unavailable", "retry-after: 1\r\n", "The node can't write to its disk"),
        problem("503 Service Unavailable", "retry-after: 1\r\n", "The node can't write to its disk"),
        problem("429 Too Many Requests", "", "Too much at once"),
        taken(),
    ];
    let (output, took, bodies) = import(&answers, &[]);
    let told = stderr(&output);
    assert_eq!(output.status.code(), Some(0), "{told}");
    assert!(told.contains("1 admitted") && told.contains("1 duplicate"), "{told}");
    let notes = told.lines().filter(|line| line.contains("sending it again")).count();
    assert_eq!(notes, 2, "each reason is told once: {told}");
    assert!(told.contains("can't write to its disk: free some space; sending it again in 1.0 s"), "{told}");
    assert!(took >= Duration::from_millis(2100), "it waits as long as it was asked to: {took:?}");
    assert_eq!(bodies.len(), 4);
    assert!(bodies.iter().all(|body| *body == bodies[0] && body.lines().count() == 2), "{bodies:?}");
}

#[test]
fn patience_ends_with_what_to_do() {
    let never = [problem("503 Service Unavailable", "retry-after: 1\r\n", "The node can't write to its disk")];
    let (output, _, bodies) = import(&never, &["--wait-max-s", "2"]);
    let told = stderr(&output);
    assert_eq!(output.status.code(), Some(1), "{told}");
    for expected in ["0 events", "run the same import again", "nothing counts twice", "--wait-max-s", "free some space"]
    {
        assert!(told.contains(expected), "no {expected:?} in {told}");
    }
    assert_eq!(bodies.len(), 3, "two pauses of a second, three attempts");
}

#[test]
fn what_waiting_does_not_mend_is_told_at_once() {
    let (output, _, bodies) = import(&[problem("403 Forbidden", "", "The API key does not allow this")], &[]);
    let told = stderr(&output);
    assert_eq!((output.status.code(), bodies.len()), (Some(1), 1), "{told}");
    assert!(told.contains("does not allow this"), "{told}");
}
