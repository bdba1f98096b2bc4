//! Endpoints: where messages go, and how far each has come.
//!
//! Messages are not kept: each is a change in the journal, and what is kept is which of them an endpoint has not taken yet. An
//! endpoint that keeps up has none and costs nothing; one that fails has a few that are tried again ([`retries`]), and a place in
//! the journal from where on nothing was tried. Outcomes are journaled in batches, so a node that is killed
//! between sending and recording sends again, under the same name. Not here: sending (`server`).

mod retries;

use std::collections::BTreeMap;

use engine::log::Offset;
use serde::{Deserialize, Serialize};

use crate::endpoint::{Endpoint, EndpointFault, Secret, told};
use crate::facet::{Context, Facet, Owner};
use crate::refusal::{Refusal, RefusalKind, Refused};

pub use retries::{ATTEMPTS_MAX, Failing, MessageId, RETRIES_MAX, Retry, next_attempt};

/// Most endpoints a tenant, or the platform, may have.
pub const ENDPOINTS_MAX: usize = 1000;
/// Most secrets of an endpoint that sign at once.
const SECRETS_MAX: usize = 4;

/// State of the facet.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoints {
    /// By name.
    pub endpoints: BTreeMap<String, Kept>,
}

/// An endpoint and how far it has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// What was declared.
    pub spec: Endpoint,
    /// Where in the journal it was declared first; it is not sent what stands before.
    pub since: Offset,
    /// What messages are signed with, the newest first.
    pub secrets: Vec<Signing>,
    /// Why nothing is sent, if nothing is.
    pub disabled: Option<Disabled>,
    /// Messages that it has not taken and that are tried again.
    pub retries: BTreeMap<MessageId, Retry>,
    /// The first message that was never tried; `None` if all were.
    pub behind: Option<MessageId>,
    /// Since when it takes nothing.
    pub failing: Option<Failing>,
}

/// A secret, and until when it signs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signing {
    /// The secret.
    pub secret: Secret,
    /// Microseconds; `None` for the newest.
    pub until_us: Option<i64>,
}

/// Why nothing is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Disabled {
    /// Somebody said so.
    ByHand,
    /// It answered that it is gone.
    Gone,
    /// It has taken nothing for days.
    Failing,
}

impl Disabled {
    /// The name used outside.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ByHand => "by_hand",
            Self::Gone => "gone",
            Self::Failing => "failing",
        }
    }
}

/// What can be asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndpointsCommand {
    /// Declares an endpoint, or changes one.
    Declare {
        /// Its name.
        name: String,
        /// What it says.
        spec: Endpoint,
        /// What a new one signs with.
        secret: Option<Secret>,
    },
    /// Removes one; what was on its way to it is dropped.
    Remove {
        /// Which.
        name: String,
    },
    /// Gives it another secret; the old one signs for a while too.
    Rotate {
        /// Which.
        name: String,
        /// The new one.
        secret: Secret,
        /// How long the old one goes on, seconds.
        overlap_s: u32,
    },
    /// Has nothing sent to it.
    Disable {
        /// Which.
        name: String,
    },
    /// Has messages sent to it again, from where it stopped.
    Enable {
        /// Which.
        name: String,
    },
    /// Says what came of messages.
    Settle(Settled),
}

/// What came of messages to one endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settled {
    /// Which endpoint.
    pub name: String,
    /// Messages that it has taken; those that never failed need not be named.
    pub taken: Vec<MessageId>,
    /// Whether it has taken any.
    pub any_taken: bool,
    /// Messages that it has not taken, and the pause that it asked for, microseconds.
    pub failed: Vec<(MessageId, Option<i64>)>,
    /// Whether it answered that it is gone.
    pub is_gone: bool,
    /// The first message that was never tried.
    pub behind: Option<MessageId>,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndpointsChange {
    /// An endpoint is there, or is another one.
    Declared {
        /// Its name.
        name: String,
        /// What it says.
        spec: Endpoint,
        /// What a new one signs with.
        secret: Option<Secret>,
    },
    /// It is gone.
    Removed {
        /// Which.
        name: String,
    },
    /// It has another secret.
    Rotated {
        /// Which.
        name: String,
        /// The new one.
        secret: Secret,
        /// Until when the old one signs too, microseconds.
        until_us: i64,
    },
    /// Nothing is sent to it any more.
    Disabled {
        /// Which.
        name: String,
        /// Why.
        why: Disabled,
    },
    /// Messages are sent to it again.
    Enabled {
        /// Which.
        name: String,
    },
    /// A message was tried for the last time.
    Exhausted {
        /// To which endpoint.
        name: String,
        /// Which.
        message: MessageId,
    },
    /// A message was taken that was not at first.
    Recovered {
        /// By which endpoint.
        name: String,
        /// Which.
        message: MessageId,
    },
    /// How far it has come.
    Moved {
        /// Which endpoint.
        name: String,
        /// Messages that are tried again.
        retries: Vec<(MessageId, Retry)>,
        /// The first message that was never tried.
        behind: Option<MessageId>,
        /// Since when it takes nothing.
        failing: Option<Failing>,
    },
}

