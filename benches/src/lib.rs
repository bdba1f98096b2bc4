//! Measurements, one binary each under `benches/`. Nothing here is used by the product; there is no code to share yet.
