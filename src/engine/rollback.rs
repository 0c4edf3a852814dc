//! The way back: out of the current phase, or to the start.
//!
//! Owns what a rollback does and in which order. Work in flight is ended
//! first, doubts are settled, then the way back runs task by task; a failed
//! undo is stuck, never skipped. It runs while the run is held.

use std::time::Duration;

use jiff::Timestamp;

use super::intent::Refusal;
use super::memory::Memory;
use super::message::{Decision, Effect};
use super::proceed;
use super::snapshot::UndoView;
use crate::plan::PlannedStep;
use crate::run::event::{Actor, EventKind, Scope, Summary, Task};
use crate::run::{Place, Rollback, Run, TaskState};
use crate::runbook::{Action, PhaseId, Reversal};

/// The phase that a rollback would take back.
pub fn candidate(run: &Run) -> Option<usize> {
    match run.place {
        Place::In(index) => Some(index),
        Place::Before(index) => index.checked_sub(1),
    }
}

/// Why nothing can be taken back now.
///
/// # Errors
/// The reason.
pub fn refusal(run: &Run) -> Result<usize, Refusal> {
    if run.rollback.is_some() {
        return Err("a rollback is under way".into());
    }
    if let Some(step) = run.past_no_return() {
        return Err(format!(
            "roll forward only: step {} cannot be taken back",
            step.id()
        ));
    }
    candidate(run).ok_or_else(|| "nothing has been started".to_owned())
}

/// A rollback of the phase that the person saw named.
///
/// # Errors
/// Why not.
pub fn phase(
    run: &Run,
    by: Actor,
    wanted: &PhaseId,
    reason: Option<String>,
) -> Result<EventKind, Refusal> {
    let phase = &run.plan.phases()[refusal(run)?];
    if &phase.id != wanted {
        return Err(format!(
            "the phase to take back is {}, not {wanted}",
            phase.id
        ));
    }
    Ok(EventKind::RollbackStarted {
        phase: phase.id.clone(),
        scope: Scope::Phase,
        by,
        reason,
    })
}

/// A rollback to the start.
///
/// # Errors
/// Why not.
pub fn unwind(run: &Run, by: Actor, reason: Option<String>) -> Result<EventKind, Refusal> {
    let phase = &run.plan.phases()[unwound_first(run)?];
    Ok(EventKind::RollbackStarted {
        phase: phase.id.clone(),
        scope: Scope::Unwind,
        by,
        reason,
    })
}

/// The phase that an unwind takes back first.
fn unwound_first(run: &Run) -> Result<usize, Refusal> {
    match refusal(run) {
        // The first phase's own rollback left something.
        Err(_) if run.place == Place::Before(0) && has_leftovers(run) => Ok(0),
        other => other,
    }
}

/// Whether own rollbacks have left what only an unwind takes, with nothing in
/// its way.
fn has_leftovers(run: &Run) -> bool {
    run.rollback.is_none() && run.past_no_return().is_none() && run.leaves_something(0)
}

/// Takes the way back further.
pub fn settle(
    run: &Run,
    memory: &mut Memory,
    rollback: &Rollback,
    now: Timestamp,
    decision: &mut Decision,
) {
    if !forward_work_has_ended(run, memory, rollback, now, decision) {
        return;
    }
    let way = run.way_back(rollback.phase, rollback.scope);
    match way.iter().find(|task| !run.is_done(task)) {
        Some(task) => proceed::task(run, memory, task, now, decision),
        None => stand_before(run, rollback, decision),
    }
}

/// Ends what runs forward, and settles what is in doubt.
fn forward_work_has_ended(
    run: &Run,
    memory: &Memory,
    rollback: &Rollback,
    now: Timestamp,
    decision: &mut Decision,
) -> bool {
    let mut ended = true;
    for step in &run.plan.phases()[rollback.phase].steps {
        let task = Task::forward(step.id().clone());
        let Some(record) = run.record(&task) else {
            continue;
        };
        if let Some(flight) = memory.flights.get(&task) {
            ended = false;
            let sql = matches!(step.action(), Action::Sql(_));
            // A transaction that is cancelled leaves nothing; a backfill ends
            // at its chunk; a command is waited for.
            if sql && !flight.cancelled && !flight.probe {
                decision.effects.push(Effect::Cancel { task });
            } else if !sql && !flight.stopping && !flight.probe {
                decision.effects.push(Effect::Stop { task });
            }
        } else if proceed::needs_probe(step, record) {
            ended = false;
            if memory.may_probe(&task, now) {
                decision.effects.push(Effect::Probe { task });
            }
        }
    }
    ended
}

/// The way back is done; an unwind goes on with the phase before.
fn stand_before(run: &Run, rollback: &Rollback, decision: &mut Decision) {
    let phases = run.plan.phases();
    decision.events.push(EventKind::PhaseRolledBack {
        phase: phases[rollback.phase].id.clone(),
    });
    if let (Scope::Unwind, Some(before)) = (rollback.scope, rollback.phase.checked_sub(1)) {
        decision.events.push(EventKind::RollbackStarted {
            phase: phases[before].id.clone(),
            scope: Scope::Unwind,
            by: rollback.mark.by.clone(),
            reason: Some(rollback.mark.reason.clone()).filter(|reason| !reason.is_empty()),
        });
    }
}

/// What taking the current phase back would take, or takes while it is under way.
pub fn preview(run: &Run) -> UndoView {
    match &run.rollback {
        Some(rollback) => view(run, rollback.phase, rollback.scope),
        None => refusal(run).map_or_else(impossible, |phase| view(run, phase, Scope::Phase)),
    }
}

/// What taking every phase back, to the start, would take.
pub fn preview_unwind(run: &Run) -> UndoView {
    unwound_first(run).map_or_else(impossible, |_| view(run, 0, Scope::Unwind))
}

fn impossible(why: Refusal) -> UndoView {
    UndoView {
        impossible: Some(why),
        ..UndoView::default()
    }
}

fn view(run: &Run, phase: usize, scope: Scope) -> UndoView {
    let tasks = run.way_back(phase, scope);
    let steps = run.plan.phases()[phase..].iter().flat_map(|p| &p.steps);
    UndoView {
        expected: tasks.iter().map(|task| expected(run, task)).sum(),
        stays: steps.filter_map(|step| stays(run, step, &tasks)).collect(),
        impossible: None,
        tasks,
    }
}

/// Why what a step did is still there after these tasks.
fn stays(run: &Run, step: &PlannedStep, tasks: &[Task]) -> Option<String> {
    let id = step.id();
    let touched = run.record(&Task::forward(id.clone()))?.touched;
    let undone = tasks.contains(&Task::back(id.clone()));
    match step.reversal() {
        Reversal::Keep(why) if touched => Some(format!("{id} stays: {why}")),
        Reversal::Undo(_) | Reversal::Derived(_) if touched && !undone => {
            Some(format!("{id} stays, until an unwind undoes it"))
        }
        _ => None,
    }
}

/// How long a task is expected to take: known for SQL, as long as the step
/// that it takes back took; unknown for commands and people.
fn expected(run: &Run, task: &Task) -> Option<Duration> {
    let record = run.record(&Task::forward(task.step.clone()))?;
    match &record.state {
        TaskState::Done(Summary::Sql { took_ms, .. } | Summary::Exec { took_ms, .. }) => {
            Some(Duration::from_millis(*took_ms))
        }
        _ => None,
    }
}
