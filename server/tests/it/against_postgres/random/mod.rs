//! Random statements of a typed grammar to a node and to PostgreSQL: each is answered alike, or refused by the node.
//!
//! [`grammar`] makes statements, [`expression`] what stands in them by [`rules`], [`aggregate`] and [`from`] parts of
//! their own; [`alike`] is what of two answers is compared. What is known to differ is not asked; each place that
//! leaves something out says why.
//!
//! `TENANTRY_AGAINST_POSTGRES_RANDOM` sets how many, `TENANTRY_SEED` which. The seed is the same each time unless one
//! is given: a statement that nobody asked before may find what nobody knew, and that should not stop who changed
//! something else. What the node refuses is always printed, by its reason.

mod kind;
mod rules;
mod grammar;
mod expression;
mod aggregate;
mod from;
mod alike;
mod tally;

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio_postgres::{Client, Column};

use super::cluster::Cluster;
use super::corpus::Page;
use super::outcome::{self, Outcome};
use super::site::{Door, Site, VIEWS};
use super::verdict::{self, Verdict};
use crate::trace;
use grammar::Grammar;
use kind::{Kind, Table};
use tally::{Asked, Tally};

const STATEMENTS: u64 = 1_000;
const SEED: u64 = 1;
/// Sessions that are asked at a time.
const WORKERS: usize = 4;
/// Statements of a session, which has a time zone of its own.
const SESSION: usize = 25;
const ZONES: [&str; 4] = ["UTC", "America/New_York", "UTC", "Asia/Kolkata"];

/// The columns by which rows of a view can be told apart.
fn key(view: &str) -> &'static [&'static str] {
    match view {
        "events" => &["revision"],
        "late_events" => &["revision", "meter"],
        "rejections" => &["tenant", "reason", "field"],
        "usage" => &["tenant", "meter", "window_start", "dimensions"],
        "usage_total" => &["tenant", "meter", "period_start"],
        "tenants" => &["tenant"],
        "meters" => &["name"],
        "quotas" => &["tenant", "meter", "kind", "period_start"],
        "meter_tokens" => &["tenant", "model", "region", "window_start"],
        "meter_calls" | "meter_latency" => &["tenant", "window_start"],
        other => panic!("{other} has no key here"),
    }
}

/// Columns that are left out: one begins before our era, which is written otherwise, and one is a number without a
/// sign, which few functions take.
const LEFT_OUT: [&str; 2] = ["watermark", "shard"];

/// The views as the node describes them.
fn tables(door: &Door) -> Vec<Table> {
    let node = door.connect();
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let table = |view: &str| {
        let described = door.runtime().block_on(node.prepare(&format!("SELECT * FROM {view}"))).unwrap();
        let columns = described.columns().iter().filter(|column| !LEFT_OUT.contains(&column.name()));
        let column = |column: &Column| (column.name().to_owned(), Kind::of_type(column.type_().name()));
        Table {
            name: view.to_owned(),
            columns: columns.map(column).collect(),
            key: owned(key(view)),
            small: ["tenants", "meters", "quotas", "rejections", "usage_total"].contains(&view),
        }
    };
    VIEWS.iter().map(|view| table(view)).collect()
}

/// Asks both `sql`, and compares what is not known to differ.
fn ask(door: &Door, (postgres, node): (&Client, &Client), sql: &str, page: &Page) -> (Verdict, Option<String>) {
    let runtime = door.runtime();
    let mut outcomes = (runtime.block_on(outcome::ask(postgres, sql)), runtime.block_on(outcome::ask(node, sql)));
    let error = match &outcomes.0 {
        Outcome::Refused { state, message } => Some(format!("{state} {message}")),
        _ => None,
    };
    let mut verdict = Verdict::Equal;
    for digits in alike::DIGITS {
        outcomes = alike::level(outcomes.0, outcomes.1, digits);
        verdict = verdict::compare(sql, &outcomes.0, &outcomes.1, &page.types);
        if !matches!(verdict, Verdict::Different(_)) {
            break;
        }
    }
    (verdict, error)
}

/// Asks the statements of one session.
fn run(session: usize, statements: &[String], (cluster, door): (&Cluster, &Door), page: &Page) -> Vec<Asked> {
    let zone = ZONES[session % ZONES.len()];
    let set = format!("SET TIME ZONE '{zone}'");
    let connect = |client: Client| {
        door.runtime().block_on(client.batch_execute(&set)).unwrap();
        client
    };
    let (postgres, mut node) = (connect(cluster.connect(door.runtime())), connect(door.connect()));
    let mut all = Vec::new();
    for (at, sql) in statements.iter().enumerate() {
        let (verdict, error) = ask(door, (&postgres, &node), sql, page);
        if node.is_closed() {
            node = connect(door.connect());
        }
        all.push(Asked { number: session * SESSION + at, zone, sql: sql.clone(), verdict, error });
    }
    all
}

/// Asks everything, one session beside the other.
fn run_all(statements: &[String], servers: (&Cluster, &Door), page: &Page) -> Vec<Asked> {
    let sessions = statements.chunks(SESSION).collect::<Vec<_>>();
    let next = AtomicUsize::new(0);
    let work = || {
        let mut all = Vec::new();
        loop {
            let session = next.fetch_add(1, Ordering::Relaxed);
            let Some(statements) = sessions.get(session) else { return all };
            all.extend(run(session, statements, servers, page));
        }
    };
    std::thread::scope(|scope| {
        let workers = [(); WORKERS].map(|()| scope.spawn(work));
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    })
}

#[test]
fn random_statements_are_answered_as_by_postgres_or_refused() {
    let Some(cluster) = Cluster::start() else { return };
    let site = Site::open();
    let door = site.door();
    door.copy_into(&cluster.connect(door.runtime()));
    let count = trace::number("TENANTRY_AGAINST_POSTGRES_RANDOM").unwrap_or(STATEMENTS);
    let seed = trace::number("TENANTRY_SEED").unwrap_or(SEED);
    println!("TENANTRY_AGAINST_POSTGRES_RANDOM={count} TENANTRY_SEED={seed}");
    let mut grammar = Grammar::new(seed, tables(&door));
    let statements = (0..count).map(|_| grammar.statement()).collect::<Vec<_>>();
    let tally = Tally::of(run_all(&statements, (&cluster, &door), &Page::read()));
    tally.print();
    let differences = tally.differences();
    assert!(differences.is_empty(), "with TENANTRY_SEED={seed} these differ:\n{differences}");
    let (both, refused) = tally.shares();
    assert!(both < 20 && refused < 40, "{both} % are refused by both and {refused} % by the node: what is asked then?");
}
