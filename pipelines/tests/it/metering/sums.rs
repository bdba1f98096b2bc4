//! Sums never wrap: what an SQL meter or a view adds up is exact, or has no value, or is an error, in whatever order it came.

use std::sync::Arc;

use arrow::array::{Array, AsArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Decimal128Type, i256};
use engine::meter::{Aggregation, Meter, Window};
use engine::shard::{Operator, SealedFiles};
use engine::units::ONE;
use engine::view::View;
use pipelines::metering::{WindowFilter, compile, view_groups, windows};
use proptest::prelude::*;

use super::event::{BASE, Event, Shard, batch, definitions, meter, operator, position};

fn hour(expression: &str) -> Meter {
    let window = Window::Tumbling { size_s: 3600 };
    Meter { dimensions: Vec::new(), ..meter(Aggregation::Sql { expression: expression.into() }, window) }
}

fn events(values: &[i64]) -> Vec<Event> {
    let event = |(at, &value): (usize, &i64)| Event {
        tenant: "acme".into(),
        id: at.to_string(),
        event_type: "call",
        time_us: BASE,
        value: Some(i128::from(value) * ONE),
        region: None,
    };
    values.iter().enumerate().map(event).collect()
}

/// The sum of `of` each value, as DECIMAL(38, 9) if it fits `digits` digits of which `scale` are behind the point.
fn naive(values: &[i64], of: impl Fn(i64) -> i128, digits: u32, scale: u32) -> Option<i128> {
    let sum = values.iter().fold(i256::ZERO, |sum, &value| sum.wrapping_add(i256::from_i128(of(value))));
    let raw = sum.to_i128()?.checked_mul(10i128.pow(scale))?;
    (raw.unsigned_abs() < 10u128.pow(digits)).then(|| sum.as_i128() * ONE)
}

fn read(shard: &mut Shard) -> Option<i128> {
    let windows = windows(&[shard.view()], "m", &WindowFilter::default()).unwrap();
    assert_eq!(windows.num_rows(), 1);
    let values = windows["value"].as_primitive::<Decimal128Type>();
    values.is_valid(0).then(|| values.value(0))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_computed_adds_up_exactly_or_has_no_value(
        signs in prop::collection::vec(prop::bool::weighted(0.7), 1..120),
        size in prop::sample::select(vec![3i64, 2_000_000_007, 900_000_000_000_000_007]),
        cuts in prop::collection::vec(0u8..6, 120),
    ) {
        let values: Vec<i64> = signs.iter().map(|&positive| if positive { size } else { -size }).collect();
        let products = |value: i64| i128::from(value) * i128::from(value) * i128::from(value.signum());
        let mut cases = vec![
            ("sum(value * 1000)", naive(&values, |value| i128::from(value) * 1000, 38, 9)),
            ("exact_avg(value * 100000000000)", None),
        ];
        if size < 1 << 40 {
            cases.push(("sum(value * value * CASE WHEN value < 0 THEN -1 ELSE 1 END)", naive(&values, products, 38, 18)));
        }
        let bigint = naive(&values, i128::from, 38, 0);
        for (expression, expect) in cases {
            let mut shard = Shard::new(&[hour(expression)]);
            shard.apply(&events(&values), 0, |shard, at| {
                match cuts[at % cuts.len()] {
                    0 => drop(shard.view()),
                    1 => shard.restart(&[hour(expression)]),
                    _ => {}
                }
                true
            });
            let got = read(&mut shard);
            if expression.starts_with("sum") {
                prop_assert_eq!(got, expect, "{} of {}", expression, size);
            }
        }
        for cast in ["BIGINT", "BIGINT UNSIGNED", "INT", "SMALLINT"] {
            let expression = format!("sum(TRY_CAST(abs(value) AS {cast})) + 0 * count(*)");
            let mut shard = Shard::new(&[hour(&expression)]);
            shard.apply(&events(&values), 0, |_, _| true);
            let whole = values.iter().map(|value| i128::from(value.unsigned_abs())).sum::<i128>() * ONE;
            let fits = match cast { "INT" => size < 1 << 31, "SMALLINT" => size < 1 << 15, _ => true };
            let got = read(&mut shard);
            prop_assert!(got.is_none() || (fits && got == Some(whole)), "{}: {:?} of {}", expression, got, whole);
        }
        let mut shard = Shard::new(&[hour("sum(CAST(value AS BIGINT))")]);
        shard.apply(&events(&values), 0, |_, _| true);
        let got = read(&mut shard);
        prop_assert!(got.is_none() || got == bigint, "{:?} of {:?}", got, bigint);
    }
}

