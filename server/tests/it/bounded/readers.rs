//! Clients that ask and do not read, or keep what they have asked for: at the statement's deadline others may run, and what is
//! kept between statements is bounded for a connection and a tenant.

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::json;
use tokio_postgres::{Client, NoTls};

use super::Bounded;
use super::memory::eventually;

const ENDLESS: &str = "SELECT repeat('x', 1000) AS x FROM generate_series(1, 100000000) AS value";

fn ask(bounded: &Bounded, key: &str, sql: &str) -> u16 {
    let body = json!({"sql": sql}).to_string();
    bounded.node.send_as(key, "POST", "/v1/sql", "application/json", body.as_bytes()).status
}

/// Asks and reads nothing.
fn ask_only(bounded: &Bounded, key: &str) -> TcpStream {
    let mut socket = TcpStream::connect(bounded.node.address()).unwrap();
    let body = json!({"sql": ENDLESS, "format": "ndjson"}).to_string();
    let head = format!(
        "POST /v1/sql HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {key}\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    );
    socket.write_all(head.as_bytes()).unwrap();
    socket
}

#[test]
fn who_does_not_read_over_http_gives_way_at_the_deadline() {
    let bounded = Bounded::start(&["query.tenant_concurrency_max=2", "query.timeout_ms=6000"]);
    let key = bounded.tenant("acme");
    let unread = [ask_only(&bounded, &key), ask_only(&bounded, &key)];
    eventually("both run", || bounded.node.metric("tenantry_statements_running") == Some(2.0));
    std::thread::sleep(Duration::from_millis(7000));
    assert_eq!(ask(&bounded, &key, "SELECT 1"), 200, "the deadline has passed");
    eventually("their memory is given back", || bounded.node.metric("tenantry_memory_statements_bytes") == Some(0.0));
    drop(unread);
}

/// A runtime with clients of the Postgres wire.
struct Clients {
    runtime: tokio::runtime::Runtime,
    address: SocketAddr,
}

impl Clients {
    fn of(bounded: &Bounded) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        Self { runtime, address: bounded.node.told("postgres=").parse().unwrap() }
    }

    fn connect(&self, tenant: &str, key: &str) -> Client {
        let mut config = tokio_postgres::Config::new();
        config.host(self.address.ip().to_string()).port(self.address.port()).dbname("tenantry");
        config.user(tenant).password(key).ssl_mode(tokio_postgres::config::SslMode::Disable);
        let (client, connection) = self.runtime.block_on(config.connect(NoTls)).unwrap();
        self.runtime.spawn(connection);
        client
    }

    fn run(&self, client: &Client, sql: &str) -> Result<(), String> {
        state(self.runtime.block_on(client.batch_execute(sql)))
    }
}

fn state<T>(done: Result<T, tokio_postgres::Error>) -> Result<(), String> {
    done.map(|_| ()).map_err(|error| error.code().map_or_else(|| error.to_string(), |code| code.code().to_owned()))
}

#[test]
fn who_does_not_read_over_postgres_gives_way_at_the_deadline() {
    let settings = ["postgres.address=127.0.0.1:0", "query.tenant_concurrency_max=1", "query.timeout_ms=2000"];
    let bounded = Bounded::start(&settings);
    let key = bounded.tenant("acme");
    let clients = Clients::of(&bounded);
    let client = clients.connect("acme", &key);
    // Its rows fill what is between client and node, and nobody takes them.
    let none: [i32; 0] = [];
    let unread = clients.runtime.block_on(client.query_raw(ENDLESS, none)).unwrap();
    assert_eq!(bounded.node.metric("tenantry_statements_running"), Some(1.0));
    std::thread::sleep(Duration::from_millis(3000));
    assert_eq!(ask(&bounded, &key, "SELECT 1"), 200, "the deadline has passed");
    eventually("its memory is given back", || bounded.node.metric("tenantry_memory_statements_bytes") == Some(0.0));
    drop(unread);
}

