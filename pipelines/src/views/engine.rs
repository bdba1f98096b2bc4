//! `engine`: the cut itself, one row: how fresh the answer is and where a cursor on revisions stands.

use super::row_view::whole;
use super::{Ask, RowColumn, RowView, ViewError};
use crate::catalog::Cut;
use crate::metering;

/// The cut, as those see it who asked.
#[derive(Debug)]
pub struct EngineRow {
    revision: i64,
    epoch: u32,
    now_us: i64,
    published_at_us: i64,
    archived_until: i64,
    watermark_us: Option<i64>,
    ids_known_since_us: Option<i64>,
}

/// See the module.
#[derive(Debug)]
pub struct Engine;

impl RowView for Engine {
    type Row = EngineRow;
    const NAME: &'static str = "engine";
    const COMMENT: &'static str = "how fresh this answer is: one row";
    const COLUMNS: &'static [RowColumn<EngineRow>] = &[
        RowColumn::whole(
            "offset",
            |row| row.revision + 1,
            "every event before it is in this answer, none from it on; a tenant is told behind which of its own changes \
             that is",
        ),
        RowColumn::whole(
            "revision",
            |row| row.revision,
            "offset - 1: no revision in this answer is larger, and every later one is; a cursor's next start",
        ),
        RowColumn::whole("epoch", |row| row.epoch.into(), "ownership of the data folder, one more with each start"),
        RowColumn::instant("published_at", |row| row.published_at_us, "the node's clock at the cut"),
        RowColumn::whole(
            "freshness_ms",
            |row| row.now_us.saturating_sub(row.published_at_us) / 1000,
            "how old the cut is, milliseconds",
        ),
        RowColumn::whole(
            "archived_until",
            |row| row.archived_until.min(row.revision + 1),
            "every event before this offset is in the lake; offset at most",
        ),
        RowColumn::maybe_instant(
            "watermark",
            |row| row.watermark_us,
            "no earlier event of the tenants that you see is expected: the least of their shards', which others' events \
             there move too; null before the first event",
        ),
        RowColumn::maybe_whole(
            "watermark_lag_ms",
            |row| row.watermark_us.map(|us| row.now_us.saturating_sub(us) / 1000),
            "the node's clock minus the watermark, milliseconds",
        ),
        RowColumn::maybe_instant(
            "ids_known_since",
            |row| row.ids_known_since_us,
            "ids of events that were admitted since are remembered (events.dedup_horizon_s), one from before counts \
             again; null where all that there ever were are",
        ),
    ];

    fn rows(&self, cut: &Cut, ask: &Ask) -> Result<Vec<EngineRow>, ViewError> {
        let snapshot = &cut.snapshot;
        // No filter narrows them: the view has no column `tenant`, so these are the tenants that may be seen.
        Ok(vec![EngineRow {
            revision: metering::reach(snapshot, ask.tenants()),
            epoch: snapshot.epoch,
            now_us: cut.now_us,
            published_at_us: snapshot.published_at_us,
            archived_until: whole(snapshot.archive.until),
            watermark_us: cut.watermark_us(ask.tenants()),
            ids_known_since_us: cut.source.ids_known_since_us(),
        }])
    }
}
