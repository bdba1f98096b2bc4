//! What a connection keeps between statements, counted: prepared statements, bound parameters, cursors (I8, I13).
//!
//! The library keeps statements and portals by name and without a limit, so what it is given is noted here first, by the same
//! names. Counted for the connection, for its tenant and for all. How large a plan is can't be asked: it is estimated, rather
//! too high. Not here: the cursors themselves ([`super::cursors`]), and what statements hold while they run (the catalog).

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion_postgres::pgwire::error::{PgWireError, PgWireResult};
use engine::lock::Lock;
use pipelines::catalog::Visibility;

use crate::config;
use crate::query::Failure;

use super::sqlstate;

/// How many times what one tenant may keep all may.
const TENANTS: usize = 4;
/// What a statement takes once it is read, beside its plan, for a byte of its text.
const READ_BYTES: usize = 24;
/// What a column of a plan's node takes, about.
const COLUMN_BYTES: usize = 256;
/// What anything that is kept takes beside what is counted.
const ENTRY_BYTES: usize = 512;

/// What all connections keep.
#[derive(Debug)]
pub(super) struct Keeper {
    limits: Limits,
    all: Lock<All>,
}

#[derive(Debug, Clone, Copy)]
struct Limits {
    count: usize,
    bytes: usize,
    tenant_bytes: usize,
    tenant_cursors: usize,
}

#[derive(Debug, Default)]
struct All {
    bytes: usize,
    tenants: HashMap<Visibility, Tenant>,
}

#[derive(Debug, Default)]
struct Tenant {
    bytes: usize,
    cursors: usize,
}

/// What one connection keeps; given back when it is dropped.
#[derive(Debug)]
pub(super) struct Kept {
    keeper: Arc<Keeper>,
    holder: Visibility,
    own: Lock<Own>,
}

#[derive(Debug, Default)]
struct Own {
    bytes: usize,
    entries: HashMap<(Kind, String), usize>,
}

/// What is kept under a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    Statement,
    Portal,
}

/// One of a tenant's cursors, until it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    keeper: Arc<Keeper>,
    holder: Visibility,
}

impl Keeper {
    pub(super) fn new(limits: &config::Postgres) -> Arc<Self> {
        let limits = Limits {
            count: limits.prepared_max,
            bytes: limits.prepared_bytes_max,
            tenant_bytes: limits.tenant_prepared_bytes_max,
            tenant_cursors: limits.tenant_cursors_max,
        };
        Arc::new(Self { limits, all: Lock::default() })
    }

    /// What a connection of `holder` keeps from now on.
    pub(super) fn connection(self: &Arc<Self>, holder: &Visibility) -> Kept {
        Kept { keeper: Arc::clone(self), holder: holder.clone(), own: Lock::default() }
    }

    /// Takes `more` bytes for `holder` and gives `less` back; why not, if that is too much.
    fn change(&self, holder: &Visibility, more: usize, less: usize) -> Result<(), String> {
        let mut all = self.all.lock();
        let (total, mine) = (all.bytes, all.tenants.get(holder).map_or(0, |tenant| tenant.bytes));
        let (total, mine) = (total.saturating_sub(less) + more, mine.saturating_sub(less) + more);
        if more > less && mine > self.limits.tenant_bytes {
            let limit = self.limits.tenant_bytes;
            return Err(format!(
                "the connections of {holder} would keep {mine} bytes of statements and parameters and may keep {limit} \
                 (postgres.tenant_prepared_bytes_max)"
            ));
        }
        if more > less && total > TENANTS * self.limits.tenant_bytes {
            return Err("all connections keep as many bytes of statements and parameters as they may \
                        (postgres.tenant_prepared_bytes_max)"
                .to_owned());
        }
        all.bytes = total;
        all.tenants.entry(holder.clone()).or_default().bytes = mine;
        all.forget_idle(holder);
        Ok(())
    }
}

impl All {
    fn forget_idle(&mut self, holder: &Visibility) {
        if self.tenants.get(holder).is_some_and(|tenant| tenant.bytes == 0 && tenant.cursors == 0) {
            self.tenants.remove(holder);
        }
    }
}

impl Kept {
    /// Notes that `kind` is kept as `name`, instead of what was, and takes `bytes`.
    pub(super) fn keep(&self, kind: Kind, name: &str, bytes: usize) -> PgWireResult<()> {
        let (limits, bytes) = (self.keeper.limits, bytes.saturating_add(ENTRY_BYTES));
        let key = (kind, name.to_owned());
        let (before, count, own) = {
            let own = self.own.lock();
            let count = own.entries.keys().filter(|(of, _)| *of == kind).count();
            (own.entries.get(&key).copied(), count, own.bytes)
        };
        let less = before.unwrap_or_default();
        if before.is_none() && count >= limits.count {
            return Err(refused(format!(
                "{count} are kept, which is the limit of a connection (postgres.prepared_max)"
            )));
        }
        let mine = own.saturating_sub(less).saturating_add(bytes);
        if mine > limits.bytes {
            let limit = limits.bytes;
            let told = format!(
                "the connection would keep {mine} bytes of statements and parameters and may keep {limit} \
                 (postgres.prepared_bytes_max)"
            );
            return Err(refused(told));
        }
        self.keeper.change(&self.holder, bytes, less).map_err(refused)?;
        // A connection's messages come one after the other: nothing else was noted meanwhile.
        let mut own = self.own.lock();
        own.bytes = mine;
        own.entries.insert(key, bytes);
        Ok(())
    }

