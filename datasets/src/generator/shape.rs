//! How much of each tenant there is and when: weights, days, bursts, and what functions are like.
//!
//! The figures are quantiles and counts of the Azure trace's 500 functions. Not here: making events.

use engine::units::{ONE, Units};

use crate::invocation::TRIGGERS;
use crate::random::{Random, mix};

/// How events spread over tenants.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Distribution {
    /// All alike.
    Uniform,
    /// The i-th tenant has a weight of 1 / i^s; `s` from 0 to 4.
    Zipf {
        /// The exponent.
        s: f64,
    },
}

/// How events spread over time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rhythm {
    /// The same rate always.
    Steady,
    /// More by day (UTC) than by night, unsteady from minute to minute, and in one minute of eight a tenant that bursts.
    Daily,
}

/// What a moment is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Moment {
    /// Thousandths of the mean rate.
    pub(super) rate_permille: u32,
    pub(super) burst: Option<Burst>,
}

/// A tenant that has a share of all events for a minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Burst {
    pub(super) tenant: u32,
    pub(super) share_ppm: u32,
}

/// What is drawn once for a function.
#[derive(Debug)]
pub(super) struct FunctionShape {
    pub(super) name: String,
    /// Index in [`TRIGGERS`].
    pub(super) trigger: usize,
    pub(super) duration_ms: u32,
    pub(super) memory_mb: Units,
}

const HOUR_US: i64 = 3_600_000_000;
const MINUTE_US: i64 = 60_000_000;

/// Thousandths of the mean rate at the start of each hour; their mean is 1,000.
const HOURS_PERMILLE: [i64; 24] = [
    620, 560, 520, 500, 520, 600, 740, 920, 1_120, 1_300, 1_400, 1_440, 1_420, 1_430, 1_440, 1_420, 1_380, 1_300,
    1_180, 1_060, 960, 860, 730, 580,
];

/// Functions of the trace by trigger, in the order of [`TRIGGERS`].
const TRIGGER_COUNTS: [u64; 7] = [139, 247, 69, 25, 14, 5, 1];

/// Deciles of the trace's average durations (ms); the last is cut from 300,504.
const DURATIONS_MS: [u32; 11] = [1, 21, 68, 138, 270, 561, 1_024, 1_782, 3_589, 12_035, 60_000];

/// Deciles of the trace's average memory (MB).
const MEMORY_MB: [u32; 11] = [2, 9, 19, 28, 40, 57, 82, 113, 137, 183, 405];

const NAMES: [&str; 16] = [
    "checkout",
    "ingest",
    "resize-image",
    "send-email",
    "sync-orders",
    "transcode",
    "embed-text",
    "score-lead",
    "render-pdf",
    "refresh-token",
    "archive",
    "notify",
    "translate",
    "index-page",
    "bill-usage",
    "import-rows",
];

impl Distribution {
    /// A weight per tenant, largest first.
    pub(super) fn weights(self, tenants: u32) -> Vec<u64> {
        const LARGEST: f64 = (1u64 << 40) as f64;
        (1..=tenants)
            .map(|rank| match self {
                Self::Uniform => 1,
                Self::Zipf { s } => (LARGEST / f64::from(rank).powf(s)).max(1.0) as u64,
            })
            .collect()
    }
}

impl Rhythm {
    pub(super) fn at(self, seed: u64, time_us: i64, tenants: u32) -> Moment {
        if self == Self::Steady {
            return Moment { rate_permille: 1_000, burst: None };
        }
        let hour = time_us.div_euclid(HOUR_US).rem_euclid(24) as usize;
        let into_hour = time_us.rem_euclid(HOUR_US);
        let (from, to) = (HOURS_PERMILLE[hour], HOURS_PERMILLE[(hour + 1) % 24]);
        let daily = from + (to - from) * into_hour / HOUR_US;
        let mut minute = Random::new(mix(seed ^ time_us.div_euclid(MINUTE_US) as u64));
        let unsteady = 850 + minute.below(301) as i64;
        let burst = (minute.below(8) == 0).then(|| Burst {
            tenant: minute.below(u64::from(tenants)) as u32,
            share_ppm: 50_000 + minute.below(200_000) as u32,
        });
        Moment { rate_permille: (daily * unsteady / 1_000) as u32, burst }
    }
}

/// Draws a tenant's function `number`.
pub(super) fn function(random: &mut Random, number: u64) -> FunctionShape {
    let names = NAMES.len() as u64;
    let name = NAMES[random.below(names) as usize];
    let mut at = random.below(TRIGGER_COUNTS.iter().sum());
    let mut trigger = 0;
    while trigger + 1 < TRIGGERS.len() && at >= TRIGGER_COUNTS[trigger] {
        at -= TRIGGER_COUNTS[trigger];
        trigger += 1;
    }
    FunctionShape {
        name: format!("{name}-{}", number + 1),
        trigger,
        duration_ms: between_deciles(random, &DURATIONS_MS),
        memory_mb: Units(i128::from(between_deciles(random, &MEMORY_MB)) * ONE + ONE / 4 * random.below(4) as i128),
    }
}

