//! What importing the trace must come to, computed straight from the files by other code than the import's.
//!
//! For tests and for the import's closing check. It shares nothing with [`trace`](super::trace) but the files: lines and
//! commas are split plainly, `gb_seconds` is one division of 256-bit integers.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::Path;

use arrow::datatypes::i256;
use engine::units::Units;

use crate::error::DatasetError;

/// Totals of a trace.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// Invocations.
    pub events: u64,
    /// Cells that are not zero.
    pub function_minutes: u64,
    /// Totals by tenant.
    pub tenants: BTreeMap<String, TenantSummary>,
}

/// Totals of one tenant.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TenantSummary {
    /// Invocations.
    pub invocations: u64,
    /// Sum over invocations of the rounded `gb_seconds` of each.
    pub gb_seconds: Units,
    /// How many functions were invoked.
    pub functions: u64,
}

impl Summary {
    /// Adds up the files in `folder`.
    ///
    /// # Errors
    /// A file that cannot be read, or a row that is not as expected.
    pub fn read(folder: &Path) -> Result<Self, DatasetError> {
        let durations = averages(folder, "durations.csv", "Average")?;
        let memories = averages(folder, "memory.csv", "AverageAllocatedMb")?;
        let (file, text) = read(folder, "invocations.csv")?;
        let columns: Vec<&str> = text.lines().next().unwrap_or_default().split(',').collect();
        let mut summary = Self::default();
        for (at, line) in text.lines().enumerate().skip(1) {
            let fail = || wrong(&file, at);
            let cells: HashMap<&str, &str> = columns.iter().copied().zip(line.split(',')).collect();
            let key = key(&cells).ok_or_else(fail)?;
            let duration = durations.get(&key).ok_or_else(fail)?;
            let memory = memories.get(&key).ok_or_else(fail)?;
            let gb_seconds = gb_seconds(duration, memory).ok_or_else(fail)?;
            let mut invocations = 0;
            for (column, cell) in &cells {
                if column.starts_with(|first: char| first.is_ascii_digit()) {
                    let count: u64 = cell.parse().map_err(|_| fail())?;
                    invocations += count;
                    summary.function_minutes += u64::from(count > 0);
                }
            }
            let tenant = summary.tenants.entry(key[0].clone()).or_default();
            tenant.invocations += invocations;
            tenant.gb_seconds.0 += gb_seconds * i128::from(invocations);
            tenant.functions += u64::from(invocations > 0);
            summary.events += invocations;
        }
        Ok(summary)
    }
}

fn read(folder: &Path, suffix: &'static str) -> Result<(String, String), DatasetError> {
    let name = folder.display().to_string();
    for entry in fs::read_dir(folder).map_err(DatasetError::io(&name))? {
        let path = entry.map_err(DatasetError::io(&name))?.path();
        let file = path.display().to_string();
        if file.ends_with(suffix) {
            let text = fs::read_to_string(&path).map_err(DatasetError::io(&file))?;
            return Ok((file, text));
        }
    }
    Err(DatasetError::Folder { folder: name, suffix, found: 0 })
}

fn averages(folder: &Path, suffix: &'static str, column: &str) -> Result<HashMap<[String; 3], String>, DatasetError> {
    let (file, text) = read(folder, suffix)?;
    let columns: Vec<&str> = text.lines().next().unwrap_or_default().split(',').collect();
    let mut averages = HashMap::new();
    for (at, line) in text.lines().enumerate().skip(1) {
        let cells: HashMap<&str, &str> = columns.iter().copied().zip(line.split(',')).collect();
        let key = key(&cells).ok_or_else(|| wrong(&file, at))?;
        let average = cells.get(column).ok_or_else(|| wrong(&file, at))?;
        averages.insert(key, (*average).to_owned());
    }
    Ok(averages)
}

fn key(cells: &HashMap<&str, &str>) -> Option<[String; 3]> {
    let cell = |name| cells.get(name).map(|cell| (*cell).to_owned());
    Some([cell("HashOwner")?, cell("HashApp")?, cell("HashFunction")?])
}

fn wrong(file: &str, at: usize) -> DatasetError {
    DatasetError::Row { file: file.to_owned(), line: at as u64 + 1, reason: "not a row of the trace".to_owned() }
}

/// Nano-units: `duration` × `memory` × 10⁹ / (1000 × 1024), half-even.
fn gb_seconds(duration: &str, memory: &str) -> Option<i128> {
    let (duration, duration_scale) = scaled(duration)?;
    let (memory, memory_scale) = scaled(memory)?;
    let dividend = duration.checked_mul(memory)?.checked_mul(power_of_ten(9))?;
    let divisor = power_of_ten(duration_scale + memory_scale).checked_mul(i256::from_i128(1_024_000))?;
    let quotient = dividend.checked_div(divisor)?;
    let twice = dividend.checked_rem(divisor)?.checked_mul(i256::from_i128(2))?;
    let odd = quotient.checked_rem(i256::from_i128(2))? != i256::ZERO;
    let up = twice > divisor || (twice == divisor && odd);
    quotient.checked_add(i256::from_i128(i128::from(up)))?.to_i128()
}

fn scaled(text: &str) -> Option<(i256, u32)> {
    let scale = text.split_once('.').map_or(0, |(_, fraction)| fraction.len());
    let digits: i128 = text.replace('.', "").parse().ok()?;
    Some((i256::from_i128(digits), scale as u32))
}

fn power_of_ten(exponent: u32) -> i256 {
    i256::from_i128(10).wrapping_pow(exponent)
}
