//! Checkpoints of panes: deltas not yet durable are written, the description says where each one is.
//!
//! Hot deltas go into one new file of the checkpoint, each cold one becomes a Parquet file of the lake,
//! `lake/panes/<meter>/<checkpoint>-panes.parquet`; rejections have a file of their own. Files count only once a manifest
//! names them; until then they are garbage (I10). Deltas are immutable, so a checkpoint writes only what is new; merged ones
//! replace what they were merged from.
//! Not here: the manifest.

use std::sync::Arc;

use engine::checkpoint::file;
use engine::definition::Definition;
use engine::lake;
use engine::shard::operator::{RestoreError, Seal, SealedFiles};
use engine::storage::{Storage, StorageError};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::calendars::Calendars;
use super::cardinality::Hour;
use super::cold;
use super::compile::CompiledMeter;
use super::delta::Delta;
use super::live::Counts;
use super::reach::Reach;
use super::rejection::Rejections;
use super::since::Since;
use super::snapshot::{MeterPanes, MeteringSnapshot};
use super::stored::{Described, Form, Stored};

/// Changes when the description or the files mean something else.
const FORMAT: u32 = 3;
/// The description holds the rejections, in place of the name of their file.
const FORMAT_WITH_REJECTIONS: u32 = 2;
/// Why each delta of a seal can be described.
const DURABLE: &str = "all that was not yet durable was just written";

#[derive(Serialize, Deserialize)]
struct Description {
    format: u32,
    meters: Vec<MeterDescription>,
    /// Ledgers, which checkpoints of earlier versions do not have.
    #[serde(default)]
    ended: Vec<Described>,
    #[serde(default)]
    ended_windows: Vec<Described>,
    #[serde(default)]
    billed: Vec<Described>,
    /// The file that holds them, if there are any; [`rejections`] reads it.
    #[serde(skip_deserializing)]
    rejections: Option<String>,
    /// Not in checkpoints of long ago.
    #[serde(default)]
    hour: Option<Hour>,
    /// Where the log ended for all tenants; not in checkpoints of earlier versions.
    #[serde(default)]
    reach: Option<i64>,
}

#[derive(Serialize, Deserialize)]
struct MeterDescription {
    #[serde(flatten)]
    definition: Definition,
    #[serde(default)]
    since: Since,
    /// Whether panes of sessions know when they have begun, which those of earlier versions do not.
    #[serde(default)]
    begun: bool,
    counts: Counts,
    /// Types of the states; not in checkpoints of long ago.
    #[serde(default)]
    states: Option<Vec<String>>,
    deltas: Vec<Described>,
}

/// A state on its way into a checkpoint, with the hour and where the log ends for its tenants.
pub(super) struct Sealing(pub(super) Arc<MeteringSnapshot>, pub(super) Hour, pub(super) i64);

impl Seal for Sealing {
    fn write(
        self: Box<Self>,
        storage: &dyn Storage,
        prefix: &str,
        files: &mut SealedFiles,
    ) -> Result<Value, StorageError> {
        let name = format!("{prefix}panes");
        let failed = |message: String| StorageError::Io { name: name.clone(), message };
        let mut bytes = Vec::new();
        let mut fresh = Vec::new();
        for (meter, delta) in self.deltas() {
            let Some(panes) = delta.unstored() else { continue };
            if delta.is_cold() {
                match cold::encode(&panes) {
                    Ok(file) => {
                        delta.set_stored(Stored::create(&file, &lake_stem(meter, &name), storage)?);
                        continue;
                    }
                    Err(error) => tracing::warn!(meter, %error, "panes are no Parquet; they stay in the checkpoint"),
                }
            }
            let stored = Stored::append(&panes, &name, &mut bytes).map_err(|error| failed(error.to_string()))?;
            fresh.push((delta, stored));
        }
        if !fresh.is_empty() {
            file::write(storage, &name, bytes)?;
        }
        for (delta, stored) in fresh {
            delta.set_stored(stored);
        }
        let rejections = self.0.rejections.store(storage, format!("{prefix}rejections"))?;
        files.checkpoint.extend(rejections.clone());
        let description = self.describe(files, rejections).map_err(|error| failed(error.to_string()))?;
        for names in [&mut files.checkpoint, &mut files.lake] {
            names.sort_unstable();
            names.dedup();
        }
        Ok(description)
    }
}

/// How the name of a meter's file in the lake begins; `name` is that of the checkpoint's file. Meters' names are plain.
fn lake_stem(meter: &str, name: &str) -> String {
    let own = name.rsplit_once('/').map_or(name, |(_, own)| own);
    format!("{}/panes/{meter}/{own}", lake::FOLDER)
}

impl Sealing {
    /// All deltas, and whose they are.
    fn deltas(&self) -> impl Iterator<Item = (&str, &Arc<Delta>)> {
        self.panes().flat_map(|panes| panes.all().map(|delta| (panes.meter.key.as_str(), delta)))
    }

