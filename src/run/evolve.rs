//! The fold: how each event changes a run, and which events are legal when.
//!
//! Owns every legal transition; `decide` only proposes. One stream may be fed
//! one by one, in prefixes, or with duplicates, and gives the same run: an
//! event at or below the head is ignored, a gap is refused.
//!
//! | event | legal when | leads to |
//! |---|---|---|
//! | `run_created` | first | `Before(0)` |
//! | `phase_entered` | before that phase, all done in the one before it, no rollback | in that phase |
//! | `step_started` | task not done, its phase is current (or is taken back) | running, touched |
//! | `step_succeeded` | task started | done |
//! | `step_failed` | task started | retrying, failed or interrupted |
//! | `step_in_doubt` | task started, or a server lost that it was | in doubt, touched |
//! | `doubt_resolved` | failed or in doubt | done, or interrupted |
//! | `step_reopened` | backfill or comparison done, no rollback | interrupted, to be done again |
//! | `rollback_started` | in that phase, or before the one after it | taking it back |
//! | `phase_rolled_back` | that phase is taken back | before it, its facts forgotten (below) |
//! | `finished` | in the last phase, all done | the end |
//!
//! Undos take back all that was touched, so nothing is remembered. A phase's own
//! rollback takes back what its commands, waits, questions and comparisons did:
//! they run again. Its `sql` and `backfill` steps stand unless that rollback has
//! `sql` of its own: they stay done, are not run again, and are undone by an
//! unwind, or before a phase ahead of them is.
//!
//! Holds, pauses, paces, gates, guards and sign-offs are legal at any time
//! before the end.

pub(crate) mod again;
mod back;
mod notes;

use std::sync::Arc;
use std::time::Duration;

use super::deed::Deed;
use super::event::{Event, EventKind, Percent, Seq, Summary, Task};
use super::{
    Evidence, GuardRecord, HASHES, Mark, Outcome, PaceRecord, Place, Record, Run, TaskState,
    course, lead,
};
use crate::run::event::Actor;
use crate::runbook::PhaseId;

use back::{stand_before, turn_back};
use notes::{gate_mut, note_gate, sign};

/// Why an event does not fit the run that it was fed to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Illegal {
    /// Events are missing in between.
    #[error("event {got} follows event {head}: the events in between are missing")]
    Gap {
        /// The run's head.
        head: Seq,
        /// The event's number.
        got: Seq,
    },
    /// The journal does not begin with `run_created`.
    #[error("a journal begins with `run_created`, this one with `{0}`")]
    NotABeginning(&'static str),
    /// The transition table has no such row.
    #[error("event {seq} `{kind}` is not legal here: {why}")]
    Transition {
        /// The event's number.
        seq: Seq,
        /// Its tag.
        kind: &'static str,
        /// What stands in its way.
        why: String,
    },
}

/// Folds a whole journal; `None` for an empty one.
///
/// # Errors
/// [`Illegal`] where the journal has a gap or an event that cannot follow.
pub fn fold<'a>(events: impl IntoIterator<Item = &'a Event>) -> Result<Option<Run>, Illegal> {
    let mut run: Option<Run> = None;
    for event in events {
        match &mut run {
            Some(run) => evolve(run, event)?,
            None => run = Some(begin(event)?),
        }
    }
    Ok(run)
}

/// The run that a `run_created` event begins.
///
/// # Errors
/// [`Illegal::NotABeginning`] for any other event.
pub fn begin(event: &Event) -> Result<Run, Illegal> {
    let EventKind::RunCreated {
        run,
        plan,
        plan_hash,
        ..
    } = &event.kind
    else {
        return Err(Illegal::NotABeginning(event.kind.tag()));
    };
    Ok(Run {
        id: run.clone(),
        plan: Arc::clone(plan),
        plan_hash: plan_hash.clone(),
        head: event.seq,
        head_hash: event.hash.clone(),
        created_at: event.at,
        last_at: event.at,
        material: event.seq,
        hashes: [event.hash.clone()].into(),
        deeds: Vec::new(),
        evidence: event.seq,
        lead: None,
        place: Place::Before(0),
        placed_at: event.at,
        rolled_back: std::collections::BTreeMap::new(),
        tasks: std::collections::BTreeMap::new(),
        courses: std::collections::BTreeMap::new(),
        gates: std::collections::BTreeMap::new(),
        guards: std::collections::BTreeMap::new(),
        hold: None,
        pause: None,
        ceiling: Percent::FULL,
        workers: None,
        pace: PaceRecord {
            pace: Percent::FULL,
            reasons: Vec::new(),
            by: None,
        },
        reruns: std::collections::BTreeMap::new(),
        rollback: None,
        signoffs: Vec::new(),
        outcome: None,
    })
}

