//! A result far larger than the memory that it may take: streamed, and measured at the process that streams it.
//!
//! `TENANTRY_FLIGHT_ROWS=10000000` asks for the whole of what is promised; without it the result is a quarter of that, which
//! is larger than the bound all the same.

use std::path::Path;
use std::process::Command;

use super::tools;
use crate::served::{Served, platform_key};

const ROWS: u64 = 2_500_000;
const GROWTH_KB_MAX: u64 = 200 * 1024;

#[test]
fn results_stream_with_constant_memory() {
    let Some(python) = tools::python() else { return };
    let rows = std::env::var("TENANTRY_FLIGHT_ROWS").map_or(ROWS, |rows| rows.parse().expect("a number of rows"));
    let data = tempfile::tempdir().unwrap();
    let key = platform_key(data.path());
    let settings = ["flight.address=127.0.0.1:0", "query.timeout_ms=600000"];
    let served = Served::start(data.path(), &key, &settings).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/clients/flight/stream.py");
    let port = served.told("flight=").rsplit(':').next().unwrap().to_owned();
    let read = |rows: u64| {
        let output = Command::new(python).arg(&script).args([&port, &key, &rows.to_string()]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    // What every first query makes: threads, buffers, code.
    read(100_000);
    let before_kb = resident_kb(served.pid(), "VmRSS:");
    read(rows);
    let growth_kb = resident_kb(served.pid(), "VmHWM:").saturating_sub(before_kb);
    println!("{rows} rows: resident memory grew by {growth_kb} kB at most, from {before_kb} kB");
    assert!(growth_kb <= GROWTH_KB_MAX, "{rows} rows took {growth_kb} kB");
}

fn resident_kb(process: u32, line: &str) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let value = status.lines().find_map(|found| found.strip_prefix(line)).unwrap();
    value.trim().trim_end_matches(" kB").parse().unwrap()
}
