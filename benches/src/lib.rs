//! Measurements, one binary each under `benches/`. Nothing here is used by the product.

pub mod node;
pub mod process;
