//! A seeded stream of invocations for demonstrations and benches: many tenants, few of them large, with days and bursts.
//!
//! Shaped like the Azure trace ([`azure`](crate::azure)) and of the same events, so the same [meters](crate::azure::meters)
//! apply. Time and seed are passed in: the same options and start give the same bytes (I4). Tenants' weights are the one
//! place where floats are used, and only to draw; no metered quantity is one.
//!
//! Modules: [`plans`] says who the tenants are, `shape` how much of each there is and when. Not here: pacing by a real
//! clock, which the caller does.

pub mod plans;
mod shape;

use std::collections::VecDeque;

use engine::event::batch::EventBatch;
use engine::units::{ONE, Units};

use crate::ROWS_PER_BATCH;
use crate::decimal::gb_seconds;
use crate::error::DatasetError;
use crate::invocation::{Functions, FunctionsBuilder, Rows, push_number};
use crate::random::{Random, mix};
pub use plans::{Plan, Tenant};
pub use shape::{Distribution, Rhythm};

/// Most tenants.
pub const TENANTS_MAX: u32 = 1_000_000;
/// Most events a second.
pub const EVENTS_PER_S_MAX: u32 = 10_000_000;
/// Most functions of one tenant.
pub const FUNCTIONS_PER_TENANT_MAX: u32 = 64;

/// Time goes on in slots of this length, in µs.
const SLOT_US: i64 = 1_000;
/// Events that a duplicate may repeat.
const RECENT_EVENTS: usize = 4096;
/// An id's length, in bytes, is about this.
const ID_BYTES: usize = 16 + 1 + 9;

/// What to generate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GeneratorOptions {
    /// The same seed, the same events.
    pub seed: u64,
    /// From 1 to [`TENANTS_MAX`].
    pub tenants: u32,
    /// Each tenant has from 1 to this many functions.
    pub functions_per_tenant: u32,
    /// Mean rate, from 1 to [`EVENTS_PER_S_MAX`].
    pub events_per_s: u32,
    /// How events spread over tenants.
    pub distribution: Distribution,
    /// How they spread over time.
    pub rhythm: Rhythm,
    /// Events, in a million, that repeat one of the last 4,096 in full.
    pub duplicates_ppm: u32,
    /// Events, in a million, whose time lies up to `late_s` back.
    pub late_ppm: u32,
    /// In seconds.
    pub late_s: u32,
    /// Events, in a million, whose time lies up to `out_of_order_ms` back.
    pub out_of_order_ppm: u32,
    /// In milliseconds.
    pub out_of_order_ms: u32,
    /// Rows after which a batch ends; one may be longer by the events of a millisecond.
    pub rows_per_batch: usize,
}

impl Default for GeneratorOptions {
    /// A demonstration: a hundred tenants, the largest with a fifth of the events, some duplicates and stragglers.
    fn default() -> Self {
        Self {
            seed: 1,
            tenants: 100,
            functions_per_tenant: 4,
            events_per_s: 20_000,
            distribution: Distribution::Zipf { s: 1.0 },
            rhythm: Rhythm::Daily,
            duplicates_ppm: 5_000,
            late_ppm: 500,
            late_s: 7_200,
            out_of_order_ppm: 50_000,
            out_of_order_ms: 2_000,
            rows_per_batch: ROWS_PER_BATCH,
        }
    }
}

/// An option outside its range.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("generator option {option}: {reason}")]
pub struct OptionsError {
    /// Which option.
    pub option: &'static str,
    /// What would be right.
    pub reason: String,
}

/// The stream, as far as it has come.
#[derive(Debug)]
pub struct Generator {
    options: GeneratorOptions,
    functions: Functions,
    /// Mean duration of each function, in milliseconds.
    durations_ms: Vec<u32>,
    /// Code of each tenant's first function, and at the end the number of functions.
    first_functions: Vec<u32>,
    tenants: shape::Sampler,
    random: Random,
    id_prefix: [u8; 16],
    /// End of the last slot, in µs since the epoch.
    now_us: i64,
    /// Millionths of an event that are due but not whole.
    carried: u64,
    sequence: u64,
    recent: VecDeque<Invocation>,
}

