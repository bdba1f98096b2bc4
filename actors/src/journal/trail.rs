//! One tenant's entries without the others': a walk back along its chain, each entry found from the one behind it.
//!
//! Reads a little of the journal for each entry, whoever else is in it (I8). The chain is checked on the way: where an entry
//! should be and another is, the journal is damaged. Not here: reading all of it (`entries`), which is cheaper for whoever
//! has much of the journal.

use engine::log::Offset;

use super::{ChainBreak, Found, Head, Journal, JournalError};

/// About how many entries can be read in order in the time that one takes by itself.
const ONE_COSTS_ENTRIES: u64 = 64;

/// So few are walked to whatever it costs: what others have in the journal, damage too, is then none of their tenant's business.
const FEW: u64 = 256;

/// Whether walking back to `entries` entries is better than reading the whole journal, which has `end`.
pub fn is_worth_it(entries: u64, end: Offset) -> bool {
    entries <= FEW || entries.saturating_mul(ONE_COSTS_ENTRIES) < end
}

/// Where the entries of `tenant` are, oldest first, if its chain ends with `head` at offset `last`. `None` if an entry of an
/// earlier release does not tell where the one before is.
///
/// # Errors
/// [`JournalError`] if an entry can't be read, or is not the one that belongs there.
pub fn walk(journal: &Journal, tenant: &str, head: Head, last: Offset) -> Result<Option<Vec<Offset>>, JournalError> {
    let mut offsets = Vec::new();
    let (mut expect, mut at) = (head, last);
    loop {
        let Found { offset, entry, hash, previous } = journal.entry(at)?;
        let broken = |reason| JournalError::Broken { offset, tenant: tenant.to_owned(), reason };
        if entry.tenant != tenant {
            return Err(JournalError::Missing { offset });
        }
        if entry.sequence != expect.sequence {
            return Err(broken(ChainBreak::Sequence { expect: expect.sequence, found: entry.sequence }));
        }
        if hash != expect.hash {
            return Err(broken(ChainBreak::Hash { sequence: entry.sequence, expect: expect.hash, found: hash }));
        }
        offsets.push(offset);
        if entry.sequence <= 1 {
            offsets.reverse();
            return Ok(Some(offsets));
        }
        let Some(previous) = previous.filter(|previous| *previous < offset) else { return Ok(None) };
        (expect, at) = (Head { sequence: entry.sequence - 1, hash: entry.previous_hash }, previous);
    }
}
