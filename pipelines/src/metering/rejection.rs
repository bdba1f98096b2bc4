//! Rejected events, counted by tenant, reason and field, with the last one as a sample (I5).
//!
//! A field may be a name that a client made up. So a tenant has few kinds ([`TENANT_KINDS_MAX`]) and takes no place of
//! another one's; what is beyond them is counted under its reason alone, without a field or a sample (I8). They are kept in a
//! checkpoint file of their own, which is written when they have changed. Not here: which of one append are told apart
//! (`engine::kinds`).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use engine::admission::{DETAIL_BYTES_MAX, FIELD_BYTES_MAX, Reason, RejectionCount, SAMPLE_ID_BYTES_MAX, sample};
use engine::checkpoint::file;
use engine::event::schema::time_type;
use engine::kinds::TENANT_KINDS_MAX;
use engine::shard::RestoreError;
use engine::snapshot::ShardView;
use engine::storage::{Storage, StorageError};
use serde::{Deserialize, Serialize};

use super::MeteringSnapshot;

/// Kinds of a shard, of all tenants together, that are told apart by their field; what comes after is counted under its
/// tenant and reason.
pub const REJECTION_KINDS_MAX: usize = 100_000;

/// A shard's rejections.
#[derive(Debug, Default, Clone)]
pub(super) struct Rejections {
    tenants: BTreeMap<Arc<str>, Arc<OfTenant>>,
    /// Of all tenants together.
    kinds: usize,
    /// The checkpoint file that holds just these.
    file: OnceLock<String>,
}

type OfTenant = BTreeMap<(Reason, Arc<str>), Seen>;

#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Seen {
    count: u64,
    last_at_us: i64,
    sample_id: Arc<str>,
    sample_detail: Arc<str>,
}

/// As a checkpoint's file holds them, and manifests of earlier versions did.
type Kept = ((Arc<str>, Reason, Arc<str>), Seen);

impl Rejections {
    /// Counts what was rejected at `at_us`.
    pub(super) fn add(&mut self, rejected: &RejectionCount, at_us: i64) {
        let RejectionCount { tenant, reason, field, count, sample_id, sample_detail } = rejected;
        let seen = |id: &str, detail: &str| Seen {
            count: *count,
            last_at_us: at_us,
            sample_id: sample(id, SAMPLE_ID_BYTES_MAX).into(),
            sample_detail: sample(detail, DETAIL_BYTES_MAX).into(),
        };
        self.take(tenant, *reason, field, seen(sample_id, sample_detail));
    }

    /// Texts of `seen` are within their bounds.
    fn take(&mut self, tenant: &str, reason: Reason, field: &str, seen: Seen) {
        self.file = OnceLock::new();
        // Who does not exist has made up its name. Records of earlier versions have it.
        let is_named = reason != Reason::TenantUnknown && tenant.len() <= FIELD_BYTES_MAX;
        let tenant = if is_named { tenant } else { "" };
        if !self.tenants.contains_key(tenant) {
            self.tenants.insert(tenant.into(), Arc::default());
        }
        let Some(of_tenant) = self.tenants.get_mut(tenant).map(Arc::make_mut) else { return };
        let before = of_tenant.len();
        let kind = (reason, Arc::from(sample(field, FIELD_BYTES_MAX)));
        let has_room = before < TENANT_KINDS_MAX && self.kinds < REJECTION_KINDS_MAX;
        if has_room || of_tenant.contains_key(&kind) {
            merge(of_tenant, kind, seen);
        } else {
            let nameless = of_tenant.entry((reason, "".into())).or_default();
            nameless.count = nameless.count.saturating_add(seen.count);
            nameless.last_at_us = nameless.last_at_us.max(seen.last_at_us);
        }
        self.kinds += of_tenant.len() - before;
    }

    /// Drops what was counted of `tenants`.
    pub(super) fn forget(&mut self, tenants: &BTreeSet<String>) {
        self.tenants.retain(|tenant, _| !tenants.contains(&**tenant));
        self.kinds = self.tenants.values().map(|kinds| kinds.len()).sum();
        self.file = OnceLock::new();
    }

