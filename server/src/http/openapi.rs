//! `/openapi.json`: OpenAPI 3.1, generated from the handlers.
//!
//! Definitions that are stored (meters, limits, plans) are the engine's and the actors' own types, which know no OpenAPI;
//! their schemas are written here and held against the real types by a test.

use axum::Json;
use utoipa::openapi::schema::SchemaType;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{ObjectBuilder, RefOr, Schema};
use utoipa::{Modify, OpenApi, PartialSchema, ToSchema};

use super::documented::Refusals;
use super::{
    events, gauges, health, keys, meters, offboarding, plans, problem, query, quotas, rejections, tenants, usage,
};

/// The document.
#[derive(OpenApi)]
#[openapi(
    info(title = "Tenantry", description = "Tenant events in, exact live aggregates out. Errors are RFC 9457 problems."),
    paths(
        events::ingest, rejections::count, usage::list, usage::export, query::run,
        tenants::list, tenants::create, tenants::show, tenants::delete, tenants::activate, tenants::suspend,
        tenants::offboard, tenants::release, tenants::assign_plan, offboarding::export,
        quotas::list, quotas::set, quotas::remove,
        keys::list, keys::create, keys::rotate, keys::revoke,
        meters::list, meters::show, meters::define, meters::remove, plans::list, plans::define,
        health::live, health::ready, gauges::metrics, document, problem::show,
    ),
    tags(
        (name = "events", description = "events in"),
        (name = "query", description = "numbers out"),
        (name = "tenants", description = "who there is and how much they may"),
        (name = "keys", description = "who may ask"),
        (name = "meters", description = "what is counted"),
        (name = "service", description = "the node itself"),
    ),
    modifiers(&Bearer, &Refusals),
)]
struct Document;

struct Bearer;

impl Modify for Bearer {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("an API key, tn_…; each has some of the scopes ingest, query, admin"))
            .build();
        let components = document.components.get_or_insert_default();
        components.add_security_scheme("key", SecurityScheme::Http(scheme));
    }
}

/// This document.
#[utoipa::path(get, path = "/openapi.json", tag = "service",
    responses((status = 200, description = "OpenAPI 3.1", body = serde_json::Value)))]
pub(super) async fn document() -> Json<utoipa::openapi::OpenApi> {
    Json(Document::openapi())
}

/// [`engine::meter::Meter`].
pub(super) struct MeterSchema;
/// [`actors::limit::Limit`].
pub(super) struct LimitSchema;
/// [`actors::plan::Plan`].
pub(super) struct PlanSchema;

/// An example that the real type reads, and what its members mean.
fn described(
    description: &str,
    example: serde_json::Value,
    required: &[&str],
    members: &[(&str, &str)],
) -> RefOr<Schema> {
    let mut object = ObjectBuilder::new().description(Some(description));
    for (name, meaning) in members {
        let value = &example[*name];
        let kind = match value {
            serde_json::Value::String(_) => Some(utoipa::openapi::Type::String),
            serde_json::Value::Number(_) => Some(utoipa::openapi::Type::Integer),
            serde_json::Value::Bool(_) => Some(utoipa::openapi::Type::Boolean),
            serde_json::Value::Array(_) => Some(utoipa::openapi::Type::Array),
            serde_json::Value::Object(_) => Some(utoipa::openapi::Type::Object),
            serde_json::Value::Null => None,
        };
        let mut member = ObjectBuilder::new().description(Some(*meaning)).examples([value.clone()]);
        member = member.schema_type(match kind {
            Some(kind) if *name == "aggregation" => SchemaType::from_iter([kind, utoipa::openapi::Type::Object]),
            Some(kind) if required.contains(name) => kind.into(),
            // One that may be absent is null when it is shown.
            Some(kind) => SchemaType::from_iter([kind, utoipa::openapi::Type::Null]),
            None => SchemaType::AnyValue,
        });
        object = object.property(*name, member);
    }
    for name in required {
        object = object.required(*name);
    }
    object.examples([example]).into()
}

