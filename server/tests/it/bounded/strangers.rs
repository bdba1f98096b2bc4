//! Nobody holds a door: who has shown no key costs little and waits for nobody's patience, who reads no answers and ends no
//! bodies makes room, and a tenant that takes all it may leaves the others theirs (I13).

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use serde_json::json;
use tokio_postgres::NoTls;
use tokio_postgres::config::SslMode;

use super::{Bounded, Template};

const POSTGRES: &str = "postgres.address=127.0.0.1:0";
/// Longest that others may notice.
const SOON: Duration = Duration::from_secs(10);

fn postgres(bounded: &Bounded) -> SocketAddr {
    bounded.node.told("postgres=").parse().unwrap()
}

/// A connection that has said which user it is, and was asked for a proof.
fn asked(address: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    let body = [&196_608_u32.to_be_bytes()[..], b"user\0nobody\0database\0tenantry\0\0"].concat();
    let length = u32::try_from(body.len() + 4).unwrap().to_be_bytes();
    stream.write_all(&[&length[..], &body].concat()).unwrap();
    assert_ne!(stream.read(&mut [0; 256]).unwrap(), 0);
    stream
}

/// What the node still says before it hangs up.
fn last_words(mut stream: &TcpStream) -> String {
    stream.set_read_timeout(Some(SOON)).unwrap();
    let (mut words, mut some) = (Vec::new(), [0; 4096]);
    loop {
        match stream.read(&mut some) {
            Ok(0) => break,
            Ok(read) => words.extend_from_slice(&some[..read]),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => break,
            Err(error) => panic!("it does not hang up: {error}"),
        }
    }
    String::from_utf8_lossy(&words).into_owned()
}

/// Logs in and asks for 1.
fn logs_in(bounded: &Bounded, user: &str, key: &str) -> Result<tokio_postgres::Client, String> {
    let address = postgres(bounded);
    let mut config = tokio_postgres::Config::new();
    config.host(address.ip().to_string()).port(address.port()).dbname("tenantry").connect_timeout(SOON);
    config.user(user).password(key).ssl_mode(SslMode::Disable);
    bounded.runtime.block_on(async {
        let told =
            |error: tokio_postgres::Error| error.as_db_error().map_or(error.to_string(), |told| told.to_string());
        let (client, connection) = config.connect(NoTls).await.map_err(told)?;
        drop(tokio::spawn(connection));
        client.simple_query("select 1").await.map_err(told)?;
        Ok(client)
    })
}

#[test]
fn before_a_login_nothing_large_is_kept() {
    let bounded = Bounded::start(&[POSTGRES, "postgres.statement_bytes_max=100000"]);
    let acme = bounded.tenant("acme");
    let before_mb = bounded.resident_mb();
    let mut strangers: Vec<_> = (0..8).map(|_| asked(postgres(&bounded))).collect();
    for stream in &mut strangers {
        stream.write_all(&[&b"Q"[..], &0x3fff_fff0_u32.to_be_bytes()].concat()).unwrap();
        // It hangs up on the way.
        let _ = (0..64).try_for_each(|_| stream.write_all(&[b'x'; 1 << 20]));
    }
    let growth_mb = bounded.resident_mb() - before_mb;
    assert!(growth_mb < 50.0, "memory {growth_mb:+.0} MB");
    for stream in &strangers {
        let told = last_words(stream);
        assert!(told.is_empty() || (told.contains("54000") && told.contains("before the login")), "{told}");
    }
    let client = logs_in(&bounded, "acme", &acme).unwrap();
    let long = format!("select '{}'", "x".repeat(99_000));
    bounded.runtime.block_on(client.simple_query(&long)).unwrap();
    let longer = format!("select '{}'", "x".repeat(101_000));
    let refused = bounded.runtime.block_on(client.simple_query(&longer)).unwrap_err();
    let told = refused.as_db_error().map_or(refused.to_string(), |told| told.to_string());
    assert!(told.contains("postgres.statement_bytes_max"), "{told}");
}

#[test]
fn a_handshake_has_its_time_and_strangers_make_room_for_each_other() {
    let bounded = Bounded::start(&[POSTGRES, "postgres.logins_max=4", "connections.handshake_ms_max=3000"]);
    let acme = bounded.tenant("acme");
    let begun = Instant::now();
    let (silent, half) = (TcpStream::connect(postgres(&bounded)).unwrap(), asked(postgres(&bounded)));
    assert_eq!((last_words(&silent), last_words(&half)), (String::new(), String::new()));
    assert!(begun.elapsed() >= Duration::from_millis(2900), "{:?}", begun.elapsed());

    let mut still: Vec<_> = (0..4).map(|_| TcpStream::connect(postgres(&bounded)).unwrap()).collect();
    for _ in 0..20 {
        still.push(TcpStream::connect(postgres(&bounded)).unwrap());
        logs_in(&bounded, "acme", &acme).unwrap();
    }
    let wrong = logs_in(&bounded, "acme", "tn_wrong").unwrap_err();
    assert!(wrong.contains("no key of"), "{wrong}");
}

