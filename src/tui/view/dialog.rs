//! What stands in front: cards, leave, help, palette, filter.
//!
//! Owns their frames; leaves the verdict and the answers in sight.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::{Clear, Widget};
use tui_input::Input;

use super::row::Row;
use super::{Scene, card, put, rule};
use crate::tui::keymap::{self, Context, KEYMAP};
use crate::tui::model::{Card, Dialog};
use crate::tui::theme::Tone;

pub(super) fn draw(scene: &Scene<'_>, front: &Dialog, place: Rect, buf: &mut Buffer) {
    match front {
        Dialog::Card(card) => draw_card(scene, card, place, buf),
        Dialog::Leave => leave(scene, place, buf),
        Dialog::Help => {
            let lines = help(scene, place.width);
            framed(scene, "keys", &lines, scene.model.scroll, &[], place, buf);
        }
        Dialog::Palette { text, choice } => palette(scene, text, *choice, place, buf),
        Dialog::Filter(text) => {
            let input = field(scene, "only events with", text, true);
            let hint = scene.row().gap(2).put(
                Tone::Quiet,
                "Enter takes it, Esc shows all again; SPACE still holds",
            );
            framed(
                scene,
                "filter events",
                &[input.into(), hint.into()],
                0,
                &[],
                place,
                buf,
            );
        }
    }
}

fn draw_card(scene: &Scene<'_>, front: &Card, place: Rect, buf: &mut Buffer) {
    let lines = card::lines(scene, front, place.width);
    let mut below = Vec::new();
    if let Some(prompt) = card::prompt(scene, front) {
        below.push(
            field(scene, &prompt, &front.text, front.typing)
                .fit(place.width)
                .into(),
        );
    }
    let (tone, text) = card::confirming(scene, front);
    let row = scene
        .row()
        .gap(2)
        .styled(scene.theme.chip(tone), format!(" {text} "));
    below.push(row.fit(place.width.saturating_sub(2)).into());
    let title = card::title(scene, front.kind);
    framed(scene, &title, &lines, front.scroll, &below, place, buf);
}

fn leave(scene: &Scene<'_>, place: Rect, buf: &mut Buffer) {
    let held = scene.snapshot.run.hold.is_some() || scene.snapshot.unrecorded_hold;
    let say = |tone, text: &str| Line::from(scene.row().gap(2).put(tone, text));
    let lines = [
        say(
            Tone::Plain,
            "y  hold and leave: running work stops at its next safe point, the program ends",
        ),
        say(
            Tone::Plain,
            "g  go on without this terminal: chunks, guards and gates go on; what needs a",
        ),
        say(
            Tone::Plain,
            "   person waits; plain lines here, `pgcutover status` elsewhere",
        ),
        say(Tone::Plain, "Esc stay"),
        say(
            Tone::Note,
            if held {
                "the run is held now"
            } else {
                "the run is not held now"
            },
        ),
    ];
    framed(scene, "leave", &lines, 0, &[], place, buf);
}

/// Every key, by where it means something.
pub(super) fn help(scene: &Scene<'_>, width: u16) -> Vec<Line<'static>> {
    let sections = [
        (Context::Everywhere, "always, in dialogs and in text too"),
        (Context::Main, "on the dashboard"),
        (Context::Card, "on a card"),
        (
            Context::Text,
            "while typing; _ writes a space, SPACE still holds",
        ),
        (Context::Leave, "when asked how to leave"),
    ];
    let mut lines = Vec::new();
    for (context, title) in sections {
        lines.push(scene.row().styled(scene.theme.title(false), title).into());
        for binding in KEYMAP.iter().filter(|row| row.context == context) {
            let text = super::row::wrap(binding.help, width.saturating_sub(16));
            for (at, line) in text.into_iter().enumerate() {
                let key = if at == 0 {
                    binding.key_names()
                } else {
                    String::new()
                };
                let row = scene
                    .row()
                    .gap(2)
                    .cell(Tone::Note, key, 12)
                    .put(Tone::Plain, line);
                lines.push(row.into());
            }
        }
    }
    lines
}

fn palette(scene: &Scene<'_>, text: &Input, choice: usize, place: Rect, buf: &mut Buffer) {
    let rows = keymap::palette(text.value());
    let lines: Vec<Line<'static>> = rows
        .iter()
        .enumerate()
        .map(|(at, binding)| {
            let able = (binding.can)(scene.model);
            let tone = if able.is_ok() {
                Tone::Plain
            } else {
                Tone::Quiet
            };
            let help = able.err().unwrap_or_else(|| binding.help.into());
            let cursor = if at == choice {
                scene.glyphs().cursor
            } else {
                " "
            };
            let row = scene
                .row()
                .put(Tone::Note, cursor)
                .gap(1)
                .cell(Tone::Note, binding.key_names(), 8)
                .cell(tone, binding.word, 14)
                .put(tone, help);
            row.fit(place.width).into()
        })
        .collect();
    let first = choice.saturating_sub(usize::from(place.height.saturating_sub(5)));
    let input = field(scene, ":", text, true);
    framed(
        scene,
        "actions; Enter runs the chosen one",
        &lines,
        first,
        &[input.into()],
        place,
        buf,
    );
}

/// A line of text with its cursor.
fn field(scene: &Scene<'_>, name: &str, text: &Input, typing: bool) -> Row {
    let row = scene.row().gap(2).put(Tone::Note, name).gap(1);
    let value = text.value();
    if !typing {
        return row.put(Tone::Plain, value);
    }
    let before: String = value.chars().take(text.cursor()).collect();
    let under = value.chars().nth(text.cursor()).unwrap_or(' ');
    let after: String = value.chars().skip(text.cursor() + 1).collect();
    row.put(Tone::Plain, before)
        .styled(scene.theme.chip(Tone::Plain), under.to_string())
        .put(Tone::Plain, after)
}

/// Lines between two rules, as high as they need, the last ones (what
/// confirms) always in sight.
fn framed(
    scene: &Scene<'_>,
    title: &str,
    lines: &[Line<'static>],
    scroll: usize,
    below: &[Line<'static>],
    place: Rect,
    buf: &mut Buffer,
) {
    let wanted = lines.len() + below.len() + 2;
    let place = Rect {
        height: place.height.min(u16::try_from(wanted).unwrap_or(u16::MAX)),
        ..place
    };
    Clear.render(place, buf);
    let end = u16::try_from(below.len() + 1).unwrap_or(u16::MAX);
    let room = usize::from(place.height.saturating_sub(end + 1));
    let first = scroll.min(lines.len().saturating_sub(room));
    let hidden = lines.len() > room;
    let note = if hidden {
        // Letters go into the text where there is one; arrows never do.
        let keys = match keymap::context(scene.model) {
            Context::Text => "arrows",
            _ => "j k",
        };
        format!("{}-{} of {}: {keys}", first + 1, first + room, lines.len())
    } else {
        String::new()
    };
    rule(scene, title, &note, true, place, buf);
    for (at, line) in lines.iter().skip(first).take(room).enumerate() {
        put(line, place, at as u16 + 1, buf);
    }
    let base = place.height.saturating_sub(end);
    for (at, line) in below.iter().enumerate() {
        put(line, place, base + at as u16, buf);
    }
    let bottom = Rect {
        y: place.bottom().saturating_sub(1),
        height: u16::from(place.height > 1),
        ..place
    };
    let whole = scene.glyphs().rule.repeat(usize::from(place.width));
    put(&scene.row().put(Tone::Quiet, whole).into(), bottom, 0, buf);
}
