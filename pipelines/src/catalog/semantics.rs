//! What makes SQL mean here what it means in Postgres: options, planners of operators, rules of the analyzer and the functions
//! that they call.
//!
//! In one place, so that sessions and what is kept current compute alike (I3). Not here: syntax ([`super::dialect`]).

use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::logical_expr::ScalarUDF;
use datafusion::logical_expr::planner::ExprPlanner;
use datafusion::optimizer::analyzer::AnalyzerRule;
use datafusion::optimizer::analyzer::resolve_grouping_function::ResolveGroupingFunction;
use datafusion::optimizer::analyzer::type_coercion::TypeCoercion;

use super::arithmetic::Arithmetic;
use super::bounds::Growth;
use super::differences::Differences;
use super::instants::Instants;
use super::memberships::Memberships;
use super::products::Products;
use super::signs::Signs;
use super::spans::Spans;
use super::text_times::TextTimes;
use super::totals::Totals;
use super::truths::Truths;
use super::walk::Walk;
use super::wholes::Wholes;
use super::{arithmetic, casts, differences, functions, spans, text_times, written, zone};

/// See the module.
pub(crate) struct Semantics;

impl Semantics {
    /// How statements are read.
    pub(crate) fn set(options: &mut ConfigOptions) {
        // A literal with a point is a decimal.
        options.sql_parser.parse_float_as_decimal = true;
        options.execution.time_zone = Some(zone::UTC.to_owned());
    }

    /// What operators become whose types DataFusion does not know; its own planners come after these.
    pub(crate) fn planners() -> Vec<Arc<dyn ExprPlanner>> {
        vec![Arc::new(Products), Arc::new(Truths)]
    }

    /// DataFusion's rules with ours among them.
    pub(crate) fn rules() -> Vec<Arc<dyn AnalyzerRule + Send + Sync>> {
        vec![
            Arc::new(Walk(Signs)),
            Arc::new(Walk(Instants)),
            Arc::new(Walk(Arithmetic)),
            Arc::new(Walk(Wholes)),
            Arc::new(Walk(Spans)),
            Arc::new(Memberships),
            Arc::new(Walk(functions::Arguments)),
            Arc::new(Walk(Differences)),
            Arc::new(ResolveGroupingFunction::new()),
            Arc::new(TypeCoercion::new()),
            Arc::new(Walk(Differences)),
            Arc::new(Walk(functions::Contains)),
            Arc::new(Walk(TextTimes)),
            Arc::new(Walk(functions::TypeOf)),
            Arc::new(Totals),
            Arc::new(Growth),
        ]
    }

    /// What rules and rewritten syntax call.
    pub(crate) fn functions() -> Vec<ScalarUDF> {
        let own = [
            casts::function(),
            differences::function(),
            spans::function(),
            text_times::function(),
            written::function(),
        ];
        arithmetic::functions().into_iter().chain(zone::functions()).chain(own).chain(functions::scalars()).collect()
    }
}