#[test]
fn a_view_whose_sum_does_not_fit_is_an_error_and_no_number() {
    let query = "SELECT tenant, sum(CAST(json_number(data, '$.value') AS BIGINT)) AS total FROM events GROUP BY tenant";
    let view = View { name: "v".into(), query: query.into() };
    let mut shard = Shard::new(&[]);
    shard.operator.configure(&[view.into()], None).unwrap();
    let largest = 999_999_999_999_999_999i64;
    let total = |shard: &mut Shard| -> datafusion::error::Result<i128> {
        let groups = view_groups(&[shard.view()], "v", &WindowFilter::default()).unwrap().unwrap();
        let rows = groups.rows()?;
        let totals = cast(&rows["total"], &DataType::Decimal128(38, 0))?;
        Ok(totals.as_primitive::<Decimal128Type>().value(0))
    };
    shard.apply(&events(&[largest; 9]), 0, |_, _| true);
    assert_eq!(total(&mut shard).unwrap(), i128::from(largest) * 9);
    shard.apply(&events(&[largest; 100]), 9, |_, _| true);
    match total(&mut shard) {
        Ok(sum) => assert_eq!(sum, i128::from(largest) * 109),
        Err(error) => assert!(error.to_string().contains("a sum does not fit"), "{error}"),
    }
}

#[test]
fn what_could_wrap_even_so_is_refused() {
    for (expression, expect) in
        [("sum(INTERVAL '1 hour')", "intervals may wrap"), ("avg(time - time)", "durations may wrap")]
    {
        let error = compile::check(&hour(expression)).unwrap_err();
        assert!(error.reason.contains(expect), "{expression}: {}", error.reason);
    }
}

#[test]
fn values_too_large_for_an_exact_deviation_are_refused_and_not_added() {
    let meter = hour("exact_stddev(value * 10)");
    let mut shard = Shard::new(std::slice::from_ref(&meter));
    let largest = 900_000_000_000_000_000;
    shard.apply(&events(&[largest, 5, 7]), 0, |_, _| true);
    assert_eq!(read(&mut shard), Some(10 * ONE), "the first one was there before the meter, and is left out");
}

#[test]
fn states_of_another_version_are_computed_anew() {
    let meters = [hour("sum(value * 2)"), Meter { name: "n".into(), ..hour("sum(value)") }];
    let mut shard = Shard::new(&meters);
    shard.apply(&events(&[1, 2, 3]), 0, |_, _| false);
    let mut description = shard.operator.seal().write(&shard.storage, "c/", &mut SealedFiles::default()).unwrap();
    let mut changed = |edit: &dyn Fn(&mut serde_json::Map<String, serde_json::Value>)| {
        for meter in description["meters"].as_array_mut().unwrap() {
            edit(meter.as_object_mut().unwrap());
        }
        let mut again = operator(&shard.storage);
        again.restore(&description, &shard.storage).unwrap();
        again.configure(&definitions(&meters), None).unwrap()
    };
    assert_eq!(changed(&|_| ()), Vec::<String>::new());
    assert_eq!(changed(&|meter| drop(meter.remove("states"))), ["m"], "a plain sum was always kept like this");
    let mut again = operator(&shard.storage);
    let before: Arc<str> = "Int64".into();
    for meter in description["meters"].as_array_mut().unwrap() {
        meter["states"] = serde_json::json!([&*before]);
    }
    again.restore(&description, &shard.storage).unwrap();
    assert_eq!(again.configure(&definitions(&meters), None).unwrap(), ["m", "n"]);
    again.backfill(&["m".into(), "n".into()], &batch(&events(&[1, 2, 3])), position(0));
    shard.operator = again;
    assert_eq!(read(&mut shard), Some(12 * ONE));
}
