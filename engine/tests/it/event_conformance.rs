//! CloudEvents 1.0 in its JSON format: what the specification and its conformance suite accept and refuse, case by case.
//!
//! Written anew from the suite's names. Its batches with a refused event are answered event by event here, because a batch
//! of this house is no unit. Not here: HTTP's binary mode, which has its cases at that door.

use engine::admission::Reason;
use engine::event::cloudevents::{Context, Decoded, Decoder, Form, Limits, lines};
use engine::event::fingerprint;
use engine::event::json::{attributes_json, data_json};

const CONTEXT: Context<'static> = Context {
    tenant: Some("acme"),
    platform: false,
    now_us: 1_790_000_000_000_000,
    past_max_us: None,
    future_max_us: 0,
};

const MINIMAL: &str = r#""specversion":"1.0","id":"minimal","type":"io.test","source":"https://cloudevents.io""#;

fn decode(body: &str, form: Form) -> Decoded {
    Decoder::new(Limits::default()).decode(body.as_bytes(), form, &CONTEXT).unwrap()
}

/// An event of the minimal attributes, `without` some and `with` others.
fn event(without: &str, with: &str) -> String {
    let kept: Vec<&str> = MINIMAL.split(',').filter(|member| *member != without).chain([with]).collect();
    format!("{{{}}}", kept.into_iter().filter(|member| !member.is_empty()).collect::<Vec<_>>().join(","))
}

const ID: &str = r#""id":"minimal""#;
const VERSION: &str = r#""specversion":"1.0""#;
const TYPE: &str = r#""type":"io.test""#;
const SOURCE: &str = r#""source":"https://cloudevents.io""#;

