//! CSV imports: conversion, rejections, derived ids, damage.

use std::io::{Cursor, Write};

use datasets::{CellType, CsvImport, DatasetBatch, DatasetError, Mapping};
use engine::admission::Reason;

use crate::{events, options, texts, units};

fn mapping() -> Mapping {
    Mapping {
        tenant_column: Some("who".into()),
        time_column: "at".into(),
        event_type: Some("sale".into()),
        ..Mapping::default()
    }
}

fn read(bytes: impl Into<Vec<u8>>, mapping: &Mapping, rows: usize) -> Vec<Result<DatasetBatch, DatasetError>> {
    match CsvImport::read("test.csv", Cursor::new(bytes.into()), mapping, options(rows)) {
        Ok(import) => import.collect(),
        Err(error) => vec![Err(error)],
    }
}

fn one(text: &str, mapping: &Mapping) -> DatasetBatch {
    let mut batches = read(text, mapping, 1_000);
    assert_eq!(batches.len(), 1, "{batches:?}");
    batches.remove(0).unwrap()
}

fn ids(batches: Vec<Result<DatasetBatch, DatasetError>>) -> Vec<String> {
    batches
        .into_iter()
        .flat_map(|batch| events(&batch.unwrap().batch).map(|event| event.id).collect::<Vec<_>>())
        .collect()
}

const ROWS: &str = "who,at,n\nacme,2024-01-01T00:00:00Z,1\nacme,2024-01-01T00:00:00Z,1\nbeta,2024-01-01T00:00:01Z,2\n";