    /// The file that holds them, which is the new one `name` unless nothing has changed since they were written; `None` if
    /// nothing was rejected.
    pub(super) fn store(&self, storage: &dyn Storage, name: String) -> Result<Option<String>, StorageError> {
        if self.tenants.is_empty() || self.file.get().is_some() {
            return Ok(self.file.get().cloned());
        }
        let all = self.tenants.iter().flat_map(|(tenant, kinds)| {
            kinds.iter().map(move |((reason, field), seen)| ((tenant, reason, field), seen))
        });
        let bytes = serde_json::to_vec(&all.collect::<Vec<_>>())
            .map_err(|error| StorageError::Io { name: name.clone(), message: error.to_string() })?;
        file::write(storage, &name, bytes)?;
        Ok(Some(self.file.get_or_init(|| name).clone()))
    }

    /// Reads what [`Self::store`] wrote.
    pub(super) fn read(file: &str, storage: &dyn Storage) -> Result<Self, RestoreError> {
        let refuse = |error: serde_json::Error| RestoreError { file: file.to_owned(), reason: error.to_string() };
        let kept: Vec<Kept> = serde_json::from_slice(&file::read(storage, file)?).map_err(refuse)?;
        let mut rejections = Self::default();
        kept.into_iter().for_each(|kept| rejections.take_up(kept));
        rejections.file = OnceLock::from(file.to_owned());
        Ok(rejections)
    }

    /// Reads what manifests of earlier versions have, where kinds had no bounds: one at a time, so that only what is kept of
    /// each takes memory beside the manifest.
    pub(super) fn from_manifest(kept: &[serde_json::Value]) -> Result<Self, serde_json::Error> {
        let mut rejections = Self::default();
        for kept in kept {
            rejections.take_up(Kept::deserialize(kept)?);
        }
        Ok(rejections)
    }

    fn take_up(&mut self, ((tenant, reason, field), seen): Kept) {
        let sample_id = sample(&seen.sample_id, SAMPLE_ID_BYTES_MAX).into();
        let sample_detail = sample(&seen.sample_detail, DETAIL_BYTES_MAX).into();
        self.take(&tenant, reason, &field, Seen { sample_id, sample_detail, ..seen });
    }
}

fn merge<K: Ord>(kinds: &mut BTreeMap<K, Seen>, kind: K, seen: Seen) {
    match kinds.get_mut(&kind) {
        Some(known) => {
            let count = known.count.saturating_add(seen.count);
            if seen.last_at_us >= known.last_at_us {
                *known = seen;
            }
            known.count = count;
        }
        None => drop(kinds.insert(kind, seen)),
    }
}

/// Columns of [`rejections`]: `tenant`, `reason`, `field` Utf8, `count` Int64, `last_at` Timestamp(µs, UTC), `sample_id`,
/// `sample_detail` Utf8.
pub fn rejections_schema() -> SchemaRef {
    let text = |name| Field::new(name, DataType::Utf8, false);
    Arc::new(Schema::new(vec![
        text("tenant"),
        text("reason"),
        text("field"),
        Field::new("count", DataType::Int64, false),
        Field::new("last_at", time_type(), false),
        text("sample_id"),
        text("sample_detail"),
    ]))
}

/// Rejected events by tenant, reason and field, sorted; of `tenants` only if given.
pub fn rejections(shards: &[ShardView<MeteringSnapshot>], tenants: Option<&[String]>) -> RecordBatch {
    /// Tenant, reason, field.
    type Told = (Arc<str>, Reason, Arc<str>);
    let mut all: BTreeMap<Told, Seen> = BTreeMap::new();
    for (tenant, kinds) in shards.iter().flat_map(|shard| &shard.state.rejections.tenants) {
        if tenants.is_none_or(|tenants| tenants.iter().any(|asked| **asked == **tenant)) {
            for ((reason, field), seen) in &**kinds {
                merge(&mut all, (tenant.clone(), *reason, field.clone()), seen.clone());
            }
        }
    }
    let text = |of: &dyn Fn(&Told, &Seen) -> Arc<str>| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(all.iter().map(|(kind, seen)| of(kind, seen))))
    };
    let count = Int64Array::from_iter_values(all.values().map(|s| i64::try_from(s.count).unwrap_or(i64::MAX)));
    let last_at = TimestampMicrosecondArray::from_iter_values(all.values().map(|seen| seen.last_at_us));
    let columns = vec![
        text(&|kind, _| kind.0.clone()),
        text(&|kind, _| kind.1.as_str().into()),
        text(&|kind, _| kind.2.clone()),
        Arc::new(count),
        Arc::new(last_at.with_timezone("UTC")),
        text(&|_, seen| seen.sample_id.clone()),
        text(&|_, seen| seen.sample_detail.clone()),
    ];
    RecordBatch::try_new(rejections_schema(), columns).expect("columns are made to the schema")
}
