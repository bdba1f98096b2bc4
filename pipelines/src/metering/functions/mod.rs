//! Functions that DataFusion lacks or computes in an inexact or order-dependent way.
//!
//! Meters use them and analysts can call them in SQL. All aggregates are exact or of stated error, and their states merge
//! associatively and commutatively (I3, I4). Not here: windows and panes.

mod groups;
mod stddev;
mod average;
mod sum;
mod latest;
mod percentile;
mod unique;
pub(super) mod weighted;
pub(super) mod members;

use datafusion::logical_expr::AggregateUDF;

pub(super) use average::half_even;
pub use members::member_functions;

/// All aggregates, to be registered in a session.
pub fn functions() -> Vec<AggregateUDF> {
    vec![
        average::function(),
        sum::function(),
        stddev::function(),
        latest::latest(),
        latest::first(),
        unique::function(),
        percentile::function(),
        weighted::function(),
        weighted::points(),
    ]
}

/// The function of that name.
///
/// # Panics
/// If there is none: names come from this crate's code only.
pub(super) fn function(name: &str) -> AggregateUDF {
    functions().into_iter().find(|function| function.name() == name).expect("named after a function of this module")
}
