//! What is to go wrong, and what has: one plan a storage, shared with the files that it opened.
//!
//! Not here: how a fault looks to the caller.

use crate::lock::{Held, Lock};

use super::matrix::Seen;
use super::{Fault, Operation, Rule};

#[derive(Default)]
pub(super) struct Plan(Lock<PlanState>);

#[derive(Default)]
pub(super) struct PlanState {
    pub(super) rules: Vec<Rule>,
    /// State of the generator.
    pub(super) random: u64,
    pub(super) one_in: u64,
    pub(super) random_operations: Vec<Operation>,
    pub(super) struck: u64,
    /// The process is gone.
    pub(super) halted: bool,
    pub(super) seen: Seen,
}

impl Plan {
    #[track_caller]
    pub(super) fn lock(&self) -> Held<'_, PlanState> {
        self.0.lock()
    }

    /// The fault for this operation, if any, and a number to choose its details by.
    pub(super) fn strike(&self, operation: Operation, name: &str) -> Option<(Fault, u64)> {
        let mut plan = self.lock();
        if plan.halted {
            return Some((Fault::Halt, 0));
        }
        *plan.seen.entry(operation).or_default() += 1;
        let fault = plan.scripted(operation, name).or_else(|| plan.by_chance(operation))?;
        plan.struck += 1;
        plan.halted = fault == Fault::Halt;
        let random = plan.next_random();
        Some((fault, random))
    }
}

impl PlanState {
    fn scripted(&mut self, operation: Operation, name: &str) -> Option<Fault> {
        for rule in &mut self.rules {
            if rule.operation != operation || !name.contains(&rule.name_contains) || rule.times == 0 {
                continue;
            }
            if rule.skip > 0 {
                rule.skip -= 1;
                continue;
            }
            rule.times = if rule.times == u64::MAX { u64::MAX } else { rule.times - 1 };
            return Some(rule.fault);
        }
        None
    }

    fn by_chance(&mut self, operation: Operation) -> Option<Fault> {
        if !self.random_operations.contains(&operation) || !self.next_random().is_multiple_of(self.one_in) {
            return None;
        }
        let suitable: &[Fault] = match operation {
            Operation::Append => &[Fault::Full, Fault::Io, Fault::Short],
            Operation::Sync => &[Fault::Io, Fault::Lost],
            Operation::Read => &[Fault::Io, Fault::BitFlip],
            _ => &[Fault::Full, Fault::Io],
        };
        let choice = self.next_random() % suitable.len() as u64;
        Some(suitable[choice as usize])
    }

    /// SplitMix64: small, and good enough to choose where to fail.
    fn next_random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        mix(self.random)
    }
}

/// Spreads `value` over all 64 bits; a bijection.
pub fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    value ^ (value >> 31)
}
