//! CloudEvents files: one event a line (NDJSON), or JSON arrays, told by the first character.
//!
//! Lines end with LF, CRLF or CR alone. Files that were put together, byte order marks between them, are read as one.
//! Read in chunks of bounded size and decoded by the engine's own decoder, so that a file means what a request with the
//! same body means. An event that is none is a rejection with its line; a file that ends inside an event ends the import,
//! after the events before it. Not here: what an event must have.

use std::io::{self, BufRead, Read};
use std::path::Path;

use engine::admission::{Reason, Rejection};
use engine::event::cloudevents::{Context, DecodeError, Decoder, Form, Limits};
use engine::event::encoding::{MARK, trimmed};

use crate::error::DatasetError;
use crate::input::{self, Input};
use crate::lines::read_line;
use crate::rows::{DatasetBatch, ImportOptions, RejectedRow};

/// Longest event, in bytes.
const EVENT_BYTES_MAX: usize = 256 * 1024;
/// A chunk is closed once it is this long, in bytes.
const CHUNK_BYTES: usize = 4 * 1024 * 1024;

/// Reads CloudEvents as batches. Ends after the first error.
pub struct CloudEventsImport {
    source: Source,
    decoder: Decoder,
    tenant: Option<String>,
    options: ImportOptions,
    /// The rows before it are still to be delivered.
    failed: Option<DatasetError>,
    ended: bool,
}

/// The file, and where in it reading has come.
struct Source {
    file: String,
    bytes: Box<dyn BufRead + Send>,
    form: Form,
    /// Line of the last byte read, from 1; in an array, of the next one.
    line: u64,
    /// Whether the last byte read was a CR, so that a LF ends no line of its own.
    carriage: bool,
    /// Events of the array so far.
    events: u64,
}

/// Some events of the file, and where they stand.
#[derive(Default)]
struct Chunk {
    body: Vec<u8>,
    lines: Vec<u64>,
    /// Lines that are too long to be one, which the body leaves out.
    too_large: Vec<u64>,
    /// Whether the file ends behind the last line without a line end.
    open_ended: bool,
}

impl CloudEventsImport {
    /// Opens `path` (`-` is standard input), plain, gzip or zstd. Events that name no `tenant` are those of `tenant`;
    /// events without a `time` get that of the import.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn open(path: &Path, tenant: Option<String>, options: ImportOptions) -> Result<Self, DatasetError> {
        Self::new(input::open(path)?, tenant, options)
    }

    /// Reads `source`, called `name` in errors.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn read(
        name: &str,
        source: impl Read + Send + 'static,
        tenant: Option<String>,
        options: ImportOptions,
    ) -> Result<Self, DatasetError> {
        Self::new(input::decompressed(name.to_owned(), source)?, tenant, options)
    }

    fn new(input: Input, tenant: Option<String>, mut options: ImportOptions) -> Result<Self, DatasetError> {
        options.rows_per_batch = options.rows_per_batch.max(1);
        let mut source =
            Source { file: input.name, bytes: input.bytes, form: Form::Ndjson, line: 0, carriage: false, events: 0 };
        let first = source.skip_space().map_err(DatasetError::io(&source.file))?;
        if first == Some(b'[') {
            source.form = Form::Batch;
            source.line += 1;
            source.bytes.consume(1);
        }
        let limits = Limits {
            body_bytes_max: CHUNK_BYTES + 2 * EVENT_BYTES_MAX,
            events_max: options.rows_per_batch,
            event_bytes_max: EVENT_BYTES_MAX,
            ..Limits::default()
        };
        Ok(Self { source, decoder: Decoder::new(limits), tenant, options, failed: None, ended: false })
    }

    fn batch(&mut self) -> Result<DatasetBatch, DatasetError> {
        let rows = self.options.rows_per_batch;
        let mut chunk = Chunk::default();
        let read = match self.source.form {
            Form::Batch => self.source.array(rows, &mut chunk),
            Form::Single | Form::Ndjson => self.source.lines(rows, &mut chunk),
        };
        match read {
            Ok(more) => self.ended = !more,
            Err(error) => self.failed = Some(error),
        }
        let context = Context {
            tenant: self.tenant.as_deref(),
            platform: true,
            now_us: self.options.now_us,
            past_max_us: self.options.past_max_us,
            future_max_us: self.options.future_max_us,
        };
        let decoded = self
            .decoder
            .decode(&chunk.body, self.source.form, &context)
            .map_err(|error| self.source.undecodable(&chunk, error))?;
        let mut rejected: Vec<RejectedRow> = decoded
            .rejected
            .into_iter()
            .map(|event| RejectedRow {
                line: chunk.lines[event.index as usize],
                tenant: event.tenant,
                id: event.id,
                rejection: event.rejection,
            })
            .collect();
        if chunk.open_ended
            && let Some(line) = chunk.lines.last()
            && rejected.pop_if(|row| row.line == *line && row.rejection.reason == Reason::Malformed).is_some()
        {
            self.failed = Some(DatasetError::Truncated { file: self.source.file.clone(), line: *line });
        }
        let detail = format!("the event is longer than {EVENT_BYTES_MAX} bytes; move bulk elsewhere");
        let too_large = Rejection::new(Reason::TooLarge, "", detail);
        rejected.extend(chunk.too_large.iter().map(|line| RejectedRow {
            line: *line,
            tenant: String::new(),
            id: String::new(),
            rejection: too_large.clone(),
        }));
        rejected.sort_by_key(|row| row.line);
        Ok(DatasetBatch { batch: decoded.batch, rejected })
    }
}

