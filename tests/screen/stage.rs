//! A screen to try things on: a model that has watched for two minutes, keys
//! typed into it, and its picture as text.

use std::sync::Arc;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use jiff::SignedDuration;
use pgcutover::engine::snapshot::Snapshot;
use pgcutover::reading::Reading;
use pgcutover::tui::history::History;
use pgcutover::tui::model::{Dialog, Model};
use pgcutover::tui::update::{Command, Msg, update};
use pgcutover::tui::{Options, Theme, view};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::fixtures;

/// A screen that has watched for two minutes, with waves in its figures.
pub(crate) fn model(snapshot: Snapshot, size: (u16, u16), ascii: bool) -> Model {
    let options = Options {
        theme: Theme::new(true, ascii),
        frames: 10,
    };
    let snapshot = Arc::new(snapshot);
    let mut model = Model::new(Arc::clone(&snapshot), &options, fixtures::now(), size);
    model.history = History::default();
    let mut earlier = (*snapshot).clone();
    for second in (0..120_i32).rev() {
        earlier.now = fixtures::now() - SignedDuration::from_secs(second.into());
        let wave = 1.0 + 0.4 * (f64::from(second) / 9.0).sin();
        if let Some(backfill) = &mut earlier.backfill {
            backfill.rate = backfill.rate.map(|_| 4_100.0 * wave);
        }
        earlier.readings.wal_rate = Reading::measured(18e6 * wave, earlier.now);
        model.history.record(&earlier);
    }
    model
}

/// The same at 80x24, in Unicode.
pub(crate) fn usual(snapshot: Snapshot) -> Model {
    model(snapshot, (80, 24), false)
}

/// Draws it, and marks a card in it as shown, as the session does.
pub(crate) fn show(model: &mut Model) -> Buffer {
    let buffer = picture(model);
    if let Some(Dialog::Card(card)) = &model.dialog {
        let number = card.number;
        update(model, fixtures::now(), Msg::Shown(number));
    }
    buffer
}

/// The frame.
pub(crate) fn picture(model: &Model) -> Buffer {
    let (width, height) = model.size;
    let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
    view::draw(model, &mut buffer);
    buffer
}

/// The frame as text, a line each row.
pub(crate) fn text(model: &Model) -> String {
    let buffer = picture(model);
    let rows = (0..buffer.area.height).map(|y| {
        let cells = (0..buffer.area.width).map(|x| buffer[(x, y)].symbol());
        cells.collect::<String>().trim_end().to_owned()
    });
    rows.collect::<Vec<_>>().join("\n")
}

/// Types keys, each after a frame was shown: `\n` Enter, `\t` Tab, `\x1b` Esc.
pub(crate) fn press(model: &mut Model, keys: &str) -> Vec<Command> {
    let mut commands = Vec::new();
    for c in keys.chars() {
        let code = match c {
            '\n' => KeyCode::Enter,
            '\t' => KeyCode::Tab,
            '\x1b' => KeyCode::Esc,
            c => KeyCode::Char(c),
        };
        commands.extend(key(model, KeyEvent::from(code)));
        show(model);
    }
    commands
}

/// A character with Ctrl.
pub(crate) fn ctrl(model: &mut Model, c: char) -> Vec<Command> {
    key(
        model,
        KeyEvent::new(KeyCode::Char(c), KeyModifiers::CONTROL),
    )
}

fn key(model: &mut Model, key: KeyEvent) -> Vec<Command> {
    update(model, fixtures::now(), Msg::Key(key))
}
