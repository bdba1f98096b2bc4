//! Which shard an event belongs to. A tenant's events are all in one shard, so that they have one order.
//!
//! The function must never change: a data folder's shards are cut by it. Not here: who owns a shard.

use arrow::array::UInt32Array;
use xxhash_rust::xxh3::xxh3_64;

use super::batch::EventBatch;

/// The shard of `tenant` among `shards`, which is at least 1.
pub fn shard_of(tenant: &str, shards: u16) -> u16 {
    (xxh3_64(tenant.as_bytes()) % u64::from(shards.max(1))) as u16
}

/// Cuts `batch` by shard: in order of shard, each one's events and where they stood in the whole batch. None is empty.
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
            (shard, part, rows.values().to_vec())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_of_existing_folders_stay_where_they_are() {
        let shards = ["acme", "globex", "", "größe"].map(|tenant| shard_of(tenant, 16));
        assert_eq!(shards, ["acme", "globex", "", "größe"].map(|tenant| (xxh3_64(tenant.as_bytes()) % 16) as u16));
        assert_eq!(shard_of("acme", 1), 0);
    }
}
