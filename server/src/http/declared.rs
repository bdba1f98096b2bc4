//! `/v1/apply`, `/v1/kinds`, `/schemas`: declarations of every kind, many at a time.

use std::sync::Arc;

use actors::facet::Owner;
use actors::kinds::{AnyKind, KINDS, kind};
use actors::refusal::RefusalKind;
use axum::Json;
use axum::extract::State;
use engine::meter::MeterError;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::identity::Identity;
use crate::node::declared::{
    ApplyError, Asked, Declaration, Named, OBJECTS_MAX, Place, Told, Version, Wrong, WrongReason,
};

use super::Door;
use super::caller::{MayAdminister, MayGovern};
use super::command::to_its_end;
use super::json::{Body, Names, Parameters, member};
use super::problem::{Kind, Problem, ProblemBody};

/// What is to be so.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Apply {
    /// What is declared, in any order.
    #[serde(default)]
    objects: Vec<Declaration>,
    /// What is no longer declared.
    #[serde(default)]
    remove: Vec<Named>,
    /// Whether everything else of the kinds among `objects` is removed.
    #[serde(default)]
    prune: bool,
    /// Whether it is only told what would change.
    #[serde(default)]
    dry_run: bool,
}

/// What became of it.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Applied {
    /// Whether nothing was changed because nothing was to be.
    dry_run: bool,
    /// Each declaration and what became of it.
    objects: Vec<Told>,
    /// What goes on after the answer; absent if nothing does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pending: Option<String>,
}

/// A kind of declarations.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct KindTold {
    /// Its name.
    #[schema(example = "meter")]
    kind: &'static str,
    /// Whose they are: `platform`, or `tenant` if each tenant has its own.
    #[schema(example = "platform")]
    owner: &'static str,
    /// JSON Schema of one in a file.
    #[schema(value_type = Object)]
    schema: Value,
}

/// Which declarations are meant.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Whose {
    /// Those of one tenant.
    tenant: Option<String>,
}

/// Makes it so: all of it, or nothing. Asking for what is already so changes nothing.
///
/// Declarations may rely on each other in any order. Everything that is wrong is told at once. A tenant's key may declare the
/// tenant's own alert rules and endpoints, and prunes nothing.
#[utoipa::path(post, path = "/v1/apply", tag = "kinds", request_body = Apply, security(("key" = ["admin"])),
    responses((status = 200, description = "what became of each; `pending` says what is still to come", body = Applied),
        (status = 409, description = "something contradicts what is there; nothing changed", body = ProblemBody),
        (status = 422, description = "fields are not acceptable; nothing changed", body = ProblemBody)))]
pub(super) async fn apply(
    State(door): State<Arc<Door>>,
    MayAdminister(identity): MayAdminister,
    Body(Apply { objects, remove, prune, dry_run }): Body<Apply>,
) -> Result<Json<Applied>, Problem> {
    if prune {
        // It looks at everybody's.
        identity.require_platform()?;
    }
    for (kind, tenant) in objects.iter().map(|object| (&object.kind, &object.tenant)) {
        may_declare(&identity, kind, tenant.as_deref())?;
    }
    for named in &remove {
        may_declare(&identity, &named.kind, named.tenant.as_deref())?;
    }
    let node = Arc::clone(door.node()?);
    let principal = identity.principal().to_owned();
    let asked = Asked { objects, remove, prune, is_dry_run: dry_run };
    let applied = to_its_end(async move { node.apply(asked, &principal).await }).await??;
    Ok(Json(Applied { dry_run, objects: applied.objects, pending: applied.pending }))
}

/// Every kind of declarations.
#[utoipa::path(get, path = "/v1/kinds", tag = "kinds", security(("key" = ["admin"])),
    responses((status = 200, description = "those that others rely on first", body = Vec<KindTold>)))]
pub(super) async fn kinds(_: MayGovern) -> Json<Vec<KindTold>> {
    let told = |kind: &&dyn AnyKind| KindTold { kind: kind.name(), owner: owner(*kind), schema: schema_of(*kind) };
    Json(KINDS.iter().map(told).collect())
}