impl Iterator for CloudEventsImport {
    type Item = Result<DatasetBatch, DatasetError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(error) = self.failed.take() {
                self.ended = true;
                return Some(Err(error));
            }
            if self.ended {
                return None;
            }
            match self.batch() {
                Ok(batch) if batch.batch.is_empty() && batch.rejected.is_empty() => {}
                Ok(batch) => return Some(Ok(batch)),
                Err(error) => self.failed = Some(error),
            }
        }
    }
}

impl Source {
    /// The next lines that hold something; `false` if the file ends behind them.
    fn lines(&mut self, rows: usize, chunk: &mut Chunk) -> Result<bool, DatasetError> {
        while chunk.lines.len() + chunk.too_large.len() < rows && chunk.body.len() < CHUNK_BYTES {
            let start = chunk.body.len();
            match read_line(&mut self.bytes, EVENT_BYTES_MAX + 2, &mut chunk.body) {
                Ok(0) => return Ok(false),
                Ok(_) => {}
                Err(error) => {
                    chunk.body.truncate(start);
                    return Err(DatasetError::io(&self.file)(error));
                }
            }
            self.line += 1;
            let line = &chunk.body[start..];
            let terminated = matches!(line.last(), Some(b'\n' | b'\r'));
            if !terminated && line.len() > EVENT_BYTES_MAX {
                chunk.body.truncate(start);
                chunk.too_large.push(self.line);
                self.skip_line().map_err(DatasetError::io(&self.file))?;
            } else if trimmed(line).is_empty() {
                chunk.body.truncate(start);
            } else {
                chunk.lines.push(self.line);
                chunk.open_ended = !terminated;
            }
        }
        Ok(true)
    }

    /// The next events of the array, as an array of their own; `false` if the file ends behind them.
    fn array(&mut self, rows: usize, chunk: &mut Chunk) -> Result<bool, DatasetError> {
        chunk.body.push(b'[');
        let read = self.events(rows, chunk);
        chunk.body.push(b']');
        if read? {
            return Ok(true);
        }
        match self.skip_space().map_err(DatasetError::io(&self.file))? {
            None => Ok(false),
            Some(b'[') => {
                self.bytes.consume(1);
                self.events = 0;
                Ok(true)
            }
            Some(_) => Err(self.row(self.line, "expected nothing behind the array of events, or another array")),
        }
    }

