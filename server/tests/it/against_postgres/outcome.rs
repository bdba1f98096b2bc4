//! What a server says to a statement, over both protocols of the wire.

use std::error::Error;
use std::time::Duration;

use tokio_postgres::types::{FromSql, Type};
use tokio_postgres::{Client, SimpleQueryMessage};

/// Longer than any statement of the corpus takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// See the module.
pub(super) enum Outcome {
    /// It has rows; they may be none.
    Rows(Rows),
    /// It was done and has none, as `SET`.
    Done,
    Refused {
        state: String,
        message: String,
    },
    /// Neither: the connection broke, or the protocol was.
    Broken(String),
}

/// An answer as the simple protocol has it, in text, and the extended one, which is asked for binary.
pub(super) struct Rows {
    pub(super) names: Vec<String>,
    pub(super) text: Vec<Vec<Option<String>>>,
    pub(super) types: Vec<Type>,
    pub(super) described: Vec<String>,
    pub(super) binary: Vec<Vec<Option<Vec<u8>>>>,
}

/// The bytes of a value, whatever its type.
struct Bytes(Vec<u8>);

impl FromSql<'_> for Bytes {
    fn from_sql(_: &Type, raw: &[u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(raw.to_vec()))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

/// Asks `client`.
pub(super) async fn ask(client: &Client, sql: &str) -> Outcome {
    match tokio::time::timeout(PATIENCE, asked(client, sql)).await {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(error)) => match error.as_db_error() {
            Some(refusal) => {
                Outcome::Refused { state: refusal.code().code().to_owned(), message: refusal.message().to_owned() }
            }
            None => Outcome::Broken(format!("{error:?}")),
        },
        Err(_) => Outcome::Broken(format!("no answer in {} s", PATIENCE.as_secs())),
    }
}

async fn asked(client: &Client, sql: &str) -> Result<Outcome, tokio_postgres::Error> {
    let (mut names, mut text) = (None, Vec::new());
    for message in client.simple_query(sql).await? {
        match message {
            SimpleQueryMessage::RowDescription(columns) => {
                names = Some(columns.iter().map(|column| column.name().to_owned()).collect());
            }
            SimpleQueryMessage::Row(row) => {
                text.push((0..row.len()).map(|column| row.get(column).map(str::to_owned)).collect());
            }
            _ => {}
        }
    }
    let Some(names) = names else { return Ok(Outcome::Done) };
    let prepared = client.prepare(sql).await?;
    let columns = prepared.columns();
    let types = columns.iter().map(|column| column.type_().clone()).collect();
    let described = columns.iter().map(|column| column.name().to_owned()).collect::<Vec<_>>();
    let mut binary = Vec::new();
    for row in client.query(&prepared, &[]).await? {
        let values = (0..row.len()).map(|column| Ok(row.try_get::<_, Option<Bytes>>(column)?.map(|Bytes(raw)| raw)));
        binary.push(values.collect::<Result<Vec<_>, tokio_postgres::Error>>()?);
    }
    Ok(Outcome::Rows(Rows { names, text, types, described, binary }))
}
