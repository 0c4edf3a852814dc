//! The engine: what follows from what came in. Pure.
//!
//! Owns the order of things: [`decide`] only dispatches, each kind of decision
//! has a file. Knows no clock, socket or terminal; time arrives in the input.
//!
//! Decisions are *level-triggered*: they compare the run (what the journal
//! says) with the [`Memory`] (what this process has in flight and has lately
//! heard) and propose what is missing. So a decision whose events could not be
//! appended is simply made again, and a resume after a crash is the ordinary
//! path: the memory is empty, the run says what was under way.
//!
//! `decide` may be called again for the same input after the journal's head
//! has moved; what it writes into the memory is therefore idempotent.

use jiff::Timestamp;

use crate::run::Run;

pub mod advance;
pub mod eta;
pub mod gate;
pub mod guard;
pub mod intent;
pub mod lead;
pub mod loss;
pub mod memory;
pub mod message;
pub mod outcome;
mod pairs;
mod permit;
pub mod posture;
pub mod proceed;
pub mod retry;
pub mod rollback;
pub mod snapshot;
pub mod soak;
pub mod throttle;
pub mod window;

use memory::{GateAnswer, Memory};
use message::{Decision, Effect, Input, Message, Reply};

/// What follows from an input.
///
/// The caller appends the events, folds them into the run, performs the
/// effects, tells the memory of each with [`Memory::launched`], and then calls
/// again with [`Message::Tick`] until a decision is empty.
pub fn decide(run: &Run, memory: &mut Memory, input: &Input) -> Decision {
    hear(memory, input);
    let mut decision = Decision::default();
    if run.outcome.is_some() {
        refuse_after_the_end(input, &mut decision);
        return decision;
    }
    match &input.message {
        Message::Intent(intent) => intent::decide(run, memory, intent, input.now, &mut decision),
        Message::Ended(ended) => outcome::ended(run, ended, input.now, &mut decision),
        Message::Probed { task, found, how } => {
            outcome::probed(run, memory, task, *found, how, &mut decision);
        }
        Message::Tick
        | Message::Sampled { .. }
        | Message::Measured { .. }
        | Message::Attended(_)
        | Message::Progressed { .. } => {}
    }
    if decision.events.is_empty() {
        settle(run, memory, input.now, &mut decision);
    }
    decision
}

/// What follows from where things stand, whatever came in.
fn settle(run: &Run, memory: &mut Memory, now: Timestamp, decision: &mut Decision) {
    guard::settle(run, memory, now, decision);
    throttle::settle(run, memory, decision);
    eta::settle(run, memory, now, decision);
    soak::settle(run, memory, now, decision);
    gate::settle(run, memory, now, decision);
    if decision.events.is_empty() {
        proceed::settle(run, memory, now, decision);
    }
}

/// Keeps what came in, before anything follows from it. [`decide`] begins with
/// it; by itself it is enough for progress, from which nothing follows.
pub fn hear(memory: &mut Memory, input: &Input) {
    match &input.message {
        Message::Ended(ended) => memory.landed(&ended.task),
        Message::Probed { task, found, .. } => memory.probed(task, *found, input.now),
        Message::Sampled {
            gate,
            question,
            verdict,
            reason,
        } => {
            let answer = GateAnswer {
                verdict: *verdict,
                reason: reason.clone(),
                at: input.now,
                question: *question,
            };
            memory.sampled(gate, answer);
        }
        Message::Measured { guard, value } => memory.measured(guard, value),
        Message::Attended(roll) => memory.attended.clone_from(roll),
        Message::Progressed { task, progress } => memory.progressed(task, progress, input.now),
        Message::Tick | Message::Intent(_) => {}
    }
}

fn refuse_after_the_end(input: &Input, decision: &mut Decision) {
    if let Message::Intent(intent) = &input.message {
        decision.effects.push(Effect::Reply {
            intent: intent.id,
            reply: Reply::Refused("the run has ended".into()),
        });
    }
}

#[cfg(test)]
mod tests;
