//! Meters and states over time: quotas' counters, vetting, changed meters, backfill, damaged checkpoints, rejections.

use arrow::array::{Array, AsArray};
use arrow::datatypes::Int64Type;
use engine::admission::{Reason, RejectionCount};
use engine::calendar::Interval;
use engine::event::builder::{Attributes, EventBatchBuilder};
use engine::meter::{Aggregation, Meter, Window};
use engine::shard::{Arrival, Operator, RestoreError, SealedFiles};
use engine::snapshot::Snapshot;
use engine::storage::Storage;
use engine::storage::memory::MemoryStorage;
use engine::units::{ONE, Units};
use pipelines::metering::{MeteringError, WindowFilter, meter_statistics, reach, rejections, windows};
use proptest::prelude::*;

use super::event::{BASE, Event, SECOND, Shard, batch, definitions, events, meter, operator, position, view_of};
use super::exactness::read;

fn minute() -> Window {
    Window::Tumbling { size_s: 60 }
}

fn named(name: &str, aggregation: Aggregation) -> Meter {
    Meter { name: name.into(), ..meter(aggregation, minute()) }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// I7: the counter that enforces is the counter that bills.
    #[test]
    fn used_is_what_units_add_up_to(events in events(5000), publishes in prop::collection::vec(any::<bool>(), 120)) {
        let meters = [named("calls", Aggregation::Count), named("sum", Aggregation::Sum), named("max", Aggregation::Max)];
        let mut shard = Shard::new(&meters);
        shard.apply(&events, 0, |shard, arrival| {
            if publishes[arrival] {
                shard.view();
            }
            publishes[arrival]
        });
        let period = Interval { start_us: BASE + 900 * SECOND, end_us: BASE + 2700 * SECOND };
        for name in ["calls", "sum"] {
            let units = shard.operator.units(name, &batch(&events)).unwrap();
            let of_acme = |event: &Event| event.tenant == "acme" && period.contains(event.time_us);
            let expect: i128 = events.iter().zip(units).filter(|(event, _)| of_acme(event)).map(|(_, n)| n).sum();
            prop_assert_eq!(shard.operator.used("acme", name, period), Some(expect), "{}", name);
        }
        prop_assert_eq!(shard.operator.units("max", &batch(&events)), None);
        prop_assert_eq!(shard.operator.used("nobody", "calls", period), Some(0));
    }

    #[test]
    fn a_meter_added_later_counts_history(events in events(600), split in any::<prop::sample::Index>()) {
        let before = [named("other", Aggregation::Count)];
        let after = [before[0].clone(), meter(Aggregation::Avg, minute())];
        let (early, late) = events.split_at(split.index(events.len()));
        let mut shard = Shard::new(&before);
        shard.apply(early, 0, |_, _| false);
        prop_assert_eq!(shard.operator.configure(&definitions(&after), None).unwrap(), ["m"]);
        for (at, event) in early.iter().enumerate() {
            shard.operator.backfill(&["m".to_owned()], &batch(std::slice::from_ref(event)), position(at));
        }
        shard.apply(late, early.len(), |_, _| false);
        let mut fresh = Shard::new(&after);
        fresh.apply(&events, 0, |_, _| false);
        let (got, expect) = (shard.view(), fresh.view());
        for name in ["m", "other"] {
            let of = |view| windows(std::slice::from_ref(view), name, &WindowFilter::default()).unwrap();
            prop_assert_eq!(of(&got), of(&expect), "{}", name);
        }
        let counts = |view| meter_statistics(std::slice::from_ref(view)).into_iter().map(|s| (s.meter, s.matched, s.value_missing)).collect::<Vec<_>>();
        prop_assert_eq!(counts(&got), counts(&expect));
    }
}