#[test]
fn cells_become_text_or_exact_numbers() {
    let text = "who,at,code,n,flag,wide\n\
                acme,2024-01-01T00:00:00Z,007,1.50,true,1\n\
                acme,2024-01-01T00:00:00Z,1e5,,false,0.0000000001\n\
                acme,2024-01-01T00:00:00Z,+4,-2,,123456789012345678901234567890\n";
    let mapping = Mapping { types: [("flag".to_owned(), CellType::Boolean)].into(), ..mapping() };
    let batch = one(text, &mapping);
    assert!(batch.rejected.is_empty(), "{:?}", batch.rejected);
    let code: Vec<_> = texts(&batch.batch, "/code").into_iter().flatten().collect();
    assert_eq!(code, ["007", "1e5", "+4"]);
    let n: Vec<_> = units(&batch.batch, "/n").into_iter().map(|n| n.map(|n| n.to_string())).collect();
    assert_eq!(n, [Some("1.5".to_owned()), None, Some("-2".to_owned())]);
    let flags = batch.batch.data("/flag").unwrap();
    assert_eq!(format!("{flags:?}").matches("null").count(), 1);
    let rest = batch.batch.rest().unwrap();
    assert_eq!(rest.value(1), r#"{"/wide":0.0000000001}"#);
    assert_eq!(rest.value(2), r#"{"/wide":123456789012345678901234567890}"#);
}

#[test]
fn attributes_come_from_columns_or_constants() {
    let text = "id;k;about;t\n1;a;x;0.5\n2;b;;1.5\n";
    let mapping = Mapping {
        tenant: Some("acme".into()),
        time_column: "t".into(),
        time_format: "unix_s".parse().unwrap(),
        id_column: Some("id".into()),
        type_column: Some("k".into()),
        subject_column: Some("about".into()),
        source: "shop".into(),
        delimiter: ';',
        ..Mapping::default()
    };
    let batch = one(text, &mapping).batch;
    let got: Vec<_> = events(&batch).map(|e| (e.tenant, e.source, e.id, e.time_us)).collect();
    let row = |id: &str, time_us| ("acme".to_owned(), "shop".to_owned(), id.to_owned(), time_us);
    assert_eq!(got, [row("1", 500_000), row("2", 1_500_000)]);
    assert_eq!([batch.types().get(0), batch.types().get(1)], [Some("a"), Some("b")]);
    assert_eq!([batch.subjects().get(0), batch.subjects().get(1)], [Some("x"), None]);
    assert_eq!(batch.record_batch().num_columns(), 6);
}

#[test]
fn bad_rows_are_rejected_by_line_and_the_others_kept() {
    let text = "who,at,n\n\
                acme,2024-01-01T00:00:00Z,1\n\
                acme,yesterday,1\n\
                ,2024-01-01T00:00:00Z,1\n\
                \n\
                acme,2024-01-01T00:00:00Z\n\
                acme,,1\n\
                ac\"me,2024-01-01T00:00:00Z,1\n\
                acme,2024-01-01T00:00:00Z,x\n\
                acme,2024-01-01T00:00:00Z,1e18\n\
                acme,2031-01-01T00:00:00Z,1\n\
                acme,2024-01-01T00:00:00Z,\n";
    let text = format!("{text}{},2024-01-01T00:00:00Z,1\n", "x".repeat(2_000));
    let mapping = Mapping { types: [("n".to_owned(), CellType::Number)].into(), ..mapping() };
    let mut batch = one(&text, &mapping);
    batch.rejected.last_mut().unwrap().tenant.truncate(1);
    assert_eq!(batch.batch.len(), 2);
    let got: Vec<_> = batch
        .rejected
        .iter()
        .map(|row| (row.line, row.tenant.as_str(), row.rejection.reason, &*row.rejection.field))
        .collect();
    let expect = [
        (3, "acme", Reason::InvalidAttribute, "time"),
        (4, "", Reason::MissingAttribute, "tenant"),
        (6, "", Reason::Malformed, ""),
        (7, "acme", Reason::MissingAttribute, "time"),
        (8, "", Reason::Malformed, ""),
        (9, "acme", Reason::ValueInvalid, "/n"),
        (10, "acme", Reason::ValueOverflow, "/n"),
        (11, "acme", Reason::TooNew, "time"),
        (13, "x", Reason::InvalidAttribute, "tenant"),
    ];
    assert_eq!(got, expect);
}

#[test]
fn a_batch_ends_after_its_rows_whatever_they_are() {
    let mut text = "who,at,n\n".to_owned();
    for row in 0..100 {
        text.push_str(if row % 2 == 0 { "acme,never,1\n" } else { "acme,2024-01-01T00:00:00Z,1\n" });
    }
    let batches = read(text, &mapping(), 10);
    assert_eq!(batches.len(), 10);
    for batch in batches {
        let batch = batch.unwrap();
        assert_eq!((batch.batch.len(), batch.rejected.len()), (5, 5));
    }
}

#[test]
fn the_same_content_is_the_same_events() {
    let whole = ids(read(ROWS, &mapping(), 1_000));
    assert_eq!(whole.len(), 3);
    assert_ne!(whole[0], whole[1], "equal rows are different events");
    assert_eq!(ids(read(ROWS, &mapping(), 1)), whole);
    for end in ["\r\n", "\r"] {
        assert_eq!(ids(read(ROWS.replace('\n', end), &mapping(), 1_000)), whole, "lines end with {end:?}");
    }
    assert_eq!(ids(read(ROWS.trim_end(), &mapping(), 1_000)), whole);
    assert_eq!(ids(read(zstd::encode_all(ROWS.as_bytes(), 1).unwrap(), &mapping(), 1_000)), whole);
    assert_eq!(ids(read(format!("\u{feff}{}", ROWS.replace("acme", "\"acme\"")), &mapping(), 1_000)), whole);
    assert_eq!(ids(read(ROWS.replace(",1\n", ",1.0\n"), &mapping(), 1_000)), whole);
    let columns_moved =
        "n,new,at,who\n1,,2024-01-01T00:00:00Z,acme\n1,,2024-01-01T00:00:00Z,acme\n2,,2024-01-01T00:00:01Z,beta\n";
    assert_eq!(ids(read(columns_moved, &mapping(), 1_000)), whole);
}

#[test]
fn rows_that_are_added_moved_or_mended_leave_the_others_what_they_are() {
    let whole = ids(read(ROWS, &mapping(), 1_000));
    let grown = format!("{ROWS}beta,2024-01-01T00:00:02Z,3\n");
    assert_eq!(ids(read(grown, &mapping(), 1_000))[..3], whole);
    let moved = "who,at,n\nbeta,2024-01-01T00:00:01Z,2\nacme,2024-01-01T00:00:00Z,1\nacme,2024-01-01T00:00:00Z,1\n";
    assert_eq!(ids(read(moved, &mapping(), 1_000)), [&whole[2], &whole[0], &whole[1]].map(String::clone));
    let bad = ROWS.replace("acme,2024-01-01T00:00:00Z,1\nbeta", "acme,never,1\nbeta");
    let admitted = ids(read(bad, &mapping(), 1_000));
    assert_eq!(admitted, [&whole[0], &whole[2]].map(String::clone), "and mended it is the one that is missing");
    let changed = ids(read(ROWS.replacen(",1\n", ",5\n", 1), &mapping(), 1_000));
    assert_eq!((&changed[1], &changed[2]), (&whole[0], &whole[2]), "of equal rows the first is left");
    assert!(!whole.contains(&changed[0]));
}

#[test]
fn a_file_is_read_as_a_stream_is() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(ROWS.as_bytes()).unwrap();
    let batches = CsvImport::open(file.path(), &mapping(), options(1_000)).unwrap().collect();
    assert_eq!(ids(batches), ids(read(ROWS, &mapping(), 1_000)));
    assert!(matches!(CsvImport::open("nowhere.csv".as_ref(), &mapping(), options(1)), Err(DatasetError::Io { .. })));
}

/// The rows before the damage are delivered, then the error.
fn check_damaged(bytes: impl Into<Vec<u8>>, rows: usize, expect: &str) {
    let batches = read(bytes, &mapping(), 1_000);
    let delivered: usize = batches.iter().flatten().map(|batch| batch.batch.len()).sum();
    assert_eq!(delivered, rows, "{expect}");
    let error = batches.last().unwrap().as_ref().expect_err(expect).to_string();
    assert!(error.contains(expect), "{error}");
}

#[test]
fn damage_ends_the_import_behind_the_rows_before_it() {
    check_damaged(&ROWS[..ROWS.len() - 4], 2, "test.csv: line 4: the file ends in the middle");
    check_damaged(format!("{ROWS}\"acme,2024"), 3, "line 5: the file ends in the middle");
    check_damaged(format!("{ROWS}{}", "x".repeat(2 << 20)), 3, "line 5: longer than 1 MiB");
    check_damaged("", 0, "no header");
    check_damaged("who,n\n", 0, "mapping field time_column: no column at");
    check_damaged("who,at,who\n", 0, "two columns named who");
    let compressed = zstd::encode_all(ROWS.repeat(1_000).as_bytes(), 1).unwrap();
    let batches = read(&compressed[..compressed.len() - 9], &mapping(), 1_000);
    assert!(matches!(batches.last(), Some(Err(DatasetError::Io { .. }))));
}

#[test]
fn a_byte_order_mark_is_no_part_of_a_name() {
    assert_eq!(one(&format!("\u{feff}{ROWS}"), &mapping()).batch.len(), 3);
    assert_eq!(one(&format!("\u{feff}{}", ROWS.replace("who,at", "\"who\",\"at\"")), &mapping()).batch.len(), 3);
}

#[test]
fn files_that_were_put_together_are_one() {
    let marked = format!("\u{feff}{ROWS}");
    let batch = one(&format!("{marked}{marked}"), &mapping());
    assert_eq!((batch.batch.len(), batch.rejected.len()), (6, 0), "{:?}", batch.rejected);
    let wide: Vec<u8> = marked.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let error = read(wide, &mapping(), 10).remove(0).unwrap_err().to_string();
    assert!(error.contains("UTF-16BE"), "{error}");
}

#[test]
fn carriage_returns_alone_end_lines() {
    let batch =
        one("who,at,n\racme,2024-01-01T00:00:00Z,x\r\racme,never,2\rbeta,2024-01-01T00:00:00Z,\"a\rb\"\r", &mapping());
    assert_eq!(batch.batch.len(), 2);
    assert_eq!(batch.rejected.iter().map(|row| row.line).collect::<Vec<_>>(), [4]);
    assert_eq!(texts(&batch.batch, "/n")[1].as_deref(), Some("a\nb"));
}

#[test]
fn a_declared_zone_holds_for_texts_without_an_offset() {
    let at = |zone: &str, text: &str| {
        let mapping = Mapping { time_zone: zone.into(), ..mapping() };
        events(&one(&format!("who,at\nacme,{text}\n"), &mapping).batch).next().map(|event| event.time_us)
    };
    let ten = 1_767_262_500_000_000;
    assert_eq!(at("UTC", "2026-01-01 10:15"), Some(ten));
    assert_eq!(at("Europe/Berlin", "2026-01-01 10:15"), Some(ten - 3_600_000_000));
    assert_eq!(at("Europe/Berlin", "2026-01-01T10:15Z"), Some(ten));
}

#[test]
fn further_attributes_come_from_columns() {
    let mapping = Mapping { attributes: [("traceparent".to_owned(), "n".to_owned())].into(), ..mapping() };
    let batch = one(
        "who,at,n\nacme,2024-01-01T00:00:00Z,00-1\nacme,2024-01-01T00:00:00Z,\nacme,2024-01-01T00:00:00Z,\"a\nb\"\n",
        &mapping,
    );
    assert_eq!(batch.batch.rest().unwrap().value(0), r#"{"traceparent":"00-1"}"#);
    assert_eq!((batch.batch.len(), &*batch.rejected[0].rejection.field), (2, "traceparent"));
}
