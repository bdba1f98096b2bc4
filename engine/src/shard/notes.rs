//! What a record of the log carries beside its rows: refusals (I5), and which batch of which producer it is. Or a fact, in a
//! record without rows.
//!
//! They are written together because they must be durable together. Not here: the record itself (`log`).

use serde::{Deserialize, Serialize};

use crate::admission::RejectionCount;
use crate::dedup::sequence::Sequence;
use crate::fact::Fact;
use crate::log::Record;

/// Side facts of a record, as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Notes {
    /// Of a batch that is known by its events' ids.
    Rejected(Vec<RejectionCount>),
    /// Of a producer's batch.
    Sequenced {
        /// Which one.
        sequence: Sequence,
        /// Its refusals.
        rejected: Vec<RejectionCount>,
    },
    /// Of all shards.
    Fact {
        /// Which.
        fact: Fact,
    },
}

impl Notes {
    /// The fact that `record` is, if it is one.
    pub(crate) fn fact(record: &Record) -> Result<Option<Fact>, String> {
        if !record.payload.is_empty() || record.notes.is_empty() {
            return Ok(None);
        }
        match Self::decode(&record.notes)? {
            Self::Fact { fact } => Ok(Some(fact)),
            Self::Rejected(_) | Self::Sequenced { .. } => Ok(None),
        }
    }

    /// Reads what [`Self::encode`] wrote.
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, String> {
        match bytes {
            [] => Ok(Self::Rejected(Vec::new())),
            bytes => serde_json::from_slice(bytes).map_err(|error| error.to_string()),
        }
    }

    /// For the log; nothing if there is nothing to say.
    pub(crate) fn encode(&self) -> Result<Vec<u8>, String> {
        match self {
            Self::Rejected(rejected) if rejected.is_empty() => Ok(Vec::new()),
            said => serde_json::to_vec(said).map_err(|error| error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The format is a promise to files on disks.
    #[test]
    fn the_first_versions_are_read_for_ever() {
        let rejected =
            r#"[{"tenant":"a","reason":"too_old","field":"time","count":2,"sample_id":"7","sample_detail":"d"}]"#;
        let sequenced = r#"{"sequence":{"owner":"a","producer":"p","epoch":1,"number":2},"rejected":[]}"#;
        let erased = r#"{"fact":{"erased":{"tenants":["a"]}}}"#;
        let billed = r#"{"fact":{"billed":{"default":{"period":"month","time_zone":"UTC"},"tenants":{}}}}"#;
        let defined = r#"{"fact":{"defined":{"definitions":[]}}}"#;
        for text in ["", rejected, sequenced, erased, billed, defined] {
            let notes = Notes::decode(text.as_bytes()).unwrap();
            assert_eq!(String::from_utf8(notes.encode().unwrap()).unwrap(), text);
        }
    }
}
