//! What windows must be, computed the slow and plain way from all events at once.

use std::collections::{BTreeMap, BTreeSet};

use engine::calendar::{Calendar, Interval};
use engine::meter::{Aggregation, Meter, Window};
use engine::units::ONE;

use super::event::{Event, NOW, SECOND, watermark};

/// A row of the answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) tenant: String,
    pub(crate) region: Option<String>,
    pub(crate) interval: Interval,
    pub(crate) value: Option<i128>,
    pub(crate) revision: i64,
    pub(crate) is_final: bool,
    pub(crate) is_correction: bool,
}

type Series = (String, bool, Option<String>);

/// The windows of `meter` over `events` in order of arrival.
pub(crate) fn windows(meter: &Meter, events: &[Event]) -> Vec<Row> {
    rows(meter, events, true, |series| window_intervals(meter, series))
}

/// The billing periods of `meter` in `calendar`.
pub(crate) fn totals(meter: &Meter, calendar: &Calendar, events: &[Event]) -> Vec<Row> {
    rows(meter, events, false, |series| calendar_intervals(calendar, series))
}

fn rows(
    meter: &Meter,
    events: &[Event],
    by_region: bool,
    intervals: impl Fn(&[(usize, &Event)]) -> BTreeSet<(i64, i64)>,
) -> Vec<Row> {
    let counted = |event: &&Event| {
        event.event_type == meter.event_type
            && match meter.value.as_deref() {
                Some("$.value") => event.value.is_some(),
                Some(_) => event.region.is_some(),
                None => true,
            }
    };
    let mut series: BTreeMap<Series, Vec<(usize, &Event)>> = BTreeMap::new();
    for (arrival, event) in events.iter().enumerate().filter(|(_, event)| counted(event)) {
        let region = event.region.as_ref().map(|region| region.text()).filter(|_| by_region);
        series.entry((event.tenant.clone(), region.is_none(), region)).or_default().push((arrival, event));
    }
    let mut rows = Vec::new();
    for ((tenant, _, region), of_series) in series {
        for (start_us, end_us) in intervals(&of_series) {
            let interval = Interval { start_us, end_us };
            let inside: Vec<_> = of_series.iter().filter(|(_, event)| interval.contains(event.time_us)).collect();
            let latest = inside.iter().map(|(arrival, _)| *arrival).max().expect("an interval comes from an event");
            let closed = |watermark: i64| end_us + i64::from(meter.allowed_lateness_s) * SECOND <= watermark;
            rows.push(Row {
                tenant: tenant.clone(),
                region: region.clone(),
                interval,
                value: value(meter, interval, &inside.iter().map(|(_, event)| *event).collect::<Vec<_>>()),
                revision: latest as i64,
                is_final: closed(NOW),
                is_correction: closed(watermark(latest)),
            });
        }
    }
    rows
}

fn window_intervals(meter: &Meter, series: &[(usize, &Event)]) -> BTreeSet<(i64, i64)> {
    let times = series.iter().map(|(_, event)| event.time_us);
    match &meter.window {
        Window::Tumbling { size_s } => {
            let size = i64::from(*size_s) * SECOND;
            times.map(|time| (time / size * size, time / size * size + size)).collect()
        }
        Window::Sliding { size_s, slide_s } => {
            let (size, slide) = (i64::from(*size_s) * SECOND, i64::from(*slide_s) * SECOND);
            let windows = times.flat_map(|time| (0..size / slide).map(move |back| time / slide * slide - back * slide));
            windows.map(|start| (start, start + size)).collect()
        }
        Window::Session { gap_s } => {
            let gap = i64::from(*gap_s) * SECOND;
            let mut sorted: Vec<i64> = times.collect();
            sorted.sort_unstable();
            let mut sessions: Vec<(i64, i64)> = Vec::new();
            for time in sorted {
                match sessions.last_mut().filter(|(_, last)| time - *last < gap) {
                    Some((_, last)) => *last = time,
                    None => sessions.push((time, time)),
                }
            }
            sessions.into_iter().map(|(first, last)| (first, last + gap)).collect()
        }
        Window::Calendar(calendar) => calendar_intervals(calendar, series),
    }
}

fn calendar_intervals(calendar: &Calendar, series: &[(usize, &Event)]) -> BTreeSet<(i64, i64)> {
    let mut periods = calendar.periods().unwrap();
    let found = series.iter().map(|(_, event)| periods.containing(event.time_us).unwrap());
    found.map(|period| (period.start_us, period.end_us)).collect()
}

/// `dividend / divisor` rounded half-even, on numbers small enough.
fn divide(dividend: i128, divisor: i128) -> i128 {
    let floor = dividend.div_euclid(divisor);
    match (2 * dividend.rem_euclid(divisor)).cmp(&divisor) {
        std::cmp::Ordering::Less => floor,
        std::cmp::Ordering::Equal => floor + floor.rem_euclid(2),
        std::cmp::Ordering::Greater => floor + 1,
    }
}

fn value(meter: &Meter, interval: Interval, events: &[&Event]) -> Option<i128> {
    let values: Vec<i128> = events.iter().filter_map(|event| event.value).collect();
    let sum: i128 = values.iter().sum();
    let count = events.len() as i128;
    let point = |event: &&&Event| (event.time_us, event.id.clone(), event.value.unwrap_or_default());
    Some(match &meter.aggregation {
        Aggregation::Count => count * ONE,
        Aggregation::Sum => sum,
        Aggregation::Min => *values.iter().min()?,
        Aggregation::Max => *values.iter().max()?,
        Aggregation::Avg => divide(sum, count),
        Aggregation::Latest => events.iter().map(|event| point(&event)).max()?.2,
        Aggregation::First => events.iter().map(|event| point(&event)).min()?.2,
        Aggregation::UniqueCount | Aggregation::UniqueCountSketch => {
            events.iter().filter_map(|event| event.region.as_ref().map(|r| r.text())).collect::<BTreeSet<_>>().len()
                as i128
                * ONE
        }
        Aggregation::Percentile { q } => {
            let mut sorted = values;
            sorted.sort_unstable();
            sorted[((count - 1) * q.0 / ONE) as usize]
        }
        Aggregation::WeightedSum => {
            let mut points: Vec<_> = events.iter().map(|event| point(&event)).collect();
            points.sort_unstable();
            let ends = points.iter().skip(1).map(|point| point.0).chain([interval.end_us]).collect::<Vec<_>>();
            let weighted = points.iter().zip(ends).map(|((time, _, value), end)| value * i128::from(end - time));
            divide(weighted.sum(), 1_000_000)
        }
        Aggregation::Stddev => deviation(&values),
        Aggregation::Rate => divide(sum * 1_000_000, i128::from(interval.end_us - interval.start_us)),
        Aggregation::Sql { .. } => return None,
    })
}

/// The r with (2r - 1)² n² ≤ 4 (n Σx² − (Σx)²) ≤ (2r + 1)² n², by bisection; for values whose squares fit.
fn deviation(values: &[i128]) -> i128 {
    let n = values.len() as i128;
    let sum: i128 = values.iter().sum();
    let square = n * values.iter().map(|value| value * value).sum::<i128>() - sum * sum;
    let below = |r: i128| (2 * r + 1) * (2 * r + 1) * n * n;
    let (mut low, mut high) = (0, values.iter().map(|value| value.abs()).max().unwrap_or_default() + 1);
    while low < high {
        let middle = (low + high) / 2;
        if below(middle) < 4 * square { low = middle + 1 } else { high = middle }
    }
    if below(low) == 4 * square && low % 2 == 1 { low + 1 } else { low }
}
