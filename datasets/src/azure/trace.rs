//! Reading the trace: three files, joined by owner, app and function, and checked.
//!
//! Every function needs a row in each file: without its duration or memory its `gb_seconds` would be a guess, and a row
//! too many means that another file was cut. So both are errors. What is checked: column names, cell counts, hashes (64
//! lower-case hex digits), triggers, that minutes follow each other, that counts and averages are plain decimals, that no
//! function comes twice. What cannot be: a digit that has become another digit; pin the files' sha256 for that.
//!
//! Averages come to nine digits in the events (rounded half-even; the trace prints up to sixteen), `gb_seconds` from the
//! file's full text.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use engine::units::Units;

use super::expand::{EventOptions, Events};
use super::table::{Place, Table};
use crate::decimal::{self, Decimal};
use crate::error::DatasetError;
use crate::invocation::{Functions, FunctionsBuilder, TRIGGERS};
use crate::records::Record;

/// Hex digits of a function's hash that its events' ids begin with.
pub(crate) const ID_PREFIX: usize = 16;

const HASH_DIGITS: usize = 64;
const MINUTES_PER_DAY: u32 = 1440;
const KEY_COLUMNS: [&str; 3] = ["HashOwner", "HashApp", "HashFunction"];

/// A day of the trace in memory: counts, not events. Cheap to clone.
#[derive(Debug, Clone)]
pub struct AzureTrace {
    pub(super) functions: Functions,
    pub(super) values: Arc<[FunctionValues]>,
    pub(super) minutes: Arc<[Minute]>,
    events: u64,
    cells: u64,
}

/// What the events of one function carry.
#[derive(Debug, Clone, Copy)]
pub(super) struct FunctionValues {
    pub(super) id_prefix: [u8; ID_PREFIX],
    pub(super) duration_ms: Units,
    pub(super) gb_seconds: Units,
}

/// The cells of one minute that are not zero.
#[derive(Debug, Default)]
pub(super) struct Minute {
    /// Minutes since the start of the day.
    pub(super) number: u32,
    /// Function and its invocations, in the file's order.
    pub(super) cells: Vec<(u32, u32)>,
}

/// Owner, app, function.
type Key = [String; 3];

impl AzureTrace {
    /// Reads and checks the files in `folder`.
    ///
    /// # Errors
    /// Anything that makes the trace doubtful; the error names file, line and column.
    pub fn open(folder: &Path) -> Result<Self, DatasetError> {
        let mut durations = Averages::read(folder, "durations.csv", "Average")?;
        let mut memories = Averages::read(folder, "memory.csv", "AverageAllocatedMb")?;
        let mut table = Table::open(folder, "invocations.csv")?;
        let place = table.place();
        let key_columns = key_columns(&table)?;
        let trigger_column = table.column("Trigger")?;
        let (mut minutes, minute_columns) = minutes(&table)?;
        let minute_names: Vec<String> = minutes.iter().map(|minute| minute.number.to_string()).collect();

        let mut functions = FunctionsBuilder::default();
        let mut values = Vec::new();
        let mut seen = HashSet::new();
        let mut prefixes = HashSet::new();
        let (mut events, mut cells) = (0, 0);
        while let Some(row) = table.row()? {
            let line = row.line;
            let key = key(&place, &row, key_columns)?;
            let trigger = row.cell(trigger_column);
            let Some(trigger) = TRIGGERS.iter().position(|known| *known == trigger) else {
                return Err(place.cell(line, "Trigger", format!("expected one of {}", TRIGGERS.join(", "))));
            };
            if !seen.insert(key.clone()) {
                return Err(place.row(line, "this function has a row already"));
            }
            let mut id_prefix = [0; ID_PREFIX];
            id_prefix.copy_from_slice(&key[2].as_bytes()[..ID_PREFIX]);
            if !prefixes.insert((key[1].clone(), id_prefix)) {
                let reason = format!("its first {ID_PREFIX} digits, which ids begin with, are another function's too");
                return Err(place.cell(line, "HashFunction", reason));
            }
            let duration = durations.take(&key, &place, line)?;
            let memory = memories.take(&key, &place, line)?;
            let gb_seconds = decimal::gb_seconds(duration, memory)
                .map_err(|error| place.row(line, format!("gb_seconds of this function: {error}")))?;

            let function = values.len() as u32;
            values.push(FunctionValues { id_prefix, duration_ms: duration.to_units(), gb_seconds });
            let [owner, app, name] = key;
            functions.push(&owner, &app, &name, trigger, memory.to_units());
            for (at, column) in minute_columns.iter().enumerate() {
                let count = count(row.cell(*column)).map_err(|reason| place.cell(line, &minute_names[at], reason))?;
                if count > 0 {
                    minutes[at].cells.push((function, count));
                    events += u64::from(count);
                    cells += 1;
                }
            }
        }
        durations.refuse_rest()?;
        memories.refuse_rest()?;
        Ok(Self { functions: functions.finish(), values: values.into(), minutes: minutes.into(), events, cells })
    }

