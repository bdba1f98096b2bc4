//! The real multi-tenant trace through the whole node, against figures that were computed without it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actors::facets::meters::MetersCommand;
use actors::facets::quota::QuotaCommand;
use actors::limit::{Allowance, Limit};
use actors::{Command, PLATFORM};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use datasets::azure::{AzureTrace, EventOptions, Shuffle, Summary};
use datasets::{DatasetBatch, DatasetError, invocation_meters};
use engine::admission::{Reason, Tally};
use engine::calendar::{Calendar, Period};
use engine::clock::SystemClock;
use engine::units::Units;
use pipelines::catalog::Visibility;
use server::import;
use server::node::{Node, NodeOptions};

use crate::trace;

const EVENTS: u64 = 3_037_902;
const WHALE: &str = "ffdd3d1c6a84caf0b741293bfac9d0d9c6445b53dfc29417d196981d0bb1192a";
const WHALE_EVENTS: u64 = 1_915_521;

struct House {
    runtime: tokio::runtime::Runtime,
    node: Arc<Node>,
    _data: tempfile::TempDir,
}

impl House {
    /// A node with the trace's meters.
    fn new() -> Self {
        let house = Self::bare(|_| ());
        for meter in invocation_meters() {
            house.define(meter);
        }
        house
    }

    /// A node without meters, its options changed.
    fn bare(change: impl FnOnce(&mut NodeOptions)) -> Self {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let data = tempfile::tempdir().unwrap();
        let mut options = NodeOptions::new(data.path());
        change(&mut options);
        let node = runtime.block_on(Node::open(options, Arc::new(SystemClock))).unwrap();
        Self { runtime, node, _data: data }
    }

    fn define(&self, meter: engine::meter::Meter) {
        let define = Command::Meters(MetersCommand::Define(meter));
        self.runtime.block_on(self.node.command(PLATFORM, define, "test")).unwrap();
    }

    fn import(&self, trace: &AzureTrace, options: EventOptions) -> import::ImportReport {
        let whole = |batch| DatasetBatch { batch, rejected: Vec::new() };
        let batches = trace.events(options).map(|batch: Result<_, DatasetError>| batch.map(whole));
        import::run(&self.node, batches, &import::Terms::default()).unwrap()
    }

    /// The rows of a query as text, cells joined by commas.
    fn rows(&self, sql: &str) -> Vec<String> {
        self.node.engine.cut().unwrap();
        let batches = self.runtime.block_on(async {
            self.node.catalog.query(&Visibility::Platform, sql).await.unwrap().collect().await.unwrap()
        });
        let mut rows = Vec::new();
        for batch in &batches {
            let options = FormatOptions::default();
            let columns: Vec<_> =
                batch.columns().iter().map(|column| ArrayFormatter::try_new(column, &options).unwrap()).collect();
            for row in 0..batch.num_rows() {
                rows.push(columns.iter().map(|column| column.value(row).to_string()).collect::<Vec<_>>().join(","));
            }
        }
        rows
    }
}

const WINDOWS: &str =
    "SELECT tenant, meter, dimensions, window_start, window_end, value FROM usage ORDER BY 1, 2, 3, 4";

fn totals_are_those_of_the_file(house: &House, trace: &Path) {
    let summary = Summary::read(trace).unwrap();
    let mut expect = BTreeMap::new();
    for (tenant, total) in &summary.tenants {
        expect.insert(tenant.to_string(), (Units::whole(total.invocations as i64), total.gb_seconds));
    }
    let mut found: BTreeMap<String, (Units, Units)> = BTreeMap::new();
    for (meter, at) in [("invocations", 0), ("gb_seconds", 1)] {
        for row in house.rows(&format!("SELECT tenant, sum(value) FROM meter_{meter} GROUP BY tenant")) {
            let (tenant, value) = row.split_once(',').unwrap();
            let entry = found.entry(tenant.to_owned()).or_default();
            *(if at == 0 { &mut entry.0 } else { &mut entry.1 }) = value.parse().unwrap();
        }
    }
    assert_eq!(found, expect);
    assert_eq!(house.rows("SELECT count(*), count(DISTINCT tenant) FROM meter_invocations"), ["58121,428"]);
}

#[test]
fn the_trace_gives_exactly_its_own_totals_once_and_twice() {
    let Some(folder) = trace::folder() else { return };
    let (house, trace) = (House::new(), AzureTrace::open(&folder).unwrap());
    let report = house.import(&trace, EventOptions::default());
    assert_eq!((report.tally.admitted, report.tally.duplicate, report.tally.rejected), (EVENTS, 0, 0));
    assert_eq!(report.tenants_created, 428);
    totals_are_those_of_the_file(&house, &folder);
    let everything = |house: &House| {
        let views = ["usage", "usage_total", "tenants", "quotas", "meters", "rejections", "late_events", "audit"];
        views.map(|view| {
            let mut rows = house.rows(&format!("SELECT * FROM {view}"));
            rows.sort();
            rows
        })
    };
    let before = everything(&house);
    let again = house.import(&trace, EventOptions::default());
    assert_eq!(again.tally, Tally { duplicate: EVENTS, ..Tally::default() });
    assert!(everything(&house) == before, "importing again changed a view");
    assert_eq!(house.rows("SELECT count(*) FROM events"), [EVENTS.to_string()]);
}

