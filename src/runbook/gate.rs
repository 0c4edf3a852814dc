//! Owns gates: where one stands and what it asks; never samples one.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{ConnectionId, GateId, RoleId, StepId};

/// `[[phase.gate]]`: a condition at a boundary, or after a step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Gate {
    /// Its name.
    pub id: GateId,
    /// Where it stands.
    pub at: At,
    /// What it asks.
    pub condition: Condition,
    /// Whether a role with `waive` may open it with a reason. Default true.
    pub waivable: bool,
    /// Time between two samples. Default 2 s.
    pub every: Duration,
}

/// Where a gate stands.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum At {
    /// Before the phase is entered.
    Entry,
    /// Before the phase is left.
    #[default]
    Exit,
    /// Behind a step: the next step waits for it.
    After(StepId),
}

/// What a gate asks. Later issues add kinds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// A boolean query; true is GO, false NO-GO, NULL or no row INCONCLUSIVE.
    Sql {
        /// The query.
        query: String,
        /// Where it is asked.
        on: ConnectionId,
    },
    /// What a parity step has found.
    Parity(ParityGate),
    /// People answer.
    Signoff {
        /// Every one of them has to say GO.
        seats: Vec<RoleId>,
        /// How long an answer counts.
        valid_for: Duration,
    },
    /// Observed GO time of other gates and guards.
    Soak {
        /// How much of it.
        duration: Duration,
        /// Gates and guards whose trouble begins it anew.
        resets_on: Vec<String>,
    },
    /// The runbook's window is open.
    Window,
}

/// `parity = { check, coverage, confirmed, max_age }`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ParityGate {
    /// The parity step.
    pub check: StepId,
    /// Verified share of the rows, 0 to 1, at least.
    pub coverage: f64,
    /// Confirmed mismatches, at most.
    pub confirmed: u64,
    /// Age of the verdict, at most.
    pub max_age: Duration,
}

impl Condition {
    /// Its key in the runbook.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Sql { .. } => "sql",
            Self::Parity(_) => "parity",
            Self::Signoff { .. } => "signoff",
            Self::Soak { .. } => "soak",
            Self::Window => "window",
        }
    }
}
