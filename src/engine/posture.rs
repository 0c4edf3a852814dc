//! What the run is doing now, in one word and one sentence.
//!
//! Owns the state's name and the verdict: the words that the screen, `status`
//! and the report share. Decides nothing.

use std::sync::Arc;

use jiff::Timestamp;

use super::memory::Memory;
use super::proceed;
use super::snapshot::{BackfillView, GateView, GuardView, Link, Running, Snapshot, State};
use super::{gate, guard, rollback, throttle, window};
use crate::run::event::{Percent, Rung, Task};
use crate::run::{Mark, Outcome, Place, Run, TaskState};
use crate::runbook::{Action, Condition, Gate, WindowScope};

/// What the link and the lease say, which the run does not know.
#[derive(Debug, Clone)]
pub struct Standing {
    /// The journal's link.
    pub link: Link,
    /// Whether somebody holds the lease.
    pub led: bool,
    /// A hold that acts already and is not in the journal yet.
    pub latched: bool,
}

/// The state's name.
pub fn state(run: &Run, memory: &Memory, standing: &Standing, now: Timestamp) -> State {
    match run.outcome {
        Some(Outcome::Finished) => return State::Finished,
        Some(Outcome::RolledBack) => return State::RolledBack,
        None => {}
    }
    if standing.link != Link::Up {
        return State::Reconnecting;
    }
    if !standing.led {
        return State::NoLead;
    }
    if run.is_stuck() {
        return State::Stuck;
    }
    if run.open_question().is_some() {
        return State::InDoubt;
    }
    if run.rollback.is_some() {
        return State::RollingBack;
    }
    if run.hold.is_some() || standing.latched {
        return held_state(memory);
    }
    if run.place == Place::Before(0) && run.rolled_back.is_empty() {
        return State::NotStarted;
    }
    moving_state(run, memory, now)
}

/// HOLDING while something has not reached its safe point.
fn held_state(memory: &Memory) -> State {
    let moving = memory
        .flights
        .values()
        .any(|flight| !flight.probe && !flight.is_parked());
    if moving { State::Holding } else { State::Held }
}

fn moving_state(run: &Run, memory: &Memory, now: Timestamp) -> State {
    if throttle::running_backfill(run, memory).is_some() {
        let pace = throttle::pace(run, memory);
        return match pace.effective {
            _ if run.pause.is_some() => State::Paused,
            Percent(0) => State::Stalled,
            _ if throttle::by_guard(&pace).is_some() => State::Throttled,
            _ => State::Running,
        };
    }
    match run.next_step() {
        Some(step) if proceed::blocked_by_window(run, step, now).is_some() => State::WindowClosed,
        Some(step) if waits_for_person(run, step.id()) => State::WaitingFor,
        Some(step) if proceed::shut_before(run, memory, step, now).is_some() => State::WaitingFor,
        Some(_) => match proceed::waits_behind(run) {
            Some(gate) if matches!(gate.condition, Condition::Soak { .. }) => State::Soaking,
            Some(_) => State::WaitingFor,
            None => State::Running,
        },
        None => boundary_state(run, memory, now),
    }
}

fn waits_for_person(run: &Run, step: &crate::runbook::StepId) -> bool {
    proceed::question(run, &Task::forward(step.clone())).is_some()
}

/// At a boundary: which kind of waiting it is.
fn boundary_state(run: &Run, memory: &Memory, now: Timestamp) -> State {
    let shut: Vec<_> = shut_gates(run, memory, now);
    let soaking = |gate: &Gate| matches!(gate.condition, Condition::Soak { .. });
    if !shut.is_empty() && shut.iter().all(|(gate, _)| soaking(gate)) {
        return State::Soaking;
    }
    let window = run.plan.body.window.as_ref();
    match window::closed(window, WindowScope::Advance, now) {
        Some(_) => State::WindowClosed,
        None => State::WaitingFor,
    }
}

/// The gates before the boundary that do not open now, with their reasons.
fn shut_gates<'a>(run: &'a Run, memory: &Memory, now: Timestamp) -> Vec<(&'a Gate, String)> {
    let gates = gate::standing(run).into_iter();
    gates
        .filter_map(|gate| {
            let (phase, _) = run.plan.gate(&gate.id)?;
            let evidence = gate::judge(run, memory, phase, gate, now);
            (!evidence.verdict.opens()).then_some((gate, evidence.reason))
        })
        .collect()
}

