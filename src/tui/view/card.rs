//! What a card says before something is confirmed: the evidence, what runs,
//! what is lost, how to get back, and the one key that does it.

use ratatui::text::Line;

use super::Scene;
use crate::report::format;
use crate::runbook::Condition;
use crate::tui::can;
use crate::tui::facts;
use crate::tui::model::{Card, CardKind};
use crate::tui::theme::Tone;

mod moves;
mod page;

use page::Page;

/// The card's title.
pub(super) fn title(scene: &Scene<'_>, kind: CardKind) -> String {
    let run = &scene.snapshot.run;
    let last = facts::last_entered(run).map_or("", |phase| phase.id.as_str());
    match kind {
        CardKind::Advance => match facts::next_phase(run) {
            Some(phase) => format!("advance into {}", phase.id),
            None => "advance".into(),
        },
        CardKind::RollBack => format!("roll back {last}"),
        CardKind::Unwind => "unwind: roll back every phase, to the start".into(),
        CardKind::Release => "release the hold".into(),
        CardKind::Sign => "sign for a seat".into(),
        CardKind::Waive => "waive a gate".into(),
        CardKind::Answer => "answer".into(),
        CardKind::Resolve => "settle what failed or is in doubt".into(),
        CardKind::Cancel => "cancel the running statement".into(),
        CardKind::Consent => match facts::asks_to_lead(run) {
            Some(who) => format!("hand the lead over to {who}"),
            None => "hand the lead over".into(),
        },
    }
}