    /// Notes that nothing is kept as `name` any more.
    pub(super) fn forget(&self, kind: Kind, name: &str) {
        let mut own = self.own.lock();
        let Some(bytes) = own.entries.remove(&(kind, name.to_owned())) else { return };
        own.bytes -= bytes;
        drop(own);
        self.give_back(bytes);
    }

    /// Notes that no portal is kept any more.
    pub(super) fn forget_portals(&self) {
        let mut own = self.own.lock();
        let bytes: usize = own.entries.extract_if(|(kind, _), _| *kind == Kind::Portal).map(|(_, bytes)| bytes).sum();
        own.bytes -= bytes;
        drop(own);
        self.give_back(bytes);
    }

    /// A place for a cursor.
    pub(super) fn cursor(&self) -> PgWireResult<Place> {
        let (holder, limit) = (&self.holder, self.keeper.limits.tenant_cursors);
        let mut all = self.keeper.all.lock();
        let tenant = all.tenants.entry(holder.clone()).or_default();
        if tenant.cursors >= limit {
            drop(all);
            let told = format!("{holder} has {limit} cursors open, which is the limit (postgres.tenant_cursors_max)");
            return Err(refused(told));
        }
        tenant.cursors += 1;
        Ok(Place { keeper: Arc::clone(&self.keeper), holder: holder.clone() })
    }

    fn give_back(&self, bytes: usize) {
        // What gives back is never refused.
        let _ = self.keeper.change(&self.holder, 0, bytes);
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        let bytes = self.own.lock().bytes;
        self.give_back(bytes);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut all = self.keeper.all.lock();
        if let Some(tenant) = all.tenants.get_mut(&self.holder) {
            tenant.cursors -= 1;
        }
        all.forget_idle(&self.holder);
    }
}

fn refused(told: impl Into<String>) -> PgWireError {
    let hint = "close or deallocate what is not needed any more".to_owned();
    sqlstate::told(Failure { state: "53400", message: told.into(), hint: Some(hint), position: None })
}

/// What a prepared statement takes, about.
pub(super) fn bytes_of(text: &str, plan: Option<&LogicalPlan>) -> usize {
    let mut bytes = text.len() * READ_BYTES;
    let mut count = |plan: &LogicalPlan| {
        plan.apply_with_subqueries(|node| {
            bytes += size_of::<LogicalPlan>() + node.schema().fields().len() * COLUMN_BYTES;
            node.apply_expressions(|expression| {
                expression.apply(|part| {
                    bytes += size_of::<Expr>();
                    if let Expr::Literal(value, _) = part {
                        bytes += value.size();
                    }
                    Ok(TreeNodeRecursion::Continue)
                })
            })
        })
    };
    if let Some(plan) = plan {
        // What can't be walked has been counted as far as it could be.
        let _ = count(plan);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keeper() -> Arc<Keeper> {
        let limits = Limits { count: 3, bytes: 10_000, tenant_bytes: 15_000, tenant_cursors: 2 };
        Arc::new(Keeper { limits, all: Lock::default() })
    }

    fn check(kept: PgWireResult<()>, expect: Option<&str>) {
        match (kept, expect) {
            (Ok(()), None) => {}
            (Err(PgWireError::UserError(told)), Some(limit)) if told.code == "53400" => {
                assert!(told.message.contains(limit), "{}", told.message);
            }
            (kept, expect) => panic!("{kept:?} is not {expect:?}"),
        }
    }

    #[test]
    fn what_is_kept_is_bounded_for_connection_and_tenant_and_given_back() {
        let keeper = keeper();
        let [a, b] = ["a", "b"].map(|name| Visibility::Tenant(name.into()));
        let (one, two, other) = (keeper.connection(&a), keeper.connection(&a), keeper.connection(&b));
        check(one.keep(Kind::Statement, "s", 9000), None);
        check(one.keep(Kind::Statement, "s", 9100), None);
        check(one.keep(Kind::Portal, "", 1000), Some("postgres.prepared_bytes_max"));
        check(two.keep(Kind::Portal, "p", 9000), Some("postgres.tenant_prepared_bytes_max"));
        check(other.keep(Kind::Portal, "p", 9000), None);
        one.forget(Kind::Statement, "s");
        one.forget(Kind::Statement, "s");
        check(two.keep(Kind::Portal, "p", 9000), None);
        two.forget_portals();
        for name in ["1", "2", "3"] {
            check(two.keep(Kind::Statement, name, 1), None);
        }
        check(two.keep(Kind::Statement, "4", 1), Some("postgres.prepared_max"));
        check(two.keep(Kind::Portal, "4", 1), None);
        drop((one, two));
        assert_eq!(keeper.all.lock().tenants.keys().collect::<Vec<_>>(), [&b]);
        drop(other);
        let all = keeper.all.lock();
        assert_eq!((all.bytes, all.tenants.len()), (0, 0));
    }

    #[test]
    fn cursors_of_a_tenant_are_counted_over_its_connections() {
        let keeper = keeper();
        let [a, b] = ["a", "b"].map(|name| Visibility::Tenant(name.into()));
        let (one, two) = (keeper.connection(&a), keeper.connection(&a));
        let first = one.cursor().unwrap();
        let _second = two.cursor().unwrap();
        check(one.cursor().map(drop), Some("postgres.tenant_cursors_max"));
        let _other = keeper.connection(&b).cursor().unwrap();
        drop(first);
        one.cursor().unwrap();
    }
}
