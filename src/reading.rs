//! Measured values with the time at which they were taken.
//!
//! Owns the difference between a number and no number: unknown is never
//! healthy and never 0. Holds no clock; "now" is handed in. `server` has the
//! shapes of what the monitor measures, `lag` the one number out of them,
//! `attended` of who watches.

pub mod attended;
pub mod lag;
pub mod server;

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A value that was measured, or the reason why there is none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reading<T> {
    /// Measured at that time.
    Measured {
        /// What was measured.
        value: T,
        /// When the server gave it.
        at: Timestamp,
    },
    /// Not measured.
    Absent {
        /// Why not.
        why: Absence,
        /// Since when.
        since: Option<Timestamp>,
    },
}

/// Why a reading is absent: the signal's capability, as the screen names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Absence {
    /// Not asked yet.
    NotYet,
    /// The role may not see it.
    NoPrivilege,
    /// This server has no such thing.
    Unsupported,
    /// No answer in time.
    TimedOut,
    /// No connection; the text is clean.
    Unreachable(String),
    /// The query failed; the text is clean.
    Failed(String),
}

impl Absence {
    /// One or two words for a cell of the screen.
    pub fn word(&self) -> &'static str {
        match self {
            Self::NotYet => "not yet",
            Self::NoPrivilege => "NO-PRIV",
            Self::Unsupported => "unsupported",
            Self::TimedOut => "timed out",
            Self::Unreachable(_) => "no link",
            Self::Failed(_) => "failed",
        }
    }

    /// [`Self::word`], or what is known beyond it.
    pub fn detail(&self) -> &str {
        match self {
            Self::Unreachable(why) | Self::Failed(why) => why,
            plain => plain.word(),
        }
    }
}

/// How far a reading can be trusted now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// Younger than the limit.
    Live,
    /// Older than the limit.
    Stale,
    /// There is none.
    Absent,
}

impl<T> Default for Reading<T> {
    fn default() -> Self {
        Self::Absent {
            why: Absence::NotYet,
            since: None,
        }
    }
}

impl<T> Reading<T> {
    /// A value measured at `at`.
    pub fn measured(value: T, at: Timestamp) -> Self {
        Self::Measured { value, at }
    }

    /// The value, however old; callers that act on it ask [`Self::freshness`] first.
    pub fn value(&self) -> Option<&T> {
        match self {
            Self::Measured { value, .. } => Some(value),
            Self::Absent { .. } => None,
        }
    }

    /// How old it is; a clock that went back gives zero.
    pub fn age(&self, now: Timestamp) -> Option<Duration> {
        match self {
            Self::Measured { at, .. } => Some(elapsed(*at, now)),
            Self::Absent { .. } => None,
        }
    }

    /// Live, stale or absent.
    pub fn freshness(&self, now: Timestamp, max_age: Duration) -> Freshness {
        match self.age(now) {
            Some(age) if age <= max_age => Freshness::Live,
            Some(_) => Freshness::Stale,
            None => Freshness::Absent,
        }
    }

    /// The same reading of a part of the value.
    pub fn map<U>(&self, part: impl FnOnce(&T) -> U) -> Reading<U> {
        match self {
            Self::Measured { value, at } => Reading::measured(part(value), *at),
            Self::Absent { why, since } => Reading::Absent {
                why: why.clone(),
                since: *since,
            },
        }
    }
}

/// The time from `from` to `to`; zero where it is negative.
pub fn elapsed(from: Timestamp, to: Timestamp) -> Duration {
    Duration::try_from(to.duration_since(from)).unwrap_or(Duration::ZERO)
}
