//! A small trace, whole and damaged.

use std::fs;
use std::path::Path;

use datasets::DatasetError;
use datasets::azure::{AzureTrace, EventOptions, Summary};

use crate::{events, texts, units};

const OWNER: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const APP: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
const F1: &str = "1111111111111111111111111111111111111111111111111111111111111111";
const F2: &str = "2222222222222222222222222222222222222222222222222222222222222222";

/// A trace of two functions: three invocations in minute 7, one each in minute 8.
struct Files {
    invocations: String,
    durations: String,
    memory: String,
}

fn files() -> Files {
    Files {
        invocations: format!(
            "HashOwner,HashApp,HashFunction,Trigger,7,8\n{OWNER},{APP},{F1},http,3,1\n{OWNER},{APP},{F2},timer,0,1\n"
        ),
        durations: format!("Average,HashOwner,HashApp,HashFunction\n3,{OWNER},{APP},{F1}\n1000,{OWNER},{APP},{F2}\n"),
        memory: format!(
            "HashFunction,HashOwner,HashApp,SampleCount,AverageAllocatedMb\n{F2},{OWNER},{APP},1,1024.0\n\
             {F1},{OWNER},{APP},1,9.416666666666666\n"
        ),
    }
}

fn write(files: &Files, folder: &Path) {
    fs::write(folder.join("x_invocations.csv"), &files.invocations).unwrap();
    fs::write(folder.join("x_durations.csv"), &files.durations).unwrap();
    fs::write(folder.join("x_memory.csv"), &files.memory).unwrap();
}

fn open(files: &Files) -> Result<AzureTrace, DatasetError> {
    let folder = tempfile::tempdir().unwrap();
    write(files, folder.path());
    AzureTrace::open(folder.path())
}

#[test]
fn a_cell_becomes_events_spread_over_its_minute() {
    let batches: Vec<_> = open(&files()).unwrap().events(EventOptions::default()).map(Result::unwrap).collect();
    let [batch] = batches.as_slice() else { panic!("{} batches", batches.len()) };
    let start_us = datasets::azure::DAY_START_US + 7 * 60_000_000;
    let got: Vec<_> = events(batch).map(|event| (event.time_us - start_us, event.id)).collect();
    let expect = [
        (0, "1111111111111111-7-0"),
        (20_000_000, "1111111111111111-7-1"),
        (40_000_000, "1111111111111111-7-2"),
        (60_000_000, "1111111111111111-8-0"),
        (60_000_000, "2222222222222222-8-0"),
    ];
    assert_eq!(got, expect.map(|(time_us, id)| (time_us, id.to_owned())));
    let event = events(batch).next().unwrap();
    assert_eq!((event.tenant.as_str(), event.source), (OWNER, format!("azure-functions/{APP}")));
    assert_eq!(batch.types().get(0), Some("azure.function.invocation"));
    assert_eq!(batch.subjects().get(0), None);
    let of = |pointer| units(batch, pointer).into_iter().map(|units| units.unwrap().to_string()).collect::<Vec<_>>();
    assert_eq!(of("/duration_ms"), ["3", "3", "3", "3", "1000"]);
    assert_eq!(of("/memory_mb"), ["9.416666667", "9.416666667", "9.416666667", "9.416666667", "1024"]);
    assert_eq!(of("/gb_seconds"), ["0.000027588", "0.000027588", "0.000027588", "0.000027588", "1"]);
    assert_eq!(texts(batch, "/trigger")[4].as_deref(), Some("timer"));
}

/// Damages one file; the error must name the place.
fn check(damage: impl FnOnce(&mut Files), expect: &str) {
    let mut files = files();
    damage(&mut files);
    let error = open(&files).expect_err(expect).to_string();
    assert!(error.contains(expect), "{error:?} does not say {expect:?}");
}

