//! Reactions: what the node does by itself, because numbers have changed or time has passed.
//!
//! ```text
//! cut, facts, time ─► measures ─► edges ─► the tenant's actor ─► journal ─► views
//!                     (columns)  (alerts)     (alerts facet)
//! ```
//!
//! Rules are evaluated in columns, for the tenants of whom something has changed and for those whose time has come; an actor
//! hears of edges only. What was decided is the tenant's state, so a start begins by looking at everybody once and sends what
//! was missed. Not here: what a rule is and where edges are (`actors`), the numbers (`pipelines`).

mod evaluation;
mod rules;
mod measures;
mod evaluator;
mod queries;
mod edges;

use std::sync::Arc;
use std::time::Duration;

use actors::Timers;
use tokio::task::JoinSet;

use crate::node::Node;
use crate::outbox;
use crate::webhooks::exchange::Exchange;

pub use evaluation::{Evaluated, Evaluations};

/// Between two evaluations at least; the engine cuts as often.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// How many times as long as an evaluation took nothing is evaluated then: a tenth of a core at most.
const REST: u32 = 9;
/// Before an evaluation that failed is tried again.
const AFTER_PANIC: Duration = Duration::from_secs(1);

/// Goes on until it is dropped.
#[derive(Debug)]
pub struct Reactions {
    tasks: JoinSet<()>,
}

impl Reactions {
    /// Has `node` react from now on.
    pub fn start(node: &Arc<Node>, exchange: Arc<Exchange>) -> Self {
        let mut tasks = JoinSet::new();
        tasks.spawn(Timers::new(node.tenants.clone()).run());
        tasks.spawn(evaluate(Arc::clone(node)));
        tasks.spawn(queries::run(Arc::clone(node)));
        tasks.spawn(outbox::run(Arc::clone(node), exchange));
        Self { tasks }
    }

    /// Ends only if one of its tasks has ended, which none should.
    pub async fn ended(&mut self) {
        let _ = self.tasks.join_next().await;
    }
}

async fn evaluate(node: Arc<Node>) {
    let mut evaluator = evaluator::Evaluator::new(&node);
    loop {
        let looked = tokio::task::spawn_blocking(move || {
            let began = std::time::Instant::now();
            let edges = evaluator.look();
            (evaluator, edges, began.elapsed())
        });
        match looked.await {
            Ok((next, edges, took)) => {
                evaluator = next;
                evaluator.look_again(edges::send(&node.tenants, edges).await);
                tokio::time::sleep(LOOK_EVERY.max(took * REST)).await;
            }
            Err(error) => {
                // What it knew is gone with it; the next one looks at everybody.
                tracing::error!(%error, "evaluating alert rules failed; it begins anew");
                tokio::time::sleep(AFTER_PANIC).await;
                evaluator = evaluator::Evaluator::new(&node);
            }
        }
    }
}
