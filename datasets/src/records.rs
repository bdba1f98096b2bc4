//! Delimited text as records: RFC 4180, strict and bounded.
//!
//! A quote may only open a cell, and only a delimiter or the line's end may follow the closing one; anything else is a
//! [`BadRecord`], after which reading goes on with the next line. Lines end with LF, CRLF or CR alone; within quotes each is
//! read as LF, so that a file says the same on every system. Byte order marks in front of a record are skipped: files that
//! were put together have them. A record is at most [`RECORD_BYTES_MAX`] long, so that a lost quote cannot swallow the rest
//! of a large file into memory (I8). Not here: what cells mean.

use std::io::{self, BufRead};

use engine::event::encoding::MARK;

use crate::lines::{read_line, without_end};

/// Longest record, in bytes.
pub(crate) const RECORD_BYTES_MAX: usize = 1024 * 1024;

/// One record; valid until the next is read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Record<'a> {
    /// Line on which it begins, from 1.
    pub(crate) line: u64,
    /// Whether nothing stands on its line.
    pub(crate) blank: bool,
    /// Whether a line's end follows it.
    pub(crate) terminated: bool,
    text: &'a str,
    ends: &'a [usize],
}

/// A record that is not RFC 4180.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BadRecord {
    /// Line on which it begins, from 1.
    pub(crate) line: u64,
    /// What is wrong.
    pub(crate) reason: &'static str,
}

/// Why no further record can be read.
#[derive(Debug)]
pub(crate) enum Fault {
    Io(io::Error),
    /// The input ends inside quotes.
    Truncated {
        line: u64,
    },
    TooLong {
        line: u64,
    },
}

/// Reads records one after the other.
pub(crate) struct Records<R> {
    input: R,
    delimiter: u8,
    lines: u64,
    raw: Vec<u8>,
    text: Vec<u8>,
    ends: Vec<usize>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    CellStart,
    Bare,
    Quoted,
    QuoteInQuoted,
}

impl<'a> Record<'a> {
    /// How many cells.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The cell at `at`, which must be below [`len`](Self::len).
    pub(crate) fn cell(&self, at: usize) -> &'a str {
        let start = if at == 0 { 0 } else { self.ends[at - 1] };
        &self.text[start..self.ends[at]]
    }

    /// All cells.
    pub(crate) fn cells(self) -> impl Iterator<Item = &'a str> {
        (0..self.len()).map(move |at| self.cell(at))
    }
}

impl<R: BufRead> Records<R> {
    pub(crate) fn new(input: R, delimiter: u8) -> Self {
        Self { input, delimiter, lines: 0, raw: Vec::new(), text: Vec::new(), ends: Vec::new() }
    }

    /// The next record; `None` at the end.
    pub(crate) fn read(&mut self) -> Result<Option<Result<Record<'_>, BadRecord>>, Fault> {
        self.raw.clear();
        self.text.clear();
        self.ends.clear();
        let line = self.lines + 1;
        let mut state = State::CellStart;
        let split = loop {
            let mut from = self.raw.len();
            let room = RECORD_BYTES_MAX + 1 - from;
            let read = read_line(&mut self.input, room, &mut self.raw).map_err(Fault::Io)?;
            if read == 0 {
                return if from == 0 { Ok(None) } else { Err(Fault::Truncated { line }) };
            }
            if self.raw.len() > RECORD_BYTES_MAX {
                return Err(Fault::TooLong { line });
            }
            self.lines += 1;
            while state == State::CellStart && self.raw[from..].starts_with(MARK) {
                from += MARK.len();
            }
            match split(&self.raw[from..], self.delimiter, state, &mut self.text, &mut self.ends) {
                Ok(State::Quoted) => state = State::Quoted,
                Ok(_) => break Ok(()),
                Err(reason) => break Err(reason),
            }
        };
        Ok(Some(self.record(line, split)))
    }

    fn record(&self, line: u64, split: Result<(), &'static str>) -> Result<Record<'_>, BadRecord> {
        let bad = |reason| BadRecord { line, reason };
        split.map_err(bad)?;
        let text = std::str::from_utf8(&self.text).map_err(|_| bad("not UTF-8; convert the file"))?;
        if self.ends.iter().any(|end| !text.is_char_boundary(*end)) {
            return Err(bad("not UTF-8; convert the file"));
        }
        let raw = without_end(&self.raw);
        let blank = text.is_empty() && self.ends.len() == 1 && !raw.ends_with(b"\"");
        Ok(Record { line, blank, terminated: raw.len() < self.raw.len(), text, ends: &self.ends })
    }
}