/// One sentence: what happens, or what is waited for.
pub fn verdict(
    run: &Run,
    memory: &Memory,
    state: State,
    standing: &Standing,
    now: Timestamp,
) -> String {
    match state {
        State::Finished => "Finished. Nothing is left to do here.".into(),
        State::RolledBack => "Taken back to the start.".into(),
        State::Reconnecting => match &standing.link {
            Link::Down { error, .. } => format!("No link to the journal: {error}"),
            Link::Up => "Reconnecting.".into(),
        },
        State::NoLead => "Nobody leads this run: start it again, or take over.".into(),
        State::Stuck | State::InDoubt => open_question(run),
        State::RollingBack => rolling_back(run),
        State::Holding => format!("{} {}", waits_to_end(run, memory), held(run)),
        State::Held => held(run),
        State::NotStarted => format!("Nothing has been touched yet. {} is next.", next_phase(run)),
        State::Running | State::Throttled | State::Stalled | State::Paused => {
            working(run, memory, state)
        }
        State::WindowClosed => shut_window(run, now),
        State::Soaking | State::WaitingFor => waiting(run, memory, now),
    }
}

fn next_phase(run: &Run) -> &str {
    let next = run.plan.phases().get(run.boundary());
    next.map_or("the end", |phase| phase.id.as_str())
}

fn open_question(run: &Run) -> String {
    match run.open_question() {
        Some((task, record)) => match &record.state {
            TaskState::Failed(fault) => {
                let detail = fault.detail.as_ref();
                let detail = detail.map_or(String::new(), |detail| format!(" ({detail})"));
                format!("{task} failed: {fault}{detail}. A person decides.")
            }
            TaskState::InDoubt(why) => format!("Nobody knows whether {task} is done: {why}"),
            _ => String::new(),
        },
        None => String::new(),
    }
}

fn rolling_back(run: &Run) -> String {
    let mut tasks = run.tasks.keys();
    let asking = tasks.find_map(|task| Some((task, proceed::question(run, task)?)));
    if let Some((task, ask)) = asking {
        return format!("{task} asks: {ask}");
    }
    match &run.rollback {
        Some(rollback) => {
            let phase = &run.plan.phases()[rollback.phase].id;
            let Mark { by, reason, .. } = &rollback.mark;
            match reason.as_str() {
                "" => format!("{by} takes {phase} back."),
                reason => format!("{by} takes {phase} back: {reason}"),
            }
        }
        None => String::new(),
    }
}

fn held(run: &Run) -> String {
    match &run.hold {
        Some(hold) if hold.reason.is_empty() => format!("Held by {}.", hold.by),
        Some(hold) => format!("Held by {}: {}", hold.by, hold.reason),
        None => "Held, not yet recorded.".into(),
    }
}

fn working(run: &Run, memory: &Memory, state: State) -> String {
    let step = run.next_step().map_or("", |step| step.id().as_str());
    let retrying = run
        .next_step()
        .and_then(|step| run.record(&Task::forward(step.id().clone())));
    if let Some(TaskState::Retrying { fault, .. }) = retrying.map(|r| &r.state) {
        let attempt = retrying.map_or(0, |r| r.attempt);
        return format!("{step} is tried again ({attempt} so far): {fault}");
    }
    let pace = throttle::pace(run, memory);
    match (state, throttle::by_guard(&pace), pace.taken.first()) {
        (State::Paused, ..) => match &run.pause {
            Some(pause) => format!("{step} paused by {}.", pause.by),
            None => String::new(),
        },
        (State::Stalled, Some((who, _)), _) => {
            let reason = guard_says(memory, who);
            format!("{step} stalled until {who} recovers: {reason}.")
        }
        (State::Throttled, Some((who, _)), _) => {
            let (pace, reason) = (pace.effective, guard_says(memory, who));
            format!("{step} throttled to {pace} by {who}: {reason}.")
        }
        (_, _, Some((who, taken))) => {
            let allowed = Percent(100 - taken.0);
            let ceiling = pace.ceiling;
            format!("{step} runs at {ceiling}, as set; {who} would allow {allowed}.")
        }
        _ if throttle::running_backfill(run, memory).is_none() => format!("{step} runs."),
        _ if pace.ceiling < Percent::FULL => format!("{step} runs at {}, as set.", pace.ceiling),
        _ => format!("{step} runs at full pace."),
    }
}

fn guard_says<'a>(memory: &'a Memory, guard: &str) -> &'a str {
    let mut guards = memory.guards.iter();
    let found = guards.find(|(id, _)| id.as_str() == guard);
    found.map_or("", |(_, guard)| guard.reason.as_str())
}

/// What a hold waits for.
fn waits_to_end(run: &Run, memory: &Memory) -> String {
    let mut flights = memory.flights.iter();
    let moving = flights.find(|(_, flight)| !flight.probe && !flight.is_parked());
    let Some((task, _)) = moving else {
        return String::new();
    };
    let step = run.plan.step(&task.step).map(|place| place.step);
    let what = match step.and_then(|step| proceed::action_of(step, task)) {
        Some(Action::Backfill(_) | Action::Parity(_)) => "chunk",
        Some(Action::Exec(_)) => "command",
        _ => "statement",
    };
    format!("{task} ends its {what} first.")
}

