//! `COPY … TO STDOUT`: a query's rows in bulk, as text, CSV or binary. This is what psql's `\copy … to` and ADBC send.
//!
//! Not here: planning the query ([`super::reading`]); `COPY … FROM`, which would write.

use bytes::{BufMut, Bytes, BytesMut};
use datafusion::sql::sqlparser::ast::{
    CopyLegacyCsvOption, CopyLegacyOption, CopyOption, CopySource, CopyTarget, Query, Statement,
};
use datafusion_postgres::pgwire::api::portal::Format;
use datafusion_postgres::pgwire::api::results::{Response, Tag};
use datafusion_postgres::pgwire::error::{PgWireError, PgWireResult};
use datafusion_postgres::pgwire::messages::PgWireBackendMessage;
use datafusion_postgres::pgwire::messages::copy::{CopyData, CopyDone, CopyOutResponse};
use datafusion_postgres::pgwire::messages::data::DataRow;
use datafusion_postgres::pgwire::types::format::FormatOptions;
use futures::{Sink, SinkExt, StreamExt};

use crate::query::Failure;

use super::dialect::Dialect;
use super::results::{self, Planned};
use super::sqlstate::{error, told};

/// What every binary copy starts with: signature, flags, length of the header's extension.
const BINARY_HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
const BINARY_TRAILER: &[u8] = &(-1i16).to_be_bytes();

/// How rows are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Layout {
    kind: Kind,
    delimiter: char,
    null: String,
    quote: char,
    escape: char,
    header: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Csv,
    Binary,
}

/// The query whose rows are copied, and how; anything but a copy out is refused.
pub(super) fn read(dialect: &Dialect, statement: &Statement) -> PgWireResult<Option<(Query, Layout)>> {
    let Statement::Copy { source, to, target, options, legacy_options, .. } = statement else { return Ok(None) };
    if !to || *target != CopyTarget::Stdout {
        return Err(told(Failure {
            state: "25006",
            message: "COPY only goes TO STDOUT here, since SQL only reads".to_owned(),
            hint: Some("psql's \\copy … to writes a file".to_owned()),
            position: None,
        }));
    }
    let query = match source {
        CopySource::Query(query) => (**query).clone(),
        CopySource::Table { table_name, columns } => dialect.whole(table_name, columns)?,
    };
    Ok(Some((query, Layout::new(options, legacy_options)?)))
}

/// Sends the rows of `planned`; texts look as `options` say.
pub(super) async fn send<C>(
    client: &mut C,
    planned: Planned,
    layout: &Layout,
    options: FormatOptions,
) -> PgWireResult<Response>
where
    C: Sink<PgWireBackendMessage> + Unpin + Send,
    PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
{
    let binary = layout.kind == Kind::Binary;
    let format = if binary { Format::UnifiedBinary } else { Format::UnifiedText };
    let mut rows = results::encode(planned, &format, options)?;
    let names = rows.row_schema.iter().map(|field| field.name().to_owned()).collect::<Vec<_>>();
    let columns = i16::try_from(names.len()).map_err(|_| error("54011", "too many columns"))?;
    let code = i16::from(binary);
    let begin = CopyOutResponse::new(i8::from(binary), columns, vec![code; names.len()]);
    client.send(PgWireBackendMessage::CopyOutResponse(begin)).await?;
    let mut line = layout.head(&names);
    let mut count = 0;
    while let Some(row) = rows.data_rows.next().await {
        // Some clients expect the head of a binary copy in one message with the first row, as Postgres sends it.
        layout.push_row(&mut line, row?)?;
        client.feed(data(line.split().freeze())).await?;
        count += 1;
    }
    if binary {
        line.put_slice(BINARY_TRAILER);
    }
    if !line.is_empty() {
        client.feed(data(line.freeze())).await?;
    }
    client.feed(PgWireBackendMessage::CopyDone(CopyDone::new())).await?;
    Ok(Response::Execution(Tag::new("COPY").with_rows(count)))
}

fn data(bytes: Bytes) -> PgWireBackendMessage {
    PgWireBackendMessage::CopyData(CopyData::new(bytes))
}

impl Layout {
    fn new(options: &[CopyOption], legacy: &[CopyLegacyOption]) -> PgWireResult<Self> {
        let csv = options
            .iter()
            .any(|option| matches!(option, CopyOption::Format(name) if name.value.eq_ignore_ascii_case("csv")))
            || legacy.iter().any(|option| matches!(option, CopyLegacyOption::Csv(_)));
        let mut layout = if csv {
            Self { kind: Kind::Csv, delimiter: ',', null: String::new(), quote: '"', escape: '"', header: false }
        } else {
            Self { kind: Kind::Text, delimiter: '\t', null: "\\N".to_owned(), quote: '"', escape: '"', header: false }
        };
        for option in options {
            match option {
                CopyOption::Format(name) => match name.value.to_lowercase().as_str() {
                    "csv" | "text" => {}
                    "binary" => layout.kind = Kind::Binary,
                    other => {
                        return Err(error("22023", format!("COPY format {other:?} is not one of text, csv, binary")));
                    }
                },
                CopyOption::Delimiter(delimiter) => layout.delimiter = *delimiter,
                CopyOption::Null(null) => layout.null.clone_from(null),
                CopyOption::Header(header) => layout.header = *header,
                CopyOption::Quote(quote) => layout.quote = *quote,
                CopyOption::Escape(escape) => layout.escape = *escape,
                CopyOption::Encoding(name) if name.to_uppercase().replace('-', "") == "UTF8" => {}
                other => return Err(error("0A000", format!("COPY option {other} is not supported"))),
            }
        }
        for option in legacy {
            match option {
                CopyLegacyOption::Binary => layout.kind = Kind::Binary,
                CopyLegacyOption::Delimiter(delimiter) => layout.delimiter = *delimiter,
                CopyLegacyOption::Null(null) => layout.null.clone_from(null),
                CopyLegacyOption::Header => layout.header = true,
                CopyLegacyOption::Csv(options) => {
                    for option in options {
                        match option {
                            CopyLegacyCsvOption::Header => layout.header = true,
                            CopyLegacyCsvOption::Quote(quote) => layout.quote = *quote,
                            CopyLegacyCsvOption::Escape(escape) => layout.escape = *escape,
                            other => return Err(error("0A000", format!("COPY option {other} is not supported"))),
                        }
                    }
                }
                other => return Err(error("0A000", format!("COPY option {other} is not supported"))),
            }
        }
        Ok(layout)
    }

