//! The phase rail: every phase with its mark, the current one in capitals.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::row::Row;
use super::{Scene, put};
use crate::run::{Outcome, Place};
use crate::tui::theme::Tone;

pub(super) fn draw(scene: &Scene<'_>, place: Rect, buf: &mut Buffer) {
    let run = &scene.snapshot.run;
    let phases = run.plan.phases();
    let here = run.phase_index();
    let marks: Vec<Row> = (0..phases.len()).map(|at| mark(scene, at)).collect();
    // Where not all fit, phases that are behind give way first.
    let fits = |first: usize| {
        let width: u16 = marks[first..].iter().map(|mark| mark.width() + 1).sum();
        width <= place.width + 1
    };
    let first = (0..here)
        .find(|first| fits(*first))
        .unwrap_or(here.min(phases.len() - 1));
    let mut row = scene.row();
    if first > 0 {
        row = row.put(Tone::Quiet, format!("{first} done "));
    }
    for (at, mark) in marks.into_iter().enumerate().skip(first) {
        row = if at > first { row.gap(1) } else { row };
        row = row.join(mark);
    }
    put(&row.fit(place.width).into(), place, 0, buf);
}

fn mark(scene: &Scene<'_>, at: usize) -> Row {
    let run = &scene.snapshot.run;
    let phase = &run.plan.phases()[at];
    let glyphs = scene.glyphs();
    let attempts = run.attempt(&phase.id);
    // Once the run is over there is no next attempt.
    let again = if attempts > 1 && run.outcome.is_none() {
        format!(" #{attempts}")
    } else {
        String::new()
    };
    let last = if phase.point_of_no_return { "!" } else { "" };
    let finished = run.outcome == Some(Outcome::Finished);
    let (tone, glyph, name) = match run.place {
        Place::In(here) if here == at && !finished => {
            (Tone::Note, glyphs.current, phase.id.as_str().to_uppercase())
        }
        Place::In(here) if at <= here => (Tone::Good, glyphs.done, phase.id.to_string()),
        Place::Before(here) if at < here => (Tone::Good, glyphs.done, phase.id.to_string()),
        Place::In(_) | Place::Before(_) => (Tone::Quiet, glyphs.open, phase.id.to_string()),
    };
    scene
        .row()
        .put(tone, format!("[{glyph}]{name}{last}{again}"))
}
