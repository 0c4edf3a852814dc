//! The rows of the transition table that go back: `rollback_started` and
//! `phase_rolled_back`.

use super::super::{Mark, Outcome, Place, Rollback, Run};
use super::phase_index;
use crate::run::event::{Event, Scope};
use crate::runbook::PhaseId;

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
    if last != Some(index) {
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

/// `phase_rolled_back`: the run stands before it, and its facts are forgotten.
pub(super) fn stand_before(run: &mut Run, event: &Event, phase: &PhaseId) -> Result<(), String> {
    let index = phase_index(run, phase)?;
    let Some(rollback) = run.rollback.take_if(|rollback| rollback.phase == index) else {
        return Err(format!("`{phase}` is not being taken back"));
    };
    let planned = &run.plan.phases()[index];
    let steps = planned
        .steps
        .iter()
        .chain(planned.rollback.iter().flatten());
    let steps: Vec<_> = steps.map(|step| step.id().clone()).collect();
    run.tasks.retain(|task, _| !steps.contains(&task.step));
    let behind = run.boundary_gates(index + 1).map(|(_, gate)| gate);
    let gates: Vec<_> = planned
        .gates
        .iter()
        .chain(behind)
        .map(|g| g.id.clone())
        .collect();
    run.gates.retain(|gate, _| !gates.contains(gate));
    *run.rolled_back.entry(phase.clone()).or_insert(0) += 1;
    run.place = Place::Before(index);
    run.placed_at = event.at;
    if index == 0 && rollback.scope == Scope::Unwind {
        run.outcome = Some(Outcome::RolledBack);
    }
    Ok(())
}
