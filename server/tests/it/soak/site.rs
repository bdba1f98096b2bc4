//! The doors of the node that is up, and what its clients share: a [`Client`] is given a [`Site`] for one thing at a time.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arrow::array::RecordBatch;
use arrow_flight::error::FlightError;
use arrow_flight::sql::client::FlightSqlServiceClient;
use futures::TryStreamExt;
use tokio::runtime::Runtime;
use tokio_postgres::NoTls;
use tonic::transport::{Channel, Endpoint};

use crate::door::{Attempt, Door};
use crate::served::Served;
use crate::torture::book::Book;
use crate::torture::sender::Known;
use crate::watch::{self, Asked, Watch};

const TENANTRY: &str = env!("CARGO_BIN_EXE_tenantry");

/// One kind of client of the node.
pub(super) trait Client: Send {
    /// Asks for one thing.
    fn once(&mut self, site: &Site<'_>) -> Attempt;

    /// How long it rests after that.
    fn pause(&mut self) -> Duration;

    /// Ends what it has begun.
    fn settle(&mut self, _site: &Site<'_>) {}

    /// Compares what it was told with what the node shows when everybody has settled.
    fn check(&mut self, _site: &Site<'_>) {}

    /// Works on the data folder while no node has it open.
    fn between(&mut self, _data: &Path) {}

    /// Its events.
    fn book(&self) -> Option<&Book> {
        None
    }
}

pub(super) struct Site<'a> {
    pub(super) door: Door,
    pub(super) postgres: SocketAddr,
    pub(super) flight: SocketAddr,
    pub(super) watch: Arc<Watch>,
    pub(super) known: &'a Mutex<Known>,
    pub(super) runtime: &'a Runtime,
    /// The platform's key.
    pub(super) key: &'a str,
    /// For files that commands read.
    pub(super) folder: &'a Path,
}

/// What a statement gave: rows of texts over Postgres, batches over Flight.
pub(super) type Got<T> = Result<T, Attempt>;

impl<'a> Site<'a> {
    pub(super) fn of(
        node: &Served,
        watch: &Arc<Watch>,
        known: &'a Mutex<Known>,
        (runtime, key, folder): (&'a Runtime, &'a str, &'a Path),
    ) -> Self {
        let address = |name: &str| -> SocketAddr { node.told(name).parse().expect("an address") };
        let (postgres, flight) = (address(" postgres="), address(" flight="));
        let watch = Arc::clone(watch);
        Self { door: Door::watched(node, &watch), postgres, flight, watch, known, runtime, key, folder }
    }

    fn ask(&self, kind: &str, what: &str) -> Asked {
        self.watch.ask(kind, what, watch::LIMIT)
    }

    /// A statement over HTTP whose rows are objects.
    pub(super) fn rows(&self, view: &str, sql: &str, key: &str) -> Got<Vec<serde_json::Value>> {
        let answer = self.door.sql(view, sql, "json", key).map_err(|_| Attempt::Gone)?;
        match answer.status {
            200 => Ok(answer.json().as_array().expect("rows").clone()),
            429 | 503 => Err(Attempt::NotNow),
            status => panic!("{sql}: {status} {}", answer.text),
        }
    }

    /// Runs a command of the binary against the node; its output if it ended well.
    pub(super) fn command(&self, name: &str, args: &[&str]) -> Output {
        let asked = self.ask(&format!("tenantry {name}"), &format!("{args:?}"));
        let output = run(&[name.split(' ').collect::<Vec<_>>(), args.to_vec()].concat(), &self.place());
        asked.answered();
        output
    }

    /// Where commands find the node.
    fn place(&self) -> Vec<String> {
        vec!["--url".to_owned(), format!("http://{}", self.door.address), "--key".to_owned(), self.key.to_owned()]
    }

    /// A connection to the Postgres door; an error is the SQLSTATE of a refusal.
    pub(super) fn connect(&self, user: &str, key: &str) -> Got<Result<tokio_postgres::Client, String>> {
        let asked = self.ask("postgres connect", user);
        let mut config = tokio_postgres::Config::new();
        config.host(self.postgres.ip().to_string()).port(self.postgres.port()).dbname("tenantry");
        config.user(user).password(key).ssl_mode(tokio_postgres::config::SslMode::Disable);
        match self.runtime.block_on(config.connect(NoTls)) {
            Ok((client, connection)) => {
                // It ends with the client.
                self.runtime.spawn(connection);
                asked.answered();
                Ok(Ok(client))
            }
            Err(error) => self.refused(asked, &error).map(Err),
        }
    }

    /// What the Postgres door said no with, or what became of the connection.
    fn refused(&self, asked: Asked, error: &tokio_postgres::Error) -> Got<String> {
        match error.code().map(|code| code.code().to_owned()) {
            Some(code) if code.starts_with("53") || code.starts_with("57P") || code == "40001" => {
                asked.not_now();
                Err(Attempt::NotNow)
            }
            Some(code) => {
                asked.answered();
                Ok(code)
            }
            None => {
                asked.broke_off(&format!("{error:?}"));
                Err(Attempt::Gone)
            }
        }
    }

    /// How many rows a statement has, over the extended protocol or the simple one.
    pub(super) fn postgres(
        &self,
        client: &tokio_postgres::Client,
        view: &str,
        sql: &str,
        extended: bool,
    ) -> Got<usize> {
        let asked = self.ask(&format!("postgres {view}"), sql);
        let got = self.runtime.block_on(async {
            if extended {
                return client.query(sql, &[]).await.map(|rows| rows.len());
            }
            let told = client.simple_query(sql).await?;
            Ok(told.iter().filter(|message| matches!(message, tokio_postgres::SimpleQueryMessage::Row(_))).count())
        });
        match got {
            Ok(rows) => {
                asked.answered();
                Ok(rows)
            }
            Err(error) => {
                let state = self.refused(asked, &error)?;
                panic!("over Postgres: {sql}: {state} {error:?}")
            }
        }
    }

    /// A connection to the Flight door. It is made with the first call.
    pub(super) fn flight(&self, key: &str) -> FlightSqlServiceClient<Channel> {
        let endpoint = Endpoint::from_shared(format!("http://{}", self.flight)).expect("an address is a URL");
        let _entered = self.runtime.enter();
        let mut client = FlightSqlServiceClient::new(endpoint.connect_lazy());
        client.set_token(key.to_owned());
        client
    }

    /// Calls of Flight that are one request; an error is what it was refused with.
    pub(super) fn call<T>(
        &self,
        view: &str,
        what: &str,
        calls: impl Future<Output = Result<T, FlightError>>,
    ) -> Got<Result<T, tonic::Status>> {
        let asked = self.ask(&format!("flight {view}"), what);
        match self.runtime.block_on(calls) {
            Ok(got) => {
                asked.answered();
                Ok(Ok(got))
            }
            // What the node itself refuses has its own words; what the client adds does not come from a call.
            Err(FlightError::Tonic(status)) if is_from_the_node(&status) => match status.code() {
                tonic::Code::ResourceExhausted | tonic::Code::Unavailable => {
                    asked.not_now();
                    Err(Attempt::NotNow)
                }
                _ => {
                    asked.answered();
                    Ok(Err(*status))
                }
            },
            Err(error) => {
                asked.broke_off(&format!("{error:?}"));
                Err(Attempt::Gone)
            }
        }
    }

    /// The rows of a statement over Flight.
    pub(super) fn batches(
        &self,
        client: &mut FlightSqlServiceClient<Channel>,
        view: &str,
        sql: &str,
    ) -> Got<Result<Vec<RecordBatch>, tonic::Status>> {
        self.call(view, sql, async {
            let info = client.execute(sql.to_owned(), None).await?;
            let ticket = info.endpoint[0].ticket.clone().expect("an endpoint has a ticket");
            client.do_get(ticket).await?.try_collect().await
        })
    }
}

/// A status that the client made of a broken connection has that as its source.
fn is_from_the_node(status: &tonic::Status) -> bool {
    std::error::Error::source(status).is_none()
}

/// Runs the binary with no settings from outside.
pub(super) fn run(args: &[&str], place: &[String]) -> Output {
    let mut command = Command::new(TENANTRY);
    command.args(args).args(place);
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("TENANTRY_")) {
        command.env_remove(name);
    }
    command.output().expect("the binary starts")
}

/// The same on a data folder that no node has open, which ends well.
pub(super) fn run_on(data: &Path, args: &[&str]) -> Output {
    let output = run(args, &["--data".to_owned(), data.display().to_string()]);
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}
