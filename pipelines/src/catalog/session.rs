//! Sessions: DataFusion's, with the catalog of one identity and nothing that reaches outside of it.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::catalog::information_schema::INFORMATION_SCHEMA;
use datafusion::catalog::{CatalogProvider, CatalogProviderList, MemoryCatalogProvider, MemoryCatalogProviderList};
use datafusion::execution::SessionStateBuilder;
use datafusion::execution::disk_manager::{DiskManagerBuilder, DiskManagerMode};
use datafusion::execution::memory_pool::FairSpillPool;
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use datafusion::execution::session_state::SessionState;
use datafusion::optimizer::{Optimizer, OptimizerRule};
use datafusion::prelude::{SessionConfig, SessionContext};

use super::bounds::AfterEach;
use super::information_schema::InformationSchema;
use super::planner::PinningPlanner;
use super::schema::PublicSchema;
use super::shares::Shares;
use super::source::Source;
use super::threads::Threads;
use super::values::{self, Values};
use super::visibility::Visibility;
use super::{CATALOG, CatalogError, CatalogOptions, SCHEMA, Semantics, functions, json_get};
use crate::metering;

/// The state that all sessions begin with: functions, limits, planner; no tables.
pub(super) fn template(source: &Arc<dyn Source>, options: &CatalogOptions, shares: Arc<Shares>) -> SessionState {
    let mut config = SessionConfig::new()
        .with_default_catalog_and_schema(CATALOG, SCHEMA)
        .with_create_default_catalog_and_schema(false)
        // Registered with the views instead: ours has their comments.
        .with_information_schema(false)
        .with_batch_size(options.batch_rows)
        .with_target_partitions(options.partitions);
    // So that errors can say where they are.
    config.options_mut().sql_parser.collect_spans = true;
    // A comment is metadata of its column, and a union of it with a column without one is planned with it here and without
    // it there; grouping would refuse that.
    config.options_mut().execution.skip_physical_aggregate_schema_check = true;
    // A limit pushed into a DISTINCT over rows that are sorted otherwise ends in an internal error.
    config.options_mut().optimizer.enable_distinct_aggregation_soft_limit = false;
    Semantics::set(config.options_mut());
    let state = SessionStateBuilder::new()
        .with_config(config)
        .with_runtime_env(runtime(options))
        .with_expr_planners(Semantics::planners())
        .with_default_features()
        // Nothing that reads or writes files: `CREATE EXTERNAL TABLE` and `COPY` find no format even if a door forgot to
        // verify.
        .with_table_factories(HashMap::new())
        .with_file_formats(Vec::new())
        .with_query_planner(Arc::new(PinningPlanner {
            source: Arc::clone(source),
            threads: Threads::new(options.partitions),
            shares,
            value_bytes_max: options.value_bytes_max,
        }));
    let state = state.build();
    let mut aggregates = state.aggregate_functions().values().cloned().collect::<Vec<_>>();
    aggregates.extend(metering::functions().into_iter().map(Arc::new));
    aggregates.extend(functions::aggregates().into_iter().map(Arc::new));
    let mut scalars = state.scalar_functions().values().cloned().collect::<Vec<_>>();
    scalars.extend(metering::member_functions().into_iter().map(Arc::new));
    scalars.extend(json_get::functions().map(Arc::new));
    // Under another of its names DataFusion's would come back, since a session is built of what one has, in any order.
    let own = Semantics::functions();
    scalars.retain(|known| own.iter().all(|function| function.name() != known.name()));
    scalars.extend(own.into_iter().map(Arc::new));
    let bytes_max = options.value_bytes_max as u64;
    let scalars = scalars.into_iter().map(|function| values::guarded(function, bytes_max)).collect();
    let mut rules = Semantics::rules();
    rules.push(Arc::new(Values { bytes_max }));
    SessionStateBuilder::new_from_existing(state)
        .with_aggregate_functions(aggregates)
        .with_scalar_functions(scalars)
        .with_analyzer_rules(rules)
        .with_optimizer_rules(looked_at())
        .build()
}

/// DataFusion's rules, each that takes long or may make a plan larger with a look at what came of it.
fn looked_at() -> Vec<Arc<dyn OptimizerRule + Send + Sync>> {
    let mut rules: Vec<Arc<dyn OptimizerRule + Send + Sync>> = Vec::new();
    for rule in Optimizer::new().rules {
        let look = match rule.name() {
            "simplify_expressions" | "push_down_filter" | "optimize_projections" => Some(AfterEach { counts: true }),
            "common_sub_expression_eliminate" | "eliminate_cross_join" => Some(AfterEach { counts: false }),
            _ => None,
        };
        rules.push(rule);
        rules.extend(look.map(|look| Arc::new(look) as Arc<dyn OptimizerRule + Send + Sync>));
    }
    rules
}

/// One pool for all queries, so that together they stay within it (I8); what does not fit spills, within a limit too.
fn runtime(options: &CatalogOptions) -> Arc<RuntimeEnv> {
    let build = |mode| {
        let disk = DiskManagerBuilder::default().with_mode(mode).with_max_temp_directory_size(options.spill_bytes_max);
        RuntimeEnvBuilder::new()
            .with_memory_pool(Arc::new(FairSpillPool::new(options.memory_bytes_max)))
            .with_disk_manager_builder(disk)
            .build_arc()
    };
    let spills = (options.spill_bytes_max > 0).then(|| match &options.spill_folder {
        Some(folder) => DiskManagerMode::Directories(vec![folder.clone()]),
        None => DiskManagerMode::OsTmpDirectory,
    });
    let built = spills.and_then(|mode| {
        // A full disk, say, is no reason to answer nothing at all.
        build(mode).inspect_err(|error| tracing::error!(%error, "statements spill nothing until the next start")).ok()
    });
    built.unwrap_or_else(|| build(DiskManagerMode::Disabled).expect("without a folder there is nothing that can fail"))
}

/// The views that `visibility` may know of (I6).
pub(super) fn public(source: &Arc<dyn Source>, visibility: &Visibility) -> PublicSchema {
    PublicSchema::new(Arc::clone(source), visibility.clone())
}

/// A session over `template` that knows only what `visibility` may see (I6).
pub(super) fn session(
    template: &SessionState,
    source: &Arc<dyn Source>,
    visibility: &Visibility,
) -> Result<SessionContext, CatalogError> {
    let public = Arc::new(public(source, visibility));
    // Doors may add schemas of their own, for instance `pg_catalog`, to the session's catalog; it is nobody else's.
    let catalog = Arc::new(MemoryCatalogProvider::new());
    let catalogs: Arc<dyn CatalogProviderList> = Arc::new(MemoryCatalogProviderList::new());
    catalogs.register_catalog(CATALOG.to_owned(), Arc::clone(&catalog) as Arc<dyn CatalogProvider>);
    let functions = template.table_functions().clone();
    let information = InformationSchema::new(Arc::downgrade(&catalog), Arc::clone(&public), functions);
    catalog.register_schema(SCHEMA, public)?;
    catalog.register_schema(INFORMATION_SCHEMA, Arc::new(information))?;
    let state = SessionStateBuilder::new_from_existing(template.clone()).with_catalog_list(catalogs).build();
    Ok(SessionContext::new_with_state(state))
}