    fn events(&mut self, rows: usize, chunk: &mut Chunk) -> Result<bool, DatasetError> {
        while chunk.lines.len() < rows && chunk.body.len() < CHUNK_BYTES {
            let first = self.skip_space().map_err(DatasetError::io(&self.file))?;
            if first == Some(b']') && self.events == 0 {
                self.bytes.consume(1);
                return Ok(false);
            }
            let line = self.line;
            let start = chunk.body.len();
            if !chunk.lines.is_empty() {
                chunk.body.push(b',');
            }
            let more = self.array_event(line, &mut chunk.body).inspect_err(|_| chunk.body.truncate(start))?;
            chunk.lines.push(line);
            self.events += 1;
            if !more {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Appends the event that begins here; `false` if the array ends behind it.
    fn array_event(&mut self, line: u64, body: &mut Vec<u8>) -> Result<bool, DatasetError> {
        let start = body.len();
        let (mut depth, mut in_string, mut escaped) = (0usize, false, false);
        loop {
            let byte = self.byte().map_err(DatasetError::io(&self.file))?;
            let Some(byte) = byte else { return Err(DatasetError::Truncated { file: self.file.clone(), line }) };
            if in_string {
                (in_string, escaped) = (escaped || byte != b'"', !escaped && byte == b'\\');
            } else {
                match byte {
                    b',' | b']' if depth == 0 => {
                        if body[start..].trim_ascii().is_empty() {
                            return Err(self.row(line, "expected an event before , or ]"));
                        }
                        return Ok(byte == b',');
                    }
                    b'"' => in_string = true,
                    b'{' | b'[' => depth += 1,
                    b'}' if depth == 0 => return Err(self.row(line, "a } closes nothing")),
                    b'}' | b']' => depth -= 1,
                    _ => {}
                }
            }
            if body.len() - start > EVENT_BYTES_MAX {
                return Err(self.row(line, "an event longer than 256 KiB; is a quote or bracket missing?"));
            }
            body.push(byte);
        }
    }

    fn byte(&mut self) -> io::Result<Option<u8>> {
        let byte = self.bytes.fill_buf()?.first().copied();
        if byte.is_some() {
            self.bytes.consume(1);
        }
        let ends_line = byte == Some(b'\r') || (byte == Some(b'\n') && !self.carriage);
        self.carriage = byte == Some(b'\r');
        self.line += u64::from(ends_line);
        Ok(byte)
    }

    /// The first byte that is neither space nor of a byte order mark, which is not taken; counts lines.
    fn skip_space(&mut self) -> io::Result<Option<u8>> {
        loop {
            match self.bytes.fill_buf()?.first().copied() {
                Some(byte) if byte.is_ascii_whitespace() => {
                    self.byte()?;
                }
                Some(byte) if byte == MARK[0] => {
                    for expected in MARK {
                        if self.byte()? != Some(*expected) {
                            return Err(io::Error::new(io::ErrorKind::InvalidData, "a broken byte order mark"));
                        }
                    }
                }
                other => return Ok(other),
            }
        }
    }

    /// Reads to the end of a line that is too long to be kept.
    fn skip_line(&mut self) -> io::Result<()> {
        let mut part = Vec::new();
        while read_line(&mut self.bytes, CHUNK_BYTES, &mut part)? > 0 && !matches!(part.last(), Some(b'\n' | b'\r')) {
            part.clear();
        }
        Ok(())
    }

    fn row(&self, line: u64, reason: &str) -> DatasetError {
        DatasetError::Row { file: self.file.clone(), line, reason: reason.to_owned() }
    }

    fn undecodable(&self, chunk: &Chunk, error: DecodeError) -> DatasetError {
        self.row(chunk.lines.first().copied().unwrap_or(1), &format!("from here on, {error}"))
    }
}
