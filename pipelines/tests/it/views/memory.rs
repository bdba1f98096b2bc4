//! What a statement makes and a view builds is counted before it is there, and refused beyond the statement's share (I13).

use std::sync::Arc;
use std::time::{Duration, Instant};

use datafusion::error::DataFusionError;
use engine::calendar::Period;
use engine::event::builder::{Attributes, EventBatchBuilder};
use engine::meter::{Aggregation, Meter, Window};
use pipelines::catalog::{Catalog, CatalogOptions, Source, TooLarge, Visibility};
use pipelines::metering::compile::WINDOWS_MAX;

use super::node::{TestNode, tenant, texts};

const SECOND_US: i64 = 1_000_000;
const STATEMENT_BYTES: usize = 32 << 20;
const VALUE_BYTES: usize = 1 << 20;

fn slid(window: Window) -> Meter {
    Meter {
        name: "slid".into(),
        event_type: "x".into(),
        aggregation: Aggregation::Count,
        window,
        value: None,
        dimensions: Vec::new(),
        description: String::new(),
        allowed_lateness_s: 0,
    }
}

/// A node with `events`, 1,000 s apart, counted in `window`.
fn node(events: i64, window: Window) -> Arc<TestNode> {
    let node = TestNode::new(vec![slid(window)], vec![tenant("acme", Period::Month, "UTC")]);
    let mut builder = EventBatchBuilder::new();
    for number in 0..events {
        builder.commit(Attributes {
            tenant: "acme",
            id: &number.to_string(),
            source: "/s",
            event_type: "x",
            subject: None,
            time_us: (1_774_728_000 + number * 1000) * SECOND_US,
        });
    }
    node.append(&builder.finish());
    node.publish();
    node
}

fn catalog(node: &Arc<TestNode>) -> Catalog {
    let options = CatalogOptions {
        partitions: 2,
        memory_bytes_max: 2 * STATEMENT_BYTES,
        tenant_memory_bytes_max: STATEMENT_BYTES,
        statement_memory_bytes_max: STATEMENT_BYTES,
        value_bytes_max: VALUE_BYTES,
        spill_bytes_max: 0,
        ..CatalogOptions::default()
    };
    Catalog::new(Arc::clone(node) as Arc<dyn Source>, options)
}

/// How a statement ends.
#[derive(Debug, PartialEq)]
enum End {
    Rows(String),
    TooLarge,
    Exhausted,
}

async fn end(catalog: &Catalog, sql: &str) -> End {
    let run = async {
        let frame = catalog.query(&Visibility::Platform, sql).await.map_err(DataFusionError::from)?;
        frame.collect().await
    };
    match run.await {
        Ok(batches) => End::Rows(texts(&batches).into_iter().map(|row| row.join(" ")).collect::<Vec<_>>().join(", ")),
        Err(error) => match error.find_root() {
            DataFusionError::External(inner) if inner.is::<TooLarge>() => End::TooLarge,
            DataFusionError::ResourcesExhausted(_) => End::Exhausted,
            other => panic!("{sql}: {other}"),
        },
    }
}

async fn check(catalog: &Catalog, expect: End, statements: &[&str]) {
    for sql in statements {
        assert_eq!(end(catalog, sql).await, expect, "{sql}");
        assert!(gives_all_back(catalog).await, "{sql}: {} bytes stay reserved", catalog.reserved());
    }
}

