//! Lines of text, however they end: LF, CRLF, or CR alone.
//!
//! Not here: what a line holds, where a record of several lines ends.

use std::io::{self, BufRead};

/// Appends the next line with its end to `line`, at most `bytes_max` bytes of it; how many were appended, 0 at the end.
pub(crate) fn read_line(input: &mut impl BufRead, bytes_max: usize, line: &mut Vec<u8>) -> io::Result<usize> {
    let mut appended = 0;
    loop {
        let buffer = available(input)?;
        let window = &buffer[..buffer.len().min(bytes_max - appended)];
        if window.is_empty() {
            return Ok(appended);
        }
        let end = memchr::memchr2(b'\n', b'\r', window);
        let length = end.map_or(window.len(), |at| at + 1);
        let carriage = end.is_some_and(|at| window[at] == b'\r');
        line.extend_from_slice(&window[..length]);
        input.consume(length);
        appended += length;
        if carriage && available(input)?.first() == Some(&b'\n') {
            line.push(b'\n');
            input.consume(1);
            appended += 1;
        }
        if end.is_some() {
            return Ok(appended);
        }
    }
}

/// What is read next, empty at the end.
fn available(input: &mut impl BufRead) -> io::Result<&[u8]> {
    loop {
        match input.fill_buf() {
            Ok([]) => return Ok(&[]),
            // Asked again below, where it is there: the borrow would last as long as this loop.
            Ok(_) => break,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    input.fill_buf()
}

/// `line` without its end.
pub(crate) fn without_end(line: &[u8]) -> &[u8] {
    match line {
        [body @ .., b'\r', b'\n'] | [body @ .., b'\n' | b'\r'] => body,
        body => body,
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use super::*;

    fn check(text: &[u8], bytes_max: usize, expect: &[&[u8]]) {
        for capacity in [1, 2, 100] {
            let mut input = BufReader::with_capacity(capacity, text);
            let mut got = Vec::new();
            loop {
                let mut line = Vec::new();
                let appended = read_line(&mut input, bytes_max, &mut line).unwrap();
                assert_eq!(appended, line.len());
                if appended == 0 {
                    break;
                }
                got.push(line);
            }
            assert_eq!(got, expect, "{}", String::from_utf8_lossy(text));
        }
    }

    #[test]
    fn lines_end_in_any_of_three_ways() {
        check(b"", 100, &[]);
        check(b"a\nb\r\nc\rd", 100, &[b"a\n", b"b\r\n", b"c\r", b"d"]);
        check(b"\r\r\n\n\r", 100, &[b"\r", b"\r\n", b"\n", b"\r"]);
        check(b"abc\nd", 2, &[b"ab", b"c\n", b"d"]);
        assert_eq!(without_end(b"a\r\n"), b"a");
        assert_eq!([without_end(b"a\r"), without_end(b"a\n"), without_end(b"a")], [b"a"; 3]);
    }
}
