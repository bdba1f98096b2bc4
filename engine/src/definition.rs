//! What a shard computes: meters and materialized views, which share panes, checkpoints and history.
//!
//! Not here: what each of them is ([`meter`](crate::meter), [`view`](crate::view)).

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::meter::Meter;
use crate::view::View;

/// One thing that is computed from events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Definition {
    /// A meter.
    Meter(Meter),
    /// A materialized view.
    View(View),
}

impl Definition {
    /// Its name in state and files; a view may have the name of a meter, so it is told apart by a point, which no meter
    /// has in its name.
    pub fn key(&self) -> Cow<'_, str> {
        match self {
            Self::Meter(meter) => Cow::Borrowed(&meter.name),
            Self::View(view) => Cow::Owned(view_key(&view.name)),
        }
    }

    /// Its name in SQL.
    pub fn name(&self) -> &str {
        match self {
            Self::Meter(meter) => &meter.name,
            Self::View(view) => &view.name,
        }
    }

    /// The meter, if it is one.
    pub fn meter(&self) -> Option<&Meter> {
        match self {
            Self::Meter(meter) => Some(meter),
            Self::View(_) => None,
        }
    }
}

/// [`Definition::key`] of the view of that name.
pub fn view_key(name: &str) -> String {
    format!("view.{name}")
}

impl From<Meter> for Definition {
    fn from(meter: Meter) -> Self {
        Self::Meter(meter)
    }
}

impl From<View> for Definition {
    fn from(view: View) -> Self {
        Self::View(view)
    }
}

/// For errors: what it is and its name.
impl fmt::Display for Definition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Meter(meter) => write!(f, "meter {}", meter.name),
            Self::View(view) => write!(f, "view {}", view.name),
        }
    }
}
