//! What happened, in past tense: the journal's vocabulary.
//!
//! Owns the kinds of event and their ids; never decides whether one is legal
//! (that is [`super::evolve`]). The serialised form is stored and hashed, so a
//! field is only ever added, with a default.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::again::Again;
use super::fault::Fault;
pub use super::lead::Ground;
pub use super::proof::{BackfillSummary, ParitySummary, Summary};
pub use super::task::{Direction, Task};
pub use super::words::{Evidence, Percent, Rung, Verdict};
use crate::plan::Plan;
use crate::runbook::{GateId, GuardId, PhaseId, RoleId, StepId};

/// Identifies a run: a UUID of version 7, as text.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunId(pub String);

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// An event's number within its run, from 1, without gaps.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Seq(pub i64);

impl Seq {
    /// The number after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One entry of the journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Its number.
    pub seq: Seq,
    /// The journal server's clock when it was appended.
    pub at: Timestamp,
    /// What happened.
    pub kind: EventKind,
    /// The chain's hash up to and including it, 64 hex digits.
    pub hash: String,
}

/// Who made it happen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Actor {
    /// A person, by the database session's `session_user`.
    Person(String),
    /// A guard.
    Guard(GuardId),
    /// The engine itself.
    Engine,
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Person(name) => f.write_str(name),
            Self::Guard(guard) => write!(f, "guard {guard}"),
            Self::Engine => f.write_str("engine"),
        }
    }
}

/// What follows a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Next {
    /// Tried again, not before that time.
    Retry(Timestamp),
    /// A person decides: the run is held, or stuck where an undo failed.
    Person,
    /// Not a failure: ended at a safe point by a hold or a rollback.
    Later,
}

/// How far back a rollback goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// The current phase.
    Phase,
    /// Every phase, to the start.
    Unwind,
}

/// A seat's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// Go on.
    Go,
    /// Do not.
    NoGo,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum EventKind {
    /// The run exists, and this is its plan, for good.
    RunCreated {
        /// Its id.
        run: RunId,
        /// The plan.
        plan: Arc<Plan>,
        /// [`Plan::hash`].
        plan_hash: String,
        /// Who started it.
        by: Actor,
        /// This program's version.
        tool: String,
    },
    /// Someone holds the lease.
    LeadTaken {
        /// Counts take-overs, from 1.
        epoch: i64,
        /// Who.
        by: Actor,
        /// On which machine.
        host: String,
        /// Why, where a person or the server gave a reason.
        reason: Option<String>,
        /// Who led before.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from: Option<Actor>,
        /// What gave the right to it.
        #[serde(default)]
        ground: Ground,
        /// So long the former lead's heart had not beaten.
        #[serde(default)]
        unled_ms: u64,
    },
    /// Someone would like to lead.
    LeadAsked {
        /// Who.
        by: Actor,
    },
    /// The lead answered them.
    LeadAnswered {
        /// Who, as the lead.
        by: Actor,
        /// Whom.
        to: Actor,
        /// GO hands the lead over.
        answer: Answer,
    },
    /// The server does not have any more what it once confirmed.
    TailLost {
        /// What the lead's own log remembers of it, in order.
        lost: Vec<Event>,
    },
    /// A boundary was crossed.
    PhaseEntered {
        /// Into this phase.
        phase: PhaseId,
        /// Its attempt, from 1.
        attempt: u32,
        /// Who advanced; [`Actor::Engine`] where `enter = "auto"`.
        by: Actor,
        /// The boundary's gates in that moment.
        evidence: Vec<Evidence>,
    },
    /// A gate behind a step opened.
    GatePassed {
        /// In that moment.
        evidence: Evidence,
    },
    /// A task was begun; it may have had an effect from here on.
    StepStarted {
        /// The task.
        task: Task,
        /// From 1, anew after a release.
        attempt: u32,
    },
    /// A task is done.
    StepSucceeded {
        /// The task.
        task: Task,
        /// The proof.
        summary: Summary,
    },
    /// A task is known not to be done.
    StepFailed {
        /// The task.
        task: Task,
        /// Why.
        fault: Fault,
        /// What follows.
        next: Next,
    },
    /// Nobody knows whether the task is done.
    StepInDoubt {
        /// The task.
        task: Task,
        /// Why not.
        why: String,
    },
    /// A doubt, or a failure that waited for a person, was settled.
    DoubtResolved {
        /// The task.
        task: Task,
        /// Done, or to be tried again.
        done: bool,
        /// Who or what told.
        by: Actor,
        /// Its reason or its finding.
        how: String,
    },
    /// A finished step is to be done again, and what its outcome proved with it.
    StepReopened {
        /// The step.
        step: StepId,
        /// Which rows.
        what: Again,
        /// Who.
        by: Actor,
    },
    /// Nothing new starts.
    Held {
        /// Who held it.
        by: Actor,
        /// Why.
        reason: String,
    },
    /// A person let it go on.
    Released {
        /// Who.
        by: Actor,
    },
    /// A person stopped the backfill alone.
    Paused {
        /// Who.
        by: Actor,
    },
    /// A person let the backfill go on.
    Resumed {
        /// Who.
        by: Actor,
    },
    /// A person set the ceiling.
    PaceSet {
        /// Who.
        by: Actor,
        /// 1 to 100.
        pace: Percent,
    },
    /// A person set how many sessions backfills work with, from here on.
    WorkersSet {
        /// Who.
        by: Actor,
        /// 1 to [`crate::runbook::MAX_WORKERS`].
        workers: u16,
    },
    /// What guards leave of the pace has changed.
    PaceChanged {
        /// 0 is a stall.
        pace: Percent,
        /// Why, worst first; empty when nothing is taken off.
        reasons: Vec<String>,
        /// The guard that takes most.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<GuardId>,
    },
    /// What a backfill's ETA was at a quarter, half and three quarters of it.
    EtaTold {
        /// The task.
        task: Task,
        /// How much of the copy was done.
        percent: Percent,
        /// Time left, at best.
        low_ms: u64,
        /// Time left, at worst.
        high_ms: u64,
    },
    /// A gate says something else than before.
    GateChanged {
        /// What it says.
        evidence: Evidence,
    },
    /// Observed GO time, in total.
    Soaked {
        /// The soak gate.
        gate: GateId,
        /// So much so far.
        observed_ms: u64,
        /// What began it anew, where something did.
        reset_by: Option<String>,
    },
    /// A guard stands on another rung.
    GuardChanged {
        /// The guard.
        guard: GuardId,
        /// Its rung.
        rung: Rung,
        /// The value or its absence, and the limit.
        reason: String,
    },
    /// A seat answered.
    SignedOff {
        /// The gate.
        gate: GateId,
        /// The seat.
        seat: RoleId,
        /// Who sat on it.
        by: Actor,
        /// What was said.
        answer: Answer,
        /// The attempt of the gate's phase that it is for.
        attempt: u32,
        /// The journal's hash that the signer saw.
        saw: String,
        /// In the signer's words.
        reason: Option<String>,
    },
    /// A gate was opened without a GO.
    GateWaived {
        /// The gate.
        gate: GateId,
        /// Who.
        by: Actor,
        /// Why; never empty.
        reason: String,
        /// The attempt of the gate's phase that it is for.
        attempt: u32,
    },
    /// The way back was begun.
    RollbackStarted {
        /// The phase that is taken back.
        phase: PhaseId,
        /// Whether it goes on to the start.
        scope: Scope,
        /// Who.
        by: Actor,
        /// Why.
        reason: Option<String>,
    },
    /// A phase was taken back; the run stands before it.
    PhaseRolledBack {
        /// The phase.
        phase: PhaseId,
    },
    /// The journal could not be reached for a while.
    LinkRestored {
        /// For how long.
        outage_ms: u64,
        /// The first error.
        error: String,
    },
    /// Every phase is done.
    Finished,
}

