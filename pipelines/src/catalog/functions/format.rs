//! `format(pattern, …)`: texts put into a pattern, as they are, as an identifier or as a literal.
//!
//! A width is bounded here, so that what a call gives is ([`crate::catalog::values`]). Arguments are texts already, but for
//! booleans, which are `t` and `f`. Not here: dates and numbers by a pattern ([`super::formats`]).

use std::iter::Peekable;
use std::str::Chars;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, StringArray};
use arrow::datatypes::DataType;
use datafusion::common::{Result, exec_err, plan_err};

use super::defined::{Call, Definition};

pub(super) const FORMAT: Definition = Definition::new("format", takes, |_| Ok(DataType::Utf8), run);
pub(super) const QUOTE_IDENT: Definition = Definition::new(
    "quote_ident",
    takes_one,
    |_| Ok(DataType::Utf8),
    |call| Ok(each(call, |text| Some(identifier(text?)))),
);
pub(super) const QUOTE_LITERAL: Definition = Definition::new(
    "quote_literal",
    takes_one,
    |_| Ok(DataType::Utf8),
    |call| Ok(each(call, |text| Some(literal(text?)))),
);
pub(super) const QUOTE_NULLABLE: Definition = Definition::new(
    "quote_nullable",
    takes_one,
    |_| Ok(DataType::Utf8),
    |call| Ok(each(call, |text| Some(text.map_or_else(|| "NULL".to_owned(), literal)))),
);

/// Characters that a width may have.
pub(in crate::catalog) const WIDTH_MAX: usize = 1_000;

/// Words that are no identifiers unless they are quoted.
const RESERVED: &str = "\
    all analyse analyze and any array as asc asymmetric authorization between bigint binary bit boolean both case \
    cast char character check coalesce collate collation column concurrently constraint create cross \
    current_catalog current_date current_role current_schema current_time current_timestamp current_user dec \
    decimal default deferrable desc distinct do else end except exists extract false fetch float for foreign \
    freeze from full grant greatest group grouping having ilike in initially inner inout int integer intersect \
    interval into is isnull join lateral leading least left like limit localtime localtimestamp national natural \
    nchar none normalize not notnull null nullif numeric offset on only or order out outer overlaps overlay \
    placing position precision primary real references returning right row select session_user setof similar \
    smallint some substring symmetric table tablesample then time timestamp to trailing treat trim true union \
    unique user using values varchar variadic verbose when where window with xmlattributes xmlconcat xmlelement \
    xmlexists xmlforest xmlnamespaces xmlparse xmlpi xmlroot xmlserialize xmltable";

fn takes(arguments: &[DataType]) -> Result<Vec<DataType>> {
    let Some((pattern, values)) = arguments.split_first() else { return plan_err!("format takes a pattern") };
    if !pattern.is_string() && !pattern.is_null() {
        return plan_err!("format takes a text as its pattern");
    }
    let each = |of: &DataType| match of {
        DataType::Boolean => Ok(DataType::Boolean),
        of if of.is_nested() || of.is_binary() => plan_err!("format does not take {of}: cast it to text"),
        _ => Ok(DataType::Utf8),
    };
    std::iter::once(Ok(DataType::Utf8)).chain(values.iter().map(each)).collect()
}

fn takes_one(arguments: &[DataType]) -> Result<Vec<DataType>> {
    match arguments {
        [of] if !of.is_nested() && !of.is_binary() => Ok(vec![DataType::Utf8]),
        _ => plan_err!("one value is quoted"),
    }
}

fn each(call: &Call<'_>, quote: impl Fn(Option<&str>) -> Option<String>) -> ArrayRef {
    Arc::new(call.columns[0].as_string::<i32>().iter().map(quote).collect::<StringArray>())
}

fn run(call: &Call<'_>) -> Result<ArrayRef> {
    let Some((patterns, values)) = call.columns.split_first() else { return exec_err!("format takes a pattern") };
    let patterns = patterns.as_string::<i32>();
    let formatted = (0..call.rows).map(|row| {
        if patterns.is_null(row) {
            return Ok(None);
        }
        let value = |at: usize| value(values, at, row);
        Formatter { rest: patterns.value(row).chars().peekable(), next: 0, value: &value }.format().map(Some)
    });
    Ok(Arc::new(formatted.collect::<Result<StringArray>>()?))
}

fn value(values: &[ArrayRef], at: usize, row: usize) -> Result<Option<&str>> {
    let Some(column) = values.get(at) else { return exec_err!("too few arguments for format()") };
    Ok(match column.data_type() {
        _ if column.is_null(row) => None,
        DataType::Boolean => Some(if column.as_boolean().value(row) { "t" } else { "f" }),
        _ => Some(column.as_string::<i32>().value(row)),
    })
}

