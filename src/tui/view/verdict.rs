//! Row 2: the state's name, in a place that never moves, and why.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{Scene, put};
use crate::engine::snapshot::{Link, State};
use crate::report::format;
use crate::tui::model::OLD;
use crate::tui::theme::Tone;

/// As wide as the longest state's name, with a column on each side.
const NAME: u16 = 15;

pub(super) fn draw(scene: &Scene<'_>, place: Rect, buf: &mut Buffer) {
    let snapshot = scene.snapshot;
    let state = shown(scene);
    let tone = tone(state);
    let name = format!(" {:<1$}", state.word(), usize::from(NAME) - 1);
    let row = scene
        .row()
        .styled(scene.theme.chip(tone), name)
        .gap(1)
        .put(Tone::Plain, sentence(scene));
    let row = if snapshot.unrecorded_hold {
        row.put(Tone::Warn, " (hold not yet recorded)")
    } else {
        row
    };
    put(&row.fit(place.width).into(), place, 0, buf);
}

/// A picture that has not been renewed cannot vouch for its state.
fn shown(scene: &Scene<'_>) -> State {
    match (&scene.snapshot.link, scene.model.old()) {
        (Link::Up, None) => scene.snapshot.state,
        // Read from the lease a moment ago, whatever the lead said last.
        (Link::Up, _) if scene.snapshot.state == State::NoLead && !unheard(scene) => State::NoLead,
        _ => State::Reconnecting,
    }
}

/// No snapshot comes any more, whatever the newest one says.
fn unheard(scene: &Scene<'_>) -> bool {
    scene.model.unseen() >= OLD
}

fn sentence(scene: &Scene<'_>) -> String {
    match (&scene.snapshot.link, scene.model.old()) {
        (Link::Down { error, .. }, Some(age)) => {
            format!(
                "no journal for {}, below is the past: {error}",
                format::age(age)
            )
        }
        // Nobody could have said anything newer.
        (Link::Up, Some(_)) if scene.snapshot.state == State::NoLead && !unheard(scene) => {
            scene.snapshot.verdict.clone()
        }
        (Link::Up, Some(age)) => {
            let who = if unheard(scene) {
                "nothing"
            } else {
                "nothing from the lead"
            };
            let age = format::age(age);
            format!("{who} heard for {age}, below is the past")
        }
        _ => scene.snapshot.verdict.clone(),
    }
}

/// How much a state matters.
pub(super) fn tone(state: State) -> Tone {
    match state {
        State::Running | State::Finished => Tone::Good,
        State::NotStarted
        | State::Paused
        | State::Soaking
        | State::WaitingFor
        | State::WindowClosed
        | State::RolledBack => Tone::Note,
        State::Throttled | State::Stalled | State::Holding | State::Held | State::RollingBack => {
            Tone::Warn
        }
        State::InDoubt | State::Stuck | State::NoLead | State::Reconnecting => Tone::Bad,
    }
}
