//! Metering against an independent oracle, and through publish, seal, restore and backfill.

mod cold;
mod event;
mod exactness;
mod lifecycle;
mod oracle;
mod series;
mod sql;
mod sums;
