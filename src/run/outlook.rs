//! Where a run may be next without anybody's decision: what a deployment made
//! now has to live with.
//!
//! Owns which phases those are; never what a version has to be to fit them.
//!
//! | the run | the phases |
//! |---|---|
//! | is in a phase | that one |
//! | stands before a phase | the one before it, which is what is there; before the first, the first |
//! | either | and those behind it that begin by themselves |
//! | is being taken back | down to the one before the phase that is taken back; unwound, to the first |

use super::event::Scope;
use super::{Place, Run};
use crate::plan::Phase;
use crate::runbook::Enter;

/// A phase that a deployment has to live with, and why.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Prospect<'a> {
    /// The phase.
    pub phase: &'a Phase,
    /// Why it counts.
    pub why: Why,
}

/// Why a phase counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// What it made is there now.
    Current,
    /// It begins by itself.
    BeginsByItself,
    /// The way back leads to it.
    WayBack,
}

/// What may come without anybody's decision, and what with one.
#[derive(Debug, Clone, PartialEq)]
pub struct Outlook<'a> {
    /// In the plan's order; never empty.
    pub phases: Vec<Prospect<'a>>,
    /// The phase that a person may enter after those.
    pub next: Option<&'a Phase>,
}

impl Run {
    /// Whether a phase begins without a person: its author wants that, and it
    /// has not been taken back before.
    pub fn begins_by_itself(&self, phase: &Phase) -> bool {
        phase.enter == Enter::Auto && self.attempt(&phase.id) == 1
    }

    /// Where the run may be next without anybody's decision.
    pub fn outlook(&self) -> Outlook<'_> {
        let phases = self.plan.phases();
        let here = match self.place {
            Place::In(index) => index,
            Place::Before(index) => index.saturating_sub(1),
        };
        let lowest = match &self.rollback {
            Some(rollback) if rollback.scope == Scope::Unwind => 0,
            Some(rollback) => rollback.phase.saturating_sub(1),
            None => here,
        };
        let mut highest = here;
        let stays = self.rollback.is_some() || self.outcome.is_some();
        while !stays
            && let Some(phase) = phases.get(highest + 1)
            && self.begins_by_itself(phase)
        {
            highest += 1;
        }
        let prospect = |index: usize| Prospect {
            phase: &phases[index],
            why: match index {
                _ if index < here => Why::WayBack,
                _ if index > here => Why::BeginsByItself,
                _ => Why::Current,
            },
        };
        Outlook {
            phases: (lowest..=highest).map(prospect).collect(),
            next: phases.get(highest + 1).filter(|_| !stays),
        }
    }
}
