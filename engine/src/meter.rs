//! What a meter *is*: which events, which value, which aggregation, which dimensions, which windows.
//!
//! Only the vocabulary, because the tenants' side journals it and the pipelines compile it. Not here: evaluation
//! (`pipelines::metering`) and who may define one (`actors`).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::calendar::Calendar;
use crate::path::JsonPath;
use crate::units::{ONE, Units};

/// Most dimensions one meter may have.
pub const DIMENSIONS_MAX: usize = 8;
/// Longest name of a meter or dimension, in bytes.
pub const NAME_BYTES_MAX: usize = 63;

/// A meter's definition, as stored and as sent over the API.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Meter {
    /// Lower-case SQL identifier; the typed view over the meter has this name behind `meter_`.
    pub name: String,
    /// CloudEvents `type` that is counted.
    pub event_type: String,
    /// JSON path of the value inside `data`, for instance `$.tokens`; absent for `count`.
    #[serde(default)]
    pub value: Option<String>,
    /// How values become one number.
    pub aggregation: Aggregation,
    /// What the number is broken down by.
    #[serde(default)]
    pub dimensions: Vec<Dimension>,
    /// Which windows it is published for.
    pub window: Window,
    /// How long after a window's end its late events are ordinary revisions, in seconds; later ones are corrections.
    #[serde(default = "lateness_default")]
    pub allowed_lateness_s: u32,
    /// For people.
    #[serde(default)]
    pub description: String,
}

fn lateness_default() -> u32 {
    3600
}

/// A named breakdown of a meter.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dimension {
    /// Column name in SQL.
    pub name: String,
    /// JSON path inside `data`, for instance `$.region`.
    pub path: String,
}

/// How the values of a window become one number. All are mergeable and independent of the order of arrival.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Aggregation {
    /// Number of events.
    Count,
    /// Sum of values.
    Sum,
    /// Smallest value.
    Min,
    /// Largest value.
    Max,
    /// Sum divided by count, rounded half-even to nine digits.
    Avg,
    /// Value of the event with the latest time (ties: the largest id).
    Latest,
    /// Value of the event with the earliest time (ties: the smallest id).
    First,
    /// Exact number of distinct values (strings, numbers or booleans).
    UniqueCount,
    /// Distinct values by HyperLogLog (relative standard error 0.81 %).
    UniqueCountSketch,
    /// Quantile by a sketch of relative error 1 %; `q` between 0 and 1, for instance `"0.95"`.
    Percentile {
        /// The quantile.
        q: Units,
    },
    /// Time-weighted: each value times the seconds until the next event of the window (the last: until its end).
    WeightedSum,
    /// Population standard deviation, rounded half-even to nine digits.
    Stddev,
    /// Sum of values (of 1 without a value path) per second of the window.
    Rate,
    /// Any DataFusion aggregate expression over `value`, `time`, `id`, `subject` and the dimensions.
    Sql {
        /// For instance `sum(value) FILTER (WHERE value > 0)`.
        expression: String,
    },
}

impl Aggregation {
    /// Whether window values add up to the value of a longer window, which quotas and billing totals need.
    pub fn is_additive(&self) -> bool {
        matches!(self, Self::Count | Self::Sum)
    }

    /// Its name in a definition.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::Sum => "sum",
            Self::Min => "min",
            Self::Max => "max",
            Self::Avg => "avg",
            Self::Latest => "latest",
            Self::First => "first",
            Self::UniqueCount => "unique_count",
            Self::UniqueCountSketch => "unique_count_sketch",
            Self::Percentile { .. } => "percentile",
            Self::WeightedSum => "weighted_sum",
            Self::Stddev => "stddev",
            Self::Rate => "rate",
            Self::Sql { .. } => "sql",
        }
    }

    /// Whether a value path is needed.
    pub fn needs_value(&self) -> bool {
        !matches!(self, Self::Count | Self::Rate | Self::Sql { .. })
    }

    /// Whether values need not be numbers.
    pub fn takes_text(&self) -> bool {
        matches!(self, Self::UniqueCount | Self::UniqueCountSketch)
    }
}