#[test]
fn damage_is_named_by_file_line_and_column() {
    let inv =
        |from: &'static str, to: &'static str| move |f: &mut Files| f.invocations = f.invocations.replacen(from, to, 1);
    check(inv("HashOwner", "HashOwnes"), "x_invocations.csv: line 1: column HashOwner: missing");
    check(inv(",8\n", ",9\n"), "line 1: column 9: expected minute 8");
    check(inv(",7,8", ",7,7"), "line 1: column 7: given twice");
    check(inv(",7,8", ",7,x"), "line 1: column x: expected a minute of the day");
    check(inv(",7,8", ",7,1441"), "line 1: column 1441");
    check(inv("http,3,1", "http,3"), "x_invocations.csv: line 2: 5 cells, expected 6");
    check(inv("http,3,1", "http,3,1,1"), "line 2: 7 cells, expected 6");
    check(inv("http,3", "http,s"), "line 2, column 7: expected a whole number");
    check(inv("http,3", "http,-3"), "line 2, column 7: expected a whole number");
    check(inv("http,3", "http,"), "line 2, column 7: expected a whole number");
    check(inv("http,3", "http,4294967296"), "line 2, column 7: expected a whole number");
    check(inv("timer", "tymer"), "line 3, column Trigger: expected one of http");
    check(inv("2222", "222G"), "line 3, column HashFunction: expected a hash");
    check(inv("2222", "222"), "line 3, column HashFunction: expected a hash");
    check(inv("2222", "2223"), "line 3: this function has no row in");
    check(inv("http,3,1\n", "\"http,3,1\n"), "line 2: the file ends in the middle");
    check(inv("http,3,1\n", "ht\"tp,3,1\n"), "line 2: a quote inside a bare cell");
    check(
        |f| f.invocations.truncate(f.invocations.len() - 1),
        "x_invocations.csv: line 3: the file ends in the middle",
    );
    check(
        |f| f.invocations.truncate(f.invocations.len() - 8),
        "x_invocations.csv: line 3: the file ends in the middle",
    );
    check(|f| f.invocations.clear(), "x_invocations.csv: line 1: the file is empty");
    check(
        |f| {
            let cut = f.invocations.trim_end().rfind('\n').unwrap() + 1;
            f.invocations.truncate(cut);
        },
        "this function has no invocations",
    );
    check(|f| f.durations = f.durations.replacen("1000", "1e3", 1), "x_durations.csv: line 3, column Average");
    check(|f| f.durations = f.durations.replacen("1000", "-1", 1), "x_durations.csv: line 3, column Average");
    check(|f| f.durations = f.durations.replacen("1000", "", 1), "x_durations.csv: line 3, column Average");
    check(|f| f.durations = f.durations.replacen("Average", "Averagf", 1), "column Average: missing");
    check(|f| f.memory = f.memory.replacen("1024.0", "NaN", 1), "x_memory.csv: line 2, column AverageAllocatedMb");
    check(|f| f.memory = f.memory.replace(F1, F2), "x_memory.csv: line 3: this function has a row already");
    check(
        |f| {
            f.durations = f.durations.replacen("1000", "999999999999999999", 1);
            f.memory = f.memory.replacen("1024.0", "999999999999999999", 1);
        },
        "gb_seconds of this function: too large",
    );
}

#[test]
fn ids_that_would_collide_are_refused() {
    let twin = format!("{}{}", &F2[..16], &F1[..48]);
    check(
        |f| {
            for text in [&mut f.invocations, &mut f.durations, &mut f.memory] {
                *text = text.replace(F1, &twin);
            }
        },
        "line 3, column HashFunction: its first 16 digits",
    );
}

#[test]
fn bytes_that_are_no_text_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    write(&files(), folder.path());
    let mut bytes = files().invocations.into_bytes();
    let at = bytes.len() - 10;
    bytes[at] |= 0x80;
    fs::write(folder.path().join("x_invocations.csv"), bytes).unwrap();
    let error = AzureTrace::open(folder.path()).unwrap_err().to_string();
    assert!(error.contains("line 3: not UTF-8"), "{error}");
}

#[test]
fn a_folder_must_hold_one_file_of_each_kind() {
    let folder = tempfile::tempdir().unwrap();
    let error = AzureTrace::open(folder.path()).unwrap_err().to_string();
    assert!(error.contains("found 0 files whose name ends in durations.csv"), "{error}");
    write(&files(), folder.path());
    fs::write(folder.path().join("memory.csv"), "").unwrap();
    let error = AzureTrace::open(folder.path()).unwrap_err().to_string();
    assert!(error.contains("found 2 files whose name ends in memory.csv"), "{error}");
    assert!(AzureTrace::open(&folder.path().join("nowhere")).is_err());
}

#[test]
fn no_flipped_bit_panics_and_none_in_a_name_passes() {
    let folder = tempfile::tempdir().unwrap();
    write(&files(), folder.path());
    let sound = Summary::read(folder.path()).unwrap();
    let bytes = files().invocations.into_bytes();
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << bit;
            fs::write(folder.path().join("x_invocations.csv"), &flipped).unwrap();
            // Only a digit that became a digit can pass, and then the totals differ by it.
            if let Ok(trace) = AzureTrace::open(folder.path()) {
                assert!(bytes[at].is_ascii_digit() && flipped[at].is_ascii_digit(), "byte {at}, bit {bit}");
                let summary = Summary::read(folder.path()).unwrap();
                assert_eq!(trace.events_total(), summary.events);
                assert_eq!(summary.tenants.len(), sound.tenants.len());
            }
        }
    }
}