#[test]
fn a_hard_allowance_holds_exactly_against_eight_importers() {
    let Some(folder) = trace::folder() else { return };
    let (house, trace) = (House::new(), AzureTrace::open(&folder).unwrap());
    house.runtime.block_on(house.node.tenants.create(WHALE, "test")).unwrap();
    let per = Calendar { period: Period::Day, time_zone: "UTC".into() };
    let allowance = Some(Allowance { units: Units::whole(1_000_000), per });
    let limit = Limit { allowance, rate: None, hard: true };
    let set = Command::Quota(QuotaCommand::Set { meter: "invocations".into(), limit });
    house.runtime.block_on(house.node.command(WHALE, set, "test")).unwrap();

    let mut tally = Tally::default();
    std::thread::scope(|scope| {
        let (house, trace) = (&house, &trace);
        let part = |k| move || house.import(trace, EventOptions { part: Some((k, 8)), ..EventOptions::default() });
        let importers: Vec<_> = (0..8).map(|k| scope.spawn(part(k))).collect();
        for importer in importers {
            let report = importer.join().unwrap();
            tally += report.tally;
            for (reason, field) in report.rejections.keys() {
                assert_eq!((*reason, field.as_str()), (Reason::QuotaExceeded, "invocations"));
            }
        }
    });
    assert_eq!((tally.admitted, tally.rejected), (EVENTS - 915_521, 915_521));
    let of_whale = |what: &str, view: &str| house.rows(&format!("SELECT {what} FROM {view} WHERE tenant = '{WHALE}'"));
    assert_eq!(of_whale("CAST(sum(value) AS BIGINT)", "meter_invocations"), ["1000000"]);
    assert_eq!(of_whale("reason, count", "rejections"), ["quota_exceeded,915521"]);
    let day = "CAST(used AS BIGINT), CAST(remaining AS BIGINT)";
    assert!(of_whale(day, "quotas").contains(&"1000000,0".to_owned()), "{:?}", of_whale("*", "quotas"));
    let others = format!("SELECT CAST(sum(value) AS BIGINT) FROM meter_invocations WHERE tenant <> '{WHALE}'");
    assert_eq!(house.rows(&others), [(EVENTS - WHALE_EVENTS).to_string()], "no other tenant is touched");
}

#[test]
fn windows_do_not_depend_on_the_order_of_arrival() {
    let Some(folder) = trace::folder() else { return };
    let trace = AzureTrace::open(&folder).unwrap();
    let (in_order, shuffled) = (House::new(), House::new());
    in_order.import(&trace, EventOptions::default());
    let shuffle = Some(Shuffle { seed: 11, within_s: 600 });
    let report = shuffled.import(&trace, EventOptions { shuffle, ..EventOptions::default() });
    assert_eq!(report.tally.admitted, EVENTS);
    assert!(report.tally.late > 0, "ten minutes out of order is late for some");
    assert!(in_order.rows(WINDOWS) == shuffled.rows(WINDOWS), "a window's value depends on the order");
}

#[test]
fn meters_defined_after_events_went_to_the_lake_know_the_past() {
    let Some(folder) = trace::folder() else { return };
    let trace = AzureTrace::open(&folder).unwrap();
    let late = House::bare(|options| options.engine.archive_above_bytes = 1);
    late.import(&trace, EventOptions::default());
    // What was moved to the lake by one checkpoint is trimmed by the next.
    let (log, deadline) = (late.node.engine.log(), Instant::now() + Duration::from_secs(60));
    while log.start() == 0 {
        assert!(Instant::now() < deadline, "never moved to the lake");
        late.node.engine.checkpoint().unwrap();
    }
    assert_eq!(late.rows("SELECT count(*), count(DISTINCT id) FROM events"), ["3037902,3037902"]);
    let early = House::new();
    early.import(&trace, EventOptions::default());
    for meter in ["gb_seconds", "functions"] {
        late.define(invocation_meters().into_iter().find(|defined| defined.name == meter).unwrap());
        let windows = format!(
            "SELECT * EXCEPT (revision, final, correction) FROM meter_{meter} ORDER BY tenant, function, window_start"
        );
        assert!(late.rows(&windows) == early.rows(&windows), "a backfilled window of {meter} differs");
    }
}