#[test]
fn only_what_changes_the_states_needs_history() {
    let original = meter(Aggregation::Sum, minute());
    let check = |change: fn(&mut Meter), expect: &[&str]| {
        let mut shard = Shard::new(std::slice::from_ref(&original));
        let mut changed = original.clone();
        change(&mut changed);
        assert_eq!(shard.operator.configure(&[changed.clone().into()], None).unwrap(), expect, "{changed:?}");
    };
    check(|_| {}, &[]);
    check(|meter| meter.description = "for people".into(), &[]);
    check(|meter| meter.allowed_lateness_s = 0, &[]);
    check(|meter| meter.dimensions[0].name = "zone".into(), &[]);
    check(|meter| meter.dimensions[0].path = "$.zone".into(), &["m"]);
    check(|meter| meter.dimensions.clear(), &["m"]);
    check(|meter| meter.value = Some("$.other".into()), &["m"]);
    check(|meter| meter.aggregation = Aggregation::Max, &["m"]);
    check(|meter| meter.window = Window::Tumbling { size_s: 30 }, &["m"]);
    check(|meter| meter.window = Window::Sliding { size_s: 120, slide_s: 60 }, &[]);
    check(|meter| meter.event_type = "other".into(), &["m"]);
}

fn row(member: impl FnOnce(&mut EventBatchBuilder)) -> engine::event::batch::EventBatch {
    let mut builder = EventBatchBuilder::new();
    member(&mut builder);
    builder.commit(Attributes {
        tenant: "acme",
        id: "1",
        source: "test",
        event_type: "call",
        subject: None,
        time_us: BASE,
    });
    builder.finish()
}

#[test]
fn what_can_not_be_counted_exactly_is_refused() {
    let check = |aggregation: Aggregation, member: fn(&mut EventBatchBuilder), expect: Option<Reason>| {
        let mut shard = Shard::new(&[meter(aggregation, minute())]);
        let batch = row(member);
        let mut found = None;
        let arrival = Arrival { batch: &batch, open: &[true], in_flight: &[], now_us: 0 };
        shard.operator.vet(&arrival, &mut |row, rejection| {
            assert_eq!(row, 0);
            found = Some(rejection.reason);
        });
        assert_eq!(found, expect);
        // History that was never vetted must not stop the shard: it counts what can be counted.
        shard.operator.apply(&batch, position(0));
        let counted = usize::from(batch.data("/value").is_some_and(|v| v.data_type().is_decimal()));
        let rows = read(&mut [shard], &WindowFilter::default());
        assert!(rows.len() <= 1 && (expect.is_none() || rows.is_empty() || counted == 1));
    };
    check(Aggregation::Sum, |row| row.units("/value", Units(5)), None);
    check(Aggregation::Sum, |_| {}, None);
    check(Aggregation::Sum, |row| row.json("/value", "null"), None);
    check(Aggregation::Sum, |row| row.text("/value", "5"), Some(Reason::ValueInvalid));
    check(Aggregation::Sum, |row| row.boolean("/value", true), Some(Reason::ValueInvalid));
    check(Aggregation::Sum, |row| row.json("/value", "[1]"), Some(Reason::ValueInvalid));
    check(Aggregation::Sum, |row| row.json("/value", "1e99"), Some(Reason::ValueOverflow));
    check(Aggregation::Sum, |row| row.json("/value", "0.0000000001"), Some(Reason::ValueOverflow));
    check(Aggregation::Count, |row| row.text("/value", "5"), None);
    let reciprocal = || Aggregation::Sql { expression: "sum(1 / value)".into() };
    check(reciprocal(), |row| row.units("/value", Units(ONE)), None);
    check(reciprocal(), |row| row.units("/value", Units(0)), Some(Reason::ValueInvalid));
}