/// Everything that is declared of a kind.
#[utoipa::path(get, path = "/v1/kinds/{kind}", tag = "kinds", security(("key" = ["admin"])),
    params(("kind" = String, Path, description = "its name"),
        ("tenant" = Option<String>, Query, description = "those of one tenant")),
    responses((status = 200, description = "by tenant and name", body = Vec<Declaration>),
        (status = 404, description = "no such kind", body = ProblemBody)))]
pub(super) async fn list(
    State(door): State<Arc<Door>>,
    MayAdminister(identity): MayAdminister,
    Names(name): Names<String>,
    Parameters(Whose { tenant }): Parameters<Whose>,
) -> Result<Json<Vec<Declaration>>, Problem> {
    may_declare(&identity, &name, tenant.as_deref())?;
    let (node, kind) = (Arc::clone(door.node()?), known(&name)?);
    let all = tokio::task::spawn_blocking(move || node.declared(kind, tenant.as_deref())).await;
    let all = all.map_err(|error| Kind::Internal.with(format!("listing failed: {error}")))?;
    let object = |(Named { kind, tenant, name }, spec)| Declaration { kind, tenant, name, spec };
    Ok(Json(all.into_iter().map(object).collect()))
}

/// Every version of a declaration, the first one first.
#[utoipa::path(get, path = "/v1/kinds/{kind}/{name}/versions", tag = "kinds", security(("key" = ["admin"])),
    params(("kind" = String, Path, description = "its kind"), ("name" = String, Path, description = "its name"),
        ("tenant" = Option<String>, Query, description = "whose it is, of a kind that tenants have")),
    responses((status = 200, description = "who declared what, and when", body = Vec<Version>),
        (status = 404, description = "nothing of that name was ever declared", body = ProblemBody)))]
pub(super) async fn versions(
    State(door): State<Arc<Door>>,
    MayAdminister(identity): MayAdminister,
    Names((of, name)): Names<(String, String)>,
    Parameters(Whose { tenant }): Parameters<Whose>,
) -> Result<Json<Vec<Version>>, Problem> {
    may_declare(&identity, &of, tenant.as_deref())?;
    let kind = known(&of)?;
    if kind.owner() == Owner::Tenant && tenant.is_none() {
        return Err(Problem::invalid_field("tenant", "is missing: each tenant has its own"));
    }
    let node = Arc::clone(door.node()?);
    let named = Named { kind: of, tenant, name };
    let read = tokio::task::spawn_blocking(move || node.versions(kind, &named).map(|versions| (named, versions)));
    let read = read.await.map_err(|error| Kind::Internal.with(format!("reading the journal failed: {error}")))?;
    let (named, versions) = read.map_err(|error| Kind::Damaged.with(error.to_string()))?;
    match versions.is_empty() {
        true => Err(Kind::NotFound.with(format!("no {} {:?} was ever declared", named.kind, named.name))),
        false => Ok(Json(versions)),
    }
}

/// JSON Schema of a declaration in a file, for editors.
#[utoipa::path(get, path = "/schemas/{file}", tag = "kinds",
    params(("file" = String, Path, description = "`KIND.json`")),
    responses((status = 200, description = "JSON Schema 2020-12", body = Value),
        (status = 404, description = "no such kind", body = ProblemBody)))]
pub(super) async fn schema(Names(file): Names<String>) -> Result<Json<Value>, Problem> {
    let name = file.strip_suffix(".json").unwrap_or(&file);
    Ok(Json(schema_of(known(name)?)))
}

/// Refuses who is neither the platform nor the tenant whose own declaration it is.
fn may_declare(identity: &Identity, name: &str, tenant: Option<&str>) -> Result<(), Problem> {
    let is_own = kind(name).is_some_and(|kind| kind.is_tenants_own());
    match tenant.filter(|_| is_own) {
        Some(tenant) if identity.visibility().tenant() == Some(tenant) => Ok(()),
        Some(tenant) => Ok(identity.require_tenant(tenant).and_then(|()| identity.require_platform())?),
        None => Ok(identity.require_platform()?),
    }
}

fn known(name: &str) -> Result<&'static dyn AnyKind, Problem> {
    kind(name).ok_or_else(|| {
        let known = KINDS.iter().map(|kind| kind.name()).collect::<Vec<_>>().join(", ");
        Kind::NotFound.with(format!("there is no kind {name:?}; there are {known}"))
    })
}

