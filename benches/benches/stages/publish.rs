//! View publish: what was folded since the last cut becomes an immutable sorted delta, merged with those before it as
//! the tiers say. One shard, two batches a cut, over panes of a long stream.
//!
//! Limit: sort the groups of the same events. Not here: the barrier that makes shards agree.

use std::cell::RefCell;

use engine::shard::Operator;

use crate::bench::{Bench, Figure, Work};
use crate::input::{self, NOW_US, ROWS};
use crate::panes::{fold, groups, operator};

/// Batches of a cut: what twenty milliseconds bring at some hundred thousand events a second.
const BATCHES: usize = 2;

pub(crate) fn bench(bench: &mut Bench) {
    for &tenants in bench.tenants() {
        let batches = input::batches(tenants, bench.scaled(128).max(BATCHES));
        let operator = RefCell::new(operator());
        fold(&mut operator.borrow_mut(), 0, &batches);
        operator.borrow_mut().publish(NOW_US);

        let mut cuts = batches.chunks_exact(BATCHES).cycle();
        let mut offset = (batches.len() * ROWS) as u64;
        let apply = || {
            fold(&mut operator.borrow_mut(), offset, cuts.next().unwrap());
            offset += (BATCHES * ROWS) as u64;
        };
        let publish = |()| operator.borrow_mut().publish(NOW_US);

        let keys: Vec<u64> = batches[..BATCHES].iter().flat_map(groups).map(|(key, _)| key).collect();
        let sort = |mut keys: Vec<u64>| {
            keys.sort_unstable();
            keys.dedup();
            keys
        };
        let figure = Figure::events("publish", format!("5 meters, {tenants} tenants"), BATCHES * ROWS, BATCHES);
        let limit = Work { setup: || keys.clone(), routine: sort };
        bench.beside(figure, Work { setup: apply, routine: publish }, "sort the groups", limit);
    }
}