#[test]
fn leftover_members_are_values_and_dimensions_too() {
    let mut shard = Shard::new(&[meter(Aggregation::Sum, minute())]);
    let mut builder = EventBatchBuilder::new();
    let regions = ["\"eu\"", "7.50", "null", "[1]"];
    for (at, region) in regions.iter().enumerate() {
        builder.json("/value", "12345678901234567.123456789");
        builder.json("/region", region);
        builder.commit(Attributes {
            tenant: "acme",
            id: &at.to_string(),
            source: "test",
            event_type: "call",
            subject: None,
            time_us: BASE,
        });
    }
    shard.operator.apply(&builder.finish(), position(0));
    let rows = read(&mut [shard], &WindowFilter::default());
    let value = Units::parse("12345678901234567.123456789").unwrap().0;
    let found: Vec<_> = rows.iter().map(|row| (row.region.as_deref(), row.value.unwrap())).collect();
    assert_eq!(found, [(Some("7.5"), value), (Some("eu"), value), (None, 2 * value)]);
}

#[test]
fn a_meter_that_matches_nothing_shows_it() {
    let mut shard = Shard::new(&[Meter { value: Some("$.typo".into()), ..meter(Aggregation::Sum, minute()) }]);
    shard.operator.apply(&row(|row| row.units("/value", Units(5))), position(0));
    let view = shard.view();
    let statistics = meter_statistics(std::slice::from_ref(&view));
    assert_eq!((statistics[0].matched, statistics[0].value_missing, statistics[0].panes), (1, 1, 0));
    assert_eq!(windows(&[view], "nope", &WindowFilter::default()), Err(MeteringError::UnknownMeter("nope".into())));
}

#[test]
fn any_damaged_byte_of_a_checkpoint_is_found() {
    let mut shard = Shard::new(&[meter(Aggregation::UniqueCount, minute())]);
    shard.operator.apply(&row(|row| row.text("/region", "eu")), position(0));
    let mut files = SealedFiles::default();
    let description = shard.operator.seal().write(&shard.storage, "c/", &mut files).unwrap();
    assert_eq!(files.checkpoint, ["c/panes"]);
    let size = engine::storage::Storage::size(&shard.storage, "c/panes").unwrap();
    for byte in 0..size {
        shard.storage.flip_bit("c/panes", byte, 3).unwrap();
        // The manifest's reader checks the trailer, the operator its deltas; between them nothing goes unseen.
        let checked = engine::checkpoint::file::verify(&shard.storage, "c/panes").map_err(RestoreError::from);
        let error = checked.and_then(|()| operator(&shard.storage).restore(&description, &shard.storage)).unwrap_err();
        assert_eq!(error.file, "c/panes");
        shard.storage.flip_bit("c/panes", byte, 3).unwrap();
    }
    operator(&shard.storage).restore(&description, &shard.storage).unwrap();
    let error = operator(&shard.storage).restore(&serde_json::json!({"format": 99}), &shard.storage).unwrap_err();
    assert_eq!(error.file, "manifest: metering");
}

#[test]
fn a_checkpoint_of_the_version_before_facts_is_taken_up() {
    let session = Meter { window: Window::Session { gap_s: 600 }, ..named("visits", Aggregation::Count) };
    let meters = [named("calls", Aggregation::Count), session];
    let mut shard = Shard::new(&meters);
    shard.operator.apply(&row(|row| row.units("/value", Units(5))), position(7));
    let of_calls = |shard: &mut Shard| windows(&[shard.view()], "calls", &WindowFilter::default()).unwrap();
    let before = of_calls(&mut shard);
    let mut description = shard.operator.seal().write(&shard.storage, "1/", &mut SealedFiles::default()).unwrap();
    let document = description.as_object_mut().unwrap();
    for ledger in ["ended", "ended_windows", "billed"] {
        assert!(document.remove(ledger).is_some());
    }
    for meter in document["meters"].as_array_mut().unwrap() {
        for field in ["since", "begun"] {
            assert!(meter.as_object_mut().unwrap().remove(field).is_some());
        }
    }
    shard.operator = operator(&shard.storage);
    shard.operator.restore(&description, &shard.storage).unwrap();
    assert_eq!(of_calls(&mut shard), before);
    // Its panes don't know when sessions began, so they are made anew of history.
    assert!(!shard.operator.follows(&definitions(&meters)));
    assert_eq!(shard.operator.configure(&definitions(&meters), Some(position(8))).unwrap(), ["visits"]);
    assert!(shard.operator.follows(&definitions(&meters)));
    assert_eq!(of_calls(&mut shard), before);
}

