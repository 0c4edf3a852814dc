//! What each gate says now, and when its query is asked.
//!
//! Owns the verdicts. They fail closed: zero samples, NULL, no row, a timeout,
//! a missing privilege, a check that has not run are never a GO.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;

use super::memory::Memory;
use super::message::{Decision, Effect};
use super::{proceed, soak, window};
use crate::reading::elapsed;
use crate::run::event::{Answer, EventKind, Evidence, ParitySummary, Summary, Task, Verdict};
use crate::run::{Run, Signoff, TaskState};
use crate::runbook::{At, Condition, Gate, ParityGate, RoleId, StepId, unit};

/// The gates that stand next: those behind done steps, those that a next step
/// without a way back rests on although they were passed, then the boundary's.
pub fn standing(run: &Run) -> Vec<&Gate> {
    let no_return = run.next_step().is_some_and(proceed::is_irreversible);
    let again = run.gates_before_no_return().filter(|_| no_return);
    let boundary = run.boundary_gates(run.boundary());
    let behind = run.gates_behind_done_steps();
    let mut gates: Vec<_> = behind
        .chain(again.chain(boundary).map(|(_, gate)| gate))
        .collect();
    each_once(&mut gates);
    gates
}

fn each_once(gates: &mut Vec<&Gate>) {
    let mut seen = BTreeSet::new();
    gates.retain(|gate| seen.insert(&gate.id));
}

/// Asks the queries that are due, and records verdicts that have changed.
pub fn settle(run: &Run, memory: &mut Memory, now: Timestamp, decision: &mut Decision) {
    let mut gates = standing(run);
    gates.extend(soak::watched(run));
    each_once(&mut gates);
    for gate in gates {
        if is_due(memory, gate, now) {
            ask(memory, gate, decision);
        }
        let Some((phase, _)) = run.plan.gate(&gate.id) else {
            continue;
        };
        let evidence = judge(run, memory, phase, gate, now);
        if evidence.verdict != run.verdict(&gate.id) {
            decision.events.push(EventKind::GateChanged { evidence });
        }
    }
}

/// Asks a gate's query, once a decision, under a number of its own.
pub fn ask(memory: &Memory, gate: &Gate, decision: &mut Decision) {
    let mut asked = memory.questions;
    for effect in &decision.effects {
        match effect {
            Effect::Sample { gate: other, .. } if *other == gate.id => return,
            Effect::Sample { question, .. } => asked = asked.max(*question),
            _ => {}
        }
    }
    decision.effects.push(Effect::Sample {
        gate: gate.id.clone(),
        question: asked + 1,
    });
}

/// Whether a gate's query should be asked now.
fn is_due(memory: &Memory, gate: &Gate, now: Timestamp) -> bool {
    if !matches!(gate.condition, Condition::Sql { .. }) {
        return false;
    }
    match memory.samples.get(&gate.id) {
        Some(sample) if sample.pending => false,
        Some(sample) => sample
            .asked_at
            .is_none_or(|asked| elapsed(asked, now) >= gate.every),
        None => true,
    }
}

/// What a gate of the plan's `phase`-th phase says now.
pub fn judge(run: &Run, memory: &Memory, phase: usize, gate: &Gate, now: Timestamp) -> Evidence {
    let (verdict, reason) = match waived(run, phase, gate) {
        Some(reason) => (Verdict::Waived, reason),
        None => judge_condition(run, memory, phase, gate, now),
    };
    Evidence {
        gate: gate.id.clone(),
        verdict,
        reason,
        at: answered_at(memory, gate).unwrap_or(now),
    }
}

/// When a query's answer came; what needs no query is as fresh as the moment.
fn answered_at(memory: &Memory, gate: &Gate) -> Option<Timestamp> {
    let is_sql = matches!(gate.condition, Condition::Sql { .. });
    let sample = memory.samples.get(&gate.id).filter(|_| is_sql)?;
    sample.answer.as_ref().map(|answer| answer.at)
}

fn judge_condition(
    run: &Run,
    memory: &Memory,
    phase: usize,
    gate: &Gate,
    now: Timestamp,
) -> (Verdict, String) {
    match &gate.condition {
        Condition::Sql { .. } => judge_sample(memory, gate, now),
        Condition::Parity(parity) => judge_parity(run, parity, now),
        Condition::Signoff { seats, valid_for } => {
            judge_signoff(run, phase, gate, seats, *valid_for, now)
        }
        Condition::Soak { duration, .. } => judge_soak(run, memory, phase, gate, *duration),
        Condition::Window => judge_window(run, now),
    }
}

/// The reason of a waiver that is for the current attempt.
fn waived(run: &Run, phase: usize, gate: &Gate) -> Option<String> {
    let (mark, attempt) = run.gates.get(&gate.id)?.waiver.as_ref()?;
    let current = run.attempt(&run.plan.phases()[phase].id);
    (gate.waivable && *attempt == current).then(|| format!("by {}: {}", mark.by, mark.reason))
}

fn judge_sample(memory: &Memory, gate: &Gate, now: Timestamp) -> (Verdict, String) {
    let sample = memory.samples.get(&gate.id);
    let Some(answer) = sample.and_then(|sample| sample.answer.as_ref()) else {
        return (Verdict::Pending, "not asked yet".into());
    };
    let age = elapsed(answer.at, now);
    if age > gate.every * 3 + Duration::from_secs(5) {
        let reason = format!("the last answer is {}s old", age.as_secs());
        return (Verdict::Stale, reason);
    }
    (answer.verdict, answer.reason.clone())
}

