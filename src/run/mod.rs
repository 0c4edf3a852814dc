//! The run: one execution of a plan, as the fold of its journal.
//!
//! Owns the state and the questions that the engine, the views and the
//! report ask of it; [`evolve`] owns how an event changes it. Holds facts per
//! task, never an index of "the next one": a resumed run asks what is done.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::plan::{Phase, Plan, PlannedStep};
use crate::runbook::{At, Gate, GateId, GuardId, PhaseId, RoleId, StepId};

pub mod again;
pub mod course;
pub mod deed;
pub mod event;
pub mod evolve;
pub mod fault;
pub mod lead;
pub mod outlook;
pub mod progress;
pub mod proof;
pub mod task;
pub mod words;

use again::Rerun;
pub use course::Course;
use deed::Deed;
use event::{
    Actor, Answer, Direction, Evidence, Next, Percent, RunId, Rung, Scope, Seq, Summary, Task,
    Verdict,
};
use fault::Fault;
pub use lead::Lead;

/// Most hashes that a run keeps: a signer who has not looked for longer looks again.
pub const HASHES: usize = 256;

/// Where a run stands.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Run {
    /// Its id.
    pub id: RunId,
    /// Its plan, for good.
    pub plan: Arc<Plan>,
    /// The plan's hash.
    pub plan_hash: String,
    /// Number of the newest event folded in.
    pub head: Seq,
    /// The chain's hash at the head.
    pub head_hash: String,
    /// When it was created.
    pub created_at: Timestamp,
    /// When the newest event was appended.
    pub last_at: Timestamp,
    /// The newest event that a person who decides has to have seen.
    pub material: Seq,
    /// What people did lately that is material, oldest first.
    pub deeds: Vec<Deed>,
    /// The newest event that changes what a signature is about.
    pub evidence: Seq,
    /// The chain's hashes from that event on, oldest first: what a signer may
    /// have seen. At most [`HASHES`].
    pub hashes: VecDeque<String>,
    /// Who holds the lease, by the journal.
    pub lead: Option<Lead>,
    /// Before a phase, or in it.
    pub place: Place,
    /// When that phase was entered, or the place before it reached.
    pub placed_at: Timestamp,
    /// Rollbacks of each phase so far; its attempt is one more.
    pub rolled_back: BTreeMap<PhaseId, u32>,
    /// Facts about tasks of each phase's current attempt.
    pub tasks: BTreeMap<Task, Record>,
    /// How the backfills among them have gone.
    pub courses: BTreeMap<Task, Course>,
    /// What gates last said.
    pub gates: BTreeMap<GateId, GateRecord>,
    /// Where guards stand.
    pub guards: BTreeMap<GuardId, GuardRecord>,
    /// The hold, while there is one.
    pub hold: Option<Mark>,
    /// The pause, while there is one.
    pub pause: Option<Mark>,
    /// The operator's ceiling.
    pub ceiling: Percent,
    /// Sessions of a backfill, where a person set them; absent means as the
    /// runbook says.
    pub workers: Option<u16>,
    /// What guards leave of it, as last journaled.
    pub pace: PaceRecord,
    /// Finished steps that were taken again in their phase's current attempt.
    pub reruns: BTreeMap<StepId, Rerun>,
    /// The way back, while it is being taken.
    pub rollback: Option<Rollback>,
    /// Answers of seats, oldest first.
    pub signoffs: Vec<Signoff>,
    /// How it ended.
    pub outcome: Option<Outcome>,
}

/// Before a phase, or in it; phases by index. `Before(n)` of n phases does not
/// occur: the run is then finished.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// Standing before it: not entered yet, or rolled back.
    Before(usize),
    /// In it.
    In(usize),
}

/// Who did something, when and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Who.
    pub by: Actor,
    /// When.
    pub at: Timestamp,
    /// Why; empty where nobody said.
    pub reason: String,
}

/// What is known of a task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// How it stands.
    pub state: TaskState,
    /// Times it was started since the last release.
    pub attempt: u32,
    /// When it was first started.
    pub started_at: Timestamp,
    /// When its state last changed.
    pub changed_at: Timestamp,
    /// Whether any start may have left an effect: its undo has to run.
    pub touched: bool,
}

/// How a task stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TaskState {
    /// Started; no outcome yet.
    Running,
    /// Failed, and tried again after that time.
    Retrying {
        /// Not before.
        not_before: Timestamp,
        /// Why it failed.
        fault: Fault,
    },
    /// Known not to be done; goes on when it may.
    Interrupted,
    /// Done.
    Done(Summary),
    /// Failed; a person decides.
    Failed(Fault),
    /// Nobody knows.
    InDoubt(String),
}

