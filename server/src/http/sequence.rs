//! The headers of a producer that numbers its batches: `Tenantry-Producer`, `Tenantry-Epoch`, `Tenantry-Sequence`.
//!
//! All three or none. Not here: what a number means (`engine::dedup::sequence`).

use std::sync::Arc;

use axum::http::HeaderMap;
use engine::dedup::sequence::Sequence;

use super::problem::{Kind, Problem};

const PRODUCER: &str = "Tenantry-Producer";
const EPOCH: &str = "Tenantry-Epoch";
const SEQUENCE: &str = "Tenantry-Sequence";
/// Longest name of a producer.
const PRODUCER_BYTES_MAX: usize = 128;

/// Which batch of which producer of `owner` the headers say this is, if they do.
pub(super) fn of(headers: &HeaderMap, owner: &str) -> Result<Option<Sequence>, Problem> {
    let [producer, epoch, number] = [PRODUCER, EPOCH, SEQUENCE].map(|name| headers.get(name));
    let (Some(producer), Some(_), Some(_)) = (producer, epoch, number) else {
        let missing = [(PRODUCER, producer), (EPOCH, epoch), (SEQUENCE, number)];
        return match missing.into_iter().find(|(_, value)| value.is_none()) {
            Some((name, _)) if missing.iter().any(|(_, value)| value.is_some()) => {
                Err(invalid(name, "is missing", "send all of Tenantry-Producer, Tenantry-Epoch and Tenantry-Sequence"))
            }
            _ => Ok(None),
        };
    };
    let producer = producer.to_str().unwrap_or_default().trim();
    if producer.is_empty() || producer.len() > PRODUCER_BYTES_MAX {
        return Err(invalid(PRODUCER, "is no name", "1 to 128 printable ASCII characters"));
    }
    let epoch = number_of(headers, EPOCH, u64::from(u32::MAX))?;
    let number = number_of(headers, SEQUENCE, i64::MAX as u64)?;
    Ok(Some(Sequence { owner: Arc::from(owner), producer: Arc::from(producer), epoch: epoch as u32, number }))
}

fn number_of(headers: &HeaderMap, name: &'static str, max: u64) -> Result<u64, Problem> {
    let text = headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let number = text.trim().parse().ok().filter(|number| *number <= max);
    number.ok_or_else(|| invalid(name, "is no number", &format!("a whole number from 0 to {max}")))
}

fn invalid(name: &'static str, what: &str, expect: &str) -> Problem {
    Kind::Invalid.with(format!("the header {name} {what}: {expect}")).field(name, "invalid", expect)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(said: &[(&'static str, &'static str)], expect: Result<Option<(u32, u64)>, &str>) {
        let mut headers = HeaderMap::new();
        for (name, value) in said {
            headers.insert(*name, value.parse().unwrap());
        }
        let got = of(&headers, "acme");
        match expect {
            Ok(expect) => {
                let got = got.map_err(|_| "refused").unwrap();
                assert_eq!(got.map(|sequence| (sequence.epoch, sequence.number)), expect, "{said:?}");
            }
            Err(text) => assert!(got.unwrap_err().detail.contains(text), "{said:?}"),
        }
    }

    #[test]
    fn all_three_headers_or_none() {
        let (producer, epoch, sequence) = ("tenantry-producer", "tenantry-epoch", "tenantry-sequence");
        check(&[], Ok(None));
        check(&[(producer, "loader"), (epoch, "1"), (sequence, "17")], Ok(Some((1, 17))));
        check(&[(producer, "loader"), (epoch, "1")], Err("Tenantry-Sequence is missing"));
        check(&[(sequence, "0")], Err("Tenantry-Producer is missing"));
        check(&[(producer, ""), (epoch, "1"), (sequence, "0")], Err("Tenantry-Producer is no name"));
        check(&[(producer, "p"), (epoch, "4294967296"), (sequence, "0")], Err("Tenantry-Epoch is no number"));
        check(&[(producer, "p"), (epoch, "1"), (sequence, "-1")], Err("Tenantry-Sequence is no number"));
    }
}
