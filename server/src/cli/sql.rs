//! `tenantry sql`: one statement, its rows on standard output.

use std::io::{self, BufWriter, Write};
use std::sync::Arc;

use anyhow::Context;
use clap::Args;
use futures::StreamExt;
use serde_json::Value;

use crate::identity::Identity;
use crate::node::Node;
use crate::statements;

use super::api::table;
use super::output::{Format, Printer};
use super::place::Place;
use super::remote::Remote;
use super::{Ended, runtime};

/// Run one SQL statement on a running node or on a data folder
#[derive(Debug, Args)]
#[command(after_help = "\
Views: events, usage, usage_total, tenants, quotas, meters, materialized_views, rejections,
late_events, engine, engine_shards, queries, audit, and one view per meter named meter_NAME.
`show tables` lists them. CREATE MATERIALIZED VIEW name AS SELECT ... FROM events GROUP BY ...
makes another, kept current.

Examples:
  tenantry sql \"select tenant, sum(value) from usage where meter = 'invocations' group by 1\"
  tenantry sql \"select * from usage_total\" --format csv > usage.csv
  tenantry sql \"select * from quotas\" --url http://127.0.0.1:8080 --key KEY
  TENANTRY_KEY=KEY tenantry sql \"show tables\" --url http://127.0.0.1:8080")]
pub(super) struct Sql {
    /// The statement, or - to read it from standard input
    statement: String,
    /// How rows are printed
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    place: Place,
}

impl Sql {
    pub(super) fn run(self) -> anyhow::Result<Ended> {
        let statement = match self.statement.as_str() {
            "-" => io::read_to_string(io::stdin())?,
            text => text.to_owned(),
        };
        match self.place.remote()? {
            Some(remote) => there(&remote, &statement, self.format)?,
            None => runtime()?.block_on(here(&self.place, &statement, self.format))?,
        }
        Ok(Ended::Well)
    }
}

/// On the data folder, as the operator of the machine.
async fn here(place: &Place, statement: &str, format: Format) -> anyhow::Result<()> {
    let node = place.open().await?;
    let printed = print(&node, statement, format).await;
    node.drain().await?;
    printed
}

async fn print(node: &Arc<Node>, statement: &str, format: Format) -> anyhow::Result<()> {
    let frame = statements::query(node, &Identity::operator(), statement).await?;
    let mut batches = frame.execute_stream().await?;
    let out = BufWriter::new(io::stdout());
    let mut printer = Printer::begin(format, &batches.schema(), out)?;
    while let Some(batch) = batches.next().await {
        printer.print(&batch?)?;
    }
    Ok(printer.end()?)
}

/// On a running node.
fn there(remote: &Remote, statement: &str, format: Format) -> anyhow::Result<()> {
    let mut out = BufWriter::new(io::stdout());
    match format {
        Format::Csv => {
            io::copy(&mut remote.sql(statement, "csv")?, &mut out)?;
        }
        Format::Json => {
            io::copy(&mut remote.sql(statement, "ndjson")?, &mut out)?;
        }
        Format::Table => {
            let answer: Value = serde_json::from_reader(remote.sql(statement, "json")?)?;
            let table = table(&answer).context("the node's answer is no result")?;
            write!(out, "{table}{}", table.count())?;
        }
    }
    Ok(out.flush()?)
}