/// All lines of the card, above its confirming row.
pub(super) fn lines(scene: &Scene<'_>, card: &Card, width: u16) -> Vec<Line<'static>> {
    let mut page = Page {
        scene,
        width: width.saturating_sub(4),
        lines: Vec::new(),
    };
    match card.kind {
        CardKind::Advance => moves::advance(&mut page),
        CardKind::RollBack => moves::roll_back(&mut page),
        CardKind::Unwind => moves::unwind(&mut page),
        CardKind::Release => release(&mut page),
        CardKind::Sign => sign(&mut page, card),
        CardKind::Waive => waive(&mut page, card),
        CardKind::Answer => answer(&mut page),
        CardKind::Resolve => resolve(&mut page),
        CardKind::Cancel => cancel(&mut page),
        CardKind::Consent => consent(&mut page),
    }
    page.lines
}

/// The row that says which key does it, or what stands in the way.
pub(super) fn confirming(scene: &Scene<'_>, card: &Card) -> (Tone, String) {
    let keys = match card.kind {
        CardKind::Sign => "y signs GO, n signs NO-GO",
        CardKind::Resolve => "y takes it as done, n tries it again",
        CardKind::Consent => "y hands over, n keeps the lead",
        _ => "y does it",
    };
    match can::ready(scene.model, card) {
        Err(why) if scene.model.is_stale(card) => (Tone::Bad, why),
        _ if card.typing && card.kind == CardKind::Advance => {
            (Tone::Note, "the whole id, then y; Esc closes".into())
        }
        _ if card.typing => (
            Tone::Note,
            format!("Tab leaves the text, then {keys}; Esc closes"),
        ),
        Err(why) => (Tone::Warn, why),
        Ok(()) => (
            Tone::Note,
            format!("{keys}, Esc closes; Enter does nothing"),
        ),
    }
}

/// What has to be typed, where something has.
pub(super) fn prompt(scene: &Scene<'_>, card: &Card) -> Option<String> {
    match card.kind {
        CardKind::Advance if facts::no_return_ahead(&scene.snapshot.run) => {
            let id = &scene.snapshot.run.plan.body.cutover.id;
            Some(format!("no way back: type {id}"))
        }
        CardKind::Waive | CardKind::Resolve => Some("why (_ is a space)".into()),
        CardKind::Sign | CardKind::RollBack | CardKind::Unwind => {
            Some("why, if you like: Tab (_ is a space)".into())
        }
        _ => None,
    }
}

fn release(page: &mut Page<'_, '_>) {
    let run = &page.scene.snapshot.run;
    if let Some(hold) = &run.hold {
        page.heading("held");
        let why = if hold.reason.is_empty() {
            "no reason given"
        } else {
            &hold.reason
        };
        page.say(
            Tone::Plain,
            format!("by {} at {}: {why}", hold.by, format::clock(hold.at)),
        );
    }
    page.heading("goes on");
    match facts::focus(page.scene.snapshot) {
        facts::Focus::Task { task, .. } => page.say(Tone::Plain, format!("{task}")),
        facts::Focus::Question { task, .. } => {
            page.say(Tone::Plain, format!("{task}, tried again where it failed"));
        }
        _ => page.say(Tone::Plain, "nothing by itself: a advances"),
    }
}

fn sign(page: &mut Page<'_, '_>, card: &Card) {
    let run = &page.scene.snapshot.run;
    let gates = facts::to_sign(page.scene.snapshot);
    page.heading(if gates.len() > 1 {
        "gates to sign; j and k choose"
    } else {
        "gate"
    });
    for gate in &gates {
        page.gate(gate, Some(card.gate.as_ref() == Some(&gate.gate)));
        if let Some((_, planned)) = run.plan.gate(&gate.gate)
            && let Condition::Signoff { seats, valid_for } = &planned.condition
        {
            let seats: Vec<_> = seats.iter().map(|seat| seat.to_string()).collect();
            let valid = format::duration(*valid_for);
            page.say(
                Tone::Quiet,
                format!(
                    "  seats: {}; an answer counts for {valid}",
                    seats.join(", ")
                ),
            );
        }
    }
    page.heading("your signature is bound to");
    let hash = crate::report::sentence::short(&run.plan_hash);
    let seen = crate::report::sentence::short(&card.saw_hash);
    page.say(
        Tone::Plain,
        format!("plan {hash}, journal {seen} at event {}", card.saw),
    );
}

fn waive(page: &mut Page<'_, '_>, card: &Card) {
    let gates = facts::to_waive(page.scene.snapshot);
    page.heading(if gates.len() > 1 {
        "gates to waive; j and k choose"
    } else {
        "gate"
    });
    for gate in &gates {
        page.gate(gate, Some(card.gate.as_ref() == Some(&gate.gate)));
    }
    page.say(
        Tone::Warn,
        "a waiver stays visible for ever, with your name and reason",
    );
}

fn answer(page: &mut Page<'_, '_>) {
    if let Some((step, question)) = facts::asked(page.scene.snapshot) {
        page.heading(step.as_str());
        page.say(Tone::Plain, question);
    }
}

fn resolve(page: &mut Page<'_, '_>) {
    let run = &page.scene.snapshot.run;
    let Some((task, record)) = run.open_questions().next() else {
        return page.say(Tone::Plain, "nothing is open any more");
    };
    page.heading(&format!(
        "{task}: {}",
        facts::task_word(Some(&record.state))
    ));
    match &record.state {
        crate::run::TaskState::Failed(fault) => {
            page.say(Tone::Bad, fault.to_string());
            if let Some(hint) = &fault.hint {
                page.say(Tone::Plain, format!("hint: {hint}"));
            }
        }
        crate::run::TaskState::InDoubt(why) => page.say(Tone::Bad, why),
        _ => {}
    }
    page.task(task);
}

fn cancel(page: &mut Page<'_, '_>) {
    if let Some(task) = facts::running_statement(page.scene.snapshot) {
        page.heading("is cancelled now");
        page.task(task);
        page.say(
            Tone::Warn,
            "a transaction leaves nothing; a concurrent index build leaves an invalid index",
        );
    }
}

fn consent(page: &mut Page<'_, '_>) {
    let run = &page.scene.snapshot.run;
    let Some(who) = facts::asks_to_lead(run) else {
        return page.say(Tone::Plain, "nobody asks any more");
    };
    page.heading("asks to take over");
    page.say(Tone::Plain, format!("{who}"));
    page.heading("when you agree");
    page.say(
        Tone::Plain,
        "nothing new starts for 30 s; a chunk under way ends, then the other terminal leads",
    );
    page.say(Tone::Plain, "this one watches from then on");
}
