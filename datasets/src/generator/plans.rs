//! The generated tenants: their names and plans, for demonstrations of quotas.
//!
//! Not here: enforcing a plan, which is the tenants' business; a plan is only what a demonstration should set up.

/// What a demonstration's tenant may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// Lower-case name.
    pub name: &'static str,
    /// Hard allowance of invocations a calendar day; `None` is without limit.
    pub invocations_per_day: Option<u64>,
}

/// The plans, smallest first. At the default rate, the busier of the free tenants use up their day within minutes.
pub const PLANS: [Plan; 3] = [
    Plan { name: "free", invocations_per_day: Some(2_000) },
    Plan { name: "pro", invocations_per_day: Some(200_000) },
    Plan { name: "enterprise", invocations_per_day: None },
];

/// A generated tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tenant {
    /// Unique; lower-case letters, digits and dashes.
    pub name: String,
    /// Its plan.
    pub plan: Plan,
}

const FIRST: [&str; 32] = [
    "amber", "azure", "bold", "bright", "calm", "clear", "coral", "crisp", "deep", "early", "fair", "fleet", "fresh",
    "gentle", "golden", "grand", "green", "keen", "lunar", "mellow", "noble", "north", "polar", "prime", "quiet",
    "rapid", "silver", "solar", "still", "swift", "vivid", "west",
];

const SECOND: [&str; 32] = [
    "anchor", "basin", "beacon", "birch", "bridge", "canyon", "cedar", "cliff", "cove", "delta", "ember", "falcon",
    "field", "forge", "grove", "harbor", "heron", "island", "lake", "maple", "meadow", "mesa", "orchard", "peak",
    "pine", "quarry", "reef", "ridge", "river", "summit", "valley", "willow",
];

/// The first twentieth have the largest plan, the next quarter the middle one.
pub(super) fn tenants(count: u32) -> impl Iterator<Item = Tenant> {
    (0..count).map(move |number| {
        let rank_percent = u64::from(number) * 100 / u64::from(count);
        let plan = match rank_percent {
            0..5 => PLANS[2],
            5..30 => PLANS[1],
            _ => PLANS[0],
        };
        Tenant { name: tenant_name(number), plan }
    })
}

/// Two words, and a number from the 1,025th tenant on.
pub(super) fn tenant_name(number: u32) -> String {
    let words = FIRST.len() as u32;
    // Neighbours differ in both words; over 32 x 32 numbers every pair comes once.
    let first = FIRST[(number % words) as usize];
    let second = SECOND[((number / words + number) % words) as usize];
    match number / (words * words) {
        0 => format!("{first}-{second}"),
        round => format!("{first}-{second}-{round}"),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn names_are_unique() {
        let names: HashSet<String> = (0..10_000).map(tenant_name).collect();
        assert_eq!(names.len(), 10_000);
    }

    #[test]
    fn every_plan_has_tenants() {
        for plan in PLANS {
            assert!(tenants(100).any(|tenant| tenant.plan == plan), "{}", plan.name);
        }
    }
}
