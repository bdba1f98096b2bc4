//! Parameters that the library can't read: what drivers send as `uuid`, `json` and `jsonb`, alone and in arrays, and arrays of
//! dates and times become the text that Postgres would show, in both formats, since that is what casts read; and an
//! `interval` in words gets those that the library knows. Texts, alone and in arrays, are taken literally, which the library
//! does of binary ones only.
//!
//! Not here: casts to these types ([`super::dialect`]), which also gives a declared array of times its type back.

use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use datafusion_postgres::pgwire::api::Type;
use datafusion_postgres::pgwire::api::portal::Portal;
use datafusion_postgres::pgwire::api::stmt::StoredStatement;
use datafusion_postgres::pgwire::error::{PgWireError, PgWireResult};
use datafusion_postgres::pgwire::messages::extendedquery::Bind;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::{sqlstate, told};

/// What `jsonb` begins with in binary.
pub(super) const JSONB_VERSION: u8 = 1;
/// Bytes of a number in binary.
const WORD: usize = 4;
/// Of an interval, as JDBC writes it, and as the library reads it.
const UNITS: [(&str, &str); 4] = [("mins", "minutes"), ("min", "minute"), ("secs", "seconds"), ("sec", "second")];
/// After which digits of a UUID a hyphen stands.
const HYPHENS: [usize; 4] = [8, 12, 16, 20];

/// Days and microseconds are counted from the year 2000, which is so many seconds after 1970.
const EPOCH: Timestamp = Timestamp::constant(946_684_800, 0);

/// The portal that `bind` opens on `statement`, whose parameters are described as `wire`; a client sends what it was told
/// where it has not declared a type.
pub(super) fn bind<S: Clone>(
    mut bind: Bind,
    statement: Arc<StoredStatement<S>>,
    wire: &[Type],
) -> PgWireResult<Portal<S>> {
    // The library would look for the format of each.
    let (formats, values) = (bind.parameter_format_codes.len(), bind.parameters.len());
    if formats > 1 && formats != values {
        return Err(sqlstate::error("08P01", format!("{formats} formats for {values} parameters")));
    }
    let mut types = statement.parameter_types.clone();
    types.resize(types.len().max(wire.len()), None);
    for (kind, told) in types.iter_mut().zip(wire).filter(|(_, told)| text_of(told).is_some()) {
        kind.get_or_insert_with(|| told.clone());
    }
    let binary = Portal::try_new(&bind, Arc::clone(&statement))?.parameter_format;
    let mut codes = Vec::with_capacity(values);
    for (at, value) in bind.parameters.iter_mut().enumerate() {
        let mut is_binary = binary.is_binary(at);
        let mut none = None;
        let declared = statement.parameter_types.get(at).is_some_and(Option::is_some);
        let kind = types.get_mut(at).unwrap_or(&mut none);
        if let Some(told) = kind.clone()
            && let Some((element, text)) = text_of(&told)
        {
            if let Some(bytes) = value.as_ref() {
                let converted = match (is_binary, text == Type::TEXT) {
                    (true, true) => one(&element, bytes),
                    (true, false) => array(&element, bytes),
                    // What the client did not call so is left to the cast, which tells what is wrong with it.
                    (false, _) if element == Type::UUID => uuids(bytes).or_else(|| (!declared).then(|| bytes.clone())),
                    (false, _) if [Type::TIMESTAMPTZ, Type::TIMESTAMP].contains(&element) => times(bytes),
                    (false, _) => Some(bytes.clone()),
                };
                *value = Some(converted.ok_or_else(|| malformed(&told))?);
            }
            *kind = Some(text);
        }
        *kind = kind.take().map(told::read_as);
        // What a text is read as, if that is known.
        let read = kind.as_ref().or_else(|| wire.get(at).filter(|told| **told != Type::UNKNOWN));
        if let (Some(bytes), false) = (value.as_ref(), is_binary) {
            *value = Some(match read {
                Some(&Type::INTERVAL) => interval(bytes.clone()),
                // The bytes of a text are the same in both formats, and in binary the library leaves them alone.
                Some(&(Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::NAME)) => {
                    is_binary = true;
                    bytes.clone()
                }
                Some(kind @ &(Type::TEXT_ARRAY | Type::VARCHAR_ARRAY)) => {
                    is_binary = true;
                    elements(bytes).ok_or_else(|| malformed(kind))?
                }
                // It makes one quote of two.
                _ => doubled(bytes),
            });
        }
        codes.push(i16::from(is_binary));
    }
    bind.parameter_format_codes = codes;
    let statement = StoredStatement::new(statement.id.clone(), statement.statement.clone(), types);
    Portal::try_new(&bind, Arc::new(statement))
}

