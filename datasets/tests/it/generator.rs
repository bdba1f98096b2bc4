//! The generator: determinism, rate, duplicates and stragglers.

use std::collections::{HashMap, HashSet};

use arrow::array::Array;
use datasets::generator::{Distribution, Generator, GeneratorOptions, Rhythm};
use engine::event::batch::EventBatch;

use crate::{Event, events};

const START_US: i64 = 1_700_000_000_000_000;

fn steady() -> GeneratorOptions {
    GeneratorOptions {
        rhythm: Rhythm::Steady,
        duplicates_ppm: 0,
        late_ppm: 0,
        out_of_order_ppm: 0,
        ..GeneratorOptions::default()
    }
}

fn batches(options: GeneratorOptions, count: u64) -> Vec<EventBatch> {
    Generator::new(options, START_US).unwrap().take(count).map(Result::unwrap).collect()
}

fn all(options: GeneratorOptions, count: u64) -> Vec<Event> {
    batches(options, count).iter().flat_map(|batch| events(batch).collect::<Vec<_>>()).collect()
}

#[test]
fn the_same_seed_gives_the_same_batches() {
    let options = GeneratorOptions::default();
    assert!(batches(options, 50_000) == batches(options, 50_000));
    let other = GeneratorOptions { seed: 2, ..options };
    assert!(batches(options, 50_000) != batches(other, 50_000));
    let ids: HashSet<_> = all(options, 10_000).into_iter().map(|event| event.id).collect();
    assert!(all(other, 10_000).iter().all(|event| !ids.contains(&event.id)));
}

#[test]
fn taking_is_exact() {
    for count in [0, 1, 8_192, 100_000] {
        assert_eq!(all(steady(), count).len() as u64, count);
    }
}

#[test]
fn live_batches_are_those_of_a_bounded_stream() {
    let mut generator = Generator::new(GeneratorOptions::default(), START_US).unwrap();
    let mut live = Vec::new();
    for tick in 1..=50 {
        while let Some(batch) = generator.next(START_US + tick * 37_000).unwrap() {
            live.extend(events(&batch));
        }
        assert!(generator.now_us() <= START_US + tick * 37_000);
    }
    assert!(generator.next(START_US).unwrap().is_none());
    assert!(!live.is_empty());
    assert!(all(GeneratorOptions::default(), live.len() as u64) == live);
}

#[test]
fn a_steady_rate_is_kept_and_in_order() {
    let options = GeneratorOptions { events_per_s: 12_345, ..steady() };
    let all = all(options, 24_690);
    assert!(all.is_sorted_by_key(|event| event.time_us));
    let span_us = all.last().unwrap().time_us - START_US;
    assert!((1_998_000..=2_000_000).contains(&span_us), "{span_us}");
    let ids: HashSet<_> = all.iter().map(|event| (&event.tenant, &event.source, &event.id)).collect();
    assert_eq!(ids.len(), all.len());
}

#[test]
fn duplicates_repeat_events_in_full() {
    let options = GeneratorOptions { duplicates_ppm: 100_000, ..steady() };
    let mut first: HashMap<String, Event> = HashMap::new();
    let mut duplicates = 0;
    for event in all(options, 50_000) {
        match first.get(&event.id) {
            Some(earlier) => {
                assert_eq!(*earlier, event);
                duplicates += 1;
            }
            None => drop(first.insert(event.id.clone(), event)),
        }
    }
    assert!((4_500..5_500).contains(&duplicates), "{duplicates}");
}

#[test]
fn stragglers_lie_back_as_far_as_asked() {
    let options = GeneratorOptions {
        late_ppm: 10_000,
        late_s: 3_600,
        out_of_order_ppm: 100_000,
        out_of_order_ms: 2_000,
        ..steady()
    };
    let (mut late, mut out_of_order, mut latest_us) = (0, 0, i64::MIN);
    for event in all(options, 100_000) {
        let back_us = latest_us.saturating_sub(event.time_us);
        assert!(back_us <= 3_601_000_000);
        late += u32::from(back_us > 2_001_000);
        out_of_order += u32::from((1..=2_001_000).contains(&back_us));
        latest_us = latest_us.max(event.time_us);
    }
    assert!((800..1_200).contains(&late), "{late}");
    assert!((9_000..11_000).contains(&out_of_order), "{out_of_order}");
}

#[test]
fn tenants_have_the_shares_that_were_asked_for() {
    let largest = |options: GeneratorOptions| {
        let mut counts: HashMap<String, u32> = HashMap::new();
        for event in all(options, 100_000) {
            *counts.entry(event.tenant).or_default() += 1;
        }
        let name = Generator::new(options, 0).unwrap().tenants().next().unwrap().name;
        (counts.len(), counts.get(&name).copied().unwrap_or_default())
    };
    let (tenants, first) = largest(steady());
    assert_eq!(tenants, 100);
    assert!((18_500..20_000).contains(&first), "{first}");
    let (tenants, first) = largest(GeneratorOptions { distribution: Distribution::Uniform, ..steady() });
    assert_eq!(tenants, 100);
    assert!((850..1_150).contains(&first), "{first}");
}

#[test]
fn a_million_tenants_do_not_burden_every_batch() {
    let options = GeneratorOptions {
        tenants: 1_000_000,
        functions_per_tenant: 1,
        events_per_s: 1_000_000,
        distribution: Distribution::Uniform,
        ..steady()
    };
    let batches = batches(options, 20_000);
    assert!(batches.iter().all(|batch| batch.tenants().values.len() < 10_000));
    let tenants: HashSet<_> =
        batches.iter().flat_map(|batch| events(batch).map(|event| event.tenant).collect::<Vec<_>>()).collect();
    assert!(tenants.len() > 19_000, "{}", tenants.len());
}

#[test]
fn options_outside_their_range_are_named() {
    let check = |options: GeneratorOptions, expect: &str| {
        assert_eq!(Generator::new(options, 0).err().unwrap().option, expect);
    };
    check(GeneratorOptions { tenants: 0, ..steady() }, "tenants");
    check(GeneratorOptions { tenants: 1_000_001, ..steady() }, "tenants");
    check(GeneratorOptions { functions_per_tenant: 0, ..steady() }, "functions_per_tenant");
    check(GeneratorOptions { events_per_s: 0, ..steady() }, "events_per_s");
    check(GeneratorOptions { rows_per_batch: 0, ..steady() }, "rows_per_batch");
    check(GeneratorOptions { duplicates_ppm: 1_000_000, ..steady() }, "duplicates_ppm");
    check(GeneratorOptions { distribution: Distribution::Zipf { s: f64::NAN }, ..steady() }, "distribution");
}
