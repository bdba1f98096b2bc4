//! `tenantry import`: events from a file, into a data folder or a running node.
//!
//! Not here: file formats (`datasets`), admission (`import` and the engine), sending over the network ([`super::upload`]).

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use actors::facets::meters::MetersCommand;
use actors::{Command, PLATFORM};
use anyhow::Context;
use clap::{Args, ValueEnum};
use datasets::azure::{AzureTrace, EventOptions};
use datasets::{CloudEventsImport, CsvImport, DatasetBatch, DatasetError, ImportOptions, Mapping, ParquetImport};
use engine::clock::{Clock, SystemClock};
use engine::meter::Meter;

use crate::import::ImportReport;
use crate::node::Node;

use super::api::Request;
use super::place::Place;
use super::progress::{Progress, grouped, note};
use super::remote::Remote;
use super::table::Table;
use super::{Ended, runtime, stop, upload};

/// What the commands in this module are journaled under.
const PRINCIPAL: &str = "command line: import";

/// Batches from whatever source.
pub(super) type Batches = Box<dyn Iterator<Item = Result<DatasetBatch, DatasetError>> + Send>;

/// Import events from a file
#[derive(Debug, Args)]
#[command(after_help = "\
Files may be compressed with gzip or zstd. Importing is safe to repeat: what was admitted before is
counted as a duplicate. Tenants that are not known are created. A running node that answers 429 or 503
is sent the same again when it says, or after pauses that grow to 30 s, for --wait-max-s at most.

