//! A node with three doors and one tenant, asked by its key.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use arrow_flight::error::FlightError;
use arrow_flight::sql::client::FlightSqlServiceClient;
use futures::TryStreamExt;
use serde_json::json;
use tokio::runtime::Runtime;
use tokio_postgres::NoTls;
use tonic::Code;
use tonic::transport::{Channel, Endpoint};

use super::forms::forms;
use crate::answer;
use crate::served::{Served, platform_key};

/// Longest answer: the node's own limit, and what a slow machine adds.
const ANSWERED_WITHIN: Duration = Duration::from_secs(60);

/// Longest statement that is sent over HTTP.
const BODY_BYTES: usize = 900_000;

pub(super) struct Doors {
    pub(super) node: Served,
    /// Of the tenant, to query and to send events.
    pub(super) key: String,
    pub(super) runtime: Runtime,
    postgres: SocketAddr,
    flight: SocketAddr,
    _data: tempfile::TempDir,
}

/// How a statement was answered, the same at every door.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Told {
    Rows,
    TooComplex,
    Refused(String),
}

impl Doors {
    pub(super) fn open(settings: &[&str]) -> Self {
        let data = tempfile::tempdir().unwrap();
        let platform = platform_key(data.path());
        let mut all = vec!["postgres.address=127.0.0.1:0", "flight.address=127.0.0.1:0"];
        all.extend(settings);
        let node = Served::start(data.path(), &platform, &all).unwrap_or_else(|said| panic!("{said}"));
        assert_eq!(node.json("POST", "/v1/tenants", &json!({"tenant": "a"})).status, 201);
        let key = node.json("POST", "/v1/tenants/a/keys", &json!({"scopes": ["query", "ingest"]})).json();
        let key = key["key"].as_str().unwrap().to_owned();
        let event = json!({"specversion": "1.0", "id": "1", "source": "/test", "type": "call", "data": {"n": 1}});
        let sent = node.send_as(&key, "POST", "/v1/events", "application/x-ndjson", event.to_string().as_bytes());
        assert_eq!(sent.status, 200, "{}", sent.text);
        let [postgres, flight] = ["postgres=", "flight="].map(|door| node.told(door).parse().unwrap());
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        Self { node, key, runtime, postgres, flight, _data: data }
    }

    pub(super) fn http(&self, sql: &str) -> Told {
        let body = json!({"sql": sql}).to_string();
        let answer = self.node.send_as(&self.key, "POST", "/v1/sql", "application/json", body.as_bytes());
        match answer.status {
            200 => Told::Rows,
            // The body is larger than a statement may be.
            413 => Told::TooComplex,
            status => {
                let problem = answer.json();
                let state = problem["sqlstate"].as_str().unwrap_or("none");
                assert!(status != 500, "{}", answer.text);
                if state == "54001" {
                    assert_eq!((status, problem["type"].as_str()), (400, Some("/problems/query")), "{}", answer.text);
                    let told = problem["detail"].as_str().unwrap();
                    assert!(told.contains("more than"), "{told}");
                    return Told::TooComplex;
                }
                Told::Refused(state.to_owned())
            }
        }
    }

    pub(super) async fn connect(&self) -> tokio_postgres::Client {
        let mut config = tokio_postgres::Config::new();
        config.host(self.postgres.ip().to_string()).port(self.postgres.port()).dbname("tenantry");
        config.user("a").password(&self.key).ssl_mode(tokio_postgres::config::SslMode::Disable);
        let (client, connection) = config.connect(NoTls).await.unwrap();
        // It ends with the client.
        tokio::spawn(connection);
        client
    }

    pub(super) fn postgres(&self, sql: &str, extended: bool) -> Told {
        self.runtime.block_on(async {
            let client = self.connect().await;
            let asked = match extended {
                true => client.query(sql, &[]).await.map(|_| ()),
                false => client.simple_query(sql).await.map(|_| ()),
            };
            match asked {
                Ok(()) => Told::Rows,
                Err(error) => match error.code().map(|code| code.code().to_owned()) {
                    Some(state) if state == "54001" => Told::TooComplex,
                    Some(state) => Told::Refused(state),
                    None => panic!("the connection ended: {error:?}"),
                },
            }
        })
    }

    pub(super) fn client(&self) -> FlightSqlServiceClient<Channel> {
        let endpoint = Endpoint::from_shared(format!("http://{}", self.flight)).unwrap();
        let _entered = self.runtime.enter();
        let mut client = FlightSqlServiceClient::new(endpoint.connect_lazy());
        client.set_token(self.key.clone());
        client
    }

    pub(super) fn flight(&self, sql: &str, prepared: bool) -> Told {
        let mut client = self.client();
        let asked = self.runtime.block_on(async {
            if prepared {
                Box::pin(client.prepare(sql.to_owned(), None)).await?;
                return Ok(());
            }
            let info = Box::pin(client.execute(sql.to_owned(), None)).await?;
            let ticket = info.endpoint[0].ticket.clone().unwrap();
            let rows = Box::pin(client.do_get(ticket)).await?;
            rows.try_collect::<Vec<_>>().await.map(|_| ())
        });
        match asked {
            Ok(()) => Told::Rows,
            Err(FlightError::Tonic(status)) => {
                assert!(std::error::Error::source(status.as_ref()).is_none(), "the connection ended: {status:?}");
                match status.code() {
                    Code::InvalidArgument if status.message().contains("more than") => Told::TooComplex,
                    code => Told::Refused(format!("{code:?}")),
                }
            }
            Err(error) => panic!("{error:?}"),
        }
    }

