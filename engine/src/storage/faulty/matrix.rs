//! Every fault at every operation of a run.
//!
//! A run without faults tells how many operations of each kind there are ([`FaultyStorage::seen`](super::FaultyStorage::seen));
//! each rule made from that is for a run of its own. What can't be survived by anybody is left out: a bit that was wrong
//! when it was written and acknowledged. Not here: the run, and what must hold after it.

use std::collections::BTreeMap;

use super::{Fault, Operation, Rule};

pub use super::plan::mix;

/// How many operations of each kind there were.
pub type Seen = BTreeMap<Operation, u64>;

/// The faults that an operation can meet.
pub fn faults(operation: Operation) -> &'static [Fault] {
    match operation {
        Operation::Append => &[Fault::Full, Fault::Io, Fault::Short, Fault::Unsure, Fault::Halt],
        Operation::Sync => &[Fault::Io, Fault::Lost, Fault::Unsure, Fault::Halt],
        Operation::Read => &[Fault::Io, Fault::Short, Fault::BitFlip, Fault::Halt],
        _ => &[Fault::Full, Fault::Io, Fault::Unsure, Fault::Halt],
    }
}

/// One rule for each of `seen` operations and each fault that it can meet.
pub fn rules(seen: &Seen) -> Vec<Rule> {
    let of_kind = |(&operation, &count): (&Operation, &u64)| {
        (0..count).flat_map(move |skip| {
            let rule = move |&fault| Rule { operation, name_contains: String::new(), skip, times: 1, fault };
            faults(operation).iter().map(rule)
        })
    };
    seen.iter().flat_map(of_kind).collect()
}

/// About one in `one_in` of `rules`, others with each `seed`.
pub fn sample(rules: Vec<Rule>, one_in: u64, seed: u64) -> Vec<Rule> {
    let chosen = |at: u64| mix(seed ^ mix(at)).is_multiple_of(one_in.max(1));
    rules.into_iter().zip(0..).filter(|(_, at)| chosen(*at)).map(|(rule, _)| rule).collect()
}
