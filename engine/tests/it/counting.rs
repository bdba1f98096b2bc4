//! The smallest operator, gate and lake that the engine can be tried with.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use engine::admission::{Reason, Rejection, RejectionCount};
use engine::calendar::Interval;
use engine::definition::Definition;
use engine::event::batch::EventBatch;
use engine::fact::Billed;
use engine::lake::{Lake, LakeError};
use engine::log::{Log, Offset};
use engine::shard::{Arrival, Gate, Measure, Operator, Position, RestoreError, Seal, SealedFiles};
use engine::snapshot::ArchiveFile;
use engine::storage::{Storage, StorageError};

pub(crate) type Counts = BTreeMap<String, u64>;

/// The one tenant that the gate does not know.
pub(crate) const NOBODY: &str = "nobody";

/// Counts events by tenant; every meter's unit is one.
#[derive(Default)]
pub(crate) struct Counting {
    counts: Counts,
    refused: u64,
}

struct Sealed(Counts, u64);

impl Seal for Sealed {
    fn write(
        self: Box<Self>,
        _storage: &dyn Storage,
        _prefix: &str,
        _files: &mut SealedFiles,
    ) -> Result<serde_json::Value, StorageError> {
        Ok(serde_json::json!({ "counts": self.0, "refused": self.1 }))
    }
}

impl Operator for Counting {
    type Snapshot = (Counts, u64);

    fn vet(&mut self, _arrival: &Arrival<'_>, _reject: &mut dyn FnMut(usize, Rejection)) {}

    fn expect(&mut self, _batch: &EventBatch) {}

    fn units(&self, _meter: &str, batch: &EventBatch) -> Option<Vec<i128>> {
        Some(vec![1; batch.len()])
    }

    fn used(&mut self, tenant: &str, _meter: &str, _period: Interval) -> Option<i128> {
        Some(i128::from(self.counts.get(tenant).copied().unwrap_or_default()))
    }

    fn apply(&mut self, batch: &EventBatch, _position: Position) {
        for row in 0..batch.len() {
            *self.counts.entry(batch.tenants().get(row).expect("a tenant").to_owned()).or_default() += 1;
        }
    }

    fn reject(&mut self, counts: &[RejectionCount], _position: Position) {
        self.refused += counts.iter().map(|count| count.count).sum::<u64>();
    }

    fn publish(&mut self, _watermark_us: i64) -> Arc<(Counts, u64)> {
        Arc::new((self.counts.clone(), self.refused))
    }

    fn seal(&mut self) -> Box<dyn Seal> {
        Box::new(Sealed(self.counts.clone(), self.refused))
    }

    fn restore(&mut self, description: &serde_json::Value, _storage: &dyn Storage) -> Result<(), RestoreError> {
        self.counts = serde_json::from_value(description["counts"].clone()).expect("counts");
        self.refused = description["refused"].as_u64().expect("a number");
        Ok(())
    }

    fn follows(&self, _definitions: &[Definition]) -> bool {
        true
    }

    fn configure(&mut self, _: &[Definition], _: Option<Position>) -> Result<Vec<String>, RestoreError> {
        Ok(Vec::new())
    }

    fn bill(&mut self, _: &Billed, _: Position) -> Result<(), RestoreError> {
        Ok(())
    }

    fn forget(&mut self, tenants: &BTreeSet<String>, _: Position) -> Result<(), RestoreError> {
        self.counts.retain(|tenant, _| !tenants.contains(tenant));
        Ok(())
    }

    fn backfill(&mut self, _meters: &[String], _batch: &EventBatch, _position: Position) {}
}

/// Lets each tenant have so many events.
pub(crate) struct Limited {
    limit: i128,
    used: BTreeMap<String, i128>,
}

impl Limited {
    pub(crate) fn new(limit: i128) -> Self {
        Self { limit, used: BTreeMap::new() }
    }
}

impl Gate for Limited {
    type Spend = BTreeMap<String, i128>;

    fn admit(
        &mut self,
        batch: &EventBatch,
        open: &mut [bool],
        measure: &mut dyn Measure,
        reject: &mut dyn FnMut(usize, Rejection),
    ) -> Self::Spend {
        let ever = Interval { start_us: i64::MIN, end_us: i64::MAX };
        let mut spend = Self::Spend::new();
        for (row, open) in open.iter_mut().enumerate() {
            let tenant = batch.tenants().get(row).expect("a tenant");
            let used =
                self.used.entry(tenant.to_owned()).or_insert_with(|| measure.used(tenant, "events", ever).unwrap());
            if *open && *used >= self.limit {
                *open = false;
                reject(row, Rejection::new(Reason::QuotaExceeded, "events", "no more"));
            } else if *open {
                *used += 1;
                *spend.entry(tenant.to_owned()).or_default() += 1;
            }
        }
        spend
    }

    fn settle(&mut self, _spend: Self::Spend) {}

    fn refund(&mut self, spend: Self::Spend) {
        for (tenant, units) in spend {
            *self.used.get_mut(&tenant).expect("was spent") -= units;
        }
    }

    fn knows(&self, tenant: &str) -> bool {
        tenant != NOBODY
    }

    fn recount(&mut self) {
        self.used.clear();
    }
}

/// Writes one file for whatever it is given.
pub(crate) struct OneFile {
    /// Most rows that there is room for.
    pub(crate) rows_max: u64,
}

impl Lake for OneFile {
    fn archive(
        &self,
        _log: &dyn Log,
        from: Offset,
        until: Offset,
        _erased: &BTreeSet<String>,
        storage: &dyn Storage,
        prefix: &str,
    ) -> Result<Vec<ArchiveFile>, LakeError> {
        let name = format!("{prefix}all.parquet");
        if until - from > self.rows_max {
            return Err(StorageError::Full { name }.into());
        }
        storage.create_new(&name, b"events")?;
        let (shard, rows, bytes, time_min_us, time_max_us) = (0, until - from, 6, 0, 0);
        let (offset_min, offset_max) = (from, until - 1);
        Ok(vec![ArchiveFile {
            name,
            shard,
            rows,
            bytes,
            time_min_us,
            time_max_us,
            offset_min,
            offset_max,
            checksums: None,
        }])
    }

    fn erase(
        &self,
        _files: &[ArchiveFile],
        _erased: &BTreeSet<String>,
        _storage: &dyn Storage,
        _prefix: &str,
    ) -> Result<Vec<ArchiveFile>, LakeError> {
        unreachable!("nobody is erased")
    }

    fn read(
        &self,
        _files: &[ArchiveFile],
        _shard: u16,
        _storage: &dyn Storage,
        _each: &mut dyn FnMut(EventBatch, Position),
    ) -> Result<(), LakeError> {
        Ok(())
    }
}
