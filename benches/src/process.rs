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

/// CPU seconds of this process by what its threads do, most first; those that have ended come as one.
pub fn cpu_s_by_thread() -> Vec<(String, f64)> {
    let mut by_name = std::collections::BTreeMap::<String, f64>::new();
    for task in std::fs::read_dir("/proc/self/task").unwrap().flatten() {
        // One that ends meanwhile is gone.
        let Ok(name) = std::fs::read_to_string(task.path().join("comm")) else { continue };
        let Ok(stat) = std::fs::read_to_string(task.path().join("schedstat")) else { continue };
        let nanos: f64 = stat.split_whitespace().next().unwrap().parse().unwrap();
        let kind = name.trim().trim_end_matches(|c: char| c.is_ascii_digit() || c == '-');
        *by_name.entry(kind.to_owned()).or_default() += nanos / 1e9;
    }
    let alive: f64 = by_name.values().sum();
    by_name.insert("(ended)".to_owned(), (cpu_s() - alive).max(0.0));
    let mut by_name: Vec<_> = by_name.into_iter().collect();
    by_name.sort_by(|a, b| b.1.total_cmp(&a.1));
    by_name
}
