//! A node that says that it is ready, and settings that come too late.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::served::{Served, platform_key, serve};

/// An address that nobody listens on.
fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// The status of `/readyz`, if anybody answers.
fn readyz(http: SocketAddr) -> Option<u16> {
    let mut stream = TcpStream::connect(http).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(10))).ok()?;
    stream.write_all(b"GET /readyz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    answer.split(' ').nth(1)?.parse().ok()
}

#[test]
fn ready_means_that_every_configured_door_listens() {
    let data = tempfile::tempdir().unwrap();
    platform_key(data.path());
    for _ in 0..5 {
        // Without a certificate the Postgres door makes one first, which takes a moment.
        let _ = std::fs::remove_dir_all(data.path().join("tls"));
        let (http, postgres, flight) = (free(), free(), free());
        let mut command = serve(data.path(), &[&format!("http.address={http}")]);
        command.args(["--set", &format!("postgres.address={postgres}"), "--set", &format!("flight.address={flight}")]);
        let mut node = command.stderr(Stdio::null()).spawn().unwrap();
        let until = Instant::now() + Duration::from_secs(60);
        while readyz(http) != Some(200) {
            assert!(Instant::now() < until, "the node is not ready in time");
        }
        let doors =
            [("Postgres", postgres), ("Flight", flight)].map(|(door, at)| (door, TcpStream::connect(at).is_ok()));
        node.kill().unwrap();
        node.wait().unwrap();
        assert!(doors.iter().all(|(_, listens)| *listens), "/readyz was 200: {doors:?}");
    }
}

#[test]
fn shards_that_a_folder_does_not_take_any_more_are_told() {
    let data = tempfile::tempdir().unwrap();
    let key = platform_key(data.path());
    let served = Served::start(data.path(), &key, &["engine.shards=7"]).unwrap();
    let shards = served.rows("SELECT count(*) AS shards FROM engine_shards")[0]["shards"].as_u64().unwrap();
    let log = served.kill();
    assert_ne!(shards, 7);
    for part in ["WARN", "engine.shards = 7 (flag --set) has no effect", &format!("made with {shards} shard")] {
        assert!(log.contains(part), "no {part:?} in {log}");
    }
    let new = data.path().join("new");
    let served = Served::start(&new, "", &["engine.shards=7"]).unwrap();
    let log = served.kill();
    assert!(log.contains("made a new data folder") && !log.contains("no effect"), "{log}");
}
