//! Query under load: SQL over the live view while a paced stream is admitted, durable and metered five ways, on one
//! node. A point query sums one tenant's usage; the other groups all tenants.
//!
//! Limit: the rows that the view gives, held as plain pairs and walked once under the same load. Not here: the doors.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use actors::facets::meters::MetersCommand;
use actors::{Command, PLATFORM};
use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::Decimal128Type;
use datasets::DatasetBatch;
use datasets::generator::Generator;
use engine::clock::ManualClock;
use pipelines::catalog::Visibility;
use server::import;
use server::node::{Node, NodeOptions};
use tokio::runtime::Runtime;

use crate::bench::{Bench, Figure, Work};
use crate::input::{self, NOW_US, ROWS};

/// Events a second while queries run; leaves a small machine some time for them.
const LOAD_PER_S: u64 = 50_000;
/// Rows of one submission of the load.
const LOAD_ROWS: usize = 1024;
/// Batches that are in before the first query.
const HISTORY: usize = 64;

pub(crate) fn bench(bench: &mut Bench) {
    for &tenants in bench.tenants() {
        let data = tempfile::tempdir().unwrap();
        let runtime = Runtime::new().unwrap();
        let mut stream = input::generator(tenants);
        let history: Vec<_> = (0..bench.scaled(HISTORY)).map(|_| input::next(&mut stream)).collect();
        let node = runtime.block_on(async {
            let clock = Arc::new(ManualClock::new(NOW_US));
            let node = Node::open(NodeOptions::new(data.path()), clock).await.unwrap();
            for meter in datasets::invocation_meters() {
                node.command(PLATFORM, Command::Meters(MetersCommand::Define(meter)), "bench").await.unwrap();
            }
            node
        });
        let whole = |batch| Ok(DatasetBatch { batch, rejected: Vec::new() });
        import::run(&node, history.into_iter().map(whole), &import::Terms::default()).unwrap();
        node.engine.cut().unwrap();

        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let load = scope.spawn(|| load(&node, stream, &stop));
            queries(bench, tenants, &runtime, &node);
            stop.store(true, Ordering::Relaxed);
            load.join().unwrap();
        });
        runtime.block_on(node.drain()).unwrap();
    }
}

fn queries(bench: &mut Bench, tenants: u32, runtime: &Runtime, node: &Node) {
    let ask = |sql: &str| -> Vec<RecordBatch> {
        runtime
            .block_on(async { node.catalog.query(&Visibility::Platform, sql).await.unwrap().collect().await.unwrap() })
    };
    let rows = pairs(&ask("SELECT tenant, value FROM usage WHERE meter = 'gb_seconds'"));
    let asked = rows[rows.len() / 2].0.clone();

    let point = format!("SELECT sum(value) FROM usage WHERE meter = 'gb_seconds' AND tenant = '{asked}'");
    let figure = |name: &str| Figure {
        stage: "query",
        name: format!("{name}, {tenants} tenants"),
        unit: "queries",
        count: 1,
        batches: 1,
    };
    let sum = |()| rows.iter().filter(|(tenant, _)| *tenant == asked).map(|(_, value)| value).sum::<i128>();
    let limit = Work { setup: || (), routine: sum };
    bench.beside(figure("one tenant"), Work { setup: || (), routine: |()| ask(&point) }, "walk all rows", limit);

    let group = "SELECT tenant, sum(value) FROM usage WHERE meter = 'gb_seconds' GROUP BY tenant";
    let sums = |()| {
        let mut sums: HashMap<&str, i128> = HashMap::new();
        for (tenant, value) in &rows {
            *sums.entry(tenant).or_default() += value;
        }
        sums
    };
    let limit = Work { setup: || (), routine: sums };
    bench.beside(figure("group all"), Work { setup: || (), routine: |()| ask(group) }, "hash table, one sum", limit);
}

/// Submits at an even pace; when the node falls behind it is not pressed harder.
fn load(node: &Node, mut stream: Generator, stop: &AtomicBool) {
    let pause = Duration::from_micros(LOAD_ROWS as u64 * 1_000_000 / LOAD_PER_S);
    loop {
        let batch = input::next(&mut stream);
        for offset in (0..ROWS).step_by(LOAD_ROWS) {
            if stop.load(Ordering::Relaxed) {
                return;
            }
            let due = Instant::now() + pause;
            node.engine.submit_and_wait(batch.slice(offset, LOAD_ROWS)).unwrap();
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
        }
    }
}

fn pairs(batches: &[RecordBatch]) -> Vec<(String, i128)> {
    let of = |batch: &RecordBatch| {
        let (tenants, values) =
            (batch.column(0).as_string::<i32>().clone(), batch.column(1).as_primitive::<Decimal128Type>().clone());
        (0..batch.num_rows()).map(move |row| (tenants.value(row).to_owned(), values.value(row)))
    };
    batches.iter().flat_map(of).collect()
}