/// Why it did not happen.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EndpointsRejection {
    /// The name can't be an endpoint's.
    #[error("field name: must be 1 to 128 of A-Z, a-z, 0-9, '.', '_' and '-', not starting with '.'")]
    Name,
    /// The endpoint can't be used, for each of these reasons.
    #[error("{}", told(.0))]
    Endpoint(Vec<EndpointFault>),
    /// There are too many.
    #[error("there are {ENDPOINTS_MAX} endpoints already, which is the limit")]
    TooMany,
    /// There is no such endpoint.
    #[error("there is no endpoint {0}")]
    Unknown(String),
    /// It can't be signed.
    #[error("the machine has no random bytes for a secret; try again")]
    NoSecret,
}

impl Refused for EndpointsRejection {
    fn refusal(&self) -> Refusal {
        match self {
            Self::Name => RefusalKind::Invalid.of("name", "invalid"),
            Self::Endpoint(faults) => Refusal::all(faults),
            Self::TooMany | Self::NoSecret => RefusalKind::Conflict.alone(),
            Self::Unknown(_) => RefusalKind::NotFound.alone(),
        }
    }
}

impl Facet for Endpoints {
    const NAME: &'static str = "endpoints";
    const OWNER: Owner = Owner::Tenant;
    type Command = EndpointsCommand;
    type Change = EndpointsChange;
    type Rejection = EndpointsRejection;

    fn decide(
        &self,
        command: EndpointsCommand,
        context: Context<'_>,
    ) -> Result<Vec<EndpointsChange>, EndpointsRejection> {
        use EndpointsChange as Change;
        match command {
            EndpointsCommand::Declare { name, spec, secret } => self.declare(name, spec, secret),
            EndpointsCommand::Remove { name } => self.find(&name).map(|_| vec![Change::Removed { name }]),
            EndpointsCommand::Rotate { name, secret, overlap_s } => {
                let until_us = context.now_us.saturating_add(i64::from(overlap_s) * 1_000_000);
                self.find(&name).map(|_| vec![Change::Rotated { name, secret, until_us }])
            }
            EndpointsCommand::Disable { name } => Ok(match self.find(&name)?.disabled {
                Some(_) => Vec::new(),
                None => vec![Change::Disabled { name, why: Disabled::ByHand }],
            }),
            EndpointsCommand::Enable { name } => Ok(match self.find(&name)?.disabled {
                Some(_) => vec![Change::Enabled { name }],
                None => Vec::new(),
            }),
            // One that is gone by now needs to know nothing.
            EndpointsCommand::Settle(settled) => match self.endpoints.get(&settled.name) {
                Some(kept) => Ok(kept.settle(settled, context.now_us)),
                None => Ok(Vec::new()),
            },
        }
    }

    fn apply(&mut self, change: &EndpointsChange) {
        use EndpointsChange as Change;
        match change {
            Change::Declared { name, spec, secret } => match (self.endpoints.get_mut(name), secret) {
                (Some(kept), _) => kept.spec = spec.clone(),
                (None, secret) => {
                    let secrets = secret.iter().cloned().map(|secret| Signing { secret, until_us: None }).collect();
                    drop(self.endpoints.insert(name.clone(), Kept::new(spec.clone(), secrets)));
                }
            },
            Change::Removed { name } => drop(self.endpoints.remove(name)),
            Change::Rotated { name, secret, until_us } => self.with(name, |kept| {
                kept.secrets.iter_mut().for_each(|old| old.until_us = old.until_us.or(Some(*until_us)));
                kept.secrets.insert(0, Signing { secret: secret.clone(), until_us: None });
                kept.secrets.truncate(SECRETS_MAX);
            }),
            Change::Disabled { name, why } => self.with(name, |kept| kept.disabled = Some(*why)),
            Change::Enabled { name } => self.with(name, |kept| (kept.disabled, kept.failing) = (None, None)),
            // What follows for the endpoint is in the change behind them.
            Change::Exhausted { .. } | Change::Recovered { .. } => {}
            Change::Moved { name, retries, behind, failing } => self.with(name, |kept| {
                kept.retries = retries.iter().copied().collect();
                (kept.behind, kept.failing) = (*behind, *failing);
            }),
        }
    }

