//! Tenants, keys, meters, quotas and plans over HTTP.

use actors::facets::keys::Scope;
use serde_json::{Value, json};

use super::rig::{event, rig};

#[test]
fn a_tenants_life() {
    let rig = rig();
    let platform = &rig.platform;
    let create = || rig.post("/v1/tenants", platform, &json!({"tenant": "acme"}));
    assert_eq!(create().status, 201);
    create().is_problem(409, "conflict");
    rig.post("/v1/tenants", platform, &json!({"tenant": "a b"})).is_problem(422, "invalid");
    rig.post("/v1/tenants", platform, &json!({"tenant": "x", "plan": "gold"})).is_problem(404, "not-found");
    assert_eq!(rig.get("/v1/tenants/acme", platform).json()["status"], "active");
    rig.get("/v1/tenants/nobody", platform).is_problem(404, "not-found");

    let key = rig.key("acme", &Scope::ALL);
    assert_eq!(rig.single(&key, &event("1", 3)).status, 200);
    rig.delete("/v1/tenants/acme", platform).is_problem(409, "conflict");
    let offboard = rig.post("/v1/tenants/acme/offboard", platform, &json!({"reason": "left"}));
    assert_eq!(offboard.json(), json!({"tenant": "acme", "changed": true, "outcome": "offboarding"}));
    rig.single(&key, &event("2", 3)).is_problem(403, "tenant-inactive");
    rig.delete("/v1/tenants/acme", platform).is_problem(409, "conflict");

    let export = rig.get("/v1/tenants/acme/export", &key);
    let lines: Vec<Value> = export.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.last().unwrap(), &json!({"complete": true}));
    let of = |view: &str| lines.iter().filter(|line| line["view"] == view).count();
    assert_eq!((of("tenants"), of("events")), (1, 1), "{}", export.text);
    assert!(of("audit") >= 2, "{}", export.text);

    assert_eq!(rig.delete("/v1/tenants/acme", platform).status, 200);
    rig.single(&key, &event("3", 3)).is_problem(401, "unauthenticated");
    create().is_problem(409, "conflict");
}