    fn panes(&self) -> impl Iterator<Item = &MeterPanes> {
        self.0.meters.values().chain([&self.0.ended, &self.0.ended_windows, &self.0.billed])
    }

    fn describe(&self, files: &mut SealedFiles, rejections: Option<String>) -> Result<Value, serde_json::Error> {
        let mut described = |panes: &MeterPanes| {
            let deltas: Vec<Described> = panes.all().map(|delta| delta.describe().expect(DURABLE)).collect();
            for Stored { file, form, .. } in deltas.iter().map(|delta| &delta.stored) {
                let names = match form {
                    Form::Ipc => &mut files.checkpoint,
                    Form::Parquet => &mut files.lake,
                };
                names.push(file.clone());
            }
            deltas
        };
        let mut meters = Vec::new();
        for panes in self.0.meters.values() {
            let (definition, since, counts) = (panes.meter.definition.clone(), panes.since, panes.counts);
            let (begun, deltas) = (panes.meter.is_session(), described(panes));
            let states = Some(types(&panes.meter));
            meters.push(MeterDescription { definition, since, begun, counts, states, deltas });
        }
        let MeteringSnapshot { ended, ended_windows, billed, .. } = &*self.0;
        let [ended, ended_windows, billed] = [ended, ended_windows, billed].map(described);
        let (hour, reach) = (Some(self.1), Some(self.2));
        serde_json::to_value(Description {
            format: FORMAT,
            meters,
            ended,
            ended_windows,
            billed,
            rejections,
            hour,
            reach,
        })
    }
}

/// The types of a definition's states.
fn types(meter: &CompiledMeter) -> Vec<String> {
    let fields = meter.pane_schema.fields();
    fields[fields.len() - meter.states()..].iter().map(|state| state.data_type().to_string()).collect()
}

/// Reads what [`Sealing`] described.
pub(super) fn restore(description: &Value, storage: &dyn Storage) -> Result<(MeteringSnapshot, Hour), RestoreError> {
    let rejections = rejections(&description["rejections"], storage)?;
    let description = Description::deserialize(description).map_err(|error| refuse(error.to_string()))?;
    if !matches!(description.format, FORMAT | FORMAT_WITH_REJECTIONS) {
        let read = format!("{FORMAT_WITH_REJECTIONS} and {FORMAT}");
        return Err(refuse(format!("format {}, this version reads {read}", description.format)));
    }
    let (rejections, reach) = (Arc::new(rejections), Arc::new(Reach::from_checkpoint(description.reach)));
    let mut snapshot = MeteringSnapshot { rejections, reach, ..MeteringSnapshot::default() };
    for MeterDescription { definition, since, begun, counts, states, deltas } in description.meters {
        let meter = CompiledMeter::new(&definition).map_err(|error| refuse(error.to_string()))?;
        if states.map_or(meter.is_wide(), |states| states != types(&meter)) {
            // Of a version that kept it otherwise. What is not taken up here is new, and gets its history from the events.
            tracing::info!(%definition, "its states are of another version; its history is computed anew");
            continue;
        }
        // As if it had never been defined: it is defined anew, with its history.
        if meter.is_session() && !begun {
            continue;
        }
        let mut panes = MeterPanes { deltas: Vec::new(), cold: Vec::new(), since, counts, meter: Arc::new(meter) };
        take_up(&mut panes, deltas, storage)?;
        snapshot.meters.insert(panes.meter.key.clone(), panes);
    }
    take_up(&mut snapshot.ended, description.ended, storage)?;
    take_up(&mut snapshot.ended_windows, description.ended_windows, storage)?;
    take_up(&mut snapshot.billed, description.billed, storage)?;
    snapshot.calendars = Arc::new(Calendars::restore(&snapshot.billed)?);
    Ok((snapshot, description.hour.unwrap_or(Hour::NONE)))
}

/// The rejections that a description tells of, in either format.
fn rejections(told: &Value, storage: &dyn Storage) -> Result<Rejections, RestoreError> {
    match told {
        Value::Null => Ok(Rejections::default()),
        Value::String(file) => Rejections::read(file, storage),
        Value::Array(kept) => Rejections::from_manifest(kept).map_err(|error| refuse(error.to_string())),
        _ => Err(refuse("rejections are neither a file nor a list".into())),
    }
}

fn refuse(reason: String) -> RestoreError {
    RestoreError { file: "manifest: metering".into(), reason }
}

fn take_up(panes: &mut MeterPanes, deltas: Vec<Described>, storage: &dyn Storage) -> Result<(), RestoreError> {
    for described in deltas {
        let list = if described.is_cold { &mut panes.cold } else { &mut panes.deltas };
        list.push(Delta::restore(described, &panes.meter.pane_schema, storage)?);
    }
    Ok(())
}
