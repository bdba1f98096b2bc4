//! What the node says about itself: metrics for Prometheus and a structured log.
//!
//! Neither ever carries a secret or an event's content (I12). Not here: the tenants' numbers, which are views.

pub mod metrics;
pub mod logging;
