//! The rows of the transition table that go back: `rollback_started` and
//! `phase_rolled_back`.

use std::collections::BTreeMap;

use super::super::{Mark, Outcome, Place, Record, Rollback, Run, TaskState};
use super::phase_index;
use crate::plan::{Plan, PlannedStep};
use crate::run::event::{Direction, Event, Scope, Task};
use crate::runbook::{Action, PhaseId};

/// `rollback_started`: of the phase that the run is in, or of the one before
/// the boundary at which it stands.
pub(super) fn turn_back(
    run: &mut Run,
    phase: &PhaseId,
    scope: Scope,
    mark: Mark,
) -> Result<(), String> {
    let index = phase_index(run, phase)?;
    let last = match run.place {
        Place::In(current) => Some(current),
        Place::Before(next) => next.checked_sub(1),
    };
    let leftovers = scope == Scope::Unwind && run.place == Place::Before(index);
    if last != Some(index) && !(leftovers && run.leaves_something(index)) {
        return Err(format!("`{phase}` is not the last phase entered"));
    }
    if let Some(step) = run.past_no_return() {
        return Err(format!("step `{}` cannot be taken back", step.id()));
    }
    if run.rollback.is_some() {
        return Err("a rollback is under way".into());
    }
    run.rollback = Some(Rollback {
        phase: index,
        scope,
        mark,
    });
    Ok(())
}

/// `phase_rolled_back`: the run stands before it; what was taken back is forgotten.
pub(super) fn stand_before(run: &mut Run, event: &Event, phase: &PhaseId) -> Result<(), String> {
    let index = phase_index(run, phase)?;
    let Some(rollback) = run.rollback.take_if(|rollback| rollback.phase == index) else {
        return Err(format!("`{phase}` is not being taken back"));
    };
    let plan = std::sync::Arc::clone(&run.plan);
    let planned = &plan.phases()[index];
    match (&planned.rollback, rollback.scope) {
        (Some(own), Scope::Phase) => keep_what_stands(&mut run.tasks, &plan, index, own),
        _ => run
            .tasks
            .retain(|task, _| plan.step(&task.step).is_some_and(|p| p.phase < index)),
    }
    // Another attempt takes all rows, whatever was taken again of this one.
    let tasks = &run.tasks;
    run.reruns
        .retain(|step, _| tasks.contains_key(&Task::forward(step.clone())));
    let behind = run.boundary_gates(index + 1).map(|(_, gate)| gate);
    let gates: Vec<_> = planned
        .gates
        .iter()
        .chain(behind)
        .map(|g| g.id.clone())
        .collect();
    run.gates.retain(|gate, _| !gates.contains(gate));
    forget_consent(run, index);
    *run.rolled_back.entry(phase.clone()).or_insert(0) += 1;
    run.place = Place::Before(index);
    run.placed_at = event.at;
    if index == 0 && rollback.scope == Scope::Unwind {
        run.outcome = Some(Outcome::RolledBack);
    }
    Ok(())
}

/// What people said at the boundaries around a phase that was taken back was
/// said of another attempt: signatures and waivers there are asked for again.
fn forget_consent(run: &mut Run, index: usize) {
    let around = [index, index + 1];
    let gates = around.iter().flat_map(|b| run.boundary_gates(*b));
    let gates: Vec<_> = gates.map(|(_, gate)| gate.id.clone()).collect();
    run.signoffs
        .retain(|signoff| !gates.contains(&signoff.gate));
    for gate in &gates {
        if let Some(record) = run.gates.get_mut(gate) {
            record.waiver = None;
        }
    }
}

/// After a phase's own rollback: of its tasks, what its `sql` and `backfill`
/// steps left stands. A rollback that runs SQL of its own answers for both.
fn keep_what_stands(
    tasks: &mut BTreeMap<Task, Record>,
    plan: &Plan,
    phase: usize,
    own: &[PlannedStep],
) {
    let answers = own.iter().any(|s| matches!(s.action(), Action::Sql(_)));
    tasks.retain(|task, record| {
        let Some(place) = plan.step(&task.step) else {
            return false;
        };
        if place.phase != phase {
            return true;
        }
        let stands = matches!(place.step.action(), Action::Sql(_) | Action::Backfill(_))
            && task.direction == Direction::Forward
            && !place.in_rollback;
        if !matches!(record.state, TaskState::Done(_)) {
            record.state = TaskState::Interrupted;
            record.attempt = 0;
        }
        stands && !answers && record.touched
    });
}
