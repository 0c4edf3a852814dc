//! A server that has lost what it once confirmed, or that is another one.
//!
//! Owns what the journal has to say then: what was lost, which work outside its
//! database is in doubt by that, and a hold. A failover to a standby that lagged,
//! or a restored backup, does this. What the database itself did is lost with its
//! events, and done again; a command's effect is not.

use std::collections::BTreeMap;

use crate::plan::StepPlace;
use crate::run::Run;
use crate::run::event::{Actor, Direction, Event, EventKind, Task};
use crate::runbook::Action;

/// Most lost events that the journal repeats; the lead's local log has them all.
const KEPT: usize = 500;

/// What a lead records that comes to a journal: `moved` says that the server is
/// another one, `lost` is what the local log has and the journal has not.
pub fn events(run: &Run, moved: Option<&str>, lost: &[Event]) -> Vec<EventKind> {
    let mut events = Vec::new();
    if !lost.is_empty() {
        events.push(EventKind::TailLost {
            lost: lost.iter().take(KEPT).cloned().collect(),
        });
    }
    let doubts = doubts(run, lost);
    let in_doubt = doubts.len();
    let doubts = doubts.into_iter();
    events.extend(doubts.map(|(task, why)| EventKind::StepInDoubt { task, why }));
    if moved.is_some() || !lost.is_empty() {
        events.push(EventKind::Held {
            by: Actor::Engine,
            reason: reason(moved, lost, in_doubt),
        });
    }
    events
}

fn reason(moved: Option<&str>, lost: &[Event], in_doubt: usize) -> String {
    let mut parts: Vec<String> = moved.map(str::to_owned).into_iter().collect();
    match (lost.first(), lost.last()) {
        (Some(first), Some(last)) => parts.push(format!(
            "the server has lost events {} to {} ({} to {})",
            first.seq,
            last.seq,
            first.kind.tag(),
            last.kind.tag()
        )),
        _ => parts.push("nothing that this machine knows of was lost".to_owned()),
    }
    match in_doubt {
        0 => {}
        1 => parts.push("1 step is in doubt by that".to_owned()),
        many => parts.push(format!("{many} steps are in doubt by that")),
    }
    parts.join("; ")
}

/// The tasks whose effect outlives the lost events, each with the last of them.
fn doubts(run: &Run, lost: &[Event]) -> BTreeMap<Task, String> {
    let mut doubts = BTreeMap::new();
    for event in lost {
        let Some((task, what)) = told(&event.kind) else {
            continue;
        };
        let outside = |place: &StepPlace<'_>| acts_outside(run, *place, task);
        if run.plan.step(&task.step).filter(outside).is_none() {
            continue;
        }
        let why = format!("the server has lost event {}: {task} {what}", event.seq);
        for doubtful in affected(run, task) {
            doubts.insert(doubtful, why.clone());
        }
    }
    doubts
}

/// The task that an event is about, and what it says of it.
fn told(kind: &EventKind) -> Option<(&Task, &'static str)> {
    match kind {
        EventKind::StepStarted { task, .. } => Some((task, "started")),
        EventKind::StepSucceeded { task, .. } => Some((task, "done")),
        EventKind::StepFailed { task, .. } => Some((task, "failed")),
        EventKind::StepInDoubt { task, .. } => Some((task, "in doubt")),
        EventKind::DoubtResolved { task, .. } => Some((task, "resolved")),
        _ => None,
    }
}

/// Whether what a task does is not lost together with the journal.
fn acts_outside(run: &Run, place: StepPlace<'_>, task: &Task) -> bool {
    let action = match task.direction {
        Direction::Forward => Some(place.step.action()),
        Direction::Back => place.step.reversal().undo(),
    };
    match action {
        Some(Action::Exec(_)) => true,
        Some(Action::Sql(_)) => place.step.step.on != run.plan.body.journal,
        _ => false,
    }
}

/// A way back whose beginning was lost too is no task of this run: what it took
/// back is in doubt instead.
fn affected(run: &Run, task: &Task) -> Vec<Task> {
    let under_way = run
        .rollback
        .as_ref()
        .is_some_and(|rollback| run.way_back(rollback.phase, rollback.scope).contains(task));
    if under_way || !run.is_way_back(task) {
        return vec![task.clone()];
    }
    if task.direction == Direction::Back {
        return vec![Task::forward(task.step.clone())];
    }
    let Some(own) = run.plan.step(&task.step) else {
        return Vec::new();
    };
    let steps = run.plan.phases()[own.phase].steps.iter();
    let forward = steps.map(|step| Task::forward(step.id().clone()));
    let touched = forward.filter(|task| {
        let place = run.plan.step(&task.step);
        let record = run.record(task);
        record.is_some_and(|record| record.touched)
            && place.is_some_and(|place| acts_outside(run, place, task))
    });
    touched.collect()
}