fn owner(kind: &dyn AnyKind) -> &'static str {
    match kind.owner() {
        Owner::Platform => "platform",
        Owner::Tenant => "tenant",
    }
}

/// The schema of a specification with the members that stand beside it in a file.
pub(crate) fn schema_of(kind: &dyn AnyKind) -> Value {
    let mut schema = kind.schema();
    let mut beside = vec![("kind", json!({"const": kind.name()})), ("$schema", json!({"type": "string"}))];
    beside.push(("name", json!({"type": "string", "description": "Its name."})));
    if kind.owner() == Owner::Tenant {
        beside.push(("tenant", json!({"type": "string", "description": "Whose it is."})));
    }
    let needed: Vec<&str> =
        beside.iter().map(|(name, _)| *name).filter(|name| ["name", "tenant"].contains(name)).collect();
    if let Some(required) = schema["required"].as_array_mut() {
        required.extend(needed.into_iter().map(Value::from));
    } else {
        schema["required"] = needed.into();
    }
    for (name, member) in beside {
        // What the specification says of its own name is said better.
        if schema["properties"].get(name).is_none() {
            schema["properties"][name] = member;
        }
    }
    schema
}

impl From<ApplyError> for Problem {
    fn from(error: ApplyError) -> Self {
        match error {
            ApplyError::Command(error) => error.into(),
            ApplyError::TooMany(_) => {
                Kind::TooLarge.with(error.to_string()).field("objects", "too_many", format!("at most {OBJECTS_MAX}"))
            }
            ApplyError::Wrong(all) => {
                let told: Vec<_> = all.iter().flat_map(problems_of).collect();
                // What is worst decides: a contradiction may pass when something else has changed, a wrong field never.
                let worst = told.iter().find(|told| told.kind == Kind::Invalid).or(told.first());
                let kind = worst.map_or(Kind::Invalid, |told| told.kind);
                let first = told.first().map(|told| told.detail.clone()).unwrap_or_default();
                let detail = match all.len() {
                    1 => first,
                    more => format!("{more} declarations can't be; the first: {first}"),
                };
                told.iter().fold(kind.with(detail), |problem, told| {
                    problem.field(told.field.clone(), told.reason, told.detail.clone())
                })
            }
        }
    }
}

struct ToldWrong {
    kind: Kind,
    field: String,
    reason: &'static str,
    detail: String,
}

fn problems_of(wrong: &Wrong) -> Vec<ToldWrong> {
    let Named { kind, tenant, name } = &wrong.named;
    let whose = tenant.as_ref().map(|tenant| format!(" of tenant {tenant}")).unwrap_or_default();
    let base = match wrong.at {
        Place::Object(at) => format!("objects[{at}]"),
        Place::Remove(at) => format!("remove[{at}]"),
        Place::Pruned => "prune".to_owned(),
    };
    let in_spec = |field: &str| if field.is_empty() { base.clone() } else { format!("{base}.spec.{field}") };
    let told = |problem, field, reason, detail: &str| ToldWrong {
        kind: problem,
        field,
        reason,
        detail: format!("{kind} {name}{whose}: {detail}"),
    };
    match &wrong.reason {
        WrongReason::Field(field, detail) => {
            vec![told(Kind::Invalid, format!("{base}.{field}"), "invalid", &format!("{field} {detail}"))]
        }
        WrongReason::Spec(misfit) => {
            let (field, reason, detail) = member(&misfit.path, &misfit.words);
            vec![told(Kind::Invalid, in_spec(&field), reason, &detail)]
        }
        WrongReason::Meter(errors) => {
            let one = |error: &MeterError| told(Kind::Invalid, in_spec(&error.field), "invalid", &error.to_string());
            errors.iter().map(one).collect()
        }
        WrongReason::View(error) => vec![told(Kind::Invalid, in_spec("query"), "invalid", &error.to_string())],
        WrongReason::Rule(refusal, text) => {
            let kind = if refusal.kind == RefusalKind::Conflict { Kind::Conflict } else { Kind::Invalid };
            let fields = refusal.fields.iter();
            let of_fields: Vec<_> = fields
                .map(|field| told(kind, in_spec(&field.name), field.reason, field.detail.as_deref().unwrap_or(text)))
                .collect();
            if of_fields.is_empty() { vec![told(kind, base.clone(), "refused", text)] } else { of_fields }
        }
    }
}
