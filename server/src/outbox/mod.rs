//! The outbox: what the journal says goes to the endpoints that want it.
//!
//! ```text
//! journal ─► messages ─► lines (one an endpoint) ─► attempts ─► outcomes ─► the owner's actor ─► journal
//!  (cursor)   (actors)    what is queued, in flight   (webhooks)  (batches)
//! ```
//!
//! The journal is read once for everybody, and a message that an endpoint has taken needs no record of its own: one cursor says
//! up to where all is settled. An endpoint that does not keep up leaves this stream, keeps the few messages that are tried
//! again, and reads the rest from the journal when it can take more. So nothing is stored twice, an endpoint that hangs holds
//! its own line and no other's, and after a kill a message may come again under the same name, and none is missing. Not here:
//! one attempt (`webhooks`), when there is another and when an endpoint is given up (`actors`).

mod letter;
mod line;
mod dispatch;
mod flush;
mod attempts;

use std::sync::Arc;

use crate::node::Node;
use crate::webhooks::exchange::Exchange;

pub use attempts::{AttemptNote, Attempts};

/// Sends what the journal of `node` says, for as long as it is polled.
pub async fn run(node: Arc<Node>, exchange: Arc<Exchange>) {
    tokio::join!(exchange.tend(), dispatch::Dispatcher::new(node, Arc::clone(&exchange)).run());
}