impl EventKind {
    /// The tag, as stored in the journal's `kind` column.
    pub fn tag(&self) -> &'static str {
        match self {
            Self::RunCreated { .. } => "run_created",
            Self::LeadTaken { .. } => "lead_taken",
            Self::LeadAsked { .. } => "lead_asked",
            Self::LeadAnswered { .. } => "lead_answered",
            Self::TailLost { .. } => "tail_lost",
            Self::PhaseEntered { .. } => "phase_entered",
            Self::GatePassed { .. } => "gate_passed",
            Self::StepStarted { .. } => "step_started",
            Self::StepSucceeded { .. } => "step_succeeded",
            Self::StepFailed { .. } => "step_failed",
            Self::StepInDoubt { .. } => "step_in_doubt",
            Self::DoubtResolved { .. } => "doubt_resolved",
            Self::StepReopened { .. } => "step_reopened",
            Self::Held { .. } => "held",
            Self::Released { .. } => "released",
            Self::Paused { .. } => "paused",
            Self::Resumed { .. } => "resumed",
            Self::PaceSet { .. } => "pace_set",
            Self::WorkersSet { .. } => "workers_set",
            Self::PaceChanged { .. } => "pace_changed",
            Self::EtaTold { .. } => "eta_told",
            Self::GateChanged { .. } => "gate_changed",
            Self::Soaked { .. } => "soaked",
            Self::GuardChanged { .. } => "guard_changed",
            Self::SignedOff { .. } => "signed_off",
            Self::GateWaived { .. } => "gate_waived",
            Self::RollbackStarted { .. } => "rollback_started",
            Self::PhaseRolledBack { .. } => "phase_rolled_back",
            Self::LinkRestored { .. } => "link_restored",
            Self::Finished => "finished",
        }
    }

    /// Whether a person who decides has to have seen it: an intent that was
    /// made before such an event is refused.
    pub fn is_material(&self) -> bool {
        !matches!(
            self,
            Self::PaceChanged { .. }
                | Self::EtaTold { .. }
                | Self::GateChanged { .. }
                | Self::Soaked { .. }
                | Self::GuardChanged { .. }
                | Self::LinkRestored { .. }
                | Self::LeadAnswered { .. }
                | Self::PaceSet { .. }
                | Self::WorkersSet { .. }
                | Self::SignedOff { .. }
        )
    }

    /// Whether it changes what a signature is about: the plan, the phase, its
    /// attempt or the outcome of a step. Holds, pauses and other gates do not.
    pub fn is_evidence(&self) -> bool {
        let flow = matches!(
            self,
            Self::LeadTaken { .. }
                | Self::Held { .. }
                | Self::Released { .. }
                | Self::Paused { .. }
                | Self::Resumed { .. }
                | Self::GatePassed { .. }
                | Self::GateWaived { .. }
        );
        self.is_material() && !flow
    }
}