/// Changes the run by one event.
///
/// # Errors
/// [`Illegal`]; the run is unchanged then.
pub fn evolve(run: &mut Run, event: &Event) -> Result<(), Illegal> {
    if event.seq <= run.head {
        return Ok(());
    }
    if event.seq != run.head.next() {
        return Err(Illegal::Gap {
            head: run.head,
            got: event.seq,
        });
    }
    let courses = course::credited(run, event);
    apply(run, event).map_err(|why| Illegal::Transition {
        seq: event.seq,
        kind: event.kind.tag(),
        why,
    })?;
    run.courses = courses;
    course::follow(run, event);
    run.head = event.seq;
    run.head_hash.clone_from(&event.hash);
    run.last_at = event.at;
    if event.kind.is_material() {
        run.material = event.seq;
        Deed::note(&mut run.deeds, event);
    }
    if event.kind.is_evidence() {
        run.evidence = event.seq;
        run.hashes.clear();
    }
    if run.hashes.len() == HASHES {
        run.hashes.pop_front();
    }
    run.hashes.push_back(event.hash.clone());
    Ok(())
}

/// The transition table's rows, one named function each.
fn apply(run: &mut Run, event: &Event) -> Result<(), String> {
    if run.outcome.is_some() && !matches!(event.kind, EventKind::LeadTaken { .. }) {
        return Err("the run has ended".into());
    }
    match &event.kind {
        EventKind::RunCreated { .. } => return Err("the run exists already".into()),
        EventKind::LeadTaken { .. }
        | EventKind::LeadAsked { .. }
        | EventKind::LeadAnswered { .. } => lead::note(run, event),
        EventKind::PhaseEntered {
            phase, evidence, ..
        } => enter(run, event, phase, evidence)?,
        EventKind::GatePassed { evidence } => {
            note_gate(run, evidence);
            gate_mut(run, &evidence.gate, event.at).passed = true;
        }
        EventKind::StepStarted { task, attempt } => start(run, event, task, *attempt)?,
        EventKind::StepSucceeded { task, summary } => {
            let summary = TaskState::Done(summary.clone());
            settle(run, event, task, summary)?;
        }
        EventKind::StepFailed { task, fault, next } => {
            settle(run, event, task, Run::state_after(fault, *next))?;
            untouch_if_clean(run, task);
        }
        EventKind::StepInDoubt { task, why } => doubt(run, event, task, why)?,
        EventKind::DoubtResolved {
            task,
            done,
            by,
            how,
        } => resolve(run, event, task, *done, by, how)?,
        EventKind::StepReopened { step, what, .. } => again::reopen(run, event, step, what)?,
        EventKind::Held { by, reason } => {
            run.hold.get_or_insert_with(|| mark(event, by, reason));
        }
        EventKind::Released { .. } => release(run),
        EventKind::Paused { by } => {
            run.pause.get_or_insert_with(|| mark(event, by, ""));
        }
        EventKind::Resumed { .. } => run.pause = None,
        EventKind::PaceSet { pace, .. } => run.ceiling = *pace,
        EventKind::WorkersSet { workers, .. } => run.workers = Some(*workers),
        EventKind::PaceChanged { pace, reasons, by } => {
            run.pace = PaceRecord {
                pace: *pace,
                reasons: reasons.clone(),
                by: by.clone(),
            };
        }
        EventKind::GateChanged { evidence } => note_gate(run, evidence),
        EventKind::Soaked {
            gate, observed_ms, ..
        } => gate_mut(run, gate, event.at).soaked = Duration::from_millis(*observed_ms),
        EventKind::GuardChanged {
            guard,
            rung,
            reason,
        } => {
            let record = GuardRecord {
                rung: *rung,
                reason: reason.clone(),
                since: event.at,
            };
            run.guards.insert(guard.clone(), record);
        }
        EventKind::SignedOff { .. } => sign(run, event),
        EventKind::GateWaived {
            gate,
            by,
            reason,
            attempt,
        } => {
            let mark = mark(event, by, reason);
            gate_mut(run, gate, event.at).waiver = Some((mark, *attempt));
        }
        EventKind::RollbackStarted {
            phase,
            scope,
            by,
            reason,
        } => {
            let mark = mark(event, by, reason.as_deref().unwrap_or_default());
            turn_back(run, phase, *scope, mark)?;
        }
        EventKind::PhaseRolledBack { phase } => stand_before(run, event, phase)?,
        // What was lost is not a fact any more; the doubts that follow are.
        EventKind::LinkRestored { .. }
        | EventKind::TailLost { .. }
        // `course` follows it.
        | EventKind::EtaTold { .. } => {}
        EventKind::Finished => {
            if run.boundary() != run.plan.phases().len() {
                return Err("phases are left".into());
            }
            all_done(run)?;
            run.outcome = Some(Outcome::Finished);
        }
    }
    Ok(())
}

fn mark(event: &Event, by: &Actor, reason: &str) -> Mark {
    Mark {
        by: by.clone(),
        at: event.at,
        reason: reason.to_owned(),
    }
}

fn phase_index(run: &Run, phase: &PhaseId) -> Result<usize, String> {
    let mut phases = run.plan.phases().iter();
    let found = phases.position(|p| &p.id == phase);
    found.ok_or_else(|| format!("the plan has no phase `{phase}`"))
}

