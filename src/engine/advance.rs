//! Crossing a boundary: by a person, by `enter = "auto"`, or to the end.
//!
//! Owns the moment of crossing. A crossing first asks every query of the
//! boundary's gates afresh; it happens only when each gate is GO or WAIVED by
//! answers to questions that were asked after it was wanted. The same recheck stands before each
//! attempt of an irreversible step.

use std::time::Duration;

use jiff::Timestamp;

use super::intent::Refusal;
use super::memory::{Crossing, Memory, Streak};
use super::message::{Decision, Effect, Intent, Reply};
use super::{gate, permit, window};
use crate::reading::elapsed;
use crate::run::event::{Actor, EventKind, Evidence};
use crate::run::{Place, Run};
use crate::runbook::{Condition, Gate, WindowScope};

/// A query that has not answered by then ends the crossing.
const PATIENCE: Duration = Duration::from_secs(15);
/// Rounds of GO in a row that an automatic entry takes.
const ROUNDS: u32 = 3;
/// Time between two such rounds.
const ROUND: Duration = Duration::from_secs(1);

/// Why the boundary cannot be crossed now, whatever its gates say.
///
/// # Errors
/// The reason, and what would help.
pub fn refusal(run: &Run, into: &str, now: Timestamp) -> Result<(), Refusal> {
    let boundary = run.boundary();
    let next = run.plan.phases().get(boundary);
    let Some(next) = next else {
        return Err("this is the last phase: the run ends by itself".into());
    };
    if next.id.as_str() != into {
        return Err(format!("the next phase is {}, not {into}", next.id));
    }
    if run.rollback.is_some() {
        return Err("a rollback is under way".into());
    }
    if let Some(hold) = &run.hold {
        return Err(format!("held by {}: release it first", hold.by));
    }
    if let Some(step) = run.next_step() {
        return Err(format!("step {} is not done", step.id()));
    }
    if let Some(gate) = run.gates_behind_done_steps().next() {
        return Err(format!("gate {} has not opened yet", gate.id));
    }
    if let Some((task, _)) = run.open_question() {
        return Err(format!("{task} is in doubt: settle it first"));
    }
    match window::closed(run.plan.body.window.as_ref(), WindowScope::Advance, now) {
        Some(why) => Err(format!("the window is closed: {why}")),
        None => Ok(()),
    }
}

/// Whether nobody else waits for the answer to the same (one question, one
/// answer) and no hold is on its way into the journal.
///
/// # Errors
/// Who or what is.
pub fn unasked(memory: &Memory, intent: &Intent) -> Result<(), Refusal> {
    match &memory.crossing {
        _ if memory.latched => Err("held, not yet recorded: release it first".into()),
        Some(crossing) if crossing.intent.is_some_and(|id| id != intent.id) => {
            Err(format!("{} has asked for it already", crossing.by))
        }
        _ => Ok(()),
    }
}

/// Wants the boundary crossed; the answer comes when its queries have.
pub fn begin(run: &Run, memory: &mut Memory, intent: &Intent, now: Timestamp) {
    let same = memory
        .crossing
        .as_ref()
        .is_some_and(|crossing| crossing.intent == Some(intent.id));
    if !same {
        memory.crossing = Some(Crossing {
            boundary: run.boundary(),
            by: Actor::Person(intent.by.clone()),
            intent: Some(intent.id),
            material: run.material,
            began: now,
            since: memory.questions,
        });
    }
}

/// A crossing is void once anything has happened that a person would have to
/// have seen: a hold, a rollback, or the crossing itself.
pub fn expire(run: &Run, memory: &mut Memory, now: Timestamp, decision: &mut Decision) {
    if let Some(crossing) = memory.crossing.clone()
        && (crossing.material != run.material || memory.latched)
    {
        let why = match crossing.material == run.material {
            true => "the run is being held".into(),
            false => permit::outdated(run, crossing.material, now),
        };
        give_up(memory, &crossing, &why, decision);
    }
}

/// Takes a wanted crossing further, or wants one where the phase enters by
/// itself; at the last boundary, ends the run.
pub fn settle(run: &Run, memory: &mut Memory, now: Timestamp, decision: &mut Decision) {
    if memory.crossing.is_none() && enters_by_itself(run, memory, now) {
        memory.crossing = Some(Crossing {
            boundary: run.boundary(),
            by: Actor::Engine,
            intent: None,
            material: run.material,
            began: now,
            since: memory.questions,
        });
    }
    let Some(crossing) = memory.crossing.clone() else {
        return;
    };
    let gates: Vec<_> = run.boundary_gates(crossing.boundary).collect();
    match evidence(run, memory, &gates, crossing.since, now) {
        Fresh::Waiting(unasked) if elapsed(crossing.began, now) < PATIENCE => {
            for gate in unasked {
                gate::ask(memory, gate, decision);
            }
        }
        Fresh::Waiting(_) => give_up(
            memory,
            &crossing,
            "a gate's query does not answer",
            decision,
        ),
        Fresh::All(evidence) => cross(run, memory, &crossing, evidence, decision),
    }
}

