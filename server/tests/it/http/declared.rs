//! Declarations over HTTP: many at a time, all or none, with a dry run, versions and schemas.

use actors::facets::keys::Scope;
use serde_json::{Value, json};

use super::rig::{Rig, event, rig};
use crate::answer::Answer;

fn meter(size_s: u32) -> Value {
    json!({"kind": "meter", "name": "tokens", "spec": {
        "event_type": "call", "aggregation": "sum", "value": "$.tokens", "window": {"tumbling": {"size_s": size_s}}}})
}

fn quota(units: u32) -> Value {
    let per = json!({"period": "month", "time_zone": "UTC"});
    json!({"kind": "quota", "tenant": "acme", "name": "tokens",
        "spec": {"hard": false, "allowance": {"units": units, "per": per}}})
}

fn apply(rig: &Rig, body: &Value) -> Answer {
    rig.post("/v1/apply", &rig.platform, body)
}

/// What is wrong with it, by field.
fn wrong(rig: &Rig, objects: &Value) -> Vec<String> {
    let answer = apply(rig, &json!({"objects": objects}));
    answer.is_problem(422, "invalid");
    let errors = answer.json()["errors"].clone();
    errors.as_array().unwrap().iter().map(|error| error["field"].as_str().unwrap().to_owned()).collect()
}

fn outcomes(answer: &Answer) -> Vec<(String, String)> {
    assert_eq!(answer.status, 200, "{}", answer.text);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let answer = answer.json();
    let objects = answer["objects"].as_array().unwrap();
    let mut all: Vec<_> = objects.iter().map(|object| (text(&object["kind"]), text(&object["outcome"]))).collect();
    all.sort();
    all
}

fn is(outcome: &str) -> Vec<(String, String)> {
    ["meter", "quota"].map(|kind| (kind.to_owned(), outcome.to_owned())).to_vec()
}

#[test]
fn declarations_in_any_order_are_made_so_and_changed_and_removed() {
    let rig = rig();
    rig.tenant("acme");
    let both = json!({"objects": [quota(10), meter(60)]});
    let dry = json!({"objects": [quota(10), meter(60)], "dry_run": true});
    assert_eq!(outcomes(&apply(&rig, &dry)), is("added"));
    assert_eq!(rig.get("/v1/meters", &rig.platform).json(), json!([]));
    assert_eq!(outcomes(&apply(&rig, &both)), is("added"));
    assert_eq!(outcomes(&apply(&rig, &both)), is("unchanged"));

    let changed = apply(&rig, &json!({"objects": [quota(20), meter(300)]}));
    assert_eq!(outcomes(&changed), is("changed"));
    let objects = changed.json()["objects"].clone();
    let of = |kind: &str| objects.as_array().unwrap().iter().find(|object| object["kind"] == kind).unwrap().clone();
    let difference = json!([{"field": "window.tumbling.size_s", "before": 60, "after": 300}]);
    assert_eq!((&of("meter")["differences"], &of("meter")["backfill"]), (&difference, &json!(true)));
    assert_eq!(of("quota")["differences"], json!([{"field": "allowance.units", "before": "10", "after": "20"}]));

    let remove = json!({"remove": [{"kind": "meter", "name": "tokens"}]});
    apply(&rig, &remove).is_problem(409, "conflict");
    let remove = json!({"remove": [{"kind": "meter", "name": "tokens"},
        {"kind": "quota", "tenant": "acme", "name": "tokens"}]});
    assert_eq!(outcomes(&apply(&rig, &remove)), is("removed"));
    assert_eq!(rig.get("/v1/kinds/quota", &rig.platform).json(), json!([]));
}

#[test]
fn what_files_no_longer_declare_is_pruned_of_their_kinds_only() {
    let rig = rig();
    rig.tenant("acme");
    let mut other = meter(60);
    other["name"] = json!("other");
    outcomes(&apply(&rig, &json!({"objects": [quota(10), meter(60), other]})));
    let pruned = apply(&rig, &json!({"objects": [meter(60)], "prune": true}));
    let told = outcomes(&pruned);
    let of_meters = |outcome: &str| ("meter".to_owned(), outcome.to_owned());
    assert_eq!(told, [of_meters("removed"), of_meters("unchanged")]);
    assert_eq!(rig.get("/v1/kinds/quota", &rig.platform).json().as_array().unwrap().len(), 1);
}