/// What a gate last said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GateRecord {
    /// The verdict and why.
    pub evidence: Evidence,
    /// Times it left GO.
    pub flaps: u32,
    /// Observed GO time of a soak.
    pub soaked: Duration,
    /// A waiver and its phase's attempt.
    pub waiver: Option<(Mark, u32)>,
    /// Whether it stands behind a step and has been passed.
    pub passed: bool,
}

/// Where a guard stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuardRecord {
    /// Its rung.
    pub rung: Rung,
    /// Why.
    pub reason: String,
    /// Since when.
    pub since: Timestamp,
}

/// What guards leave of the pace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaceRecord {
    /// 0 is a stall.
    pub pace: Percent,
    /// Why, worst first.
    pub reasons: Vec<String>,
    /// The guard that takes most.
    pub by: Option<GuardId>,
}

/// The way back, while it is being taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rollback {
    /// Index of the phase that is taken back.
    pub phase: usize,
    /// Whether it goes on to the start.
    pub scope: Scope,
    /// Who, when and why.
    pub mark: Mark,
}

/// A seat's answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signoff {
    /// The gate.
    pub gate: GateId,
    /// The seat.
    pub seat: RoleId,
    /// What was said.
    pub answer: Answer,
    /// The attempt of the gate's phase that it is for.
    pub attempt: u32,
    /// Who, when and why.
    pub mark: Mark,
    /// Its event.
    pub seq: Seq,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Every phase is done.
    Finished,
    /// Unwound to the start.
    RolledBack,
}

impl Run {
    /// The phase that the place names.
    pub fn phase_index(&self) -> usize {
        match self.place {
            Place::Before(index) | Place::In(index) => index,
        }
    }

    /// The phase that the run is in or stands before.
    pub fn phase(&self) -> &Phase {
        &self.plan.phases()[self.phase_index()]
    }

    /// A phase's current attempt, from 1.
    pub fn attempt(&self, phase: &PhaseId) -> u32 {
        self.rolled_back.get(phase).copied().unwrap_or(0) + 1
    }

    /// What is known of a task.
    pub fn record(&self, task: &Task) -> Option<&Record> {
        self.tasks.get(task)
    }

    /// Whether a task is done.
    pub fn is_done(&self, task: &Task) -> bool {
        matches!(
            self.record(task),
            Some(Record {
                state: TaskState::Done(_),
                ..
            })
        )
    }

    /// The first step that is not done, of the current phase or taken again;
    /// `None` at a boundary, or when all are.
    pub fn next_step(&self) -> Option<&PlannedStep> {
        let Place::In(index) = self.place else {
            return None;
        };
        // Of the phases before, only what was taken again.
        let before = self.plan.phases()[..index].iter();
        let again = before.flat_map(|phase| &phase.steps);
        let again = again.filter(|step| self.reruns.contains_key(step.id()));
        let mut steps = again.chain(&self.plan.phases()[index].steps);
        steps.find(|step| !self.is_done(&Task::forward(step.id().clone())))
    }

    /// The boundary whose gates are sampled: the number of the phase behind
    /// it. In a phase that is the one after it; the last boundary is `n`.
    pub fn boundary(&self) -> usize {
        match self.place {
            Place::Before(index) => index,
            Place::In(index) => index + 1,
        }
    }

    /// The gates of a boundary: the exit gates of the phase before it, then
    /// the entry gates of the phase behind it, each with its phase's index.
    pub fn boundary_gates(&self, boundary: usize) -> impl Iterator<Item = (usize, &Gate)> {
        let of = |index: Option<usize>, at: At| {
            let phase = index.and_then(|index| Some((index, self.plan.phases().get(index)?)));
            phase.into_iter().flat_map(move |(index, phase)| {
                let at = at.clone();
                let gates = phase.gates.iter().filter(move |gate| gate.at == at);
                gates.map(move |gate| (index, gate))
            })
        };
        of(boundary.checked_sub(1), At::Exit).chain(of(Some(boundary), At::Entry))
    }

    /// Gates behind steps of the current phase that are done, passed or not.
    fn gates_reached(&self) -> impl Iterator<Item = &Gate> {
        let gates = match self.place {
            Place::In(index) => self.plan.phases()[index].gates.as_slice(),
            Place::Before(_) => &[],
        };
        gates.iter().filter(|gate| match &gate.at {
            At::After(step) => self.is_done(&Task::forward(step.clone())),
            At::Entry | At::Exit => false,
        })
    }

