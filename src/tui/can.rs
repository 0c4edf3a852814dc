//! Owns whether an action can act now, and the reason why not; never acts.
//! The engine decides again: this only spares a person a refused request.

use super::facts;
use super::model::{Card, CardKind, Dialog, Model};
use crate::engine::snapshot::{Link, State, UndoView};
use crate::run::TaskState;
use crate::runbook::Action;

/// Able, or the reason why not.
pub type Able = Result<(), String>;

fn no(reason: impl Into<String>) -> Able {
    Err(reason.into())
}

/// Always.
pub fn always(_: &Model) -> Able {
    Ok(())
}

/// While the run has not ended.
pub fn hold(model: &Model) -> Able {
    match model.snapshot.run.outcome {
        Some(_) => no("the run has ended: nothing runs"),
        None => Ok(()),
    }
}

/// Whatever goes on or changes: not after the end, not without a link or a lead.
fn steer(model: &Model) -> Able {
    hold(model)?;
    model.snapshot.terminal.may_ask()?;
    match &model.snapshot.link {
        Link::Down { .. } => no("the journal cannot be reached; only hold works"),
        Link::Up if model.snapshot.state == State::NoLead => {
            no("nobody leads this run, so nobody answers")
        }
        Link::Up => Ok(()),
    }
}

/// A hold is there.
pub fn release(model: &Model) -> Able {
    steer(model)?;
    if model.snapshot.run.hold.is_none() {
        return no("nothing is held or paused");
    }
    Ok(())
}

/// A pause is there.
pub fn resume(model: &Model) -> Able {
    steer(model)?;
    if model.snapshot.run.pause.is_none() {
        return no("nothing is held or paused");
    }
    Ok(())
}

/// A backfill runs or comes, and is not paused.
pub fn pause(model: &Model) -> Able {
    steer(model)?;
    if model.snapshot.run.pause.is_some() {
        return no("paused already: r resumes");
    }
    pace(model)
}

/// A backfill is in the current phase and not done.
pub fn pace(model: &Model) -> Able {
    steer(model)?;
    let run = &model.snapshot.run;
    let here = facts::steps(run).any(|(phase, step)| {
        phase == run.phase_index()
            && matches!(step.action(), Action::Backfill(_))
            && !run.is_done(&crate::run::event::Task::forward(step.id().clone()))
    });
    if here {
        Ok(())
    } else {
        no("there is no backfill to pace in this phase")
    }
}

/// There is a boundary ahead; its card says what is missing.
pub fn advance(model: &Model) -> Able {
    steer(model)?;
    let run = &model.snapshot.run;
    if let Some((task, _)) = run.open_question() {
        return no(format!("{task} waits for a decision: o"));
    }
    if run.rollback.is_some() {
        return no("a rollback is under way");
    }
    if facts::next_phase(run).is_none() {
        return no("this is the last phase: the run ends by itself");
    }
    Ok(())
}

/// Something was entered and can go back.
pub fn roll_back(model: &Model) -> Able {
    steer(model)?;
    let run = &model.snapshot.run;
    if let Some(step) = run.past_no_return() {
        return no(format!(
            "roll forward only: {} cannot be taken back",
            step.id()
        ));
    }
    if run.rollback.is_some() {
        return no("a rollback is under way already");
    }
    if facts::last_entered(run).is_none() {
        return no("nothing has been entered: there is nothing to take back");
    }
    possible(&model.snapshot.undo)
}

/// Something is left that going back to the start takes away.
pub fn unwind(model: &Model) -> Able {
    steer(model)?;
    possible(&model.snapshot.unwind)
}

fn possible(undo: &UndoView) -> Able {
    match &undo.impossible {
        Some(why) => no(why.clone()),
        None => Ok(()),
    }
}

/// A gate that stands next waits for a signature.
pub fn sign(model: &Model) -> Able {
    steer(model)?;
    if facts::to_sign(&model.snapshot).is_empty() {
        return no("no gate waits for a signature");
    }
    Ok(())
}

/// A gate that stands next does not open and may be waived.
pub fn waive(model: &Model) -> Able {
    steer(model)?;
    if facts::to_waive(&model.snapshot).is_empty() {
        return no("no closed gate here may be waived");
    }
    Ok(())
}

