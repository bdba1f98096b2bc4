//! Events in: all shapes and codings, and answers that tell what became of each.

use std::io::Write;

use serde_json::{Value, json};

use super::rig::{Rig, event, rig, with};

fn counts(answer: &Value) -> [u64; 4] {
    ["admitted", "duplicate", "late", "rejected"].map(|name| answer[name].as_u64().unwrap())
}

fn check(rig: &Rig, key: &str, headers: &[(&str, &str)], body: &[u8], expect: [u64; 4]) {
    let answer = rig.send("POST", "/v1/events", key, headers, body);
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!(counts(&answer.json()), expect, "{headers:?} {}", answer.text);
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn an_event_counts_once_however_often_it_is_sent() {
    let rig = rig();
    let key = rig.tenant("acme");
    assert_eq!(counts(&rig.single(&key, &event("1", 3)).json()), [1, 0, 0, 0]);
    assert_eq!(counts(&rig.single(&key, &event("1", 3)).json()), [0, 1, 0, 0]);
    rig.single(&key, &event("1", 4)).is_problem(409, "conflict");
    let batch = rig.batch(&key, &[event("1", 3), event("1", 4), event("2", 1)]);
    let answer = batch.json();
    assert_eq!(counts(&answer), [1, 1, 0, 1]);
    assert_eq!((&answer["errors"][0]["index"], &answer["errors"][0]["reason"]), (&json!(1), &json!("conflict")));
}

#[test]
fn a_body_with_a_number_counts_once_whatever_it_holds() {
    let rig = rig();
    let key = rig.tenant("acme");
    let numbered = |epoch: &str, number: &str, events: &[Value]| {
        let headers = [
            ("content-type", "application/cloudevents-batch+json"),
            ("tenantry-producer", "loader"),
            ("tenantry-epoch", epoch),
            ("tenantry-sequence", number),
        ];
        rig.send("POST", "/v1/events", &key, &headers, Value::from(events.to_vec()).to_string().as_bytes())
    };
    for (number, id, expect) in [("0", "1", [1, 0, 0, 0]), ("0", "other", [0, 1, 0, 0]), ("1", "1", [1, 0, 0, 0])] {
        assert_eq!(counts(&numbered("7", number, &[event(id, 3)]).json()), expect, "{number} {id}");
    }
    let far = numbered("7", "66", &[event("2", 1)]);
    assert!(far.text.contains("2, which is missing"), "{}", far.text);
    far.is_problem(409, "conflict");
    assert_eq!(counts(&numbered("8", "0", &[event("2", 1)]).json()), [1, 0, 0, 0]);
    numbered("7", "2", &[event("3", 1)]).is_problem(409, "conflict");
    numbered("8", "one", &[]).is_problem(422, "invalid");
}

#[test]
fn all_shapes_and_codings_mean_the_same() {
    let rig = rig();
    let key = rig.tenant("acme");
    let (batch, ndjson) =
        (("content-type", "application/cloudevents-batch+json"), ("content-type", "application/x-ndjson"));
    let array = Value::from(vec![event("1", 1), event("2", 2)]).to_string();
    let lines = format!("{}\n{}\n", event("1", 1), event("2", 2));
    check(&rig, &key, &[batch], array.as_bytes(), [2, 0, 0, 0]);
    check(&rig, &key, &[ndjson], lines.as_bytes(), [0, 2, 0, 0]);
    check(&rig, &key, &[batch, ("content-encoding", "gzip")], &gzip(array.as_bytes()), [0, 2, 0, 0]);
    let packed = zstd::encode_all(lines.as_bytes(), 3).unwrap();
    check(&rig, &key, &[ndjson, ("content-encoding", "zstd")], &packed, [0, 2, 0, 0]);
    let binary = [
        ("content-type", "application/json"),
        ("ce-specversion", "1.0"),
        ("ce-id", "2"),
        ("ce-source", "/test"),
        ("ce-type", "call"),
        ("ce-time", "2026-11-23T11:59:00Z"),
    ];
    check(&rig, &key, &binary, br#"{"tokens":2}"#, [0, 1, 0, 0]);
    check(&rig, &key, &[batch], b"[]", [0, 0, 0, 0]);
}

#[test]
fn binary_mode_follows_the_binding_and_loses_nothing() {
    let rig = rig();
    let key = rig.tenant("acme");
    let send = |media: &str, more: &[(&str, &str)], body: &[u8]| {
        let mut headers = vec![("content-type", media), ("ce-specversion", "\"1.0\""), ("ce-type", "\"t\"")];
        headers.extend([("ce-source", "/s"), ("ce-time", "2026-11-23T11:59:00Z")]);
        headers.extend(more);
        rig.send("POST", "/v1/events", &key, &headers, body)
    };
    let taken = |media: &str, more: &[(&str, &str)], body: &[u8], expect: [u64; 4]| {
        assert_eq!(counts(&send(media, more, body).json()), expect, "{media} {more:?}");
    };
    taken("application/json", &[("ce-id", "1"), ("ce-subject", "\"hello world\"")], b"{\"n\":1}", [1, 0, 0, 0]);
    taken("application/json", &[("ce-id", "\"1\""), ("ce-subject", "hello%20world")], b"{\"n\":1}", [0, 1, 0, 0]);
    taken("text/json; charset=utf-8", &[("ce-id", "2"), ("ce-traceparent", "00-%C3%A9")], b"2", [1, 0, 0, 0]);
    taken("text/plain", &[("ce-id", "3")], b"plain", [1, 0, 0, 0]);
    taken("application/octet-stream", &[("ce-id", "4")], b"\0\x01", [1, 0, 0, 0]);
    let rows = rig.sql(&key, "SELECT id, coalesce(subject, '-') AS subject, data, coalesce(attributes, '-') AS attributes FROM events ORDER BY id");
    let row = |id: &str, subject: Value, data: &str, attributes: Value| json!({"id": id, "subject": subject, "data": data, "attributes": attributes});
    assert_eq!(
        rows,
        json!([
            row("1", "hello world".into(), "{\"n\":1}", "-".into()),
            row("2", "-".into(), "2", r#"{"datacontenttype":"text/json; charset=utf-8","traceparent":"00-é"}"#.into()),
            row("3", "-".into(), "\"plain\"", r#"{"datacontenttype":"text/plain"}"#.into()),
            row(
                "4",
                "-".into(),
                r#"{"data_base64":"AAE="}"#,
                r#"{"datacontenttype":"application/octet-stream"}"#.into()
            ),
        ])
    );
    send("application/json", &[("ce-id", "5"), ("ce-datacontenttype", "text/plain")], b"1")
        .is_problem(400, "malformed");
    send("application/json", &[("ce-id", "5"), ("ce-subject", "")], b"1").is_problem(422, "invalid");
    send("application/json", &[("ce-id", "5"), ("ce-subject", "%C0%A0")], b"1").is_problem(400, "malformed");
    send("application/json", &[("ce-id", "5"), ("ce-my-name", "x")], b"1").is_problem(422, "invalid");
    send("application/json; charset=utf-16", &[("ce-id", "5")], b"1").is_problem(415, "unsupported-media");
    send("application/cloudevents+avro", &[("ce-id", "5")], b"1").is_problem(415, "unsupported-media");
    send("xyz", &[("ce-id", "5")], b"1").is_problem(422, "invalid");
}

#[test]
fn the_platform_names_the_tenant_in_each_event() {
    let rig = rig();
    let (acme, _) = (rig.tenant("acme"), rig.tenant("globex"));
    let events = [with(event("1", 1), "tenant", "acme".into()), with(event("1", 1), "tenant", "globex".into())];
    assert_eq!(counts(&rig.batch(&rig.platform, &events).json()), [2, 0, 0, 0]);
    assert_eq!(
        rig.sql(&acme, "SELECT tenant, count(*) AS n FROM events GROUP BY tenant"),
        json!([{"tenant": "acme", "n": 1}])
    );
    rig.single(&rig.platform, &with(event("2", 1), "tenant", "nobody".into())).is_problem(404, "not-found");
    rig.single(&acme, &with(event("2", 1), "tenant", "globex".into())).is_problem(403, "forbidden");
}

#[test]
fn a_broken_event_does_not_take_its_neighbours_with_it() {
    let rig = rig();
    rig.meter();
    let key = rig.tenant("acme");
    let events = [
        event("ok", 1),
        json!(17),
        with(event("2", 1), "id", Value::Null),
        with(event("3", 1), "type", json!(3)),
        with(event("4", 1), "time", "yesterday".into()),
        with(event("5", 1), "time", "1916-01-01T00:00:00Z".into()),
        with(event("6", 1), "time", "2026-11-23T14:00:00Z".into()),
        with(event("7", 1), "data", json!({"tokens": "many"})),
        with(event("8", 1), "tenant", "other".into()),
        with(event("9", 1), "specversion", "0.3".into()),
    ];
    let answer = rig.batch(&key, &events).json();
    assert_eq!(counts(&answer), [1, 0, 0, 9], "{answer}");
    let errors = answer["errors"].as_array().unwrap();
    let reasons: Vec<_> =
        errors.iter().map(|error| (error["index"].as_u64().unwrap(), error["reason"].as_str().unwrap())).collect();
    assert_eq!(
        reasons,
        [
            (1, "malformed"),
            (2, "missing_attribute"),
            (3, "invalid_attribute"),
            (4, "invalid_attribute"),
            (5, "too_old"),
            (6, "too_new"),
            (7, "value_invalid"),
            (8, "tenant_mismatch"),
            (9, "invalid_attribute"),
        ]
    );
    assert!(errors.iter().all(|error| !error["detail"].as_str().unwrap().is_empty()));
    // I5: what was refused can be asked for.
    let refused = rig.sql(&key, "SELECT sum(count) AS n FROM rejections");
    assert_eq!(refused[0]["n"].to_string().trim_matches('"'), "9", "{refused}");
}

#[test]
fn a_value_that_overflows_is_refused_and_counts_nowhere() {
    let rig = rig();
    rig.meter();
    let key = rig.tenant("acme");
    let huge = r#"{"specversion":"1.0","id":"1","source":"/test","type":"call","data":{"tokens":1e30}}"#;
    let media = [("content-type", "application/cloudevents+json")];
    let answer = rig.send("POST", "/v1/events", &key, &media, huge.as_bytes());
    answer.is_problem(422, "invalid");
    assert_eq!(answer.json()["errors"][0]["reason"], "value_overflow");
    assert_eq!(rig.sql(&key, "SELECT * FROM usage"), json!([]));
}

#[test]
fn a_rate_says_when_each_event_passes_and_what_never_passes_is_told_so() {
    let rig = rig();
    rig.meter();
    let key = rig.tenant("acme");
    let limit = json!({"rate": {"units_per_s": "10", "burst": "5"}, "hard": true});
    assert_eq!(rig.put("/v1/tenants/acme/quotas/tokens", &rig.platform, &limit).status, 200);
    let never = rig.single(&key, &event("big", 6));
    never.is_problem(422, "invalid");
    assert_eq!(
        (never.json()["errors"][0]["reason"].as_str(), never.header("retry-after")),
        (Some("exceeds_limit"), None)
    );

    let events: Vec<Value> = (0..2000).map(|at| event(&at.to_string(), 1)).collect();
    let answer = rig.batch(&key, &events).json();
    assert_eq!(counts(&answer), [5, 0, 0, 1995]);
    let errors = answer["errors"].as_array().unwrap();
    assert_eq!(errors.len(), 1995, "whoever sent them has to know which to send again");
    for (at, error) in errors.iter().enumerate() {
        assert_eq!((&error["index"], &error["reason"]), (&json!(at + 5), &json!("rate_limited")));
        assert_eq!(error["retry_after_ms"], json!((at + 1) * 100));
    }
    let one = rig.single(&key, &event("five", 5));
    one.is_problem(429, "too-many");
    assert_eq!(one.header("retry-after"), Some("1"));
}

#[test]
fn a_hard_quota_answers_429_and_is_never_overshot() {
    let rig = rig();
    rig.meter();
    let key = rig.tenant("acme");
    let limit = json!({"allowance": {"units": "5", "per": {"period": "day", "time_zone": "UTC"}}, "hard": true});
    assert_eq!(rig.put("/v1/tenants/acme/quotas/tokens", &rig.platform, &limit).status, 200);
    assert_eq!(rig.single(&key, &event("1", 3)).status, 200);
    rig.single(&key, &event("2", 3)).is_problem(429, "quota-exceeded");
    assert_eq!(rig.single(&key, &event("3", 2)).status, 200);
    assert_eq!(rig.single(&key, &event("1", 3)).json()["duplicate"], 1, "a duplicate needs no quota");
    assert_eq!(rig.delete("/v1/tenants/acme/quotas/tokens", &rig.platform).status, 200);
    assert_eq!(rig.single(&key, &event("2", 3)).status, 200);
}

#[test]
fn an_importer_that_may_has_unknown_tenants_created() {
    let rig = rig();
    let acme = rig.tenant("acme");
    let of = |id: &str, tenant: &str| with(event(id, 1), "tenant", tenant.into());
    let bring = |key: &str, events: &[Value]| {
        let media = [("content-type", "application/cloudevents-batch+json")];
        let body = Value::from(events).to_string();
        rig.send("POST", "/v1/events?create_tenants=true", key, &media, body.as_bytes()).json()
    };
    let answer = bring(&rig.platform, &[of("1", "new"), of("2", "acme"), of("3", "no name"), of("4", "newer")]);
    assert_eq!((counts(&answer), &answer["tenants_created"]), ([3, 0, 0, 1], &json!(2)), "{answer}");
    assert_eq!(bring(&rig.platform, &[of("5", "new")])["tenants_created"], 0);
    // Whoever may not create tenants is told as ever.
    let may_not = rig.key(actors::PLATFORM, &[actors::facets::keys::Scope::Ingest]);
    let answer = bring(&may_not, &[of("6", "other")]);
    assert_eq!((&answer["errors"][0]["reason"], &answer["tenants_created"]), (&json!("tenant_unknown"), &json!(0)));
    assert_eq!(bring(&acme, &[of("7", "other")])["errors"][0]["reason"], "tenant_mismatch");
    let principals = rig.sql(&rig.platform, "SELECT DISTINCT principal FROM audit WHERE tenant = 'new'");
    assert!(principals[0]["principal"].as_str().unwrap().starts_with("platform/"), "{principals}");
}

#[test]
fn as_many_refused_events_are_named_as_are_asked_for() {
    let rig = rig();
    let key = rig.tenant("acme");
    let body = "{}\n".repeat(1500);
    let named = |path: &str| {
        let answer = rig.send("POST", path, &key, &[("content-type", "application/x-ndjson")], body.as_bytes()).json();
        assert_eq!(answer["rejected"], 1500);
        answer["errors"].as_array().unwrap().len()
    };
    assert_eq!(named("/v1/events"), 1000);
    assert_eq!(named("/v1/events?errors_max=1500"), 1500);
    assert_eq!(named("/v1/events?errors_max=0"), 0);
}

#[test]
fn rows_that_are_no_events_are_counted_like_refused_events() {
    let rig = rig();
    let acme = rig.tenant("acme");
    let refusal = |tenant: &str, count: u64| {
        json!({"rejections": [{"tenant": tenant, "reason": "invalid_attribute", "field": "time", "count": count,
            "sample_id": "o-1", "sample_detail": "line 5: no time"}]})
    };
    assert_eq!(rig.post("/v1/rejections", &rig.platform, &refusal("", 2)).json(), json!({"rejected": 2}));
    assert_eq!(rig.post("/v1/rejections", &acme, &refusal("globex", 3)).status, 200);
    let rows = rig.sql(&rig.platform, "SELECT tenant, reason, field, count, sample_id FROM rejections ORDER BY tenant");
    let row = |tenant: &str, count: u64| json!({"tenant": tenant, "reason": "invalid_attribute", "field": "time", "count": count, "sample_id": "o-1"});
    assert_eq!(rows, json!([row("", 2), row("acme", 3)]), "a tenant's key answers for what it brings");
    rig.post("/v1/rejections", &acme, &refusal("acme", 0)).is_problem(422, "invalid");
    rig.post("/v1/rejections", &acme, &json!({"rejections": [{"reason": "nonsense", "count": 1}]}))
        .is_problem(422, "invalid");
}