struct Formatter<'a> {
    rest: Peekable<Chars<'a>>,
    /// The argument that comes next.
    next: usize,
    value: &'a dyn Fn(usize) -> Result<Option<&'a str>>,
}

impl Formatter<'_> {
    fn format(mut self) -> Result<String> {
        let mut text = String::new();
        while let Some(next) = self.rest.next() {
            if next != '%' {
                text.push(next);
            } else if self.rest.next_if_eq(&'%').is_some() {
                text.push('%');
            } else {
                self.specifier(&mut text)?;
            }
        }
        Ok(text)
    }

    fn specifier(&mut self, text: &mut String) -> Result<()> {
        let mut position = None;
        let mut number = self.number()?;
        if number.is_some() && self.rest.next_if_eq(&'$').is_some() {
            position = number.take();
        }
        let mut to_left = false;
        if number.is_none() {
            while self.rest.next_if_eq(&'-').is_some() {
                to_left = true;
            }
            number = if self.rest.next_if_eq(&'*').is_some() {
                let (width, is_negative) = self.width_of_argument()?;
                to_left |= is_negative;
                Some(width)
            } else {
                self.number()?
            };
        }
        let width = number.unwrap_or_default();
        if width > WIDTH_MAX {
            return exec_err!("format: a width may be {WIDTH_MAX} here");
        }
        let Some(kind) = self.rest.next() else { return exec_err!("unterminated format() type specifier") };
        let at = match position {
            Some(0) => return exec_err!("format specifies argument 0, but arguments are numbered from 1"),
            Some(position) => position - 1,
            None => self.next,
        };
        self.next = at + 1;
        if !matches!(kind, 's' | 'I' | 'L') {
            return exec_err!("unrecognized format() type specifier \"{kind}\"");
        }
        let value = (self.value)(at)?;
        let value = match (kind, value) {
            ('s', value) => value.unwrap_or_default().to_owned(),
            ('L', value) => value.map_or_else(|| "NULL".to_owned(), literal),
            (_, Some(value)) => identifier(value),
            (_, None) => return exec_err!("null values cannot be formatted as an SQL identifier"),
        };
        let blanks = " ".repeat(width.saturating_sub(value.chars().count()));
        let (one, other) = if to_left { (value.as_str(), blanks.as_str()) } else { (blanks.as_str(), value.as_str()) };
        text.push_str(one);
        text.push_str(other);
        Ok(())
    }

    fn number(&mut self) -> Result<Option<usize>> {
        let mut number = None;
        while let Some(digit) = self.rest.peek().and_then(|next| next.to_digit(10)) {
            self.rest.next();
            let more = number.unwrap_or(0_usize).checked_mul(10).and_then(|more| more.checked_add(digit as usize));
            let Some(more) = more.filter(|more| i32::try_from(*more).is_ok()) else {
                return exec_err!("number is out of range");
            };
            number = Some(more);
        }
        Ok(number)
    }

    /// The width that an argument says, behind `*`; a negative one means the left.
    fn width_of_argument(&mut self) -> Result<(usize, bool)> {
        let at = match self.number()? {
            Some(0) => return exec_err!("format specifies argument 0, but arguments are numbered from 1"),
            Some(position) if self.rest.next_if_eq(&'$').is_some() => position - 1,
            Some(_) => return exec_err!("width argument position must be ended by \"$\""),
            None => self.next,
        };
        self.next = at + 1;
        let Some(width) = (self.value)(at)? else { return Ok((0, false)) };
        match width.trim().parse::<i32>() {
            Ok(width) => Ok((width.unsigned_abs() as usize, width < 0)),
            Err(_) => exec_err!("invalid input syntax for type integer: \"{width}\""),
        }
    }
}

fn identifier(name: &str) -> String {
    let mut letters = name.chars();
    let begins = letters.next().is_some_and(|first| first.is_ascii_lowercase() || first == '_');
    let is_plain = begins && letters.all(|next| next.is_ascii_lowercase() || next.is_ascii_digit() || next == '_');
    if is_plain && RESERVED.split(' ').all(|word| word != name) {
        return name.to_owned();
    }
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn literal(text: &str) -> String {
    let quoted = text.replace('\'', "''");
    if quoted.contains('\\') { format!("E'{}'", quoted.replace('\\', "\\\\")) } else { format!("'{quoted}'") }
}
