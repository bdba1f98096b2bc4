//! Measures in columns: what the meters of many tenants say now, each meter read once for all of them.
//!
//! Nothing is measured twice for several rules, and nothing for tenants that nobody asks about. Not here: rules, edges.

use std::collections::{BTreeMap, HashMap};

use arrow::array::{Array, AsArray};
use arrow::datatypes::{Decimal128Type, Int64Type, TimestampMicrosecondType};
use engine::calendar::{Calendar, Interval};
use engine::snapshot::Snapshot;
use engine::units::{ONE, Units};
use pipelines::metering::{MeteringError, MeteringSnapshot, WindowFilter, newest, totals};

/// What is asked: of which meter, in which periods, of whom. Tenants come one after the other, each with all of its rules.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    totals: BTreeMap<String, ByCalendar<Vec<String>>>,
    newest: BTreeMap<String, Vec<String>>,
}

/// What was found.
pub(super) struct Found {
    totals: BTreeMap<String, ByCalendar<Result<Totals, MeteringError>>>,
    newest: BTreeMap<String, Result<HashMap<String, i64>, MeteringError>>,
    now_us: i64,
}

/// There are few calendars, so looking at each is cheaper than copying one to look for it.
type ByCalendar<T> = Vec<(Calendar, T)>;

/// Totals of a meter in the period that is now.
struct Totals {
    period: Interval,
    of: HashMap<String, Total>,
}

/// A tenant's total.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Total {
    /// How much.
    pub(super) value: Units,
    /// The largest offset that contributed; -1 for none.
    pub(super) revision: i64,
}

impl Wanted {
    /// The total of `meter` in the period of `calendar` that is now.
    pub(super) fn total(&mut self, tenant: &str, meter: &str, calendar: &Calendar) {
        let of_meter = entry(&mut self.totals, meter);
        let known = of_meter.iter().position(|(known, _)| known == calendar);
        let at = known.unwrap_or_else(|| {
            of_meter.push((calendar.clone(), Vec::new()));
            of_meter.len() - 1
        });
        add(&mut of_meter[at].1, tenant);
    }

    /// When `meter` last counted something.
    pub(super) fn newest(&mut self, tenant: &str, meter: &str) {
        add(entry(&mut self.newest, meter), tenant);
    }

    /// Reads it all from `snapshot`.
    pub(super) fn read(self, snapshot: &Snapshot<MeteringSnapshot>, now_us: i64) -> Found {
        let of = |tenants| WindowFilter { tenants: Some(tenants), ..WindowFilter::default() };
        let totals = self.totals.into_iter().map(|(meter, by_calendar)| {
            let read = by_calendar.into_iter().map(|(calendar, tenants)| {
                let read = Totals::read(snapshot, &meter, &calendar, of(tenants), now_us);
                (calendar, read)
            });
            let read = read.collect();
            (meter, read)
        });
        let newest = self.newest.into_iter().map(|(meter, tenants)| {
            let read = newest(&snapshot.shards, &meter, &of(tenants));
            (meter, read)
        });
        Found { totals: totals.collect(), newest: newest.collect(), now_us }
    }
}

/// The value of `name`, which is copied only if it is new.
#[allow(clippy::map_entry, reason = "an entry would copy the name each time")]
fn entry<'a, T: Default>(map: &'a mut BTreeMap<String, T>, name: &str) -> &'a mut T {
    if !map.contains_key(name) {
        map.insert(name.to_owned(), T::default());
    }
    map.get_mut(name).expect("it is there by now")
}

/// Adds a tenant, once though several of its rules ask the same.
fn add(tenants: &mut Vec<String>, tenant: &str) {
    if tenants.last().is_none_or(|last| last != tenant) {
        tenants.push(tenant.to_owned());
    }
}

impl Totals {
    fn read(
        snapshot: &Snapshot<MeteringSnapshot>,
        meter: &str,
        calendar: &Calendar,
        filter: WindowFilter,
        now_us: i64,
    ) -> Result<Self, MeteringError> {
        let unreadable = |reason: String| MeteringError::Unreadable { definition: meter.to_owned(), reason };
        let periods = calendar.periods().and_then(|mut periods| periods.containing(now_us));
        let period = periods.map_err(|error| unreadable(error.to_string()))?;
        let filter = WindowFilter { time: Some(period), ..filter };
        let rows = totals(&snapshot.shards, meter, &|_| calendar.clone(), &filter)?;
        let tenants = rows["tenant"].as_string::<i32>();
        let starts = rows["period_start"].as_primitive::<TimestampMicrosecondType>();
        let values = rows["value"].as_primitive::<Decimal128Type>();
        let revisions = rows["revision"].as_primitive::<Int64Type>();
        let is_now = |row: &usize| starts.value(*row) == period.start_us && values.is_valid(*row);
        let total = |row| {
            let total = Total { value: Units(values.value(row)), revision: revisions.value(row) };
            (tenants.value(row).to_owned(), total)
        };
        Ok(Self { period, of: (0..rows.num_rows()).filter(is_now).map(total).collect() })
    }
}

impl Found {
    /// A tenant's total, and when its period ends.
    ///
    /// # Errors
    /// Why it can't be read.
    pub(super) fn total(
        &self,
        tenant: &str,
        meter: &str,
        calendar: &Calendar,
    ) -> Option<Result<(Total, Interval), &MeteringError>> {
        let (_, found) = self.totals.get(meter)?.iter().find(|(known, _)| known == calendar)?;
        let none = Total { value: Units(0), revision: -1 };
        Some(found.as_ref().map(|totals| (totals.of.get(tenant).copied().unwrap_or(none), totals.period)))
    }

    /// When a meter last counted something of a tenant, microseconds; `None` within if it never has.
    ///
    /// # Errors
    /// Why it can't be read.
    pub(super) fn newest(&self, tenant: &str, meter: &str) -> Option<Result<Option<i64>, &MeteringError>> {
        Some(self.newest.get(meter)?.as_ref().map(|newest| newest.get(tenant).copied()))
    }

    /// The time for which it was read.
    pub(super) fn now_us(&self) -> i64 {
        self.now_us
    }
}

/// How many percent `part` is of `whole`; an allowance of nothing is used up.
pub(super) fn percent(part: Units, whole: Units) -> Units {
    const HUNDRED: i128 = 100 * ONE;
    if whole.0 <= 0 {
        return Units(HUNDRED);
    }
    // In two steps, so that the largest numbers that there are do not overflow.
    let (times, rest) = (part.0 / whole.0, part.0 % whole.0);
    Units(times.saturating_mul(HUNDRED).saturating_add(rest.saturating_mul(HUNDRED) / whole.0))
}

#[cfg(test)]
mod tests {
    use engine::units::VALUE_UNITS_MAX;

    use super::*;

    #[test]
    fn percent_is_exact_and_never_overflows() {
        let of = |part: i64, whole: i64| percent(Units::whole(part), Units::whole(whole)).to_string();
        assert_eq!((of(1, 8), of(8, 8), of(9, 4), of(0, 7)), ("12.5".into(), "100".into(), "225".into(), "0".into()));
        assert_eq!(of(5, 0), "100");
        let largest = Units(VALUE_UNITS_MAX * ONE - 1);
        assert_eq!(percent(largest, largest), Units(100 * ONE));
        assert_eq!(percent(Units(i128::MAX), Units(1)), Units(i128::MAX));
    }
}
