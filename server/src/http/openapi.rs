//! `/openapi.json`: OpenAPI 3.1, generated from the handlers.
//!
//! What is declared (meters, limits, plans) has schemas of its own kind, which are put in their places here.

use std::borrow::Cow;
use std::sync::LazyLock;

use axum::body::Bytes;
use axum::http::header;
use axum::response::IntoResponse;
use serde_json::Value;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{ObjectBuilder, RefOr, Schema};
use utoipa::{Modify, OpenApi, PartialSchema, ToSchema};

use super::documented::Refusals;
use super::{
    alerts, declared, endpoints, events, gauges, health, keys, meters, offboarding, plans, problem, query, quotas,
    rejections, tenants, usage,
};

/// The document.
#[derive(OpenApi)]
#[openapi(
    info(title = "Tenantry", description = "Meters the events of many tenants, enforces their quotas, and answers SQL about both. Errors are RFC 9457 problems."),
    paths(
        events::ingest, rejections::count, usage::list, usage::export, query::run,
        tenants::list, tenants::create, tenants::show, tenants::delete, tenants::activate, tenants::suspend,
        tenants::offboard, tenants::release, tenants::assign_plan, offboarding::export,
        quotas::list, quotas::set, quotas::remove, alerts::list, alerts::acknowledge,
        endpoints::list, endpoints::secret, endpoints::rotate, endpoints::enable, endpoints::disable,
        keys::list, keys::create, keys::rotate, keys::revoke,
        meters::list, meters::show, meters::define, meters::remove, plans::list, plans::define,
        declared::apply, declared::kinds, declared::list, declared::versions, declared::schema,
        health::live, health::ready, gauges::metrics, document, problem::show,
    ),
    tags(
        (name = "events", description = "events in"),
        (name = "query", description = "numbers out"),
        (name = "tenants", description = "who there is and how much they may"),
        (name = "keys", description = "who may ask"),
        (name = "meters", description = "what is counted"),
        (name = "kinds", description = "everything that is declared by a name and a specification"),
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
pub(super) async fn document() -> impl IntoResponse {
    // It is the same for everybody and takes milliseconds to make, and whoever asks need not show a key.
    static WRITTEN: LazyLock<Bytes> = LazyLock::new(|| Bytes::from(whole().to_string()));
    ([(header::CONTENT_TYPE, "application/json")], WRITTEN.clone())
}

/// The document with the schemas that types elsewhere have of themselves.
fn whole() -> Value {
    let mut document = serde_json::to_value(Document::openapi()).expect("a document has string keys");
    for (name, kind) in DECLARED {
        let kind = actors::kinds::kind(kind).expect("the list names kinds that there are");
        document["components"]["schemas"][name] = kind.schema();
    }
    document
}

/// Schemas of kinds, by their names in the document.
const DECLARED: [(&str, &str); 3] = [("Meter", "meter"), ("Plan", "plan"), ("Limit", "quota")];

macro_rules! declared {
    ($($schema:ident = $name:literal: $of:literal;)*) => {
        $(
            #[doc = $of]
            pub(super) struct $schema;

            impl PartialSchema for $schema {
                fn schema() -> RefOr<Schema> {
                    // Its type, which knows no OpenAPI, says what it is: see `whole`.
                    ObjectBuilder::new().into()
                }
            }

            impl ToSchema for $schema {
                fn name() -> Cow<'static, str> {
                    $name.into()
                }
            }
        )*
    };
}

declared! {
    MeterSchema = "Meter": "[`engine::meter::Meter`].";
    PlanSchema = "Plan": "[`actors::plan::Plan`].";
    LimitSchema = "Limit": "[`actors::limit::Limit`].";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_schema_of_a_kind_is_put_in_its_place() {
        let document = whole();
        for (name, _) in DECLARED {
            let members = document["components"]["schemas"][name]["properties"].as_object();
            assert!(members.is_some_and(|members| !members.is_empty()), "{name}");
        }
    }

    #[test]
    fn the_document_is_whole() {
        let document = whole();
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