impl PartialSchema for MeterSchema {
    fn schema() -> RefOr<Schema> {
        let example = serde_json::json!({
            "name": "tokens", "event_type": "llm.completion", "value": "$.tokens", "aggregation": "sum",
            "dimensions": [{"name": "model", "path": "$.model"}], "window": {"tumbling": {"size_s": 60}},
            "allowed_lateness_s": 3600, "description": "tokens by model",
        });
        described(
            "A meter",
            example,
            &["event_type", "aggregation", "window"],
            &[
                ("name", "lower-case SQL identifier, as in the path"),
                ("event_type", "CloudEvents `type` that is counted"),
                ("value", "JSON path of the value inside `data`; not for count"),
                (
                    "aggregation",
                    "count, sum, min, max, avg, latest, first, unique_count, unique_count_sketch, weighted_sum, \
                stddev, rate, {\"percentile\": {\"q\": \"0.95\"}} or {\"sql\": {\"expression\": …}}",
                ),
                ("dimensions", "at most 8 of {name, path}"),
                (
                    "window",
                    "{\"tumbling\": {size_s}}, {\"sliding\": {size_s, slide_s}}, {\"session\": {gap_s}} or \
                {\"calendar\": {period, time_zone}}",
                ),
                (
                    "allowed_lateness_s",
                    "how long after a window's end late events are ordinary revisions; 3600 if absent",
                ),
                ("description", "for people"),
            ],
        )
    }
}

impl PartialSchema for LimitSchema {
    fn schema() -> RefOr<Schema> {
        let example = serde_json::json!({
            "allowance": {"units": "1000000", "per": {"period": "day", "time_zone": "UTC"}},
            "rate": {"units_per_s": "100", "burst": "500"}, "hard": true,
        });
        described(
            "A limit on a meter",
            example,
            &["hard"],
            &[
                ("allowance", "units per calendar period; numbers, or texts for more than 15 digits"),
                ("rate", "units per second and at once"),
                ("hard", "whether events beyond it are refused"),
            ],
        )
    }
}

impl PartialSchema for PlanSchema {
    fn schema() -> RefOr<Schema> {
        let example = serde_json::json!({
            "limits": {"tokens": {"allowance": {"units": "1000000",
                "per": {"period": "month", "time_zone": "Europe/Zurich"}}, "hard": false}},
            "billing": {"period": "month", "time_zone": "Europe/Zurich"},
        });
        described(
            "A plan",
            example,
            &["limits", "billing"],
            &[
                ("limits", "by meter; see Limit"),
                ("billing", "billing period: hour, day, week, month, quarter or year, in an IANA time zone"),
            ],
        )
    }
}

impl ToSchema for MeterSchema {
    fn name() -> std::borrow::Cow<'static, str> {
        "Meter".into()
    }
}

impl ToSchema for LimitSchema {
    fn name() -> std::borrow::Cow<'static, str> {
        "Limit".into()
    }
}

impl ToSchema for PlanSchema {
    fn name() -> std::borrow::Cow<'static, str> {
        "Plan".into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of a schema is read by the real type, names each of its members, and is written back the same.
    fn check<T: serde::de::DeserializeOwned + serde::Serialize>(schema: &RefOr<Schema>) {
        let schema = serde_json::to_value(schema).unwrap();
        let example = schema["examples"][0].clone();
        let value: T = serde_json::from_value(example.clone()).unwrap();
        let written = serde_json::to_value(value).unwrap();
        let names = |object: &serde_json::Value| object.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(&written), names(&schema["properties"]));
        assert_eq!(names(&written), names(&example));
    }

    #[test]
    fn written_schemas_fit_the_types() {
        check::<engine::meter::Meter>(&MeterSchema::schema());
        check::<actors::limit::Limit>(&LimitSchema::schema());
        check::<actors::plan::Plan>(&PlanSchema::schema());
    }

    #[test]
    fn the_document_is_whole() {
        let document = serde_json::to_value(Document::openapi()).unwrap();
        assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
        let text = document.to_string();
        let references = text.split("\"#/components/schemas/").skip(1).map(|rest| rest.split('"').next().unwrap());
        for name in references {
            assert!(document["components"]["schemas"].get(name).is_some(), "no schema {name}");
        }
        for (path, methods) in document["paths"].as_object().unwrap() {
            for (method, operation) in methods.as_object().unwrap() {
                assert!(!operation["summary"].as_str().unwrap_or_default().is_empty(), "{method} {path}");
            }
        }
    }
}
