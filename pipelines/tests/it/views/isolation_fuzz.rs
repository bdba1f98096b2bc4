//! I6 against random SQL: whatever a tenant asks, no answer, column name, message or plan shows a mark of its 50
//! neighbours, and none changes when everything that the neighbours did is something else.
//!
//! The second says what the first can't: that no count, sum or comparison is about others' rows. What a tenant may know
//! of the whole is left out of it: the view `engine`. The doors are searched by the server's tests. One seed gives one run; `TENANTRY_ISOLATION_QUERIES` makes it
//! longer, `TENANTRY_ISOLATION_SEED` another.

mod expression;
mod grammar;
mod neighbourhood;

use std::fmt::Write;
use std::time::Instant;

use arrow::array::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::common::DataFusionError;
use futures::FutureExt;
use pipelines::catalog::{Catalog, Visibility};

use super::generate::Random;
use grammar::{Grammar, OWN, Table};
use neighbourhood::{CANARIES, NEIGHBOURS, Neighbourhood, PARROTS};

const QUERIES: u64 = 1000;
const SEED: u64 = 1;
/// The platform answers one of so many statements, to show that marks can be seen.
const PLATFORM_EVERY: u64 = 10;
/// How often a statement is asked until it gives the expected answer.
const ASKED_MAX: u32 = 8;

/// What a door would have to send.
#[derive(Debug)]
struct Answer {
    /// Column names and cells, or the message.
    text: String,
    executed: bool,
}

fn own() -> Visibility {
    Visibility::Tenant(OWN.into())
}

async fn ask(catalog: &Catalog, visibility: &Visibility, sql: &str) -> Answer {
    let answer = async {
        let frame = catalog.query(visibility, sql).await.map_err(DataFusionError::from)?;
        let names = format!("{}\n", frame.schema());
        Ok::<_, DataFusionError>((names, frame.collect().await?))
    };
    let answer = std::panic::AssertUnwindSafe(answer).catch_unwind().await;
    match answer.unwrap_or_else(|_| panic!("panicked: {sql}")) {
        Ok((names, batches)) => {
            let text = batches.iter().fold(names, written);
            Answer { text, executed: true }
        }
        Err(error) => Answer { text: error.to_string(), executed: false },
    }
}

/// `text` with the cells of `batch` behind it, a line a row.
fn written(mut text: String, batch: &RecordBatch) -> String {
    let options = FormatOptions::default().with_null("NULL");
    let columns = batch.columns().iter().map(|column| ArrayFormatter::try_new(column, &options).unwrap());
    let columns = columns.collect::<Vec<_>>();
    for row in 0..batch.num_rows() {
        columns.iter().for_each(|column| write!(text, "{}\t", column.value(row)).unwrap());
        text.push('\n');
    }
    text
}

/// Whether `catalog` comes to give `answer` too. It may take some asking: `LIMIT` without `ORDER BY` keeps what comes first.
async fn settled(catalog: &Catalog, sql: &str, answer: &Answer) -> bool {
    for _ in 0..ASKED_MAX {
        if own_part(sql, &ask(catalog, &own(), sql).await) == own_part(sql, answer) {
            return true;
        }
    }
    false
}

/// What of `answer` must not depend on others.
fn own_part(sql: &str, answer: &Answer) -> String {
    if !sql.starts_with("EXPLAIN ANALYZE") || !answer.executed {
        let mut lines = answer.text.lines().collect::<Vec<_>>();
        lines.sort_unstable();
        return lines.join("\n");
    }
    // Times and memory vary; what comes out of a node does not.
    let metrics = answer.text.split([',', '[']).map(str::trim);
    let outputs =
        metrics.filter_map(|metric| metric.strip_prefix("output_rows=").or(metric.strip_prefix("output_bytes=")));
    outputs.collect::<Vec<_>>().join(" ")
}

/// The first scan in a plan whose bound on `tenant` is not the asking tenant or nobody.
fn unbound_scan(plan: &str) -> Option<&str> {
    let mut scans = plan.lines().filter(|line| line.contains("ViewScan: view="));
    scans.find(|scan| !scan.contains(&format!(", tenant=[{OWN}]")) && !scan.contains(", tenant=[],"))
}

async fn tables(catalog: &Catalog) -> Vec<Table> {
    let sql = "SELECT table_name, column_name, data_type FROM information_schema.columns \
               WHERE table_schema = 'public' ORDER BY table_name";
    let answer = ask(catalog, &own(), sql).await;
    let columns = answer.text.lines().skip(1).map(|line| {
        let [table, column, data_type] = line.split('\t').take(3).collect::<Vec<_>>()[..] else { panic!("{line}") };
        [table, column, data_type].map(str::to_owned)
    });
    grammar::tables(columns)
}

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap())
}

/// On a stack that deep plans fit on.
fn run<F: Future<Output = ()>>(test: impl FnOnce() -> F + Send + 'static) {
    let body = || tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(test());
    let thread = std::thread::Builder::new().stack_size(64 << 20).spawn(body).unwrap();
    if let Err(panic) = thread.join() {
        std::panic::resume_unwind(panic);
    }
}

