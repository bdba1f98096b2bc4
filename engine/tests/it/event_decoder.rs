//! What the JSON door makes of bodies, good and bad.

use engine::admission::Reason;
use engine::event::cloudevents::{Context, DecodeError, Decoded, Decoder, Form, Limits};
use engine::event::json::data_json;

const DAY_US: i64 = 86_400_000_000;
const NOW_US: i64 = 20_000 * DAY_US;

const TENANT: Context<'static> = Context {
    tenant: Some("acme"),
    platform: false,
    now_us: NOW_US,
    past_max_us: Some(DAY_US),
    future_max_us: 60_000_000,
};
const PLATFORM: Context<'static> = Context { tenant: None, platform: true, ..TENANT };

fn decode(body: &str, form: Form, context: &Context<'_>) -> Result<Decoded, DecodeError> {
    Decoder::new(Limits::default()).decode(body.as_bytes(), form, context)
}

/// An event with the required attributes and `more`.
fn event(more: &str) -> String {
    format!(r#"{{"specversion":"1.0","id":"1","source":"/s","type":"t"{more}}}"#)
}

fn check(event: &str, context: &Context<'_>, expect: Result<(), (Reason, &str)>) {
    let decoded = decode(&format!("[{event}]"), Form::Batch, context).unwrap();
    let got = decoded.rejected.first().map(|rejected| (rejected.rejection.reason, &*rejected.rejection.field));
    assert_eq!(got, expect.err(), "{event}: {:?}", decoded.rejected);
    assert_eq!(decoded.batch.len(), usize::from(expect.is_ok()), "{event}");
}

#[test]
fn attributes_are_those_of_a_cloud_event_or_the_event_is_refused() {
    let ok = Ok(());
    let invalid = |field| Err((Reason::InvalidAttribute, field));
    let missing = |field| Err((Reason::MissingAttribute, field));
    check(&event(""), &TENANT, ok);
    check(r#"{"id":"1","source":"/s","type":"t"}"#, &TENANT, missing("specversion"));
    check(r#"{"specversion":"1.0","source":"/s","type":"t"}"#, &TENANT, missing("id"));
    check(r#"{"specversion":"1.0","id":null,"source":"/s","type":"t"}"#, &TENANT, missing("id"));
    check(r#"{"specversion":"1.0","id":"","source":"/s","type":"t"}"#, &TENANT, invalid("id"));
    check(r#"{"specversion":"1.0","id":7,"source":"/s","type":"t"}"#, &TENANT, invalid("id"));
    check(r#"{"specversion":"0.3","id":"1","source":"/s","type":"t"}"#, &TENANT, invalid("specversion"));
    check(&event(r#","subject":null,"time":null,"dataschema":null"#), &TENANT, ok);
    check(&event(r#","subject":3"#), &TENANT, invalid("subject"));
    check(&event(r#","time":"yesterday""#), &TENANT, invalid("time"));
    check(&event(r#","traceparent":"00-1","sampled":true,"n":3"#), &TENANT, ok);
    check(&event(r#","traceParent":"00-1""#), &TENANT, invalid("traceParent"));
    check(&event(r#","trace":{}"#), &TENANT, invalid("trace"));
    check(&event(r#","data_base64":"AAE=""#), &TENANT, ok);
    check(&event(r#","data_base64":"AAE""#), &TENANT, invalid("data_base64"));
    check(&event(r#","data":1,"data_base64":"AAE=""#), &TENANT, invalid("data_base64"));
    check(&event(&format!(r#","subject":"{}""#, "x".repeat(1025))), &TENANT, invalid("subject"));
    check(&event(r#","subject":"a\u0007""#), &TENANT, invalid("subject"));
    check(&event(r#","note":"\uffff""#), &TENANT, invalid("note"));
    check(r#"{"specversion":"1.0","id":"a\u0085","source":"/s","type":"t"}"#, &TENANT, invalid("id"));
    check(r#"{"specversion":"1.0","id":"1","source":"/a b","type":"t"}"#, &TENANT, invalid("source"));
    check(r#"{"specversion":"1.0","id":"1","source":"/a%2","type":"t"}"#, &TENANT, invalid("source"));
    check(&event(r#","n":2147483647"#), &TENANT, ok);
    check(&event(r#","n":2147483648"#), &TENANT, invalid("n"));
    check(&event(r#","n":1.0"#), &TENANT, invalid("n"));
    check(&event(r#","dataschema":"/relative""#), &TENANT, invalid("dataschema"));
    check(&event(r#","datacontenttype":"text/plain; charset=\"utf-8\"""#), &TENANT, ok);
}

#[test]
fn marks_and_line_ends_of_every_kind_are_no_part_of_events() {
    let (a, mark) = (event(""), '\u{feff}');
    for end in ["\n", "\r\n", "\r"] {
        let body = format!("{mark}{a}{end}{end}{mark} {a}{end}{mark}{end}nonsense{end}{a}");
        let decoded = decode(&body, Form::Ndjson, &TENANT).unwrap();
        assert_eq!((decoded.index.as_slice(), decoded.rejected[0].index), ([0, 1, 3].as_slice(), 2), "{end:?}");
    }
    assert_eq!(decode(&format!("{mark}[{a}]"), Form::Batch, &TENANT).unwrap().batch.len(), 1);
    assert_eq!(decode(&format!(" {mark}\r\n{a}"), Form::Single, &TENANT).unwrap().batch.len(), 1);
    for (form, body) in [(Form::Single, &a), (Form::Ndjson, &a), (Form::Batch, &format!("[{a}]"))] {
        let wide: Vec<u8> = body.encode_utf16().flat_map(u16::to_be_bytes).collect();
        let error = Decoder::new(Limits::default()).decode(&wide, form, &TENANT).unwrap_err();
        assert!(error.to_string().contains("UTF-16BE"), "{error}");
    }
}

#[test]
fn an_epoch_of_another_unit_is_named() {
    let context = Context { now_us: 1_790_000_000_000_000, ..TENANT };
    let decoded = decode(&event(r#","time":"1970-01-21T17:13:20Z""#), Form::Single, &context).unwrap();
    let rejection = &decoded.rejected[0].rejection;
    assert_eq!(rejection.reason, Reason::TooOld);
    assert!(rejection.detail.contains("2026-09-21T14:13:20Z if seconds were taken for milliseconds"), "{rejection:?}");
}

#[test]
fn the_credential_decides_the_tenant() {
    check(&event(r#","tenant":"acme""#), &TENANT, Ok(()));
    check(&event(r#","tenant":"globex""#), &TENANT, Err((Reason::TenantMismatch, "tenant")));
    check(&event(r#","tenant":"globex""#), &PLATFORM, Ok(()));
    check(&event(""), &PLATFORM, Err((Reason::MissingAttribute, "tenant")));
    let nobody = Context { platform: false, ..PLATFORM };
    check(&event(r#","tenant":"globex""#), &nobody, Err((Reason::TenantMismatch, "tenant")));
}

#[test]
fn times_beyond_the_horizon_are_refused() {
    let at = |time_us| {
        let time = jiff::Timestamp::from_microsecond(time_us).unwrap();
        event(&format!(r#","time":"{time}""#))
    };
    check(&at(NOW_US - DAY_US), &TENANT, Ok(()));
    check(&at(NOW_US - DAY_US - 1), &TENANT, Err((Reason::TooOld, "time")));
    check(&at(NOW_US + 60_000_000), &TENANT, Ok(()));
    check(&at(NOW_US + 60_000_001), &TENANT, Err((Reason::TooNew, "time")));
    check(&at(0), &Context { past_max_us: None, ..TENANT }, Ok(()));
}

#[test]
fn what_is_no_json_is_refused_alone() {
    let malformed = |field| Err((Reason::Malformed, field));
    check("7", &TENANT, malformed(""));
    check(&event(r#","data":{"a":01}"#), &TENANT, malformed(""));
    check(&event(r#","data":{"a":1,"a":2}"#), &TENANT, malformed("data"));
    check(&event(r#","data":{"a":{"b":1},"a":{"c":1}}"#), &TENANT, malformed("data"));
    check(&event(r#","data":{"a":[{"b":"\ud800"}]}"#), &TENANT, malformed("data"));
    check(&event(r#","data":{"a":"\ud800"}"#), &TENANT, malformed("data"));
    check(&event(r#","id":"2""#), &TENANT, malformed(""));
    check(&event(r#","x":"1","x":"2""#), &TENANT, malformed(""));
    check(&format!("{} true", event("")), &TENANT, malformed(""));
    check(&event(",\"data\":\"\n\""), &TENANT, malformed(""));
    let nested = |levels: usize| event(&format!(r#","data":{}1{}"#, "[".repeat(levels), "]".repeat(levels)));
    check(&nested(63), &TENANT, Ok(()));
    check(&nested(64), &TENANT, malformed(""));
    check(&nested(100_000), &TENANT, malformed(""));
    let twenty: Vec<String> = (0..20).map(|n| format!(r#""m{}":1"#, n % 19)).collect();
    check(&event(&format!(r#","data":{{{}}}"#, twenty.join(","))), &TENANT, malformed("data"));
}

#[test]
fn large_events_and_members_that_grow_are_refused() {
    let text = |bytes: usize| event(&format!(r#","data":"{}""#, "x".repeat(bytes)));
    let around = text(0).len();
    check(&text((256 << 10) - around), &TENANT, Ok(()));
    check(&text((256 << 10) - around + 1), &TENANT, Err((Reason::TooLarge, "")));
    let members: Vec<String> = (0..1000).map(|n| format!(r#""{n}":[]"#)).collect();
    let inside = format!(r#","data":{{"{}":{{{}}}}}"#, "x".repeat(250), members.join(","));
    check(&event(&inside), &TENANT, Err((Reason::TooLarge, "data")));
}

#[test]
fn a_malformed_element_leaves_its_neighbours_and_their_index() {
    let body =
        format!(r#" [ {a}, {{"id":"x","a":}} , {a}, nonsense, {b} ] "#, a = event(""), b = event(r#","tenant":"b""#));
    let decoded = decode(&body, Form::Batch, &TENANT).unwrap();
    assert_eq!(decoded.index, [0, 2]);
    let rejected: Vec<_> = decoded.rejected.iter().map(|r| (r.index, r.id.as_str(), r.rejection.reason)).collect();
    let expect = [(1, "x", Reason::Malformed), (3, "", Reason::Malformed), (4, "1", Reason::TenantMismatch)];
    assert_eq!(rejected, expect);
    assert!(decoded.rejected.iter().all(|rejected| rejected.tenant == "acme"));
}

#[test]
fn lines_stand_alone_and_empty_ones_are_not_counted() {
    let body = format!("{a}\r\n\n{{\n{a}\n", a = event(""));
    let decoded = decode(&body, Form::Ndjson, &TENANT).unwrap();
    assert_eq!((decoded.index.as_slice(), decoded.rejected[0].index), ([0, 2].as_slice(), 1));
    assert_eq!(decode("", Form::Ndjson, &TENANT).unwrap().batch.len(), 0);
}

#[test]
fn invalid_utf8_is_refused_alone() {
    let mut body = format!("{}\n{}\n", event(""), event(r#","subject":"?""#)).into_bytes();
    let at = body.iter().position(|byte| *byte == b'?').unwrap();
    body[at] = 0xff;
    let decoded = Decoder::new(Limits::default()).decode(&body, Form::Ndjson, &TENANT).unwrap();
    assert_eq!((decoded.batch.len(), decoded.rejected[0].rejection.reason), (1, Reason::Malformed));
}

#[test]
fn a_body_whose_events_cannot_be_told_apart_is_an_error_that_says_where() {
    let position = |body: &str, form| match decode(body, form, &TENANT) {
        Err(DecodeError::Malformed { position, .. }) => position,
        other => panic!("{body}: {other:?}"),
    };
    assert_eq!(position("", Form::Batch), 0);
    assert_eq!(position(" {}", Form::Batch), 1);
    assert_eq!(position("[{}", Form::Batch), 3);
    assert_eq!(position("[{", Form::Batch), 1);
    assert_eq!(position("[{}}]", Form::Batch), 3);
    assert_eq!(position("[] x", Form::Batch), 3);
    assert_eq!(position(" {", Form::Single), 1);
    assert_eq!(position("", Form::Single), 0);
    assert!(decode(" [ ] ", Form::Batch, &TENANT).unwrap().batch.is_empty());
    assert_eq!(decode(&event(""), Form::Single, &TENANT).unwrap().index, [0]);
}

#[test]
fn an_error_takes_nothing_and_leaves_nothing_behind() {
    let mut decoder = Decoder::new(Limits { events_max: 2, body_bytes_max: 1000, ..Limits::default() });
    let lines = format!("{}\n", event("")).repeat(3);
    let many = decoder.decode(lines.as_bytes(), Form::Ndjson, &TENANT);
    assert_eq!(many.unwrap_err(), DecodeError::TooMany { events_max: 2 });
    let large = decoder.decode(&[b' '; 1001], Form::Ndjson, &TENANT);
    assert_eq!(large.unwrap_err(), DecodeError::TooLarge { bytes_max: 1000 });
    let decoded = decoder.decode(event("").as_bytes(), Form::Single, &TENANT).unwrap();
    assert_eq!((decoded.batch.len(), decoded.index.len()), (1, 1));
}

#[test]
fn members_become_columns_and_the_rest_is_kept() {
    let more = r#","time":"2024-10-04T00:00:00Z","datacontenttype":"application/json","traceparent":"00","data":
        {"n":0.1,"s":"x","b":true,"o":{"p":1e3},"a":[1, 2.50],"z":null,"e":{},"huge":1e400}"#;
    let context = Context { past_max_us: None, ..TENANT };
    let decoded = decode(&event(more), Form::Single, &context).unwrap();
    let schema = decoded.batch.record_batch().schema();
    let names: Vec<&str> = schema.fields().iter().skip(6).map(|field| field.name().as_str()).collect();
    assert_eq!(names, ["/n", "/s", "/b", "/o/p", "rest"]);
    let rest = decoded.batch.rest().unwrap().value(0);
    assert_eq!(rest, r#"{"/a":[1,2.50],"/z":null,"/e":{},"/huge":1e400,"traceparent":"00"}"#);
    assert_eq!(
        data_json(&decoded.batch).value(0),
        r#"{"a":[1,2.50],"b":true,"e":{},"huge":1e400,"n":0.1,"o":{"p":1000},"s":"x","z":null}"#
    );
}

#[test]
fn a_member_of_another_type_than_its_column_is_kept_aside() {
    let line =
        |id: u32, data: &str| format!(r#"{{"specversion":"1.0","id":"{id}","source":"/s","type":"t","data":{data}}}"#);
    let refused = r#"{"specversion":"1.0","id":"","source":"/s","type":"t","data":{"only here":1}}"#;
    let body = [&line(1, r#"{"v":1}"#), refused, &line(2, r#"{"v":"1"}"#), &line(3, "7"), &line(4, r#"{"w":true}"#)];
    let decoded = decode(&body.map(str::to_owned).join("\n"), Form::Ndjson, &TENANT).unwrap();
    let schema = decoded.batch.record_batch().schema();
    let names: Vec<&str> = schema.fields().iter().skip(6).map(|field| field.name().as_str()).collect();
    assert_eq!(names, ["/v", "/w", "rest"]);
    let data: Vec<_> = data_json(&decoded.batch).iter().map(|data| data.unwrap().to_owned()).collect();
    assert_eq!(data, [r#"{"v":1}"#, r#"{"v":"1"}"#, "7", r#"{"w":true}"#]);
}
