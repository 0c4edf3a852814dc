//! What happened, newest first, by the journal.

use ratatui::text::Line;

use super::{Pane, Scene};
use crate::report::{format, sentence};

pub(super) fn pane(scene: &Scene<'_>, width: u16, limit: usize) -> Pane {
    let filter = &scene.model.filter;
    let events = scene.snapshot.events.iter().rev();
    let told = events.map(|event| (event, sentence::sentence(&event.kind)));
    let shown = told.filter(|(_, text)| filter.is_empty() || text.contains(filter.as_str()));
    let rows: Vec<Line<'static>> = shown
        .take(limit)
        .map(|(event, text)| {
            let tone = sentence::tone(&event.kind);
            let row = scene
                .row()
                .gap(1)
                .put(sentence::Tone::Quiet, format::clock(event.at))
                .gap(1)
                .put(tone, scene.theme.glyph(tone))
                .gap(1)
                .put(tone, text);
            row.fit(width).into()
        })
        .collect();
    Pane {
        title: match filter.as_str() {
            "" => "events, newest first".into(),
            filter => format!("events with `{filter}`"),
        },
        rows,
        ..Pane::default()
    }
}
