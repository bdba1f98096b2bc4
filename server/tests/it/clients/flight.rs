//! Arrow Flight SQL with real drivers: who gets in, what each sees, and what comes in.

mod house;
mod tools;
mod calls;
mod python;
mod jdbc;
mod memory;
