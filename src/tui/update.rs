//! How the screen's model changes: pure, (model, time, message) to commands.
//!
//! Owns what each action does to the screen and which request it sends; never
//! touches a terminal, a clock or a channel. Enter never confirms; a card is
//! confirmed only after it was drawn and while its state is the state now.

use std::sync::Arc;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use jiff::Timestamp;
use tui_input::{Input, InputRequest};

use super::keymap::{self, Action};
use super::layout::Panel;
use super::model::{CardKind, Dialog, Model, Notice};
use super::theme::Tone;
use super::{Leave, Request, can, facts, view};
use crate::engine::message::{Ask, Reply};
use crate::engine::snapshot::Snapshot;
use crate::run::event::Answer;

mod cards;
mod steer;

/// How long an answer stands on the screen, in seconds.
const NOTICE: u64 = 8;

/// What may happen to a screen.
#[derive(Debug, Clone)]
pub enum Msg {
    /// A newer picture.
    Snapshot(Arc<Snapshot>),
    /// A key.
    Key(KeyEvent),
    /// Text was pasted: dropped.
    Paste,
    /// The terminal has this many columns and rows.
    Resize(u16, u16),
    /// Time has passed.
    Tick,
    /// The frame with the card of this number was written to the terminal.
    Shown(u64),
    /// The process was asked to end (SIGTERM).
    Terminate,
}

/// What a message asks of the world.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Put this on the wire.
    Send(Request),
    /// Leave the screen.
    Leave(Leave),
    /// Forget what the terminal shows and draw all of it.
    Redraw,
}

/// Changes the model by one message; `now` is this terminal's clock.
pub fn update(model: &mut Model, now: Timestamp, msg: Msg) -> Vec<Command> {
    model.clock = now;
    match msg {
        Msg::Snapshot(snapshot) => take(model, snapshot),
        Msg::Key(key) => press(model, key),
        Msg::Paste => {
            let typed = matches!(keymap::context(model), keymap::Context::Text);
            let why = match typed {
                true => "pasted text is dropped: type it by hand",
                false => "pasted text is dropped: nothing was done",
            };
            tell(model, Tone::Note, why);
            Vec::new()
        }
        Msg::Resize(columns, rows) => {
            model.size = (columns, rows);
            vec![Command::Redraw]
        }
        Msg::Tick => {
            expire(model);
            Vec::new()
        }
        Msg::Shown(number) => {
            if let Some(Dialog::Card(card)) = &mut model.dialog {
                card.shown |= card.number == number;
            }
            Vec::new()
        }
        Msg::Terminate => steer::leave_by_force(model),
    }
}

/// A newer picture: history, answers.
fn take(model: &mut Model, snapshot: Arc<Snapshot>) -> Vec<Command> {
    model.received = model.clock;
    model.history.record(&snapshot);
    let answered: Vec<(String, Tone)> = snapshot
        .replies
        .iter()
        .filter_map(|(id, reply)| {
            let at = model
                .pending
                .iter()
                .position(|(pending, _)| pending == id)?;
            let (_, ask) = model.pending.remove(at);
            Some(answer_line(&ask, reply))
        })
        .collect();
    model.snapshot = snapshot;
    for (text, tone) in answered {
        tell(model, tone, text);
    }
    Vec::new()
}

fn answer_line(ask: &Ask, reply: &Reply) -> (String, Tone) {
    let verb = ask.verb();
    match reply {
        Reply::Accepted => (format!("{verb}: accepted"), Tone::Good),
        Reply::NotYetRecorded => (
            format!("{verb}: acts already, not yet recorded in the journal"),
            Tone::Warn,
        ),
        Reply::Refused(why) => (format!("{verb} refused: {why}"), Tone::Warn),
        Reply::Unanswered(what) => (format!("{verb}: {what}"), Tone::Warn),
    }
}

fn expire(model: &mut Model) {
    let over =
        |notice: &Notice| crate::reading::elapsed(notice.at, model.clock).as_secs() >= NOTICE;
    if model.notice.as_ref().is_some_and(over) {
        model.notice = None;
    }
}

fn tell(model: &mut Model, tone: Tone, text: impl Into<String>) {
    model.notice = Some(Notice {
        text: text.into(),
        tone,
        at: model.clock,
    });
}

fn press(model: &mut Model, key: KeyEvent) -> Vec<Command> {
    match keymap::lookup(model, &key) {
        Some(Ok(action)) => act(model, action),
        Some(Err(why)) => {
            tell(model, Tone::Note, why);
            Vec::new()
        }
        None => {
            type_key(model, &key);
            Vec::new()
        }
    }
}

/// Does an action that can act.
fn act(model: &mut Model, action: Action) -> Vec<Command> {
    match action {
        Action::Hold => steer::hold(model),
        Action::Interrupt => steer::interrupt(model),
        Action::Redraw => vec![Command::Redraw],
        Action::Resume => vec![steer::ask(model, Ask::Resume)],
        Action::Pause => vec![steer::ask(model, Ask::Pause)],
        Action::Slower | Action::Faster => steer::pace(model, action == Action::Faster),
        Action::Fewer | Action::More => steer::workers(model, action == Action::More),
        Action::Leave => steer::leave(model),
        Action::HoldAndLeave => steer::leave_by_force(model),
        Action::GoOn => vec![Command::Leave(Leave::GoOnWithoutTerminal)],
        Action::Confirm => cards::confirm(model, Answer::Go),
        Action::Deny => cards::confirm(model, Answer::NoGo),
        Action::Accept => accept(model),
        other => {
            look(model, other);
            Vec::new()
        }
    }
}

