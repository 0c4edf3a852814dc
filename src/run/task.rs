//! A step done or taken back: what tasks, records and checkpoints go by.
//!
//! Owns the two directions and their words; never what is done.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::runbook::StepId;

/// A step in one of its two directions.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Task {
    /// The step; those of a phase's own rollback included.
    pub step: StepId,
    /// Do it, or take it back.
    pub direction: Direction,
}

impl Task {
    /// Doing a step.
    pub fn forward(step: StepId) -> Self {
        Self {
            step,
            direction: Direction::Forward,
        }
    }

    /// Taking a step back.
    pub fn back(step: StepId) -> Self {
        Self {
            step,
            direction: Direction::Back,
        }
    }
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.direction {
            Direction::Forward => self.step.fmt(f),
            Direction::Back => write!(f, "undo of {}", self.step),
        }
    }
}

/// Do it, or take it back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Do it.
    Forward,
    /// Take it back.
    Back,
}

impl Direction {
    /// As the journal's JSON, a receipt and an idempotency key have it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Forward => "forward",
            Self::Back => "back",
        }
    }
}
