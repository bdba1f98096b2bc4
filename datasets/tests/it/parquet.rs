//! Parquet imports: types, derived ids, damage.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int64Array, ListArray, RecordBatch,
    StringArray, TimestampMillisecondArray,
};
use arrow::datatypes::Int32Type;
use datasets::{DatasetError, Mapping, ParquetImport};
use engine::admission::Reason;
use parquet::arrow::ArrowWriter;

use crate::{events, options, texts, units};

fn mapping() -> Mapping {
    Mapping {
        tenant_column: Some("who".into()),
        time_column: "at".into(),
        event_type: Some("sale".into()),
        exclude: vec!["list".into()],
        ..Mapping::default()
    }
}

fn file(folder: &Path, amounts: Vec<Option<f64>>) -> PathBuf {
    let rows = amounts.len();
    let list = ListArray::from_iter_primitive::<Int32Type, _, _>(vec![Some(vec![Some(1)]); rows]);
    let price = Decimal128Array::from(vec![12_345; rows]).with_precision_and_scale(10, 2).unwrap();
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("who", Arc::new(StringArray::from(vec!["acme"; rows]))),
        ("at", Arc::new(TimestampMillisecondArray::from_iter_values((0..rows as i64).map(|row| row * 1_500)))),
        ("count", Arc::new(Int64Array::from(vec![Some(-7); rows]))),
        ("amount", Arc::new(Float64Array::from(amounts))),
        ("price", Arc::new(price)),
        ("paid", Arc::new(BooleanArray::from(vec![true; rows]))),
        ("day", Arc::new(Date32Array::from(vec![19_723; rows]))),
        ("list", Arc::new(list)),
    ];
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let path = folder.join("x.parquet");
    let mut writer = ArrowWriter::try_new(File::create(&path).unwrap(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    path
}

#[test]
fn columns_are_taken_by_their_type() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), vec![Some(0.1), None, Some(1.0 / 3.0), Some(f64::NAN)]);
    let batches: Vec<_> = ParquetImport::open(&path, &mapping(), options(1_000)).unwrap().map(Result::unwrap).collect();
    let [all] = batches.as_slice() else { panic!("{} batches", batches.len()) };
    let batch = &all.batch;
    assert_eq!(batch.len(), 3);
    let times: Vec<_> = events(batch).map(|event| event.time_us).collect();
    assert_eq!(times, [0, 1_500_000, 3_000_000]);
    let of = |pointer| units(batch, pointer).into_iter().map(|n| n.map(|n| n.to_string())).collect::<Vec<_>>();
    assert_eq!(of("/count"), vec![Some("-7".to_owned()); 3]);
    assert_eq!(of("/price"), vec![Some("123.45".to_owned()); 3]);
    assert_eq!(of("/amount"), [Some("0.1".to_owned()), None, None]);
    assert_eq!(batch.rest().unwrap().value(2), r#"{"/amount":0.3333333333333333}"#);
    assert_eq!(texts(batch, "/day")[0].as_deref(), Some("2024-01-01"));
    let [rejected] = all.rejected.as_slice() else { panic!("{:?}", all.rejected) };
    assert_eq!((rejected.line, rejected.rejection.reason), (4, Reason::ValueInvalid));
}

#[test]
fn derived_ids_are_what_the_rows_say() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), vec![Some(1.0); 10]);
    let copy = folder.path().join("y.parquet");
    fs::copy(&path, &copy).unwrap();
    let ids = |path: &Path, rows| {
        let batches = ParquetImport::open(path, &mapping(), options(rows)).unwrap();
        batches.flat_map(|batch| events(&batch.unwrap().batch).map(|e| e.id).collect::<Vec<_>>()).collect::<Vec<_>>()
    };
    let whole = ids(&path, 1_000);
    assert_eq!(ids(&copy, 3), whole);
    let mut amounts = vec![Some(1.0); 10];
    amounts[9] = Some(2.0);
    let mended = ids(&file(folder.path(), amounts), 1_000);
    assert_eq!(mended[..9], whole[..9]);
    assert_ne!(mended[9], whole[9]);
}

#[test]
fn what_cannot_be_taken_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), vec![Some(1.0)]);
    let error = |mapping: &Mapping| ParquetImport::open(&path, mapping, options(10)).err().unwrap().to_string();
    let by_list = Mapping { tenant_column: Some("list".into()), ..mapping() };
    assert!(error(&by_list).contains("tenant_column: list is List"));
    let at_list = Mapping { time_column: "list".into(), ..mapping() };
    assert!(error(&at_list).contains("time_column: list is List"));
    assert!(error(&Mapping { time_column: "when".into(), ..mapping() }).contains("no column when"));
}

#[test]
fn a_damaged_file_is_an_error_and_never_a_panic() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), vec![Some(1.0); 100]);
    let bytes = fs::read(&path).unwrap();
    let damaged = folder.path().join("damaged.parquet");
    for length in [0, 4, bytes.len() / 2, bytes.len() - 1] {
        fs::write(&damaged, &bytes[..length]).unwrap();
        let opened = ParquetImport::open(&damaged, &mapping(), options(10));
        assert!(matches!(opened, Err(DatasetError::Parquet { .. })), "cut to {length}");
    }
    for at in 0..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1 << (at % 8);
        fs::write(&damaged, &flipped).unwrap();
        if let Ok(import) = ParquetImport::open(&damaged, &mapping(), options(10)) {
            import.for_each(drop);
        }
    }
}
