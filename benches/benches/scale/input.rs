//! What the nodes are fed: events of four types with two dimensions and a value each, by seed. Not here: pacing.

use engine::dedup::sequence::Sequence;
use engine::event::batch::EventBatch;
use engine::event::builder::{Attributes, EventBatchBuilder};
use engine::meter::{Aggregation, Dimension, Meter, Window};
use engine::service::Submission;
use engine::units::Units;

/// First instant of the stream, in µs since the epoch.
pub(crate) const START_US: i64 = 1_700_000_000_000_000;
/// Of event time, between two events.
const STEP_US: i64 = 1;
const TYPES: [&str; 4] = ["api.request", "llm.completion", "search.query", "storage.write"];
const REGIONS: [&str; 4] = ["ap-south", "eu-central", "us-east", "us-west"];
const MODELS: [&str; 3] = ["large", "medium", "small"];

/// How events spread over tenants.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Spread {
    Uniform,
    /// The tenant of rank k has a share proportional to k^-1.1.
    Zipf,
}

/// How events are known and what they count in.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Case {
    /// By an id each; each counts in one of four meters.
    Ids,
    /// By an id each; each counts in all four.
    Four,
    /// By the number of their batch, without ids; each counts in one of four meters.
    Sequenced,
}

/// The stream, as far as it has come.
pub(crate) struct Input {
    case: Case,
    state: u64,
    batches: u64,
    next: u64,
    /// Sums of the shares up to each tenant; empty if they are equal.
    shares: Vec<f64>,
    names: Vec<String>,
}

impl Input {
    pub(crate) fn new(tenants: u32, spread: Spread, case: Case) -> Self {
        let mut sum = 0.0;
        let mut shares = Vec::new();
        if spread == Spread::Zipf {
            shares.extend((1..=tenants).map(|rank| {
                sum += f64::from(rank).powf(-1.1);
                sum
            }));
        }
        // Ranks and names have nothing to do with each other.
        let names = (0..tenants).map(|rank| format!("t{:07}", u64::from(rank) * 7_919 % u64::from(tenants.max(2))));
        Self { case, state: 7, batches: 0, next: 0, shares, names: names.collect() }
    }

    /// SplitMix64 (Steele, Lea & Flood, OOPSLA 2014).
    fn word(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn tenant(&mut self) -> usize {
        let word = self.word();
        match self.shares.last() {
            None => ((u128::from(word) * self.names.len() as u128) >> 64) as usize,
            Some(sum) => {
                let drawn = word as f64 / u64::MAX as f64 * sum;
                self.shares.partition_point(|share| *share < drawn).min(self.names.len() - 1)
            }
        }
    }

    /// All tenants.
    pub(crate) fn names(&self) -> &[String] {
        &self.names
    }

    /// The next events of the stream.
    pub(crate) fn submission(&mut self, rows: usize) -> Submission {
        let batch = self.batch(rows);
        let number = self.batches;
        self.batches += 1;
        let sequence = || Sequence { owner: "platform".into(), producer: "bench".into(), epoch: 1, number };
        Submission { sequence: (self.case == Case::Sequenced).then(sequence), ..batch.into() }
    }

    fn batch(&mut self, rows: usize) -> EventBatch {
        let mut builder = EventBatchBuilder::new();
        let mut id = String::new();
        for _ in 0..rows {
            let (tenant, word) = (self.tenant(), self.word());
            id.clear();
            if self.case != Case::Sequenced {
                std::fmt::Write::write_fmt(&mut id, format_args!("{:016x}-{:08}", word, self.next))
                    .expect("strings take all");
            }
            let event_type = if self.case == Case::Four { 0 } else { (word >> 40) as usize % TYPES.len() };
            builder.units("/units", Units::whole((word >> 8 & 0x3ff) as i64));
            builder.text("/region", REGIONS[(word >> 20) as usize % REGIONS.len()]);
            builder.text("/model", MODELS[(word >> 30) as usize % MODELS.len()]);
            builder.commit(Attributes {
                tenant: &self.names[tenant],
                id: &id,
                source: "scale",
                event_type: TYPES[event_type],
                subject: None,
                time_us: START_US + self.next as i64 * STEP_US,
            });
            self.next += 1;
        }
        builder.finish()
    }
}

/// Four meters, of a type each or all of the same; minutes by both dimensions.
pub(crate) fn meters(case: Case) -> Vec<Meter> {
    let aggregations = [Aggregation::Count, Aggregation::Sum, Aggregation::Max, Aggregation::Sum];
    let dimension = |name: &str| Dimension { name: name.into(), path: format!("$.{name}") };
    let meter = |(event_type, aggregation): (&str, Aggregation)| Meter {
        name: event_type.replace('.', "_"),
        event_type: if case == Case::Four { TYPES[0] } else { event_type }.into(),
        value: (aggregation != Aggregation::Count).then(|| "$.units".into()),
        aggregation,
        dimensions: vec![dimension("region"), dimension("model")],
        window: Window::Tumbling { size_s: 60 },
        allowed_lateness_s: 600,
        description: String::new(),
    };
    TYPES.into_iter().zip(aggregations).map(meter).collect()
}