#[derive(Debug, Clone, Copy)]
struct Invocation {
    function: u32,
    time_us: i64,
    duration_ms: Units,
    gb_seconds: Units,
    sequence: u64,
}

impl Generator {
    /// A stream that begins at `start_us` (µs since the epoch).
    ///
    /// # Errors
    /// An option outside its range.
    pub fn new(options: GeneratorOptions, start_us: i64) -> Result<Self, OptionsError> {
        options.check()?;
        let mut random = Random::new(options.seed);
        let mut functions = FunctionsBuilder::default();
        let mut durations_ms = Vec::new();
        let mut first_functions = vec![0];
        for tenant in 0..options.tenants {
            let name = plans::tenant_name(tenant);
            for number in 0..1 + random.below(u64::from(options.functions_per_tenant)) {
                let function = shape::function(&mut random, number);
                durations_ms.push(function.duration_ms);
                functions.push(&name, &name, &function.name, function.trigger, function.memory_mb);
            }
            first_functions.push(durations_ms.len() as u32);
        }
        let mut id_prefix = [0; 16];
        id_prefix.copy_from_slice(format!("{:016x}", mix(options.seed ^ mix(start_us as u64))).as_bytes());
        Ok(Self {
            tenants: shape::Sampler::new(&options.distribution.weights(options.tenants)),
            options,
            functions: functions.finish(),
            durations_ms,
            first_functions,
            random,
            id_prefix,
            now_us: start_us,
            carried: 0,
            sequence: 0,
            recent: VecDeque::with_capacity(RECENT_EVENTS),
        })
    }

    /// The tenants, largest first unless the distribution is uniform.
    pub fn tenants(&self) -> impl Iterator<Item = Tenant> + use<> {
        plans::tenants(self.options.tenants)
    }

    /// The next events due up to `now_us`, one batch at most; `None` when there is none. Call until `None`.
    ///
    /// # Errors
    /// Only a batch too large for Arrow.
    pub fn next(&mut self, now_us: i64) -> Result<Option<EventBatch>, DatasetError> {
        let limit = self.options.rows_per_batch;
        let mut rows = Rows::with_capacity(limit, ID_BYTES);
        while rows.len() < limit && self.now_us.saturating_add(SLOT_US) <= now_us {
            self.slot(&mut rows);
        }
        if rows.len() == 0 {
            return Ok(None);
        }
        self.functions.batch(rows).map(Some)
    }

    /// The next `events` events, as fast as they can be made; time goes on as their rate says.
    pub fn take(self, events: u64) -> Bounded {
        Bounded { generator: self, left: events }
    }

    /// Where the stream's time is, in µs since the epoch.
    pub fn now_us(&self) -> i64 {
        self.now_us
    }

    /// Generates one slot.
    fn slot(&mut self, rows: &mut Rows) {
        let start_us = self.now_us;
        self.now_us += SLOT_US;
        let moment = self.options.rhythm.at(self.options.seed, start_us, self.options.tenants);
        self.carried += u64::from(self.options.events_per_s) * u64::from(moment.rate_permille);
        let due = self.carried / 1_000_000;
        self.carried %= 1_000_000;
        for number in 0..due {
            let time_us = start_us + (number * SLOT_US as u64 / due) as i64;
            let invocation = match self.repeated() {
                Some(earlier) => earlier,
                None => self.invocation(time_us, moment.burst),
            };
            let prefix = &self.id_prefix;
            let Invocation { function, time_us, duration_ms, gb_seconds, sequence } = invocation;
            rows.push(function, time_us, duration_ms, gb_seconds, |id| {
                id.extend_from_slice(prefix);
                id.push(b'-');
                push_number(id, sequence);
            });
        }
    }

