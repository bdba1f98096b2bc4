//! Every aggregation in every kind of window equals the oracle, however events arrive and whatever happens in between.

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Decimal128Type, Int64Type, TimestampMicrosecondType};
use engine::calendar::{Calendar, Interval, Period};
use engine::meter::{Aggregation, Meter, Window};
use engine::units::{ONE, Units};
use pipelines::metering::{WindowFilter, totals, windows};
use proptest::prelude::*;

use super::event::{BASE, Event, SECOND, Shard, events, meter};
use super::oracle::{self, Row};

pub(crate) fn rows(batch: &RecordBatch, start: &str, end: &str) -> Vec<Row> {
    let column = |name: &str| batch.column_by_name(name).unwrap();
    let regions = batch.column_by_name("region").map(|column| column.as_string::<i32>());
    let values = column("value").as_primitive::<Decimal128Type>();
    let instants = |name: &str| column(name).as_primitive::<TimestampMicrosecondType>().values().clone();
    let (starts, ends) = (instants(start), instants(end));
    (0..batch.num_rows())
        .map(|row| Row {
            tenant: column("tenant").as_string::<i32>().value(row).to_owned(),
            region: regions.filter(|regions| regions.is_valid(row)).map(|regions| regions.value(row).to_owned()),
            interval: Interval { start_us: starts[row], end_us: ends[row] },
            value: values.is_valid(row).then(|| values.value(row)),
            revision: column("revision").as_primitive::<Int64Type>().value(row),
            is_final: column("final").as_boolean().value(row),
            is_correction: column("correction").as_boolean().value(row),
        })
        .collect()
}

pub(crate) fn read(shards: &mut [Shard], filter: &WindowFilter) -> Vec<Row> {
    let views: Vec<_> = shards.iter_mut().map(Shard::view).collect();
    rows(&windows(&views, "m", filter).unwrap(), "window_start", "window_end")
}

/// Sketches may be off by what they state; everything else is exact.
fn assert_equal(meter: &Meter, got: &[Row], expect: &[Row]) -> Result<(), TestCaseError> {
    let loosened = |rows: &[Row]| rows.iter().map(|row| Row { value: None, ..row.clone() }).collect::<Vec<_>>();
    let percent = match meter.aggregation {
        Aggregation::Percentile { .. } => 1,
        Aggregation::UniqueCountSketch => 5,
        _ => {
            prop_assert_eq!(got, expect);
            return Ok(());
        }
    };
    prop_assert_eq!(loosened(got), loosened(expect));
    for (got, expect) in got.iter().zip(expect) {
        let (value, truth) = (got.value.unwrap_or_default(), expect.value.unwrap_or_default());
        prop_assert!((value - truth).abs() * 100 <= truth.abs() * percent, "{:?} for {:?}", got, expect);
    }
    Ok(())
}

pub(crate) fn aggregations() -> Vec<Aggregation> {
    use Aggregation::*;
    vec![
        Count,
        Sum,
        Min,
        Max,
        Avg,
        Latest,
        First,
        UniqueCount,
        UniqueCountSketch,
        Percentile { q: Units(ONE * 95 / 100) },
        Percentile { q: Units(0) },
        WeightedSum,
        Stddev,
        Rate,
    ]
}

fn zurich(period: Period) -> Calendar {
    Calendar { period, time_zone: "Europe/Zurich".into() }
}

/// Windows and how many seconds of events they are tried with.
fn kinds() -> Vec<(Window, i64)> {
    vec![
        (Window::Tumbling { size_s: 60 }, 600),
        (Window::Tumbling { size_s: 7 }, 2000),
        (Window::Tumbling { size_s: 3600 }, 20_000),
        (Window::Sliding { size_s: 120, slide_s: 30 }, 600),
        (Window::Session { gap_s: 10 }, 300),
        (Window::Session { gap_s: 1000 }, 50_000),
        // Over the change to summer time: a day of 23 hours.
        (Window::Calendar(zurich(Period::Day)), 3 * 86_400),
        (Window::Calendar(zurich(Period::Hour)), 2 * 86_400),
        (Window::Calendar(zurich(Period::Month)), 10 * 86_400),
    ]
}

