//! Everything about the engine that can be set, with its unit and its default.

use std::time::Duration;

use crate::dedup::DedupOptions;
use crate::shard::FlightLimits;
use crate::watermark::WatermarkOptions;

/// The engine's options.
#[derive(Debug, Clone)]
pub struct EngineOptions {
    /// How watermarks move.
    pub watermark: WatermarkOptions,
    /// How long and where ids are remembered.
    pub dedup: DedupOptions,
    /// How much may be in flight (I8).
    pub flight: FlightLimits,
    /// How often a snapshot is cut for queries; bounds freshness from below.
    pub publish_every: Duration,
    /// How often state is checkpointed; bounds the replay after a kill.
    pub checkpoint_every: Duration,
    /// Events after which it is checkpointed even if that time has not passed, so that under load the replay is bounded too.
    pub checkpoint_events: u64,
    /// Bytes of log behind the last checkpoint beyond which events move to the lake and the log is trimmed.
    pub archive_above_bytes: u64,
    /// Checkpoints kept.
    pub checkpoints_kept: usize,
}

impl Default for EngineOptions {
    fn default() -> Self {
        Self {
            watermark: WatermarkOptions::default(),
            dedup: DedupOptions::default(),
            flight: FlightLimits::default(),
            publish_every: Duration::from_millis(20),
            checkpoint_every: Duration::from_secs(10),
            checkpoint_events: 1_000_000,
            archive_above_bytes: 2 << 30,
            checkpoints_kept: 2,
        }
    }
}
