//! Timers: a tenant whose facets want to be asked at some time is asked then, active or not.
//!
//! When that is follows from its state ([`TenantState::due`]), so the index here is only a view of the directory: a start builds
//! it anew, and no timer can be lost, doubled or left over. Time is the tenants' clock. Set back, it fires nothing twice, because
//! what has fired is state; set forward, or after a long sleep, everything due is asked once, the earliest first and a
//! few at a time (I8). Not here: what being asked does (the facets).

mod queue;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use crate::directory::Edition;
use crate::tenant::TenantState;
use crate::tenants::TenantsHandle;

pub use queue::Queue;

/// Between two looks at the clock.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Tenants that are asked at once.
const AT_ONCE: usize = 64;
/// How long a tenant that could not be asked, or that did not move on, is left alone.
const AGAIN_US: i64 = 1_000_000;
/// Who asks, in the audit trail.
const PRINCIPAL: &str = "timer";

/// Asks tenants when their time has come, while [`Timers::run`] is polled.
pub struct Timers {
    tenants: TenantsHandle,
    index: Index,
    /// Those that are being asked; they end with this.
    asked: JoinSet<Arc<str>>,
    asking: HashSet<Arc<str>>,
}

impl Timers {
    /// Of these tenants.
    pub fn new(tenants: TenantsHandle) -> Self {
        Self { tenants, index: Index::default(), asked: JoinSet::new(), asking: HashSet::new() }
    }

    /// Asks, for as long as it is polled.
    pub async fn run(mut self) {
        let mut looks = tokio::time::interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = looks.tick() => self.index.refresh(self.tenants.directory().edition()),
                Some(asked) = self.asked.join_next() => self.settle(asked.ok()),
            }
            self.ask();
        }
    }

    fn ask(&mut self) {
        let now_us = self.tenants.now_us();
        while self.asked.len() < AT_ONCE
            && let Some(tenant) = self.index.queue.take(now_us)
        {
            let due = self.tenants.directory().get(&tenant).and_then(|state| state.due());
            let Some((_, command)) = due.filter(|_| !self.asking.contains(&tenant)) else { continue };
            self.asking.insert(Arc::clone(&tenant));
            let tenants = self.tenants.clone();
            self.asked.spawn(async move {
                if let Err(error) = tenants.command(&tenant, command, PRINCIPAL).await {
                    tracing::warn!(%tenant, %error, "a timer could not be heard; it is tried again");
                }
                tenant
            });
        }
    }

    /// A tenant has answered. One that would be asked the same at once again is left alone for a while.
    fn settle(&mut self, tenant: Option<Arc<str>>) {
        // A task that panicked does not say whose it was: all that are being asked may be asked again.
        let Some(tenant) = tenant else { return self.asking.clear() };
        self.asking.remove(&tenant);
        let due_us = self.tenants.directory().get(&tenant).and_then(|state| due_us(&state));
        let again_us = self.tenants.now_us().saturating_add(AGAIN_US);
        self.index
            .queue
            .set(&tenant, due_us.map(|due_us| if due_us < again_us - AGAIN_US { again_us } else { due_us }));
    }
}

/// Which tenants want to be asked, and when.
#[derive(Default)]
struct Index {
    /// Up to which edition of the directory it goes.
    edition: Option<Arc<Edition>>,
    queue: Queue,
}

impl Index {
    /// Takes up what has changed since the last call.
    fn refresh(&mut self, newest: Arc<Edition>) {
        match self.edition.take() {
            Some(before) if Arc::ptr_eq(&before, &newest) => {}
            Some(before) => {
                for tenant in newest.news(&before).filter(|tenant| !newest.agrees(&before, tenant)) {
                    self.queue.set(tenant, newest.get(tenant).and_then(|state| due_us(state)));
                }
            }
            None => newest.iter().for_each(|(tenant, state)| self.queue.set(tenant, due_us(state))),
        }
        self.edition = Some(newest);
    }
}

fn due_us(state: &TenantState) -> Option<i64> {
    state.due().map(|(due_us, _)| due_us)
}