/// What the window keeps from happening, and until when.
fn shut_window(run: &Run, now: Timestamp) -> String {
    let step = run.next_step();
    if let Some((step, why)) =
        step.and_then(|step| Some((step, proceed::blocked_by_window(run, step, now)?)))
    {
        return format!("{} waits for the window: {why}", step.id());
    }
    let window = run.plan.body.window.as_ref();
    let why = window::closed(window, WindowScope::Advance, now).unwrap_or_default();
    format!("{} waits for the window: {why}", next_phase(run))
}

fn waiting(run: &Run, memory: &Memory, now: Timestamp) -> String {
    if let Some(step) = run.next_step() {
        if let Action::Manual(manual) = step.action() {
            return format!("{} asks: {}", step.id(), manual.ask);
        }
        if let Some(shut) = proceed::shut_before(run, memory, step, now) {
            let (verdict, reason) = (shut.verdict.word(), shut.reason);
            return format!("{} waits: {} is {verdict}: {reason}", step.id(), shut.gate);
        }
        if let Some(behind) = proceed::waits_behind(run) {
            let evidence = gate::judge(run, memory, run.phase_index(), behind, now);
            return format!("{} waits for {}: {}", step.id(), behind.id, evidence.reason);
        }
    }
    let into = next_phase(run);
    match shut_gates(run, memory, now).first() {
        Some((gate, reason)) => format!("Before {into}: {} {reason}", gate.id),
        None => format!("Ready for {into}: a person advances."),
    }
}

/// Fills the parts of a snapshot that follow from its fold and its picture.
pub fn describe(snapshot: &mut Snapshot, standing: &Standing) {
    let now = snapshot.now;
    let run = Arc::clone(&snapshot.run);
    let picture = Arc::clone(&snapshot.picture);
    let memory = &picture.memory;
    snapshot.link = standing.link.clone();
    snapshot.unrecorded_hold = standing.latched && run.hold.is_none();
    snapshot.state = state(&run, memory, standing, now);
    snapshot.verdict = verdict(&run, memory, snapshot.state, standing, now);
    snapshot.gates = gates(&run, memory, now);
    snapshot.guards = guards(&run, memory);
    snapshot.running = memory
        .flights
        .iter()
        .map(|(task, flight)| {
            let running = Running {
                since: flight.since,
                progress: flight.progress.clone(),
                stopping: flight.stopping,
            };
            (task.clone(), running)
        })
        .collect();
    snapshot.backfill = backfill(&run, memory, now);
    snapshot.undo = rollback::preview(&run);
    snapshot.unwind = rollback::preview_unwind(&run);
}

fn gates(run: &Run, memory: &Memory, now: Timestamp) -> Vec<GateView> {
    let standing = gate::standing(run).into_iter();
    let view = |gate: &Gate| {
        let (phase, _) = run.plan.gate(&gate.id)?;
        Some(GateView {
            gate: gate.id.clone(),
            kind: gate.condition.kind(),
            evidence: gate::judge(run, memory, phase, gate, now),
            fraction: gate::fraction(run, memory, gate),
        })
    };
    standing.filter_map(view).collect()
}

fn guards(run: &Run, memory: &Memory) -> Vec<GuardView> {
    let view = |planned: &crate::runbook::Guard| {
        let state = memory.guards.get(&planned.id).cloned().unwrap_or_default();
        let above = [Rung::Throttle, Rung::Stall, Rung::Hold].into_iter();
        let limit = above
            .filter(|rung| *rung > state.rung)
            .find_map(|rung| Some((rung, guard::limit(planned, rung)?)));
        GuardView {
            guard: planned.id.clone(),
            signal: planned.signal.words(),
            unit: planned.signal.unit(),
            value: state.value,
            rung: state.rung,
            limit,
            reason: state.reason,
        }
    };
    run.plan.body.guards.iter().map(view).collect()
}

fn backfill(run: &Run, memory: &Memory, now: Timestamp) -> Option<BackfillView> {
    let (task, progress) = memory.meter.newest()?;
    let course = run.course(task, now)?;
    let pace = throttle::pace(run, memory);
    let held = run.hold.is_some() || run.pause.is_some();
    let moving = !held && pace.effective > Percent::ZERO && memory.performs(task);
    Some(BackfillView {
        task: task.clone(),
        progress: progress.clone(),
        rate: memory.meter.rate(now),
        eta: memory.meter.eta(now).filter(|_| moving),
        pace,
        elapsed: memory.meter.elapsed(now),
        course,
    })
}
