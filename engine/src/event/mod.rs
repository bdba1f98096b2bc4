//! Events as columns: what flows through every room, and how it is read and written.
//!
//! A batch has six fixed columns and then one column per member of `data` (named by its RFC 6901 pointer), so that JSON
//! is parsed once, at the door. Not here: who the tenant is and whether the event is admitted.

pub mod schema;
pub mod batch;
pub mod rest;
mod value;
pub mod encoding;
pub mod horizon;
pub mod instant;
pub mod syntax;
mod text_column;
pub mod builder;
pub mod cloudevents;
pub mod columns;
pub mod split;
pub mod fingerprint;
pub mod ipc;
pub mod json;
