//! The backfill's pace: what a person allows, less what guards take.
//!
//! Owns the arithmetic; never decides where a guard stands. The answer carries
//! its reasons.

use super::memory::{GuardMemory, Memory};
use super::message::Decision;
use super::snapshot::PaceView;
use super::{guard, proceed};
use crate::run::Run;
use crate::run::event::{EventKind, Percent, Rung, Task};
use crate::runbook::{Action, Guard, GuardId};

/// The least that a throttle leaves: below it a stall would be more honest.
const FLOOR: u8 = 10;
/// Smaller changes of the pace are not worth an event.
const STEP: u8 = 10;

/// The pace now, and who takes what of it.
pub fn pace(run: &Run, memory: &Memory) -> PaceView {
    let mut taken: Vec<_> = run
        .plan
        .body
        .guards
        .iter()
        .filter_map(|guard| {
            let left = left_by(guard, memory.guards.get(&guard.id)?);
            (left < 100).then(|| (guard.id.to_string(), Percent(100 - left)))
        })
        .collect();
    taken.sort_by_key(|(_, percent)| std::cmp::Reverse(*percent));
    let left = settled(run.pace.pace, left_of(&taken));
    PaceView {
        ceiling: run.ceiling,
        effective: left.min(run.ceiling),
        taken,
    }
}

/// What the guards together leave: they do not multiply.
fn left_of(taken: &[(String, Percent)]) -> Percent {
    Percent(taken.first().map_or(100, |(_, percent)| 100 - percent.0))
}

/// What guards leave from now on. The pace that works is the one in the
/// journal: it follows a signal in steps of a tenth, but stops and starts at
/// once. So the events alone tell where the time went.
fn settled(journaled: Percent, left: Percent) -> Percent {
    let edge = |p: Percent| p == Percent::ZERO || p == Percent::FULL;
    let moved = left.0.abs_diff(journaled.0) >= STEP;
    if moved || edge(left) || edge(journaled) {
        left
    } else {
        journaled
    }
}

/// What one guard leaves, in percent: all below `throttle`, none from `stall`
/// on, a straight line in between; without a `stall`, in inverse proportion.
fn left_by(guard: &Guard, state: &GuardMemory) -> u8 {
    match state.rung {
        Rung::Quiet => 100,
        Rung::Stall | Rung::Hold => 0,
        Rung::Throttle => {
            let value = state.value.value().copied().unwrap_or(f64::INFINITY);
            let from = guard::limit(guard, Rung::Throttle).unwrap_or(0.0);
            let share = match guard::limit(guard, Rung::Stall) {
                Some(to) if to > from => (to - value) / (to - from),
                _ => from / value,
            };
            let percent = (share * 100.0).round().clamp(f64::from(FLOOR), 100.0);
            // In range by the clamp; a NaN saturates to 0 and is lifted.
            (percent as u8).max(FLOOR)
        }
    }
}

/// The guard that sets the pace, and what it takes: it leaves less than the
/// person allows.
pub fn by_guard(pace: &PaceView) -> Option<&(String, Percent)> {
    let worst = pace.taken.first();
    worst.filter(|(_, taken)| 100 - taken.0 < pace.ceiling.0)
}

/// Who takes most, for the account of lost time; `None` at full pace.
pub fn reason(pace: &PaceView) -> Option<String> {
    match by_guard(pace) {
        Some((who, _)) => Some(who.clone()),
        None => (pace.ceiling < Percent::FULL).then(|| "pace".to_owned()),
    }
}

/// What slows the backfill most, or stops it: `hold`, `pause`, or as
/// [`reason`]; `None` at full pace.
pub fn cause(run: &Run, pace: &PaceView) -> Option<String> {
    match (&run.hold, &run.pause) {
        (Some(_), _) => Some("hold".to_owned()),
        (None, Some(_)) => Some("pause".to_owned()),
        (None, None) => reason(pace),
    }
}

/// The guard that takes most; the one that did stays it while another takes
/// less than a step more, so that two of a kind do not take turns.
fn blamed(run: &Run, taken: &[(String, Percent)]) -> Option<GuardId> {
    let (worst, most) = taken.first()?;
    let still = |by: &&GuardId| {
        let now = taken.iter().find(|(who, _)| who == by.as_str());
        now.is_some_and(|(_, percent)| percent.0 + STEP > most.0)
    };
    let by_then = run.pace.by.as_ref().filter(still).cloned();
    Some(by_then.unwrap_or_else(|| GuardId::new(worst.clone())))
}

/// Sessions that a backfill works with: as a person set it, else as the runbook
/// says; 1 for anything else.
pub fn workers(run: &Run, task: &Task) -> u16 {
    let place = run.plan.step(&task.step);
    match place.and_then(|place| proceed::action_of(place.step, task)) {
        Some(Action::Backfill(backfill)) => run.workers.unwrap_or(backfill.workers),
        _ => 1,
    }
}

/// Records a change of what guards leave.
pub fn settle(run: &Run, memory: &Memory, decision: &mut Decision) {
    let view = pace(run, memory);
    let left = settled(run.pace.pace, left_of(&view.taken));
    let by = blamed(run, &view.taken);
    let changed = left != run.pace.pace || (by != run.pace.by && left < Percent::FULL);
    if changed && running_backfill(run, memory).is_some() {
        let taken = view.taken.iter();
        decision.events.push(EventKind::PaceChanged {
            pace: left,
            reasons: taken
                .map(|(who, percent)| format!("{who} -{percent}"))
                .collect(),
            by,
        });
    }
}

/// The backfill that this process performs.
pub fn running_backfill<'a>(run: &Run, memory: &'a Memory) -> Option<&'a Task> {
    memory.flights.keys().find(|task| {
        let place = run.plan.step(&task.step);
        memory.performs(task)
            && place.is_some_and(|p| matches!(p.step.action(), Action::Backfill(_)))
    })
}