    const PLACES: bool = true;

    fn place(&mut self, change: &EndpointsChange, offset: Offset) {
        if let EndpointsChange::Declared { name, secret: Some(_), .. } = change {
            self.with(name, |kept| kept.since = offset);
        }
    }

    fn event(change: &EndpointsChange) -> Option<&'static str> {
        match change {
            EndpointsChange::Declared { .. } => Some("endpoint.declared"),
            EndpointsChange::Removed { .. } => Some("endpoint.removed"),
            EndpointsChange::Disabled { .. } => Some("endpoint.disabled"),
            EndpointsChange::Enabled { .. } => Some("endpoint.enabled"),
            EndpointsChange::Exhausted { .. } => Some("message.exhausted"),
            EndpointsChange::Recovered { .. } => Some("message.recovered"),
            EndpointsChange::Rotated { .. } | EndpointsChange::Moved { .. } => None,
        }
    }
}

impl Endpoints {
    fn declare(
        &self,
        name: String,
        spec: Endpoint,
        secret: Option<Secret>,
    ) -> Result<Vec<EndpointsChange>, EndpointsRejection> {
        if !crate::tenant::is_tenant_name(&name) {
            return Err(EndpointsRejection::Name);
        }
        let faults = spec.faults();
        if !faults.is_empty() {
            return Err(EndpointsRejection::Endpoint(faults));
        }
        let secret = match self.endpoints.get(&name) {
            Some(kept) if kept.spec == spec => return Ok(Vec::new()),
            Some(_) => None,
            None if self.endpoints.len() >= ENDPOINTS_MAX => return Err(EndpointsRejection::TooMany),
            None => Some(secret.ok_or(EndpointsRejection::NoSecret)?),
        };
        Ok(vec![EndpointsChange::Declared { name, spec, secret }])
    }

    fn find(&self, name: &str) -> Result<&Kept, EndpointsRejection> {
        self.endpoints.get(name).ok_or_else(|| EndpointsRejection::Unknown(name.to_owned()))
    }

    fn with(&mut self, name: &str, change: impl FnOnce(&mut Kept)) {
        if let Some(kept) = self.endpoints.get_mut(name) {
            change(kept);
        }
    }
}

impl Kept {
    fn new(spec: Endpoint, secrets: Vec<Signing>) -> Self {
        Self { spec, since: 0, secrets, disabled: None, retries: BTreeMap::new(), behind: None, failing: None }
    }

    fn settle(&self, settled: Settled, now_us: i64) -> Vec<EndpointsChange> {
        use EndpointsChange as Change;
        let Settled { name, taken, any_taken, failed, is_gone, behind } = settled;
        let mut changes = Vec::new();
        let mut retries = self.retries.clone();
        for message in taken {
            if retries.remove(&message).is_some() {
                changes.push(Change::Recovered { name: name.clone(), message });
            }
        }
        let mut failing = self.failing.filter(|_| !any_taken);
        for (message, pause_us) in failed {
            let before = retries.get(&message).map_or(0, |retry| retry.attempts);
            failing = Some(Failing::again(failing, now_us));
            match next_attempt(message, before + 1, now_us, pause_us) {
                Some(retry) => drop(retries.insert(message, retry)),
                None => {
                    retries.remove(&message);
                    changes.push(Change::Exhausted { name: name.clone(), message });
                }
            }
        }
        if is_gone && self.disabled.is_none() {
            changes.push(Change::Disabled { name: name.clone(), why: Disabled::Gone });
        } else if self.disabled.is_none() && failing.is_some_and(|failing| failing.is_hopeless(now_us)) {
            changes.push(Change::Disabled { name: name.clone(), why: Disabled::Failing });
        }
        if retries != self.retries || behind != self.behind || failing != self.failing {
            let retries = retries.into_iter().collect();
            changes.push(Change::Moved { name, retries, behind, failing });
        }
        changes
    }

    /// The secrets that sign at `now_us`, the newest first.
    pub fn signing(&self, now_us: i64) -> impl Iterator<Item = &Secret> {
        let signs = move |signing: &&Signing| signing.until_us.is_none_or(|until_us| now_us < until_us);
        self.secrets.iter().filter(signs).map(|signing| &signing.secret)
    }
}
