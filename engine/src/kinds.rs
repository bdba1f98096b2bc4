//! Rejections of one append by kind: tenant, reason and field, each with one sample.
//!
//! A field may be a name that a client made up, and such names are no kinds: there are few of them whatever events say (I8).
//! Beyond [`TENANT_KINDS_MAX`] of a tenant or [`APPEND_KINDS_MAX`] of an append, events are counted under their reason alone,
//! without a field and without a sample. Events of a tenant that does not exist are counted under the tenant `""`.
//!
//! Not here: what is kept beyond the append (the operator).

use std::collections::HashMap;

use hashbrown::HashTable;
use xxhash_rust::xxh3::Xxh3;

use crate::admission::{
    DETAIL_BYTES_MAX, FIELD_BYTES_MAX, Reason, Rejection, RejectionCount, SAMPLE_ID_BYTES_MAX, sample,
};

/// Kinds of one tenant that are told apart by their field.
pub const TENANT_KINDS_MAX: usize = 64;
/// Kinds of one append, of all tenants together, that are told apart by their field.
pub const APPEND_KINDS_MAX: usize = 1024;

/// Counts rejections by kind.
#[derive(Debug, Default)]
pub struct Kinds {
    counts: Vec<RejectionCount>,
    places: HashTable<usize>,
    /// How many of `counts` are of each tenant.
    of_tenant: HashMap<String, usize>,
    /// Where the last one was counted: runs of one kind are the rule, and cost one comparison each.
    last: usize,
}

impl Kinds {
    /// Counts one event of `tenant`, whose id is `id`. The first id of a kind that is not empty is its sample.
    pub fn add(&mut self, tenant: &str, rejection: &Rejection, id: &str) {
        let Rejection { reason, field, detail, .. } = rejection;
        // Who does not exist has made up its name.
        let tenant = if *reason == Reason::TenantUnknown { "" } else { tenant };
        self.count(tenant, *reason, field, 1, id, detail);
    }

    /// Counts what was counted elsewhere.
    pub fn add_count(&mut self, counted: &RejectionCount) {
        let RejectionCount { tenant, reason, field, count, sample_id, sample_detail } = counted;
        let tenant = if *reason == Reason::TenantUnknown { "" } else { tenant };
        self.count(tenant, *reason, field, *count, sample_id, sample_detail);
    }

    /// What was counted, in the order in which kinds were met.
    pub fn into_counts(self) -> Vec<RejectionCount> {
        self.counts
    }

    fn count(&mut self, tenant: &str, reason: Reason, field: &str, count: u64, id: &str, detail: &str) {
        let field = sample(field, FIELD_BYTES_MAX);
        let is_last = self.counts.get(self.last).is_some_and(|last| is(last, tenant, reason, &field));
        let mut found = if is_last { Some(self.last) } else { self.find(tenant, reason, &field) };
        let mut has_sample = true;
        if found.is_none() && !self.has_room(tenant) {
            has_sample = false;
            found = self.find(tenant, reason, "");
        }
        self.last = found.unwrap_or_else(|| {
            let field = if has_sample { field.into_owned() } else { String::new() };
            let detail = if has_sample { sample(detail, DETAIL_BYTES_MAX).into_owned() } else { String::new() };
            self.begin(tenant, reason, field, detail)
        });
        let counted = &mut self.counts[self.last];
        counted.count = counted.count.saturating_add(count);
        if has_sample && counted.sample_id.is_empty() {
            counted.sample_id = sample(id, SAMPLE_ID_BYTES_MAX).into_owned();
        }
    }

    fn has_room(&self, tenant: &str) -> bool {
        let of_tenant = self.of_tenant.get(tenant).copied().unwrap_or_default();
        of_tenant < TENANT_KINDS_MAX && self.counts.len() < APPEND_KINDS_MAX
    }

    fn find(&self, tenant: &str, reason: Reason, field: &str) -> Option<usize> {
        let is_it = |&at: &usize| is(&self.counts[at], tenant, reason, field);
        self.places.find(hash(tenant, reason, field), is_it).copied()
    }

