//! Rows of a query, as a table, CSV or JSON lines.
//!
//! CSV is quoted as RFC 4180 says, with lines as Unix ends them; JSON gives integers and booleans as such and everything
//! else as text, so that decimals stay exact. Tables cut long cells on a terminal only. Not here: running the query
//! ([`super::sql`]).

use std::io::{self, IsTerminal, Write};

use datafusion::arrow::array::{Array, ArrayRef, RecordBatch};
use datafusion::arrow::buffer::NullBuffer;
use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};

use super::table::Table;

/// How rows are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub(super) enum Format {
    /// Aligned columns, for people
    #[default]
    Table,
    /// Comma-separated, with a heading
    Csv,
    /// One object a line
    Json,
}

/// Prints batches as they come; a table appears at the end, since its widths depend on all rows.
pub(super) struct Printer<W: Write> {
    format: Format,
    out: W,
    names: Vec<String>,
    table: Table,
    is_plan: bool,
}

/// The columns of what EXPLAIN answers: a plan is lines, not a cell.
const PLAN: [&str; 2] = ["plan_type", "plan"];

impl<W: Write> Printer<W> {
    pub(super) fn begin(format: Format, schema: &SchemaRef, mut out: W) -> io::Result<Self> {
        let names: Vec<String> = schema.fields().iter().map(|field| field.name().clone()).collect();
        if format == Format::Csv {
            csv_line(&mut out, names.iter().map(String::as_str))?;
        }
        let is_plan = names == PLAN;
        let table = Table::new(names.clone());
        let table = if is_plan || !io::stdout().is_terminal() { table.whole() } else { table };
        Ok(Self { format, out, table, names, is_plan })
    }

    pub(super) fn print(&mut self, batch: &RecordBatch) -> anyhow::Result<()> {
        let columns = batch.columns().iter().map(Column::new).collect::<Result<Vec<_>, _>>()?;
        for row in 0..batch.num_rows() {
            match self.format {
                Format::Table => {
                    let cells: Vec<String> =
                        columns.iter().map(|column| column.text(row).unwrap_or_default()).collect();
                    match self.is_plan {
                        true => self.table.push_lines(&cells),
                        false => self.table.push(cells),
                    }
                }
                Format::Csv => {
                    let cells: Vec<String> =
                        columns.iter().map(|column| column.text(row).unwrap_or_default()).collect();
                    csv_line(&mut self.out, cells.iter().map(String::as_str))?;
                }
                Format::Json => self.json_line(&columns, row)?,
            }
        }
        Ok(())
    }

    pub(super) fn end(mut self) -> io::Result<()> {
        if self.format == Format::Table {
            write!(self.out, "{}{}", self.table, self.table.count())?;
        }
        self.out.flush()
    }

    fn json_line(&mut self, columns: &[Column<'_>], row: usize) -> io::Result<()> {
        self.out.write_all(b"{")?;
        for (at, (name, column)) in self.names.iter().zip(columns).enumerate() {
            if at > 0 {
                self.out.write_all(b",")?;
            }
            serde_json::to_writer(&mut self.out, name)?;
            self.out.write_all(b":")?;
            match column.text(row) {
                None => self.out.write_all(b"null")?,
                Some(text) if column.is_json => self.out.write_all(text.as_bytes())?,
                Some(text) => serde_json::to_writer(&mut self.out, &text)?,
            }
        }
        self.out.write_all(b"}\n")
    }
}

/// Zones whose times are written with a `Z`; those of others have their offset behind them, those of none nothing.
const UTC_NAMES: [&str; 4] = ["UTC", "+00:00", "Z", "Etc/UTC"];

/// One column, ready to be read as text.
struct Column<'a> {
    nulls: Option<NullBuffer>,
    formatter: ArrayFormatter<'a>,
    /// Whether the text is a JSON value as it stands.
    is_json: bool,
    is_decimal: bool,
}

impl<'a> Column<'a> {
    fn new(array: &'a ArrayRef) -> Result<Self, ArrowError> {
        const UTC: FormatOptions<'static> = FormatOptions::new()
            .with_timestamp_format(Some("%Y-%m-%dT%H:%M:%S%.f"))
            .with_timestamp_tz_format(Some("%Y-%m-%dT%H:%M:%S%.fZ"));
        const ELSEWHERE: FormatOptions<'static> = UTC.with_timestamp_tz_format(Some("%Y-%m-%dT%H:%M:%S%.f%:z"));
        let data_type = array.data_type();
        let is_elsewhere = matches!(data_type, DataType::Timestamp(_, Some(zone)) if !UTC_NAMES.contains(&&**zone));
        let formatter = ArrayFormatter::try_new(array.as_ref(), if is_elsewhere { &ELSEWHERE } else { &UTC })?;
        let is_json = data_type.is_integer() || *data_type == DataType::Boolean;
        Ok(Self { nulls: array.logical_nulls(), formatter, is_json, is_decimal: data_type.is_decimal() })
    }

