//! A key that is revoked or expires ends what is open with it, within a second and whatever it is at (I13): answers on their way,
//! bodies that still come, sessions that are idle, at work or sending. Streams of Flight: `clients::flight`.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant, SystemTime};

use jiff::Timestamp;
use serde_json::{Value, json};
use tokio_postgres::NoTls;
use tokio_postgres::config::SslMode;

use super::Bounded;

const ENDLESS: &str = "select value, repeat('x', 100) as text from generate_series(1, 1000000000) AS value";
/// A second, and what a busy machine adds to it.
const SOON: Duration = Duration::from_secs(10);

/// A key of `acme` and its id.
fn key(bounded: &Bounded, more: Value) -> (String, String) {
    let mut asked = json!({"scopes": ["ingest", "query"]});
    asked.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let made = bounded.node.json("POST", "/v1/tenants/acme/keys", &asked);
    assert_eq!(made.status, 201, "{}", made.text);
    let text = |name: &str| made.json()[name].as_str().unwrap().to_owned();
    (text("key"), text("id"))
}

fn revoke(bounded: &Bounded, id: &str) -> Instant {
    let revoked = bounded.node.json("DELETE", &format!("/v1/tenants/acme/keys/{id}"), &json!({}));
    assert_eq!(revoked.status, 200, "{}", revoked.text);
    Instant::now()
}

fn start(settings: &[&str]) -> Bounded {
    let bounded = Bounded::start(settings);
    bounded.tenant("acme");
    bounded
}

fn ask(bounded: &Bounded, key: &str, path: &str, body: &str, length: usize) -> TcpStream {
    let mut stream = TcpStream::connect(bounded.node.address()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let media = if path == "/v1/events" { "application/cloudevents-batch+json" } else { "application/json" };
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {key}\r\ncontent-type: {media}\r\n\
         content-length: {length}\r\n\r\n{body}"
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream
}

/// Reads until the node hangs up.
fn to_the_end(stream: &mut TcpStream) -> Vec<u8> {
    let (mut bytes, mut some) = (Vec::new(), [0; 65_536]);
    while let Ok(read @ 1..) = stream.read(&mut some) {
        // What was said last is at the end.
        if bytes.len() > 1 << 20 {
            bytes.clear();
        }
        bytes.extend_from_slice(&some[..read]);
    }
    bytes
}

#[test]
fn answers_and_bodies_over_http_break_off() {
    let bounded = start(&[]);
    let (text, id) = key(&bounded, json!({}));
    let sql = json!({"sql": ENDLESS, "format": "ndjson"}).to_string();
    let mut rows = ask(&bounded, &text, "/v1/sql", &sql, sql.len());
    rows.read_exact(&mut [0; 4096]).unwrap();
    let work = json!({"sql": "select count(*) from generate_series(1, 3000000) a, generate_series(1, 3000000) b"});
    let mut working = ask(&bounded, &text, "/v1/sql", &work.to_string(), work.to_string().len());
    let mut sending = ask(&bounded, &text, "/v1/events", "[", 1000);
    let revoked = revoke(&bounded, &id);
    let rest = to_the_end(&mut rows);
    assert!(!rest.ends_with(b"0\r\n\r\n"), "the rows have no end");
    assert!(revoked.elapsed() < SOON, "{:?}", revoked.elapsed());
    // What is left of a body is taken in before it is answered.
    for stream in [&mut working, &mut sending] {
        let mut told = vec![0; 4096];
        let read = stream.read(&mut told).unwrap();
        let told = String::from_utf8_lossy(&told[..read]).into_owned();
        assert!(told.starts_with("HTTP/1.1 401") && told.contains("revoked"), "{told}");
    }
}

#[test]
fn sessions_end_whatever_they_are_at() {
    let bounded = start(&["postgres.address=127.0.0.1:0"]);
    let (text, id) = key(&bounded, json!({}));
    let address: std::net::SocketAddr = bounded.node.told("postgres=").parse().unwrap();
    let mut config = tokio_postgres::Config::new();
    config.host(address.ip().to_string()).port(address.port()).dbname("tenantry");
    config.user("acme").password(&text).ssl_mode(SslMode::Disable);
    let session = async || {
        let (client, connection) = config.connect(NoTls).await.unwrap();
        drop(tokio::spawn(connection));
        client
    };
    bounded.runtime.block_on(async {
        let (idle, working, sending, copying) = (session().await, session().await, session().await, session().await);
        idle.batch_execute("begin; declare c cursor for select value from generate_series(1, 1000000000) AS value")
            .await
            .unwrap();
        idle.simple_query("fetch 1 from c").await.unwrap();
        let work = "select count(*) from generate_series(1, 3000000) a, generate_series(1, 3000000) b";
        let working = tokio::spawn(async move { working.simple_query(work).await.map(drop) });
        let sending = tokio::spawn(async move {
            use futures::TryStreamExt;
            sending.query_raw(ENDLESS, &[] as &[&str]).await?.try_for_each(|_| async { Ok(()) }).await
        });
        let copying = tokio::spawn(async move {
            use futures::TryStreamExt;
            let rows = copying.copy_out(&*format!("copy ({ENDLESS}) to stdout")).await?;
            rows.try_for_each(|_| async { Ok(()) }).await
        });
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert!(!working.is_finished() && !sending.is_finished() && !copying.is_finished());
        let revoked = tokio::task::block_in_place(|| revoke(&bounded, &id));
        for ended in [working.await, sending.await, copying.await] {
            let error = ended.unwrap().unwrap_err();
            let told = error.as_db_error().map_or(error.to_string(), |told| told.to_string());
            assert!(told.contains("revoked"), "{told}");
        }
        while !idle.is_closed() {
            assert!(revoked.elapsed() < SOON, "an idle session stays");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert!(revoked.elapsed() < SOON, "{:?}", revoked.elapsed());
    });
}

#[test]
fn what_expires_ends_as_what_is_revoked() {
    let bounded = start(&[]);
    let expires = Timestamp::try_from(SystemTime::now() + Duration::from_secs(3)).unwrap();
    let (text, _) = key(&bounded, json!({"expires_at": expires.to_string()}));
    let sql = json!({"sql": ENDLESS, "format": "ndjson"}).to_string();
    let mut rows = ask(&bounded, &text, "/v1/sql", &sql, sql.len());
    let begun = Instant::now();
    assert!(!to_the_end(&mut rows).ends_with(b"0\r\n\r\n"));
    assert!(begun.elapsed() < Duration::from_secs(3) + SOON, "{:?}", begun.elapsed());
}