cloudevents       one CloudEvents 1.0 object a line, or a JSON array of them
csv, parquet      columns are named by flags or by a mapping file (TOML or JSON, the flags' names)
azure-functions   the folder of the Azure Functions 2019 trace; defines the meters invocations,
                  gb_seconds, memory_mb, functions and duration_ms_p95

Examples:
  tenantry import events.ndjson --format cloudevents --data ./data
  tenantry import shop.csv.gz --format csv --tenant-column customer --time-column at \\
      --time-format '%Y-%m-%d %H:%M:%S' --type shop.purchase
  kafkacat ... | tenantry import - --format cloudevents --url http://127.0.0.1:8080 --key KEY
  tenantry import ./azure --format azure-functions --data ./data

Exit code 3 says that some events were rejected; the reasons are printed.")]
pub(super) struct Import {
    /// File, folder (azure-functions), or - for standard input
    source: PathBuf,
    /// What is in it
    #[arg(long, value_enum)]
    format: Format,
    #[command(flatten)]
    place: Place,
    /// With --url: longest wait for a node that is busy or out of space to take a request
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    wait_max_s: u64,
    #[command(flatten)]
    columns: Columns,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    Cloudevents,
    Csv,
    Parquet,
    AzureFunctions,
}

/// Which column is what, for csv and parquet
#[derive(Debug, Args)]
#[command(next_help_heading = "Columns (csv, parquet)")]
struct Columns {
    /// File that says which column is what; flags go before it
    #[arg(long, value_name = "FILE")]
    mapping: Option<PathBuf>,
    /// The tenant of every row
    #[arg(long, value_name = "NAME", conflicts_with = "tenant_column")]
    tenant: Option<String>,
    /// Column that names the tenant
    #[arg(long, value_name = "COLUMN")]
    tenant_column: Option<String>,
    /// Column of the event's time
    #[arg(long, value_name = "COLUMN")]
    time_column: Option<String>,
    /// How it is written: rfc3339, unix_s, unix_ms, unix_us or a strptime pattern
    #[arg(long, value_name = "FORMAT")]
    time_format: Option<String>,
    /// Time zone of times that do not state their own
    #[arg(long, value_name = "ZONE")]
    time_zone: Option<String>,
    /// Column of the event's id; without it one is derived from the file's content
    #[arg(long, value_name = "COLUMN")]
    id_column: Option<String>,
    /// CloudEvents source of every row
    #[arg(long, value_name = "URI")]
    source_name: Option<String>,
    /// CloudEvents type of every row
    #[arg(long = "type", value_name = "TYPE", conflicts_with = "type_column")]
    event_type: Option<String>,
    /// Column of the type
    #[arg(long, value_name = "COLUMN")]
    type_column: Option<String>,
    /// Column of the subject
    #[arg(long, value_name = "COLUMN")]
    subject_column: Option<String>,
    /// Only these columns become data
    #[arg(long, value_name = "COLUMN", value_delimiter = ',')]
    include: Option<Vec<String>>,
    /// These columns do not become data
    #[arg(long, value_name = "COLUMN", value_delimiter = ',')]
    exclude: Vec<String>,
    /// What separates cells in CSV
    #[arg(long, value_name = "CHAR")]
    delimiter: Option<char>,
}

impl Columns {
    fn mapping(self) -> anyhow::Result<Mapping> {
        let mut mapping = match &self.mapping {
            Some(file) => Mapping::open(file)?,
            None => Mapping::default(),
        };
        if self.tenant.is_some() || self.tenant_column.is_some() {
            (mapping.tenant, mapping.tenant_column) = (self.tenant, self.tenant_column);
        }
        if self.event_type.is_some() || self.type_column.is_some() {
            (mapping.event_type, mapping.type_column) = (self.event_type, self.type_column);
        }
        if let Some(format) = self.time_format {
            mapping.time_format = format.parse()?;
        }
        mapping.time_column = self.time_column.unwrap_or(mapping.time_column);
        mapping.time_zone = self.time_zone.unwrap_or(mapping.time_zone);
        mapping.source = self.source_name.unwrap_or(mapping.source);
        mapping.delimiter = self.delimiter.unwrap_or(mapping.delimiter);
        mapping.id_column = self.id_column.or(mapping.id_column);
        mapping.subject_column = self.subject_column.or(mapping.subject_column);
        mapping.include = self.include.or(mapping.include);
        mapping.exclude.extend(self.exclude);
        Ok(mapping)
    }
}

impl Import {
    pub(super) fn run(self) -> anyhow::Result<Ended> {
        let meters = match self.format {
            Format::AzureFunctions => datasets::invocation_meters(),
            _ => Vec::new(),
        };
        let name = self.source.display().to_string();
        let options = ImportOptions::new(SystemClock.now_us());
        let batches = match self.format {
            Format::Cloudevents => {
                Box::new(CloudEventsImport::open(&self.source, self.columns.tenant, options)?) as Batches
            }
            Format::Csv => Box::new(CsvImport::open(&self.source, &self.columns.mapping()?, options)?),
            Format::Parquet => Box::new(ParquetImport::open(&self.source, &self.columns.mapping()?, options)?),
            Format::AzureFunctions => {
                let alone = |batch| DatasetBatch { batch, rejected: Vec::new() };
                Box::new(AzureTrace::open(&self.source)?.events(EventOptions::default()).map(move |b| b.map(alone)))
            }
        };
        let progress = Progress::begin(&name);
        let report = match self.place.remote()? {
            Some(remote) => there(&remote, &meters, batches, Duration::from_secs(self.wait_max_s), &progress)?,
            None => here(&self.place, &meters, batches, &progress)?,
        };
        drop(progress);
        summarise(&name, &report);
        Ok(if report.tally.rejected > 0 { Ended::WithRejections } else { Ended::Well })
    }
}

fn here(place: &Place, meters: &[Meter], batches: Batches, progress: &Progress) -> anyhow::Result<ImportReport> {
    let runtime = runtime()?;
    let stopped = Arc::new(AtomicBool::new(false));
    let node = runtime.block_on(async {
        let node = place.open().await?;
        define(&node, meters).await?;
        anyhow::Ok(node)
    })?;
    let flag = Arc::clone(&stopped);
    let watch = runtime.spawn(async move {
        if stop::asked().await.is_ok() {
            flag.store(true, Ordering::Relaxed);
        }
    });
    let flag = Arc::clone(&stopped);
    let until_stopped = batches.take_while(move |_| !flag.load(Ordering::Relaxed));
    let imported = crate::import::run(&node, until_stopped, &|tally| progress.show(tally));
    watch.abort();
    // What was answered is durable whatever comes now; a drain only makes the next start quicker.
    let drained = runtime.block_on(node.drain());
    let report = imported?;
    drained?;
    if stopped.load(Ordering::Relaxed) {
        anyhow::bail!("interrupted after {} events; import again to go on", grouped(report.tally.admitted));
    }
    Ok(report)
}

/// Defines the meters that are not there; those that are stay as they are.
pub(super) async fn define(node: &Node, meters: &[Meter]) -> anyhow::Result<()> {
    let known = node.tenants.meters();
    for meter in meters.iter().filter(|meter| known.iter().all(|known| known.name != meter.name)) {
        let command = Command::Meters(MetersCommand::Define(meter.clone()));
        node.command(PLATFORM, command, PRINCIPAL).await?;
    }
    Ok(())
}

fn there(
    remote: &Remote,
    meters: &[Meter],
    batches: Batches,
    wait_max: Duration,
    progress: &Progress,
) -> anyhow::Result<ImportReport> {
    for meter in meters {
        let definition = serde_json::to_value(meter)?;
        let request = Request::put(format!("/v1/meters/{}", meter.name), definition);
        remote.send(&request).with_context(|| format!("meter {}", meter.name))?;
    }
    upload::run(remote, batches, wait_max, progress)
}

fn summarise(name: &str, report: &ImportReport) {
    let tally = &report.tally;
    let seconds = report.took.as_secs_f64().max(0.001);
    let answered = tally.admitted + tally.duplicate + tally.rejected;
    note(&format!(
        "{name}: {} events in {seconds:.1} s ({} a second): {} admitted ({} late), {} duplicate, {} rejected; {} tenants created",
        grouped(answered),
        grouped((answered as f64 / seconds) as u64),
        grouped(tally.admitted),
        grouped(tally.late),
        grouped(tally.duplicate),
        grouped(tally.rejected),
        report.tenants_created,
    ));
    if report.rejections.is_empty() {
        return;
    }
    let mut table = Table::new(["rejected", "reason", "field", "for instance"]);
    for ((reason, field), (count, sample)) in &report.rejections {
        table.push(vec![grouped(*count), reason.as_str().to_owned(), field.clone(), sample.clone()]);
    }
    note(table.to_string().trim_end());
}