fn cross(
    run: &Run,
    memory: &mut Memory,
    crossing: &Crossing,
    evidence: Vec<Evidence>,
    decision: &mut Decision,
) {
    let shut: Vec<_> = evidence.iter().filter(|e| !e.verdict.opens()).collect();
    if !shut.is_empty() {
        let reasons: Vec<_> = shut
            .iter()
            .map(|e| format!("{} is {} ({})", e.gate, e.verdict.word(), e.reason))
            .collect();
        give_up(memory, crossing, &reasons.join("; "), decision);
        return;
    }
    let event = match run.plan.phases().get(crossing.boundary) {
        Some(phase) => EventKind::PhaseEntered {
            phase: phase.id.clone(),
            attempt: run.attempt(&phase.id),
            by: crossing.by.clone(),
            evidence,
        },
        None => EventKind::Finished,
    };
    decision.events.push(event);
    if let Some(intent) = crossing.intent {
        decision.effects.push(Effect::Reply {
            intent,
            reply: Reply::Accepted,
        });
    }
}

fn give_up(memory: &mut Memory, crossing: &Crossing, why: &str, decision: &mut Decision) {
    memory.crossing = None;
    memory.streak = None;
    if let Some(intent) = crossing.intent {
        decision.effects.push(Effect::Reply {
            intent,
            reply: Reply::Refused(why.to_owned()),
        });
    }
}

/// Whether nobody has to cross this boundary: the end of the run, or a phase
/// with `enter = "auto"` on its first attempt, after [`ROUNDS`] of GO in a row.
fn enters_by_itself(run: &Run, memory: &mut Memory, now: Timestamp) -> bool {
    let boundary = run.boundary();
    let wanted = match run.plan.phases().get(boundary) {
        Some(phase) => run.begins_by_itself(phase) && refusal(run, phase.id.as_str(), now).is_ok(),
        None => matches!(run.place, Place::In(_)) && run.next_step().is_none(),
    };
    let gates: Vec<_> = run.boundary_gates(boundary).collect();
    let open = gates
        .iter()
        .all(|(phase, gate)| gate::judge(run, memory, *phase, gate, now).verdict.opens());
    if !wanted || !open {
        memory.streak = None;
        return false;
    }
    if gates.is_empty() {
        return true;
    }
    count_round(memory, boundary, &gates, now) >= ROUNDS
}

/// One more round of GO, a [`ROUND`] after the last and by answers of its own
/// from every query; the rounds so far.
fn count_round(
    memory: &mut Memory,
    boundary: usize,
    gates: &[(usize, &Gate)],
    now: Timestamp,
) -> u32 {
    let before = memory.streak.filter(|streak| streak.boundary == boundary);
    let due = before.is_none_or(|streak| {
        let fresh = |(_, gate): &(usize, &Gate)| !unanswered(memory, gate, streak.since);
        elapsed(streak.at, now) >= ROUND && gates.iter().all(fresh)
    });
    let rounds = before.map_or(0, |streak| streak.rounds) + u32::from(due);
    if due {
        memory.streak = Some(Streak {
            boundary,
            rounds,
            at: now,
            since: memory.questions,
        });
    }
    rounds
}

/// Whether every gate has answered a question from after a moment.
enum Fresh<'a> {
    /// Some queries have not; these are to be asked.
    Waiting(Vec<&'a Gate>),
    /// All have; the evidence as of now.
    All(Vec<Evidence>),
}

/// Whether a gate's query has not answered a question after `since`.
fn unanswered(memory: &Memory, gate: &Gate, since: u64) -> bool {
    let sample = memory.samples.get(&gate.id);
    let answer = sample.and_then(|sample| sample.answer.as_ref());
    matches!(gate.condition, Condition::Sql { .. })
        && answer.is_none_or(|answer| answer.question <= since)
}

fn evidence<'a>(
    run: &Run,
    memory: &Memory,
    gates: &[(usize, &'a Gate)],
    since: u64,
    now: Timestamp,
) -> Fresh<'a> {
    let missing: Vec<_> = gates
        .iter()
        .map(|(_, gate)| *gate)
        .filter(|gate| unanswered(memory, gate, since))
        .collect();
    if missing.is_empty() {
        let judged = gates.iter();
        let judged = judged.map(|(phase, gate)| gate::judge(run, memory, *phase, gate, now));
        return Fresh::All(judged.collect());
    }
    let pending = |gate: &&Gate| {
        let sample = memory.samples.get(&gate.id);
        sample.is_some_and(|sample| sample.pending)
    };
    Fresh::Waiting(missing.into_iter().filter(|gate| !pending(gate)).collect())
}

/// Rechecks what an irreversible step rests on: `Ok(true)` when every gate is
/// open by fresh answers, `Ok(false)` while queries are on their way.
///
/// # Errors
/// What is shut.
pub fn recheck(
    run: &Run,
    memory: &Memory,
    since: u64,
    now: Timestamp,
    decision: &mut Decision,
) -> Result<bool, Refusal> {
    let gates: Vec<_> = run.gates_before_no_return().collect();
    match evidence(run, memory, &gates, since, now) {
        Fresh::Waiting(unasked) => {
            for gate in unasked {
                gate::ask(memory, gate, decision);
            }
            Ok(false)
        }
        Fresh::All(evidence) => match evidence.iter().find(|e| !e.verdict.opens()) {
            Some(shut) => Err(format!(
                "{} is {} ({})",
                shut.gate,
                shut.verdict.word(),
                shut.reason
            )),
            None => Ok(true),
        },
    }
}
