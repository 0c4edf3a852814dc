//! The words that events, gates and guards are told in: verdicts, rungs, paces,
//! lengths of time.
//!
//! Owns their spelling on the screen; never decides which one applies.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::runbook::GateId;

/// What a gate says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Not answered yet.
    #[default]
    Pending,
    /// Opens.
    Go,
    /// Answered against.
    NoGo,
    /// An answer that proves nothing: NULL, no row, zero samples.
    Inconclusive,
    /// Could not be asked.
    Error,
    /// The answer is too old.
    Stale,
    /// Opened by a person, with a reason.
    Waived,
}

impl Verdict {
    /// Only GO and WAIVED open.
    pub fn opens(self) -> bool {
        matches!(self, Self::Go | Self::Waived)
    }

    /// The word on the screen.
    pub fn word(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Go => "GO",
            Self::NoGo => "NO-GO",
            Self::Inconclusive => "INCONCLUSIVE",
            Self::Error => "ERROR",
            Self::Stale => "STALE",
            Self::Waived => "WAIVED",
        }
    }
}

/// A gate's verdict and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// The gate.
    pub gate: GateId,
    /// What it said.
    pub verdict: Verdict,
    /// Why, in a few words; clean.
    pub reason: String,
    /// When it was last asked.
    pub at: Timestamp,
}

/// How far up its ladder a guard stands.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Rung {
    /// Nothing to say.
    #[default]
    Quiet,
    /// Takes something off the pace.
    Throttle,
    /// Takes all of it, until it recovers.
    Stall,
    /// Holds the run, until a person releases it.
    Hold,
}

impl Rung {
    /// The word on the screen.
    pub fn word(self) -> &'static str {
        match self {
            Self::Quiet => "ok",
            Self::Throttle => "throttle",
            Self::Stall => "stall",
            Self::Hold => "hold",
        }
    }
}

/// A share of the backfill's duty, 0 to 100.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Percent(pub u8);

impl Percent {
    /// All of it.
    pub const FULL: Self = Self(100);
    /// None of it: a stall.
    pub const ZERO: Self = Self(0);
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", self.0)
    }
}
