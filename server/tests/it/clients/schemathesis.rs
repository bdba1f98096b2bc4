//! schemathesis makes requests up from `/openapi.json`, good and bad ones, and holds each answer against the document: no
//! status, media type or shape that it does not name, and no error of ours.
//!
//! `TENANTRY_SCHEMATHESIS_SECONDS` is how long it goes on with each key (15), `TENANTRY_SEED` what it makes up.

use std::process::Command;

use serde_json::json;

use super::tools;
use crate::served::{Served, platform_key};
use crate::torture::complains_of_nothing;
use crate::trace;

const SECONDS: u64 = 15;
const CHECKS: &str =
    "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,use_after_free";

/// A node with a meter, a tenant and a few events; what is found by the given tenant's key, or the platform's.
fn check(tenant: Option<&str>) {
    let Some(python) = tools::prober() else { return };
    let seconds = trace::number("TENANTRY_SCHEMATHESIS_SECONDS").unwrap_or(SECONDS);
    let seed = trace::number("TENANTRY_SEED").unwrap_or_else(|| u64::from(std::process::id()));
    println!("TENANTRY_SCHEMATHESIS_SECONDS={seconds} TENANTRY_SEED={seed}");
    let folder = tempfile::tempdir().unwrap();
    let platform = platform_key(folder.path());
    let node = Served::start(folder.path(), &platform, &[]).unwrap();
    let meter = json!({"event_type": "call", "aggregation": "count", "window": {"tumbling": {"size_s": 60}}});
    assert_eq!(node.json("PUT", "/v1/meters/calls", &meter).status, 200);
    assert_eq!(node.json("POST", "/v1/tenants", &json!({"tenant": "acme"})).status, 201);
    let key = tenant.map_or(platform.clone(), |tenant| {
        let path = format!("/v1/tenants/{tenant}/keys");
        let made = node.json("POST", &path, &json!({"scopes": ["ingest", "query", "admin"]}));
        made.json()["key"].as_str().unwrap().to_owned()
    });
    let mut command = Command::new(python.with_file_name("schemathesis"));
    command.arg("run").arg(format!("http://{}/openapi.json", node.address()));
    command.args(["--header", &format!("Authorization: Bearer {key}"), "--checks", CHECKS, "--no-color"]);
    command.args(["--max-time", &seconds.to_string(), "--seed", &seed.to_string(), "--workers", "1"]);
    command.args(["--phases", "examples,coverage,fuzzing", "--suppress-health-check", "all"]);
    command.args(["--request-timeout", "30", "--continue-on-failure", "--no-shrink", "--warnings", "off"]);
    // It keeps a folder of what it has tried.
    let output = command.current_dir(folder.path()).output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    let (said, ended_well) = node.terminate();
    assert!(output.status.success(), "{told}{}", String::from_utf8_lossy(&output.stderr));
    assert!(ended_well, "{said}");
    complains_of_nothing(&said);
}

#[test]
fn every_answer_to_the_platform_is_as_documented() {
    check(None);
}

#[test]
fn every_answer_to_a_tenant_is_as_documented() {
    check(Some("acme"));
}
