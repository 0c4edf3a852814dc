//! Owns phases, their steps, and how a step goes back.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Action, Compatible, ConnectionId, Gate, PhaseId, Probe, RoleId, StepId};

/// `[[phase]]`: a stretch between two boundaries.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Phase {
    /// Its name.
    pub id: PhaseId,
    /// The role that answers for it.
    pub owner: Option<RoleId>,
    /// For the people at the wheel.
    pub notes: Option<String>,
    /// Whether a person has to cross into it.
    pub enter: Enter,
    /// Holds an irreversible step; only such a phase may.
    pub point_of_no_return: bool,
    /// Versions of applications that work while the run is in it.
    pub compatible: Compatible,
    /// Its steps, in order.
    pub steps: Vec<Step>,
    /// The phase's rollback, where given; otherwise its started steps are
    /// undone in reverse.
    pub rollback: Option<Vec<Step>>,
    /// Its gates.
    pub gates: Vec<Gate>,
}

/// How a phase begins.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Enter {
    /// A person advances.
    #[default]
    Person,
    /// After three GO samples in a row of its boundary's gates. Refused into
    /// a point of no return.
    Auto,
}

/// `[[phase.step]]`: one action of a phase.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Its name.
    pub id: StepId,
    /// Where it runs.
    pub on: ConnectionId,
    /// What it does.
    pub action: Action,
    /// How it goes back.
    pub reversal: Reversal,
    /// Tells whether it has been done, where only the world can say.
    pub done_when: Option<Probe>,
    /// The same for its undo.
    #[serde(default)]
    pub undo_done_when: Option<Probe>,
    /// Faults that the author accepts here: code to reason.
    pub accept: BTreeMap<String, String>,
}

/// How a step goes back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reversal {
    /// Given in the file.
    Undo(Box<Action>),
    /// Derived from plain additive DDL; shown in the plan.
    Derived(Box<Action>),
    /// Stays, for this reason.
    Keep(String),
    /// Cannot go back: what is lost.
    Irreversible(String),
    /// Changes nothing.
    Nothing,
}

impl Reversal {
    /// The action that takes the step back, where there is one.
    pub fn undo(&self) -> Option<&Action> {
        match self {
            Self::Undo(action) | Self::Derived(action) => Some(action),
            Self::Keep(_) | Self::Irreversible(_) | Self::Nothing => None,
        }
    }
}