/// `phase_entered`: from the place before it, or from the phase before it
/// once all is done there.
fn enter(
    run: &mut Run,
    event: &Event,
    phase: &PhaseId,
    evidence: &[Evidence],
) -> Result<(), String> {
    let index = phase_index(run, phase)?;
    if run.rollback.is_some() {
        return Err("a rollback is under way".into());
    }
    if run.boundary() != index {
        return Err(format!("the run does not stand before `{phase}`"));
    }
    all_done(run)?;
    for gate in evidence {
        note_gate(run, gate);
    }
    run.place = Place::In(index);
    run.placed_at = event.at;
    Ok(())
}

/// Whether the current phase may be left: its steps are done, and the gates
/// behind them have been passed.
fn all_done(run: &Run) -> Result<(), String> {
    if let Some(step) = run.next_step() {
        return Err(format!("step `{}` is not done", step.id()));
    }
    match run.gates_behind_done_steps().next() {
        Some(gate) => Err(format!("gate `{}` has not been passed", gate.id)),
        None => Ok(()),
    }
}

/// `step_started`: the task may have an effect from here on.
fn start(run: &mut Run, event: &Event, task: &Task, attempt: u32) -> Result<(), String> {
    let place = run.plan.step(&task.step);
    let place = place.ok_or_else(|| format!("the plan has no step `{}`", task.step))?;
    let current = match &run.rollback {
        Some(rollback) => run.way_back(rollback.phase, rollback.scope).contains(task),
        None => {
            let here = run.place == Place::In(place.phase) || again::is_behind(run, &task.step);
            here && !run.is_way_back(task)
        }
    };
    if !current {
        return Err(format!("{task} is not of the current phase"));
    }
    if run.is_done(task) {
        return Err(format!("{task} is done"));
    }
    let record = run.tasks.entry(task.clone()).or_insert_with(|| Record {
        state: TaskState::Running,
        attempt,
        started_at: event.at,
        changed_at: event.at,
        touched: true,
    });
    record.state = TaskState::Running;
    record.attempt = attempt;
    record.changed_at = event.at;
    record.touched = true;
    Ok(())
}

/// The outcome of a task that was started.
fn settle(run: &mut Run, event: &Event, task: &Task, state: TaskState) -> Result<(), String> {
    let record = run.tasks.get_mut(task);
    let record = record.ok_or_else(|| format!("{task} was never started"))?;
    if matches!(record.state, TaskState::Done(_)) {
        return Err(format!("{task} is done"));
    }
    record.state = state;
    record.changed_at = event.at;
    Ok(())
}

/// `step_in_doubt`: of a task that was started or, where the server has lost
/// that it was, of any: even one that is done may have been taken back since.
fn doubt(run: &mut Run, event: &Event, task: &Task, why: &str) -> Result<(), String> {
    let place = run.plan.step(&task.step);
    place.ok_or_else(|| format!("the plan has no step `{}`", task.step))?;
    let record = run.tasks.entry(task.clone()).or_insert_with(|| Record {
        state: TaskState::Interrupted,
        attempt: 0,
        started_at: event.at,
        changed_at: event.at,
        touched: true,
    });
    record.state = TaskState::InDoubt(why.to_owned());
    record.changed_at = event.at;
    record.touched = true;
    Ok(())
}

/// A transaction that is known not to have committed left nothing; a backfill
/// that stopped between chunks, or a command, may have left something.
fn untouch_if_clean(run: &mut Run, task: &Task) {
    let clean = run.plan.step(&task.step).is_some_and(|place| {
        matches!(
            place.step.action(),
            crate::runbook::Action::Sql(sql) if sql.transaction
        )
    });
    if let (true, Some(record)) = (clean, run.tasks.get_mut(task)) {
        record.touched = false;
    }
}

/// `doubt_resolved`: done, or to be tried again.
fn resolve(
    run: &mut Run,
    event: &Event,
    task: &Task,
    done: bool,
    by: &Actor,
    how: &str,
) -> Result<(), String> {
    let record = run.record(task).map(|record| &record.state);
    if !matches!(
        record,
        Some(TaskState::Failed(_) | TaskState::InDoubt(_) | TaskState::Running)
    ) {
        return Err(format!("{task} is not in doubt"));
    }
    let state = if done {
        TaskState::Done(Summary::Found {
            how: format!("{how} ({by})"),
        })
    } else {
        TaskState::Interrupted
    };
    settle(run, event, task, state)?;
    if !done {
        untouch_if_clean(run, task);
    }
    if let (Actor::Person(_), Some(record)) = (by, run.tasks.get_mut(task)) {
        // As after a release: what a person tries again has all its attempts.
        record.attempt = 0;
    }
    Ok(())
}

/// `released`: failed steps are tried again, with their attempts counted anew.
/// A failed undo stays: it is stuck, and a release does not settle it.
fn release(run: &mut Run) {
    run.hold = None;
    let mut tasks = std::mem::take(&mut run.tasks);
    for (task, record) in &mut tasks {
        let failed = matches!(
            record.state,
            TaskState::Failed(_) | TaskState::Retrying { .. }
        );
        if failed && !run.is_way_back(task) {
            record.state = TaskState::Interrupted;
            record.attempt = 0;
        }
    }
    run.tasks = tasks;
}