#[test]
fn a_checkpoint_writes_only_what_is_new() {
    let mut shard = Shard::new(&[meter(Aggregation::Sum, minute())]);
    let many: Vec<Event> = (0..400)
        .map(|at| Event {
            tenant: format!("t{at}"),
            id: at.to_string(),
            event_type: "call",
            time_us: BASE,
            value: Some(1),
            region: None,
        })
        .collect();
    shard.operator.apply(&batch(&many), position(0));
    let mut files = SealedFiles::default();
    shard.operator.seal().write(&shard.storage, "1/", &mut files).unwrap();
    shard.operator.apply(&batch(&many[..1]), position(1));
    files = SealedFiles::default();
    shard.operator.seal().write(&shard.storage, "2/", &mut files).unwrap();
    assert_eq!(files.checkpoint, ["1/panes", "2/panes"]);
    files = SealedFiles::default();
    shard.operator.seal().write(&shard.storage, "3/", &mut files).unwrap();
    assert_eq!(files.checkpoint, ["1/panes", "2/panes"]);
}

#[test]
fn rejections_are_counted_and_survive_a_restart() {
    let mut shard = Shard::new(&[]);
    let rejected = |tenant: &str, count, id: &str| RejectionCount {
        tenant: tenant.into(),
        reason: Reason::QuotaExceeded,
        field: "calls".into(),
        count,
        sample_id: id.into(),
        sample_detail: "used up".into(),
    };
    shard.operator.reject(&[rejected("acme", 3, "a"), rejected("zeta", 1, "z")], position(0));
    let early = shard.view();
    shard.operator.reject(&[rejected("acme", 2, "b")], position(40));
    shard.restart(&[]);
    let counts = |batch: &arrow::array::RecordBatch| batch.column(3).as_primitive::<Int64Type>().values().to_vec();
    let all = rejections(&[shard.view()], None);
    assert_eq!(counts(&all), [5, 1]);
    assert_eq!(all.column(5).as_string::<i32>().value(0), "b");
    assert_eq!(counts(&rejections(&[early], None)), [3, 1]);
    let of_zeta = rejections(&[shard.view()], Some(&["zeta".to_owned()]));
    assert_eq!((of_zeta.num_rows(), of_zeta.column(0).as_string::<i32>().value(0)), (1, "zeta"));
    assert_eq!(of_zeta.column(4).null_count(), 0);
}

fn refused(tenant: &str, reason: Reason, field: &str) -> RejectionCount {
    let (field, sample_id, sample_detail) = (field.to_owned(), "1".to_owned(), format!("about {field}"));
    RejectionCount { tenant: tenant.to_owned(), reason, field, count: 1, sample_id, sample_detail }
}

/// Kinds, counts and bytes of texts that `tenant` has.
fn kinds_of(shard: &mut Shard, tenant: &str) -> (usize, i64, usize) {
    let all = rejections(&[shard.view()], Some(&[tenant.to_owned()]));
    let bytes = [2, 5, 6].map(|column| all.column(column).as_string::<i32>().value_data().len());
    (all.num_rows(), all.column(3).as_primitive::<Int64Type>().values().iter().sum(), bytes.iter().sum())
}

