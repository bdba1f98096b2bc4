//! The same statements to a node and to a real PostgreSQL with the same rows: equal, or refused with a reason; never different.
//!
//! [`cluster`] is PostgreSQL, [`site`] the node whose views are copied into it, [`corpus`] what is asked, [`outcome`] what was
//! said and [`verdict`] what that means. Compared are names and types of columns, and values in text and in binary. What is
//! different and known to be stands in the page `docs/SQL_DIFFERENCES.md`, with the reason; the page may list nothing else.
//!
//! Where PostgreSQL is missing the test says so and skips, but fails under `CI=true`. `TENANTRY_AGAINST_POSTGRES_TOPIC` asks
//! one file of the corpus only, `TENANTRY_AGAINST_POSTGRES_REFUSED=1` shows what the node refuses.

mod cluster;
mod site;
mod corpus;
mod outcome;
mod verdict;
mod random;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};

use cluster::Cluster;
use corpus::{Page, Topic};
use outcome::Outcome;
use site::{Door, Site};
use verdict::Verdict;

/// Topics that are asked at a time.
const WORKERS: usize = 4;

/// Verdicts over one topic.
#[derive(Default)]
struct Count {
    equal: usize,
    typed: usize,
    refused: usize,
    different: usize,
}

/// What all topics came to.
#[derive(Default)]
struct Report {
    topics: BTreeMap<String, Count>,
    /// Refusals by SQLSTATE.
    states: BTreeMap<String, usize>,
    different: BTreeMap<String, String>,
    /// Types that were others, and are known to be.
    types: BTreeSet<(String, String)>,
}

impl Report {
    fn add(&mut self, topic: &str, sql: &str, verdict: Verdict, shows_refused: bool) {
        let count = self.topics.entry(topic.to_owned()).or_default();
        match verdict {
            Verdict::Equal => count.equal += 1,
            Verdict::Typed(types) => {
                count.typed += 1;
                self.types.extend(types);
            }
            Verdict::Refused { state, message } => {
                count.refused += 1;
                if shows_refused {
                    println!("refused in {topic}: {sql}\n    {state} {message}");
                }
                *self.states.entry(state).or_default() += 1;
            }
            Verdict::Different(why) => {
                count.different += 1;
                self.different.insert(sql.to_owned(), why);
            }
        }
    }

    fn with(mut self, other: Self) -> Self {
        self.topics.extend(other.topics);
        self.different.extend(other.different);
        self.types.extend(other.types);
        for (state, count) in other.states {
            *self.states.entry(state).or_default() += count;
        }
        self
    }

    fn print(&self) {
        println!("{:>14} {:>6} {:>6} {:>8} {:>10}", "", "equal", "typed", "refused", "different");
        let line = |name: &str, count: &Count| {
            println!("{name:>14} {:>6} {:>6} {:>8} {:>10}", count.equal, count.typed, count.refused, count.different);
        };
        let mut all = Count::default();
        for (name, count) in &self.topics {
            line(name, count);
            all.equal += count.equal;
            all.typed += count.typed;
            all.refused += count.refused;
            all.different += count.different;
        }
        line("all", &all);
        let states = self.states.iter().map(|(state, count)| format!("{state}: {count}")).collect::<Vec<_>>();
        println!("refused with {}", states.join(", "));
    }
}

/// Asks both in one session each.
fn run(topic: &Topic, (cluster, door): (&Cluster, &Door), page: &Page, report: &mut Report) {
    let shows_refused = std::env::var_os("TENANTRY_AGAINST_POSTGRES_REFUSED").is_some();
    let (postgres, mut node) = (cluster.connect(door.runtime()), door.connect());
    for sql in &topic.statements {
        let expect = door.runtime().block_on(outcome::ask(&postgres, sql));
        let found = door.runtime().block_on(outcome::ask(&node, sql));
        if let Outcome::Broken(_) = found {
            node = door.connect();
        }
        report.add(&topic.name, sql, verdict::compare(sql, &expect, &found, &page.types), shows_refused);
    }
}

/// Asks everything, one topic beside the other.
fn run_all(topics: &[&Topic], servers: (&Cluster, &Door), page: &Page) -> Report {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut report = Report::default();
        while let Some(topic) = topics.get(next.fetch_add(1, Ordering::Relaxed)) {
            run(topic, servers, page, &mut report);
        }
        report
    };
    std::thread::scope(|scope| {
        let workers = [(); WORKERS].map(|()| scope.spawn(work));
        workers.map(|worker| worker.join().unwrap()).into_iter().fold(Report::default(), Report::with)
    })
}

#[test]
fn the_corpus_is_answered_as_by_postgres_or_refused() {
    let Some(cluster) = Cluster::start() else { return };
    let site = Site::open();
    let door = site.door();
    door.copy_into(&cluster.connect(door.runtime()));
    let only = std::env::var("TENANTRY_AGAINST_POSTGRES_TOPIC").ok();
    let topics = corpus::topics();
    let asked = topics.iter().filter(|topic| only.as_ref().is_none_or(|only| &topic.name == only)).collect::<Vec<_>>();
    let page = Page::read();
    let report = run_all(&asked, (&cluster, &door), &page);
    report.print();
    let known = &page.statements;
    let unknown = report.different.iter().filter(|(sql, _)| !known.contains(*sql));
    let unknown = unknown.map(|(sql, why)| format!("{sql}\n    {why}\n")).collect::<String>();
    assert!(
        unknown.is_empty(),
        "other answers than PostgreSQL's, which docs/SQL_DIFFERENCES.md does not list:\n{unknown}"
    );
    if only.is_none() {
        let mended = known.iter().filter(|sql| !report.different.contains_key(*sql)).collect::<BTreeSet<_>>();
        let types = page.types.difference(&report.types).collect::<BTreeSet<_>>();
        assert!(types.is_empty(), "docs/SQL_DIFFERENCES.md lists types that do not differ: {types:#?}");
        assert!(mended.is_empty(), "docs/SQL_DIFFERENCES.md lists what does not differ, or is not asked: {mended:#?}");
    }
}
