//! Which periods tenants are billed by, as of a place in the log: part of the state, so that a cut's totals and its calendars
//! are of one moment.
//!
//! Only tenants that were ever named are kept one by one; all others follow the default. Kept for checkpoints in a ledger
//! whose text is the calendar; of several rows of a tenant the latest holds. Not here: who decides on calendars.

use std::collections::{BTreeSet, HashMap};

use arrow::array::AsArray;
use arrow::datatypes::Int32Type;
use engine::calendar::{Calendar, Interval, Period};
use engine::event::batch::Texts;
use engine::fact::Billed;
use engine::shard::RestoreError;

use super::delta::Layout;
use super::ledger::Lines;
use super::since::Since;
use super::snapshot::MeterPanes;

/// Name of the ledger.
pub(super) const LEDGER: &str = "billing.calendars";
/// Whose name nobody has.
const DEFAULT: &str = "";

/// A calendar and since when a tenant is billed by it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Standing {
    /// Which periods.
    pub(super) calendar: Calendar,
    /// Since when.
    pub(super) since: Since,
}

/// The calendars of a shard's tenants.
#[derive(Debug, Clone)]
pub(super) struct Calendars {
    default: Standing,
    own: HashMap<String, Standing>,
}

/// What a fact changes.
pub(super) struct Change {
    default: Option<Standing>,
    named: HashMap<String, Standing>,
    /// Those of the named that are billed by other periods now.
    pub(super) moved: BTreeSet<String>,
}

impl Default for Calendars {
    fn default() -> Self {
        let calendar = Calendar { period: Period::Month, time_zone: "UTC".into() };
        Self { default: Standing { calendar, since: Since::EVER }, own: HashMap::new() }
    }
}

impl Calendars {
    /// Of a tenant.
    pub(super) fn of(&self, tenant: &str) -> &Standing {
        self.own.get(tenant).unwrap_or(&self.default)
    }

    /// Of tenants that were never named.
    pub(super) fn unnamed(&self) -> &Standing {
        &self.default
    }

    /// Whether the tenant was ever named.
    pub(super) fn names(&self, tenant: &str) -> bool {
        self.own.contains_key(tenant)
    }

    /// What `billed`, stated at `since`, changes.
    pub(super) fn change(&self, billed: &Billed, since: Since) -> Change {
        let standing = |calendar: &Calendar| Standing { calendar: calendar.clone(), since };
        let default = billed.default.as_ref().filter(|calendar| **calendar != self.default.calendar).map(standing);
        let mut change = Change { default, named: HashMap::new(), moved: BTreeSet::new() };
        for (tenant, calendar) in &billed.tenants {
            let before = self.of(tenant);
            if before.calendar != *calendar {
                change.moved.insert(tenant.clone());
                change.named.insert(tenant.clone(), standing(calendar));
            } else if change.default.is_some() && !self.names(tenant) {
                // It keeps what the default was.
                change.named.insert(tenant.clone(), before.clone());
            }
        }
        change
    }

    /// Takes up a change, and gives what of it goes into the ledger.
    pub(super) fn apply(&mut self, change: Change) -> Lines {
        let mut lines = Lines::default();
        let named = change.named.into_iter();
        for (tenant, standing) in named.chain(change.default.map(|default| (DEFAULT.to_owned(), default))) {
            let text = serde_json::to_string(&standing.calendar).expect("a calendar is plain");
            lines.add(&tenant, &text, Interval { start_us: 0, end_us: 0 }, standing.since);
            self.set(tenant, standing);
        }
        lines
    }

    /// Drops what is known of `tenants`.
    pub(super) fn forget(&mut self, tenants: &BTreeSet<String>) {
        self.own.retain(|tenant, _| !tenants.contains(tenant));
    }

    fn set(&mut self, tenant: String, standing: Standing) {
        if tenant == DEFAULT {
            self.default = standing;
        } else {
            self.own.insert(tenant, standing);
        }
    }

    /// Reads the ledger.
    pub(super) fn restore(ledger: &MeterPanes) -> Result<Self, RestoreError> {
        let mut calendars = Self::default();
        for rows in ledger.deltas.iter().filter_map(|delta| delta.resident()) {
            let [revisions, watermarks, ..] = Layout::of(rows.schema_ref(), 0).marks(&rows);
            let texts = |column: usize| Texts::new(rows.column(column).as_dictionary::<Int32Type>());
            let (tenants, texts) = (texts(0), texts(1));
            for row in 0..rows.num_rows() {
                let tenant = tenants.get(row).unwrap_or_default();
                let since = Since { revision: revisions[row], watermark_us: watermarks[row] };
                let known = if tenant == DEFAULT { Some(&calendars.default) } else { calendars.own.get(tenant) };
                if known.is_some_and(|known| known.since.revision >= since.revision) {
                    continue;
                }
                let refuse = |error: serde_json::Error| RestoreError { file: LEDGER.into(), reason: error.to_string() };
                let calendar = serde_json::from_str(texts.get(row).unwrap_or_default()).map_err(refuse)?;
                calendars.set(tenant.to_owned(), Standing { calendar, since });
            }
        }
        Ok(calendars)
    }
}

impl Change {
    /// Whether nothing changes.
    pub(super) fn is_empty(&self) -> bool {
        self.default.is_none() && self.named.is_empty()
    }

    /// Whether all are concerned who were never named.
    pub(super) fn is_of_default(&self) -> bool {
        self.default.is_some()
    }

    /// Whether a tenant is billed by other periods now than by `before`.
    pub(super) fn concerns(&self, tenant: &str, before: &Calendars) -> bool {
        let follows = || !before.names(tenant) && !self.named.contains_key(tenant);
        self.moved.contains(tenant) || (self.is_of_default() && follows())
    }
}
