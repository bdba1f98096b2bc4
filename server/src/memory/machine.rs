//! What the machine, the control group and the process say of memory; Linux tells, elsewhere nothing is known.

use std::fs;
use std::path::{Path, PathBuf};

const CONTROL_GROUPS: &str = "/sys/fs/cgroup";

/// Resident memory of this process; 0 where nobody tells.
pub(super) fn resident_bytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    kilobytes(&status, "VmRSS:").unwrap_or(0)
}

/// What the process may have: the least of the machine's memory and what its control groups allow.
pub(super) fn budget_bytes() -> u64 {
    let machine = fs::read_to_string("/proc/meminfo").ok().and_then(|text| kilobytes(&text, "MemTotal:"));
    let allowed = groups().into_iter().filter_map(|group| number(&group.join("memory.max")));
    // The first version of control groups mounts what is the process's own here, within a container.
    let older = number(&Path::new(CONTROL_GROUPS).join("memory/memory.limit_in_bytes"));
    allowed.chain(older).chain(machine).min().unwrap_or(u64::MAX)
}

/// How many processes of this control group the kernel has ended for memory.
pub(super) fn kills() -> Option<u64> {
    let events = fs::read_to_string(groups().first()?.join("memory.events")).ok()?;
    events.lines().find_map(|line| line.strip_prefix("oom_kill ")?.parse().ok())
}

/// The control group of this process and those around it.
fn groups() -> Vec<PathBuf> {
    let own = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let own = own.lines().find_map(|line| line.strip_prefix("0::/")).unwrap_or_default();
    let own = Path::new(CONTROL_GROUPS).join(own);
    own.ancestors().take_while(|group| group.starts_with(CONTROL_GROUPS)).map(Path::to_owned).collect()
}

fn number(file: &Path) -> Option<u64> {
    // One that sets no limit says "max".
    fs::read_to_string(file).ok()?.trim().parse().ok()
}

fn kilobytes(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse::<u64>().ok().map(|kilobytes| kilobytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_as_linux_writes_them() {
        let status = "Name:\tx\nVmRSS:\t    1234 kB\nThreads:\t3\n";
        assert_eq!((kilobytes(status, "VmRSS:"), kilobytes(status, "VmSwap:")), (Some(1234 * 1024), None));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_has_memory_and_a_budget() {
        let (resident, budget) = (resident_bytes(), budget_bytes());
        assert!(resident > 1 << 20 && resident < budget, "{resident} of {budget}");
    }
}