    fn repeated(&mut self) -> Option<Invocation> {
        if self.recent.is_empty() || !self.random.chance_ppm(self.options.duplicates_ppm) {
            return None;
        }
        let at = self.random.below(self.recent.len() as u64) as usize;
        self.recent.get(at).copied()
    }

    fn invocation(&mut self, time_us: i64, burst: Option<shape::Burst>) -> Invocation {
        let random = &mut self.random;
        let tenant = match burst {
            Some(burst) if random.chance_ppm(burst.share_ppm) => burst.tenant,
            _ => self.tenants.draw(random),
        };
        let functions = &self.first_functions[tenant as usize..];
        // The smaller of two draws: a tenant's first functions run more often.
        let count = u64::from(functions[1] - functions[0]);
        let function = functions[0] + random.below(count).min(random.below(count)) as u32;
        let permille = 500 + random.below(1_000) as i128;
        let duration_ms = Units(i128::from(self.durations_ms[function as usize]) * permille * (ONE / 1_000));
        let memory_mb = self.functions.get(function).memory_mb;
        let gb_seconds = gb_seconds(duration_ms.into(), memory_mb.into())
            .expect("a generated duration and memory have at most 15 digits each");
        let back_us = if random.chance_ppm(self.options.late_ppm) {
            random.below(u64::from(self.options.late_s) * 1_000_000 + 1)
        } else if random.chance_ppm(self.options.out_of_order_ppm) {
            random.below(u64::from(self.options.out_of_order_ms) * 1_000 + 1)
        } else {
            0
        };
        let time_us = time_us - back_us as i64;
        let invocation = Invocation { function, time_us, duration_ms, gb_seconds, sequence: self.sequence };
        self.sequence += 1;
        if self.options.duplicates_ppm > 0 {
            if self.recent.len() == RECENT_EVENTS {
                self.recent.pop_front();
            }
            self.recent.push_back(invocation);
        }
        invocation
    }
}

/// A bounded stream; see [`Generator::take`].
#[derive(Debug)]
pub struct Bounded {
    generator: Generator,
    left: u64,
}

impl Iterator for Bounded {
    type Item = Result<EventBatch, DatasetError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.left == 0 {
            return None;
        }
        let batch = self.generator.next(i64::MAX).transpose()?.map(|batch| {
            let length = usize::try_from(self.left).unwrap_or(usize::MAX).min(batch.len());
            batch.slice(0, length)
        });
        self.left = batch.as_ref().map_or(0, |batch| self.left - batch.len() as u64);
        Some(batch)
    }
}

impl GeneratorOptions {
    fn check(&self) -> Result<(), OptionsError> {
        let within = |option, value: u64, max: u64| {
            let reason = format!("expected 1 to {max}, found {value}");
            if (1..=max).contains(&value) { Ok(()) } else { Err(OptionsError { option, reason }) }
        };
        within("tenants", self.tenants.into(), TENANTS_MAX.into())?;
        within("functions_per_tenant", self.functions_per_tenant.into(), FUNCTIONS_PER_TENANT_MAX.into())?;
        within("events_per_s", self.events_per_s.into(), EVENTS_PER_S_MAX.into())?;
        within("rows_per_batch", self.rows_per_batch as u64, crate::azure::expand::ROWS_PER_BATCH_MAX as u64)?;
        let shares = [
            ("duplicates_ppm", self.duplicates_ppm),
            ("late_ppm", self.late_ppm),
            ("out_of_order_ppm", self.out_of_order_ppm),
        ];
        if let Some((option, share)) = shares.into_iter().find(|(_, share)| *share >= 1_000_000) {
            let reason = format!("expected less than 1000000, found {share}");
            return Err(OptionsError { option, reason });
        }
        match self.distribution {
            Distribution::Zipf { s } if !(s.is_finite() && (0.0..=4.0).contains(&s)) => {
                Err(OptionsError { option: "distribution", reason: format!("expected s from 0 to 4, found {s}") })
            }
            _ => Ok(()),
        }
    }
}
