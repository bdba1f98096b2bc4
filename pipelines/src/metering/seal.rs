//! Checkpoints of panes: deltas not yet durable go into one new file, the description says where each one is.
//!
//! Deltas are immutable, so a checkpoint writes only what is new; merged ones replace what they were merged from. Not
//! here: the manifest.

use std::collections::BTreeMap;
use std::sync::Arc;

use engine::checkpoint::file;
use engine::meter::Meter;
use engine::shard::operator::{RestoreError, Seal};
use engine::storage::{Storage, StorageError};
use serde::{Deserialize, Serialize};

use super::compile::CompiledMeter;
use super::delta::Delta;
use super::live::Counts;
use super::rejection::Rejections;
use super::snapshot::{MeterPanes, MeteringSnapshot};
use super::stored::{Described, Stored};

/// Changes when the description or the files mean something else.
const FORMAT: u32 = 1;

#[derive(Serialize, Deserialize)]
struct Description {
    format: u32,
    meters: Vec<MeterDescription>,
    rejections: serde_json::Value,
}

#[derive(Serialize, Deserialize)]
struct MeterDescription {
    meter: Meter,
    counts: Counts,
    deltas: Vec<Described>,
}

/// A state on its way into a checkpoint.
pub(super) struct Sealing(pub(super) Arc<MeteringSnapshot>);

impl Seal for Sealing {
    fn write(
        self: Box<Self>,
        storage: &dyn Storage,
        prefix: &str,
        files: &mut Vec<String>,
    ) -> Result<serde_json::Value, StorageError> {
        let name = format!("{prefix}panes");
        let failed = |message: String| StorageError::Io { name: name.clone(), message };
        let mut bytes = Vec::new();
        let mut fresh = Vec::new();
        for delta in self.deltas() {
            if let Some(panes) = delta.unstored() {
                let stored = Stored::append(&panes, &name, &mut bytes).map_err(|error| failed(error.to_string()))?;
                fresh.push((delta, stored));
            }
        }
        if !fresh.is_empty() {
            file::write(storage, &name, bytes)?;
        }
        for (delta, stored) in fresh {
            delta.set_stored(stored);
        }
        let description = self.describe(files).map_err(|error| failed(error.to_string()))?;
        files.sort_unstable();
        files.dedup();
        Ok(description)
    }
}

impl Sealing {
    fn deltas(&self) -> impl Iterator<Item = &Arc<Delta>> {
        self.0.meters.values().flat_map(MeterPanes::all)
    }

    fn describe(&self, files: &mut Vec<String>) -> Result<serde_json::Value, serde_json::Error> {
        let mut meters = Vec::new();
        for panes in self.0.meters.values() {
            let deltas: Vec<Described> = panes.all().filter_map(|delta| delta.describe()).collect();
            files.extend(deltas.iter().map(|delta| delta.stored.file.clone()));
            meters.push(MeterDescription { meter: panes.meter.meter.clone(), counts: panes.counts, deltas });
        }
        serde_json::to_value(Description { format: FORMAT, meters, rejections: self.0.rejections.to_json()? })
    }
}

/// Reads what [`Sealing`] described.
pub(super) fn restore(
    description: &serde_json::Value,
    storage: &dyn Storage,
) -> Result<MeteringSnapshot, RestoreError> {
    let refuse = |reason: String| RestoreError { file: "manifest: metering".into(), reason };
    let description: Description =
        serde_json::from_value(description.clone()).map_err(|error| refuse(error.to_string()))?;
    if description.format != FORMAT {
        return Err(refuse(format!("format {}, this version reads {FORMAT}", description.format)));
    }
    let rejections = Rejections::from_json(&description.rejections).map_err(|error| refuse(error.to_string()))?;
    let mut snapshot = MeteringSnapshot { meters: BTreeMap::new(), rejections: Arc::new(rejections), storage: None };
    for MeterDescription { meter, counts, deltas } in description.meters {
        let meter = CompiledMeter::new(&meter).map_err(|error| refuse(error.to_string()))?;
        let mut panes = MeterPanes { deltas: Vec::new(), cold: Vec::new(), counts, meter: Arc::new(meter) };
        for described in deltas {
            let list = if described.is_cold { &mut panes.cold } else { &mut panes.deltas };
            list.push(Delta::restore(described, &panes.meter.pane_schema, storage)?);
        }
        snapshot.meters.insert(panes.meter.meter.name.clone(), panes);
    }
    Ok(snapshot)
}