    fn head(&self, names: &[String]) -> BytesMut {
        match self.kind {
            Kind::Binary => BytesMut::from(BINARY_HEADER),
            _ if self.header => self.line(names.iter().map(|name| Some(name.as_str()))).as_bytes().into(),
            _ => BytesMut::new(),
        }
    }

    fn push_row(&self, bytes: &mut BytesMut, row: DataRow) -> PgWireResult<()> {
        if self.kind == Kind::Binary {
            bytes.put_i16(row.field_count);
            bytes.put_slice(&row.data);
            return Ok(());
        }
        let fields = fields(&row.data).ok_or_else(|| error("XX000", "a row is not encoded as text"))?;
        bytes.put_slice(self.line(fields.into_iter()).as_bytes());
        Ok(())
    }

    fn line<'a>(&self, fields: impl Iterator<Item = Option<&'a str>>) -> String {
        let mut line = String::new();
        for (at, field) in fields.enumerate() {
            if at > 0 {
                line.push(self.delimiter);
            }
            match field {
                None => line.push_str(&self.null),
                Some(field) if self.kind == Kind::Csv => self.push_quoted(&mut line, field),
                Some(field) => self.push_escaped(&mut line, field),
            }
        }
        line.push('\n');
        line
    }

    /// In quotes where it could be taken for something else, NULL included.
    fn push_quoted(&self, line: &mut String, field: &str) {
        let special = |c| c == self.delimiter || c == self.quote || c == '\n' || c == '\r';
        if field != self.null && !field.contains(special) && field != "\\." {
            line.push_str(field);
            return;
        }
        line.push(self.quote);
        for c in field.chars() {
            if c == self.quote || c == self.escape {
                line.push(self.escape);
            }
            line.push(c);
        }
        line.push(self.quote);
    }

    fn push_escaped(&self, line: &mut String, field: &str) {
        for c in field.chars() {
            match c {
                '\\' => line.push_str("\\\\"),
                '\n' => line.push_str("\\n"),
                '\r' => line.push_str("\\r"),
                '\t' => line.push_str("\\t"),
                c if c == self.delimiter => line.extend(['\\', c]),
                c => line.push(c),
            }
        }
    }
}

/// The fields of a row on the wire: each its length and its bytes, or -1 for NULL.
fn fields(mut data: &[u8]) -> Option<Vec<Option<&str>>> {
    let mut fields = Vec::new();
    while let Some((length, rest)) = data.split_first_chunk::<4>() {
        let length = i32::from_be_bytes(*length);
        if length < 0 {
            fields.push(None);
            data = rest;
            continue;
        }
        let (field, rest) = rest.split_at_checked(usize::try_from(length).ok()?)?;
        fields.push(Some(std::str::from_utf8(field).ok()?));
        data = rest;
    }
    Some(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(sql: &str) -> PgWireResult<Layout> {
        let dialect = Dialect::default();
        let statement = dialect.parse(sql)?.remove(0);
        Ok(read(&dialect, &statement)?.unwrap().1)
    }

    fn line(sql: &str, fields: &[Option<&str>]) -> String {
        layout(sql).unwrap().line(fields.iter().copied())
    }

    #[test]
    fn null_and_empty_are_told_apart() {
        let fields = [Some("a,\"b"), None, Some(""), Some("t\tn\n\\"), Some("x")];
        assert_eq!(line("copy t to stdout", &fields), "a,\"b\t\\N\t\tt\\tn\\n\\\\\tx\n");
        assert_eq!(line("copy t to stdout csv", &fields), "\"a,\"\"b\",,\"\",\"t\tn\n\\\",x\n");
        assert_eq!(
            line("copy t to stdout (format csv, delimiter ';', null '-')", &fields),
            "\"a,\"\"b\";-;;\"t\tn\n\\\";x\n"
        );
    }

    #[test]
    fn options_of_all_times_are_known() {
        let told = |sql: &str| layout(sql).unwrap();
        assert_eq!(told("copy t to stdout csv header"), told("copy (select 1) to stdout with (format csv, header)"));
        assert_eq!(told("copy t to stdout binary").kind, Kind::Binary);
        let refused = |sql: &str| layout(sql).unwrap_err().to_string();
        assert!(refused("copy t from stdin").contains("25006") || refused("copy t from stdin").contains("reads"));
        assert!(refused("copy t to '/etc/passwd'").contains("STDOUT"));
        assert!(refused("copy t to stdout (format parquet)").contains("parquet"));
    }
}