    /// The cell's text; `None` if null. Decimals lose the zeros behind their last digit.
    fn text(&self, row: usize) -> Option<String> {
        if self.nulls.as_ref().is_some_and(|nulls| nulls.is_null(row)) {
            return None;
        }
        let text = self.formatter.value(row).to_string();
        if self.is_decimal && text.contains('.') {
            return Some(text.trim_end_matches('0').trim_end_matches('.').to_owned());
        }
        Some(text)
    }
}

fn csv_line<'a>(out: &mut impl Write, cells: impl Iterator<Item = &'a str>) -> io::Result<()> {
    for (at, cell) in cells.enumerate() {
        if at > 0 {
            out.write_all(b",")?;
        }
        if cell.contains([',', '"', '\n', '\r']) {
            write!(out, "\"{}\"", cell.replace('"', "\"\""))?;
        } else {
            out.write_all(cell.as_bytes())?;
        }
    }
    out.write_all(b"\n")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::{Decimal128Array, Int64Array, StringArray, TimestampMicrosecondArray};

    use super::*;

    fn check(format: Format, expect: &str) {
        let value = Decimal128Array::from(vec![Some(1_500_000_000), None]).with_precision_and_scale(38, 9).unwrap();
        let time = TimestampMicrosecondArray::from(vec![0, 1_500_000]).with_timezone("UTC");
        let batch = RecordBatch::try_from_iter([
            ("tenant", Arc::new(StringArray::from(vec!["a", "b,\"c\""])) as ArrayRef),
            ("n", Arc::new(Int64Array::from(vec![7, 1000]))),
            ("value", Arc::new(value)),
            ("at", Arc::new(time)),
        ])
        .unwrap();
        let mut out = Vec::new();
        let mut printer = Printer::begin(format, &batch.schema(), &mut out).unwrap();
        printer.print(&batch).unwrap();
        printer.end().unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), expect);
    }

    #[test]
    fn rows_are_printed_in_each_format() {
        check(
            Format::Table,
            "tenant     n  value  at\n------  ----  -----  ------------------------\n\
             a          7    1.5  1970-01-01T00:00:00Z\nb,\"c\"   1000         1970-01-01T00:00:01.500Z\n(2 rows)\n",
        );
        check(
            Format::Csv,
            "tenant,n,value,at\na,7,1.5,1970-01-01T00:00:00Z\n\
             \"b,\"\"c\"\"\",1000,,1970-01-01T00:00:01.500Z\n",
        );
        check(
            Format::Json,
            "{\"tenant\":\"a\",\"n\":7,\"value\":\"1.5\",\"at\":\"1970-01-01T00:00:00Z\"}\n\
             {\"tenant\":\"b,\\\"c\\\"\",\"n\":1000,\"value\":null,\"at\":\"1970-01-01T00:00:01.500Z\"}\n",
        );
    }

    #[test]
    fn a_plan_is_shown_line_by_line() {
        let plan = format!("Sort: {}\n  TableScan: usage", "x".repeat(200));
        let batch = RecordBatch::try_from_iter([
            ("plan_type", Arc::new(StringArray::from(vec!["logical_plan"])) as ArrayRef),
            ("plan", Arc::new(StringArray::from(vec![plan.clone()]))),
        ])
        .unwrap();
        let mut out = Vec::new();
        let mut printer = Printer::begin(Format::Table, &batch.schema(), &mut out).unwrap();
        printer.print(&batch).unwrap();
        printer.end().unwrap();
        let shown = String::from_utf8(out).unwrap();
        assert!(plan.lines().all(|line| shown.contains(line)) && shown.contains("(1 row)"), "{shown}");
        assert!(!shown.contains(['…', '\u{fffd}']), "{shown}");
    }

    #[test]
    fn times_say_their_zone_and_no_other() {
        let of = |zone: Option<&str>| -> ArrayRef {
            Arc::new(TimestampMicrosecondArray::from(vec![0]).with_timezone_opt(zone.map(str::to_owned)))
        };
        let text = |array: &ArrayRef| Column::new(array).unwrap().text(0).unwrap();
        assert_eq!(text(&of(Some("UTC"))), "1970-01-01T00:00:00Z");
        assert_eq!(text(&of(None)), "1970-01-01T00:00:00");
        assert_eq!(text(&of(Some("+05:30"))), "1970-01-01T05:30:00+05:30");
    }
}
