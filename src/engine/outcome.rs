//! How a task ended, and what the journal has to say about it.
//!
//! Owns the step from an effect's outcome to an event. An unknown outcome is
//! never read as done or as not done: the task is in doubt until its probe or
//! a person tells.

use std::time::Duration;

use jiff::Timestamp;

use super::memory::Memory;
use super::message::{Decision, Effect, Ended, Found, Outcome};
use super::retry;
use crate::run::event::{Actor, BackfillSummary, EventKind, Next, Summary, Task};
use crate::run::fault::Fault;
use crate::run::{Run, TaskState};

/// A task ended.
pub fn ended(run: &Run, ended: &Ended, now: Timestamp, decision: &mut Decision) {
    let task = &ended.task;
    if !is_open(run, task) {
        // Its event was committed together with the work, and folded already.
        return;
    }
    match &ended.outcome {
        Outcome::Done(summary) => decision.events.push(EventKind::StepSucceeded {
            task: task.clone(),
            summary: complete(run, task, summary, now),
        }),
        Outcome::NotDone(fault) => failed(run, task, fault, now, decision),
        Outcome::Unknown(fault) => {
            decision.events.push(EventKind::StepInDoubt {
                task: task.clone(),
                why: fault.message.clone(),
            });
            decision.effects.push(Effect::Probe { task: task.clone() });
        }
    }
}

/// The proof of a backfill, with what only the journal knows: where its time
/// went, and what its ETA was worth.
fn complete(run: &Run, task: &Task, summary: &Summary, now: Timestamp) -> Summary {
    let (Summary::Backfill(done), Some(course)) = (summary, run.course(task, now)) else {
        return summary.clone();
    };
    let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let lost = course.lost().into_iter();
    Summary::Backfill(BackfillSummary {
        lost_ms: lost.map(|(why, time)| (why, ms(time))).collect(),
        whole_ms: ms(course.whole()),
        eta: course.scores(now),
        ..done.clone()
    })
}

/// A task is known not to be done.
fn failed(run: &Run, task: &Task, fault: &Fault, now: Timestamp, decision: &mut Decision) {
    let attempt = run.record(task).map_or(1, |record| record.attempt);
    let next = retry::after(run, task, attempt, fault, now);
    decision.events.push(EventKind::StepFailed {
        task: task.clone(),
        fault: fault.clone(),
        next,
    });
    // A failed undo is stuck, which is more than held.
    if next == Next::Person && !run.is_way_back(task) && run.hold.is_none() {
        decision.events.push(EventKind::Held {
            by: Actor::Engine,
            reason: format!("{task} failed: {}", fault.message),
        });
    }
}

/// A probe of a task in doubt has answered.
pub fn probed(
    run: &Run,
    memory: &Memory,
    task: &Task,
    found: Found,
    how: &str,
    decision: &mut Decision,
) {
    let Some(record) = run.record(task) else {
        return;
    };
    let doubtful = matches!(record.state, TaskState::Running | TaskState::InDoubt(_));
    if !doubtful || memory.performs(task) {
        return;
    }
    match found {
        Found::Done | Found::NotDone => decision.events.push(EventKind::DoubtResolved {
            task: task.clone(),
            done: found == Found::Done,
            by: Actor::Engine,
            how: how.to_owned(),
        }),
        Found::NotNow | Found::Never if record.state == TaskState::Running => {
            decision.events.push(EventKind::StepInDoubt {
                task: task.clone(),
                why: how.to_owned(),
            });
        }
        Found::NotNow | Found::Never => {}
    }
}

/// Whether the journal still waits for the task's outcome.
fn is_open(run: &Run, task: &Task) -> bool {
    run.record(task)
        .is_some_and(|record| record.state == TaskState::Running)
}
