//! Rejected events, counted by tenant, reason and field, with the last one as a sample (I5).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use engine::admission::{Reason, RejectionCount};
use engine::event::schema::time_type;
use engine::snapshot::ShardView;
use serde::{Deserialize, Serialize};

use super::MeteringSnapshot;

/// Most different (tenant, reason, field) that a shard counts apart (I8); what comes after is counted under the tenant
/// `""`, by reason.
pub const REJECTION_KINDS_MAX: usize = 100_000;

/// A shard's rejections.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Rejections(BTreeMap<Kind, Seen>);

type Kind = (Arc<str>, Reason, Arc<str>);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Seen {
    count: u64,
    last_at_us: i64,
    sample_id: Arc<str>,
    sample_detail: Arc<str>,
}

impl Rejections {
    /// Counts what was rejected at `at_us`.
    pub(super) fn add(&mut self, rejected: &RejectionCount, at_us: i64) {
        let mut kind: Kind = (rejected.tenant.as_str().into(), rejected.reason, rejected.field.as_str().into());
        if self.0.len() >= REJECTION_KINDS_MAX && !self.0.contains_key(&kind) {
            kind = ("".into(), rejected.reason, "".into());
        }
        let seen = Seen {
            count: rejected.count,
            last_at_us: at_us,
            sample_id: rejected.sample_id.as_str().into(),
            sample_detail: rejected.sample_detail.as_str().into(),
        };
        self.merge(kind, seen);
    }

    fn merge(&mut self, kind: Kind, seen: Seen) {
        match self.0.get_mut(&kind) {
            Some(known) => {
                let count = known.count.saturating_add(seen.count);
                if seen.last_at_us >= known.last_at_us {
                    *known = seen;
                }
                known.count = count;
            }
            None => {
                self.0.insert(kind, seen);
            }
        }
    }

    /// Drops what was counted of `tenants`.
    pub(super) fn forget(&mut self, tenants: &BTreeSet<String>) {
        self.0.retain(|(tenant, ..), _| !tenants.contains(&**tenant));
    }

    /// As a list, for a checkpoint.
    pub(super) fn to_json(&self) -> Result<serde_json::Value, serde_json::Error> {
        serde_json::to_value(self.0.iter().collect::<Vec<_>>())
    }

    /// Reads what [`Rejections::to_json`] gave.
    pub(super) fn from_json(value: &serde_json::Value) -> Result<Self, serde_json::Error> {
        let list: Vec<(Kind, Seen)> = serde_json::from_value(value.clone())?;
        Ok(Self(list.into_iter().collect()))
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
    let mut all = Rejections::default();
    for (kind, seen) in shards.iter().flat_map(|shard| &shard.state.rejections.0) {
        if tenants.is_none_or(|tenants| tenants.iter().any(|tenant| **tenant == *kind.0)) {
            all.merge(kind.clone(), seen.clone());
        }
    }
    let text = |of: fn(&Kind, &Seen) -> Arc<str>| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(all.0.iter().map(|(kind, seen)| of(kind, seen))))
    };
    let count = Int64Array::from_iter_values(all.0.values().map(|s| i64::try_from(s.count).unwrap_or(i64::MAX)));
    let last_at = TimestampMicrosecondArray::from_iter_values(all.0.values().map(|seen| seen.last_at_us));
    let columns = vec![
        text(|kind, _| kind.0.clone()),
        text(|kind, _| kind.1.as_str().into()),
        text(|kind, _| kind.2.clone()),
        Arc::new(count),
        Arc::new(last_at.with_timezone("UTC")),
        text(|_, seen| seen.sample_id.clone()),
        text(|_, seen| seen.sample_detail.clone()),
    ];
    RecordBatch::try_new(rejections_schema(), columns).expect("columns are made to the schema")
}