#[test]
fn sessions_are_shared_out_and_end_when_nobody_asks() {
    let settings =
        [POSTGRES, "postgres.connections_max=6", "postgres.tenant_connections_max=3", "postgres.idle_ms_max=2000"];
    let bounded = Bounded::start(&settings);
    let (acme, globex) = (bounded.tenant("acme"), bounded.tenant("globex"));
    let open: Vec<_> = (0..3).map(|_| logs_in(&bounded, "acme", &acme).unwrap()).collect();
    let refused = logs_in(&bounded, "acme", &acme).unwrap_err();
    assert!(refused.contains("postgres.tenant_connections_max"), "{refused}");
    let other = logs_in(&bounded, "globex", &globex).unwrap();
    let until = Instant::now() + SOON;
    while !open.iter().all(tokio_postgres::Client::is_closed) {
        assert!(Instant::now() < until, "idle sessions stay");
        bounded.runtime.block_on(async {
            // Who asks goes on.
            other.simple_query("select 1").await.unwrap();
            tokio::time::sleep(Duration::from_millis(100)).await;
        });
    }
    logs_in(&bounded, "acme", &acme).unwrap();
}

#[test]
fn who_reads_no_answers_makes_room() {
    rlimit::increase_nofile_limit(u64::MAX).unwrap();
    let bounded = Bounded::start(&["http.connections_max=30"]);
    let acme = bounded.tenant("acme");
    let pipelined = b"GET /openapi.json HTTP/1.1\r\nhost: localhost\r\n\r\n".repeat(200);
    let unread: Vec<_> = (0..90)
        .map(|_| {
            let mut stream = TcpStream::connect(bounded.node.address()).unwrap();
            stream.set_nonblocking(true).unwrap();
            // As much as fits; nobody reads what comes.
            let _ = stream.write_all(&pipelined);
            stream
        })
        .collect();
    // Each on a connection of its own: all come from one address, so one that was kept would make room as well.
    let body = r#"{"sql": "select 1"}"#;
    let request = format!(
        "POST /v1/sql HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {acme}\r\ncontent-type: application/json\r\n\
         connection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    for _ in 0..5 {
        let begun = Instant::now();
        let mut stream = TcpStream::connect(bounded.node.address()).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
    }
    drop(unread);
}

#[test]
fn bodies_that_do_not_come_hold_up_their_tenant_only() {
    rlimit::increase_nofile_limit(u64::MAX).unwrap();
    let settings = ["http.in_flight_max=64", "http.tenant_in_flight_max=16", "connections.silence_ms_max=5000"];
    let bounded = Bounded::start(&settings);
    let slow = |key: &str, path: &str| {
        let mut stream = TcpStream::connect(bounded.node.address()).unwrap();
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {key}\r\ncontent-type: application/json\r\n\
             content-length: 100000\r\n\r\n{{"
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream
    };
    let loud: Vec<_> = ["a", "b", "c", "d", "e"].map(|name| bounded.tenant(name)).into();
    let quiet = bounded.tenant("quiet");
    let bodies: Vec<_> = loud.iter().flat_map(|key| (0..40).map(|_| slow(key, "/v1/sql"))).collect();
    let strangers: Vec<_> = (0..100).map(|_| slow("tn_none", "/v1/events")).collect();
    let sql = |key: &str| bounded.node.send_as(key, "POST", "/v1/sql", "application/json", br#"{"sql": "select 1"}"#);
    let until = Instant::now() + SOON;
    while sql(&loud[0]).status == 200 {
        assert!(Instant::now() < until, "the loud ones get all they want");
    }
    for _ in 0..3 {
        let mut events = Template::new(None, 10);
        let answer = bounded.node.send_as(&quiet, "POST", "/v1/events", "application/x-ndjson", events.from(1));
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert_eq!(sql(&quiet).status, 200);
        assert_eq!(bounded.node.get("/healthz").status, 200);
    }
    // The first one got its permit, and is told why it lost it.
    let told = last_words(&bodies[0]);
    assert!(told.starts_with("HTTP/1.1 408") && told.contains("connections.silence_ms_max"), "{told}");
    drop((bodies, strangers));
    assert_eq!(bounded.node.json("POST", "/v1/sql", &json!({"sql": "select 1"})).status, 200);
}