    fn begin(&mut self, tenant: &str, reason: Reason, field: String, sample_detail: String) -> usize {
        let (at, hashed) = (self.counts.len(), hash(tenant, reason, &field));
        let sample_id = String::new();
        self.counts.push(RejectionCount {
            tenant: tenant.to_owned(),
            reason,
            field,
            count: 0,
            sample_id,
            sample_detail,
        });
        let counts = &self.counts;
        let rehash = |&at: &usize| hash(&counts[at].tenant, counts[at].reason, &counts[at].field);
        self.places.insert_unique(hashed, at, rehash);
        *self.of_tenant.entry(tenant.to_owned()).or_default() += 1;
        at
    }
}

fn is(counted: &RejectionCount, tenant: &str, reason: Reason, field: &str) -> bool {
    counted.reason == reason && counted.tenant == tenant && counted.field == field
}

fn hash(tenant: &str, reason: Reason, field: &str) -> u64 {
    let mut hash = Xxh3::new();
    hash.update(&[reason as u8]);
    hash.update(&(tenant.len() as u64).to_le_bytes());
    hash.update(tenant.as_bytes());
    hash.update(field.as_bytes());
    hash.digest()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(reason: Reason, field: &str) -> Rejection {
        Rejection::new(reason, field, format!("about {field}"))
    }

    #[test]
    fn names_that_are_made_up_are_no_kinds_and_take_no_place_of_others() {
        let mut kinds = Kinds::default();
        for n in 0..10_000 {
            kinds.add("hostile", &refused(Reason::InvalidAttribute, &format!("made up {n}")), "id");
        }
        kinds.add("other", &refused(Reason::TooOld, "time"), "7");
        let counts = kinds.into_counts();
        let of_hostile: Vec<_> = counts.iter().filter(|count| count.tenant == "hostile").collect();
        assert_eq!(of_hostile.len(), TENANT_KINDS_MAX + 1);
        assert_eq!(of_hostile.iter().map(|count| count.count).sum::<u64>(), 10_000, "all are counted");
        let rest = of_hostile.last().unwrap();
        assert_eq!((&*rest.field, &*rest.sample_id, &*rest.sample_detail), ("", "", ""));
        assert_eq!(rest.count, (10_000 - TENANT_KINDS_MAX) as u64);
        let other = counts.last().unwrap();
        assert_eq!((&*other.tenant, &*other.field, &*other.sample_id, other.count), ("other", "time", "7", 1));
    }

    #[test]
    fn tenants_that_do_not_exist_share_one_place() {
        let mut kinds = Kinds::default();
        for n in 0..5_000 {
            kinds.add(&format!("nobody {n}"), &refused(Reason::TenantUnknown, "tenant"), "1");
        }
        let counts = kinds.into_counts();
        assert_eq!(counts.len(), 1);
        assert_eq!((&*counts[0].tenant, counts[0].count), ("", 5_000));
    }

    #[test]
    fn an_append_tells_few_kinds_apart_however_many_tenants_it_is_of() {
        let mut kinds = Kinds::default();
        let tenants = 3 * APPEND_KINDS_MAX;
        for n in 0..tenants {
            kinds.add(&format!("tenant {n}"), &refused(Reason::TooOld, "time"), "1");
            kinds.add(&format!("tenant {n}"), &refused(Reason::TooOld, "time"), "2");
        }
        let counts = kinds.into_counts();
        assert_eq!(counts.len(), tenants);
        assert!(counts.iter().all(|count| count.count == 2));
        assert_eq!(counts.iter().filter(|count| !count.field.is_empty()).count(), APPEND_KINDS_MAX);
    }

    #[test]
    fn what_was_counted_elsewhere_is_bounded_too() {
        let mut kinds = Kinds::default();
        let long = "x".repeat(100_000);
        let counted = RejectionCount {
            tenant: "a".into(),
            reason: Reason::Malformed,
            field: long.clone(),
            count: 3,
            sample_id: long.clone(),
            sample_detail: long,
        };
        kinds.add_count(&counted);
        kinds.add_count(&counted);
        let counts = kinds.into_counts();
        assert_eq!((counts.len(), counts[0].count), (1, 6));
        assert!(counts[0].field.len() <= FIELD_BYTES_MAX && counts[0].sample_id.len() <= SAMPLE_ID_BYTES_MAX);
        assert!(counts[0].sample_detail.len() <= DETAIL_BYTES_MAX);
    }
}
