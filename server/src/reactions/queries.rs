//! Rules whose measure is an SQL query: each run on its own schedule, over the views that its owner may see.
//!
//! A query runs within the memory of the query side and a time of its own, a few at once, so it can neither starve clients nor
//! hold up the rules that follow each cut. Not here: those (`evaluator`).

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use actors::facets::alerts::{By, Observation, RuleId, Seen, Sighting};
use actors::facets::lifecycle::Status;
use actors::rule::{Measure, Rule};
use actors::{Edition, PLATFORM, TenantState};
use arrow::array::{Array, AsArray, RecordBatch, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Decimal128Type};
use engine::event::schema::units_type;
use engine::units::Units;
use futures::StreamExt;
use pipelines::catalog::Visibility;
use tokio::task::JoinSet;

use crate::node::Node;

use super::edges::{self, Edges};
use super::evaluation::{Evaluated, Name};
use super::rules;

/// Between two looks at what is due.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// Queries that run at once.
const AT_ONCE: usize = 2;
/// Longest query.
const LONGEST: Duration = Duration::from_secs(10);
/// Most rows of an answer, which has one for each tenant.
const ROWS_MAX: usize = 1_000_000;
const US_PER_S: i64 = 1_000_000;

/// Runs queries when they are due, for as long as it is polled.
pub(super) async fn run(node: Arc<Node>) {
    let mut due: BTreeMap<Name, i64> = BTreeMap::new();
    let mut edition: Option<Arc<Edition>> = None;
    let mut running: JoinSet<Name> = JoinSet::new();
    let mut under_way: HashSet<Name> = HashSet::new();
    loop {
        let newest = node.tenants.directory().edition();
        if edition.as_ref().is_none_or(|edition| !Arc::ptr_eq(edition, &newest)) {
            for (owner, state) in rules::changed(&newest, edition.as_deref()) {
                let own = due.range((owner.to_string(), String::new())..).map(|(name, _)| name);
                let own = own.take_while(|(of, _)| **of == **owner);
                let stale: Vec<Name> = own.filter(|(_, name)| !is_query(state, name)).cloned().collect();
                for name in &stale {
                    due.remove(name);
                }
                let queries = state.alerts().rules.keys().filter(|name| is_query(state, name));
                for name in queries {
                    let name = (owner.to_string(), name.clone());
                    let before = edition.as_ref().and_then(|before| rule_of(before, &name));
                    // One that was declared anew does not wait for the schedule of the old one.
                    if before != rule_of(&newest, &name) {
                        due.insert(name, 0);
                    }
                }
            }
            edition = Some(Arc::clone(&newest));
        }
        let now_us = node.tenants.now_us();
        for name in ready(&due, &under_way, now_us, AT_ONCE.saturating_sub(running.len())) {
            let Some(rule) = rule_of(&newest, &name).cloned() else { continue };
            if let Measure::Query { every_s, .. } = rule.measure {
                due.insert(name.clone(), now_us.saturating_add(i64::from(every_s) * US_PER_S));
            }
            under_way.insert(name.clone());
            let node = Arc::clone(&node);
            running.spawn(async move {
                evaluate(&node, &name, &rule).await;
                name
            });
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => {}
            Some(ended) = running.join_next() => match ended {
                Ok(name) => drop(under_way.remove(&name)),
                Err(error) => {
                    tracing::error!(%error, "a rule's query panicked");
                    under_way.clear();
                }
            },
        }
    }
}

/// Those that have been due for longest, of each owner one at a time.
fn ready(due: &BTreeMap<Name, i64>, under_way: &HashSet<Name>, now_us: i64, count: usize) -> Vec<Name> {
    let mut owners: HashSet<&str> = under_way.iter().map(|(owner, _)| owner.as_str()).collect();
    let mut waiting: Vec<(i64, &Name)> =
        due.iter().filter(|(_, at_us)| **at_us <= now_us).map(|(name, at_us)| (*at_us, name)).collect();
    waiting.sort_unstable();
    let of_others = waiting.into_iter().filter(|(_, (owner, _))| owners.insert(owner));
    of_others.map(|(_, name)| name.clone()).take(count).collect()
}

/// Whether a tenant that lives has a rule of that name whose measure is a query.
fn is_query(state: &TenantState, name: &str) -> bool {
    let rule = state.alerts().rules.get(name);
    state.lifecycle().status != Status::Deleted && rule.is_some_and(|rule| rule.measure.meter().is_none())
}

fn rule_of<'a>(edition: &'a Edition, (owner, name): &Name) -> Option<&'a Rule> {
    edition.get(owner)?.alerts().rules.get(name)
}

