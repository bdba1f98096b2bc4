use arrow::array::{
    BooleanArray, Date32Array, Decimal128Array, FixedSizeListArray, Float32Array, Float64Array, Int8Array, Int64Array,
    LargeListArray, LargeStringArray, ListArray, NullArray, StringViewArray, StructArray, TimestampMillisecondArray,
    TimestampNanosecondArray, UInt64Array,
};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Float64Type, Int8Type};
use proptest::prelude::*;

use super::super::cloudevents::{Decoder, Form};
use super::super::fingerprint;
use super::*;
use crate::units::Units;

const NOW_US: i64 = 1_795_435_200_000_000;
const SEED: u64 = 7;

fn context(tenant: Option<&str>) -> Context<'_> {
    let platform = tenant.is_none();
    Context { tenant, platform, now_us: NOW_US, past_max_us: Some(86_400_000_000), future_max_us: 3_600_000_000 }
}

fn texts<const N: usize>(texts: [&str; N]) -> ArrayRef {
    Arc::new(StringArray::from(texts.to_vec()))
}

/// `rows` events of which `more` is to be decoded.
fn events(rows: usize, more: Vec<(&str, ArrayRef)>) -> RecordBatch {
    let ids: Vec<String> = (0..rows).map(|row| format!("e{row}")).collect();
    let mut columns: Vec<(&str, ArrayRef)> = vec![
        ("id", Arc::new(StringArray::from(ids))),
        ("source", Arc::new(StringArray::from(vec!["/s"; rows]))),
        ("type", Arc::new(StringArray::from(vec!["call"; rows]))),
        ("time", Arc::new(TimestampMillisecondArray::from(vec![NOW_US / 1000; rows]).with_timezone("UTC"))),
    ];
    columns.retain(|(name, _)| more.iter().all(|(other, _)| other != name));
    columns.extend(more);
    RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, column)| (name, column, true))).unwrap()
}

fn decoded(columns: &RecordBatch) -> Decoded {
    decode(columns, &context(Some("acme")), &Limits::default()).unwrap()
}