fn between_deciles(random: &mut Random, deciles: &[u32; 11]) -> u32 {
    let at = random.below(10) as usize;
    deciles[at] + random.below(u64::from(deciles[at + 1] - deciles[at]) + 1) as u32
}

/// Draws numbers by weight in constant time: Walker's alias method as built by Vose ("A linear algorithm for generating
/// random numbers with a given distribution", IEEE TSE 17(9), 1991), in integers.
#[derive(Debug)]
pub(super) struct Sampler(Vec<Slot>);

#[derive(Debug, Clone, Copy)]
struct Slot {
    /// Draws below this, of 2³², stay; the others go to the alias.
    stay: u64,
    alias: u32,
}

impl Sampler {
    /// From at least one weight, none zero, at most 2³² of at most 2⁴⁰.
    pub(super) fn new(weights: &[u64]) -> Self {
        let total: u128 = weights.iter().map(|weight| u128::from(*weight)).sum();
        // A slot's fair share is `total` when every weight counts as many times as there are slots.
        let mut scaled: Vec<u128> = weights.iter().map(|weight| u128::from(*weight) * weights.len() as u128).collect();
        let mut slots = vec![Slot { stay: 1 << 32, alias: 0 }; weights.len()];
        let (mut small, mut large): (Vec<usize>, Vec<usize>) = (0..weights.len()).partition(|at| scaled[*at] < total);
        while let (Some(poor), Some(rich)) = (small.pop(), large.last().copied()) {
            slots[poor] = Slot { stay: ((scaled[poor] << 32) / total) as u64, alias: rich as u32 };
            scaled[rich] -= total - scaled[poor];
            if scaled[rich] < total {
                large.pop();
                small.push(rich);
            }
        }
        Self(slots)
    }

    pub(super) fn draw(&self, random: &mut Random) -> u32 {
        let draw = random.next();
        let at = ((draw >> 32) * self.0.len() as u64) >> 32;
        let slot = self.0[at as usize];
        if draw & 0xffff_ffff < slot.stay { at as u32 } else { slot.alias }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Draws often; each tenant's share must be its weight's, within five standard deviations.
    fn check(distribution: Distribution, tenants: u32) {
        const DRAWS: u32 = 200_000;
        let weights = distribution.weights(tenants);
        let sampler = Sampler::new(&weights);
        let mut random = Random::new(7);
        let mut drawn = vec![0u32; tenants as usize];
        for _ in 0..DRAWS {
            drawn[sampler.draw(&mut random) as usize] += 1;
        }
        let total: u64 = weights.iter().sum();
        for (tenant, (weight, drawn)) in weights.iter().zip(&drawn).enumerate() {
            let share = *weight as f64 / total as f64;
            let expected = share * f64::from(DRAWS);
            let deviation = (expected * (1.0 - share)).sqrt();
            let off = (f64::from(*drawn) - expected).abs();
            assert!(
                off <= 5.0 * deviation + 1.0,
                "{distribution:?}: tenant {tenant} drawn {drawn}, expected {expected}"
            );
        }
    }

    #[test]
    fn tenants_are_drawn_by_weight() {
        check(Distribution::Uniform, 1);
        check(Distribution::Uniform, 100);
        check(Distribution::Zipf { s: 1.0 }, 100);
        check(Distribution::Zipf { s: 2.0 }, 1_000);
        check(Distribution::Zipf { s: 0.5 }, 7);
    }

    #[test]
    fn a_day_has_the_mean_rate() {
        assert_eq!(HOURS_PERMILLE.iter().sum::<i64>(), 24_000);
        let minutes = (0..7 * 1_440).map(|minute| Rhythm::Daily.at(1, minute * MINUTE_US, 10));
        let mean = minutes.map(|moment| u64::from(moment.rate_permille)).sum::<u64>() / (7 * 1_440);
        assert!((980..=1_020).contains(&mean), "{mean}");
    }

    #[test]
    fn a_burst_lasts_a_minute() {
        let bursts: Vec<_> = (0..1_440).map(|minute| Rhythm::Daily.at(1, minute * MINUTE_US, 10).burst).collect();
        let count = bursts.iter().flatten().count();
        assert!((120..=240).contains(&count), "{count}");
        for (minute, burst) in bursts.iter().enumerate() {
            let later_us = minute as i64 * MINUTE_US + 59_000_000;
            assert_eq!(Rhythm::Daily.at(1, later_us, 10).burst, *burst);
        }
    }
}