/// Splits one line, appending unquoted cells to `text` and their ends to `ends`; `Quoted` if the record goes on.
fn split(
    line: &[u8],
    delimiter: u8,
    mut state: State,
    text: &mut Vec<u8>,
    ends: &mut Vec<usize>,
) -> Result<State, &'static str> {
    let body = without_end(line);
    if state == State::CellStart && !body.contains(&b'"') {
        for cell in body.split(|byte| *byte == delimiter) {
            text.extend_from_slice(cell);
            ends.push(text.len());
        }
        return Ok(State::Bare);
    }
    for &byte in body {
        state = match (state, byte) {
            (State::CellStart, b'"') => State::Quoted,
            (State::Quoted, b'"') => State::QuoteInQuoted,
            (State::CellStart | State::Bare | State::QuoteInQuoted, _) if byte == delimiter => {
                ends.push(text.len());
                State::CellStart
            }
            (State::QuoteInQuoted, b'"') => {
                text.push(byte);
                State::Quoted
            }
            (State::QuoteInQuoted, _) => return Err("text after a closing quote; double the quotes inside a cell"),
            (State::Bare, b'"') => return Err("a quote inside a bare cell; quote the whole cell"),
            (State::Quoted, _) => {
                text.push(byte);
                State::Quoted
            }
            (State::CellStart | State::Bare, _) => {
                text.push(byte);
                State::Bare
            }
        };
    }
    if state == State::Quoted {
        if body.len() < line.len() {
            text.push(b'\n');
        }
        return Ok(State::Quoted);
    }
    ends.push(text.len());
    Ok(state)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `|` between cells, one line a record; a bad record as `!line`, a fault as `#`.
    fn check(text: &[u8], expect: &[&str]) {
        let mut records = Records::new(text, b',');
        let mut got = Vec::new();
        loop {
            match records.read() {
                Ok(None) => break,
                Ok(Some(Ok(record))) => got.push(record.cells().collect::<Vec<_>>().join("|")),
                Ok(Some(Err(bad))) => got.push(format!("!{}", bad.line)),
                Err(_) => {
                    got.push("#".into());
                    break;
                }
            }
        }
        assert_eq!(got, expect, "{}", String::from_utf8_lossy(text));
    }

    #[test]
    fn records_follow_rfc_4180() {
        check(b"", &[]);
        check(b"a,b\nc,d", &["a|b", "c|d"]);
        check(b"a,b\r\n,\r\n", &["a|b", "|"]);
        check(b"\"a,\"\"b\"\"\",c\n", &["a,\"b\"|c"]);
        check(b"\"a\nb\",c\nd\n", &["a\nb|c", "d"]);
        check(b"\"a\r\nb\",\"\"\n", &["a\nb|"]);
        check(b"a,b\r\"c\rd\",e\r", &["a|b", "c\nd|e"]);
        check(b"a,b\r\r\n\rc", &["a|b", "", "", "c"]);
        check(b"\xef\xbb\xbf\"a\",b\n\xef\xbb\xbfc,\"\xef\xbb\xbfd\"\r", &["a|b", "c|\u{feff}d"]);
        check(b"\n\"\"\n", &["", ""]);
    }

    #[test]
    fn reading_goes_on_behind_a_bad_record() {
        check(b"a\"b,c\nd\n", &["!1", "d"]);
        check(b"\"a\"b\nd\n", &["!1", "d"]);
        check(b"\xff,b\nd\n", &["!1", "d"]);
        check(b"\xc3,\xa9\nd\n", &["!1", "d"]);
    }

    #[test]
    fn a_lost_quote_ends_reading() {
        check(b"a\n\"b,c\nd\n", &["a", "#"]);
        check(&[b"\"".to_vec(), vec![b'x'; RECORD_BYTES_MAX], b"\"\n".to_vec()].concat(), &["#"]);
    }

    #[test]
    fn a_missing_line_end_is_told() {
        let mut records = Records::new(&b"a\nb"[..], b',');
        assert!(records.read().unwrap().unwrap().unwrap().terminated);
        assert!(!records.read().unwrap().unwrap().unwrap().terminated);
    }
}
