//! `events`: every admitted event, from the lake and the log, streamed.
//!
//! Bounds on `tenant`, `time` and `revision` skip files, row groups and shards.

use std::sync::Arc;

use arrow::datatypes::{DataType, SchemaRef};

use super::column::{Column, flag, instant, label, schema_of, text, whole};
use super::{Ask, Emit, View, ViewError};
use crate::catalog::Cut;
use crate::lake::history::{Places, history};
use crate::lake::{LakeError, Selection, rows};

/// The columns; in this order in the lake's files too.
pub const COLUMNS: &[Column] = &[
    Column::required("tenant", label, "whose event"),
    Column::required("id", text, "CloudEvents id, unique per tenant and source"),
    Column::required("source", label, "CloudEvents source"),
    Column::required("type", label, "CloudEvents type; meters count by it"),
    Column::optional("subject", label, "CloudEvents subject"),
    Column::required("time", instant, "when it happened, CloudEvents time"),
    Column::optional("data", text, "CloudEvents data as JSON text"),
    Column::optional("attributes", text, "JSON object of the CloudEvents attributes that have no column here"),
    Column::required("admitted_at", instant, "the node's clock when it was admitted"),
    Column::required("watermark", instant, "its shard's watermark when it was admitted"),
    Column::required("late", flag, "whether its time was behind the watermark"),
    Column::required("revision", whole, "its offset in the log, unique and growing in order of admission"),
    Column::required("shard", shard_type, "its shard"),
];

fn shard_type() -> DataType {
    DataType::UInt16
}

/// See the module.
#[derive(Debug)]
pub struct Events;

impl View for Events {
    fn name(&self) -> &str {
        "events"
    }

    fn comment(&self) -> String {
        "every admitted event, in the order of admission".to_owned()
    }

    fn schema(&self) -> SchemaRef {
        schema_of(COLUMNS)
    }

    fn produce(&self, cut: &Cut, ask: &Ask, emit: &mut Emit<'_>) -> Result<(), ViewError> {
        let selection = Selection {
            tenants: ask.tenants().cloned(),
            time_us: ask.range(rows::TIME),
            revision: ask.range(rows::REVISION),
            bodies: ask.wants(rows::DATA) || ask.wants(rows::ATTRIBUTES),
            ..Selection::default()
        };
        Ok(read(cut, &selection, emit)?)
    }
}

/// The selected events of the cut.
pub(super) fn read(cut: &Cut, selection: &Selection, emit: &mut Emit<'_>) -> Result<(), LakeError> {
    let (log, storage) = (cut.source.log(), cut.source.storage());
    let places = Places {
        archive: Arc::clone(&cut.snapshot.archive),
        archive_now: &|| Arc::clone(&cut.source.snapshot().archive),
        log: &*log,
        storage: &storage,
        shards: u16::try_from(cut.snapshot.shards.len()).unwrap_or(u16::MAX),
    };
    history(&places, cut.snapshot.offset, selection, emit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_view_shows_the_columns_of_the_lake() {
        let shape = |schema: &SchemaRef| {
            schema
                .fields()
                .iter()
                .map(|field| (field.name().clone(), field.data_type().clone(), field.is_nullable()))
                .collect::<Vec<_>>()
        };
        assert_eq!(shape(&schema_of(COLUMNS)), shape(rows::schema()));
    }
}
