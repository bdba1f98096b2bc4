//! Rows of `usage` that there were and are no more: those of a meter that is removed or shows other windows, of a tenant that
//! is erased. Kept like those of totals ([`ended`](super::ended)), but by window and dimensions.
//!
//! Dimensions are a tenant's data, so of an erased one only its windows are told, all dimensions at once. Not here: sessions
//! that a late event made part of others, as long as there are panes that know those ([`begun`](super::begun)); when panes go,
//! whoever has not yet been told of these sessions would never be, so they become lines too.

use std::collections::{BTreeSet, HashMap};

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::{Int32Type, TimestampMicrosecondType};
use datafusion::common::{Result, exec_datafusion_err};
use engine::calendar::Interval;
use engine::event::batch::Texts;
use engine::shard::RestoreError;
use engine::snapshot::ShardView;
use engine::storage::Storage;

use super::MeteringSnapshot;
use super::delta::{Layout, rows_of};
use super::ledger::Lines;
use super::merge::Fold;
use super::read::{MeteringError, Source, WindowFilter, texts_of};
use super::since::Since;
use super::snapshot::MeterPanes;
use super::usage::dimensions;
use super::wanted::Wanted;

/// Name of the ledger.
pub(super) const LEDGER: &str = "ended.windows";

/// Meter and dimensions, the latter unless they are forgotten.
fn text(meter: &str, dimensions: Option<&str>) -> String {
    serde_json::to_string(&(meter, dimensions)).expect("texts are plain")
}

/// Writes into `lines` the windows of `panes`, and the sessions that there were, as ended at `since`; of `tenants` only, if
/// given, and then without dimensions.
pub(super) fn end(
    snapshot: &MeteringSnapshot,
    panes: &MeterPanes,
    tenants: Option<&BTreeSet<String>>,
    since: Since,
    lines: &mut Lines,
) -> Result<(), MeteringError> {
    let Some(meter) = panes.meter.definition.meter() else { return Ok(()) };
    let lateness_us = i64::from(meter.allowed_lateness_s) * 1_000_000;
    let since = Since { watermark_us: since.watermark_us.saturating_sub(lateness_us), ..since };
    let filter =
        WindowFilter { tenants: tenants.map(|tenants| tenants.iter().cloned().collect()), ..WindowFilter::default() };
    let source = Source::of(&[], &[(snapshot, panes)], &filter, None)?;
    let mut add = |windows: &RecordBatch| {
        let names = windows["tenant"].as_string::<i32>();
        let [starts, ends] =
            ["window_start", "window_end"].map(|name| windows[name].as_primitive::<TimestampMicrosecondType>());
        let dimensions = dimensions(windows, meter);
        for row in 0..windows.num_rows() {
            let text = text(&meter.name, tenants.is_none().then(|| dimensions.value(row)));
            let window = Interval { start_us: starts.value(row), end_us: ends.value(row) };
            lines.add(names.value(row), &text, window, since);
        }
    };
    for windows in [source.windows(meter, None), source.swallowed(meter, None)] {
        add(&windows.map_err(|error| source.failed(&error))?);
    }
    Ok(())
}

/// Takes the dimensions out of the lines of `tenants`; gives these lines, which the ledger is then to have instead.
pub(super) fn without_dimensions(
    ledger: &MeterPanes,
    tenants: &BTreeSet<String>,
    storage: &dyn Storage,
) -> Result<Lines, RestoreError> {
    let names: Vec<String> = tenants.iter().cloned().collect();
    let wanted = Wanted { tenants: Some(&names), ..Wanted::ALL };
    let mut lines = Lines::default();
    for delta in ledger.all().filter(|delta| delta.touches(&wanted)) {
        let rows = delta.panes(&wanted, storage)?;
        let layout = Layout::of(rows.schema_ref(), 0);
        let (starts, [revisions, watermarks, _, ends]) = (layout.starts(&rows), layout.marks(&rows));
        let texts = Texts::new(rows.column(1).as_dictionary::<Int32Type>());
        for name in &names {
            for row in rows_of(&rows, name) {
                let (meter, _) = parse(texts.get(row).unwrap_or_default())
                    .map_err(|error| RestoreError { file: LEDGER.into(), reason: error.to_string() })?;
                let window = Interval { start_us: starts[row], end_us: ends[row] };
                let since = Since { revision: revisions[row], watermark_us: watermarks[row] };
                lines.add(name, &text(&meter, None), window, since);
            }
        }
    }
    Ok(lines)
}

fn parse(text: &str) -> Result<(String, Option<String>)> {
    serde_json::from_str(text).map_err(|error| exec_datafusion_err!("ended windows: {error}"))
}

/// A row that has ended.
pub(super) struct EndedWindow {
    pub(super) tenant: String,
    /// As `usage` shows them; none if they are forgotten.
    pub(super) dimensions: Option<String>,
    pub(super) window: Interval,
    pub(super) since: Since,
}

/// The lines whose revision is among `revisions` (ends included), by meter.
pub(super) fn rows(
    shards: &[ShardView<MeteringSnapshot>],
    filter: &WindowFilter,
    revisions: (i64, i64),
) -> Result<HashMap<String, Vec<EndedWindow>>, MeteringError> {
    let held: Vec<_> = shards.iter().map(|shard| (&*shard.state, &shard.state.ended_windows)).collect();
    let of_tenants = WindowFilter { time: None, ..filter.clone() };
    let source = Source::of(shards, &held, &of_tenants, None)?;
    merged(&source, revisions).map_err(|error| source.failed(&error))
}

fn merged(source: &Source, revisions: (i64, i64)) -> Result<HashMap<String, Vec<EndedWindow>>> {
    let mut by_meter: HashMap<String, Vec<EndedWindow>> = HashMap::new();
    let mut fold = Fold::new(&source.meter, vec![0, 1], &source.memory);
    for (rows, range) in &source.parts {
        fold.add(rows, range.clone(), &mut |line, starts| starts.push(line.start_us))?;
    }
    if fold.is_empty() {
        return Ok(by_meter);
    }
    let folded = fold.states()?;
    let (tenants, texts) = (texts_of(&folded.texts[0])?, texts_of(&folded.texts[1])?);
    for (row, &start_us) in folded.starts.iter().enumerate() {
        let since = Since { revision: folded.marks.revision[row], watermark_us: folded.marks.watermark[row] };
        if (revisions.0..=revisions.1).contains(&since.revision) {
            let (meter, dimensions) = parse(texts.value(row))?;
            let window = Interval { start_us, end_us: folded.marks.last[row] };
            let ended = EndedWindow { tenant: tenants.value(row).to_owned(), dimensions, window, since };
            by_meter.entry(meter).or_default().push(ended);
        }
    }
    Ok(by_meter)
}
