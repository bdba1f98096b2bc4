//! How the rooms' errors become problems: one arm for each way to fail, so that a new one has to be thought of here.

use actors::journal::JournalError;
use actors::refusal::{RefusalKind, Refused};
use actors::{CommandError, Rejected};
use datafusion::error::DataFusionError;
use engine::dedup::sequence::SequenceError;
use engine::log::LogError;
use engine::shard::SubmitError;
use engine::storage::StorageError;
use pipelines::catalog::{CatalogError, ShortOfMemory, TooLarge};
use pipelines::views::Fault;

use crate::identity::Refusal;
use crate::query::{Busy, Exceeded, Failure};
use crate::statements::{StatementError, Unplanned};

use super::command::AdminProblem;
use super::problem::{Kind, Problem};
use crate::permits::Full;

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let kind = match refusal {
            Refusal::Missing | Refusal::NotBearer | Refusal::Key(_) | Refusal::Unproved(_) => Kind::Unauthenticated,
            Refusal::Scope(_) | Refusal::PlatformOnly => Kind::Forbidden,
            // Another tenant is not told apart from one that is not there (I6).
            Refusal::OtherTenant(_) => Kind::NotFound,
        };
        kind.with(refusal.to_string())
    }
}

impl From<Full> for Problem {
    fn from(full: Full) -> Self {
        let kind = match full {
            Full::Tenant(_) => Kind::TooMany,
            Full::Node(_) => Kind::Overloaded,
        };
        kind.with(full.to_string())
    }
}

/// A statement's failure, as a problem of a kind.
fn failed(kind: Kind, failure: Failure) -> Problem {
    Problem { failure: Some(Box::new(failure.clone())), ..kind.with(failure.message) }
}

impl From<Busy> for Problem {
    fn from(busy: Busy) -> Self {
        let kind = match busy {
            Busy::Asker { .. } => Kind::TooMany,
            Busy::Node => Kind::Overloaded,
        };
        failed(kind, Failure::from(&busy))
    }
}

impl From<Exceeded> for Problem {
    fn from(exceeded: Exceeded) -> Self {
        let kind = match exceeded {
            Exceeded::Time(_) => Kind::QueryTimeout,
            Exceeded::Rows(_) | Exceeded::Bytes(_) => Kind::TooLarge,
        };
        failed(kind, Failure::from(exceeded))
    }
}

impl From<SubmitError> for Problem {
    fn from(error: SubmitError) -> Self {
        let text = error.to_string();
        match error {
            SubmitError::Overloaded { retry_after_ms } => Kind::Overloaded.with(text).retry_after_ms(retry_after_ms),
            SubmitError::Log(LogError::Closed) | SubmitError::Closed => Kind::Unavailable.with(text),
            SubmitError::Log(LogError::Storage(StorageError::Full { .. })) => {
                // What lies in other shards may be durable, so it is not said that nothing was admitted.
                Kind::Storage.with(
                    "the disk is full: free space on the disk of the data folder, the node goes on by itself; then send \
                     all of this request again, nothing of it counts twice",
                )
            }
            SubmitError::Log(_) | SubmitError::Dedup(_) => Kind::Storage.with(text),
            SubmitError::Sequence(SequenceError::TooMany { .. }) => Kind::TooMany.with(text),
            SubmitError::Sequence(SequenceError::Fenced { .. } | SequenceError::Gap { .. }) => {
                Kind::Conflict.with(text)
            }
        }
    }
}

impl From<StatementError> for Problem {
    fn from(error: StatementError) -> Self {
        match error {
            StatementError::Catalog(error) => error.into(),
            StatementError::Refused(refusal) => refusal.into(),
            StatementError::Admin(error) => AdminProblem::from(error).into(),
        }
    }
}

impl From<Unplanned> for Problem {
    fn from(unplanned: Unplanned) -> Self {
        match &unplanned.error {
            CatalogError::DataFusion(error) => Self::from((error, unplanned.failure)),
            _ => unplanned.error.into(),
        }
    }
}

impl From<CatalogError> for Problem {
    fn from(error: CatalogError) -> Self {
        match error {
            CatalogError::DataFusion(error) => error.into(),
            CatalogError::Crowded => failed(Kind::Overloaded, Failure::from(&error)),
            CatalogError::Zone(_) => Self::invalid_field("time_zone", error.to_string()),
            refused => failed(Kind::Query, Failure::from(&refused)),
        }
    }
}

impl From<DataFusionError> for Problem {
    fn from(error: DataFusionError) -> Self {
        Self::from((&error, Failure::from(&error)))
    }
}

/// An error with what is told of it.
impl From<(&DataFusionError, Failure)> for Problem {
    fn from((error, failure): (&DataFusionError, Failure)) -> Self {
        let kind = match error.find_root() {
            DataFusionError::External(inner) if inner.is::<Exceeded>() => {
                return inner
                    .downcast_ref()
                    .map_or_else(|| failed(Kind::Internal, failure), |e: &Exceeded| (*e).into());
            }
            DataFusionError::ResourcesExhausted(_) => Kind::Overloaded,
            DataFusionError::External(inner) if inner.is::<ShortOfMemory>() => Kind::Overloaded,
            DataFusionError::External(inner) if inner.is::<TooLarge>() => Kind::TooLarge,
            DataFusionError::Internal(_) if failure.state == "XX000" => Kind::Internal,
            root => match Fault::of(root) {
                Some(Fault::Moved) => Kind::Overloaded,
                Some(Fault::Damage) => Kind::Damaged,
                Some(Fault::Bug) => Kind::Internal,
                Some(Fault::Statement) | None => Kind::Query,
            },
        };
        failed(kind, failure)
    }
}

/// What a tenant's facets refuse.
impl From<Rejected> for Problem {
    fn from(rejected: Rejected) -> Self {
        let (text, refusal) = (rejected.to_string(), rejected.refusal());
        let kind = match refusal.kind {
            RefusalKind::Invalid => Kind::Invalid,
            RefusalKind::NotFound => Kind::NotFound,
            RefusalKind::Conflict => Kind::Conflict,
            RefusalKind::Forbidden => Kind::Forbidden,
            RefusalKind::Query => Kind::Query,
        };
        refusal.fields.into_iter().fold(kind.with(&text), |problem, field| {
            problem.field(field.name, field.reason, field.detail.unwrap_or_else(|| text.clone()))
        })
    }
}

impl From<CommandError> for Problem {
    fn from(error: CommandError) -> Self {
        let kind = match error {
            CommandError::Rejected(rejected) => return rejected.into(),
            CommandError::Name(_) | CommandError::Reserved(_) => {
                return Self::invalid_field("tenant", error.to_string());
            }
            CommandError::Unknown(_) => Kind::NotFound,
            CommandError::Exists(_) => Kind::Conflict,
            CommandError::Busy => Kind::TooMany,
            CommandError::Timeout => Kind::Overloaded,
            CommandError::Failed | CommandError::Closed => Kind::Unavailable,
            CommandError::Quarantined => Kind::TenantInactive,
            CommandError::Journal(JournalError::Log(LogError::Corrupt { .. } | LogError::Trimmed { .. })) => {
                Kind::Damaged
            }
            CommandError::Journal(JournalError::Log(_)) => Kind::Storage,
            CommandError::Journal(JournalError::Unwritable(_)) => Kind::TooLarge,
            CommandError::Journal(_) => Kind::Damaged,
        };
        kind.with(error.to_string())
    }
}
