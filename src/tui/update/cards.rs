//! Cards: what opens them, what they turn into when they are confirmed.
//!
//! Owns the binding of a card to the state that was shown; whether it can be
//! confirmed is `can::confirm`.

use tui_input::InputRequest;

use super::steer::ask_as_seen;
use super::{Command, tell};
use crate::engine::message::Ask;
use crate::engine::snapshot::{GateView, Snapshot};
use crate::run::event::Answer;
use crate::runbook::GateId;
use crate::tui::facts;
use crate::tui::model::{Card, CardKind, Dialog, Model};
use crate::tui::theme::Tone;

/// Opens a card about the state as it is now. A text that has to be typed is
/// typed at once.
pub(super) fn open(model: &mut Model, kind: CardKind) {
    let typing = match kind {
        CardKind::Advance => {
            facts::no_return_ahead(&model.snapshot.run)
                && facts::advance_blockers(&model.snapshot).is_empty()
        }
        CardKind::Waive | CardKind::Resolve => true,
        _ => false,
    };
    model.bring(kind, typing);
}

/// Binds the card to the state as it is now; it has to be shown again first.
pub(super) fn look_again(model: &mut Model) {
    let Some(Dialog::Card(card)) = model.dialog.take() else {
        return;
    };
    let choices = facts::choices(card.kind, &model.snapshot);
    let still = |gate: &GateId| choices.iter().any(|choice| choice.gate == *gate);
    let chosen = card.gate.filter(still);
    let fresh = model.bring(card.kind, false);
    fresh.gate = chosen.or(fresh.gate.take());
    fresh.text = card.text;
}

/// Tab: into the text, where there is one, or out of it.
pub(super) fn toggle_text(model: &mut Model) {
    let no_return = facts::no_return_ahead(&model.snapshot.run);
    if let Some(Dialog::Card(card)) = &mut model.dialog {
        let has_text = match card.kind {
            CardKind::Advance => no_return,
            CardKind::Waive | CardKind::Resolve | CardKind::Sign => true,
            CardKind::RollBack | CardKind::Unwind => true,
            CardKind::Release | CardKind::Answer | CardKind::Cancel | CardKind::Consent => false,
        };
        card.typing = has_text && !card.typing;
    }
}

/// After a key went into the text: a typed id that is complete leaves the text.
pub(super) fn complete(model: &mut Model) {
    let id = &model.snapshot.run.plan.body.cutover.id;
    if let Some(Dialog::Card(card)) = &mut model.dialog
        && card.kind == CardKind::Advance
        && card.text.value() == id
    {
        card.typing = false;
        card.text.handle(InputRequest::GoToEnd);
    }
}

/// Moves the choice where there is one, else the lines.
pub(super) fn step(card: &mut Card, snapshot: &Snapshot, by: isize, extent: usize) {
    let choices = facts::choices(card.kind, snapshot);
    if choices.len() > 1 {
        let is_chosen = |gate: &&GateView| Some(&gate.gate) == card.gate.as_ref();
        let at = choices.iter().position(is_chosen).unwrap_or(0);
        let to = at.saturating_add_signed(by).min(choices.len() - 1);
        card.gate = Some(choices[to].gate.clone());
    } else {
        card.scroll = card
            .scroll
            .saturating_add_signed(by)
            .min(extent.saturating_sub(1));
    }
}

/// The confirmed card's request; the card closes.
pub(super) fn confirm(model: &mut Model, answer: Answer) -> Vec<Command> {
    let Some(Dialog::Card(card)) = model.dialog.take() else {
        return Vec::new();
    };
    match request(&card, &model.snapshot, answer) {
        Some(ask) => vec![ask_as_seen(model, ask, card.saw, card.saw_hash)],
        None => {
            tell(model, Tone::Note, "nothing is left to do");
            Vec::new()
        }
    }
}

fn request(card: &Card, snapshot: &Snapshot, answer: Answer) -> Option<Ask> {
    let run = &snapshot.run;
    let words = words(card);
    match card.kind {
        CardKind::Advance => Some(Ask::Advance {
            into: facts::next_phase(run)?.id.clone(),
        }),
        CardKind::RollBack => Some(Ask::Rollback {
            phase: facts::last_entered(run)?.id.clone(),
            reason: words,
        }),
        CardKind::Unwind => Some(Ask::Unwind { reason: words }),
        CardKind::Release => Some(Ask::Release),
        CardKind::Sign => Some(Ask::Sign {
            gate: card.gate.clone()?,
            seat: None,
            answer,
            reason: words,
        }),
        CardKind::Waive => Some(Ask::Waive {
            gate: card.gate.clone()?,
            reason: words?,
        }),
        CardKind::Answer => Some(Ask::Answer {
            step: facts::asked(snapshot)?.0,
        }),
        CardKind::Resolve => Some(Ask::Resolve {
            task: run.open_questions().next()?.0.clone(),
            done: answer == Answer::Go,
            how: words?,
        }),
        CardKind::Consent => Some(Ask::Consent {
            to: Some(facts::asks_to_lead(run)?.to_string()),
            answer,
        }),
        CardKind::Cancel => Some(Ask::Cancel {
            task: facts::running_statement(snapshot)?.clone(),
        }),
    }
}

/// The typed reason: a space was typed as `_`, because Space holds.
fn words(card: &Card) -> Option<String> {
    let words = card.text.value().replace('_', " ");
    let words = words.trim();
    (!words.is_empty()).then(|| words.to_owned())
}