    /// Gates behind a step of the current phase that have not been passed, of
    /// steps that are done.
    pub fn gates_behind_done_steps(&self) -> impl Iterator<Item = &Gate> {
        let passed = |gate: &Gate| self.gates.get(&gate.id).is_some_and(|g| g.passed);
        self.gates_reached().filter(move |gate| !passed(gate))
    }

    /// The gates that an irreversible step of the current phase rests on, each
    /// with its phase's index: those of the boundary into the phase, and those
    /// behind its done steps. That they were passed once is not enough for it.
    pub fn gates_before_no_return(&self) -> impl Iterator<Item = (usize, &Gate)> {
        let phase = self.phase_index();
        let reached = self.gates_reached().map(move |gate| (phase, gate));
        self.boundary_gates(phase).chain(reached)
    }

    /// The verdict that a gate last gave.
    pub fn verdict(&self, gate: &GateId) -> Verdict {
        self.gates
            .get(gate)
            .map_or(Verdict::Pending, |record| record.evidence.verdict)
    }

    /// The irreversible step that has been committed, or may have been.
    pub fn past_no_return(&self) -> Option<&PlannedStep> {
        let steps = self.plan.phases().iter().flat_map(|phase| &phase.steps);
        let mut irreversible = steps
            .filter(|step| matches!(step.reversal(), crate::runbook::Reversal::Irreversible(_)));
        irreversible.find(|step| {
            let record = self.record(&Task::forward(step.id().clone()));
            record.is_some_and(|record| record.touched)
        })
    }

    /// The tasks that wait for a person: failed ones and doubts.
    pub fn open_questions(&self) -> impl Iterator<Item = (&Task, &Record)> {
        self.tasks.iter().filter(|(_, record)| {
            matches!(record.state, TaskState::Failed(_) | TaskState::InDoubt(_))
        })
    }

    /// What keeps the run from going on until a person decides: a doubt, or on
    /// the way back a failed undo. A step that failed on the way forward does
    /// not keep anybody from taking it back.
    pub fn open_question(&self) -> Option<(&Task, &Record)> {
        self.open_questions().find(|(task, record)| {
            let doubt = matches!(record.state, TaskState::InDoubt(_));
            doubt || (self.rollback.is_some() && self.is_way_back(task))
        })
    }

    /// Whether the way back has met something that a person has to decide.
    pub fn is_stuck(&self) -> bool {
        self.rollback.is_some() && self.open_question().is_some()
    }

    /// The tasks of the way back out of a phase, in order: the phase's own
    /// rollback where it has one, otherwise the undos of touched steps in
    /// reverse, first those that later phases' own rollbacks left. An unwind
    /// always takes the undos.
    pub fn way_back(&self, phase: usize, scope: Scope) -> Vec<Task> {
        let phases = &self.plan.phases()[phase..];
        match (&phases[0].rollback, scope) {
            (Some(steps), Scope::Phase) => {
                let ids = steps.iter().map(|step| step.id().clone());
                ids.map(Task::forward).collect()
            }
            _ => {
                let steps = phases.iter().flat_map(|phase| &phase.steps).rev();
                let touched = steps.filter(|step| {
                    let record = self.record(&Task::forward(step.id().clone()));
                    record.is_some_and(|r| r.touched) && step.reversal().undo().is_some()
                });
                touched.map(|step| Task::back(step.id().clone())).collect()
            }
        }
    }

    /// Whether a phase at or after this one has left something that an unwind
    /// undoes: a phase's own rollback leaves its SQL.
    pub fn leaves_something(&self, phase: usize) -> bool {
        !self.way_back(phase, Scope::Unwind).is_empty()
    }

    /// Whether a task belongs to a way back: an undo, or a step of a phase's
    /// own rollback.
    pub fn is_way_back(&self, task: &Task) -> bool {
        task.direction == Direction::Back
            || self.plan.step(&task.step).is_some_and(|p| p.in_rollback)
    }

    /// What follows from a failure that the journal recorded.
    pub(crate) fn state_after(fault: &Fault, next: Next) -> TaskState {
        match next {
            Next::Retry(not_before) => TaskState::Retrying {
                not_before,
                fault: fault.clone(),
            },
            Next::Person => TaskState::Failed(fault.clone()),
            Next::Later => TaskState::Interrupted,
        }
    }
}
