//! Requests that need no card: hold, pace, workers, and the ways to leave.
//!
//! Owns the numbering of requests and what they are bound to.

use super::{Command, tell};
use crate::engine::message::{Ask, IntentId};
use crate::run::event::{Percent, Seq};
use crate::runbook::MAX_WORKERS;
use crate::tui::facts;
use crate::tui::model::{Dialog, Model};
use crate::tui::theme::Tone;
use crate::tui::{Leave, Request};

/// The request, bound to the state that is shown now.
pub(super) fn ask(model: &mut Model, ask: Ask) -> Command {
    let run = &model.snapshot.run;
    let (saw, saw_hash) = (run.material, run.head_hash.clone());
    ask_as_seen(model, ask, saw, saw_hash)
}

/// The request, bound to the state that a card was about.
pub(super) fn ask_as_seen(model: &mut Model, ask: Ask, saw: Seq, saw_hash: String) -> Command {
    model.last_id -= 1;
    let id = IntentId(model.last_id);
    tell(model, Tone::Plain, format!("{}: asked", ask.verb()));
    model.pending.push((id, ask.clone()));
    Command::Send(Request {
        id,
        ask,
        saw,
        saw_hash,
    })
}

pub(super) fn hold(model: &mut Model) -> Vec<Command> {
    if model.snapshot.run.hold.is_some() {
        tell(model, Tone::Note, "held already; r releases");
        return Vec::new();
    }
    let reason = String::new();
    vec![ask(model, Ask::Hold { reason })]
}

pub(super) fn interrupt(model: &mut Model) -> Vec<Command> {
    if model.snapshot.run.outcome.is_some() || !model.snapshot.leads() {
        return leave(model);
    }
    let commands = hold(model);
    model.dialog = Some(Dialog::Leave);
    commands
}

/// `q`: the lead is asked how.
pub(super) fn leave(model: &mut Model) -> Vec<Command> {
    if model.snapshot.run.outcome.is_some() {
        return vec![Command::Leave(Leave::Finished)];
    }
    if !model.snapshot.leads() {
        return vec![Command::Leave(Leave::Detached)];
    }
    model.dialog = Some(Dialog::Leave);
    Vec::new()
}

/// The lead holds and ends; anybody else just ends.
pub(super) fn leave_by_force(model: &mut Model) -> Vec<Command> {
    if model.snapshot.run.outcome.is_some() {
        return vec![Command::Leave(Leave::Finished)];
    }
    if !model.snapshot.leads() {
        return vec![Command::Leave(Leave::Detached)];
    }
    let mut commands = hold(model);
    commands.push(Command::Leave(Leave::HoldAndLeave));
    commands
}

/// The next of a few ceilings, from the one last asked for.
pub(super) fn pace(model: &mut Model, faster: bool) -> Vec<Command> {
    const PACES: [u8; 13] = [1, 2, 5, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100];
    let asked = model.pending.iter().rev().find_map(|(_, ask)| match ask {
        Ask::Pace { pace } => Some(pace.0),
        _ => None,
    });
    let from = asked.unwrap_or(model.snapshot.run.ceiling.0);
    let next = if faster {
        PACES.into_iter().find(|pace| *pace > from)
    } else {
        PACES.into_iter().rev().find(|pace| *pace < from)
    };
    match next {
        Some(pace) => {
            let pace = Percent(pace);
            vec![ask(model, Ask::Pace { pace })]
        }
        None => {
            tell(model, Tone::Note, format!("the pace is {from}% already"));
            Vec::new()
        }
    }
}

/// One worker more or less, from the number last asked for.
pub(super) fn workers(model: &mut Model, more: bool) -> Vec<Command> {
    let asked = model.pending.iter().rev().find_map(|(_, ask)| match ask {
        Ask::Workers { workers } => Some(*workers),
        _ => None,
    });
    let from = asked.unwrap_or_else(|| facts::workers(&model.snapshot.run));
    let next = if more { from + 1 } else { from - 1 };
    if (1..=MAX_WORKERS).contains(&next) {
        return vec![ask(model, Ask::Workers { workers: next })];
    }
    let message = format!("the backfill has {from} of 1 to {MAX_WORKERS} workers");
    tell(model, Tone::Note, message);
    Vec::new()
}
