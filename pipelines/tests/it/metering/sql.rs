//! The `sql` aggregation, and the same functions called by analysts over plain tables (I3).

use std::sync::Arc;

use arrow::array::{Array, AsArray};
use arrow::datatypes::Decimal128Type;
use datafusion::datasource::MemTable;
use datafusion::prelude::SessionContext;
use engine::meter::{Aggregation, Meter, Window};
use pipelines::metering::compile;
use pipelines::metering::{WindowFilter, functions, windows};
use proptest::prelude::*;

use super::event::{Event, Shard, batch, events, meter};

fn minute(expression: &str) -> Meter {
    meter(Aggregation::Sql { expression: expression.into() }, Window::Tumbling { size_s: 60 })
}

/// Value of each window, by plain DataFusion over the events.
fn plain(events: &[Event], expression: &str) -> Vec<Option<i128>> {
    let batch = batch(events).into_record_batch();
    let context = SessionContext::new();
    for function in functions() {
        context.register_udaf(function);
    }
    let table = MemTable::try_new(batch.schema(), vec![vec![batch.clone()]]).unwrap();
    context.register_table("events", Arc::new(table)).unwrap();
    let has = |pointer: &str| batch.column_by_name(pointer).is_some();
    let value = if has("/value") { "\"/value\"" } else { "CAST(NULL AS DECIMAL(38, 9))" };
    let region = if has("/region") { "CAST(\"/region\" AS VARCHAR)" } else { "CAST(NULL AS VARCHAR)" };
    let query = format!(
        "WITH rows AS (SELECT tenant, id, time, {value} AS value, {region} AS region FROM events WHERE type = 'call') \
         SELECT CAST({expression} AS DECIMAL(38, 9)) AS value FROM rows WHERE value IS NOT NULL \
         GROUP BY tenant, region, date_bin(INTERVAL '1 minute', time) \
         ORDER BY tenant, region, date_bin(INTERVAL '1 minute', time)"
    );
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let batches = runtime.block_on(async { context.sql(&query).await?.collect().await }).unwrap();
    batches
        .iter()
        .flat_map(|batch| {
            let values = batch.column(0).as_primitive::<Decimal128Type>();
            values.iter().collect::<Vec<_>>()
        })
        .collect()
}

pub(crate) const EXPRESSIONS: [&str; 10] = [
    "sum(value)",
    "sum(value) FILTER (WHERE value > 0)",
    "max(value) - min(value) + count(*)",
    "count(DISTINCT value)",
    "median(value)",
    "sum(CASE WHEN value > 0 THEN value END) / count(*)",
    "exact_avg(value) + exact_stddev(value)",
    "latest_by(value, time, id) - first_by(value, time, id)",
    "percentile_sketch(value, 0.5)",
    "unique_count(id) * 2",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn windows_equal_plain_sql(mut events in events(300), expression in prop::sample::select(EXPRESSIONS.to_vec())) {
        // Members of several types go to leftovers, which plain SQL over columns does not see.
        for event in &mut events {
            event.region = None;
        }
        let meter = minute(expression);
        let mut shard = Shard::new(std::slice::from_ref(&meter));
        shard.apply(&events, 0, |shard, arrival| {
            if arrival % 5 == 0 {
                shard.view();
            }
            arrival % 5 == 0
        });
        let got = windows(&[shard.view()], "m", &WindowFilter::default()).unwrap();
        let values = got.column_by_name("value").unwrap().as_primitive::<Decimal128Type>().iter().collect::<Vec<_>>();
        prop_assert_eq!(values, plain(&events, expression), "{}", expression);
    }
}

#[test]
fn expressions_that_can_not_be_kept_exact_are_refused() {
    let check = |expression: &str, expect: &str| {
        let error = compile::check(&minute(expression)).unwrap_err();
        assert_eq!(error.field, "aggregation.sql.expression", "{expression}");
        assert!(error.reason.contains(expect), "{expression}: {}", error.reason);
    };
    check("sum(value", "use value, time, id, subject");
    check("sum(price)", "use value, time, id, subject");
    check("value", "holds no aggregate function");
    check("sum(value) + value", "must stand inside an aggregate");
    check("array_agg(value)", "not exact and independent of the order");
    check("stddev(value)", "exact_stddev");
    check("first_value(value)", "first_by");
    check("sum(arrow_cast(value, 'Float64'))", "floats");
    check("sum(value) OVER ()", "window functions");
    check("count(*) FILTER (WHERE time > now())", "now depends on more than its arguments");
    check("sum(value * random())", "random depends on more than its arguments");
    check("max(id)", "a meter's value is a number");
    check("sum((SELECT 1))", "subqueries");
    for expression in EXPRESSIONS {
        compile::check(&minute(expression)).unwrap();
    }
}

#[test]
fn a_window_whose_expression_fails_has_no_value_but_is_there() {
    let meter = minute("sum(value) / sum(value)");
    let mut shard = Shard::new(std::slice::from_ref(&meter));
    let event = |tenant: &str, value| Event {
        tenant: tenant.into(),
        id: "1".into(),
        event_type: "call",
        time_us: super::event::BASE,
        value: Some(value),
        region: None,
    };
    shard.apply(&[event("a", 0), event("b", 5)], 0, |_, _| false);
    let got = windows(&[shard.view()], "m", &WindowFilter::default()).unwrap();
    let values = got.column_by_name("value").unwrap();
    assert_eq!((got.num_rows(), values.is_null(0), values.is_valid(1)), (2, true, true));
}