#[test]
fn columns_say_what_json_says() {
    let json = br#"[
        {"specversion": "1.0", "id": "e0", "source": "/s", "type": "call", "subject": "s", "time": "2026-11-23T12:00:00Z",
         "data": {"text": "a\"b", "whole": 12, "exact": 0.1, "fine": 0.00000000012, "huge": 18446744073709551615,
                  "truth": true, "inner": {"n": 1.5, "deep": {"t": "x"}}, "list": [1, 2], "day": "1970-01-02T00:00:00Z"}},
        {"specversion": "1.0", "id": "e1", "source": "/s", "type": "call",
         "data": {"exact": -3.25, "huge": 7, "truth": false, "inner": {"deep": {}}, "list": [], "short": 0.1}}
    ]"#;
    let expect = Decoder::new(Limits::default()).decode(json, Form::Batch, &context(Some("acme"))).unwrap();
    // An empty object is a leftover in JSON; columns have no way to say it.
    let expect_second = br#"[{"specversion": "1.0", "id": "e1", "source": "/s", "type": "call",
        "data": {"exact": -3.25, "huge": 7, "truth": false, "list": [], "short": 0.1}}]"#;
    let expect_second =
        Decoder::new(Limits::default()).decode(expect_second, Form::Batch, &context(Some("acme"))).unwrap();

    let deep = StructArray::from(vec![(Arc::new(Field::new("t", DataType::Utf8, true)), {
        Arc::new(StringArray::from(vec![Some("x"), Some("hidden")])) as ArrayRef
    })]);
    let deep = StructArray::new(deep.fields().clone(), deep.columns().to_vec(), Some(vec![true, false].into()));
    let inner = StructArray::from(vec![
        (Arc::new(Field::new("n", DataType::Float64, true)), {
            Arc::new(Float64Array::from(vec![Some(1.5), None])) as ArrayRef
        }),
        (Arc::new(Field::new("deep", deep.data_type().clone(), true)), Arc::new(deep) as ArrayRef),
    ]);
    let list = ListArray::from_iter_primitive::<arrow::datatypes::Int64Type, _, _>([
        Some(vec![Some(1), Some(2)]),
        Some(vec![]),
    ]);
    let dictionary: DictionaryArray<arrow::datatypes::Int8Type> = [Some("s"), None].into_iter().collect();
    let columns = events(
        2,
        vec![
            ("subject", Arc::new(dictionary)),
            ("time", Arc::new(TimestampNanosecondArray::from(vec![Some(NOW_US * 1000 + 999), None]))),
            ("text", Arc::new(StringViewArray::from(vec![Some("a\"b"), None]))),
            ("whole", Arc::new(Int64Array::from(vec![Some(12), None]))),
            ("exact", Arc::new(Float64Array::from(vec![0.1, -3.25]))),
            ("fine", Arc::new(Float64Array::from(vec![Some(0.00000000012), None]))),
            ("huge", Arc::new(UInt64Array::from(vec![u64::MAX, 7]))),
            ("truth", Arc::new(BooleanArray::from(vec![true, false]))),
            ("inner", Arc::new(inner)),
            ("list", Arc::new(list)),
            ("day", Arc::new(Date32Array::from(vec![Some(1), None]))),
            ("short", Arc::new(Float32Array::from(vec![None, Some(0.1)]))),
            ("nothing", Arc::new(NullArray::new(2))),
        ],
    );
    let got = decoded(&columns);
    assert_eq!((got.index.as_slice(), got.rejected.as_slice()), ([0, 1].as_slice(), [].as_slice()));
    assert_eq!(fingerprint::keys(&got.batch, SEED), fingerprint::keys(&expect.batch, SEED));
    let payloads = fingerprint::payloads(&got.batch, SEED);
    // 1.2e-10 and 0.00000000012 are one number in two texts, so the leftover differs.
    let rest = got.batch.rest().unwrap();
    assert_eq!(rest.value(0), r#"{"/fine":1.2e-10,"/huge":18446744073709551615,"/list":[1,2]}"#);
    assert_eq!(payloads[1], fingerprint::payloads(&expect_second.batch, SEED)[0]);
    for pointer in ["/text", "/whole", "/exact", "/truth", "/inner/n", "/inner/deep/t", "/day"] {
        let (got, expect) = (got.batch.data(pointer).unwrap(), expect.batch.data(pointer).unwrap());
        assert_eq!(format!("{:?}", got.slice(0, 1)), format!("{:?}", expect.slice(0, 1)), "{pointer}");
    }
}

fn check_row(more: Vec<(&str, ArrayRef)>, expect: &[(u32, Reason, &str)]) {
    let rows = more[0].1.len();
    let got = decoded(&events(rows, more));
    let refused: Vec<_> = got.rejected.iter().map(|it| (it.index, it.rejection.reason, &*it.rejection.field)).collect();
    assert_eq!(refused, expect);
    assert_eq!(got.batch.len() + refused.len(), rows);
    assert!(got.index.iter().all(|row| expect.iter().all(|(refused, ..)| refused != row)));
    assert_eq!(got.batch.ids().null_count(), 0);
}

#[test]
fn rows_that_are_no_events_are_told_and_the_others_taken() {
    use Reason::{InvalidAttribute, MissingAttribute, TenantMismatch, TooLarge, TooNew, TooOld, ValueInvalid};
    let long = "x".repeat(1025);
    let maybe = |texts: Vec<Option<&str>>| Arc::new(StringArray::from(texts)) as ArrayRef;
    check_row(
        vec![("id", maybe(vec![Some("a"), None, Some(""), Some(&long)]))],
        &[(1, MissingAttribute, "id"), (2, InvalidAttribute, "id"), (3, InvalidAttribute, "id")],
    );
    check_row(vec![("source", maybe(vec![None, Some("/s")]))], &[(0, MissingAttribute, "source")]);
    check_row(vec![("type", maybe(vec![Some(""), Some("t")]))], &[(0, InvalidAttribute, "type")]);
    check_row(vec![("subject", maybe(vec![Some(&long), None]))], &[(0, InvalidAttribute, "subject")]);
    check_row(vec![("tenant", maybe(vec![None, Some("acme"), Some("globex")]))], &[(2, TenantMismatch, "tenant")]);
    let times = vec![NOW_US / 1000 - 86_400_001, NOW_US / 1000, NOW_US / 1000 + 3_600_001];
    check_row(
        vec![("time", Arc::new(TimestampMillisecondArray::from(times)))],
        &[(0, TooOld, "time"), (2, TooNew, "time")],
    );
    let floats = Float64Array::from(vec![f64::NAN, 1.0, f64::INFINITY]);
    check_row(vec![("n", Arc::new(floats))], &[(0, ValueInvalid, "/n"), (2, ValueInvalid, "/n")]);
    let huge = "x".repeat(Limits::default().event_bytes_max);
    check_row(vec![("text", maybe(vec![Some("a"), Some(&huge)]))], &[(1, TooLarge, "")]);
}

