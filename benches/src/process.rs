//! What a process has used so far, as Linux tells it; panics where `/proc` is not there. Not here: what it was used for.
#![allow(clippy::unwrap_used, reason = "a measurement has failed when it can't go on")]

/// CPU seconds of this process, all threads.
pub fn cpu_s() -> f64 {
    cpu_s_of(std::process::id())
}

/// CPU seconds of a process, all threads.
pub fn cpu_s_of(pid: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    // The name, in parentheses, may hold anything.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks: f64 = fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap();
    // USER_HZ is 100 on every architecture that Linux runs on today.
    ticks / 100.0
}

/// Resident memory in MB.
pub fn resident_mb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.split_whitespace().next().unwrap().parse::<f64>().unwrap() / 1024.0
}
