//! From a file's rows to events: attributes and data by the mapping's roles, one row at a time.
//!
//! What is no event is a [`RejectedRow`] with a typed reason and changes nothing else (I5). Because a batch ends after a
//! fixed number of rows, rejected ones included, the list is bounded (I8). Not here: what a file's cells look like
//! ([`Cells`] is implemented by each format).

use std::borrow::Cow;

use engine::admission::{Reason, Rejection};
use engine::event::batch::EventBatch;
use engine::event::builder::{Attributes, EventBatchBuilder};
use engine::event::cloudevents::{Limits, Members};
use engine::event::horizon::Horizon;
use engine::event::syntax::is_string;
use engine::units::Units;

use crate::ROWS_PER_BATCH;
use crate::mapping::time::TimeParser;
use crate::mapping::{DataColumn, Origin, Roles};

/// What holds for every import of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImportOptions {
    /// Rows per batch, rejected ones included; at least 1.
    pub rows_per_batch: usize,
    /// Now, in µs since the epoch.
    pub now_us: i64,
    /// How far back `time` may lie, in µs; `None` for as far as it likes.
    pub past_max_us: Option<i64>,
    /// How far ahead `time` may lie, in µs. One event of the year 9999 would make all others late.
    pub future_max_us: i64,
}

impl ImportOptions {
    /// Any past, an hour of future.
    pub fn new(now_us: i64) -> Self {
        Self { rows_per_batch: ROWS_PER_BATCH, now_us, past_max_us: None, future_max_us: 3_600_000_000 }
    }

    fn horizon(&self) -> Horizon {
        Horizon { now_us: self.now_us, past_max_us: self.past_max_us, future_max_us: self.future_max_us }
    }
}

/// A batch of an import, and what was beside it in the file.
#[derive(Debug, Clone)]
pub struct DatasetBatch {
    /// The events.
    pub batch: EventBatch,
    /// The rows that are none, in the file's order.
    pub rejected: Vec<RejectedRow>,
}

/// A row that is no event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RejectedRow {
    /// Line in a text file, row in a Parquet file, from 1.
    pub line: u64,
    /// Whose it would have been; empty if that is not known.
    pub tenant: String,
    /// Its id; empty if it has none.
    pub id: String,
    /// Why.
    pub rejection: Rejection,
}

