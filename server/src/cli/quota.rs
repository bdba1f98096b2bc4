//! `tenantry quota`: how much a tenant may use.

use clap::{Args, Subcommand, ValueEnum};
use engine::units::Units;
use serde_json::{Value, json};

use super::Ended;
use super::api::{At, Request, path, run};

/// Limit how much a tenant may use
#[derive(Debug, Subcommand)]
#[command(after_help = "\
A hard limit rejects what is beyond it (quota_exceeded, rate_limited) and is never overshot; a soft one
lets it in and shows it. `select * from quotas` says how much is used. Only count and sum meters can be
limited. An event larger than the burst, or than the whole allowance, is rejected for good (exceeds_limit).

Examples:
  tenantry quota set acme tokens --allowance 1000000 --per month --time-zone Europe/Zurich
  tenantry quota set acme requests --rate 50 --burst 200 --soft
  tenantry quota list acme
  tenantry quota remove acme tokens")]
pub(super) enum Quota {
    /// A tenant's limits, its plan's included
    List {
        /// Whose
        tenant: String,
        #[command(flatten)]
        place: At,
    },
    /// Set a tenant's own limit of a meter
    Set(Set),
    /// Remove a tenant's own limit of a meter; its plan's holds again
    Remove {
        /// Whose
        tenant: String,
        /// Of which meter
        meter: String,
        #[command(flatten)]
        place: At,
    },
}

/// A limit.
#[derive(Debug, Args)]
pub(super) struct Set {
    /// Whose
    tenant: String,
    /// Of which meter
    meter: String,
    /// Units per calendar period
    #[arg(long, value_name = "UNITS", required_unless_present = "rate")]
    allowance: Option<Units>,
    /// The calendar period
    #[arg(long, value_enum, default_value = "month", requires = "allowance")]
    per: Period,
    /// The calendar's time zone, as IANA names it
    #[arg(long, value_name = "ZONE", default_value = "UTC", requires = "allowance")]
    time_zone: String,
    /// Units per second
    #[arg(long, value_name = "UNITS")]
    rate: Option<Units>,
    /// Units at once after a silence [default: one second's]
    #[arg(long, value_name = "UNITS", requires = "rate")]
    burst: Option<Units>,
    /// Let in what is beyond, and show it
    #[arg(long)]
    soft: bool,
    #[command(flatten)]
    place: At,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Period {
    Hour,
    Day,
    Week,
    Month,
    Quarter,
    Year,
}

impl Quota {
    pub(super) fn run(self) -> anyhow::Result<Ended> {
        match self {
            Self::List { tenant, place } => run(&place, Request::get(path(&["tenants", &tenant, "quotas"])))?,
            Self::Set(set) => {
                let path = path(&["tenants", &set.tenant, "quotas", &set.meter]);
                run(&set.place, Request::put(path, set.limit()))?;
            }
            Self::Remove { tenant, meter, place } => {
                run(&place, Request::delete(path(&["tenants", &tenant, "quotas", &meter])))?;
            }
        }
        Ok(Ended::Well)
    }
}

impl Set {
    fn limit(&self) -> Value {
        let period = match self.per {
            Period::Hour => "hour",
            Period::Day => "day",
            Period::Week => "week",
            Period::Month => "month",
            Period::Quarter => "quarter",
            Period::Year => "year",
        };
        let allowance = self
            .allowance
            .map(|units| json!({ "units": units, "per": { "period": period, "time_zone": self.time_zone } }));
        let rate = self.rate.map(|units| json!({ "units_per_s": units, "burst": self.burst.unwrap_or(units) }));
        json!({ "allowance": allowance, "rate": rate, "hard": !self.soft })
    }
}
