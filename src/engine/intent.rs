//! Operators' requests: accepted, or refused with a reason.
//!
//! Owns what each request records; who may ask for what is in `permit`, crossing
//! a boundary in `advance`, the way back in `rollback`.

use jiff::Timestamp;

use super::memory::Memory;
use super::message::{Ask, Decision, Effect, Intent, Reply};
use super::permit::{self, ago};
use super::{advance, gate, lead, proceed, rollback};
use crate::run::again::Again;
use crate::run::event::{Actor, Answer, EventKind, Percent, Task};
use crate::run::{Run, evolve};
use crate::runbook::{Condition, GateId, MAX_WORKERS, Permission, RoleId, StepId};

/// Why a request was refused: a sentence that says what would help.
pub type Refusal = String;

/// Answers one request.
pub fn decide(
    run: &Run,
    memory: &mut Memory,
    intent: &Intent,
    now: Timestamp,
    decision: &mut Decision,
) {
    if let Ask::Advance { into } = &intent.ask {
        let possible = permit::allowed(run, intent, now)
            .and_then(|()| advance::refusal(run, into.as_str(), now));
        match possible.and_then(|()| advance::unasked(memory, intent)) {
            Ok(()) => advance::begin(run, memory, intent, now),
            Err(why) => refuse(intent, why, decision),
        }
        return;
    }
    let possible = permit::allowed(run, intent, now);
    match possible.and_then(|()| events(run, memory, intent, now, decision)) {
        Ok(()) => decision.effects.push(Effect::Reply {
            intent: intent.id,
            reply: Reply::Accepted,
        }),
        Err(why) => refuse(intent, why, decision),
    }
}

fn refuse(intent: &Intent, why: Refusal, decision: &mut Decision) {
    decision.effects.push(Effect::Reply {
        intent: intent.id,
        reply: Reply::Refused(why),
    });
}

fn events(
    run: &Run,
    memory: &Memory,
    intent: &Intent,
    now: Timestamp,
    decision: &mut Decision,
) -> Result<(), Refusal> {
    let by = Actor::Person(intent.by.clone());
    let event = match &intent.ask {
        Ask::Hold { reason } => {
            // The first hold stands; holding twice is not an error at 2 a.m.
            run.hold.is_none().then(|| EventKind::Held {
                by,
                reason: reason.clone(),
            })
        }
        Ask::Release => Some(release(run, by)?),
        Ask::Pause => Some(pause(run, by, now)?),
        Ask::Resume => Some(resume(run, by)?),
        Ask::Pace { pace } => Some(set_pace(run, by, *pace)?),
        Ask::Workers { workers } => Some(set_workers(run, by, *workers)?),
        Ask::Sign {
            gate,
            seat,
            answer,
            reason,
        } => Some(sign(
            run,
            intent,
            gate,
            seat.as_ref(),
            *answer,
            reason.clone(),
        )?),
        Ask::Waive { gate, reason } => Some(waive(run, by, gate, reason)?),
        Ask::Rollback { phase, reason } => Some(rollback::phase(run, by, phase, reason.clone())?),
        Ask::Unwind { reason } => Some(rollback::unwind(run, by, reason.clone())?),
        Ask::Answer { step } => Some(answer(run, by, step)?),
        Ask::Rerun { step, what } => Some(rerun(run, by, step, what)?),
        Ask::Resolve { task, done, how } => Some(resolve(run, memory, by, task, *done, how)?),
        Ask::TakeOver => lead::ask(run, by),
        Ask::Consent { to, answer } => {
            Some(lead::consent(run, memory, by, to.as_deref(), *answer)?)
        }
        Ask::Cancel { task } => {
            cancel(run, memory, task, decision)?;
            None
        }
        Ask::Advance { .. } => None,
    };
    decision.events.extend(event);
    Ok(())
}

fn release(run: &Run, by: Actor) -> Result<EventKind, Refusal> {
    match run.hold {
        Some(_) => Ok(EventKind::Released { by }),
        None => Err("the run is not held".into()),
    }
}

fn pause(run: &Run, by: Actor, now: Timestamp) -> Result<EventKind, Refusal> {
    match &run.pause {
        Some(first) => Err(format!(
            "the backfill is paused already, by {} {} before",
            first.by,
            ago(first.at, now)
        )),
        None => Ok(EventKind::Paused { by }),
    }
}

fn resume(run: &Run, by: Actor) -> Result<EventKind, Refusal> {
    match (&run.pause, &run.hold) {
        (Some(_), _) => Ok(EventKind::Resumed { by }),
        (None, Some(_)) => Err("the run is held, not paused: release it".into()),
        (None, None) => Err("the backfill is not paused".into()),
    }
}

fn set_pace(run: &Run, by: Actor, pace: Percent) -> Result<EventKind, Refusal> {
    if !(1..=100).contains(&pace.0) {
        return Err(format!("a pace is 1 to 100 percent, not {}", pace.0));
    }
    if pace == run.ceiling {
        return Err(format!("the pace is {pace} already"));
    }
    Ok(EventKind::PaceSet { by, pace })
}

fn set_workers(run: &Run, by: Actor, workers: u16) -> Result<EventKind, Refusal> {
    if !(1..=MAX_WORKERS).contains(&workers) {
        return Err(format!(
            "a backfill has 1 to {MAX_WORKERS} workers, not {workers}"
        ));
    }
    if run.workers == Some(workers) {
        return Err(format!("backfills have {workers} already"));
    }
    Ok(EventKind::WorkersSet { by, workers })
}