/// A cell of a data column.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value<'a> {
    Absent,
    Text(Cow<'a, str>),
    Units(Units),
    /// A number, as JSON writes it, that is no quantity: too large, or more than nine digits behind the point.
    Number(Cow<'a, str>),
    Boolean(bool),
    /// Any other value, as JSON.
    Json(String),
}

/// One row of a file, cells by the file's columns.
pub(crate) trait Cells {
    /// The cell as an attribute; `None` if it is empty.
    fn text(&self, at: usize) -> Option<Cow<'_, str>>;
    /// Whether there is no time in the cell.
    fn is_timeless(&self, at: usize) -> bool;
    /// The cell as a time in µs since the epoch, if `horizon` holds it.
    fn time_us(&self, at: usize, parser: &TimeParser, horizon: &Horizon) -> Result<i64, Rejection>;
    /// The cell as data.
    fn value(&self, column: &DataColumn) -> Result<Value<'_>, Rejection>;
}

/// Collects rows into one batch after the other.
#[derive(Debug)]
pub(crate) struct Collector {
    roles: Roles,
    options: ImportOptions,
    builder: EventBatchBuilder,
    members: Members,
    rejected: Vec<RejectedRow>,
}

impl Collector {
    pub(crate) fn new(roles: Roles, options: ImportOptions) -> Self {
        let (builder, members) = (EventBatchBuilder::new(), Members::default());
        Self { roles, options, builder, members, rejected: Vec::new() }
    }

    /// Whether ids have to be derived.
    pub(crate) fn has_no_ids(&self) -> bool {
        self.roles.id.is_none()
    }

    /// How times are read.
    pub(crate) fn time_parser(&self) -> &TimeParser {
        &self.roles.time_parser
    }

    /// Whether it holds nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.builder.is_empty() && self.rejected.is_empty()
    }

    /// Whether it holds a batch's rows.
    pub(crate) fn is_full(&self) -> bool {
        self.builder.len() + self.rejected.len() >= self.options.rows_per_batch.max(1)
    }

    /// Takes the row at `line`; `derived_id` is its id if the mapping names no column.
    pub(crate) fn push(&mut self, line: u64, cells: &impl Cells, derived_id: Option<&str>) {
        let id = match self.roles.id {
            Some(at) => cells.text(at),
            None => derived_id.map(Cow::Borrowed),
        };
        if let Err(rejection) = self.stage(cells, id.as_deref()) {
            self.builder.abort();
            let tenant = attribute(cells, &self.roles.tenant).unwrap_or_default().into_owned();
            self.rejected.push(RejectedRow { line, tenant, id: id.unwrap_or_default().into_owned(), rejection });
        }
    }

    /// Notes a row that cannot even be split into cells.
    pub(crate) fn reject(&mut self, line: u64, rejection: Rejection) {
        self.rejected.push(RejectedRow { line, tenant: String::new(), id: String::new(), rejection });
    }

    /// What was collected; the collector is empty again.
    pub(crate) fn finish(&mut self) -> DatasetBatch {
        DatasetBatch { batch: self.builder.finish(), rejected: std::mem::take(&mut self.rejected) }
    }

    fn stage(&mut self, cells: &impl Cells, id: Option<&str>) -> Result<(), Rejection> {
        let roles = &self.roles;
        let missing = |field: &str| {
            Rejection::new(
                Reason::MissingAttribute,
                field,
                format!("the column mapped to {field} is empty in this row"),
            )
        };
        let tenant = attribute(cells, &roles.tenant).ok_or_else(|| missing("tenant"))?;
        let id = id.ok_or_else(|| missing("id"))?;
        let event_type = attribute(cells, &roles.event_type).ok_or_else(|| missing("type"))?;
        let subject = roles.subject.and_then(|at| cells.text(at));
        for (name, text) in [("tenant", &*tenant), ("id", id), ("type", &*event_type)] {
            check_attribute(name, text)?;
        }
        check_attribute("subject", subject.as_deref().unwrap_or_default())?;
        if cells.is_timeless(roles.time) {
            return Err(missing("time"));
        }
        let time_us = cells.time_us(roles.time, &roles.time_parser, &self.options.horizon())?;
        for column in &roles.data {
            match cells.value(column)? {
                Value::Absent => {}
                Value::Text(text) => self.builder.text(&column.pointer, &text),
                Value::Units(units) => self.builder.units(&column.pointer, units),
                Value::Number(number) => self.builder.json(&column.pointer, &number),
                Value::Boolean(truth) => self.builder.boolean(&column.pointer, truth),
                Value::Json(json) => {
                    self.members.stage_at(&column.pointer, &json, &mut self.builder).map_err(|malformed| {
                        Rejection::new(Reason::ValueInvalid, column.pointer.as_str(), malformed.to_string())
                    })?;
                }
            }
        }
        for (name, at) in &roles.attributes {
            let Some(text) = cells.text(*at) else { continue };
            check_attribute(name, &text)?;
            self.builder.json(name, &serde_json::Value::from(&*text).to_string());
        }
        self.builder.commit(Attributes {
            tenant: &tenant,
            id,
            source: &roles.source,
            event_type: &event_type,
            subject: subject.as_deref(),
            time_us,
        });
        Ok(())
    }
}

fn attribute<'a>(cells: &'a impl Cells, origin: &'a Origin) -> Option<Cow<'a, str>> {
    match origin {
        Origin::Constant(text) => Some(Cow::Borrowed(text)),
        Origin::Column(at) => cells.text(*at),
    }
}

/// The same rules as at the JSON door.
fn check_attribute(name: &str, text: &str) -> Result<(), Rejection> {
    let bytes_max = Limits::default().attribute_bytes_max;
    let detail = if text.len() > bytes_max {
        format!("longer than {bytes_max} bytes; is the mapping right?")
    } else if !is_string(text) {
        "holds a control character or noncharacter, which attributes may not".to_owned()
    } else {
        return Ok(());
    };
    Err(Rejection::new(Reason::InvalidAttribute, name, detail))
}

/// Whether `text` is a number as JSON writes numbers, without an exponent.
pub(crate) fn is_plain_number(text: &str) -> bool {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    digits(whole) && digits(fraction) && (whole == "0" || !whole.starts_with('0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_told_strictly() {
        for text in ["0", "-1", "12.50", "0.5", "-0.0", "123456789012345678901234567890"] {
            assert!(is_plain_number(text), "{text}");
        }
        for text in ["", "-", "007", "00", "1.", ".5", "+1", "1e5", "1,5", " 1", "NaN", "0x1", "1.2.3", "１"] {
            assert!(!is_plain_number(text), "{text}");
        }
    }
}
