//! `step_reopened`: a finished backfill or comparison is done again.

use crate::run::again::{Again, Rerun};
use crate::run::event::{Event, Task};
use crate::run::{Place, Run, TaskState};
use crate::runbook::{Action, StepId};

/// The step is to be done again. Comparisons behind a backfill were made of what
/// it had written before: they prove nothing now, and are made again too.
pub(super) fn reopen(
    run: &mut Run,
    event: &Event,
    step: &StepId,
    what: &Again,
) -> Result<(), String> {
    if let Some(why) = unfit(run, step, what) {
        return Err(why);
    }
    let mut steps = vec![(step.clone(), what.clone())];
    let is_backfill = |step: &StepId| {
        let place = run.plan.step(step);
        place.is_some_and(|p| matches!(p.step.action(), Action::Backfill(_)))
    };
    if is_backfill(step) {
        let all = run.plan.phases().iter().flat_map(|phase| &phase.steps);
        let behind = all.skip_while(|planned| planned.id() != step).skip(1);
        let checks = behind.filter(|planned| matches!(planned.action(), Action::Parity(_)));
        let done = checks.filter(|check| run.is_done(&Task::forward(check.id().clone())));
        steps.extend(done.map(|check| (check.id().clone(), Again::Whole)));
    }
    for (step, what) in steps {
        let round = run.reruns.get(&step).map_or(0, |rerun| rerun.round) + 1;
        if let Some(record) = run.tasks.get_mut(&Task::forward(step.clone())) {
            record.state = TaskState::Interrupted;
            record.attempt = 0;
            record.changed_at = event.at;
        }
        run.reruns.insert(step, Rerun { round, what });
    }
    Ok(())
}

/// Whether a step of a phase before the current one was taken again.
pub(super) fn is_behind(run: &Run, step: &StepId) -> bool {
    let place = run.plan.step(step);
    let before = |phase| matches!(run.place, Place::In(current) if phase < current);
    run.reruns.contains_key(step) && place.is_some_and(|place| before(place.phase))
}

/// Why a step cannot be taken again like that; absent where it can.
pub(crate) fn unfit(run: &Run, step: &StepId, what: &Again) -> Option<String> {
    let Some(place) = run.plan.step(step) else {
        return Some(format!("the plan has no step `{step}`"));
    };
    if run.rollback.is_some() {
        return Some("a rollback is under way".into());
    }
    let reached = matches!(run.place, Place::In(current) if place.phase <= current);
    match place.step.action() {
        _ if place.in_rollback || !reached => Some(format!(
            "step `{step}` is not of this phase or one before it"
        )),
        Action::Backfill(backfill) => {
            let width = backfill.key.len();
            let fits = |key: &Option<Vec<String>>| key.as_ref().is_none_or(|k| k.len() == width);
            match what {
                Again::Range { low, high } if !(fits(low) && fits(high)) => Some(format!(
                    "the key of step `{step}` is ({}): an end has {width} values",
                    backfill.key.join(", ")
                )),
                _ if !run.is_done(&Task::forward(step.clone())) => Some(not_done(step)),
                _ => None,
            }
        }
        Action::Parity(_) if *what != Again::Whole => Some(format!(
            "step `{step}` compares: it is taken again as a whole"
        )),
        Action::Parity(_) if !run.is_done(&Task::forward(step.clone())) => Some(not_done(step)),
        Action::Parity(_) => None,
        _ => Some(format!("step `{step}` is no backfill and no comparison")),
    }
}

fn not_done(step: &StepId) -> String {
    format!("step `{step}` is not done: it goes on by itself, or after a release")
}
