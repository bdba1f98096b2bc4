//! kill -9 at random moments of a real import, by the real binary, over and over; then the totals must be exact (I1, I2).
//!
//! `TENANTRY_KILLS` sets how many kills (default 20), `TENANTRY_SEED` the moments; the seed is printed, one seed gives one
//! sequence of delays.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::trace;

const TENANTRY: &str = env!("CARGO_BIN_EXE_tenantry");

fn import(data: &Path, trace: &Path) -> Command {
    let mut command = Command::new(TENANTRY);
    command.args(["import", "--format", "azure-functions", "--data"]).arg(data).arg(trace);
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

fn sql(data: &Path, query: &str) -> String {
    let output = Command::new(TENANTRY)
        .args(["sql", query, "--format", "csv", "--data"])
        .arg(data)
        .output()
        .expect("the binary starts");
    assert!(output.status.success(), "{query}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("csv is text")
}

fn totals_are_exact(data: &Path) {
    let check = |query: &str, expect: &str| {
        let got = sql(data, query);
        let values: Vec<&str> = got.lines().skip(1).collect();
        assert_eq!(values, expect.lines().collect::<Vec<_>>(), "{query}");
    };
    check("SELECT count(*) FROM events", "3037902");
    check(
        "SELECT count(DISTINCT id) FROM (SELECT tenant || '/' || source || '/' || id AS id FROM events) AS ids",
        "3037902",
    );
    check(
        "SELECT CAST(sum(value) AS BIGINT), count(DISTINCT tenant), count(*) FROM meter_invocations",
        "3037902,428,58121",
    );
    check(
        "SELECT CAST(sum(value) AS BIGINT) AS total FROM meter_invocations GROUP BY tenant ORDER BY total DESC LIMIT 5",
        "1915521\n273386\n178604\n95814\n74976",
    );
}

#[test]
fn nothing_is_lost_or_doubled_by_kills_at_random_moments() {
    let Some(trace) = trace::folder() else { return };
    let kills: u32 = trace::number("TENANTRY_KILLS").unwrap_or(20) as u32;
    let seed = trace::number("TENANTRY_SEED").unwrap_or_else(|| u64::from(std::process::id()));
    println!("TENANTRY_KILLS={kills} TENANTRY_SEED={seed}");
    let mut state = seed;
    let mut random = move |below: u64| {
        // SplitMix64 (Steele, Lea & Flood, OOPSLA 2014).
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % below
    };
    let (mut killed, mut completed) = (0, 0);
    let mut full_run = Duration::from_secs(8);
    while killed < kills || completed == 0 {
        let data = tempfile::tempdir().expect("a temporary folder");
        let started = Instant::now();
        let mut worked = Duration::ZERO;
        loop {
            let began = Instant::now();
            let mut child = import(data.path(), &trace).spawn().expect("the binary starts");
            // A fifth of a run at most, so that each run is hit several times, start and recovery included.
            let delay = Duration::from_millis(20 + random(full_run.as_millis() as u64 / 5));
            let end = if killed < kills { began + delay } else { began + Duration::from_secs(600) };
            let status = loop {
                if let Some(status) = child.try_wait().expect("the child can be waited for") {
                    break Some(status);
                }
                if Instant::now() >= end {
                    break None;
                }
                std::thread::sleep(Duration::from_millis(2));
            };
            worked += began.elapsed();
            match status {
                Some(status) => {
                    let mut complaint = String::new();
                    if let Some(mut stderr) = child.stderr.take() {
                        let _ = std::io::Read::read_to_string(&mut stderr, &mut complaint);
                    }
                    assert!(status.success(), "import failed after {killed} kills: {complaint}");
                    break;
                }
                None => {
                    child.kill().expect("SIGKILL is sent");
                    child.wait().expect("the child is gone");
                    killed += 1;
                }
            }
        }
        completed += 1;
        full_run = worked.min(Duration::from_secs(60));
        totals_are_exact(data.path());
        println!("run {completed}: exact after {killed} kills in all, {:.1} s", started.elapsed().as_secs_f64());
    }
}