fn doubled(bytes: &Bytes) -> Bytes {
    if !bytes.contains(&b'\'') {
        return bytes.clone();
    }
    let twice = bytes.iter().flat_map(|&byte| std::iter::repeat_n(byte, if byte == b'\'' { 2 } else { 1 }));
    Bytes::from(twice.collect::<Vec<_>>())
}

/// The elements of an array of texts. Only what stands without quotes is NULL, and what stands in quotes is as it is.
pub(super) fn listed(text: &str) -> Option<Vec<Option<String>>> {
    let mut rest = text.trim().strip_prefix('{')?.strip_suffix('}')?.chars().peekable();
    let mut found: Vec<Option<String>> = Vec::new();
    while rest.next_if(char::is_ascii_whitespace).is_some() {}
    while rest.peek().is_some() {
        // How much of an element is to stay as it is, blanks included.
        let (mut element, mut kept, mut quoted, mut open) = (String::new(), 0, false, false);
        loop {
            match rest.next() {
                None if open => return None,
                None => break,
                Some('\\') => {
                    element.push(rest.next()?);
                    (kept, quoted) = (element.len(), true);
                }
                Some('"') => {
                    open = !open;
                    (kept, quoted) = (element.len(), true);
                }
                Some(c) if open => element.push(c),
                Some(',') => {
                    // Another one must follow.
                    rest.peek()?;
                    break;
                }
                // An array in an array is no list of texts.
                Some('{' | '}') => return None,
                Some(c) if element.is_empty() && !quoted && c.is_ascii_whitespace() => {}
                Some(c) => element.push(c),
            }
        }
        element.truncate(kept.max(element.trim_ascii_end().len()));
        if !quoted && element.is_empty() {
            return None;
        }
        let is_null = !quoted && element.eq_ignore_ascii_case("null");
        found.push((!is_null).then_some(element));
    }
    Some(found)
}

/// An array of texts as it is in binary.
fn elements(text: &[u8]) -> Option<Bytes> {
    let found = listed(str::from_utf8(text).ok()?)?;
    let mut made = BytesMut::with_capacity(text.len() + 5 * WORD);
    made.put_i32(i32::from(!found.is_empty()));
    made.put_i32(i32::from(found.iter().any(Option::is_none)));
    made.put_u32(Type::TEXT.oid());
    if !found.is_empty() {
        made.put_i32(i32::try_from(found.len()).ok()?);
        made.put_i32(1);
    }
    for element in found {
        match element {
            None => made.put_i32(-1),
            Some(element) => {
                made.put_i32(i32::try_from(element.len()).ok()?);
                made.put_slice(element.as_bytes());
            }
        }
    }
    Some(made.freeze())
}

/// The type of an element, and what takes the place of `kind`.
fn text_of(kind: &Type) -> Option<(Type, Type)> {
    match *kind {
        Type::UUID | Type::JSON | Type::JSONB => Some((kind.clone(), Type::TEXT)),
        Type::UUID_ARRAY => Some((Type::UUID, Type::TEXT_ARRAY)),
        Type::JSON_ARRAY => Some((Type::JSON, Type::TEXT_ARRAY)),
        Type::JSONB_ARRAY => Some((Type::JSONB, Type::TEXT_ARRAY)),
        Type::TIMESTAMPTZ_ARRAY => Some((Type::TIMESTAMPTZ, Type::TEXT_ARRAY)),
        Type::TIMESTAMP_ARRAY => Some((Type::TIMESTAMP, Type::TEXT_ARRAY)),
        Type::DATE_ARRAY => Some((Type::DATE, Type::TEXT_ARRAY)),
        _ => None,
    }
}

/// A UUID in the one spelling that is compared.
pub(super) fn uuid(number: u128) -> String {
    let mut digits = format!("{number:032x}");
    HYPHENS.iter().rev().for_each(|at| digits.insert(*at, '-'));
    digits
}