    /// The events, in the order and share that `options` ask for.
    pub fn events(&self, options: EventOptions) -> Events {
        Events::new(self.clone(), options)
    }

    /// How many events there are, in all parts together.
    pub fn events_total(&self) -> u64 {
        self.events
    }

    /// How many function-minutes have an event.
    pub fn function_minutes(&self) -> u64 {
        self.cells
    }
}

fn key_columns(table: &Table) -> Result<[usize; 3], DatasetError> {
    let [owner, app, function] = KEY_COLUMNS;
    Ok([table.column(owner)?, table.column(app)?, table.column(function)?])
}

fn key(place: &Place, row: &Record<'_>, columns: [usize; 3]) -> Result<Key, DatasetError> {
    let mut key = Key::default();
    for (at, column) in columns.into_iter().enumerate() {
        let hash = row.cell(column);
        if hash.len() != HASH_DIGITS || !hash.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)) {
            return Err(place.cell(row.line, KEY_COLUMNS[at], "expected a hash of 64 lower-case hex digits"));
        }
        key[at] = hash.to_owned();
    }
    Ok(key)
}

/// The columns whose names are minutes, which must be all but four and follow each other.
fn minutes(table: &Table) -> Result<(Vec<Minute>, Vec<usize>), DatasetError> {
    let mut minutes: Vec<Minute> = Vec::new();
    let mut columns = Vec::new();
    for (at, name) in table.columns().iter().enumerate() {
        if KEY_COLUMNS.contains(&name.as_str()) || name == "Trigger" {
            continue;
        }
        let number = count(name).ok().filter(|number| *number <= MINUTES_PER_DAY);
        let Some(number) = number else {
            return Err(table.place().header(name, "expected a minute of the day, 0 to 1440"));
        };
        if let Some(before) = minutes.last()
            && number != before.number + 1
        {
            return Err(table.place().header(name, format!("expected minute {}", before.number + 1)));
        }
        minutes.push(Minute { number, cells: Vec::new() });
        columns.push(at);
    }
    if minutes.is_empty() {
        return Err(table.place().header("1", "no column is a minute of the day"));
    }
    Ok((minutes, columns))
}

/// A count as the trace writes it: digits only.
fn count(text: &str) -> Result<u32, &'static str> {
    let reason = "expected a whole number from 0 to 4294967295";
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(reason);
    }
    text.parse().map_err(|_| reason)
}

/// One average per function, taken out as invocations are read.
struct Averages {
    place: Place,
    of: HashMap<Key, (Decimal, u64)>,
}

impl Averages {
    fn read(folder: &Path, suffix: &'static str, column: &str) -> Result<Self, DatasetError> {
        let mut table = Table::open(folder, suffix)?;
        let place = table.place();
        let key_columns = key_columns(&table)?;
        let average = table.column(column)?;
        let mut of = HashMap::new();
        while let Some(row) = table.row()? {
            let key = key(&place, &row, key_columns)?;
            let Some(value) = Decimal::parse(row.cell(average)) else {
                return Err(place.cell(row.line, column, "expected a decimal of at most 18 digits, such as 9.25"));
            };
            if of.insert(key, (value, row.line)).is_some() {
                return Err(place.row(row.line, "this function has a row already"));
            }
        }
        Ok(Self { place, of })
    }

    fn take(&mut self, key: &Key, invocations: &Place, line: u64) -> Result<Decimal, DatasetError> {
        let found = self.of.remove(key);
        let lacking = || invocations.row(line, format!("this function has no row in {}", self.place.name()));
        found.map(|(value, _)| value).ok_or_else(lacking)
    }

    fn refuse_rest(self) -> Result<(), DatasetError> {
        match self.of.values().map(|(_, line)| *line).min() {
            Some(line) => Err(self.place.row(line, "this function has no invocations; is invocations.csv cut?")),
            None => Ok(()),
        }
    }
}
