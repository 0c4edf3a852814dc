//! The screen by snapshots: sizes, states, glyphs, styles.

use std::fmt::Write as _;
use std::sync::Arc;

use pgcutover::engine::snapshot::Snapshot;
use pgcutover::tui::model::Model;
use pgcutover::tui::{Options, Theme, view};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

mod fixtures;
mod plan;

#[test]
fn look() {
    let (w, h) = std::env::var("SIZE")
        .ok()
        .and_then(|s| {
            let (w, h) = s.split_once('x')?;
            Some((w.parse().ok()?, h.parse().ok()?))
        })
        .unwrap_or((80, 24));
    let only = std::env::var("ONLY").ok();
    for state in fixtures::STATES {
        if only.as_ref().is_some_and(|o| o != state.word()) {
            continue;
        }
        let m = model(fixtures::snapshot(state), (w, h), false);
        eprintln!("=== {}\n{}", state.word(), text(&m));
    }
}

/// A screen that has watched for two minutes.
pub fn model(snapshot: Snapshot, size: (u16, u16), ascii: bool) -> Model {
    let options = Options {
        theme: Theme::new(true, ascii),
        frames: 10,
    };
    let snapshot = Arc::new(snapshot);
    let mut model = Model::new(Arc::clone(&snapshot), &options, fixtures::now(), size);
    let mut earlier = (*snapshot).clone();
    model.history = Default::default();
    for second in (0..120).rev() {
        earlier.now = fixtures::now() - jiff::SignedDuration::from_secs(second);
        let wave = 1.0 + 0.4 * ((second as f64) / 9.0).sin();
        if let Some(b) = &mut earlier.backfill {
            b.rate = b.rate.map(|_| 4100.0 * wave);
        }
        earlier.readings.wal_rate =
            pgcutover::reading::Reading::measured(18.0e6 * wave, earlier.now);
        model.history.record(&earlier);
    }
    model.history.record(&snapshot);
    model
}

/// The screen as text.
pub fn text(model: &Model) -> String {
    let (w, h) = model.size;
    let mut buffer = Buffer::empty(Rect::new(0, 0, w, h));
    view::draw(model, &mut buffer);
    let mut out = String::new();
    for y in 0..h {
        let line: String = (0..w).map(|x| buffer[(x, y)].symbol()).collect();
        writeln!(out, "{}", line.trim_end()).unwrap();
    }
    out
}

fn keys(model: &mut Model, keys: &str) {
    use crossterm::event::{KeyCode, KeyEvent};
    for c in keys.chars() {
        let code = match c {
            '\n' => KeyCode::Enter,
            '\t' => KeyCode::Tab,
            '\x1b' => KeyCode::Esc,
            c => KeyCode::Char(c),
        };
        pgcutover::tui::update::update(
            model,
            fixtures::now(),
            pgcutover::tui::update::Msg::Key(KeyEvent::from(code)),
        );
    }
}
#[test]
fn cards() {
    use pgcutover::engine::snapshot::State;
    for (state, k) in [
        (State::WaitingFor, "a"),
        (State::Soaking, "b"),
        (State::WaitingFor, "s"),
        (State::Running, "?"),
        (State::Running, ":pa"),
        (State::Running, "q"),
        (State::Held, "r"),
        (State::InDoubt, "o"),
        (State::Running, "t"),
        (State::Running, "m"),
        (State::Running, "c"),
        (State::RollingBack, "w"),
        (State::RollingBack, "U"),
    ] {
        let mut m = model(fixtures::snapshot(state), (80, 24), false);
        keys(&mut m, k);
        eprintln!("=== {} {k:?}\n{}", state.word(), text(&m));
    }
    let mut m = model(fixtures::before_contract(), (80, 24), false);
    keys(&mut m, "ausers");
    eprintln!("=== contract\n{}", text(&m));
    let mut m = model(fixtures::comparing(), (80, 24), false);
    keys(&mut m, "d");
    eprintln!("=== comparing\n{}", text(&m));
}
