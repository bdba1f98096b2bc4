//! `tenantry import`: events from a file, into a data folder or a running node.
//!
//! Not here: file formats (`datasets`), admission (`import` and the engine), sending over the network ([`super::upload`]).

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Context;
use clap::error::ErrorKind;
use clap::{Args, CommandFactory, ValueEnum};
use datasets::azure::{AzureTrace, EventOptions};
use datasets::{CloudEventsImport, CsvImport, DatasetBatch, DatasetError, ImportOptions, Mapping, ParquetImport};
use engine::admission::Rejection;
use engine::clock::{Clock, SystemClock};
use engine::lock::Lock;
use engine::meter::Meter;

use crate::import::{ImportReport, Terms};

use super::api::{Request, path};
use super::place::Place;
use super::progress::{Progress, counted, grouped, note};
use super::remembered::{Consent, known_since_us};
use super::site::{IfAbsent, Site, at};
use super::table::Table;
use super::{Cli, Ended, stop, upload};

const US_PER_S: i64 = 1_000_000;

/// Batches from whatever source.
pub(super) type Batches = Box<dyn Iterator<Item = Result<DatasetBatch, DatasetError>> + Send>;

/// Import events from a file
#[derive(Debug, Args)]
#[command(after_help = "\
Text is UTF-8, its lines end in any way, and it may be compressed with gzip or zstd. Importing is safe to
repeat for as long as ids are remembered (events.dedup_horizon_s, 34 days unless set): what was admitted
before is counted as a duplicate. Events that are older, in a node that has forgotten ids, are asked about
or want --older-than-dedup. Tenants that are not known are created (with --url: if the key is the
platform's and has the scope admin). Events that a rate limit refuses are sent again as fast as it
allows. A running node that answers 429 or 503 is sent the same again when it says, or after pauses that
grow to 30 s. --wait-max-s bounds how long either may go on without an event being taken.

cloudevents       one CloudEvents 1.0 object a line, or a JSON array of them
csv, parquet      columns are named by flags or by a mapping file (TOML or JSON, the flags' names).
                  Without --id-column a row is known by what it says: re-saved, with columns in
                  another order or rows added, moved or mended, it is the same event, and so is an
                  equal row of another file (give each feed its own --source-name)
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
    /// Longest wait for a rate limit, a busy node or one that is out of space
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    wait_max_s: u64,
    /// Import events though their ids may be forgotten, so that they could count twice
    #[arg(long)]
    older_than_dedup: bool,
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
    /// How it is written: rfc3339 (offset and seconds may be missing), unix_s, unix_ms, unix_us, unix_ns or a
    /// strptime pattern
    #[arg(long, value_name = "FORMAT")]
    time_format: Option<String>,
    /// Time zone of times that do not state their own, in texts, dates and timestamps [default: UTC]
    #[arg(long, value_name = "ZONE")]
    time_zone: Option<String>,
    /// Column of the event's id; without it one is derived from what the row says
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
    /// The first flag that means nothing for files of `format`, with what to do.
    fn without_effect(&self, format: Format) -> Option<String> {
        let of_rows = [
            ("--mapping", self.mapping.is_some()),
            ("--tenant-column", self.tenant_column.is_some()),
            ("--time-column", self.time_column.is_some()),
            ("--time-format", self.time_format.is_some()),
            ("--time-zone", self.time_zone.is_some()),
            ("--id-column", self.id_column.is_some()),
            ("--source-name", self.source_name.is_some()),
            ("--type", self.event_type.is_some()),
            ("--type-column", self.type_column.is_some()),
            ("--subject-column", self.subject_column.is_some()),
            ("--include", self.include.is_some()),
            ("--exclude", !self.exclude.is_empty()),
        ];
        let given = |flags: &[(&'static str, bool)]| flags.iter().find(|(_, given)| *given).map(|(flag, _)| *flag);
        let is_rows = matches!(format, Format::Csv | Format::Parquet);
        let wrong = given(&of_rows).filter(|_| !is_rows);
        let wrong = wrong.or(given(&[("--tenant", self.tenant.is_some() && format == Format::AzureFunctions)]));
        let wrong = wrong.or(given(&[("--delimiter", self.delimiter.is_some() && format != Format::Csv)]))?;
        let format = format.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned());
        Some(format!("{wrong} has no effect on files of the format {format}; leave it out"))
    }

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
        if let Some(wrong) = self.columns.without_effect(self.format) {
            Cli::command().error(ErrorKind::ArgumentConflict, wrong).exit();
        }
        let meters = match self.format {
            Format::AzureFunctions => datasets::invocation_meters(),
            _ => Vec::new(),
        };
        let name = self.source.display().to_string();
        let options = self.options()?;
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
        let stopped = Arc::new(AtomicBool::new(false));
        let _watch = watch(&stopped)?;
        let progress = Progress::begin(&name);
        let waits = Waits::default();
        let terms = Terms {
            wait_max: Duration::from_secs(self.wait_max_s),
            stopped: &stopped,
            progress: &|tally| progress.show(tally),
            waits: &|reason| waits.tell(reason),
        };
        let consent = Consent::default();
        let report = at(&self.place, IfAbsent::Make, |site| {
            define(site, &meters)?;
            let batches = match self.older_than_dedup {
                true => batches,
                false => consent.watch(batches, known_since_us(site, options.now_us), progress.pause()),
            };
            match site {
                Site::Remote(remote) => upload::run(remote, batches, &terms),
                Site::Local(local) => Ok(crate::import::run(&local.node, batches, &terms)?),
            }
        })?;
        drop(progress);
        summarise(&name, &report);
        if stopped.load(Ordering::Relaxed) {
            anyhow::bail!(
                "interrupted; run the same import again to go on: ids dedup within events.dedup_horizon_s, so nothing counts twice"
            );
        }
        consent.check()?;
        Ok(if report.tally.rejected > 0 { Ended::WithRejections } else { Ended::Well })
    }
}

impl Import {
    /// The times that events may have: those of the data folder's settings; a running node has its own and decides itself.
    fn options(&self) -> anyhow::Result<ImportOptions> {
        let options = ImportOptions::new(SystemClock.now_us());
        if self.place.remote()?.is_some() {
            return Ok(ImportOptions { past_max_us: None, future_max_us: i64::MAX, ..options });
        }
        let events = self.place.settings()?.config.events;
        let (past, future) = (i64::from(events.past_s_max), i64::from(events.future_s_max));
        Ok(ImportOptions { past_max_us: Some(past * US_PER_S), future_max_us: future * US_PER_S, ..options })
    }
}

/// Sets `stopped` at the first Ctrl-C or SIGTERM, as long as what is given back lives.
fn watch(stopped: &Arc<AtomicBool>) -> anyhow::Result<tokio::runtime::Runtime> {
    let signals = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let flag = Arc::clone(stopped);
    signals.spawn(async move {
        if stop::asked().await.is_ok() {
            flag.store(true, Ordering::Relaxed);
        }
    });
    Ok(signals)
}

/// Why the import waits, told once for each limit.
#[derive(Default)]
struct Waits(Lock<String>);

impl Waits {
    fn tell(&self, reason: &Rejection) {
        let limit = format!("{} ({})", reason.reason.as_str(), reason.field);
        let told = std::mem::replace(&mut *self.0.lock(), limit.clone());
        if told != limit {
            note(&format!("{limit}: {}; sending what was refused again, as fast as it is taken", reason.detail));
        }
    }
}

/// Defines the meters that are not there; those that are stay as they are.
fn define(site: &Site, meters: &[Meter]) -> anyhow::Result<()> {
    if meters.is_empty() {
        return Ok(());
    }
    let known: Vec<Meter> = serde_json::from_slice(&site.answer(&Request::get(path(&["meters"])))?)?;
    for meter in meters.iter().filter(|meter| known.iter().all(|known| known.name != meter.name)) {
        let request = Request::put(path(&["meters", &meter.name]), serde_json::to_value(meter)?);
        site.answer(&request).with_context(|| format!("meter {}", meter.name))?;
    }
    Ok(())
}

fn summarise(name: &str, report: &ImportReport) {
    let tally = &report.tally;
    let seconds = report.took.as_secs_f64().max(0.001);
    let answered = tally.admitted + tally.duplicate + tally.rejected;
    note(&format!(
        "{name}: {} in {seconds:.1} s ({} a second): {} admitted ({} late), {} duplicate, {} rejected; {} created",
        counted(answered, "event"),
        grouped((answered as f64 / seconds) as u64),
        grouped(tally.admitted),
        grouped(tally.late),
        grouped(tally.duplicate),
        grouped(tally.rejected),
        counted(report.tenants_created as u64, "tenant"),
    ));
    if report.rejections.is_empty() {
        return;
    }
    let mut table = Table::new(["rejected", "reason", "field", "for instance"]).whole();
    for ((reason, field), (count, sample)) in &report.rejections {
        table.push(vec![grouped(*count), reason.as_str().to_owned(), field.clone(), sample.clone()]);
    }
    note(table.to_string().trim_end());
}