/// I8: whoever makes up names of fields has few kinds, all are counted, and nobody else's are pushed out.
#[test]
fn made_up_names_are_no_kinds_and_take_no_place_of_others() {
    let mut shard = Shard::new(&[]);
    let made_up = |n: usize| refused("hostile", Reason::InvalidAttribute, &format!("{n}{}", "x".repeat(10_000)));
    for many in (0..50_000).collect::<Vec<_>>().chunks(5_000) {
        shard.operator.reject(&many.iter().map(|n| made_up(*n)).collect::<Vec<_>>(), position(0));
    }
    let nobody = |n: usize| refused(&format!("nobody {n}"), Reason::TenantUnknown, "tenant");
    shard.operator.reject(&(0..10_000).map(nobody).collect::<Vec<_>>(), position(1));
    for tenant in 0..100 {
        shard.operator.reject(&[refused(&format!("t{tenant}"), Reason::TooOld, "time")], position(2));
    }
    for restarts in 0..2 {
        let (kinds, count, bytes) = kinds_of(&mut shard, "hostile");
        assert!(kinds <= 65 && bytes < 100_000, "{kinds} kinds of {bytes} bytes after {restarts} restarts");
        assert_eq!(count, 50_000, "all are counted");
        assert_eq!(kinds_of(&mut shard, "").1, 10_000);
        assert_eq!(rejections(&[shard.view()], None).num_rows(), kinds + 1 + 100);
        shard.restart(&[]);
    }
}

/// I10: they have a file of their own, written when they have changed, and nothing of them is in the manifest.
#[test]
fn rejections_are_in_a_file_of_their_own_that_vouches_for_itself() {
    let mut shard = Shard::new(&[]);
    let seal = |shard: &mut Shard, prefix: &str| {
        let mut files = SealedFiles::default();
        let description = shard.operator.seal().write(&shard.storage, prefix, &mut files).unwrap();
        (description, files.checkpoint)
    };
    assert_eq!(seal(&mut shard, "1/").1, Vec::<String>::new(), "nothing was refused yet");
    shard.operator.reject(&[refused("acme", Reason::InvalidAttribute, "madeup")], position(0));
    let (description, files) = seal(&mut shard, "2/");
    assert_eq!(files, ["2/rejections"]);
    assert!(!description.to_string().contains("madeup"), "{description}");
    assert_eq!(seal(&mut shard, "3/").1, ["2/rejections"], "nothing has changed");
    let mut restored = operator(&shard.storage);
    restored.restore(&description, &shard.storage).unwrap();
    assert_eq!(rejections(&[view_of(&mut restored)], None).num_rows(), 1);
    let mut files = SealedFiles::default();
    restored.seal().write(&shard.storage, "4/", &mut files).unwrap();
    assert_eq!(files.checkpoint, ["2/rejections"], "after a restart neither");
    shard.operator.reject(&[refused("acme", Reason::InvalidAttribute, "madeup")], position(1));
    assert_eq!(seal(&mut shard, "5/").1, ["5/rejections"]);

    shard.storage.flip_bit("2/rejections", 3, 1).unwrap();
    let damaged = operator(&shard.storage).restore(&description, &shard.storage).unwrap_err();
    assert_eq!(damaged.file, "2/rejections");
    shard.storage.remove("2/rejections").unwrap();
    let missing = operator(&shard.storage).restore(&description, &shard.storage).unwrap_err();
    assert_eq!(missing.file, "2/rejections");
}

/// Who sent nothing since a start shares the place where the checkpoint ended, and does not see the others go on.
#[test]
fn a_tenants_place_in_the_log_outlasts_a_restart() {
    let mut shard = Shard::new(&[]);
    let of = |shard: &mut Shard, tenant: &str, end: u64| {
        let (shards, archive) = (vec![shard.view()], Default::default());
        let cut = Snapshot { offset: end, epoch: 1, published_at_us: 0, shards, archive };
        (reach(&cut, Some(&[tenant.to_owned()].into())), reach(&cut, None))
    };
    let event = |tenant: &str| Event {
        tenant: tenant.into(),
        id: "1".into(),
        event_type: "call",
        time_us: BASE,
        value: None,
        region: None,
    };
    assert_eq!(of(&mut shard, "acme", 0), (-1, -1));
    shard.operator.apply(&batch(&[event("acme"), event("zeta"), event("zeta")]), position(0));
    assert_eq!([of(&mut shard, "acme", 3), of(&mut shard, "zeta", 3)], [(0, 2), (2, 2)]);
    assert_eq!(of(&mut shard, "zeta", 2), (1, 1), "never behind the cut");
    shard.restart(&[]);
    for end in 4..9 {
        shard.operator.apply(&batch(&[event("zeta")]), position(end as usize - 1));
        assert_eq!(of(&mut shard, "acme", end), (2, end as i64 - 1));
    }
    shard.operator.apply(&batch(&[event("acme")]), position(20));
    assert_eq!(of(&mut shard, "acme", 21), (20, 20));
    shard.operator.forget(&["zeta".to_owned()].into(), position(30)).unwrap();
    assert_eq!([of(&mut shard, "acme", 40), of(&mut shard, "zeta", 40)], [(20, 39), (30, 39)]);
}

