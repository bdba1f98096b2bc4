//! Changes as the first format of entries holds them: bincode without names of fields, one variant a facet.
//!
//! These types say what is on disks, so they never change, whatever becomes of the facets; those that they share with the
//! facets (quantities, calendars, hashes) are as fixed. An entry of that format is read as what it says here, and each change
//! is then version 1 of its facet's, so that there is one way on from there. Not here: the current format (`entry`).

use std::collections::{BTreeMap, BTreeSet};

use engine::calendar::Calendar;
use engine::meter::{Aggregation, Window};
use engine::units::Units;
use serde::{Deserialize, Serialize};

use super::chain::EntryHash;
use crate::api_key::KeyHash;
use crate::facets::keys::Scopes;
use crate::scram::ScramVerifier;
use crate::written::{Written, encode};

/// An entry.
#[derive(Deserialize)]
pub(super) struct FirstEntry {
    pub(super) tenant: String,
    pub(super) sequence: u64,
    pub(super) at_us: i64,
    pub(super) principal: String,
    pub(super) changes: Vec<FirstChange>,
    pub(super) previous_hash: EntryHash,
}

/// A change.
#[derive(Deserialize)]
pub(super) enum FirstChange {
    Lifecycle(LifecycleChange),
    Plan(PlanSet),
    Quota(QuotaChange),
    Keys(KeysChange),
    Meters(MetersChange),
    Plans(PlansChange),
    Views(ViewsChange),
}

impl FirstChange {
    /// The same as version 1 of its facet's changes.
    pub(super) fn written(&self) -> Result<Written, String> {
        let (facet, body) = match self {
            Self::Lifecycle(change) => (1, encode(change)),
            Self::Plan(change) => (2, encode(change)),
            Self::Quota(change) => (3, encode(change)),
            Self::Keys(change) => (4, encode(change)),
            Self::Meters(change) => (5, encode(change)),
            Self::Plans(change) => (6, encode(change)),
            Self::Views(change) => (7, encode(change)),
        };
        Ok(Written { facet, version: 1, body: body? })
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum LifecycleChange {
    Provisioned { at_us: i64 },
    Activated,
    Suspended { reason: String },
    Offboarding { reason: String },
    Exported { location: String },
    Deleted,
    Erased,
}

#[derive(Serialize, Deserialize)]
pub(super) struct PlanSet {
    plan: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum QuotaChange {
    Set { meter: String, limit: Limit },
    Removed { meter: String },
}

#[derive(Serialize, Deserialize)]
pub(super) struct Limit {
    allowance: Option<Allowance>,
    rate: Option<Rate>,
    hard: bool,
}

#[derive(Serialize, Deserialize)]
struct Allowance {
    units: Units,
    per: Calendar,
}

#[derive(Serialize, Deserialize)]
struct Rate {
    units_per_s: Units,
    burst: Units,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum KeysChange {
    Created { id: String, key: Key },
    Rotated { id: String, replaced_by: String, expires_at_us: i64 },
    Revoked { id: String, at_us: i64 },
    Forgotten { id: String },
    Verifiable { id: String, scram: ScramVerifier },
    Confined { id: String, tenants: BTreeSet<String> },
}

#[derive(Serialize, Deserialize)]
pub(super) struct Key {
    hash: KeyHash,
    scopes: Scopes,
    label: String,
    created_at_us: i64,
    expires_at_us: Option<i64>,
    revoked_at_us: Option<i64>,
    replaced_by: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum MetersChange {
    Defined(Meter),
    Removed { name: String },
}

#[derive(Serialize, Deserialize)]
pub(super) struct Meter {
    name: String,
    event_type: String,
    value: Option<String>,
    aggregation: Aggregation,
    dimensions: Vec<Dimension>,
    window: Window,
    allowed_lateness_s: u32,
    description: String,
}

#[derive(Serialize, Deserialize)]
struct Dimension {
    name: String,
    path: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum PlansChange {
    Defined { name: String, plan: Plan },
}

#[derive(Serialize, Deserialize)]
pub(super) struct Plan {
    limits: BTreeMap<String, Limit>,
    billing: Calendar,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ViewsChange {
    Created(Created),
    Dropped { name: String },
}

#[derive(Serialize, Deserialize)]
pub(super) struct Created {
    view: View,
    at_us: i64,
}

#[derive(Serialize, Deserialize)]
struct View {
    name: String,
    query: String,
}