#[test]
fn a_platforms_rows_name_their_tenants() {
    let columns = events(3, vec![("tenant", Arc::new(LargeStringArray::from(vec![Some("a"), None, Some("b")])))]);
    let got = decode(&columns, &context(None), &Limits::default()).unwrap();
    assert_eq!((got.batch.tenants().get(0), got.batch.tenants().get(1)), (Some("a"), Some("b")));
    assert_eq!((got.rejected[0].index, got.rejected[0].rejection.reason), (1, Reason::MissingAttribute));
    let own = decode(&columns, &context(Some("a")), &Limits::default()).unwrap();
    assert_eq!(own.index, [0, 1], "a null is the credential's own");
}

fn check_refused(columns: &RecordBatch, column: &str, reason: &str) {
    let error = decode(columns, &context(Some("acme")), &Limits::default()).unwrap_err();
    assert_eq!(error.column, column);
    assert!(error.reason.contains(reason), "{error}");
}

#[test]
fn columns_that_cannot_be_taken_are_named() {
    let number = || Arc::new(Int64Array::from(vec![1])) as ArrayRef;
    let without = |name: &str| {
        let columns = events(1, vec![]);
        let at: Vec<usize> =
            (0..columns.num_columns()).filter(|at| columns.schema().field(*at).name() != name).collect();
        columns.project(&at).unwrap()
    };
    for name in ["id", "source", "type"] {
        check_refused(&without(name), name, "is missing");
        check_refused(&events(1, vec![(name, number())]), name, "expected text, found Int64");
    }
    check_refused(&events(1, vec![("time", texts(["2026-11-23T12:00:00Z"]))]), "time", "expected a timestamp");
    check_refused(
        &events(1, vec![("blob", Arc::new(arrow::array::BinaryArray::from(vec![&b"x"[..]])))]),
        "blob",
        "Binary",
    );
    check_refused(&events(1, vec![("a", number()), ("a", number())]), "a", "twice");
    check_refused(&events(1, vec![(&"x".repeat(256), number())]), &"x".repeat(256), "longer than 256 bytes");
    let names: Vec<String> = (0..=schema::DATA_COLUMNS_MAX).map(|at| format!("n{at}")).collect();
    let many = names.iter().map(|name| (name.as_str(), number())).collect();
    check_refused(&events(1, many), &format!("n{}", schema::DATA_COLUMNS_MAX), "beyond the 128 members");
    let error = decode(&events(1, vec![]), &context(None), &Limits::default()).unwrap_err();
    assert_eq!(error.column, "tenant");
}

