//! The keys that matter now, and the line above them for answers.

use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::row::Row;
use super::{Scene, put};
use crate::reading::elapsed;
use crate::report::handover;
use crate::tui::keymap;
use crate::tui::layout::{self, Panel};
use crate::tui::theme::Tone;

/// For how long other terminals are told who has taken the lead.
const LATELY: Duration = Duration::from_secs(120);

/// The newest answer, or what is waited for.
pub(super) fn message(scene: &Scene<'_>, place: Rect, buf: &mut Buffer) {
    if let Some(row) = answer(scene) {
        put(&row.fit(place.width).into(), place, 0, buf);
    }
}

fn answer(scene: &Scene<'_>) -> Option<Row> {
    let model = scene.model;
    if let Some(notice) = &model.notice {
        let row = scene
            .row()
            .gap(1)
            .put(notice.tone, scene.theme.glyph(notice.tone));
        return Some(row.gap(1).put(notice.tone, &notice.text));
    }
    if let (None, Some(text)) = (&model.dialog, of_the_lead(scene)) {
        let glyph = scene.theme.glyph(Tone::Warn);
        let row = scene.row().gap(1).put(Tone::Warn, glyph).gap(1);
        return Some(row.put(Tone::Warn, text));
    }
    let (_, ask) = model.pending.last()?;
    Some(
        scene
            .row()
            .gap(3)
            .put(Tone::Quiet, format!("{}: no answer yet", ask.verb())),
    )
}

/// Who asks for the lead or, at any other terminal, who has taken it lately.
fn of_the_lead(scene: &Scene<'_>) -> Option<String> {
    let lead = scene.snapshot.run.lead.as_ref()?;
    if scene.snapshot.leads() {
        let who = lead.asked.as_ref()?;
        return Some(format!("{} asks to take over the lead: T answers", who.by));
    }
    let lately = lead.took_over() && elapsed(lead.mark.at, scene.now) < LATELY;
    lately.then(|| handover::succeeded(lead))
}

/// Keys with their words, as many as fit; greyed where they cannot act.
pub(super) fn draw(scene: &Scene<'_>, place: Rect, buf: &mut Buffer) {
    let has_message = layout::arrange(buf.area).get(Panel::Message).is_some();
    if let (false, Some(answer)) = (has_message, answer(scene)) {
        return put(&answer.fit(place.width).into(), place, 0, buf);
    }
    put(&keys(scene, place.width).into(), place, 0, buf);
}

/// What gives way where not all fit, in order; the rest is what everybody
/// has to find.
const GIVES_WAY: [&str; 3] = ["pace", "locks", "pause"];

/// The footer's row: neighbours with one word share it, as in `-/+ pace`.
fn keys(scene: &Scene<'_>, width: u16) -> Row {
    let mut rows = keymap::footer(scene.model).peekable();
    let mut shown: Vec<(&str, Row)> = Vec::new();
    while let Some((binding, able)) = rows.next() {
        let mut name = binding.keys[0].name();
        while let Some((next, _)) = rows.next_if(|(next, _)| next.word == binding.word) {
            name = format!("{name}/{}", next.keys[0].name());
        }
        shown.push((binding.word, word(scene, &name, binding.word, able)));
    }
    // A way back goes on under a hold: what does stop it stands first.
    let cancel = shown.iter().position(|(word, _)| *word == "cancel");
    if let (Some(_), Some(at)) = (&scene.snapshot.run.rollback, cancel) {
        shown[..=at].rotate_right(1);
    }
    for gives_way in GIVES_WAY {
        if whole(&shown) > width {
            shown.retain(|(word, _)| *word != gives_way);
        }
    }
    // Still too much: hold stays first, help and leave last.
    while whole(&shown) > width && shown.len() > 3 {
        shown.remove(shown.len() - 3);
    }
    let mut out = scene.row();
    for (at, (_, row)) in shown.into_iter().enumerate() {
        out = if at > 0 { out.gap(2) } else { out }.join(row);
    }
    out.fit(width)
}

/// A key and its word; greyed where it cannot act.
fn word(scene: &Scene<'_>, key: &str, word: &str, able: bool) -> Row {
    if able {
        let style = scene.theme.style(Tone::Note);
        let row = scene.row().styled(style, key);
        row.put(Tone::Plain, format!(" {word}"))
    } else {
        scene.row().put(Tone::Quiet, format!("{key} {word}"))
    }
}

/// Columns of all, with two between each.
fn whole(shown: &[(&str, Row)]) -> u16 {
    let words = shown.iter().map(|(_, row)| row.width() + 2);
    words.sum::<u16>().saturating_sub(2)
}
