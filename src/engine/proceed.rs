//! What starts next.
//!
//! Owns the one place from which a task is started, tried again or probed.
//! Nothing new starts while the run is held, except the way back.

use jiff::Timestamp;

use super::memory::Memory;
use super::message::{Decision, Effect};
use super::{advance, gate, lead, rollback, window};
use crate::plan::PlannedStep;
use crate::reading::elapsed;
use crate::run::event::{EventKind, Evidence, Summary, Task};
use crate::run::{Place, Record, Run, TaskState};
use crate::runbook::{Action, At, Reversal, Wait, WindowScope};

/// Starts what can start.
pub fn settle(run: &Run, memory: &mut Memory, now: Timestamp, decision: &mut Decision) {
    advance::expire(run, memory, now, decision);
    if let Some(rollback) = &run.rollback {
        rollback::settle(run, memory, rollback, now, decision);
    } else if run.hold.is_some() || memory.latched {
        stop_what_waits(run, memory, decision);
    } else if is_in_doubt(run, memory, now, decision) || lead::hands_over(run, now) {
        // Whatever comes next may rest on it, or is the next lead's.
    } else if !gates_behind_open(run, memory, now, decision) {
        // The next step waits for them, and so does the boundary.
    } else if let Some(step) = run.next_step() {
        let next = Task::forward(step.id().clone());
        task(run, memory, &next, now, decision);
    } else {
        advance::settle(run, memory, now, decision);
    }
}

/// Under a hold: a statement that only waits for a lock is given up, a wait
/// ends, a comparison ends at its chunk and begins again after the release. A
/// backfill stays where it is, at the end of its chunk.
fn stop_what_waits(run: &Run, memory: &Memory, decision: &mut Decision) {
    for (task, flight) in &memory.flights {
        let place = run.plan.step(&task.step);
        let stops = place.is_some_and(|place| {
            let action = place.step.action();
            matches!(action, Action::Sql(_) | Action::Wait(_) | Action::Parity(_))
        });
        if stops && !flight.probe && !flight.stopping {
            decision.effects.push(Effect::Stop { task: task.clone() });
        }
    }
}

/// Whether any task is in doubt; each is probed that may be. It need not be the
/// next one: a server that loses events leaves doubts elsewhere.
fn is_in_doubt(run: &Run, memory: &Memory, now: Timestamp, decision: &mut Decision) -> bool {
    let mut any = false;
    for (task, record) in run.open_questions() {
        if !matches!(record.state, TaskState::InDoubt(_)) {
            continue;
        }
        any = true;
        if memory.may_probe(task, now) {
            decision.effects.push(Effect::Probe { task: task.clone() });
        }
    }
    any
}

/// Whether every gate behind a done step has been passed; records the ones
/// that open now.
fn gates_behind_open(run: &Run, memory: &Memory, now: Timestamp, decision: &mut Decision) -> bool {
    let Place::In(phase) = run.place else {
        return true;
    };
    let mut all = true;
    for behind in run.gates_behind_done_steps() {
        all = false;
        let evidence = gate::judge(run, memory, phase, behind, now);
        if evidence.verdict.opens() {
            decision.events.push(EventKind::GatePassed { evidence });
        }
    }
    all
}

/// Starts a task, tries it again, or finds out how it stands.
pub fn task(run: &Run, memory: &mut Memory, task: &Task, now: Timestamp, decision: &mut Decision) {
    let Some(place) = run.plan.step(&task.step) else {
        return;
    };
    if memory.flights.contains_key(task) {
        return;
    }
    let record = run.record(task);
    match record.map(|record| &record.state) {
        None | Some(TaskState::Interrupted) => {
            start(run, memory, task, place.step, now, decision);
        }
        Some(TaskState::Retrying { not_before, .. }) if now >= *not_before => {
            start(run, memory, task, place.step, now, decision);
        }
        Some(TaskState::Running) => running(run, memory, task, place.step, now, decision),
        Some(TaskState::InDoubt(_)) if memory.may_probe(task, now) => {
            decision.effects.push(Effect::Probe { task: task.clone() });
        }
        Some(
            TaskState::Retrying { .. }
            | TaskState::InDoubt(_)
            | TaskState::Failed(_)
            | TaskState::Done(_),
        ) => {}
    }
}

