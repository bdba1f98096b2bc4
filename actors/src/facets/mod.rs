//! The facets, one file each, all of the same shape: state, commands, changes, rejections, `decide`, `apply`.
//!
//! `meters`, `views` and `plans` belong to the platform, which is a tenant too.

pub mod lifecycle;
pub mod plan;
pub mod keys;
pub mod quota;
pub mod meters;
pub mod views;
pub mod plans;
pub mod alerts;
pub mod endpoints;
pub mod outbox;