/// What the manifest of an earlier version says, as that version wrote it.
#[test]
fn a_manifest_that_holds_its_rejections_is_taken_up_within_bounds() {
    let inline = include_str!("../../fixtures/operator-v2-rejections.json");
    let mut description: serde_json::Value = serde_json::from_str(inline).unwrap();
    let storage = MemoryStorage::new();
    let mut restored = operator(&storage);
    restored.restore(&description, &storage).unwrap();
    let all = rejections(&[view_of(&mut restored)], None);
    let text = |column: usize, row: usize| all.column(column).as_string::<i32>().value(row).to_owned();
    let kinds: Vec<_> = (0..all.num_rows()).map(|row| [0, 1, 2, 5].map(|column| text(column, row))).collect();
    let unknown = ["", "tenant_unknown", "tenant", "g"];
    let expect = [unknown, ["acme", "invalid_attribute", "time", "a"], ["zeta", "invalid_attribute", "Madeup", "1"]];
    assert_eq!(kinds, expect, "nobody is called ghost, as that version had it");
    assert_eq!(all.column(3).as_primitive::<Int64Type>().values().to_vec(), [1, 2, 2]);

    // As many and as large as a hostile tenant made them.
    let kinds = description["rejections"].as_array_mut().unwrap();
    for n in 0..50_000 {
        let large = "x".repeat(if n % 2_500 == 0 { 200_000 } else { 10 });
        let seen = serde_json::json!({"count": 1, "last_at_us": n, "sample_id": large, "sample_detail": large});
        kinds.push(serde_json::json!([["hostile", "invalid_attribute", format!("{n}{large}")], seen]));
    }
    let mut restored = operator(&storage);
    restored.restore(&description, &storage).unwrap();
    let mut files = SealedFiles::default();
    let described = restored.seal().write(&storage, "1/", &mut files).unwrap();
    let bytes = storage.size(&files.checkpoint[0]).unwrap();
    assert!(bytes < 100_000 && described.to_string().len() < 10_000, "{bytes} bytes");
    let of_hostile = rejections(&[view_of(&mut restored)], Some(&["hostile".to_owned()]));
    assert_eq!(of_hostile.column(3).as_primitive::<Int64Type>().values().iter().sum::<i64>(), 50_000);
}

#[test]
fn meters_that_are_fed_alike_are_all_merged_in_time() {
    const SERIES: usize = 8_000;
    const PUBLISHES: usize = 64;
    let meters = ["a", "b", "c"].map(|name| named(name, Aggregation::Count));
    let mut shard = Shard::new(&meters);
    for publish in 0..PUBLISHES {
        let mut builder = EventBatchBuilder::new();
        for series in 0..SERIES {
            builder.commit(Attributes {
                tenant: &format!("tenant-{series}"),
                id: &format!("{publish}-{series}"),
                source: "test",
                event_type: "call",
                subject: None,
                time_us: BASE,
            });
        }
        shard.operator.apply(&builder.finish(), position(publish));
        shard.view();
    }
    // Four deltas of a tier are more than a publish merges at most, of one meter. Unmerged it would be all publishes' rows.
    for statistics in meter_statistics(&[shard.view()]) {
        let copies = statistics.panes / SERIES as u64;
        assert_eq!(statistics.matched, (SERIES * PUBLISHES) as u64);
        assert!(copies <= 8, "{}: each pane is held {copies} times", statistics.meter);
    }
}
