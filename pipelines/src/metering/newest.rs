//! When a meter last counted something for each tenant, by the time of the event.
//!
//! Not here: when it arrived.

use std::collections::HashMap;

use arrow::array::AsArray;
use arrow::datatypes::Int32Type;
use engine::event::batch::Texts;
use engine::snapshot::ShardView;

use super::MeteringSnapshot;
use super::delta::Layout;
use super::read::{MeteringError, Source, WindowFilter};

/// The time of the newest event of `meter`, microseconds, by tenant.
///
/// # Errors
/// If there is no such meter or its panes can't be read.
pub fn newest(
    shards: &[ShardView<MeteringSnapshot>],
    meter: &str,
    filter: &WindowFilter,
) -> Result<HashMap<String, i64>, MeteringError> {
    let source = Source::new(shards, meter, filter, None)?;
    let mut newest = HashMap::new();
    for (panes, range) in &source.parts {
        let [_, _, _, last] = Layout::of(panes.schema_ref(), source.meter.states()).marks(panes);
        let tenants = Texts::new(panes.column(0).as_dictionary::<Int32Type>());
        let mut from = range.start;
        while from < range.end {
            // Rows are sorted by tenant.
            let key = tenants.key(from);
            let count = (from..range.end).take_while(|&row| tenants.key(row) == key).count();
            let latest = last[from..from + count].iter().max().copied();
            if let (Some(tenant), Some(latest)) = (tenants.get(from), latest) {
                match newest.get_mut(tenant) {
                    Some(known) => *known = latest.max(*known),
                    None => drop(newest.insert(tenant.to_owned(), latest)),
                }
            }
            from += count;
        }
    }
    Ok(newest)
}
