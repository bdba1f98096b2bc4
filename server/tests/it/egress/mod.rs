//! Messages that really leave for endpoints that behave in every way that endpoints do.

mod endpoint;
mod outcomes;
mod hangs;
mod reuse;
mod guarded;
mod encrypted;
mod crowd;
mod receivers;
