//! One consistent cut through all shards, swapped atomically: what every query reads.
//!
//! Each shard's state holds exactly the events before [`Snapshot::offset`], so that a reader's cursor on revisions (which
//! are offsets) sees each change once. Not here: how it is cut (`service`), what the states mean (the operator).

use std::sync::Arc;

use crate::log::Offset;

/// An immutable view of the node's state.
#[derive(Debug)]
pub struct Snapshot<S> {
    /// Every event before this offset is in, none from it on.
    pub offset: Offset,
    /// Ownership of the data folder.
    pub epoch: u32,
    /// The node's clock at the cut.
    pub published_at_us: i64,
    /// One per shard, by number.
    pub shards: Vec<ShardView<S>>,
    /// What of the event log is in the lake.
    pub archive: Arc<Archive>,
}

/// One shard within a [`Snapshot`].
#[derive(Debug, Clone)]
pub struct ShardView<S> {
    /// Which shard.
    pub shard: u16,
    /// End of the shard's last applied record.
    pub applied: Offset,
    /// No earlier event is expected.
    pub watermark_us: i64,
    /// Rows admitted since the node started.
    pub admitted: u64,
    /// Rows in flight: admitted but not yet applied.
    pub lag: u64,
    /// Ids remembered for dedup.
    pub remembered_ids: u64,
    /// The operator's view.
    pub state: Arc<S>,
}

/// Events that moved from the log to the lake.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Archive {
    /// Every event before this offset is in `files`.
    pub until: Offset,
    /// Parquet files of events.
    pub files: Vec<ArchiveFile>,
}

/// One Parquet file of events of one day and shard.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ArchiveFile {
    /// Name in the node's storage.
    pub name: String,
    /// Whose events.
    pub shard: u16,
    /// Rows.
    pub rows: u64,
    /// Bytes.
    pub bytes: u64,
    /// Earliest event time.
    pub time_min_us: i64,
    /// Latest event time.
    pub time_max_us: i64,
    /// First offset.
    pub offset_min: Offset,
    /// Last offset.
    pub offset_max: Offset,
    /// What vouches for its content; absent for a file that was written before files had any.
    #[serde(default)]
    pub checksums: Option<FileChecksums>,
}

/// XXH3 of the content of a file, as the lake that wrote it checks it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct FileChecksums {
    /// Of all bytes, for who reads them all.
    pub whole: u64,
    /// Of the footer, for who reads some of the rest.
    pub footer: u64,
}