/// What a query's answer makes of its gate: only true is a GO, and an answer
/// that is neither true nor false is none.
pub fn verdict_of_answer(known: Option<bool>) -> Verdict {
    match known {
        Some(true) => Verdict::Go,
        Some(false) => Verdict::NoGo,
        None => Verdict::Inconclusive,
    }
}

fn judge_parity(run: &Run, wanted: &ParityGate, now: Timestamp) -> (Verdict, String) {
    let record = run.record(&Task::forward(wanted.check.clone()));
    let state = record.map(|record| &record.state);
    let (Some(record), Some(TaskState::Done(Summary::Parity(found)))) = (record, state) else {
        return (
            Verdict::Pending,
            format!("{} has not finished", wanted.check),
        );
    };
    // By the journal's clock, and from the walk's beginning: what was compared
    // first may have changed ever since.
    let age = elapsed(record.changed_at, now) + Duration::from_millis(found.took_ms);
    let verdict = verdict_of_parity(wanted, found, age);
    let reason = format!(
        "{} of {} bad, coverage {:.0}%, {} hot, {} old",
        found.confirmed,
        found.rows,
        found.coverage * 100.0,
        found.hot,
        unit::duration(age),
    );
    (verdict, reason)
}

fn verdict_of_parity(wanted: &ParityGate, found: &ParitySummary, age: Duration) -> Verdict {
    if found.confirmed > wanted.confirmed {
        Verdict::NoGo
    } else if !found.coverage.is_finite() || found.coverage < wanted.coverage {
        Verdict::Inconclusive
    } else if age > wanted.max_age {
        Verdict::Stale
    } else {
        Verdict::Go
    }
}

/// Every seat has said GO, in this attempt, lately.
fn judge_signoff(
    run: &Run,
    phase: usize,
    gate: &Gate,
    seats: &[RoleId],
    valid_for: Duration,
    now: Timestamp,
) -> (Verdict, String) {
    let attempt = run.attempt(&run.plan.phases()[phase].id);
    let mut missing = Vec::new();
    let mut expired = Vec::new();
    for seat in seats {
        match newest_answer(run, gate, seat, attempt) {
            None => missing.push(seat.as_str()),
            Some(answer) if answer.answer == Answer::NoGo => {
                let why = format!(
                    "{seat} ({}) says NO-GO {}",
                    answer.mark.by, answer.mark.reason
                );
                return (Verdict::NoGo, why.trim_end().to_owned());
            }
            Some(answer) if elapsed(answer.mark.at, now) > valid_for => expired.push(seat.as_str()),
            Some(_) => {}
        }
    }
    if !missing.is_empty() {
        (
            Verdict::Pending,
            format!("waits for {}", missing.join(", ")),
        )
    } else if !expired.is_empty() {
        let why = format!(
            "{} signed more than {} ago",
            expired.join(", "),
            unit::duration(valid_for)
        );
        (Verdict::Stale, why)
    } else {
        (Verdict::Go, format!("{} signed", join(seats)))
    }
}

fn newest_answer<'a>(
    run: &'a Run,
    gate: &Gate,
    seat: &RoleId,
    attempt: u32,
) -> Option<&'a Signoff> {
    let mut answers = run.signoffs.iter().rev();
    answers.find(|s| s.gate == gate.id && &s.seat == seat && s.attempt == attempt)
}

fn judge_soak(
    run: &Run,
    memory: &Memory,
    phase: usize,
    gate: &Gate,
    duration: Duration,
) -> (Verdict, String) {
    if !steps_before_are_done(run, phase, gate) {
        return (Verdict::Pending, "begins when the steps are done".into());
    }
    let observed = soak::observed(run, memory, &gate.id);
    let reason = format!(
        "{} of {}",
        unit::duration(observed.min(duration)),
        unit::duration(duration)
    );
    if observed >= duration {
        (Verdict::Go, reason)
    } else {
        (Verdict::Pending, reason)
    }
}

fn judge_window(run: &Run, now: Timestamp) -> (Verdict, String) {
    let Some(window) = &run.plan.body.window else {
        return (Verdict::Error, "the runbook has no window".into());
    };
    match window::closed_at(window, now) {
        Some(why) => (Verdict::NoGo, why),
        None => (Verdict::Go, "open".into()),
    }
}

/// Whether what the gate judges has been done: every step of the phase that it
/// lets out of, or before the one that it lets into; or the step that it stands
/// behind. `phase` is the index of the gate's own phase.
pub fn steps_before_are_done(run: &Run, phase: usize, gate: &Gate) -> bool {
    let done = |step: &StepId| run.is_done(&Task::forward(step.clone()));
    let before = match &gate.at {
        At::After(step) => return done(step),
        At::Exit => Some(phase),
        At::Entry => phase.checked_sub(1),
    };
    before.is_none_or(|index| {
        let mut steps = run.plan.phases()[index].steps.iter();
        steps.all(|step| done(step.id()))
    })
}

/// How far towards GO, 0 to 1, where that can be told.
pub fn fraction(run: &Run, memory: &Memory, gate: &Gate) -> Option<f64> {
    match &gate.condition {
        Condition::Soak { duration, .. } if !duration.is_zero() => {
            let observed = soak::observed(run, memory, &gate.id);
            Some((observed.as_secs_f64() / duration.as_secs_f64()).min(1.0))
        }
        _ => None,
    }
}

fn join(seats: &[RoleId]) -> String {
    let names: Vec<_> = seats.iter().map(RoleId::as_str).collect();
    names.join(", ")
}