#[test]
fn an_export_holds_what_was_answered_right_before_it() {
    let rig = rig();
    let key = rig.tenant("acme");
    for number in 1..=20 {
        assert_eq!(rig.single(&key, &event(&number.to_string(), 3)).status, 200);
        let export = rig.get("/v1/tenants/acme/export", &key).text;
        assert_eq!(export.lines().filter(|line| line.starts_with(r#"{"view":"events""#)).count(), number, "{export}");
    }
}

#[test]
fn an_export_before_the_tenant_leaves_permits_nothing() {
    let rig = rig();
    let key = rig.tenant("acme");
    assert!(rig.get("/v1/tenants/acme/export", &key).text.ends_with("{\"complete\":true}\n"));
    assert_eq!(rig.post("/v1/tenants/acme/offboard", &rig.platform, &json!({"reason": "left"})).status, 200);
    rig.delete("/v1/tenants/acme", &rig.platform).is_problem(409, "conflict");
}

#[test]
fn a_tenant_is_administered_by_itself_and_the_platform_only() {
    let rig = rig();
    let (acme, _) = (rig.tenant("acme"), rig.tenant("globex"));
    assert_eq!(rig.get("/v1/tenants/acme/keys", &acme).status, 200);
    for path in
        ["/v1/tenants/globex", "/v1/tenants/globex/keys", "/v1/tenants/globex/quotas", "/v1/tenants/globex/export"]
    {
        rig.get(path, &acme).is_problem(404, "not-found");
    }
    rig.post("/v1/tenants/globex/keys", &acme, &json!({"scopes": ["query"]})).is_problem(404, "not-found");
    assert_eq!(rig.get("/v1/tenants", &acme).json().as_array().unwrap().len(), 1);
    rig.put("/v1/meters/m", &acme, &json!({})).is_problem(403, "forbidden");
}

#[test]
fn keys_are_shown_once_rotated_with_overlap_and_revoked_at_once() {
    let rig = rig();
    let acme = rig.tenant("acme");
    let created = rig.post("/v1/tenants/acme/keys", &acme, &json!({"scopes": ["ingest"], "label": "edge"}));
    assert_eq!((created.status, created.header("cache-control")), (201, Some("no-store")));
    let (id, old) =
        (created.json()["id"].as_str().unwrap().to_owned(), created.json()["key"].as_str().unwrap().to_owned());
    assert_eq!(rig.single(&old, &event("1", 1)).status, 200);
    let list = rig.get("/v1/tenants/acme/keys", &acme);
    assert!(list.text.contains(&id) && !list.text.contains(&old[20..]) && !list.text.contains("hash"), "{}", list.text);

    let rotated = rig.post(&format!("/v1/tenants/acme/keys/{id}/rotate"), &acme, &json!({"overlap_s": 60}));
    assert_eq!(rotated.status, 201, "{}", rotated.text);
    let new = rotated.json()["key"].as_str().unwrap().to_owned();
    assert_eq!(rig.single(&old, &event("2", 1)).status, 200, "the old key goes on for a while");
    assert_eq!(rig.single(&new, &event("3", 1)).status, 200);
    rig.post(&format!("/v1/tenants/acme/keys/{id}/rotate"), &acme, &json!({})).is_problem(409, "conflict");

    let revoked = rig.delete(&format!("/v1/tenants/acme/keys/{id}"), &acme).json();
    assert_eq!(revoked, json!({"tenant": "acme", "id": id, "changed": true, "outcome": "revoked"}));
    rig.single(&old, &event("4", 1)).is_problem(401, "unauthenticated");
    rig.delete("/v1/tenants/acme/keys/0000000000000000", &acme).is_problem(404, "not-found");
    rig.post("/v1/tenants/acme/keys", &acme, &json!({"scopes": []})).is_problem(422, "invalid");
    rig.post("/v1/tenants/acme/keys", &acme, &json!({"scopes": ["root"]})).is_problem(422, "invalid");
    let past = json!({"scopes": ["query"], "expires_at": "2020-01-01T00:00:00Z"});
    rig.post("/v1/tenants/acme/keys", &acme, &past).is_problem(422, "invalid");
    let admin_only = rig.key("acme", &[Scope::Admin]);
    rig.post("/v1/tenants/acme/keys", &admin_only, &json!({"scopes": ["query"]})).is_problem(403, "forbidden");
}

#[test]
fn a_key_for_several_tenants_reads_those_and_no_others() {
    let rig = rig();
    let (acme, _, _) = (rig.tenant("acme"), rig.tenant("globex"), rig.tenant("initech"));
    let request = |tenants: &[&str]| json!({"scopes": ["query"], "tenants": tenants});
    let make = |key: &str, tenants: &[&str]| rig.post("/v1/tenants/platform/keys", key, &request(tenants));
    let created = make(&rig.platform, &["globex", "acme"]);
    assert_eq!((created.status, &created.json()["tenants"]), (201, &json!(["acme", "globex"])), "{}", created.text);
    let key = created.json()["key"].as_str().unwrap().to_owned();
    let tenants = "SELECT DISTINCT tenant FROM audit UNION SELECT tenant FROM tenants ORDER BY 1";
    assert_eq!(rig.sql(&key, tenants), json!([{"tenant": "acme"}, {"tenant": "globex"}]));
    assert_eq!(rig.get("/v1/tenants", &key).json().as_array().unwrap().len(), 2);
    assert_eq!(rig.get("/v1/tenants/acme", &key).status, 200);
    rig.get("/v1/tenants/initech", &key).is_problem(404, "not-found");
    rig.get("/v1/tenants/acme/keys", &key).is_problem(403, "forbidden");
    rig.single(&key, &event("1", 1)).is_problem(403, "forbidden");

    make(&rig.platform, &["nobody"]).is_problem(422, "invalid");
    make(&rig.platform, &["platform"]).is_problem(422, "invalid");
    make(&rig.platform, &[]).is_problem(422, "invalid");
    let wide = json!({"scopes": ["query", "admin"], "tenants": ["acme"]});
    rig.post("/v1/tenants/platform/keys", &rig.platform, &wide).is_problem(422, "invalid");
    // Whether there is a tenant of that name is not said.
    for name in ["globex", "nobody"] {
        rig.post("/v1/tenants/acme/keys", &acme, &request(&[name])).is_problem(403, "forbidden");
    }
    rig.post("/v1/tenants/acme/keys", &rig.platform, &request(&["acme"])).is_problem(409, "conflict");
}

#[test]
fn a_meter_has_its_history_when_it_is_defined() {
    let rig = rig();
    let acme = rig.tenant("acme");
    assert_eq!(rig.batch(&acme, &[event("1", 3), event("2", 4)]).status, 200);
    rig.meter();
    let usage = rig.sql(&acme, "SELECT meter, CAST(value AS BIGINT) AS value FROM usage");
    assert_eq!(usage, json!([{"meter": "tokens", "value": 7}]));
    assert_eq!(rig.get("/v1/meters/tokens", &acme).json()["event_type"], "call");
    assert_eq!(rig.get("/v1/meters", &acme).json().as_array().unwrap().len(), 1);
    assert_eq!(rig.delete("/v1/meters/tokens", &rig.platform).status, 200);
    rig.get("/v1/meters/tokens", &acme).is_problem(404, "not-found");
    rig.delete("/v1/meters/tokens", &rig.platform).is_problem(404, "not-found");
}

#[test]
fn wrong_definitions_name_their_field() {
    let rig = rig();
    rig.tenant("acme");
    rig.meter();
    let check = |path: &str, body: Value, field: &str| {
        let answer = rig.put(path, &rig.platform, &body);
        answer.is_problem(422, "invalid");
        assert_eq!(answer.json()["errors"][0]["field"], field, "{}", answer.text);
    };
    let meter = |name: &str, value: Value| {
        let mut meter = json!({"event_type": "call", "aggregation": "count", "window": {"tumbling": {"size_s": 60}}});
        meter[name] = value;
        meter
    };
    check("/v1/meters/Bad-Name", meter("description", "x".into()), "name");
    check("/v1/meters/m", meter("name", "other".into()), "name");
    check("/v1/meters/m", meter("event_type", "".into()), "event_type");
    check("/v1/meters/m", meter("aggregation", "sum".into()), "value");
    check("/v1/meters/m", meter("window", json!({"tumbling": {"size_s": 0}})), "window.tumbling.size_s");
    check(
        "/v1/meters/m",
        meter("window", json!({"calendar": {"period": "day", "time_zone": "Mars/Olympus"}})),
        "window.calendar.time_zone",
    );
    let limit = json!({"rate": {"units_per_s": "0", "burst": "1"}, "hard": true});
    check("/v1/tenants/acme/quotas/tokens", limit.clone(), "rate.units_per_s");
    check("/v1/tenants/acme/quotas/tokens", json!({"hard": true}), "limit");
    check("/v1/plans/gold", json!({"limits": {}, "billing": {"period": "month", "time_zone": "Nowhere"}}), "billing");
    rig.put("/v1/tenants/acme/quotas/unknown", &rig.platform, &limit).is_problem(404, "not-found");
    rig.put("/v1/meters/m", &rig.platform, &json!([])).is_problem(422, "invalid");
    check("/v1/meters/m", json!({"event_type": "call", "aggregation": "count"}), "window");
    check("/v1/meters/m", meter("window", json!({"tumbling": {}})), "window.tumbling.size_s");
    check("/v1/meters/m", meter("window", json!({"tumbling": {"size_s": "60"}})), "window.tumbling.size_s");
    check("/v1/meters/m", meter("agregation", "x".into()), "agregation");
    check("/v1/meters/m", meter("dimensions", json!([{"name": "model"}])), "dimensions[0].path");
    check("/v1/tenants/acme/quotas/tokens", json!({"rate": {"units_per_s": 1, "burst": 1}}), "hard");
    check("/v1/tenants/acme/quotas/tokens", json!({"rate": {"units_per_s": 1}, "hard": true}), "rate.burst");
    let many = json!({"rate": {"units_per_s": "many", "burst": 1}, "hard": true});
    check("/v1/tenants/acme/quotas/tokens", many, "rate.units_per_s");
    check("/v1/plans/gold", json!({"limits": {}, "billing": {}}), "billing.period");
    check(
        "/v1/plans/gold",
        json!({"limits": {"tokens": {}}, "billing": {"period": "day", "time_zone": "UTC"}}),
        "limits.tokens.hard",
    );
    check("/v1/tenants/acme/plan", json!({}), "plan");
    let text = rig.send("PUT", "/v1/meters/m", &rig.platform, &[("content-type", "application/json")], b"{");
    text.is_problem(400, "malformed");
    rig.send("PUT", "/v1/meters/m", &rig.platform, &[("content-type", "text/plain")], b"{}")
        .is_problem(415, "unsupported-media");
}

#[test]
fn what_is_missing_from_a_request_is_named() {
    let rig = rig();
    rig.tenant("acme");
    let check = |path: &str, field: &str| {
        let answer = rig.post(path, &rig.platform, &json!({}));
        answer.is_problem(422, "invalid");
        let error = answer.json()["errors"][0].clone();
        assert_eq!((&error["field"], &error["reason"]), (&field.into(), &"missing".into()), "{path}: {error}");
    };
    check("/v1/tenants", "tenant");
    check("/v1/tenants/acme/suspend", "reason");
    check("/v1/tenants/acme/keys", "scopes");
    check("/v1/sql", "sql");
    check("/v1/rejections", "rejections");
}

#[test]
fn limits_are_numbers_or_texts() {
    let rig = rig();
    rig.meter();
    rig.tenant("acme");
    let set = |units: Value| {
        let limit = json!({"allowance": {"units": units, "per": {"period": "day", "time_zone": "UTC"}}, "hard": true});
        rig.put("/v1/tenants/acme/quotas/tokens", &rig.platform, &limit)
    };
    assert_eq!(set(json!(1000)).json()["outcome"], "limit set");
    assert_eq!(set(json!("1000")).json()["outcome"], "unchanged", "the same, written otherwise");
    assert_eq!(set(json!(2.5)).json()["outcome"], "limit changed");
    set(json!(0.123_456_789_123_456_78)).is_problem(422, "invalid");
    let quantile = json!({"event_type": "call", "value": "$.tokens", "aggregation": {"percentile": {"q": 0.95}},
        "window": {"tumbling": {"size_s": 60}}});
    assert_eq!(rig.put("/v1/meters/p95", &rig.platform, &quantile).status, 200);
}

#[test]
fn an_answer_says_what_happened_and_to_what() {
    let rig = rig();
    let acme = rig.tenant("acme");
    rig.batch(&acme, &[event("1", 3), event("2", 4)]);
    let meter = |path: &str| {
        let meter =
            json!({"event_type": "call", "value": path, "aggregation": "sum", "window": {"tumbling": {"size_s": 60}}});
        rig.put("/v1/meters/tokens", &rig.platform, &meter).json()
    };
    let told =
        |outcome: &str, changed: bool| json!({"meter": "tokens", "changed": changed, "outcome": outcome, "events": 2});
    assert_eq!(meter("$.tokens"), told("created", true));
    assert_eq!(meter("$.tokens"), told("unchanged", false));
    assert_eq!(meter("$.tokns")["value_missing"], 2, "a wrong path shows");
    let removed = rig.delete("/v1/meters/tokens", &rig.platform).json();
    assert_eq!(removed, json!({"meter": "tokens", "changed": true, "outcome": "removed"}));
    let suspend = || rig.post("/v1/tenants/acme/suspend", &rig.platform, &json!({"reason": "x"})).json();
    assert_eq!(suspend(), json!({"tenant": "acme", "changed": true, "outcome": "suspended"}));
    assert_eq!(suspend(), json!({"tenant": "acme", "changed": false, "outcome": "unchanged"}));
}

#[test]
fn limits_that_could_not_be_enforced_are_refused_wherever_they_are_set() {
    let rig = rig();
    rig.tenant("acme");
    rig.meter();
    let window = json!({"tumbling": {"size_s": 3600}});
    let meter =
        |aggregation: Value| json!({"event_type": "u", "value": "$.n", "aggregation": aggregation, "window": window});
    let limit = json!({"allowance": {"units": "100", "per": {"period": "month", "time_zone": "UTC"}}, "hard": true});
    let plan = |name: &str| json!({"limits": {name: limit}, "billing": {"period": "month", "time_zone": "UTC"}});
    let quantile = json!({"percentile": {"q": "0.95"}});
    for aggregation in
        [json!("max"), json!("unique_count"), json!("rate"), quantile, json!({"sql": {"expression": "sum(value)"}})]
    {
        assert_eq!(rig.put("/v1/meters/peak", &rig.platform, &meter(aggregation.clone())).status, 200);
        for (path, body, field) in
            [("/v1/tenants/acme/quotas/peak", limit.clone(), "meter"), ("/v1/plans/gold", plan("peak"), "limits.peak")]
        {
            let answer = rig.put(path, &rig.platform, &body);
            answer.is_problem(422, "invalid");
            assert_eq!(answer.json()["errors"][0]["field"], field, "{}", answer.text);
            assert!(answer.text.contains("only count and sum can be limited"), "{aggregation}: {}", answer.text);
        }
    }
    let nowhere = rig.put("/v1/plans/gold", &rig.platform, &plan("nowhere"));
    nowhere.is_problem(422, "invalid");
    assert_eq!(nowhere.json()["errors"][0]["field"], "limits.nowhere");
    let nowhere = rig.put("/v1/tenants/acme/quotas/nowhere", &rig.platform, &limit);
    nowhere.is_problem(404, "not-found");
    assert_eq!(nowhere.json()["errors"][0]["field"], "meter");

    // While it is limited, a meter may count other events, but not otherwise, and not be gone.
    assert_eq!(rig.put("/v1/tenants/acme/quotas/tokens", &rig.platform, &limit).status, 200);
    assert_eq!(rig.put("/v1/plans/gold", &rig.platform, &plan("tokens")).status, 200);
    for refused in [
        rig.delete("/v1/meters/tokens", &rig.platform),
        rig.put("/v1/meters/tokens", &rig.platform, &meter("max".into())),
    ] {
        refused.is_problem(409, "conflict");
        assert!(refused.text.contains("limited by plan gold, tenant acme"), "{}", refused.text);
    }
    assert_eq!(rig.put("/v1/meters/tokens", &rig.platform, &meter("sum".into())).status, 200);
}

#[test]
fn plans_give_limits_to_all_their_tenants() {
    let rig = rig();
    rig.meter();
    let acme = rig.tenant("acme");
    let plan = json!({
        "limits": {"tokens": {"allowance": {"units": "5", "per": {"period": "day", "time_zone": "UTC"}}, "hard": true}},
        "billing": {"period": "month", "time_zone": "UTC"},
    });
    assert_eq!(rig.put("/v1/plans/small", &rig.platform, &plan).status, 200);
    assert_eq!(rig.get("/v1/plans", &rig.platform).json()["small"]["billing"]["period"], "month");
    assert_eq!(rig.put("/v1/tenants/acme/plan", &rig.platform, &json!({"plan": "small"})).status, 200);
    assert_eq!(rig.single(&acme, &event("1", 3)).status, 200);
    rig.single(&acme, &event("2", 3)).is_problem(429, "quota-exceeded");
    rig.put("/v1/tenants/acme/plan", &rig.platform, &json!({"plan": "gold"})).is_problem(404, "not-found");
}
