//! The threads of another process: what each is called, whether it runs, and where in the kernel it waits; with a debugger on
//! the machine, where in its own code too.

use std::fmt::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// All threads of the process `pid`, as a text.
pub(crate) fn of(pid: u32) -> String {
    let folder = Path::new("/proc").join(pid.to_string()).join("task");
    let mut told = format!("threads of {pid}:\n");
    for task in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let read = |name: &str| std::fs::read_to_string(task.path().join(name)).unwrap_or_default().trim().to_owned();
        // What follows the name, which is in brackets and may hold anything.
        let state = read("stat").rsplit(')').next().and_then(|rest| rest.trim().chars().next()).unwrap_or('?');
        let number = task.file_name();
        writeln!(told, "  {:>8} {state} {:16} {}", number.display(), read("comm"), read("wchan"))
            .expect("a text grows");
    }
    let mut debugger = Command::new("gdb");
    debugger.args(["--batch", "--nx", "-ex", "set print frame-arguments none", "-ex", "thread apply all bt 24", "-p"]);
    match debugger.arg(pid.to_string()).stderr(Stdio::null()).output() {
        Ok(output) => told.push_str(&String::from_utf8_lossy(&output.stdout)),
        Err(_) => told.push_str("gdb is not on this machine, so where they stand in their own code is not known\n"),
    }
    told
}

/// Its resident memory, bytes; none if it is gone.
pub(crate) fn resident_bytes(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()? * 1024)
}