#[test]
fn what_is_prepared_and_bound_is_bounded_and_given_back() {
    let settings = [
        "postgres.address=127.0.0.1:0",
        "postgres.prepared_max=50",
        "postgres.prepared_bytes_max=4000000",
        "postgres.tenant_prepared_bytes_max=6000000",
    ];
    let bounded = Bounded::start(&settings);
    let key = bounded.tenant("acme");
    let clients = Clients::of(&bounded);
    let prepare = |client: &Client, sql: &str| {
        let prepared = clients.runtime.block_on(client.prepare(sql));
        prepared.map_err(|error| error.code().map_or_else(|| error.to_string(), |code| code.code().to_owned()))
    };
    let client = clients.connect("acme", &key);
    let mut kept = Vec::new();
    let refused = (0..60).find_map(|n| match prepare(&client, &format!("SELECT {n}")) {
        Ok(statement) => {
            kept.push(statement);
            None
        }
        Err(state) => Some((n, state)),
    });
    assert_eq!(refused, Some((50, "53400".to_owned())));
    kept.clear();
    eventually("closed ones make room", || prepare(&client, "SELECT 1").is_ok());
    // By their bytes, over the tenant's connections.
    let long = |n: usize| format!("SELECT '{}' AS x{n}", "x".repeat(40_000));
    let connections = [clients.connect("acme", &key), clients.connect("acme", &key)];
    let mut count = 0;
    let state = connections.iter().cycle().find_map(|connection| match prepare(connection, &long(count)) {
        Ok(statement) => {
            kept.push(statement);
            count += 1;
            None
        }
        Err(state) => Some(state),
    });
    assert_eq!(state.as_deref(), Some("53400"));
    assert!((3..7).contains(&count), "{count}");
    drop((kept, connections, client));
    // Parameters count with them.
    let client = clients.connect("acme", &key);
    let echo = prepare(&client, "SELECT length($1::text) AS n").unwrap();
    let bind = |bytes: usize| clients.runtime.block_on(client.query(&echo, &[&"x".repeat(bytes)]));
    let too_many = bind(5_000_000).unwrap_err();
    assert_eq!(too_many.code().map(|code| code.code()), Some("53400"));
    eventually("others' are given back", || bind(1_000_000).is_ok());
}

#[test]
fn cursors_are_few_for_a_tenant_and_do_not_stay_for_ever() {
    let settings = [
        "postgres.address=127.0.0.1:0",
        "postgres.tenant_cursors_max=3",
        "postgres.cursor_idle_ms_max=8000",
        "query.cursor_memory_bytes_max=67108864",
    ];
    let bounded = Bounded::start(&settings);
    let (acme, globex) = (bounded.tenant("acme"), bounded.tenant("globex"));
    let clients = Clients::of(&bounded);
    let connections = [clients.connect("acme", &acme), clients.connect("acme", &acme)];
    let sorted = "SELECT value FROM generate_series(1, 2000000) AS value ORDER BY value DESC";
    let mut states = Vec::new();
    for (n, client) in connections.iter().cycle().take(4).enumerate() {
        if n < 2 {
            clients.run(client, "BEGIN").unwrap();
        }
        let state = clients.run(client, &format!("DECLARE c{n} CURSOR FOR {sorted}; FETCH 1 FROM c{n}"));
        states.push(state.err());
    }
    assert_eq!(states, [None, None, None, Some("53400".to_owned())]);
    // Five idle cursors leave the others their memory.
    let other = clients.connect("globex", &globex);
    clients.run(&other, "SELECT count(DISTINCT value) FROM generate_series(1, 1000000) AS value").unwrap();
    eventually("nobody fetches", || bounded.node.metric("tenantry_memory_statements_bytes") == Some(0.0));
    assert_eq!(clients.run(&connections[0], "FETCH 1 FROM c0"), Err("34000".to_owned()));
}