/// Actions that change the screen alone.
fn look(model: &mut Model, action: Action) {
    match action {
        Action::Release => cards::open(model, CardKind::Release),
        Action::Advance => cards::open(model, CardKind::Advance),
        Action::Sign => cards::open(model, CardKind::Sign),
        Action::RollBack => cards::open(model, CardKind::RollBack),
        Action::Unwind => cards::open(model, CardKind::Unwind),
        Action::Waive => cards::open(model, CardKind::Waive),
        Action::Cancel => cards::open(model, CardKind::Cancel),
        Action::Consent => cards::open(model, CardKind::Consent),
        Action::Answer if can::is_doubt(model) => cards::open(model, CardKind::Resolve),
        Action::Answer => cards::open(model, CardKind::Answer),
        Action::Open(panel) => {
            model.page = (model.page != Some(panel)).then_some(panel);
            model.scroll = 0;
        }
        Action::Full => model.full = !model.full,
        Action::Filter => {
            model.dialog = Some(Dialog::Filter(Input::new(model.filter.clone())));
        }
        Action::Palette => {
            model.dialog = Some(Dialog::Palette {
                text: Input::default(),
                choice: 0,
            });
        }
        Action::Help => {
            model.scroll = 0;
            model.dialog = Some(Dialog::Help);
        }
        Action::Down => step(model, 1),
        Action::Up => step(model, -1),
        Action::PageDown => step(model, 10),
        Action::PageUp => step(model, -10),
        Action::LookAgain => cards::look_again(model),
        Action::Text => cards::toggle_text(model),
        Action::Close => close(model),
        _ => {}
    }
}

/// Moves what moves here: a card's gate or lines, the palette's choice, a
/// page's lines, or the chosen step.
fn step(model: &mut Model, by: isize) {
    let extent = view::extent(model);
    let moved = |at: usize| at.saturating_add_signed(by).min(extent.saturating_sub(1));
    if let Some(Dialog::Card(card)) = &mut model.dialog {
        cards::step(card, &model.snapshot, by, extent);
        return;
    }
    match &mut model.dialog {
        Some(Dialog::Palette { choice, .. }) => *choice = moved(*choice),
        Some(Dialog::Help) => model.scroll = moved(model.scroll),
        Some(_) => {}
        None if matches!(model.page, None | Some(Panel::Steps)) => choose(model, by),
        None => model.scroll = moved(model.scroll),
    }
}

fn choose(model: &mut Model, by: isize) {
    let last = facts::steps(&model.snapshot.run).count().saturating_sub(1);
    let from = model
        .selected
        .unwrap_or_else(|| view::steps::current(&model.snapshot));
    model.selected = Some(from.saturating_add_signed(by).min(last));
}

fn close(model: &mut Model) {
    if let Some(Dialog::Filter(_)) = model.dialog {
        model.filter.clear();
    }
    if model.dialog.take().is_none() {
        model.page = None;
        model.full = false;
        model.selected = None;
    }
    model.scroll = 0;
}

/// Enter: takes a filter, or runs the palette's choice as its key would.
fn accept(model: &mut Model) -> Vec<Command> {
    match model.dialog.take() {
        Some(Dialog::Filter(text)) => {
            text.value().clone_into(&mut model.filter);
            model.page = Some(Panel::Events);
            model.scroll = 0;
            Vec::new()
        }
        Some(Dialog::Palette { text, choice }) => {
            let rows = keymap::palette(text.value());
            let Some(row) = rows.get(choice) else {
                return Vec::new();
            };
            match (row.can)(model) {
                Ok(()) => act(model, row.action),
                Err(why) => {
                    tell(model, Tone::Note, format!("{}: {why}", row.word));
                    Vec::new()
                }
            }
        }
        other => {
            model.dialog = other;
            tell(
                model,
                Tone::Note,
                "Enter never confirms: Tab leaves the text, then y",
            );
            Vec::new()
        }
    }
}

/// A key that is none of the table's: text, where text is typed.
fn type_key(model: &mut Model, key: &KeyEvent) {
    let Some(request) = edit(key) else { return };
    match &mut model.dialog {
        Some(Dialog::Card(card)) if card.typing => {
            card.text.handle(request);
            cards::complete(model);
        }
        Some(Dialog::Filter(text)) => {
            text.handle(request);
        }
        Some(Dialog::Palette { text, choice }) => {
            text.handle(request);
            *choice = 0;
        }
        _ => {}
    }
}

/// What a key does to a line of text.
fn edit(key: &KeyEvent) -> Option<InputRequest> {
    let ctrl = key.modifiers.contains(KeyModifiers::CONTROL);
    match key.code {
        KeyCode::Char('w') if ctrl => Some(InputRequest::DeletePrevWord),
        KeyCode::Char('u') if ctrl => Some(InputRequest::DeleteLine),
        KeyCode::Char(c) if !ctrl => Some(InputRequest::InsertChar(c)),
        KeyCode::Backspace => Some(InputRequest::DeletePrevChar),
        KeyCode::Delete => Some(InputRequest::DeleteNextChar),
        KeyCode::Left => Some(InputRequest::GoToPrevChar),
        KeyCode::Right => Some(InputRequest::GoToNextChar),
        KeyCode::Home => Some(InputRequest::GoToStart),
        KeyCode::End => Some(InputRequest::GoToEnd),
        _ => None,
    }
}