#[test]
fn everything_that_is_wrong_is_told_at_once_and_nothing_is_done() {
    let rig = rig();
    rig.tenant("acme");
    let mut windowless = meter(60);
    windowless["spec"].as_object_mut().unwrap().remove("window");
    windowless["name"] = json!("windowless");
    let objects = json!([
        meter(60),
        meter(60),
        windowless,
        {"kind": "metr", "name": "x", "spec": {}},
        {"kind": "quota", "name": "tokens", "spec": {"hard": true}},
        {"kind": "quota", "tenant": "nobody", "name": "tokens", "spec": {"hard": true}},
        {"kind": "plan", "tenant": "acme", "name": "x", "spec": {}},
    ]);
    let expect = [
        "objects[1].name",
        "objects[2].spec.window",
        "objects[3].kind",
        "objects[4].tenant",
        "objects[5].tenant",
        "objects[6].tenant",
    ];
    assert_eq!(wrong(&rig, &objects), expect);
    let mut faulty = meter(0);
    faulty["spec"]["value"] = json!("tokens");
    faulty["spec"]["dimensions"] = json!([{"name": "tenant", "path": "$.t"}, {"name": "a", "path": "t"}]);
    let fields = ["value", "dimensions[0].name", "dimensions[1].path", "window.tumbling.size_s"];
    assert_eq!(wrong(&rig, &json!([faulty])), fields.map(|field| format!("objects[0].spec.{field}")));
    // What can't be computed is told before what rules are against.
    let on_nothing = json!({"kind": "quota", "tenant": "acme", "name": "nothing", "spec": {"hard": true}});
    let view = json!({"kind": "view", "name": "v", "spec": {"query": "SELECT 1"}});
    assert_eq!(wrong(&rig, &json!([meter(60), on_nothing, view])), ["objects[2].spec.query"]);
    let mut empty = quota(1);
    empty["spec"] = json!({"hard": true});
    assert_eq!(wrong(&rig, &json!([on_nothing, empty, meter(60)])), ["objects[0].spec.meter", "objects[1].spec.limit"]);
    assert_eq!(rig.get("/v1/meters", &rig.platform).json(), json!([]));
    apply(&rig, &json!({"objets": []})).is_problem(422, "invalid");
    let key = rig.key("acme", &Scope::ALL);
    rig.post("/v1/apply", &key, &json!({"objects": [meter(60)]})).is_problem(403, "forbidden");
}

#[test]
fn versions_say_who_declared_what() {
    let rig = rig();
    rig.tenant("acme");
    let key = rig.key("acme", &[Scope::Ingest]);
    assert_eq!(rig.single(&key, &event("1", 3)).status, 200);
    for units in [10, 20] {
        outcomes(&apply(&rig, &json!({"objects": [meter(60), quota(units)]})));
    }
    outcomes(&apply(&rig, &json!({"remove": [{"kind": "quota", "tenant": "acme", "name": "tokens"}]})));
    let versions = rig.get("/v1/kinds/quota/tokens/versions?tenant=acme", &rig.platform).json();
    let said: Vec<_> =
        versions.as_array().unwrap().iter().map(|version| &version["spec"]["allowance"]["units"]).collect();
    assert_eq!(said, [&json!("10"), &json!("20"), &Value::Null], "{versions}");
    assert_eq!(versions[2], json!({"version": 3, "at": "2026-11-23T12:00:00Z", "by": versions[0]["by"], "spec": null}));
    assert_eq!(rig.get("/v1/kinds/meter/tokens/versions", &rig.platform).json().as_array().unwrap().len(), 1);
    rig.get("/v1/kinds/meter/nothing/versions", &rig.platform).is_problem(404, "not-found");
    rig.get("/v1/kinds/quota/tokens/versions", &rig.platform).is_problem(422, "invalid");
    rig.get("/v1/kinds/metr", &rig.platform).is_problem(404, "not-found");
}

#[test]
fn every_kind_has_a_schema_that_names_its_members() {
    let rig = rig();
    let kinds = rig.get("/v1/kinds", &rig.platform).json();
    let named: Vec<_> = kinds.as_array().unwrap().iter().map(|kind| kind["kind"].as_str().unwrap()).collect();
    assert_eq!(named, ["meter", "plan", "view", "quota", "alert", "endpoint"]);
    for name in named {
        let schema = rig.get(&format!("/schemas/{name}.json"), "").json();
        assert!(schema["properties"]["name"].is_object() && schema["description"].is_string(), "{name}: {schema}");
        assert!(!schema.to_string().contains("$ref"), "{name}: {schema}");
    }
    rig.get("/schemas/metr.json", "").is_problem(404, "not-found");
}