/// A manual step, a failure or a doubt waits for a person.
pub fn answer(model: &Model) -> Able {
    steer(model)?;
    let open = model.snapshot.run.open_questions().next().is_some();
    if open || facts::asked(&model.snapshot).is_some() {
        return Ok(());
    }
    no("nothing waits for an answer")
}

/// A statement goes on although the run is held; a way back goes on anyway.
pub fn cancel(model: &Model) -> Able {
    steer(model)?;
    let snapshot = &model.snapshot;
    if facts::running_statement(snapshot).is_none() {
        return no("no statement runs");
    }
    let back = snapshot.run.rollback.is_some();
    if !back && snapshot.run.hold.is_none() && !snapshot.unrecorded_hold {
        return no("hold first: SPACE");
    }
    Ok(())
}

/// Somebody asks to take over, and it is ours to give.
pub fn consent(model: &Model) -> Able {
    steer(model)?;
    let snapshot = &model.snapshot;
    if !snapshot.leads() {
        return no("this terminal does not lead");
    }
    match facts::asks_to_lead(&snapshot.run) {
        Some(_) => Ok(()),
        None => no("nobody asks to take over"),
    }
}

/// No page stands in front of the way out.
pub fn leave(model: &Model) -> Able {
    match model.page {
        Some(_) => no("a page is open"),
        None => Ok(()),
    }
}

/// A page is open.
pub fn page(model: &Model) -> Able {
    match model.page {
        Some(_) => Ok(()),
        None => no("no page is open; w opens one, for example"),
    }
}

/// The lead must not be stopped.
pub fn suspend(model: &Model) -> Able {
    if model.snapshot.leads() {
        no("refused: a stopped lead would keep its locks; SPACE holds, q leaves")
    } else {
        no("not here: q leaves")
    }
}

/// The open card can be confirmed.
pub fn confirm(model: &Model) -> Able {
    let Some(Dialog::Card(card)) = &model.dialog else {
        return no("nothing to confirm");
    };
    if !card.shown {
        return no("not shown yet: look first");
    }
    ready(model, card)
}

/// The card could be confirmed once it has been seen.
pub fn ready(model: &Model, card: &Card) -> Able {
    if model.is_stale(card) {
        return no("the state has changed under this card: u looks again, Esc closes");
    }
    let snapshot = &model.snapshot;
    match card.kind {
        CardKind::Advance => {
            if let Some(why) = facts::advance_blockers(snapshot).first() {
                return no(format!("cannot advance: {why}"));
            }
            let id = &snapshot.run.plan.body.cutover.id;
            if facts::no_return_ahead(&snapshot.run) && card.text.value() != id {
                return no(format!("type {id} first: there is no way back from there"));
            }
            Ok(())
        }
        CardKind::RollBack => roll_back(model),
        CardKind::Unwind => unwind(model),
        CardKind::Release => release(model),
        CardKind::Sign => sign(model),
        CardKind::Waive => waive(model).and_then(|()| reason(card.text.value())),
        CardKind::Answer => answer(model),
        CardKind::Resolve => answer(model).and_then(|()| reason(card.text.value())),
        CardKind::Cancel => cancel(model),
        CardKind::Consent => consent(model),
    }
}

/// The open card has a second answer, and it can be given.
pub fn deny(model: &Model) -> Able {
    match &model.dialog {
        Some(Dialog::Card(card))
            if matches!(
                card.kind,
                CardKind::Sign | CardKind::Resolve | CardKind::Consent
            ) =>
        {
            confirm(model)
        }
        _ => no("Esc closes without doing anything"),
    }
}

fn reason(text: &str) -> Able {
    if text.trim_matches(['_', ' ']).is_empty() {
        return no("a reason has to be typed first: Tab goes to the text");
    }
    Ok(())
}

/// Whether the open question is a failure or a doubt rather than a manual step.
pub fn is_doubt(model: &Model) -> bool {
    let mut open = model.snapshot.run.open_questions();
    open.any(|(_, record)| matches!(record.state, TaskState::Failed(_) | TaskState::InDoubt(_)))
}