/// A statement that fails in one partition aborts the tasks of the others, and the runtime drops those, with what they have
/// reserved, when it comes to them.
async fn gives_all_back(catalog: &Catalog) -> bool {
    let end = Instant::now() + Duration::from_secs(10);
    while catalog.reserved() > 0 && Instant::now() < end {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    catalog.reserved() == 0
}

#[tokio::test(flavor = "multi_thread")]
async fn functions_give_no_value_beyond_the_limit() {
    let node = node(10, Window::Tumbling { size_s: 60 });
    let catalog = catalog(&node);
    let too_large = [
        "SELECT length(repeat('x', 1000000000))",
        "SELECT length(repeat('x', 9223372036854775807))",
        "SELECT sum(length(repeat(id, 100000000))) FROM events",
        "SELECT length(lpad('x', 2147483647, 'y'))",
        "SELECT max(length(rpad(id, 100000000, 'y'))) FROM events",
        "SELECT length(replace(repeat('x', 1000000), 'x', repeat('y', 2000)))",
        "SELECT length(regexp_replace(repeat('x', 1000000), 'x', repeat('y', 2000), 'g'))",
        "SELECT cardinality(array_repeat(1, 1000000000))",
        "SELECT cardinality(array_repeat(array_repeat(array_repeat(1, 1000), 1000), 1000))",
        "SELECT cardinality(array_resize(make_array(1), 1000000000))",
        "SELECT cardinality(range(0, 1000000000000))",
        "SELECT cardinality(range(-9223372036854775808, 9223372036854775807, 1))",
        "SELECT cardinality(range(1, 2000000000))",
        "SELECT cardinality(range(timestamp '1900-01-01', timestamp '2200-01-01', interval '1 microsecond'))",
        "SELECT length(encode(cast(repeat('x', 1000000) AS bytea), 'hex'))",
        "SELECT length(upper(repeat(x, 2000000))) FROM (SELECT min(id) AS x FROM events)",
        "SELECT repeat('x', 500000) || repeat('y', 600000)",
        "SELECT length(concat(x, x, x)) FROM (SELECT repeat(id, 400000) AS x FROM events)",
        "SELECT string_agg(x, ''), 1 FROM (SELECT repeat(id, 1000000) || '12' AS x FROM events)",
        "SELECT arrow_cast('x', 'FixedSizeBinary(2147483647)')",
    ];
    check(&catalog, End::TooLarge, &too_large).await;
    let doubling = |times: usize| {
        let begin = "WITH c0 AS (SELECT 'xxxxxxxx' AS x)".to_owned();
        let doubled = (1..=times).map(|n| format!(", c{n} AS (SELECT x || x AS x FROM c{})", n - 1));
        format!("{}{} SELECT length(x) FROM c{times}", begin, doubled.collect::<String>())
    };
    assert_eq!(end(&catalog, &doubling(18)).await, End::TooLarge);
    assert_eq!(end(&catalog, &doubling(10)).await, End::Rows("8192".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn values_within_the_limit_are_what_they_were() {
    let node = node(10, Window::Tumbling { size_s: 60 });
    let catalog = catalog(&node);
    for (sql, expect) in [
        ("SELECT length(repeat('x', 1000000))", "1000000"),
        ("SELECT sum(length(repeat('x', 1000000))) FROM events", "10000000"),
        ("SELECT sum(length(repeat(id, 100000))) FROM events", "1000000"),
        ("SELECT length(lpad('x', 1000, 'y')), lpad('7', 3, '0')", "1000 007"),
        ("SELECT replace('a,b', ',', '; '), translate('abc', 'ab', 'xy')", "a; b xyc"),
        ("SELECT regexp_replace('foobar', '(o+)', '<\\1>', 'g')", "f<oo>bar"),
        ("SELECT 'a' || 'b' || NULL, 'a' || 1, coalesce('a' || NULL, 'none')", "NULL a1 none"),
        ("SELECT min(id || '/' || source) FROM events", "0//s"),
        ("SELECT cardinality(range(0, 100000)), array_to_string(make_array(1, 2), '-')", "100000 1-2"),
        ("SELECT count(*) FROM events WHERE id = repeat('7', 1)", "1"),
        ("SELECT count(*) FROM events WHERE length(repeat('x', 5000)) = 5000", "10"),
        ("SELECT cardinality(make_array(1) || make_array(2)), upper('ß')", "2 SS"),
        ("SELECT date_part('year', now()) > 2000, to_char(timestamp '2020-01-02', 'YYYY')", "true 2020"),
        ("SELECT cardinality(range(date '2020-01-01', date '2021-01-01', interval '1 month'))", "12"),
    ] {
        assert_eq!(end(&catalog, sql).await, End::Rows(expect.into()), "{sql}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_values_together_are_counted_before_they_are_made() {
    let node = node(2000, Window::Tumbling { size_s: 60 });
    let catalog = catalog(&node);
    let columns = |of: &str| (0..60).map(|n| of.replace('#', &n.to_string())).collect::<Vec<_>>().join(", ");
    let wide = format!("SELECT {} FROM events WHERE id = '1'", columns("repeat(id || '#', 300000) AS c#"));
    let constants = format!("SELECT {}", columns("repeat('#', 500000) AS c#"));
    let literal = format!("SELECT id, '{}' FROM events", "x".repeat(200_000));
    let sorted = "SELECT id, repeat(id, 20000) AS x FROM events ORDER BY x";
    check(&catalog, End::Exhausted, &[&wide, &constants, sorted]).await;
    // A batch of all rows would be 400 MB, and each is small when it is handed on.
    let run = catalog.query(&Visibility::Platform, &literal).await.unwrap().execute_stream().await.unwrap();
    let mut rows = 0;
    futures::pin_mut!(run);
    while let Some(batch) = futures::StreamExt::next(&mut run).await {
        rows += batch.unwrap().num_rows();
        assert!(catalog.reserved() <= STATEMENT_BYTES);
    }
    assert_eq!(rows, 2000);
    check(&catalog, End::Exhausted, &["SELECT length(array_to_string(array_agg(repeat(id, 10000)), '')) FROM events"])
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn windows_are_counted_while_they_are_built() {
    let sliding = node(1000, Window::Sliding { size_s: WINDOWS_MAX, slide_s: 1 });
    let sessions = node(200_000, Window::Session { gap_s: 60 });
    for node in [sliding, sessions] {
        let catalog = catalog(&node);
        check(&catalog, End::Exhausted, &["SELECT count(*) FROM usage", "SELECT count(*) FROM meter_slid"]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_sliding_windows_those_that_a_time_leaves_out_are_not_built() {
    let catalog = catalog(&node(1000, Window::Sliding { size_s: WINDOWS_MAX, slide_s: 1 }));
    let within = "window_start >= TIMESTAMP '2026-03-28T20:00:00Z' AND window_end < TIMESTAMP '2026-03-28T21:00:00Z'";
    for view in ["usage", "meter_slid"] {
        let few = format!("SELECT count(*) FROM {view} WHERE {within}");
        assert_eq!(end(&catalog, &few).await, End::Rows("2100".into()), "{view}");
    }
}
