//! Which shard an event belongs to. A tenant's events are all in one shard, so that they have one order.
//!
//! The function must never change: a data folder's shards are cut by it. Not here: who owns a shard.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, UInt32Array};
use arrow::datatypes::Int32Type;
use arrow_select::dictionary::garbage_collect_dictionary;
use xxhash_rust::xxh3::xxh3_64;

use super::batch::EventBatch;
use super::schema::TENANT;

/// The shard of `tenant` among `shards`, which is at least 1.
pub fn shard_of(tenant: &str, shards: u16) -> u16 {
    (xxh3_64(tenant.as_bytes()) % u64::from(shards.max(1))) as u16
}

/// Cuts `batch` by shard: in order of shard, each one's events and where they stood in the whole batch. None is empty, and
/// none holds much that only others' events refer to: the log and all behind it would carry that once a shard.
pub fn split(batch: &EventBatch, shards: u16) -> Vec<(u16, EventBatch, Vec<u32>)> {
    let tenants = batch.tenants();
    let of_value: Vec<u16> = tenants.values.iter().map(|tenant| shard_of(tenant.unwrap_or_default(), shards)).collect();
    let mut rows_of: Vec<Vec<u32>> = vec![Vec::new(); usize::from(shards.max(1))];
    for row in 0..batch.len() {
        let shard = of_value[tenants.key(row).expect("tenant is never null")];
        rows_of[usize::from(shard)].push(row as u32);
    }
    (0u16..)
        .zip(rows_of)
        .filter(|(_, rows)| !rows.is_empty())
        .map(|(shard, rows)| {
            if rows.len() == batch.len() {
                return (shard, batch.clone(), rows);
            }
            let rows = UInt32Array::from(rows);
            let part = batch.take(&rows).expect("rows lie within the batch, and a part is no larger than the whole");
            (shard, own_texts(part), rows.values().to_vec())
        })
        .collect()
}

/// Takes unused texts out of dictionaries that are longer than the part: some are unused for sure then. One of tenants'
/// names always has some.
fn own_texts(part: EventBatch) -> EventBatch {
    let rows = part.len();
    part.map_columns(|at, column| {
        let column = column.as_dictionary_opt::<Int32Type>()?;
        let is_due = at == TENANT || column.values().len() > rows;
        let collect = || garbage_collect_dictionary(column).expect("a dictionary's keys lie within it");
        is_due.then(|| Arc::new(collect()) as ArrayRef)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::batch::Texts;
    use crate::event::builder::{Attributes, EventBatchBuilder};

    #[test]
    fn parts_are_the_whole_without_texts_of_others() {
        let mut builder = EventBatchBuilder::new();
        for row in 0..1000 {
            let (tenant, id, subject) = (format!("t{}", row % 100), format!("e{row}"), format!("s{row}"));
            let (source, event_type) = ("test", "event");
            let subject = (row % 3 != 0).then_some(&*subject);
            builder.text("/region", ["eu", "us"][row % 2]);
            builder.commit(Attributes { tenant: &tenant, id: &id, source, event_type, subject, time_us: row as i64 });
        }
        let whole = builder.finish();
        let parts = split(&whole, 4);
        assert_eq!(parts.iter().map(|(_, _, rows)| rows.len()).sum::<usize>(), 1000);
        for (shard, part, rows) in parts {
            for (at, &row) in rows.iter().enumerate() {
                let (same, row) = (part.slice(at, 1), whole.slice(row as usize, 1));
                assert_eq!(shard_of(same.tenants().get(0).unwrap(), 4), shard);
                assert_eq!(same.tenants().get(0), row.tenants().get(0));
                assert_eq!(same.subjects().get(0), row.subjects().get(0));
                assert_eq!((same.ids(), same.times()), (row.ids(), row.times()));
                let region = |batch: &EventBatch| {
                    Texts::new(batch.data("/region").unwrap().as_dictionary()).get(0).map(str::to_owned)
                };
                assert_eq!(region(&same), region(&row));
            }
            assert!(part.tenants().values.iter().all(|tenant| shard_of(tenant.unwrap(), 4) == shard));
            assert!(part.subjects().values.len() <= rows.len());
        }
    }

    #[test]
    fn shards_of_existing_folders_stay_where_they_are() {
        let shards = ["acme", "globex", "", "größe"].map(|tenant| shard_of(tenant, 16));
        assert_eq!(shards, ["acme", "globex", "", "größe"].map(|tenant| (xxh3_64(tenant.as_bytes()) % 16) as u16));
        assert_eq!(shard_of("acme", 1), 0);
    }
}
