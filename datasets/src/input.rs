//! Opening text that is to be imported: a file or `-` (standard input), plain, gzip or zstd.
//!
//! Compression is told by the first bytes, not by the name, so that a pipe works like a file. A byte order mark in front is
//! skipped, and an encoding that is not UTF-8 is named (I14). Not here: formats, marks further on.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use engine::event::encoding::{MARK, foreign};
use flate2::bufread::MultiGzDecoder;

use crate::error::DatasetError;

/// Bytes read at a time.
const BUFFER_BYTES: usize = 256 * 1024;

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// Decompressed bytes, and what to call them in messages.
pub(crate) struct Input {
    pub(crate) name: String,
    pub(crate) bytes: Box<dyn BufRead + Send>,
}

/// Opens `path`, or standard input if it is `-`.
pub(crate) fn open(path: &Path) -> Result<Input, DatasetError> {
    if path == Path::new("-") {
        return decompressed("standard input".to_owned(), io::stdin());
    }
    let name = path.display().to_string();
    let file = File::open(path).map_err(DatasetError::io(&name))?;
    decompressed(name, file)
}

/// Reads `source`, decompressed if its first bytes say so.
pub(crate) fn decompressed(name: String, source: impl Read + Send + 'static) -> Result<Input, DatasetError> {
    let mut raw = BufReader::with_capacity(BUFFER_BYTES, source);
    let mut magic = [0; ZSTD_MAGIC.len()];
    let length = fill(&mut raw, &mut magic).map_err(DatasetError::io(&name))?;
    let whole = BufReader::with_capacity(BUFFER_BYTES, io::Cursor::new(magic).take(length as u64).chain(raw));
    let bytes: Box<dyn BufRead + Send> = if magic[..length].starts_with(&GZIP_MAGIC) {
        Box::new(BufReader::with_capacity(BUFFER_BYTES, MultiGzDecoder::new(whole)))
    } else if magic == ZSTD_MAGIC {
        let decoder = zstd::Decoder::with_buffer(whole).map_err(DatasetError::io(&name))?;
        Box::new(BufReader::with_capacity(BUFFER_BYTES, decoder))
    } else {
        Box::new(whole)
    };
    utf8(name, bytes)
}

/// The text behind its byte order mark, if it is UTF-8.
fn utf8(name: String, mut bytes: Box<dyn BufRead + Send>) -> Result<Input, DatasetError> {
    let mut first = [0; 4];
    let length = fill(&mut bytes, &mut first).map_err(DatasetError::io(&name))?;
    let first = &first[..length];
    if let Some(encoding) = foreign(first) {
        return Err(DatasetError::Encoding { file: name, encoding });
    }
    let behind = first.strip_prefix(MARK).unwrap_or(first).to_vec();
    Ok(Input { name, bytes: Box::new(io::Cursor::new(behind).chain(bytes)) })
}

/// Reads until `buffer` is full or the source ends; a pipe may give fewer bytes than asked for.
fn fill(source: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut length = 0;
    while length < buffer.len() {
        match source.read(&mut buffer[length..]) {
            Ok(0) => break,
            Ok(read) => length += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(length)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn check(bytes: Vec<u8>, expect: Result<&str, io::ErrorKind>) {
        let mut text = String::new();
        let got = match decompressed("test".into(), io::Cursor::new(bytes)) {
            Ok(mut input) => input.bytes.read_to_string(&mut text).map_err(|e| e.kind()),
            Err(DatasetError::Io { source, .. }) => Err(source.kind()),
            Err(error) => panic!("{error}"),
        };
        assert_eq!(got.map(|_| text.as_str()), expect);
    }

    fn gzip(text: &str) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn compression_is_told_by_the_first_bytes() {
        check(b"a,b\n".to_vec(), Ok("a,b\n"));
        check(b"a".to_vec(), Ok("a"));
        check(Vec::new(), Ok(""));
        check(gzip("a,b\n"), Ok("a,b\n"));
        check([gzip("a,"), gzip("b\n")].concat(), Ok("a,b\n"));
        check(zstd::encode_all(&b"a,b\n"[..], 1).unwrap(), Ok("a,b\n"));
        check("\u{feff}a,b\n".into(), Ok("a,b\n"));
        check(gzip("\u{feff}a"), Ok("a"));
        check("\u{feff}".into(), Ok(""));
        let whole = gzip("a,b\n");
        check(whole[..whole.len() - 6].to_vec(), Err(io::ErrorKind::UnexpectedEof));
    }

    #[test]
    fn another_encoding_is_named() {
        let wide: Vec<u8> = "\u{feff}a,b\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
        for bytes in [wide.clone(), zstd::encode_all(wide.as_slice(), 1).unwrap()] {
            let error = decompressed("x.csv".into(), io::Cursor::new(bytes)).err().unwrap().to_string();
            assert!(error.contains("x.csv: the text is UTF-16LE; convert it to UTF-8"), "{error}");
        }
    }
}