#[test]
fn decimals_of_any_scale_are_exact_or_leftovers() {
    let check = |number: i128, scale: i8, units: Option<&str>, rest: Option<&str>| {
        let column = Decimal128Array::from(vec![number]).with_precision_and_scale(38, scale).unwrap();
        let got = decoded(&events(1, vec![("n", Arc::new(column))]));
        let found = got.batch.data("/n").unwrap().as_primitive::<arrow::datatypes::Decimal128Type>();
        let found = found.is_valid(0).then(|| Units(found.value(0)).to_string());
        assert_eq!(found.as_deref(), units, "{number} {scale}");
        assert_eq!(got.batch.rest().map(|rest| rest.value(0)), rest, "{number} {scale}");
    };
    check(1234, 2, Some("12.34"), None);
    check(-5, 9, Some("-0.000000005"), None);
    check(120, 11, None, Some(r#"{"/n":0.00000000120}"#));
    check(100, 11, Some("0.000000001"), None);
    check(10i128.pow(18), 0, None, Some(r#"{"/n":1000000000000000000}"#));
}

#[test]
fn slices_are_taken_as_they_lie() {
    let list = ListArray::from_iter_primitive::<Float64Type, _, _>([None, Some(vec![Some(1.0)]), Some(vec![None])]);
    let columns = events(3, vec![("n", Arc::new(Int64Array::from(vec![1, 2, 3]))), ("list", Arc::new(list))]);
    let got = decoded(&columns.slice(1, 2));
    assert_eq!(got.batch.ids().value(0), "e1");
    let rest: Vec<_> = got.batch.rest().unwrap().iter().flatten().collect();
    assert_eq!(rest, [r#"{"/list":[1.0]}"#, r#"{"/list":[null]}"#]);
}

proptest! {
    #[test]
    fn floats_are_their_shortest_decimal(number in prop_oneof![
        any::<f64>().prop_filter("finite", |n| n.is_finite()),
        (-1_000_000_000i64..1_000_000_000, 0u32..12).prop_map(|(n, scale)| n as f64 / 10f64.powi(scale as i32)),
    ]) {
        let got = decoded(&events(1, vec![("n", Arc::new(Float64Array::from(vec![number])))]));
        let found = got.batch.data("/n").unwrap().as_primitive::<arrow::datatypes::Decimal128Type>();
        let expect = Units::parse(&serde_json::to_string(&number).unwrap()).ok();
        prop_assert_eq!(found.is_valid(0).then(|| Units(found.value(0))), expect);
        prop_assert_eq!(got.batch.rest().is_some(), expect.is_none());
    }
}

#[test]
fn columns_of_further_attributes_are_kept_as_such() {
    let columns = events(
        3,
        vec![
            ("ce-traceparent", Arc::new(StringArray::from(vec![Some("00-1"), None, Some("a\u{7}")]))),
            ("ce-sampled", Arc::new(BooleanArray::from(vec![Some(true), None, None]))),
            ("ce-n", Arc::new(Int64Array::from(vec![7, 1 << 40, 0]))),
        ],
    );
    let decoded = decoded(&columns);
    assert_eq!(decoded.index, [0]);
    assert_eq!(decoded.batch.rest().unwrap().value(0), r#"{"traceparent":"00-1","sampled":true,"n":7}"#);
    let rejected: Vec<_> = decoded.rejected.iter().map(|r| (r.index, &*r.rejection.field)).collect();
    assert_eq!(rejected, [(1, "n"), (2, "traceparent")]);
    let refused = |name: &str, column: ArrayRef| {
        let columns = events(1, vec![(name, column)]);
        super::decode(&columns, &context(Some("acme")), &Limits::default()).unwrap_err().column
    };
    assert_eq!(refused("ce-id", texts(["x"])), "ce-id");
    assert_eq!(refused("ce-My", texts(["x"])), "ce-My");
    assert_eq!(refused("ce-n", Arc::new(Float64Array::from(vec![1.0]))), "ce-n");
}

#[test]
fn times_that_are_not_held_refuse_their_row_and_never_become_now() {
    let times = TimestampMillisecondArray::from(vec![NOW_US / 1000, i64::MAX, i64::MIN, NOW_US]);
    let decoded = decoded(&events(4, vec![("time", Arc::new(times))]));
    assert_eq!(decoded.index, [0]);
    let rejected: Vec<_> = decoded.rejected.iter().map(|r| (r.index, r.rejection.reason)).collect();
    assert_eq!(rejected, [(1, Reason::TooNew), (2, Reason::TooOld), (3, Reason::TooNew)]);
    assert!(decoded.rejected[2].rejection.detail.contains("milliseconds were taken for seconds"));
    let seen = TimestampMillisecondArray::from(vec![0, i64::MAX]);
    let decoded = super::decode(&events(2, vec![("seen", Arc::new(seen))]), &context(Some("acme")), &Limits::default());
    assert_eq!(decoded.unwrap().index, [0]);
}

/// A list of `items` nulls, which take no room.
fn nulls(rows: usize, items: usize) -> ArrayRef {
    let item = Arc::new(Field::new("item", DataType::Null, true));
    let offsets: Vec<i64> = (0..=rows as i64).map(|row| row * items as i64).collect();
    Arc::new(LargeListArray::new(item, OffsetBuffer::new(offsets.into()), Arc::new(NullArray::new(rows * items)), None))
}

fn refusal(columns: &RecordBatch) -> SchemaError {
    match decode(columns, &context(Some("acme")), &Limits::default()) {
        Err(refused) => refused,
        Ok(_) => panic!("it was taken"),
    }
}

#[test]
fn a_batch_that_means_more_than_one_may_is_refused_before_it_is_written_out() {
    // 712 bytes of Arrow were gigabytes of JSON; written out these would not fit any memory.
    let fixed = |width: i32| {
        let nulls = Arc::new(NullArray::new(1000 * width as usize));
        Arc::new(FixedSizeListArray::new(Arc::new(Field::new("item", DataType::Null, true)), width, nulls, None))
    };
    let empty = StructArray::new_empty_fields(1 << 50, None);
    let item = Arc::new(Field::new("item", empty.data_type().clone(), true));
    let empties = LargeListArray::new(item, OffsetBuffer::new(vec![0, 1 << 50].into()), Arc::new(empty), None);
    let keys = Int8Array::from(vec![0; 100_000]);
    let long = StringArray::from(vec!["y".repeat(100_000)]);
    let dictionary = || DictionaryArray::<Int8Type>::new(keys.clone(), Arc::new(long.clone()));
    let item = Arc::new(Field::new("item", dictionary().data_type().clone(), true));
    let of_keys = LargeListArray::new(item, OffsetBuffer::new(vec![0, 100_000].into()), Arc::new(dictionary()), None);
    let of_all = StringViewArray::from(vec!["y".repeat(100_000)]);
    let views = vec![of_all.views()[0]; 100_000];
    let views = StringViewArray::new(views.into(), of_all.data_buffers().to_vec(), None);
    for (rows, column) in [
        (1, nulls(1, 1 << 55)),
        (1000, nulls(1000, 1 << 40)),
        (1000, fixed(1 << 18)),
        (1, Arc::new(empties)),
        (1, Arc::new(of_keys)),
        (100_000, Arc::new(dictionary())),
        (100_000, Arc::new(views.clone())),
    ] {
        let refused = refusal(&events(rows, vec![("x", column)]));
        assert!(refused.column == "x" && refused.reason.contains("134217728"), "{refused:?}");
    }
    for column in [Arc::new(dictionary()) as ArrayRef, Arc::new(views)] {
        assert_eq!(refusal(&events(100_000, vec![("id", column)])).column, "id");
    }
}

#[test]
fn an_event_that_means_more_than_one_may_is_refused_alone() {
    // Written out, every other row has 500 kB.
    let item = Arc::new(Field::new("item", DataType::Null, true));
    let offsets: Vec<i64> = (0..=20).map(|row| (row + 1) / 2 * 100_000).collect();
    let lists = LargeListArray::new(item, OffsetBuffer::new(offsets.into()), Arc::new(NullArray::new(1_000_000)), None);
    let decoded = decoded(&events(20, vec![("x", Arc::new(lists))]));
    assert!(decoded.index.iter().copied().eq((0..20).filter(|row| row % 2 == 1)));
    let expect = (Reason::TooLarge, "/x");
    assert!(decoded.rejected.iter().all(|r| (r.rejection.reason, &*r.rejection.field) == expect));
    assert_eq!(decoded.batch.rest().unwrap().value(0), r#"{"/x":[]}"#);
}

#[test]
fn what_repeats_itself_is_taken_as_long_as_it_fits() {
    let keys = Int8Array::from((0..50_000).map(|row| (row % 3) as i8).collect::<Vec<_>>());
    let dictionary = DictionaryArray::<Int8Type>::new(keys, texts(["a", "b", "c"]));
    let columns = events(50_000, vec![("kind", Arc::new(dictionary)), ("x", nulls(50_000, 20))]);
    assert_eq!(decoded(&columns).batch.len(), 50_000);
}
