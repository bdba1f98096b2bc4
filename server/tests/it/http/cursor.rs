//! A billing job that follows the export's cursor, or revisions in SQL, has what a fresh read gives, whatever changed totals.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::rig::{Rig, event, rig, with};

/// By tenant, meter and start: end, value, revision.
type Copy = BTreeMap<[String; 3], [String; 3]>;

/// One that keeps a copy by the header `Tenantry-Next`, and one that does so by SQL.
#[derive(Default)]
struct Jobs {
    export: (Option<i64>, Copy),
    sql: (Option<i64>, Copy),
}

fn apply(copy: &mut Copy, rows: &Value) -> usize {
    let text = |row: &Value, name: &str| row[name].to_string().trim_matches('"').to_owned();
    let rows = rows.as_array().unwrap();
    for row in rows {
        let key = ["tenant", "meter", "period_start"].map(|name| text(row, name));
        match row["removed"].as_bool().unwrap() {
            true => {
                assert!(row["value"].is_null(), "{row}");
                copy.remove(&key);
            }
            false => drop(copy.insert(key, ["period_end", "value", "revision"].map(|name| text(row, name)))),
        }
    }
    rows.len()
}

impl Jobs {
    /// Both go on from where they are; what is there then, and how many rows the export gave.
    fn go_on(&mut self, rig: &Rig) -> (Vec<String>, usize) {
        rig.node.engine.cut().unwrap();
        let (cursor, copy) = &mut self.export;
        let after = cursor.map(|cursor| format!("?after={cursor}")).unwrap_or_default();
        let answer = rig.get(&format!("/v1/usage/export{after}"), &rig.platform);
        assert_eq!(answer.status, 200, "{}", answer.text);
        *cursor = Some(answer.header("tenantry-next").unwrap().parse().unwrap());
        let rows = apply(copy, &answer.json());

        let (cursor, copy) = &mut self.sql;
        let sql = format!("SELECT * FROM usage_total WHERE revision > {}", cursor.unwrap_or(-1));
        let changes = rig.sql(&rig.platform, &sql);
        let seen = changes.as_array().unwrap().iter().filter_map(|row| row["revision"].as_i64()).max();
        *cursor = seen.or(*cursor);
        apply(copy, &changes);

        let mut fresh = Copy::new();
        apply(&mut fresh, &rig.sql(&rig.platform, "SELECT * FROM usage_total"));
        assert_eq!(self.export.1, fresh);
        assert_eq!(self.sql.1, fresh);
        (fresh.keys().map(|key| key.join(" ")).collect(), rows)
    }
}

fn tokens(aggregation: &str) -> Value {
    json!({"event_type": "call", "value": "$.tokens", "aggregation": aggregation, "window": {"tumbling": {"size_s": 60}}})
}

#[test]
fn whatever_changes_a_total_reaches_who_follows_the_cursor_once() {
    let rig = rig();
    let platform = rig.platform.as_str();
    let done = |status: u16, text: String| assert_eq!(status, 200, "{text}");
    let put = |path: &str, body: Value| {
        let answer = rig.put(path, platform, &body);
        done(answer.status, answer.text);
    };
    let (acme, globex) = (rig.tenant("acme"), rig.tenant("globex"));
    put(
        "/v1/meters/calls",
        json!({"event_type": "call", "aggregation": "count", "window": {"tumbling": {"size_s": 60}}}),
    );
    rig.single(&acme, &event("1", 10));
    rig.single(&acme, &with(event("2", 20), "time", "2026-11-22T11:00:00Z".into()));
    rig.single(&globex, &event("1", 5));
    let mut jobs = Jobs::default();
    let month = "2026-11-01T00:00:00.000000Z";
    let (there, rows) = jobs.go_on(&rig);
    assert_eq!(rows, 2, "{there:?}");
    let november = &there[0]["acme calls ".len()..];
    assert!(month.starts_with(&november[..10]), "{november}");

    // A meter that is defined over exported events, corrected, described, and removed.
    put("/v1/meters/tokens", tokens("sum"));
    assert_eq!(jobs.go_on(&rig).1, 2);
    put("/v1/meters/tokens", tokens("max"));
    assert_eq!(jobs.go_on(&rig).1, 2);
    put("/v1/meters/tokens", with(tokens("max"), "description", "the largest".into()));
    assert_eq!(jobs.go_on(&rig).1, 0, "words change no total");
    put("/v1/meters/tokens", with(tokens("max"), "event_type", "chat".into()));
    let (there, rows) = jobs.go_on(&rig);
    assert_eq!((there.len(), rows), (2, 2), "nothing of that type: both rows ended");
    put("/v1/meters/tokens", tokens("sum"));
    assert_eq!(jobs.go_on(&rig).1, 2);
    let removed = rig.delete("/v1/meters/tokens", platform);
    done(removed.status, removed.text);
    let (there, rows) = jobs.go_on(&rig);
    assert_eq!((there.len(), rows), (2, 2));

    // Another plan, the same plan with other periods, and the default plan.
    put("/v1/plans/daily", json!({"limits": {}, "billing": {"period": "day", "time_zone": "UTC"}}));
    assert_eq!(jobs.go_on(&rig).1, 0, "nobody is on it");
    put("/v1/tenants/acme/plan", json!({"plan": "daily"}));
    let (there, rows) = jobs.go_on(&rig);
    assert_eq!((there.len(), rows), (3, 3), "two days, and the end of the month: {there:?}");
    put("/v1/plans/daily", json!({"limits": {}, "billing": {"period": "day", "time_zone": "Asia/Kathmandu"}}));
    let (there, rows) = jobs.go_on(&rig);
    assert_eq!((there.len(), rows), (3, 4), "{there:?}");
    put("/v1/plans/default", json!({"limits": {}, "billing": {"period": "year", "time_zone": "UTC"}}));
    let (there, rows) = jobs.go_on(&rig);
    assert_eq!((there.len(), rows), (3, 2), "globex only: {there:?}");

    // Late and new events go on as before; an erased tenant's rows end.
    rig.single(&acme, &with(event("3", 1), "time", "2026-11-22T11:30:00Z".into()));
    assert_eq!(jobs.go_on(&rig).1, 1);
    assert_eq!(rig.post("/v1/tenants/acme/offboard", platform, &json!({"reason": "left"})).status, 200);
    assert_eq!(jobs.go_on(&rig).1, 0);
    assert_eq!(rig.delete("/v1/tenants/acme?without_export=true", platform).status, 200);
    let (there, rows) = jobs.go_on(&rig);
    assert_eq!((there.len(), rows), (1, 2), "{there:?}");
    let own = rig.get("/v1/usage/export", &globex);
    assert!(!own.text.contains("acme"), "{}", own.text);
}
