//! CloudEvents files: lines and arrays, rejections, damage.

use std::io::Cursor;

use datasets::{CloudEventsImport, DatasetBatch, DatasetError};
use engine::admission::Reason;

use crate::{events, options};

fn event(id: usize) -> String {
    format!(
        r#"{{"specversion":"1.0","id":"{id}","source":"s","type":"t","tenant":"acme","time":"2020-01-01T00:00:00Z","data":{{"text":"],}}\" {id}","n":{id}}}}}"#
    )
}

fn read(text: &str, rows: usize) -> Vec<Result<DatasetBatch, DatasetError>> {
    CloudEventsImport::read("test.json", Cursor::new(text.as_bytes().to_vec()), None, options(rows)).unwrap().collect()
}

/// Ids of the events, then `!line` of each rejection, then the error.
fn check(text: &str, ids: &[usize], rejected: &[u64], error: Option<&str>) {
    for rows in [1, 2, 1_000] {
        let (mut got_ids, mut got_rejected, mut got_error) = (Vec::new(), Vec::new(), None);
        for batch in read(text, rows) {
            match batch {
                Ok(batch) => {
                    assert!((1..=rows).contains(&(batch.batch.len() + batch.rejected.len())));
                    got_ids.extend(events(&batch.batch).map(|event| event.id.parse::<usize>().unwrap()));
                    got_rejected.extend(batch.rejected.iter().map(|row| row.line));
                }
                Err(error) => got_error = Some(error.to_string()),
            }
        }
        assert_eq!((got_ids.as_slice(), got_rejected.as_slice()), (ids, rejected), "{text}, {rows} a batch");
        match (&got_error, error) {
            (Some(got), Some(expect)) => assert!(got.contains(expect), "{got:?} does not say {expect:?}"),
            (got, expect) => assert_eq!(got.as_deref(), expect, "{text}"),
        }
    }
}

#[test]
fn lines_and_arrays_are_read_alike() {
    let [one, two, three] = [1, 2, 3].map(event);
    check(&format!("{one}\n{two}\n{three}\n"), &[1, 2, 3], &[], None);
    check(&format!("{one}\n\n  \n{two}\r\n{three}"), &[1, 2, 3], &[], None);
    check(&format!("[{one},{two},\n{three}]"), &[1, 2, 3], &[], None);
    check(&format!(" \n[ {one}\n, {two} ]\n \n"), &[1, 2], &[], None);
    check("[]", &[], &[], None);
    check(" [ ] ", &[], &[], None);
    check("", &[], &[], None);
    check("\n\n", &[], &[], None);
}

#[test]
fn marks_and_line_ends_of_every_kind_are_read() {
    let ([one, two, three], mark) = ([1, 2, 3].map(event), "\u{feff}");
    for end in ["\n", "\r\n", "\r"] {
        check(&format!("{mark}{one}{end}{end}{mark}{two}{end}{mark}{end}{three}"), &[1, 2, 3], &[], None);
        check(&format!("{mark}{one}{end}{end}nonsense{end}{two}"), &[1, 2], &[3], None);
        check(&format!("{mark}[{one},{end}{{}},{end}{end}7,{two}]"), &[1, 2], &[2, 4], None);
    }
    check(&format!("{mark}[{one}]\n{mark}[{two},{three}]{mark}\n"), &[1, 2, 3], &[], None);
    check(&format!("[] {mark} [{one}]"), &[1], &[], None);
    check(&format!("[{one}]\n{two}"), &[1], &[], Some("or another array"));
}

#[test]
fn events_that_are_none_are_rejected_by_line() {
    let [one, two] = [1, 2].map(event);
    check(&format!("{one}\nnonsense\n\n{{}}\n{two}\n"), &[1, 2], &[2, 4], None);
    check(&format!("[{one},\n{{}},\n7,{two}]"), &[1, 2], &[2, 3], None);
    let large = format!("{{\"data\":\"{}\"}}", "x".repeat(1 << 20));
    check(&format!("{one}\n{large}\n{two}\n"), &[1, 2], &[2], None);
    let batch = read(&format!("{large}\n"), 10).remove(0).unwrap();
    assert_eq!(batch.rejected[0].rejection.reason, Reason::TooLarge);
}

#[test]
fn damage_ends_the_import_behind_the_events_before_it() {
    let [one, two] = [1, 2].map(event);
    check(&format!("{one}\n{}", &two[..two.len() / 2]), &[1], &[], Some("line 2: the file ends in the middle"));
    check(&format!("[{one},\n{}", &two[..two.len() / 2]), &[1], &[], Some("line 2: the file ends in the middle"));
    check(&format!("[{one},\n{two}"), &[1], &[], Some("line 2: the file ends in the middle"));
    check(&format!("[{one},\n{two},"), &[1, 2], &[], Some("line 2: the file ends in the middle"));
    check(&format!("{one}\nnonsense\n  "), &[1], &[2], None);
    let check_error = |text: String, expect: &str| {
        let error = read(&text, 10).pop().unwrap().unwrap_err().to_string();
        assert!(error.contains(expect), "{error}");
    };
    check_error(format!("[{one},]"), "line 1: expected an event before");
    check_error(format!("[{one}] x"), "line 1: expected nothing behind");
    check_error(format!("[{one},\n}}]"), "line 2: a } closes nothing");
    check_error(format!("[{one},\n\"{}", "x".repeat(1 << 20)), "line 2: an event longer than 256 KiB");
}

#[test]
fn a_cut_stream_delivers_what_came() {
    let text: String = (0..5_000).map(|id| event(id) + "\n").collect();
    let compressed = zstd::encode_all(text.as_bytes(), 1).unwrap();
    let cut = Cursor::new(compressed[..compressed.len() - 9].to_vec());
    let batches: Vec<_> = CloudEventsImport::read("x", cut, None, options(1_000)).unwrap().collect();
    assert!(matches!(batches.last(), Some(Err(DatasetError::Io { .. }))));
    let rejected = batches.iter().flatten().map(|batch| batch.rejected.len()).sum::<usize>();
    assert_eq!(rejected, 0);
}

#[test]
fn a_tenant_may_be_given_for_events_that_name_none() {
    let text = event(1).replace(r#""tenant":"acme","#, "");
    let of = |tenant: Option<&str>| {
        let source = Cursor::new(text.clone().into_bytes());
        let mut batches = CloudEventsImport::read("x", source, tenant.map(str::to_owned), options(10)).unwrap();
        batches.next().unwrap().unwrap()
    };
    assert_eq!(events(&of(Some("beta")).batch).next().unwrap().tenant, "beta");
    assert_eq!(of(None).rejected.len(), 1);
}
