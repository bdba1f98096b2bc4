//! Snapshots that live as long as the process: for tests, and for nodes without a folder.

use std::collections::HashMap;

use engine::lock::{self, Lock};
use engine::log::Offset;

use super::{Snapshots, SnapshotsError, TenantRecord};

/// A cache in memory.
#[derive(Debug, Default)]
pub struct MemorySnapshots(Lock<Held>);

#[derive(Debug, Default)]
struct Held {
    records: HashMap<String, TenantRecord>,
    valid_until: Offset,
    rebuilt: u64,
}

impl MemorySnapshots {
    #[track_caller]
    fn held(&self) -> lock::Held<'_, Held> {
        self.0.lock()
    }
}

impl Snapshots for MemorySnapshots {
    fn for_each(&self, each: &mut dyn FnMut(String, TenantRecord)) -> Result<(), SnapshotsError> {
        // Called without the lock, so that `each` may ask the cache too.
        let records = self.held().records.clone();
        records.into_iter().for_each(|(tenant, record)| each(tenant, record));
        Ok(())
    }

    fn put_batch(&self, records: &[(String, TenantRecord)], valid_until: Offset) -> Result<(), SnapshotsError> {
        let mut held = self.held();
        held.records.extend(records.iter().cloned());
        held.valid_until = valid_until;
        Ok(())
    }

    fn valid_until(&self) -> Result<Offset, SnapshotsError> {
        Ok(self.held().valid_until)
    }

    fn clear(&self) -> Result<(), SnapshotsError> {
        let rebuilt = self.rebuilt() + 1;
        *self.held() = Held { rebuilt, ..Held::default() };
        Ok(())
    }

    fn rebuilt(&self) -> u64 {
        self.held().rebuilt
    }
}