#[test]
fn events_that_are_none_are_refused_by_the_attribute() {
    let missing = Reason::MissingAttribute;
    let invalid = Reason::InvalidAttribute;
    let cases = [
        ("no specversion", event(VERSION, ""), missing, "specversion"),
        ("no id", event(ID, ""), missing, "id"),
        ("no type", event(TYPE, ""), missing, "type"),
        ("no source", event(SOURCE, ""), missing, "source"),
        ("time is a word", event("", r#""time":"lunchtime""#), invalid, "time"),
        ("time to the minute", event("", r#""time":"2018-04-05T18:31Z""#), invalid, "time"),
        ("time with a strange offset", event("", r#""time":"2018-04-05T18:31:00X""#), invalid, "time"),
        ("time with an offset of 25 h", event("", r#""time":"2018-04-05T18:31:00+25:00""#), invalid, "time"),
        ("time with an offset of letters", event("", r#""time":"2018-04-05T18:31:00+xx:00""#), invalid, "time"),
        ("time with an offset of hours", event("", r#""time":"2018-04-05T18:31:00+05""#), invalid, "time"),
        ("empty id", event(ID, r#""id":"""#), invalid, "id"),
        ("empty type", event(TYPE, r#""type":"""#), invalid, "type"),
        ("empty source", event(SOURCE, r#""source":"""#), invalid, "source"),
        ("empty specversion", event(VERSION, r#""specversion":"""#), invalid, "specversion"),
        ("unknown specversion", event(VERSION, r#""specversion":"0.9""#), invalid, "specversion"),
        ("content type of one word", event("", r#""datacontenttype":"xyz""#), invalid, "datacontenttype"),
        ("empty content type", event("", r#""datacontenttype":"""#), invalid, "datacontenttype"),
        ("empty schema", event("", r#""dataschema":"""#), invalid, "dataschema"),
        ("empty subject", event("", r#""subject":"""#), invalid, "subject"),
        ("id is a number", event(ID, r#""id":25"#), invalid, "id"),
        ("id is an object", event(ID, r#""id":{"xyz":"abc"}"#), invalid, "id"),
        ("extension in capitals", event("", r#""MyExtension":"bad""#), invalid, "MyExtension"),
        ("extension with a point", event("", r#""my.extension":"bad""#), invalid, "my.extension"),
        ("extension is a fraction", event("", r#""myextension":1.5"#), invalid, "myextension"),
        ("data twice", event("", r#""data":"text","data_base64":"eyJ4IjoxfQ==""#), invalid, "data_base64"),
    ];
    for (what, event, reason, field) in cases {
        for (form, body) in
            [(Form::Single, event.clone()), (Form::Ndjson, event.clone()), (Form::Batch, format!("[{event}]"))]
        {
            let decoded = decode(&body, form);
            let got: Vec<_> = decoded.rejected.iter().map(|r| (r.rejection.reason, &*r.rejection.field)).collect();
            assert_eq!((got, decoded.batch.len()), (vec![(reason, field)], 0), "{what}: {event}");
        }
    }
}

#[test]
fn events_are_what_they_say() {
    let time_us = 1_522_949_460_000_000;
    let absent = r#""datacontenttype":null,"dataschema":null,"subject":null,"time":null"#;
    let decoded = decode(&event("", absent), Form::Single);
    assert_eq!(decoded.batch.subjects().get(0), None);
    assert_eq!(attributes_json(&decoded.batch).value(0), r#"{"time":null}"#, "it had none of its own");
    for time in [
        "2018-04-05T17:31:00Z",
        "2018-04-05T17:31:00.000000000Z",
        "2018-04-05T18:31:00+01:00",
        "2018-04-05T16:31:00-01:00",
    ] {
        let decoded = decode(&event("", &format!(r#""time":"{time}""#)), Form::Single);
        assert_eq!(decoded.batch.times().values(), &[time_us], "{time}");
    }
    let all = r#""datacontenttype":"text/plain","dataschema":"https://cloudevents.io/dataschema","subject":"tests","data":"Simple text""#;
    let decoded = decode(&event("", all), Form::Single);
    assert_eq!(decoded.batch.subjects().get(0), Some("tests"));
    assert_eq!(data_json(&decoded.batch).value(0), r#""Simple text""#);
    let attributes = r#"{"datacontenttype":"text/plain","dataschema":"https://cloudevents.io/dataschema","time":null}"#;
    assert_eq!(attributes_json(&decoded.batch).value(0), attributes);
    let relative = decode(&event(SOURCE, r##""source":"#fragment""##), Form::Single);
    assert_eq!(relative.batch.sources().get(0), Some("#fragment"));
}

#[test]
fn extensions_of_every_type_are_kept_as_they_came() {
    let extensions = r#""extinteger":10,"extboolean":true,"extstring":"text","exturi":"https://cloudevents.io","exturiref":"//authority/path","exttimestamp":"2023-03-31T15:12:00Z","extbinary":"TWE=""#;
    let all = event("", &format!(r#"{extensions},"time":"2018-04-05T17:31:00Z""#));
    let body = format!("[{},{all}]", event("", ""));
    let decoded = decode(&body, Form::Batch);
    assert_eq!(decoded.rejected, []);
    let attributes = attributes_json(&decoded.batch);
    assert_eq!(attributes.value(1), format!("{{{extensions}}}"));
}

#[test]
fn batches_are_answered_event_by_event() {
    assert!(decode("[]", Form::Batch).batch.is_empty());
    let minimal = event("", "");
    assert_eq!(decode(&format!("[{minimal},{minimal}]"), Form::Batch).batch.len(), 2);
    let mixed = decode(&format!("[{minimal},{}]", event(VERSION, r#""specversion":"0.9""#)), Form::Batch);
    assert_eq!((mixed.index.as_slice(), mixed.rejected[0].index), ([0].as_slice(), 1));
    let no_object = decode(&format!(r#"["not an object",{minimal}]"#), Form::Batch);
    assert_eq!(
        (no_object.index.as_slice(), no_object.rejected[0].rejection.reason),
        ([1].as_slice(), Reason::Malformed)
    );
}

#[test]
fn null_is_a_payload_and_binary_data_is_kept_in_base64() {
    let decoded = decode(&event("", r#""data":null"#), Form::Single);
    assert_eq!(data_json(&decoded.batch).value(0), "null");
    let binary = r#""datacontenttype":"application/octet-stream","data_base64":"AAEC""#;
    let decoded = decode(&event("", binary), Form::Single);
    assert_eq!(data_json(&decoded.batch).value(0), r#"{"data_base64":"AAEC"}"#);
}

#[test]
fn what_is_sent_on_is_the_same_events() {
    let body = [
        event(
            "",
            r#""traceparent":"00-1","sampled":true,"n":-7,"time":"2018-04-05T17:31:00.25Z","data":{"a":{"b":0.1},"c":[1,null]}"#,
        ),
        event("", r#""subject":"\"é\"","datacontenttype":"image/png","data_base64":"AAEC""#),
        event("", r#""data":{"data_base64":"AAEC"}"#),
        event("", r#""data":null"#),
        event("", r#""datacontenttype":"text/plain","data":"text""#),
        event("", ""),
    ];
    let first = decode(&body.join("\n"), Form::Ndjson).batch;
    let sent = lines(&first);
    let again = decode(&sent, Form::Ndjson);
    assert_eq!(again.rejected, [], "{sent}");
    assert_eq!(data_json(&again.batch), data_json(&first));
    assert_eq!(attributes_json(&again.batch), attributes_json(&first));
    assert_eq!(fingerprint::payloads(&again.batch, 7), fingerprint::payloads(&first, 7));
    assert_eq!(fingerprint::keys(&again.batch, 7), fingerprint::keys(&first, 7));
    assert_eq!(sent.matches("\"data_base64\":\"AAEC\"}").count(), 2, "{sent}");
    assert_eq!(sent.matches("\"data\":{\"data_base64\"").count(), 1, "as a member of data it stays one: {sent}");
}
