//! `tenantry sql`: one statement, its rows on standard output.
//!
//! Rows come as Arrow, from a running node as from a data folder, and are printed by the same code: columns as selected, and
//! every digit. Not here: how they look ([`super::output`]).

use std::io::{self, BufWriter};

use arrow::buffer::Buffer;
use arrow::ipc::reader::StreamDecoder;
use clap::Args;
use serde_json::json;

use super::Ended;
use super::api::{Request, path};
use super::output::{Format, Printer};
use super::place::Place;
use super::problem::Problem;
use super::site::{IfAbsent, Site, at};

/// Run one SQL statement on a running node or on a data folder
#[derive(Debug, Args)]
#[command(after_help = "\
Views: events, usage, usage_total, tenants, quotas, meters, materialized_views, rejections,
late_events, declarations, alerts, alert_history, alert_rules, endpoints, delivery_attempts, engine,
engine_shards, queries, audit, and one view per meter named meter_NAME.
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
        at(&self.place, IfAbsent::Refuse, |site| print(site, &statement, self.format))?;
        Ok(Ended::Well)
    }
}

fn print(site: &Site, statement: &str, format: Format) -> anyhow::Result<()> {
    let request = Request::post(path(&["sql"]), json!({ "sql": statement, "format": "arrow" }));
    let mut decoder = StreamDecoder::new();
    let mut printer = None;
    let asked = site.ask(&request, &mut |bytes| {
        let mut buffer = Buffer::from(bytes);
        while let Some(batch) = decoder.decode(&mut buffer)? {
            let printer = match &mut printer {
                Some(printer) => printer,
                none => none.insert(Printer::begin(format, batch.schema_ref(), BufWriter::new(io::stdout()))?),
            };
            printer.print(&batch)?;
        }
        Ok(())
    });
    asked.map_err(|error| match error.downcast::<Problem>() {
        Ok(problem) => problem.of(statement).into(),
        Err(error) => error,
    })?;
    decoder.finish()?;
    let printer = match (printer, decoder.schema()) {
        (Some(printer), _) => printer,
        (None, Some(schema)) => Printer::begin(format, &schema, BufWriter::new(io::stdout()))?,
        (None, None) => anyhow::bail!("the answer holds no rows and no columns"),
    };
    Ok(printer.end()?)
}