fn case() -> impl Strategy<Value = (Meter, Vec<Event>)> {
    (prop::sample::select(aggregations()), prop::sample::select(kinds()))
        .prop_flat_map(|(aggregation, (window, seconds))| (Just(meter(aggregation, window)), events(seconds)))
}

fn folded(meter: &Meter, events: &[Event]) -> Shard {
    let mut shard = Shard::new(std::slice::from_ref(meter));
    shard.apply(events, 0, |_, _| false);
    shard
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn windows_equal_the_oracle((meter, events) in case()) {
        let got = read(&mut [folded(&meter, &events)], &WindowFilter::default());
        assert_equal(&meter, &got, &oracle::windows(&meter, &events))?;
    }

    #[test]
    fn totals_equal_the_oracle((meter, events) in case(), period in prop::sample::select(vec![Period::Day, Period::Month])) {
        let calendar = zurich(period);
        let view = folded(&meter, &events).view();
        let got = totals(&[view], "m", &|_| calendar.clone(), &WindowFilter::default()).unwrap();
        assert_equal(&meter, &rows(&got, "period_start", "period_end"), &oracle::totals(&meter, &calendar, &events))?;
    }

    /// I4: cutting batches, publishing, merging, checkpoints and restarts leave no trace.
    #[test]
    fn what_happens_between_events_leaves_no_trace(
        (meter, events) in case(),
        happenings in prop::collection::vec(0u8..12, 0..120),
    ) {
        let meters = [meter.clone()];
        let mut shard = Shard::new(&meters);
        shard.apply(&events, 0, |shard, arrival| {
            match happenings.get(arrival) {
                Some(0..=4) => {
                    shard.view();
                    // What is already applied is published; the rows from here on come in the next batch.
                    true
                }
                Some(5..=7) => {
                    shard.restart(&meters);
                    true
                }
                Some(8..=9) => true,
                _ => false,
            }
        });
        let got = read(&mut [shard], &WindowFilter::default());
        prop_assert_eq!(got, read(&mut [folded(&meter, &events)], &WindowFilter::default()));
    }

    #[test]
    fn the_order_of_arrival_does_not_matter(
        (meter, events, shuffled) in case().prop_flat_map(|(meter, events)| {
            (Just(meter), Just(events.clone()), Just(events).prop_shuffle())
        }),
    ) {
        let of = |events: &[Event]| {
            let rows = read(&mut [folded(&meter, events)], &WindowFilter::default());
            rows.into_iter().map(|row| (row.tenant, row.region, row.interval, row.value)).collect::<Vec<_>>()
        };
        prop_assert_eq!(of(&shuffled), of(&events));
    }

    /// A whale's tenant may be spread over sub-shards.
    #[test]
    fn shards_merge((meter, events) in case(), spread in prop::collection::vec(any::<bool>(), 120)) {
        let mut shards = [Shard::new(std::slice::from_ref(&meter)), Shard::new(std::slice::from_ref(&meter))];
        for (arrival, event) in events.iter().enumerate() {
            shards[usize::from(spread[arrival])].apply(std::slice::from_ref(event), arrival, |_, _| false);
        }
        let got = read(&mut shards, &WindowFilter::default());
        prop_assert_eq!(got, read(&mut [folded(&meter, &events)], &WindowFilter::default()));
    }

    #[test]
    fn filters_only_leave_out(
        (meter, events) in case(),
        from in 0i64..2000,
        length in 1i64..2000,
        tenants in prop::option::of(prop::sample::subsequence(vec!["acme", "mid", "nobody", "zeta"], 0..=4)),
    ) {
        let time = Interval { start_us: BASE + from * SECOND, end_us: BASE + (from + length) * SECOND };
        let tenants = tenants.map(|tenants| tenants.into_iter().map(str::to_owned).collect::<Vec<_>>());
        let filter = WindowFilter { tenants: tenants.clone(), time: Some(time), ..WindowFilter::default() };
        let mut shard = folded(&meter, &events);
        let mut expect = read(std::slice::from_mut(&mut shard), &WindowFilter::default());
        expect.retain(|row| {
            tenants.as_ref().is_none_or(|tenants| tenants.contains(&row.tenant))
                && row.interval.start_us < time.end_us
                && time.start_us < row.interval.end_us
        });
        prop_assert_eq!(read(&mut [shard], &filter), expect);
    }
}
