//! What keys can't be used for: to make more of themselves than they may, more often or for longer.

use actors::facets::keys::Scope;
use serde_json::json;
use server::http::HttpOptions;

use super::rig::{rig, rig_with};

#[test]
fn nobody_rotates_a_key_into_more_than_it_has() {
    let rig = rig();
    let acme = rig.tenant("acme");
    let made = rig.post("/v1/tenants/acme/keys", &acme, &json!({"scopes": ["ingest", "query"]})).json();
    let rotate = format!("/v1/tenants/acme/keys/{}/rotate", made["id"].as_str().unwrap());
    for scopes in [&[Scope::Admin][..], &[Scope::Admin, Scope::Query]] {
        let less = rig.key("acme", scopes);
        rig.post(&rotate, &less, &json!({})).is_problem(403, "forbidden");
    }
    let governs = rig.key(actors::PLATFORM, &[Scope::Admin]);
    rig.post(&rotate, &governs, &json!({})).is_problem(403, "forbidden");
    assert_eq!(rig.post(&rotate, &acme, &json!({})).status, 201);
}

#[test]
fn an_overlap_has_its_limit() {
    let rig = rig_with(HttpOptions { overlap_s_max: 3600, ..HttpOptions::default() });
    let acme = rig.tenant("acme");
    let rotate = || {
        let made = rig.post("/v1/tenants/acme/keys", &acme, &json!({"scopes": ["query"]})).json();
        format!("/v1/tenants/acme/keys/{}/rotate", made["id"].as_str().unwrap())
    };
    let long = rig.post(&rotate(), &acme, &json!({"overlap_s": 3601}));
    long.is_problem(422, "invalid");
    assert!(
        long.text.contains("keys.overlap_s_max") && long.json()["errors"][0]["field"] == "overlap_s",
        "{}",
        long.text
    );
    assert_eq!(rig.post(&rotate(), &acme, &json!({"overlap_s": 3600})).status, 201);
    assert_eq!(rig.post(&rotate(), &acme, &json!({})).status, 201, "the default fits itself in");
}

#[test]
fn keys_are_made_so_often_for_each_tenant_and_revoked_at_any_time() {
    let rig = rig_with(HttpOptions { keys_per_minute_max: 3, ..HttpOptions::default() });
    let (acme, globex) = (rig.tenant("acme"), rig.tenant("globex"));
    let make =
        |tenant: &str, key: &str| rig.post(&format!("/v1/tenants/{tenant}/keys"), key, &json!({"scopes": ["query"]}));
    let ids: Vec<_> = (0..3).map(|_| make("acme", &acme).json()["id"].as_str().unwrap().to_owned()).collect();
    let refused = make("acme", &acme);
    refused.is_problem(429, "too-many");
    let wait_s: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=20).contains(&wait_s), "{wait_s}");
    rig.post(&format!("/v1/tenants/acme/keys/{}/rotate", ids[0]), &acme, &json!({})).is_problem(429, "too-many");
    make("acme", &rig.platform).is_problem(429, "too-many");
    assert_eq!(make("globex", &globex).status, 201);
    for id in ids {
        assert_eq!(rig.delete(&format!("/v1/tenants/acme/keys/{id}"), &acme).status, 200);
    }
}

#[test]
fn no_tenant_is_called_as_the_platform_is_but_for_case() {
    let rig = rig();
    let refused = rig.post("/v1/tenants", &rig.platform, &json!({"tenant": "Platform"}));
    refused.is_problem(422, "invalid");
    assert_eq!(refused.json()["errors"][0]["field"], "tenant");
}

#[test]
fn a_key_that_takes_itself_away_hears_of_it() {
    let rig = rig();
    let acme = rig.tenant("acme");
    let made = rig.post("/v1/tenants/acme/keys", &acme, &json!({"scopes": ["admin"]})).json();
    let (id, own) = (made["id"].as_str().unwrap(), made["key"].as_str().unwrap());
    let rotated = rig.post(&format!("/v1/tenants/acme/keys/{id}/rotate"), own, &json!({"overlap_s": 0})).json();
    let (id, own) = (rotated["id"].as_str().unwrap(), rotated["key"].as_str().unwrap());
    let revoked = rig.delete(&format!("/v1/tenants/acme/keys/{id}"), own);
    assert_eq!((revoked.status, &revoked.json()["outcome"]), (200, &json!("revoked")));
    rig.get("/v1/tenants/acme/keys", own).is_problem(401, "unauthenticated");
}
