//! What whoever takes the wheel has to know: the report's handover card as a page.

use ratatui::text::Line;

use super::row::wrap;
use super::{Pane, Scene};
use crate::report::handover;
use crate::tui::theme::Tone;

/// Columns of the headings.
const HEADINGS: u16 = 12;

pub(super) fn pane(scene: &Scene<'_>, width: u16) -> Pane {
    let mut rows: Vec<Line<'static>> = Vec::new();
    for section in handover::card(scene.snapshot) {
        let mut title = section.title;
        for (tone, text) in section.lines {
            for line in wrap(&text, width.saturating_sub(HEADINGS + 2)) {
                let row = scene.row().gap(1).cell(Tone::Quiet, title, HEADINGS);
                rows.push(row.put(tone, line).fit(width).into());
                title = "";
            }
        }
    }
    Pane {
        title: "handover".into(),
        rows,
        key: 'H',
        ..Pane::default()
    }
}