/// A UUID in any spelling: with hyphens or without, in braces or not.
pub(super) fn uuid_number(text: &str) -> Option<u128> {
    let text = text.trim_ascii();
    let text = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap_or(text);
    let digits = text.replace('-', "");
    let all_are = digits.len() == 2 * size_of::<u128>() && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    u128::from_str_radix(&digits, 16).ok().filter(|_| all_are)
}

/// UUIDs as text, one or an array of them, in the one spelling that is compared: drivers leave out hyphens.
fn uuids(text: &[u8]) -> Option<Bytes> {
    let text = str::from_utf8(text).ok()?.trim();
    let spelled = |text: &str| uuid_number(text).map(uuid);
    let Some(elements) = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) else {
        return spelled(text).map(Bytes::from);
    };
    let spelled = |element: &str| match element.trim_matches('"') {
        null if null.eq_ignore_ascii_case("null") => Some(null.to_owned()),
        text => spelled(text),
    };
    let elements = elements.split(',').filter(|element| !element.is_empty()).map(spelled);
    Some(Bytes::from(format!("{{{}}}", elements.collect::<Option<Vec<_>>>()?.join(","))))
}

/// An array of times, with the seconds that Java leaves out when there are none, and DataFusion wants.
fn times(text: &[u8]) -> Option<Bytes> {
    let spelled = |element: &str| {
        let bare = element.trim_matches(|c: char| "{}\"".contains(c));
        let time = bare.split_once(['T', ' ']).map_or("", |(_, time)| time);
        let clock = time.split(['Z', '+', '-', ' ']).next().unwrap_or_default();
        match clock.matches(':').count() {
            1 => element.replacen(clock, &format!("{clock}:00"), 1),
            _ => element.to_owned(),
        }
    };
    Some(Bytes::from(str::from_utf8(text).ok()?.split(',').map(spelled).collect::<Vec<_>>().join(",")))
}

fn interval(text: Bytes) -> Bytes {
    let Ok(words) = str::from_utf8(&text) else { return text };
    let known =
        words.split(' ').map(|word| UNITS.iter().find(|(unit, _)| *unit == word).map_or(word, |(_, known)| known));
    Bytes::from(known.collect::<Vec<_>>().join(" "))
}

fn one(kind: &Type, bytes: &[u8]) -> Option<Bytes> {
    match *kind {
        Type::UUID => {
            let bytes = <[u8; 16]>::try_from(bytes).ok()?;
            Some(Bytes::from(uuid(u128::from_be_bytes(bytes))))
        }
        Type::JSONB => match bytes {
            [JSONB_VERSION, text @ ..] => Some(Bytes::copy_from_slice(text)),
            _ => None,
        },
        // What is infinite or out of reach of the calendar is none.
        Type::TIMESTAMPTZ | Type::TIMESTAMP => {
            let after = SignedDuration::from_micros(i64::from_be_bytes(bytes.try_into().ok()?));
            let time = EPOCH.checked_add(after).ok()?;
            let told = if *kind == Type::TIMESTAMPTZ { time.to_string() } else { civil(time).to_string() };
            Some(Bytes::from(told))
        }
        Type::DATE => {
            let after = SignedDuration::from_hours(24 * i64::from(i32::from_be_bytes(bytes.try_into().ok()?)));
            Some(Bytes::from(civil(EPOCH.checked_add(after).ok()?).date().to_string()))
        }
        _ => Some(Bytes::copy_from_slice(bytes)),
    }
}

fn civil(time: Timestamp) -> DateTime {
    TimeZone::UTC.to_datetime(time)
}

/// Dimensions, whether there are nulls, type of the elements; for each dimension its length and first index; then each
/// element with its length, -1 for null.
fn array(element: &Type, bytes: &[u8]) -> Option<Bytes> {
    let mut rest = bytes;
    let mut made = BytesMut::with_capacity(bytes.len());
    let dimensions = usize::try_from(word(&mut rest)?).ok()?;
    made.put_i32(i32::try_from(dimensions).ok()?);
    made.put_i32(word(&mut rest)?);
    word(&mut rest)?;
    made.put_u32(Type::TEXT.oid());
    made.put_slice(rest.split_off(..dimensions.checked_mul(2 * WORD)?)?);
    while !rest.is_empty() {
        let length = word(&mut rest)?;
        if length < 0 {
            made.put_i32(length);
            continue;
        }
        let text = one(element, rest.split_off(..usize::try_from(length).ok()?)?)?;
        made.put_i32(i32::try_from(text.len()).ok()?);
        made.put_slice(&text);
    }
    Some(made.freeze())
}

