//! What a shard asks about its tenants before it admits their events. Implemented by `actors`.
//!
//! Called on the worker's thread, once per batch, never per event. Not here: any rule.

use crate::admission::Rejection;
use crate::calendar::Interval;
use crate::event::batch::EventBatch;

/// A shard's view of its tenants: status and leases.
///
/// # Contract
/// - [`Gate::admit`] sees only rows whose flag in `open` is set (not duplicates) and may only clear flags, giving the
///   row's rejection to `reject`. Units spent are taken from leases at once (I7).
/// - Exactly one of [`Gate::settle`] and [`Gate::refund`] follows each `admit`, in the order of the `admit`s. By then
///   `measure` counts the rows as durable, or not any more.
/// - [`Gate::recount`] may come at any time between these.
/// - Deterministic given its leases; asks `measure` for units and for what the log says was used.
pub trait Gate: Send + 'static {
    /// What was spent by one `admit`.
    type Spend: Send + 'static;

    /// Decides which of the open rows are admitted.
    fn admit(
        &mut self,
        batch: &EventBatch,
        open: &mut [bool],
        measure: &mut dyn Measure,
        reject: &mut dyn FnMut(usize, Rejection),
    ) -> Self::Spend;

    /// The rows are durable: what was spent is used.
    fn settle(&mut self, spend: Self::Spend);

    /// The append failed: what was spent comes back.
    fn refund(&mut self, spend: Self::Spend);

    /// Whether there is a tenant of that name.
    fn knows(&self, tenant: &str) -> bool;

    /// Meters count other events from now on, or others of them do: what `measure` said of units used holds no more.
    fn recount(&mut self);
}

/// What the gate may ask of the shard's operator. The counter that enforces is the counter that bills (I7).
pub trait Measure {
    /// Nano-units of `meter` that each row of `batch` counts for (0: not counted); `None` if there is no such additive
    /// meter.
    fn units(&mut self, meter: &str, batch: &EventBatch) -> Option<Vec<i128>>;

    /// Nano-units of `meter` that the log says `tenant` used in `period`, in this shard, everything admitted before
    /// included; `None` if that can't be read.
    fn used(&mut self, tenant: &str, meter: &str, period: Interval) -> Option<i128>;
}