/// A task that runs by the journal and is not in flight here: a person's or
/// the clock's, or one that a former process left behind.
fn running(
    run: &Run,
    memory: &Memory,
    task: &Task,
    step: &PlannedStep,
    now: Timestamp,
    decision: &mut Decision,
) {
    let Some(record) = run.record(task) else {
        return;
    };
    match action_of(step, task) {
        Some(Action::Manual(_)) => {}
        Some(Action::Wait(Wait::For(duration))) => {
            let waited = elapsed(record.started_at, now);
            if waited >= *duration {
                decision.events.push(EventKind::StepSucceeded {
                    task: task.clone(),
                    summary: Summary::Waited {
                        took_ms: u64::try_from(waited.as_millis()).unwrap_or(u64::MAX),
                    },
                });
            }
        }
        _ if memory.may_probe(task, now) => {
            decision.effects.push(Effect::Probe { task: task.clone() });
        }
        _ => {}
    }
}

fn start(
    run: &Run,
    memory: &mut Memory,
    task: &Task,
    step: &PlannedStep,
    now: Timestamp,
    decision: &mut Decision,
) {
    if !run.is_way_back(task) && !may_start(run, memory, task, step, now, decision) {
        return;
    }
    let attempt = run.record(task).map_or(0, |record| record.attempt) + 1;
    decision.events.push(EventKind::StepStarted {
        task: task.clone(),
        attempt,
    });
    let by_itself = matches!(
        action_of(step, task),
        Some(Action::Manual(_) | Action::Wait(Wait::For(_)))
    );
    if !by_itself {
        decision.effects.push(Effect::Perform {
            task: task.clone(),
            attempt,
        });
    }
}

/// Whether the window and, before an irreversible step, the gates that it rests
/// on let it start.
fn may_start(
    run: &Run,
    memory: &mut Memory,
    task: &Task,
    step: &PlannedStep,
    now: Timestamp,
    decision: &mut Decision,
) -> bool {
    if blocked_by_window(run, step, now).is_some() {
        return false;
    }
    if !is_irreversible(step) {
        return true;
    }
    let asked = memory.questions;
    let since = *memory.rechecks.entry(task.clone()).or_insert(asked);
    match advance::recheck(run, memory, since, now, decision) {
        Ok(open) => open,
        Err(_) => {
            // Asked again at the gates' own interval; the posture says what is shut.
            memory.rechecks.remove(task);
            false
        }
    }
}

/// The gate that keeps an irreversible step from starting.
pub fn shut_before(
    run: &Run,
    memory: &Memory,
    step: &PlannedStep,
    now: Timestamp,
) -> Option<Evidence> {
    let task = Task::forward(step.id().clone());
    if !is_irreversible(step) || memory.flights.contains_key(&task) {
        return None;
    }
    let gates = run.gates_before_no_return();
    let mut evidence = gates.map(|(phase, gate)| gate::judge(run, memory, phase, gate, now));
    evidence.find(|evidence| !evidence.verdict.opens())
}

/// Whether nothing takes a step back.
pub fn is_irreversible(step: &PlannedStep) -> bool {
    matches!(step.reversal(), Reversal::Irreversible(_))
}

/// Why the window keeps a step from starting.
pub fn blocked_by_window(run: &Run, step: &PlannedStep, now: Timestamp) -> Option<String> {
    let window = run.plan.body.window.as_ref();
    let sql = matches!(step.action(), Action::Sql(_));
    sql.then(|| window::closed(window, WindowScope::Ddl, now))?
}

/// The action that a task performs.
pub fn action_of<'a>(step: &'a PlannedStep, task: &Task) -> Option<&'a Action> {
    match task.direction {
        crate::run::event::Direction::Forward => Some(step.action()),
        crate::run::event::Direction::Back => step.reversal().undo(),
    }
}

/// What a task asks a person who has not answered: a manual step or undo that
/// runs. On the way back only what is taken back asks.
pub fn question<'a>(run: &'a Run, task: &Task) -> Option<&'a str> {
    let running = run.record(task)?.state == TaskState::Running;
    let here = run.rollback.is_none() || run.is_way_back(task);
    match action_of(run.plan.step(&task.step)?.step, task)? {
        Action::Manual(manual) if running && here => Some(&manual.ask),
        _ => None,
    }
}

/// Whether a record leaves open if the step has had an effect.
pub fn needs_probe(step: &PlannedStep, record: &Record) -> bool {
    let by_itself = matches!(step.action(), Action::Manual(_) | Action::Wait(_));
    let open = matches!(record.state, TaskState::Running | TaskState::InDoubt(_));
    open && !by_itself
}

/// The gate behind a step for which the next step waits.
pub fn waits_behind(run: &Run) -> Option<&crate::runbook::Gate> {
    run.next_step()?;
    run.gates_behind_done_steps()
        .find(|gate| matches!(gate.at, At::After(_)))
}
