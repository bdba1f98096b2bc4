//! Statistics on plain numbers: pure functions, no I/O, no clock, no tenants.

pub mod sketch;
