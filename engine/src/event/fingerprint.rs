//! What tells one event from another: the key of its identity and the fingerprint of what it says (I2).
//!
//! - **Key**: `h(h(tenant) ‖ h(source) ‖ id)` with `h` = seeded XXH3-128. The first two have a fixed length, so no two
//!   identities give the same text. Among 10¹⁰ events, two share a key with a probability of 10⁻¹⁹. The seed is the data
//!   folder's own, so that nobody can prepare collisions.
//! - **Payload**: XXH3-64 over type, subject, time and the sum of the hashes of all members of `data`. The sum does not
//!   depend on the order of columns, on columns without a value, on how events were cut into batches, nor on whether a
//!   member sits in a column or in the leftovers. Left out is what a retry may change: attributes without a column (trace
//!   contexts), and the time if the event had none and the door gave it one.
//!
//! Not here: remembering them (`dedup`).

use arrow::array::{Array, AsArray};
use arrow::datatypes::{DataType, Decimal128Type, Int32Type};
use xxhash_rust::xxh3::{xxh3_64_with_seed, xxh3_128_with_seed};

use super::batch::{EventBatch, Texts};
use super::rest;
use super::schema::{FIXED, REST};
use super::value::Value;

/// What a member is, so that `"1"`, `1` and `true` differ.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Text = 1,
    Units = 2,
    Boolean = 3,
    Json = 4,
}

/// The key of each event's (tenant, source, id).
pub fn keys(batch: &EventBatch, seed: u64) -> Vec<u128> {
    let hash = |text: &str| xxh3_128_with_seed(text.as_bytes(), seed).to_le_bytes();
    let (tenants, sources, ids) = (batch.tenants(), batch.sources(), batch.ids());
    let mut tenant_hashes = PerText::new(tenants, batch.len());
    let mut source_hashes = PerText::new(sources, batch.len());
    let mut identity = Vec::with_capacity(96);
    (0..batch.len())
        .map(|row| {
            identity.clear();
            identity.extend_from_slice(&tenant_hashes.of(row, hash).unwrap_or_default());
            identity.extend_from_slice(&source_hashes.of(row, hash).unwrap_or_default());
            identity.extend_from_slice(ids.value(row).as_bytes());
            xxh3_128_with_seed(&identity, seed)
        })
        .collect()
}

/// The fingerprint of what each event says.
pub fn payloads(batch: &EventBatch, seed: u64) -> Vec<u64> {
    let rows = batch.len();
    let mut sums = vec![0u64; rows];
    let mut timeless = vec![false; rows];
    let schema = batch.record_batch().schema();
    for (field, column) in schema.fields()[FIXED..].iter().zip(&batch.record_batch().columns()[FIXED..]) {
        if field.name() == REST {
            add_leftovers(&mut sums, &mut timeless, batch, seed);
        } else {
            add_column(&mut sums, column, field.name(), seed);
        }
    }

    let hash = |text: &str| xxh3_64_with_seed(text.as_bytes(), seed).to_le_bytes();
    let mut type_hashes = PerText::new(batch.types(), rows);
    let mut subject_hashes = PerText::new(batch.subjects(), rows);
    let times = batch.times().values();
    let mut said = [0u8; 34];
    (0..rows)
        .map(|row| {
            let subject = subject_hashes.of(row, hash);
            said[..8].copy_from_slice(&type_hashes.of(row, hash).unwrap_or_default());
            said[8..16].copy_from_slice(&subject.unwrap_or_default());
            said[16..24].copy_from_slice(&if timeless[row] { 0 } else { times[row] }.to_le_bytes());
            said[24..32].copy_from_slice(&sums[row].to_le_bytes());
            said[32] = u8::from(subject.is_some());
            said[33] = u8::from(timeless[row]);
            xxh3_64_with_seed(&said, seed)
        })
        .collect()
}

fn add_column(sums: &mut [u64], column: &dyn Array, pointer: &str, seed: u64) {
    match column.data_type() {
        DataType::Boolean => {
            let seed = member_seed(pointer, Kind::Boolean, seed);
            let hashes = [false, true].map(|truth| xxh3_64_with_seed(&[u8::from(truth)], seed));
            for (sum, truth) in sums.iter_mut().zip(column.as_boolean()) {
                *sum = sum.wrapping_add(truth.map_or(0, |truth| hashes[usize::from(truth)]));
            }
        }
        DataType::Decimal128(..) => {
            let seed = member_seed(pointer, Kind::Units, seed);
            for (sum, units) in sums.iter_mut().zip(column.as_primitive::<Decimal128Type>()) {
                *sum = sum.wrapping_add(units.map_or(0, |units| xxh3_64_with_seed(&units.to_le_bytes(), seed)));
            }
        }
        _ => {
            let seed = member_seed(pointer, Kind::Text, seed);
            let mut hashes = PerText::new(Texts::new(column.as_dictionary::<Int32Type>()), sums.len());
            for (row, sum) in sums.iter_mut().enumerate() {
                let hash = hashes.of(row, |text| xxh3_64_with_seed(text.as_bytes(), seed));
                *sum = sum.wrapping_add(hash.unwrap_or(0));
            }
        }
    }
}

fn add_leftovers(sums: &mut [u64], timeless: &mut [bool], batch: &EventBatch, seed: u64) {
    let Some(leftovers) = batch.rest() else { return };
    for (row, leftover) in leftovers.iter().enumerate() {
        for (name, json) in leftover.into_iter().flat_map(rest::members) {
            if rest::is_data(&name) {
                sums[row] = sums[row].wrapping_add(leftover_hash(&name, &json, seed));
            } else if name == rest::TIME {
                timeless[row] = true;
            }
        }
    }
}

/// The hash that the member would have in a column, if it is what a column may hold.
fn leftover_hash(pointer: &str, json: &str, seed: u64) -> u64 {
    let hash = |kind, bytes: &[u8]| xxh3_64_with_seed(bytes, member_seed(pointer, kind, seed));
    match Value::parse(json) {
        Ok(Value::Text(text)) => hash(Kind::Text, text.as_bytes()),
        Ok(Value::Units(units)) => hash(Kind::Units, &units.0.to_le_bytes()),
        Ok(Value::Boolean(truth)) => hash(Kind::Boolean, &[u8::from(truth)]),
        _ => hash(Kind::Json, json.as_bytes()),
    }
}

fn member_seed(pointer: &str, kind: Kind, seed: u64) -> u64 {
    xxh3_64_with_seed(pointer.as_bytes(), seed.wrapping_add(kind as u64))
}

/// What is computed once for each text of a column that rows use.
struct PerText<'a, T> {
    texts: Texts<'a>,
    /// Empty if there are more texts than rows: then most would be computed for nothing.
    known: Vec<Option<T>>,
}

impl<'a, T: Copy> PerText<'a, T> {
    fn new(texts: Texts<'a>, rows: usize) -> Self {
        let texts_known = if texts.values.len() <= rows { texts.values.len() } else { 0 };
        Self { texts, known: vec![None; texts_known] }
    }

    fn of(&mut self, row: usize, compute: impl Fn(&str) -> T) -> Option<T> {
        let key = self.texts.key(row)?;
        let text = self.texts.values.value(key);
        Some(match self.known.get_mut(key) {
            Some(known) => *known.get_or_insert_with(|| compute(text)),
            None => compute(text),
        })
    }
}
