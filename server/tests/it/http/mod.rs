//! The HTTP door over real loopback sockets, with a whole node behind it.

mod rig;
mod ingest;
mod refusals;
mod admin;
mod keys;
mod erasure;
mod damage;
mod declared;
mod alerts;
mod webhooks;
mod query;
mod cursor;
mod service;
mod limits;
