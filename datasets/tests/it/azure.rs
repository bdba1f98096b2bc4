//! The real trace, exactly: what it must come to was computed outside of this repository.

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;

use datasets::azure::{AzureTrace, DAY_START_US, EventOptions, Shuffle, Summary, TenantSummary};
use engine::units::Units;

use crate::{Event, events, texts, units};

/// The folder of the trace beside the checkout; `None`, said aloud, where there is none. CI must have it.
#[allow(clippy::print_stderr)]
fn folder() -> Option<PathBuf> {
    let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/datasets"));
    if folder.join("azure_functions_2019_500_invocations.csv").exists() {
        return Some(folder);
    }
    assert!(std::env::var_os("CI").is_none(), "{} lacks the Azure trace", folder.display());
    eprintln!("skipped: {} lacks the Azure trace", folder.display());
    None
}

fn all(trace: &AzureTrace, options: EventOptions) -> Vec<Event> {
    let mut all = Vec::new();
    for batch in trace.events(options) {
        all.extend(events(&batch.unwrap()));
    }
    all
}

#[test]
fn the_trace_comes_to_what_it_is_known_to_hold() {
    let Some(folder) = folder() else { return };
    let summary = Summary::read(&folder).unwrap();
    assert_eq!((summary.events, summary.function_minutes, summary.tenants.len()), (3_037_902, 58_121, 428));
    let mut tenants: Vec<_> = summary.tenants.values().collect();
    tenants.sort_by_key(|tenant| std::cmp::Reverse(tenant.invocations));
    let largest: Vec<_> = tenants.iter().map(|tenant| tenant.invocations).take(5).collect();
    assert_eq!(largest, [1_915_521, 273_386, 178_604, 95_814, 74_976]);
    // By rational arithmetic in Python.
    let nano_gb_seconds: Vec<_> = tenants.iter().map(|tenant| tenant.gb_seconds.0).take(3).collect();
    assert_eq!(nano_gb_seconds, [35_869_253_220_306, 1_367_586_023_345, 3_073_593_378_336]);
    assert_eq!(tenants.iter().map(|tenant| tenant.gb_seconds.0).sum::<i128>(), 93_474_266_935_875);

    let trace = AzureTrace::open(&folder).unwrap();
    assert_eq!((trace.events_total(), trace.function_minutes()), (3_037_902, 58_121));
}

#[test]
fn the_events_add_up_to_the_files() {
    let Some(folder) = folder() else { return };
    let trace = AzureTrace::open(&folder).unwrap();
    let mut got: BTreeMap<String, TenantSummary> = BTreeMap::new();
    let mut functions = HashSet::new();
    let mut rows = 0;
    for batch in trace.events(EventOptions::default()) {
        let batch = batch.unwrap();
        rows += batch.len();
        let gb_seconds = units(&batch, "/gb_seconds");
        let names = texts(&batch, "/function");
        for (row, event) in events(&batch).enumerate() {
            let new = functions.insert((event.tenant.clone(), event.source, names[row].clone()));
            let tenant = got.entry(event.tenant).or_default();
            tenant.invocations += 1;
            tenant.gb_seconds.0 += gb_seconds[row].unwrap().0;
            tenant.functions += u64::from(new);
        }
    }
    assert_eq!(rows, 3_037_902);
    assert_eq!(got, Summary::read(&folder).unwrap().tenants);
}

#[test]
fn events_come_in_order_within_their_day_and_once() {
    let Some(folder) = folder() else { return };
    let all = all(&AzureTrace::open(&folder).unwrap(), EventOptions::default());
    assert!(all.is_sorted_by_key(|event| event.time_us));
    const MINUTE_US: i64 = 60_000_000;
    let minutes = DAY_START_US + 480 * MINUTE_US..DAY_START_US + 960 * MINUTE_US;
    assert!(all.iter().all(|event| minutes.contains(&event.time_us)));
    for event in all.iter().step_by(1_000) {
        let minute: i64 = event.id.split('-').nth(1).unwrap().parse().unwrap();
        assert_eq!((event.time_us - DAY_START_US) / MINUTE_US, minute, "{event:?}");
    }
    let ids: HashSet<_> = all.iter().map(|event| (&event.tenant, &event.source, &event.id)).collect();
    assert_eq!(ids.len(), all.len());
}

#[test]
fn parts_are_disjoint_even_and_complete() {
    let Some(folder) = folder() else { return };
    let trace = AzureTrace::open(&folder).unwrap();
    let mut whole = all(&trace, EventOptions::default());
    let shuffle = Some(Shuffle { seed: 3, within_s: 600 });
    let mut parts = Vec::new();
    for part in 0..8 {
        // Whether a part is shuffled does not change which events it has.
        let events = all(
            &trace,
            EventOptions {
                part: Some((part, 8)),
                shuffle: shuffle.filter(|_| part % 2 == 0),
                ..EventOptions::default()
            },
        );
        assert!((379_737..=379_738).contains(&events.len()), "{}", events.len());
        parts.extend(events);
    }
    parts.sort_unstable();
    whole.sort_unstable();
    assert!(parts == whole);
}

#[test]
fn a_shuffle_is_a_bounded_permutation_that_its_seed_decides() {
    let Some(folder) = folder() else { return };
    let trace = AzureTrace::open(&folder).unwrap();
    let options = |seed| EventOptions { shuffle: Some(Shuffle { seed, within_s: 600 }), ..EventOptions::default() };
    let mut shuffled = all(&trace, options(1));
    assert!(shuffled == all(&trace, options(1)));
    assert!(shuffled != all(&trace, options(2)));
    let mut latest_us = i64::MIN;
    let mut furthest_us = 0;
    for event in &shuffled {
        furthest_us = furthest_us.max(latest_us.saturating_sub(event.time_us));
        latest_us = latest_us.max(event.time_us);
    }
    assert!((1_000_000_000..=1_200_000_000).contains(&furthest_us), "{furthest_us}");
    let mut whole = all(&trace, EventOptions::default());
    shuffled.sort_unstable();
    whole.sort_unstable();
    assert!(shuffled == whole);
}

#[test]
fn batch_size_changes_nothing_but_batches() {
    let Some(folder) = folder() else { return };
    let trace = AzureTrace::open(&folder).unwrap();
    let part = Some((5, 97));
    let small = EventOptions { rows_per_batch: 100, part, shuffle: None };
    assert!(trace.events(small).all(|batch| (1..=100).contains(&batch.unwrap().len())));
    assert!(all(&trace, small) == all(&trace, EventOptions { rows_per_batch: 16_384, ..small }));
}

#[test]
fn averages_are_rounded_to_nine_digits() {
    let Some(folder) = folder() else { return };
    let batch = AzureTrace::open(&folder).unwrap().events(EventOptions::default()).next().unwrap().unwrap();
    let c9 = "c9aaf0ff618d863501313183fff2869f281b455d6f1cf9411551778f633305cc";
    let names = texts(&batch, "/function");
    if let Some(row) = names.iter().position(|name| name.as_deref() == Some(c9)) {
        assert_eq!(units(&batch, "/memory_mb")[row], Some("9.416666667".parse::<Units>().unwrap()));
    }
    assert!(units(&batch, "/memory_mb").iter().all(Option::is_some));
}