#[test]
fn random_statements_see_nothing_of_others() {
    run(|| async {
        let (queries, seed) =
            (setting("TENANTRY_ISOLATION_QUERIES", QUERIES), setting("TENANTRY_ISOLATION_SEED", SEED));
        let [canaries, parrots] = [CANARIES, PARROTS].map(|marks| Neighbourhood::new(marks).catalog());
        let mut tenants = (1..=NEIGHBOURS).map(|neighbour| CANARIES.tenant(neighbour)).collect::<Vec<_>>();
        tenants.push(OWN.into());
        let mut grammar = Grammar::new(seed, tables(&canaries).await, tenants);
        let (mut executed, mut unsteady) = (0, 0);
        let (mut asked_of_platform, mut shown_to_platform, mut differs_for_platform) = (0, 0, 0);
        let since = Instant::now();
        for number in 0..queries {
            let sql = grammar.statement();
            let known = sql.contains(CANARIES.name);
            let case = format!("statement {number} of seed {seed}:\n{sql}\n");
            let answer = ask(&canaries, &own(), &sql).await;
            executed += u64::from(answer.executed);
            let shown = CANARIES.shown_in(&answer.text, known);
            assert!(shown.is_none(), "{shown:?} is shown by {case}{}", answer.text);
            assert_eq!(unbound_scan(&answer.text), None, "in the plan of {case}{}", answer.text);
            if !sql.contains("engine") && !settled(&parrots, &sql, &answer).await {
                let again = [ask(&canaries, &own(), &sql).await, ask(&canaries, &own(), &sql).await];
                let other = ask(&parrots, &own(), &sql).await;
                let steady = again.iter().all(|again| own_part(&sql, again) == own_part(&sql, &answer));
                assert!(!steady, "others' rows matter to {case}{}\n{}", answer.text, other.text);
                unsteady += 1;
            }
            if number % PLATFORM_EVERY == 0 {
                let all = ask(&canaries, &Visibility::Platform, &sql).await;
                asked_of_platform += 1;
                differs_for_platform += u64::from(own_part(&sql, &all) != own_part(&sql, &answer));
                shown_to_platform += u64::from(CANARIES.shown_in(&all.text, known).is_some());
            }
        }
        println!(
            "{queries} statements of seed {seed}, {executed} executed, {unsteady} unsteady, in {:.1} s; of \
             {asked_of_platform} asked by the platform {shown_to_platform} show marks and {differs_for_platform} differ",
            since.elapsed().as_secs_f64()
        );
        assert!(executed * 10 >= queries * 6, "{executed} of {queries} were executed");
        assert!(unsteady * 100 <= queries, "{unsteady} of {queries} give answers that can't be compared");
        assert!(shown_to_platform * 10 >= asked_of_platform, "{shown_to_platform} of {asked_of_platform}");
        assert!(differs_for_platform * 3 >= asked_of_platform, "{differs_for_platform} of {asked_of_platform}");
    });
}

#[test]
fn a_cast_that_fails_names_no_value_of_others() {
    run(|| async {
        let catalog = Neighbourhood::new(CANARIES).catalog();
        for view in ["events", "late_events"] {
            for column in ["source", "type"] {
                let sql = format!("SELECT CAST({column} AS BIGINT) FROM {view}");
                let all = ask(&catalog, &Visibility::Platform, &sql).await;
                assert!(all.text.contains(CANARIES.text), "{sql}: {}", all.text);
                let answer = ask(&catalog, &own(), &sql).await;
                assert!(answer.executed, "{sql}: {}", answer.text);
            }
        }
    });
}

#[test]
fn plans_show_the_bound_and_count_own_rows_only() {
    run(|| async {
        let catalog = Neighbourhood::new(CANARIES).catalog();
        let neighbour = CANARIES.tenant(7);
        let views = tables(&catalog).await;
        let of_tenants = views.iter().filter(|view| view.columns.iter().any(|(column, _)| column == "tenant"));
        let mut seen = 0;
        for Table { name: view, .. } in of_tenants {
            for (predicate, bound) in [
                ("TRUE".to_owned(), format!("view={view}, tenant=[{OWN}],")),
                (format!("tenant <> '{OWN}' OR TRUE"), format!("view={view}, tenant=[{OWN}],")),
                (format!("tenant IN ('{neighbour}', '{OWN}')"), format!("view={view}, tenant=[{OWN}],")),
                (format!("tenant = '{neighbour}'"), format!("view={view}, tenant=[],")),
            ] {
                let plan = ask(&catalog, &own(), &format!("EXPLAIN SELECT tenant FROM {view} WHERE {predicate}")).await;
                assert!(plan.text.contains(&bound), "{view} {predicate}: {}", plan.text);
                let all = format!("EXPLAIN SELECT tenant FROM {view} WHERE {predicate}");
                let all = ask(&catalog, &Visibility::Platform, &all).await;
                assert!(!all.text.contains(&bound), "{view} {predicate}: {}", all.text);
            }
            // A predicate that no scan takes, so that a node above counts what the scan gives.
            let sql = format!("SELECT tenant FROM {view} WHERE length(tenant) > 0");
            let few = ask(&catalog, &own(), &sql).await.text.lines().count() - 1;
            let many = ask(&catalog, &Visibility::Platform, &sql).await.text.lines().count() - 1;
            assert!(0 < few && few < many, "{view}: {few} of {many}");
            let analyzed = format!("EXPLAIN ANALYZE {sql}");
            let counted = own_part(&analyzed, &ask(&catalog, &own(), &analyzed).await);
            // Bytes have a unit and are not whole.
            let counts = counted.split(' ').filter_map(|count| count.parse::<usize>().ok()).collect::<Vec<_>>();
            assert!(
                !counts.is_empty() && counts.iter().all(|count| *count == few),
                "{analyzed}: {counts:?}, not {few}"
            );
            seen += 1;
        }
        assert_eq!(seen, 15 + 7 + 1, "views with a column tenant, meters, and a materialized view");
    });
}