/// Which windows a meter is published for.
#[derive(Debug, Clone, PartialEq, Eq, JsonSchema, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Window {
    /// Back to back, aligned to the epoch.
    Tumbling {
        /// Length in seconds.
        size_s: u32,
    },
    /// Overlapping, aligned to the epoch.
    Sliding {
        /// Length in seconds, a multiple of `slide_s`.
        size_s: u32,
        /// Distance of two starts in seconds.
        slide_s: u32,
    },
    /// From the first event until `gap_s` seconds without one; per tenant and dimensions.
    Session {
        /// Silence that ends a session, in seconds.
        gap_s: u32,
    },
    /// Days, weeks, months in a time zone.
    Calendar(Calendar),
}

/// Why a definition is refused: the field and the reason.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("meter field {field}: {reason}")]
pub struct MeterError {
    /// Which field.
    pub field: String,
    /// What is wrong, and what would be right.
    pub reason: String,
}

fn refuse(field: impl Into<String>, reason: impl Into<String>) -> MeterError {
    MeterError { field: field.into(), reason: reason.into() }
}

/// Whether `name` can be used bare in SQL: `[a-z_][a-z0-9_]*`, at most 63 bytes.
pub fn is_sql_name(name: &str) -> bool {
    let bytes = name.as_bytes();
    (1..=NAME_BYTES_MAX).contains(&bytes.len())
        && !bytes[0].is_ascii_digit()
        && bytes.iter().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'_')
}

/// Columns that a meter's view has of itself.
pub const RESERVED_COLUMNS: [&str; 8] =
    ["tenant", "meter", "window_start", "window_end", "value", "revision", "final", "correction"];

impl Meter {
    /// Checks everything that can be checked without planning SQL.
    ///
    /// # Errors
    /// The first of [`Self::faults`].
    pub fn validate(&self) -> Result<(), MeterError> {
        self.faults().into_iter().next().map_or(Ok(()), Err)
    }

    /// Everything that is wrong with it, as far as that can be told without planning SQL.
    pub fn faults(&self) -> Vec<MeterError> {
        let mut faults = Vec::new();
        if !is_sql_name(&self.name) {
            faults.push(refuse("name", "use 1 to 63 of a-z, 0-9 and _, not starting with a digit"));
        }
        if self.event_type.is_empty() {
            faults.push(refuse("event_type", "must not be empty"));
        }
        match &self.value {
            Some(path) => faults.extend(JsonPath::parse(path).err().map(|error| refuse("value", error.to_string()))),
            None if self.aggregation.needs_value() => {
                faults.push(refuse("value", "this aggregation needs a JSON path, for instance $.tokens"));
            }
            None => {}
        }
        if let Aggregation::Percentile { q } = &self.aggregation
            && !(0..=ONE).contains(&q.0)
        {
            faults.push(refuse("aggregation.percentile.q", "must lie between 0 and 1, for instance \"0.95\""));
        }
        self.dimension_faults(&mut faults);
        faults.extend(self.window_fault());
        faults
    }

    fn dimension_faults(&self, faults: &mut Vec<MeterError>) {
        if self.dimensions.len() > DIMENSIONS_MAX {
            faults.push(refuse("dimensions", format!("at most {DIMENSIONS_MAX}")));
            return;
        }
        for (at, dimension) in self.dimensions.iter().enumerate() {
            let field = format!("dimensions[{at}]");
            if !is_sql_name(&dimension.name) || RESERVED_COLUMNS.contains(&dimension.name.as_str()) {
                faults.push(refuse(format!("{field}.name"), "not a free SQL name (a-z, 0-9, _)"));
            } else if self.dimensions[..at].iter().any(|other| other.name == dimension.name) {
                faults.push(refuse(format!("{field}.name"), "given twice"));
            }
            let path = JsonPath::parse(&dimension.path).err();
            faults.extend(path.map(|error| refuse(format!("{field}.path"), error.to_string())));
        }
    }

    fn window_fault(&self) -> Option<MeterError> {
        match &self.window {
            Window::Tumbling { size_s: 0 } => Some(refuse("window.tumbling.size_s", "must be at least 1")),
            Window::Session { gap_s: 0 } => Some(refuse("window.session.gap_s", "must be at least 1")),
            Window::Sliding { size_s, slide_s } if *slide_s == 0 || size_s % slide_s != 0 || *size_s == 0 => {
                Some(refuse("window.sliding", "size_s must be a positive multiple of slide_s"))
            }
            Window::Calendar(calendar) => {
                calendar.periods().err().map(|error| refuse("window.calendar.time_zone", error.to_string()))
            }
            _ => None,
        }
    }
}
