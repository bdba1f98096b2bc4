//! `tenantry demo`: the main job on generated events, live or once.

use std::io::{IsTerminal, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::Args;
use datasets::DatasetBatch;
use engine::clock::SystemClock;
use pipelines::catalog::{Catalog, Visibility};

use crate::config::{ConfigError, Layers, Log, LogFormat, Settings};
use crate::demo::{self, Demo as Prepared, DemoOptions, Pulse, REPORT, TRY};
use crate::import::{ImportReport, Terms};
use crate::serving::Serving;
use crate::telemetry::logging;

use super::output::{Format, Printer};
use super::progress::{Progress, grouped, note};
use super::{Ended, runtime, stop};

/// Seconds of events that `--once` processes.
const ONCE_S: u32 = 30;

/// Drive generated tenants live through a node, or once
#[derive(Debug, Args)]
#[command(after_help = "\
Runs a node on a folder of its own (removed at the end unless --data names one), makes tenants with plans
and quotas, and sends their events through the same admission and durability as anybody's. Prints where to
connect and queries worth trying; Ctrl-C drains.

Examples:
  tenantry demo
  tenantry demo --rate 100000 --tenants 1000
  tenantry demo --once                      a bounded stream as fast as it goes, then a report")]
pub(super) struct Demo {
    /// Process a bounded stream, print a report and end
    #[arg(long)]
    once: bool,
    /// How many tenants
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    tenants: u32,
    /// Events a second
    #[arg(long, default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(1..))]
    rate: u32,
    /// The same seed, the same events
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Seconds of events: how long the live demo runs [default: until Ctrl-C], how much --once processes
    /// [default: 30]
    #[arg(long)]
    seconds: Option<u32>,
    /// Data folder, kept at the end
    #[arg(long, value_name = "FOLDER")]
    data: Option<PathBuf>,
    /// Address of the HTTP API; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    http: SocketAddr,
    /// Address of the Postgres wire protocol; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:5433")]
    postgres: SocketAddr,
    /// Address of Arrow Flight SQL; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8815")]
    flight: SocketAddr,
}

impl Demo {
    pub(super) fn run(self) -> anyhow::Result<Ended> {
        logging::init(&Log { filter: "warn".into(), format: LogFormat::Text })?;
        let folder = Folder::choose(self.data.clone())?;
        let settings = self.settings(&folder)?;
        let mut config = settings.config.clone();
        let runtime = runtime()?;
        if self.once {
            (config.http.address, config.postgres.address, config.flight.address) = (None, None, None);
        }
        let serving = runtime.block_on(Serving::open(&config, Arc::new(SystemClock)))?;
        if let Some(told) = settings.without_effect(serving.node.shards()) {
            note(&format!("note: {told}"));
        }
        // A bounded stream ends now, a live one begins.
        let begin_s_ago = if self.once { self.seconds.unwrap_or(ONCE_S) } else { 0 };
        let options = DemoOptions { tenants: self.tenants, events_per_s: self.rate, seed: self.seed, begin_s_ago };
        let prepared = runtime.block_on(demo::prepare(&serving.node, &options))?;
        if self.once {
            self.once(&runtime, serving, prepared)?;
        } else {
            self.live(&runtime, serving, prepared)?;
        }
        Ok(Ended::Well)
    }

    fn settings(&self, folder: &Folder) -> Result<Settings, ConfigError> {
        let flags = [
            ("--data", "data", folder.path.display().to_string()),
            ("--http", "http.address", self.http.to_string()),
            ("--postgres", "postgres.address", self.postgres.to_string()),
            ("--flight", "flight.address", self.flight.to_string()),
        ];
        let flags = flags.map(|(flag, name, value)| (flag.to_owned(), name.to_owned(), value));
        Layers::gather(None, flags.to_vec())?.merge()
    }

    /// As fast as it goes, through the import path, then the report.
    fn once(&self, runtime: &tokio::runtime::Runtime, serving: Serving, prepared: Prepared) -> anyhow::Result<()> {
        let events = u64::from(self.rate) * u64::from(self.seconds.unwrap_or(ONCE_S));
        let alone = |batch| DatasetBatch { batch, rejected: Vec::new() };
        let batches = prepared.generator.take(events).map(|batch| batch.map(alone));
        let progress = Progress::begin("demo");
        let terms = Terms { progress: &|tally| progress.show(tally), wait_max: Duration::ZERO, ..Terms::default() };
        let report = crate::import::run(&serving.node, batches, &terms)?;
        drop(progress);
        runtime.block_on(async {
            print_report(&serving.node.catalog, &report).await?;
            anyhow::Ok(serving.drain().await?)
        })
    }

    fn live(&self, runtime: &tokio::runtime::Runtime, mut serving: Serving, prepared: Prepared) -> anyhow::Result<()> {
        print_welcome(&serving, &prepared)?;
        let stopped = Arc::new(AtomicBool::new(false));
        let (node, flag) = (Arc::clone(&serving.node), Arc::clone(&stopped));
        let driver = std::thread::Builder::new()
            .name("demo".into())
            .spawn(move || demo::drive(&node, prepared.generator, &flag, show_pulse()))?;
        let ended = runtime.block_on(async {
            let time_is_up = async {
                match self.seconds {
                    Some(seconds) => tokio::time::sleep(Duration::from_secs(seconds.into())).await,
                    None => std::future::pending().await,
                }
            };
            let driver_ended = async {
                while !driver.is_finished() {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            };
            tokio::select! {
                asked = stop::asked() => asked.map_err(anyhow::Error::from),
                () = time_is_up => Ok(()),
                () = driver_ended => Ok(()),
                broken = serving.broken() => Err(broken.into()),
            }
        });
        stopped.store(true, Ordering::Relaxed);
        let driven = driver.join().map_err(|_| anyhow::anyhow!("the thread that sends events died"))?;
        note("draining");
        runtime.block_on(serving.drain())?;
        ended?;
        let total = driven?;
        note(&format!(
            "{} events admitted, {} duplicates, {} rejected",
            grouped(total.admitted),
            grouped(total.duplicate),
            grouped(total.rejected)
        ));
        Ok(())
    }
}

fn print_welcome(serving: &Serving, prepared: &Prepared) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    let (tenant, tenant_key) = &prepared.tenant_key;
    writeln!(out, "\nA node with live tenants. Ctrl-C drains and ends.\n")?;
    if let Some(http) = serving.http_address() {
        writeln!(out, "  HTTP      http://{http}   (OpenAPI: /openapi.json, metrics: /metrics)")?;
    }
    writeln!(out, "  key       {}   (the platform's, sees all)", prepared.platform_key)?;
    writeln!(out, "            {tenant_key}   (sees {tenant} only)")?;
    if let Some(flight) = serving.flight_address() {
        writeln!(out, "  Flight    grpc://{flight}   (Arrow Flight SQL; the key as bearer token)")?;
    }
    if let Some(postgres) = serving.postgres_address() {
        let (host, port) = (postgres.ip(), postgres.port());
        let line = |user: &str, key: &str| {
            format!("psql \"host={host} port={port} dbname=tenantry user={user} password={key}\"")
        };
        writeln!(out, "\n  {}", line(actors::PLATFORM, &prepared.platform_key))?;
        writeln!(out, "  {}", line(tenant, tenant_key))?;
    }
    writeln!(out, "\nWorth trying:")?;
    for statement in TRY {
        writeln!(out, "  {statement};")?;
    }
    writeln!(out)?;
    out.flush()
}

/// A line that renews itself on a terminal, a line every ten seconds otherwise.
fn show_pulse() -> impl FnMut(&Pulse) {
    let terminal = std::io::stderr().is_terminal();
    let mut beats = 0_u64;
    move |pulse| {
        let rate = |count: u64| grouped((count as f64 / pulse.took.as_secs_f64().max(0.001)) as u64);
        let recent = &pulse.recent;
        let line = format!(
            "{} events/s admitted, {} duplicate, {} rejected; slowest answer {} ms; {} in all",
            rate(recent.admitted),
            rate(recent.duplicate),
            rate(recent.rejected),
            pulse.answer_max.as_millis(),
            grouped(pulse.total.admitted),
        );
        beats += 1;
        if terminal {
            // Nobody to show it to is no reason to stop.
            let _ = write!(std::io::stderr(), "\r\x1b[K{line}");
        } else if beats % 10 == 1 {
            note(&line);
        }
    }
}

async fn print_report(catalog: &Catalog, report: &ImportReport) -> anyhow::Result<()> {
    for (title, statement) in REPORT {
        writeln!(std::io::stdout(), "\n{title}\n")?;
        let frame = catalog.query(&Visibility::Platform, statement).await?;
        let schema = Arc::new(frame.schema().as_arrow().clone());
        let mut printer = Printer::begin(Format::Table, &schema, std::io::stdout())?;
        for batch in frame.collect().await? {
            printer.print(&batch)?;
        }
        printer.end()?;
    }
    let tally = &report.tally;
    let events = tally.admitted + tally.duplicate + tally.rejected;
    let seconds = report.took.as_secs_f64().max(0.001);
    let rate = grouped((events as f64 / seconds) as u64);
    writeln!(
        std::io::stdout(),
        "\nEngine\n\n{} events in {seconds:.2} s, {rate} a second, durable and deduplicated:\n\
         {} admitted ({} late), {} duplicate, {} rejected",
        grouped(events),
        grouped(tally.admitted),
        grouped(tally.late),
        grouped(tally.duplicate),
        grouped(tally.rejected),
    )?;
    Ok(())
}

/// The demo's data folder; one of its own is removed at the end.
struct Folder {
    path: PathBuf,
    own: bool,
}

impl Folder {
    fn choose(named: Option<PathBuf>) -> std::io::Result<Self> {
        if let Some(path) = named {
            return Ok(Self { path, own: false });
        }
        let path = std::env::temp_dir().join(format!("tenantry-demo-{}", std::process::id()));
        std::fs::create_dir(&path)?;
        Ok(Self { path, own: true })
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if self.own {
            // What remains is in the system's temporary folder, which it clears by itself.
            let _ = std::fs::remove_dir_all(&self.path);
        }
    }
}
