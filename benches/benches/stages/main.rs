//! A stage at a time, in the order of the flow, and beside each stage its limit: what the same machine does in the same
//! run with the same input and nothing else (copy the bytes, walk the keys through a hash table, write and sync). The
//! figure is the ratio of the two, which travels from machine to machine better than either.
//!
//! `cargo bench -p benches --bench stages [-- <stage>]`; `--features allocations` counts allocations instead of measuring
//! times. Input is seeded, so two runs see the same events. A table of medians follows criterion's own report. Without `--bench`, as in `cargo test --benches`, every stage runs once on
//! little input: a check that it works, not a measurement.
//!
//! Not here: the flow as a whole (`end_to_end`), the peers. One binary rather than one a stage, because each would link
//! DataFusion.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a measurement prints, and has failed when it can't go on"
)]

mod allocations;
mod bench;
mod engine_on;
mod input;

mod decode;
mod admission;
mod dedup;
mod log;
mod panes;
mod publish;
mod query;
mod lease;
mod checkpoint;
mod lake;
mod recovery;

/// A name, as figures have it, and what measures it.
type Stage = (&'static str, fn(&mut bench::Bench));

const STAGES: [Stage; 11] = [
    ("decode", decode::bench),
    ("admission", admission::bench),
    ("dedup", dedup::bench),
    ("log", log::bench),
    ("panes", panes::bench),
    ("publish", publish::bench),
    ("query", query::bench),
    ("lease", lease::bench),
    ("checkpoint", checkpoint::bench),
    ("lake", lake::bench),
    ("recovery", recovery::bench),
];

fn main() {
    let mut bench = bench::Bench::from_args();
    // Criterion's filter leaves out calls only; here what they need is not prepared either.
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let is_named = |stage: &str| arguments.iter().any(|argument| argument.split('/').next() == Some(stage));
    let any_is_named = STAGES.iter().any(|(name, _)| is_named(name));
    for (_, stage) in STAGES.iter().filter(|(name, _)| !any_is_named || is_named(name)) {
        stage(&mut bench);
    }
    bench.report();
}
