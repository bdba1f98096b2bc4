//! A function with a bug in a meter's expression: the events it panics on are left out, all others count.

use std::sync::Arc;

use arrow::array::AsArray;
use arrow::datatypes::{Decimal128Type, Int64Type};
use datafusion::common::cast::as_decimal128_array;
use datafusion::logical_expr::{ColumnarValue, ScalarUDF, Volatility, create_udf};
use engine::admission::Reason;
use engine::definition::Definition;
use engine::event::batch::EventBatch;
use engine::event::builder::{Attributes, EventBatchBuilder};
use engine::event::schema::units_type;
use engine::meter::{Aggregation, Meter, Window};
use engine::shard::{Arrival, Operator, Position};
use engine::snapshot::ShardView;
use engine::storage::memory::MemoryStorage;
use engine::units::{ONE, Units};
use engine::view::View;

use crate::metering::{MeteringOperator, MeteringOptions, WindowFilter, view_groups, windows};

/// Panics on 13; planning in tests knows it.
pub(in crate::metering) fn unlucky() -> ScalarUDF {
    let function = |arguments: &[ColumnarValue]| {
        for values in ColumnarValue::values_to_arrays(arguments)? {
            assert!(as_decimal128_array(&values)?.iter().all(|value| value != Some(13 * ONE)), "13 is unlucky");
        }
        Ok(arguments[0].clone())
    };
    create_udf("unlucky", vec![units_type()], units_type(), Volatility::Immutable, Arc::new(function))
}

const FIRST: Position = Position { offset: 0, watermark_us: 0, admitted_at_us: 0 };

fn batch(values: &[i64]) -> EventBatch {
    let mut builder = EventBatchBuilder::new();
    for (at, &value) in values.iter().enumerate() {
        builder.units("/value", Units::whole(value));
        let (tenant, id) = (["acme", "zeta"][at % 2], at.to_string());
        builder.commit(Attributes { tenant, id: &id, source: "s", event_type: "call", subject: None, time_us: 0 });
    }
    builder.finish()
}

fn meter(expression: &str) -> Meter {
    Meter {
        name: "m".into(),
        event_type: "call".into(),
        value: Some("$.value".into()),
        aggregation: Aggregation::Sql { expression: expression.into() },
        dimensions: Vec::new(),
        window: Window::Tumbling { size_s: 60 },
        allowed_lateness_s: 0,
        description: String::new(),
    }
}

fn operator() -> MeteringOperator {
    MeteringOperator::new(MeteringOptions::default(), Arc::new(MemoryStorage::new()))
}

fn arrival(batch: &EventBatch) -> Arrival<'_> {
    Arrival { batch, open: &[true; 5], in_flight: &[], now_us: 0 }
}

fn values(operator: &mut MeteringOperator) -> Vec<Option<i128>> {
    let state = operator.publish(0);
    let view = ShardView { shard: 0, applied: 0, watermark_us: 0, admitted: 0, lag: 0, remembered_ids: 0, state };
    let windows = windows(&[view], "m", &WindowFilter::default()).unwrap();
    windows["value"].as_primitive::<Decimal128Type>().iter().collect()
}

#[test]
fn an_event_that_makes_an_expression_panic_is_refused_and_the_others_are_not() {
    let mut operator = operator();
    operator.configure(&[meter("sum(unlucky(value))").into()], None).unwrap();
    let mut refused = Vec::new();
    operator.vet(&arrival(&batch(&[1, 2, 13, 4, 13])), &mut |row, rejection| refused.push((row, rejection)));
    let rows: Vec<usize> = refused.iter().map(|(row, _)| *row).collect();
    assert_eq!(rows, [2, 4]);
    let (_, rejection) = &refused[0];
    assert_eq!((rejection.reason, &*rejection.field), (Reason::ValueInvalid, "m"));
    assert!(rejection.detail.contains("13 is unlucky"), "{}", rejection.detail);
}

#[test]
fn events_that_a_later_meter_panics_on_are_left_out_of_it() {
    let mut operator = operator();
    let changed = operator.configure(&[meter("sum(unlucky(value))").into()], None).unwrap();
    operator.backfill(&changed, &batch(&[1, 2, 13, 4, 13]), FIRST);
    operator.apply(&batch(&[10, 13]), Position { offset: 5, ..FIRST });
    assert_eq!(values(&mut operator), [Some(11 * ONE), Some(6 * ONE)]);
}

#[test]
fn a_window_whose_value_panics_has_none() {
    let mut operator = operator();
    operator.configure(&[meter("unlucky(sum(value))").into()], None).unwrap();
    operator.apply(&batch(&[6, 1, 7, 1]), FIRST);
    assert_eq!(values(&mut operator), [None, Some(2 * ONE)]);
}

fn view(query: &str) -> Definition {
    View { name: "v".into(), query: query.into() }.into()
}

/// Numbers of events by source, of a view.
fn counted(operator: &mut MeteringOperator) -> i64 {
    let state = operator.publish(0);
    let view = ShardView { shard: 0, applied: 0, watermark_us: 0, admitted: 0, lag: 0, remembered_ids: 0, state };
    let groups = view_groups(&[view], "v", &WindowFilter::default()).unwrap().unwrap();
    groups.rows().unwrap()["n"].as_primitive::<Int64Type>().value(0)
}

#[test]
fn what_a_view_can_not_compute_is_refused_or_left_out_and_what_it_does_not_select_is_not_tried() {
    let number = "json_number(data, '$.value')";
    let selects = [
        (format!("SELECT source, count(unlucky({number})) AS n FROM events GROUP BY source"), vec![2, 4], 3),
        (
            format!("SELECT source, count(*) AS n FROM events WHERE unlucky({number}) > 1 GROUP BY source"),
            vec![2, 4],
            2,
        ),
        (
            format!("SELECT source, count(unlucky({number})) AS n FROM events WHERE {number} < 13 GROUP BY source"),
            vec![],
            3,
        ),
    ];
    for (select, expect, count) in selects {
        let mut operator = operator();
        let changed = operator.configure(&[view(&select)], None).unwrap();
        assert_eq!(changed, ["view.v"]);
        let mut refused = Vec::new();
        operator.vet(&arrival(&batch(&[1, 2, 13, 4, 13])), &mut |row, rejection| refused.push((row, rejection)));
        assert_eq!(refused.iter().map(|(row, _)| *row).collect::<Vec<_>>(), expect, "{select}");
        assert!(refused.iter().all(|(_, rejection)| rejection.detail.contains("view v can't be computed")));
        operator.backfill(&changed, &batch(&[1, 2, 13, 4, 13]), FIRST);
        assert_eq!(counted(&mut operator), count, "{select}");
    }
}
