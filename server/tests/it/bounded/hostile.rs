//! Clients that mean harm: many connections that keep still, heads that never end, bodies and bombs without measure, values
//! without end in a dimension. After each, others are answered and memory is what it was.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::json;

use super::{Bounded, Template};
use crate::answer::Answer;

/// More than the node has places for.
const CONNECTIONS: usize = 10_000;
/// What one of these may leave behind.
const GROWTH_MB_MAX: f64 = 200.0;

/// Sends what is there of a request until the node answers or hangs up.
fn send_endlessly(bounded: &Bounded, head: &str, mut more: impl FnMut() -> Option<Vec<u8>>) -> String {
    let mut stream = TcpStream::connect(bounded.node.address()).unwrap();
    let auth = format!("{head}host: localhost\r\nconnection: close\r\nauthorization: Bearer {}\r\n\r\n", bounded.key);
    stream.write_all(auth.as_bytes()).unwrap();
    while let Some(bytes) = more() {
        if stream.write_all(&bytes).is_err() {
            break;
        }
    }
    let mut answer = Vec::new();
    // A reset may come before all of the answer; what came is what counts.
    let _ = stream.take(1 << 16).read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

fn gzip_of_blanks(megabytes: usize) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    (0..megabytes).for_each(|_| encoder.write_all(&[b' '; 1 << 20]).unwrap());
    encoder.finish().unwrap()
}

fn zstd_of_blanks(megabytes: usize) -> Vec<u8> {
    let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
    (0..megabytes).for_each(|_| encoder.write_all(&[b' '; 1 << 20]).unwrap());
    encoder.finish().unwrap()
}

/// A well-behaved client is answered, and memory is near where it was.
fn others_are_answered(bounded: &Bounded, what: &str, before_mb: f64, id: u64) {
    let mut events = Template::new(Some("acme"), 10);
    let answer = bounded.node.send("POST", "/v1/events", "application/x-ndjson", events.from(1_000_000 + id * 10));
    assert_eq!((answer.status, &answer.json()["admitted"]), (200, &json!(10)), "{what}: {}", answer.text);
    assert_eq!(bounded.node.rows("SELECT count(*) AS n FROM tenants WHERE tenant = 'acme'")[0]["n"], 1, "{what}");
    let growth_mb = bounded.resident_mb() - before_mb;
    println!("{what}: memory {growth_mb:+.0} MB");
    assert!(growth_mb < GROWTH_MB_MAX, "{what}: memory {growth_mb:+.0} MB");
}

#[test]
fn whatever_hostile_clients_do_others_are_answered() {
    rlimit::increase_nofile_limit(u64::MAX).unwrap();
    let bounded = Bounded::start(&["http.connections_max=1000"]);
    bounded.tenant("acme");
    others_are_answered(&bounded, "warm", bounded.resident_mb(), 0);
    let before_mb = bounded.resident_mb();

    let still: Vec<_> = (0..CONNECTIONS).map(|_| TcpStream::connect(bounded.node.address()).unwrap()).collect();
    others_are_answered(&bounded, "10,000 connections that keep still", before_mb, 1);
    drop(still);

    let slow = (0..2000).map(|_| {
        let mut stream = TcpStream::connect(bounded.node.address()).unwrap();
        stream.write_all(b"POST /v1/events HTTP/1.1\r\nx-slow: ").unwrap();
        stream
    });
    let mut slow: Vec<_> = slow.collect();
    // Those that have made room are gone by now.
    slow.iter_mut().for_each(|stream| drop(stream.write_all(b"s")));
    others_are_answered(&bounded, "2,000 heads that never end", before_mb, 2);
    drop(slow);

    let head = "POST /v1/events HTTP/1.1\r\ncontent-type: application/x-ndjson\r\n";
    let announced = format!("{head}content-length: 1073741824\r\n");
    let answer = send_endlessly(&bounded, &announced, || None);
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    let mut chunks = 0;
    let chunked = format!("{head}transfer-encoding: chunked\r\n");
    let answer = send_endlessly(&bounded, &chunked, || {
        chunks += 1;
        (chunks <= 1024).then(|| [b"100000\r\n".as_slice(), &[b' '; 1 << 20], b"\r\n"].concat())
    });
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 413"), "{answer}");
    assert!(chunks < 100, "it took {chunks} MB");
    others_are_answered(&bounded, "bodies of 1 GB", before_mb, 3);

    for (coding, bomb) in [("gzip", gzip_of_blanks(128)), ("zstd", zstd_of_blanks(128))] {
        let head = format!("{head}content-encoding: {coding}\r\ncontent-length: {}\r\n", bomb.len());
        let mut bomb = Some(bomb);
        let answer = send_endlessly(&bounded, &head, || bomb.take());
        assert!(answer.starts_with("HTTP/1.1 413"), "{coding}: {answer}");
        others_are_answered(
            &bounded,
            &format!("a {coding} bomb of 128 MB"),
            before_mb,
            4 + u64::from(coding == "zstd"),
        );
    }
}

#[test]
fn values_without_end_in_a_dimension_are_refused_from_a_limit_on() {
    const SERIES: usize = 100_000;
    const SERIES_MAX: usize = 10_000;
    let bounded = Bounded::start(&[&format!("events.series_max={SERIES_MAX}")]);
    bounded.tenant("acme");
    bounded.tenant("greedy");
    let send = |tenant: &str, values: std::ops::Range<usize>, round: usize| -> Answer {
        let events: Vec<String> = values
            .map(|value| {
                json!({"specversion": "1.0", "id": format!("{round}-{value}"), "source": "/greedy", "type": "call",
                    "tenant": tenant, "data": {"model": format!("m{value}"), "tokens": 1}})
                .to_string()
            })
            .collect();
        bounded.node.send("POST", "/v1/events", "application/x-ndjson", events.join("\n").as_bytes())
    };
    let before_mb = bounded.resident_mb();
    let (mut admitted, mut refused) = (0, None);
    for from in (0..SERIES).step_by(5000) {
        let answer = send("greedy", from..from + 5000, 0).json();
        admitted += answer["admitted"].as_u64().unwrap() as usize;
        refused = answer["errors"].as_array().unwrap().last().cloned().or(refused);
        // What was admitted shows up in a snapshot, as it does when nobody hurries.
        bounded.node.rows("SELECT count(*) AS n FROM tenants");
    }
    let refused = refused.expect("some are refused");
    assert_eq!((&refused["reason"], &refused["field"]), (&json!("cardinality_exceeded"), &json!("tokens")));
    assert!(
        refused["detail"].as_str().unwrap().contains("10000 different values of the dimensions model"),
        "{refused}"
    );
    assert_eq!(admitted, SERIES_MAX, "series that were let through");
    println!("{admitted} of {SERIES} series were let through, memory {:+.0} MB", bounded.resident_mb() - before_mb);

    // Those that were counted go on, all of them and nothing else.
    let (mut again, mut from) = (0, 0);
    while from < SERIES / 2 {
        again += send("greedy", from..from + 5000, 1).json()["admitted"].as_u64().unwrap() as usize;
        from += 5000;
    }
    assert_eq!(again, SERIES_MAX, "of {admitted}");
    let other = send("acme", 0..1000, 1).json();
    assert_eq!(other["admitted"], 1000, "{other}");
    let rejected = bounded.node.rows("SELECT tenant, sum(count) AS n FROM rejections GROUP BY tenant");
    assert_eq!(rejected[0]["tenant"], "greedy", "{rejected:?}");
}
