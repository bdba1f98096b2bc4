//! A stage at a time, in the order of the flow, and beside each stage its limit: what the same machine does in the same
//! run with the same input and nothing else (copy the bytes, walk the keys through a hash table, write and sync). The
//! figure is the ratio of the two, which travels from machine to machine better than either.
//!
//! `cargo bench -p benches --bench stages [-- <stage>]`. Input is seeded, so two runs see the same events. A table of
//! medians follows criterion's own report. Without `--bench`, as in `cargo test --benches`, every stage runs once on
//! little input: a check that it works, not a measurement.
//!
//! Not here: the flow as a whole (`end_to_end`), the peers. One binary rather than one a stage, because each would link
//! DataFusion.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a measurement prints, and has failed when it can't go on"
)]

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
mod recovery;

fn main() {
    let mut bench = bench::Bench::from_args();
    decode::bench(&mut bench);
    admission::bench(&mut bench);
    dedup::bench(&mut bench);
    log::bench(&mut bench);
    panes::bench(&mut bench);
    publish::bench(&mut bench);
    query::bench(&mut bench);
    lease::bench(&mut bench);
    checkpoint::bench(&mut bench);
    recovery::bench(&mut bench);
    bench.report();
}