    /// Asks at each door in each way.
    fn everywhere(&self, sql: &str) -> Vec<(&'static str, Told, Duration)> {
        type Ask<'a> = (&'static str, Box<dyn Fn() -> Told + 'a>);
        let doors: [Ask<'_>; 5] = [
            ("http", Box::new(|| self.http(sql))),
            ("postgres, simple", Box::new(|| self.postgres(sql, false))),
            ("postgres, extended", Box::new(|| self.postgres(sql, true))),
            ("flight", Box::new(|| self.flight(sql, false))),
            ("flight, prepared", Box::new(|| self.flight(sql, true))),
        ];
        let ask = |(door, ask): Ask<'_>| {
            let since = Instant::now();
            (door, ask(), since.elapsed())
        };
        // A body that is larger than a statement may be is refused while it is sent.
        let is_one = |(door, _): &Ask<'_>| *door != "http" || sql.len() < BODY_BYTES;
        doors.into_iter().filter(is_one).map(ask).collect()
    }

    pub(super) fn lives(&self, after: &str) {
        let health = answer::send(&answer::agent(), self.node.address(), ("GET", "/healthz"), "", &[], b"");
        assert_eq!(health.status, 200, "{after}");
    }
}

#[test]
fn what_tools_write_is_answered_at_every_door() {
    let doors = Doors::open(&[]);
    let mut others = Vec::new();
    for form in forms().filter(|form| form.answered) {
        for (door, told, took) in doors.everywhere(&form.sized(form.honest)) {
            if told != Told::Rows || took > ANSWERED_WITHIN {
                others.push(format!("{} at {door}: {told:?} after {took:?}", form.name));
            }
        }
    }
    assert!(others.is_empty(), "{others:#?}");
}

#[test]
fn what_means_harm_is_refused_at_every_door() {
    let doors = Doors::open(&[]);
    let (mut asked, mut others) = (0, Vec::new());
    for (form, size) in forms().flat_map(|form| form.beyond.iter().map(move |size| (form, *size))) {
        for (door, told, took) in doors.everywhere(&form.sized(size)) {
            let value = form.name.starts_with("JSON") && door == "flight, prepared" && told == Told::Rows;
            // Messages of the Postgres wire have a bound of their own, and so has the parser.
            if told == Told::Rows && !value || took > ANSWERED_WITHIN {
                others.push(format!("{} {size} at {door}: {told:?} after {took:?}", form.name));
            }
            asked += 1;
        }
        doors.lives(form.name);
    }
    assert!(others.is_empty(), "{others:#?}");
    assert!(asked >= 400, "{asked}");
}

#[test]
fn what_is_close_to_the_bounds_leaves_the_node_alive() {
    let doors = Doors::open(&["query.timeout_ms=1000"]);
    for form in forms() {
        for (door, told, took) in doors.everywhere(&form.sized(form.close)) {
            println!("{} {} at {door}: {told:?} in {:.1} s", form.name, form.close, took.as_secs_f64());
            assert!(took < ANSWERED_WITHIN, "{} at {door}: {took:?}", form.name);
        }
        doors.lives(form.name);
    }
}

/// What only the Postgres door has.
#[test]
fn casts_to_json_and_operators_on_it_are_bounded() {
    let doors = Doors::open(&[]);
    let deep = |size: usize| format!("select '{}{}'::jsonb", "[".repeat(size), "]".repeat(size));
    let chain = |size: usize| format!("select '{{}}'::jsonb{}", " -> 'a'".repeat(size));
    for extended in [false, true] {
        assert_eq!(doors.postgres(&deep(100), extended), Told::Rows);
        assert_eq!(doors.postgres(&chain(100), extended), Told::Rows);
        for beyond in [deep(1000), deep(100_000), chain(3000), chain(9000)] {
            assert_eq!(doors.postgres(&beyond, extended), Told::TooComplex);
        }
    }
    doors.lives("jsonb");
}

/// Before anybody asks whether the caller may have them.
#[test]
fn definitions_are_bounded() {
    let doors = Doors::open(&[]);
    let chain = |size: usize| format!("sum(value{})", "+1".repeat(size));
    let meter = |expression: String| {
        let body = json!({
            "event_type": "call", "value": "$.n", "aggregation": {"sql": {"expression": expression}},
            "window": {"tumbling": {"size_s": 60}},
        });
        doors.node.json("PUT", "/v1/meters/deep", &body)
    };
    let made = meter(chain(50));
    assert_eq!(made.status, 200, "{}", made.text);
    for size in [250, 2500, 100_000] {
        let refused = meter(chain(size));
        assert_eq!(refused.status, 422, "{}", refused.text);
        assert!(refused.text.contains("more than the"), "{}", refused.text);
    }
    let view = |size: usize| {
        let sum = format!("count(*){}", "+1".repeat(size));
        let sql =
            format!("CREATE MATERIALIZED VIEW deep{size} AS SELECT tenant, {sum} AS n FROM events GROUP BY tenant");
        doors.node.json("POST", "/v1/sql", &json!({"sql": sql}))
    };
    let made = view(50);
    assert_eq!(made.status, 200, "{}", made.text);
    for size in [250, 2500, 100_000] {
        let refused = view(size);
        assert_eq!(refused.status, 400, "{}", refused.text);
        assert!(refused.text.contains("more than the"), "{}", refused.text);
    }
    doors.lives("definitions");
}
