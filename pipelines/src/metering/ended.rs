//! Rows of totals that there were and are no more: those of a meter that is removed or counts other events, of the periods
//! that a tenant was billed by, of a tenant that is erased.
//!
//! Each is kept as a line of a ledger (tenant, meter, period), so that who follows revisions is told that it ended. Nothing
//! else is known of it, so that an erased tenant leaves only its name. A line whose row is there again is not shown.
//! Not here: when rows end (the operator).

use std::collections::{BTreeSet, HashMap};

use arrow::array::AsArray;
use arrow::datatypes::Int32Type;
use datafusion::common::Result;
use engine::calendar::{Calendar, Interval};
use engine::event::batch::Texts;
use engine::shard::RestoreError;
use engine::snapshot::ShardView;
use engine::storage::Storage;

use super::MeteringSnapshot;
use super::delta::{Layout, rows_of};
use super::ledger::Lines;
use super::merge::Fold;
use super::read::{Billing, MeteringError, Source, WindowFilter, texts_of};
use super::since::Since;
use super::snapshot::MeterPanes;
use super::wanted::Wanted;

/// Name of the ledger.
pub(super) const LEDGER: &str = "ended.totals";

/// Writes into `lines` what rows `panes` has in totals, as ended at `since`: of those of `tenants`, if given, that are
/// `concerned`, in the periods of `calendar_of`.
pub(super) fn end(
    panes: &MeterPanes,
    tenants: Option<&BTreeSet<String>>,
    concerned: &dyn Fn(&str) -> bool,
    calendar_of: &dyn Fn(&str) -> Calendar,
    since: Since,
    storage: &dyn Storage,
    lines: &mut Lines,
) -> Result<(), RestoreError> {
    let Some(meter) = panes.meter.definition.meter() else { return Ok(()) };
    // What had not been final was no correction: so the allowed lateness is taken off here, where it is known.
    let lateness_us = i64::from(meter.allowed_lateness_s) * 1_000_000;
    let since = Since { watermark_us: since.watermark_us.saturating_sub(lateness_us), ..since };
    let names: Option<Vec<String>> = tenants.map(|tenants| tenants.iter().cloned().collect());
    let wanted = Wanted { tenants: names.as_deref(), ..Wanted::ALL };
    let mut billing = Billing::new(calendar_of);
    let mut found: HashMap<String, BTreeSet<Interval>> = HashMap::new();
    for delta in panes.all().filter(|delta| delta.touches(&wanted)) {
        let rows = delta.panes(&wanted, storage)?;
        let starts = Layout::of(rows.schema_ref(), panes.meter.states()).starts(&rows);
        let texts = Texts::new(rows.column(0).as_dictionary::<Int32Type>());
        let all = 0..rows.num_rows();
        let ranges = match &names {
            None => Vec::from([all]),
            Some(names) => names.iter().map(|name| rows_of(&rows, name)).collect(),
        };
        let mut last: Option<(Option<usize>, Interval)> = None;
        for row in ranges.into_iter().flatten() {
            if last.is_some_and(|(key, period)| key == texts.key(row) && period.contains(starts[row])) {
                continue;
            }
            let tenant = texts.get(row).unwrap_or_default();
            if concerned(tenant) {
                let period = billing.period(tenant, starts[row]);
                last = Some((texts.key(row), period));
                if !found.contains_key(tenant) {
                    found.insert(tenant.to_owned(), BTreeSet::new());
                }
                if let Some(periods) = found.get_mut(tenant) {
                    periods.insert(period);
                }
            }
        }
    }
    for (tenant, periods) in found {
        periods.into_iter().for_each(|period| lines.add(&tenant, &meter.name, period, since));
    }
    Ok(())
}

/// A row that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct EndedRow {
    pub(super) tenant: String,
    pub(super) period: Interval,
    pub(super) since: Since,
}

/// The lines whose revision is among `revisions` (ends included), by meter, each meter's sorted by tenant and start.
pub(super) fn rows(
    shards: &[ShardView<MeteringSnapshot>],
    filter: &WindowFilter,
    revisions: (i64, i64),
) -> Result<HashMap<String, Vec<EndedRow>>, MeteringError> {
    let held: Vec<_> = shards.iter().map(|shard| (&*shard.state, &shard.state.ended)).collect();
    let of_tenants = WindowFilter { time: None, ..filter.clone() };
    let source = Source::of(shards, &held, &of_tenants, None)?;
    merged(&source, revisions).map_err(|error| source.failed(&error))
}

fn merged(source: &Source, revisions: (i64, i64)) -> Result<HashMap<String, Vec<EndedRow>>> {
    let mut by_meter: HashMap<String, Vec<EndedRow>> = HashMap::new();
    let mut fold = Fold::new(&source.meter, vec![1, 0], &source.memory);
    for (rows, range) in &source.parts {
        fold.add(rows, range.clone(), &mut |line, starts| starts.push(line.start_us))?;
    }
    if fold.is_empty() {
        return Ok(by_meter);
    }
    let folded = fold.states()?;
    let (meters, tenants) = (texts_of(&folded.texts[0])?, texts_of(&folded.texts[1])?);
    for (row, &start_us) in folded.starts.iter().enumerate() {
        let since = Since { revision: folded.marks.revision[row], watermark_us: folded.marks.watermark[row] };
        if (revisions.0..=revisions.1).contains(&since.revision) {
            let period = Interval { start_us, end_us: folded.marks.last[row] };
            let ended = EndedRow { tenant: tenants.value(row).to_owned(), period, since };
            by_meter.entry(meters.value(row).to_owned()).or_default().push(ended);
        }
    }
    Ok(by_meter)
}
