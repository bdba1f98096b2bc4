//! `unique_count(text)`: the exact number of distinct texts.
//!
//! Numbers and booleans are counted by their canonical text, so that it does not matter whether a batch happened to hold
//! a member as text or as number. The state holds every distinct text: exact, and as large as that.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Int64Array, StringArray};
use arrow::datatypes::DataType;
use datafusion::common::{Result, exec_datafusion_err};
use datafusion::logical_expr::AggregateUDF;
use hashbrown::HashSet;
use xxhash_rust::xxh3::Xxh3Builder;

use super::groups::{Function, GroupState, push_text, split_text};

/// The function.
pub(super) fn function() -> AggregateUDF {
    let arguments = vec![DataType::Utf8];
    AggregateUDF::from(Function::new::<Unique>("unique_count", arguments, DataType::Int64))
}

#[derive(Debug, Default)]
struct Unique(HashSet<Box<str>, Xxh3Builder>);

impl Unique {
    fn add(&mut self, text: &str) {
        if !self.0.contains(text) {
            self.0.insert(text.into());
        }
    }
}

impl GroupState for Unique {
    type Arguments<'a> = &'a StringArray;

    fn arguments(values: &[ArrayRef]) -> Result<&StringArray> {
        values[0].as_string_opt::<i32>().ok_or_else(|| exec_datafusion_err!("argument 1: expected Utf8"))
    }

    fn update(&mut self, texts: &&StringArray, row: usize) -> Result<()> {
        self.add(texts.value(row));
        Ok(())
    }

    fn merge(&mut self, mut bytes: &[u8]) -> Result<()> {
        while !bytes.is_empty() {
            self.add(split_text(&mut bytes)?);
        }
        Ok(())
    }

    fn encode(&self, out: &mut Vec<u8>) {
        let mut texts: Vec<&str> = self.0.iter().map(AsRef::as_ref).collect();
        texts.sort_unstable();
        for text in texts {
            push_text(out, text);
        }
    }

    fn evaluate(groups: &[Self]) -> Result<ArrayRef> {
        Ok(Arc::new(Int64Array::from_iter_values(groups.iter().map(|group| group.0.len() as i64))))
    }
}
