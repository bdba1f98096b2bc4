//! How a stage and its limit are measured beside each other, and the table at the end.
//!
//! Times are criterion's samples; the table shows their medians. Counting allocations takes time, and more from a stage
//! that allocates much, so a run either measures times or, with the feature `allocations`, counts. Not here: what is
//! measured.

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, SamplingMode, Throughput};

use crate::allocations::{self, Count};

/// Fewest that criterion takes: the stages are many and a run should stay short.
const SAMPLES: usize = 10;
const WARM_UP: Duration = Duration::from_millis(100);
const MEASURE: Duration = Duration::from_millis(400);
const RESAMPLES: usize = 10_000;

/// What one call of a stage, and of its limit, works through.
pub(crate) struct Figure {
    pub(crate) stage: &'static str,
    /// Which of the stage's figures.
    pub(crate) name: String,
    /// What is counted, in the plural.
    pub(crate) unit: &'static str,
    /// How many of them a call.
    pub(crate) count: usize,
    /// How many batches a call; allocations are told by batch.
    pub(crate) batches: usize,
}

impl Figure {
    /// Events in batches.
    pub(crate) fn events(stage: &'static str, name: impl Into<String>, count: usize, batches: usize) -> Self {
        Self { stage, name: name.into(), unit: "events", count, batches }
    }
}

/// Something to be measured: what is made before each call outside of the measurement, and the call.
pub(crate) struct Work<S, R> {
    pub(crate) setup: S,
    pub(crate) routine: R,
}

/// Criterion, and what the table needs.
pub(crate) struct Bench {
    criterion: Criterion,
    /// Whether it is only seen that everything works.
    pub(crate) quick: bool,
    rows: Vec<Row>,
}

struct Row {
    figure: Figure,
    work: Measured,
    limit_name: &'static str,
    limit: Measured,
}

/// Of one call.
struct Measured {
    median_s: f64,
    /// If they are counted.
    allocations: Option<f64>,
}

impl Bench {
    /// As the command line says.
    pub(crate) fn from_args() -> Self {
        let criterion = Criterion::default()
            .without_plots()
            .sample_size(SAMPLES)
            .warm_up_time(WARM_UP)
            .measurement_time(MEASURE)
            .nresamples(RESAMPLES)
            .configure_from_args();
        let quick = std::env::args().all(|argument| argument != "--bench");
        Self { criterion, quick, rows: Vec::new() }
    }

    /// `count` when measuring, a little when only trying.
    pub(crate) fn scaled(&self, count: usize) -> usize {
        if self.quick { count.div_ceil(64) } else { count }
    }

    /// Tenants to measure with: as many as a node of ordinary size has, and as many as it should bear.
    pub(crate) fn tenants(&self) -> &'static [u32] {
        if self.quick { &[100] } else { &[1_000, 100_000] }
    }

    /// Measures a stage and its limit in one group.
    pub(crate) fn beside<I, O, J, P>(
        &mut self,
        figure: Figure,
        work: Work<impl FnMut() -> I, impl FnMut(I) -> O>,
        limit_name: &'static str,
        limit: Work<impl FnMut() -> J, impl FnMut(J) -> P>,
    ) {
        let mut group = self.criterion.benchmark_group(figure.stage);
        group.throughput(Throughput::Elements(figure.count as u64)).sampling_mode(SamplingMode::Flat);
        let work = measure(&mut group, &figure.name, work);
        let limit = measure(&mut group, &format!("{}, limit: {limit_name}", figure.name), limit);
        group.finish();
        if let (Some(work), Some(limit)) = (work, limit) {
            self.rows.push(Row { figure, work, limit_name, limit });
        }
    }

    /// The table.
    pub(crate) fn report(self) {
        self.criterion.final_summary();
        if self.quick || self.rows.is_empty() {
            return;
        }
        if allocations::COUNTED {
            return self.report_allocations();
        }
        println!("\n| stage | figure | a second | its limit | a second | ratio |");
        println!("|---|---|---:|---|---:|---:|");
        for Row { figure, work, limit_name, limit } in &self.rows {
            let Figure { stage, name, unit, count, .. } = figure;
            let rate = |measured: &Measured| thousands(*count as f64 / measured.median_s);
            let ratio = limit.median_s / work.median_s;
            println!("| {stage} | {name} | {} {unit} | {limit_name} | {} | {ratio:.4} |", rate(work), rate(limit));
        }
    }

    fn report_allocations(&self) {
        println!("\n| stage | figure | allocations a batch | of its limit |");
        println!("|---|---|---:|---:|");
        for Row { figure: Figure { stage, name, batches, .. }, work, limit, .. } in &self.rows {
            let per_batch = |measured: &Measured| measured.allocations.unwrap_or_default() / *batches as f64;
            println!("| {stage} | {name} | {:.0} | {:.0} |", per_batch(work), per_batch(limit));
        }
    }
}

/// A whole number with its thousands apart.
fn thousands(number: f64) -> String {
    let digits = format!("{number:.0}");
    let groups: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().filter_map(|group| std::str::from_utf8(group).ok()).collect();
    groups.join(",")
}

/// Nothing if the command line leaves it out.
fn measure<I, O>(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    mut work: Work<impl FnMut() -> I, impl FnMut(I) -> O>,
) -> Option<Measured> {
    let mut samples: Vec<Measured> = Vec::new();
    group.bench_function(name, |bencher| {
        bencher.iter_custom(|iterations| {
            let (mut took, mut allocations) = (Duration::ZERO, None);
            for _ in 0..iterations {
                let input = black_box((work.setup)());
                let count = Count::begin();
                let started = Instant::now();
                let output = black_box((work.routine)(input));
                took += started.elapsed();
                allocations = count.end().map(|count| count + allocations.unwrap_or_default());
                drop(output);
            }
            let per_call = |total: f64| total / iterations as f64;
            let allocations = allocations.map(|count: usize| per_call(count as f64));
            let sample = Measured { median_s: per_call(took.as_secs_f64()), allocations };
            samples.push(sample);
            took
        });
    });
    // Criterion warms up through the same closure; what it samples comes last.
    let mut sampled = samples.split_off(samples.len().saturating_sub(SAMPLES));
    sampled.sort_by(|a, b| a.median_s.total_cmp(&b.median_s));
    let middle = sampled.len() / 2;
    (!sampled.is_empty()).then(|| sampled.swap_remove(middle))
}