fn word(rest: &mut &[u8]) -> Option<i32> {
    Some(i32::from_be_bytes(*rest.split_off(..WORD)?.as_array()?))
}

fn malformed(kind: &Type) -> PgWireError {
    sqlstate::error("22P03", format!("a parameter is no {}", kind.name()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_portal_gets_texts_and_has_a_format_for_each() {
        let types = vec![Some(Type::JSONB), Some(Type::INT4)];
        let statement = Arc::new(StoredStatement::new("s".to_owned(), (), types));
        let sent = |formats: &[i16]| {
            let values = vec![Some(Bytes::from_static(b"\x01{}")), None];
            Bind::new(None, None, formats.to_vec(), values, Vec::new())
        };
        let portal = bind(sent(&[1]), Arc::clone(&statement), &[]).unwrap();
        assert_eq!(portal.statement.parameter_types, [Some(Type::TEXT), Some(Type::INT4)]);
        assert_eq!(portal.parameters[0].as_deref(), Some(&b"{}"[..]));
        assert!(bind(sent(&[1, 1, 1]), statement, &[]).is_err());
        // What was not declared is what it was described as.
        let statement = Arc::new(StoredStatement::new("s".to_owned(), (), vec![None]));
        let portal = bind(sent(&[1]), statement, &[Type::JSONB, Type::INT4]).unwrap();
        assert_eq!(portal.statement.parameter_types, [Some(Type::TEXT), None]);
        // A text that is none is left to the cast if the client said nothing of it.
        let told = |kind: Option<Type>| {
            let statement = Arc::new(StoredStatement::new("s".to_owned(), (), vec![kind]));
            let values = vec![Some(Bytes::from_static(b"5-5"))];
            bind(Bind::new(None, None, Vec::new(), values, Vec::new()), statement, &[Type::UUID])
        };
        assert_eq!(told(None).unwrap().parameters[0].as_deref(), Some(&b"5-5"[..]));
        assert!(told(Some(Type::UUID)).is_err());
    }

    #[test]
    fn texts_are_taken_literally() {
        let sent = |kind: Option<Type>, text: &'static str| {
            let statement = Arc::new(StoredStatement::new("s".to_owned(), (), vec![kind]));
            let values = vec![Some(Bytes::from_static(text.as_bytes()))];
            bind(Bind::new(None, None, Vec::new(), values, Vec::new()), statement, &[Type::UNKNOWN]).unwrap()
        };
        for text in ["a''b", "''''", "it's", r"\'", ""] {
            for kind in [Type::TEXT, Type::VARCHAR, Type::BPCHAR, Type::NAME, Type::UNKNOWN, Type::JSON] {
                let got = sent(Some(kind.clone()), text).parameter::<String>(0, &Type::TEXT).unwrap();
                assert_eq!(got.as_deref(), Some(text), "{kind}");
            }
            assert_eq!(sent(None, text).parameter::<String>(0, &Type::UNKNOWN).unwrap().as_deref(), Some(text));
        }
        assert_eq!(sent(Some(Type::INT8), "5").parameter::<i64>(0, &Type::INT8).unwrap(), Some(5));
    }

    #[test]
    fn arrays_of_texts_are_taken_literally() {
        let check = |text: &'static str, expect: Option<&[Option<&str>]>| {
            let statement = Arc::new(StoredStatement::new("s".to_owned(), (), vec![Some(Type::TEXT_ARRAY)]));
            let values = vec![Some(Bytes::from_static(text.as_bytes()))];
            let portal = bind(Bind::new(None, None, Vec::new(), values, Vec::new()), statement, &[]);
            let got =
                portal.map(|portal| portal.parameter::<Vec<Option<String>>>(0, &Type::TEXT_ARRAY).unwrap().unwrap());
            let expect = expect.map(|all| all.iter().map(|one| one.map(str::to_owned)).collect::<Vec<_>>());
            assert_eq!(got.ok(), expect, "{text}");
        };
        check("{}", Some(&[]));
        let quoted = r#"{a''b,"x,'y''",NULL,"NULL",""}"#;
        check(quoted, Some(&[Some("a''b"), Some("x,'y''"), None, Some("NULL"), Some("")]));
        check(r#"{ a b , "c\\d\"e" ,\"}"#, Some(&[Some("a b"), Some("c\\d\"e"), Some("\"")]));
        for wrong in ["", "a", "{a,}", "{,a}", "{{a}}", "{\"a}"] {
            check(wrong, None);
        }
    }

    #[test]
    fn times_have_seconds() {
        let sent = r#"{"2026-11-23T11:30Z",2026-11-23 11:31+02:00,NULL,"2026-11-23 11:32:05.5",2026-11-23}"#;
        let expect = r#"{"2026-11-23T11:30:00Z",2026-11-23 11:31:00+02:00,NULL,"2026-11-23 11:32:05.5",2026-11-23}"#;
        assert_eq!(times(sent.as_bytes()).as_deref(), Some(expect.as_bytes()));
        assert_eq!(times(b"{}").as_deref(), Some(&b"{}"[..]));
    }

    #[test]
    fn times_become_text() {
        let check = |kind: Type, bytes: &[u8], expect: Option<&str>| {
            assert_eq!(one(&kind, bytes).as_deref(), expect.map(str::as_bytes), "{kind}");
        };
        let time = 820_724_645_678_901i64.to_be_bytes();
        check(Type::TIMESTAMPTZ, &time, Some("2026-01-03T03:04:05.678901Z"));
        check(Type::TIMESTAMP, &time, Some("2026-01-03T03:04:05.678901"));
        check(Type::DATE, &(-1i32).to_be_bytes(), Some("1999-12-31"));
        check(Type::TIMESTAMPTZ, &i64::MAX.to_be_bytes(), None);
        check(Type::DATE, &i32::MAX.to_be_bytes(), None);
        check(Type::DATE, &[0; 8], None);
    }

    #[test]
    fn elements_become_text() {
        let uuid = one(&Type::UUID, &(0..16).collect::<Vec<u8>>()).unwrap();
        assert_eq!(uuid, "00010203-0405-0607-0809-0a0b0c0d0e0f");
        assert_eq!(one(&Type::JSONB, b"\x01{}").unwrap(), "{}");
        assert_eq!(one(&Type::JSON, b"{}").unwrap(), "{}");
        for (kind, bytes) in [(Type::UUID, &[0; 15][..]), (Type::JSONB, b"\x02{}"), (Type::JSONB, b"")] {
            assert_eq!(one(&kind, bytes), None, "{kind} {bytes:?}");
        }
    }

    #[test]
    fn uuids_have_one_spelling() {
        let check = |text: &str, expect: Option<&str>| {
            assert_eq!(uuids(text.as_bytes()).as_deref(), expect.map(str::as_bytes), "{text}");
        };
        let five = "00000000-0000-0000-0000-000000000005";
        check(five, Some(five));
        check("00000000000000000000000000000005", Some(five));
        check(&format!("{{{five},NULL,\"{five}\"}}"), Some(&format!("{{{five},NULL,{five}}}")));
        check("{}", Some("{}"));
        check("5", None);
        check("{x}", None);
    }

    #[test]
    fn intervals_get_the_words_that_are_known() {
        let sent = Bytes::from("0 years 1 mons 2 days 3 hours 4 mins 5.5 secs");
        assert_eq!(interval(sent), "0 years 1 mons 2 days 3 hours 4 minutes 5.5 seconds");
    }

    #[test]
    fn arrays_become_arrays_of_text() {
        let words = |words: &[i32]| words.iter().flat_map(|word| word.to_be_bytes()).collect::<Vec<_>>();
        let of = |oid: u32| words(&[1, 1, oid as i32, 2, 1]);
        let sent = [of(Type::JSONB.oid()), words(&[3]), b"\x01{}".to_vec(), words(&[-1])].concat();
        let expect = [of(Type::TEXT.oid()), words(&[2]), b"{}".to_vec(), words(&[-1])].concat();
        assert_eq!(array(&Type::JSONB, &sent).unwrap(), expect);
        for cut in 0..sent.len() {
            // What is cut between elements is no array of that length; the library says so.
            let whole = [20, 27].contains(&cut);
            assert_eq!(array(&Type::JSONB, &sent[..cut]).is_some(), whole, "{cut}");
        }
        assert_eq!(array(&Type::JSONB, &words(&[i32::MAX, 0, 0])), None);
        assert_eq!(array(&Type::JSONB, &words(&[-1, 0, 0])), None);
    }
}