async fn evaluate(node: &Arc<Node>, name: &Name, rule: &Rule) {
    let Measure::Query { sql, .. } = &rule.measure else { return };
    let began = Instant::now();
    let end = i64::try_from(node.engine.snapshot().offset).unwrap_or(i64::MAX) - 1;
    let asked = tokio::time::timeout(LONGEST, ask(node, &name.0, sql)).await;
    let values = asked.unwrap_or_else(|_| Err(format!("the query was ended after {} s", LONGEST.as_secs())));
    let (owner, rule_name, answered) = (name.0.clone(), name.1.clone(), values.clone());
    let edges = {
        let node = Arc::clone(node);
        tokio::task::spawn_blocking(move || found(&node, &owner, &rule_name, answered, end)).await
    };
    if let Ok(edges) = edges {
        edges::send(&node.tenants, edges).await;
    }
    let took_us = i64::try_from(began.elapsed().as_micros()).unwrap_or(i64::MAX);
    let evaluated = Evaluated { at_us: node.tenants.now_us(), took_us, error: values.err() };
    node.evaluations.note(BTreeMap::from([(name.clone(), evaluated)]));
}

/// The values by tenant; a null is one that can't be measured.
type Values = HashMap<String, Option<Units>>;

async fn ask(node: &Arc<Node>, owner: &str, sql: &str) -> Result<Values, String> {
    let (of, sql, tenant) = (Arc::clone(node), sql.to_owned(), (owner != PLATFORM).then(|| owner.to_owned()));
    let visibility = tenant.clone().map_or(Visibility::Platform, Visibility::Tenant);
    let work = async move {
        let frame = of.catalog.query(&visibility, &sql).await.map_err(|error| error.to_string())?;
        let mut rows = frame.execute_stream().await.map_err(|error| error.to_string())?;
        let mut values = Values::new();
        while let Some(batch) = rows.next().await {
            let batch = batch.map_err(|error| error.to_string())?;
            read(&batch, tenant.as_deref(), &mut values)?;
            if values.len() > ROWS_MAX {
                return Err(format!("the query has more than {ROWS_MAX} rows"));
            }
        }
        Ok(values)
    };
    node.catalog.apart(work).await.map_err(|error| error.to_string())?
}

/// Takes up the rows of a batch; a tenant's own rule needs no column `tenant`.
fn read(batch: &RecordBatch, own: Option<&str>, values: &mut Values) -> Result<(), String> {
    let column = |name: &str, data_type: &DataType| -> Result<_, String> {
        let column = batch.column_by_name(name).ok_or_else(|| format!("the query has no column `{name}`"))?;
        cast(column, data_type).map_err(|error| format!("column `{name}`: {error}"))
    };
    let amounts = column("value", &units_type())?;
    let amounts = amounts.as_primitive::<Decimal128Type>();
    let tenants = match (own, batch.column_by_name("tenant")) {
        (Some(own), None) => StringArray::from_iter_values(std::iter::repeat_n(own, batch.num_rows())),
        _ => column("tenant", &DataType::Utf8)?.as_string::<i32>().clone(),
    };
    for row in (0..batch.num_rows()).filter(|row| tenants.is_valid(*row)) {
        let amount = amounts.is_valid(row).then(|| Units(amounts.value(row)));
        if values.insert(tenants.value(row).to_owned(), amount).is_some() {
            return Err(format!("the query has more than one row for tenant {}", tenants.value(row)));
        }
    }
    Ok(())
}

/// The edges that follow from an answer. A tenant without a row has left all levels; if the query failed, nobody knows.
fn found(node: &Node, owner: &str, name: &str, answered: Result<Values, String>, end: i64) -> Edges {
    let (edition, now_us) = (node.tenants.directory().edition(), node.tenants.now_us());
    let Some(rule) = rule_of(&edition, &(owner.to_owned(), name.to_owned())) else { return Edges::new() };
    let by = if owner == PLATFORM { By::Platform } else { By::Tenant };
    let id = RuleId { by, name: name.to_owned() };
    let watermark_us = node.engine.snapshot().shards.iter().map(|shard| shard.watermark_us).min().unwrap_or(i64::MIN);
    let seen = |tenant: &str| match &answered {
        Err(error) => Seen::Unmeasurable(error.clone()),
        Ok(values) => match values.get(tenant) {
            Some(Some(value)) => Seen::Value(Sighting { value: *value, revision: end, watermark_us }),
            Some(None) => Seen::Unmeasurable("the query's value is null".into()),
            None => Seen::Nothing,
        },
    };
    let is_for = |tenant: &str, state: &TenantState| match by {
        By::Tenant => tenant == owner,
        By::Platform => tenant != PLATFORM && rule.is_for(tenant, &state.plan().name),
    };
    let mut edges = Edges::new();
    for (tenant, state) in edition.iter() {
        if state.lifecycle().status == Status::Deleted || !is_for(tenant, state) {
            continue;
        }
        let seen = seen(tenant);
        if state.alerts().edge(&id, Some(rule), &seen, now_us).is_some() {
            edges.push((
                Arc::clone(tenant),
                vec![Observation { rule: id.clone(), measure: Some(rule.measure.clone()), seen }],
            ));
        }
    }
    edges
}