/// A seat's answer. An exit sign-off counts only after the phase's steps: a
/// signature before its evidence proves nothing.
fn sign(
    run: &Run,
    intent: &Intent,
    gate: &GateId,
    seat: Option<&RoleId>,
    answer: Answer,
    reason: Option<String>,
) -> Result<EventKind, Refusal> {
    let (phase, planned) = run
        .plan
        .gate(gate)
        .ok_or_else(|| format!("the plan has no gate `{gate}`"))?;
    let Condition::Signoff { seats, .. } = &planned.condition else {
        return Err(format!("gate `{gate}` is not a sign-off"));
    };
    if !gate::standing(run)
        .iter()
        .any(|standing| standing.id == *gate)
    {
        return Err(format!("gate `{gate}` does not stand next"));
    }
    if !gate::steps_before_are_done(run, phase, planned) {
        return Err(format!(
            "gate `{gate}` is signed when the steps before it are done"
        ));
    }
    let seat = seat_of(run, intent, seats, seat)?;
    let saw = seen(run, intent)?;
    Ok(EventKind::SignedOff {
        gate: gate.clone(),
        seat,
        by: Actor::Person(intent.by.clone()),
        answer,
        attempt: run.attempt(&run.plan.phases()[phase].id),
        saw,
        reason,
    })
}

/// The journal's hash that the signer saw: a signature binds to it, so it has
/// to be one of this journal, with everything material before it.
fn seen(run: &Run, intent: &Intent) -> Result<String, Refusal> {
    match &intent.saw_hash {
        None => Err("a sign has to say what was seen: look first".into()),
        Some(hash) if run.hashes.contains(hash) => Ok(hash.clone()),
        Some(_) => Err("this journal is not the one that was seen: look again".into()),
    }
}

/// The seat that the person fills and may sign for.
fn seat_of(
    run: &Run,
    intent: &Intent,
    seats: &[RoleId],
    wanted: Option<&RoleId>,
) -> Result<RoleId, Refusal> {
    let fills = |seat: &&RoleId| {
        run.plan.role(seat).is_some_and(|role| {
            let member = role.members.iter().any(|m| intent.roles.contains(m));
            member && role.can.contains(&Permission::Sign)
        })
    };
    let filled: Vec<_> = seats.iter().filter(fills).collect();
    match (wanted, filled.as_slice()) {
        (Some(seat), filled) if filled.contains(&seat) => Ok(seat.clone()),
        (Some(seat), _) => Err(format!("{} does not fill the seat {seat}", intent.by)),
        (None, [seat]) => Ok((*seat).clone()),
        (None, []) => Err(format!("{} fills none of its seats", intent.by)),
        (None, _) => Err("you fill more than one of its seats: name one".into()),
    }
}

fn waive(run: &Run, by: Actor, gate: &GateId, reason: &str) -> Result<EventKind, Refusal> {
    let (phase, planned) = run
        .plan
        .gate(gate)
        .ok_or_else(|| format!("the plan has no gate `{gate}`"))?;
    if !planned.waivable {
        return Err(format!("gate `{gate}` is not waivable"));
    }
    if reason.trim().is_empty() {
        return Err("a waiver needs a reason".into());
    }
    Ok(EventKind::GateWaived {
        gate: gate.clone(),
        by,
        reason: reason.to_owned(),
        attempt: run.attempt(&run.plan.phases()[phase].id),
    })
}

/// A person says yes to a manual step or undo, whichever of the two asks.
fn answer(run: &Run, by: Actor, step: &StepId) -> Result<EventKind, Refusal> {
    let both = [Task::forward(step.clone()), Task::back(step.clone())];
    let asking = both
        .into_iter()
        .find(|task| proceed::question(run, task).is_some());
    let Some(task) = asking else {
        return Err(format!("step `{step}` does not wait for an answer"));
    };
    Ok(EventKind::StepSucceeded {
        task,
        summary: crate::run::event::Summary::Answered { by },
    })
}

fn rerun(run: &Run, by: Actor, step: &StepId, what: &Again) -> Result<EventKind, Refusal> {
    if let Some(why) = evolve::again::unfit(run, step, what) {
        return Err(why);
    }
    if let Some(irreversible) = run.past_no_return() {
        return Err(format!(
            "step `{}` cannot be taken back: what is done again may not fit what it left",
            irreversible.id()
        ));
    }
    Ok(EventKind::StepReopened {
        step: step.clone(),
        what: what.clone(),
        by,
    })
}

/// A person settles what nobody else can.
fn resolve(
    run: &Run,
    memory: &Memory,
    by: Actor,
    task: &Task,
    done: bool,
    how: &str,
) -> Result<EventKind, Refusal> {
    let open = run.open_questions().any(|(open, _)| open == task);
    if !open || memory.performs(task) {
        return Err(format!("{task} does not wait for a decision"));
    }
    if how.trim().is_empty() {
        return Err("a decision like this needs a reason".into());
    }
    Ok(EventKind::DoubtResolved {
        task: task.clone(),
        done,
        by,
        how: how.to_owned(),
    })
}

fn cancel(run: &Run, memory: &Memory, task: &Task, decision: &mut Decision) -> Result<(), Refusal> {
    if run.hold.is_none() && !memory.latched && run.rollback.is_none() {
        return Err("hold first: a statement is cancelled only while the run is held".into());
    }
    if !memory.performs(task) {
        return Err(format!("{task} is not running"));
    }
    decision.effects.push(Effect::Cancel { task: task.clone() });
    Ok(())
}
