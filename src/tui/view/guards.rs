//! Guards and signals, worst first: is production hurting?
//!
//! Owns how they are drawn, in columns that never move; what they say is
//! [`signals`]'.

use std::time::Duration;

use ratatui::text::Line;

use super::row::Row;
use super::signals::{self, Watched};
use super::{Pane, Scene};
use crate::report::format;
use crate::tui::history::SPAN;
use crate::tui::theme::Tone;

/// Columns of everything but the figure over time.
const FIXED: u16 = 69;

pub(super) fn pane(scene: &Scene<'_>, width: u16) -> Pane {
    let spark = match width.saturating_sub(FIXED) {
        0..6 => 0,
        room => room.min(30),
    };
    let rows: Vec<Line<'static>> = signals::watched(scene)
        .iter()
        .map(|watched| line(scene, watched, spark).fit(width).into())
        .collect();
    let over_time = if spark > 0 {
        format!("last {}  ", window(scene, spark))
    } else {
        String::new()
    };
    Pane {
        title: "guards, worst first".into(),
        note: format!("now  next limit  {over_time}age"),
        brief: rows.first().cloned(),
        rows,
        key: 'm',
        ..Pane::default()
    }
}

fn window(scene: &Scene<'_>, columns: u16) -> String {
    let step = scene.model.history.step(columns);
    let seconds = (step * i64::from(columns)).min(SPAN) as u64;
    format::age(Duration::from_secs(seconds))
}

fn line(scene: &Scene<'_>, watched: &Watched, spark: u16) -> Row {
    let limit = format!("{} {}", watched.next, watched.limit);
    let age = watched.age.map_or("-".into(), format::age);
    scene
        .row()
        .gap(1)
        .put(watched.tone, scene.theme.glyph(watched.tone))
        .gap(1)
        .cell(watched.tone, watched.word, 9)
        .cell(Tone::Plain, &watched.signal, 13)
        .cell(Tone::Quiet, &watched.of, 13)
        .number(watched.tone, &watched.now, 8)
        .gap(2)
        .cell(Tone::Quiet, limit.trim(), 16)
        .join(figure(scene, watched, spark))
        .number(Tone::Quiet, age, 5)
}

/// The value over time; the limit, or the largest value above it, is full height.
fn figure(scene: &Scene<'_>, watched: &Watched, columns: u16) -> Row {
    let Some(series) = watched.series else {
        return scene.row().gap(columns);
    };
    let history = &scene.model.history;
    let values = history.columns(series, columns, history.step(columns));
    let known = values.iter().flatten();
    let top = known.fold(watched.top, |top, value| top.max(*value));
    let levels = &scene.glyphs().levels;
    let cells: String = values
        .into_iter()
        .map(|value| match value {
            None => levels[0],
            Some(value) if top <= 0.0 || value <= 0.0 => levels[1],
            Some(value) => levels[1 + (value / top * 7.0).round() as usize],
        })
        .collect();
    scene.row().put(Tone::Quiet, cells)
}
