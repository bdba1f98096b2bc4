//! `engine_shards`: how far each shard is. For the platform only: shards are shared between tenants (I6).

use engine::watermark::BEGINNING_US;

use super::row_view::whole;
use super::{Ask, RowColumn, RowView, ViewError};
use crate::catalog::Cut;

/// A shard at the cut.
#[derive(Debug)]
pub struct ShardRow {
    shard: u16,
    epoch: u32,
    applied: i64,
    watermark_us: Option<i64>,
    now_us: i64,
    lag: i64,
    admitted: i64,
    remembered_ids: i64,
}

/// See the module.
#[derive(Debug)]
pub struct EngineShards;

impl RowView for EngineShards {
    type Row = ShardRow;
    const NAME: &'static str = "engine_shards";
    const COMMENT: &'static str = "how far each shard of the engine is";
    const COLUMNS: &'static [RowColumn<ShardRow>] = &[
        RowColumn::whole("shard", |row| row.shard.into(), "its number"),
        RowColumn::whole("epoch", |row| row.epoch.into(), "ownership of the data folder, one more with each start"),
        RowColumn::whole("offset", |row| row.applied, "end of its last applied record in the log"),
        RowColumn::maybe_instant(
            "watermark",
            |row| row.watermark_us,
            "no earlier event is expected; null before the first event",
        ),
        RowColumn::maybe_whole(
            "watermark_lag_ms",
            |row| row.watermark_us.map(|us| row.now_us.saturating_sub(us) / 1000),
            "the node's clock minus the watermark, milliseconds",
        ),
        RowColumn::whole("lag", |row| row.lag, "rows admitted and not yet applied"),
        RowColumn::whole("admitted", |row| row.admitted, "rows admitted since the node started"),
        RowColumn::whole("remembered_ids", |row| row.remembered_ids, "ids remembered to know duplicates"),
    ];

    fn rows(&self, cut: &Cut, _: &Ask) -> Result<Vec<ShardRow>, ViewError> {
        let rows = cut.snapshot.shards.iter().map(|shard| ShardRow {
            shard: shard.shard,
            epoch: cut.snapshot.epoch,
            applied: whole(shard.applied),
            watermark_us: Some(shard.watermark_us).filter(|us| *us != BEGINNING_US),
            now_us: cut.now_us,
            lag: whole(shard.lag),
            admitted: whole(shard.admitted),
            remembered_ids: whole(shard.remembered_ids),
        });
        Ok(rows.collect())
    }
}
