//! Rows a second, replay lag and WAL, on one time axis, with event marks.
//!
//! ```text
//!  rows/s  4.1k | ▁▂▃▅▇█   one column is `step` seconds; all three share it
//!  lag     8.1s |   ▁▂▃
//!  WAL     18 M | ▃▃▃▅▅▅
//!               |   ▴  ▴   what happened then
//!               5m        now
//! ```

use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::row::Row;
use super::{Scene, put, rule};
use crate::report::format;
use crate::report::sentence::{self, Tone};
use crate::tui::history::{self, Series};

/// Columns of the figures at the left.
const NAME: u16 = 15;

struct Chart {
    name: &'static str,
    series: Series,
    unit: fn(f64) -> String,
}

const CHARTS: [Chart; 3] = [
    Chart {
        name: "rows/s",
        series: Series::Rate,
        unit: format::quantity,
    },
    Chart {
        name: "lag",
        series: Series::Lag,
        unit: |seconds| format::duration(Duration::from_secs_f64(seconds.clamp(0.0, 1e9))),
    },
    Chart {
        name: "WAL/s",
        series: Series::Wal,
        unit: format::bytes,
    },
];

pub(super) fn draw(scene: &Scene<'_>, place: Rect, buf: &mut Buffer) {
    let columns = place.width.saturating_sub(NAME + 2);
    if place.height < 3 || columns < 8 {
        return;
    }
    let history = &scene.model.history;
    let step = history.step(columns);
    let span = Duration::from_secs(step as u64 * u64::from(columns));
    let title = "rows, lag, WAL over time";
    rule(
        scene,
        title,
        &format!("last {}", format::age(span)),
        scene.model.page.is_some(),
        place,
        buf,
    );
    // Title above, marks and axis below.
    let rows = place.height.saturating_sub(3);
    let shown = CHARTS.len().min(usize::from(rows));
    let mut y = place.y + 1;
    for (at, chart) in CHARTS[..shown].iter().enumerate() {
        let height = rows / shown as u16 + u16::from(at < usize::from(rows) % shown);
        let place = Rect { y, height, ..place };
        draw_chart(
            scene,
            chart,
            &history.columns(chart.series, columns, step),
            place,
            buf,
        );
        y += height;
    }
    let below = Rect {
        y,
        height: place.bottom().saturating_sub(y),
        ..place
    };
    put(&marks(scene, columns, step).into(), below, 0, buf);
    put(&axis(scene, span, columns).into(), below, 1, buf);
}

/// One series as columns, its newest and largest value at the left.
fn draw_chart(
    scene: &Scene<'_>,
    chart: &Chart,
    values: &[Option<f64>],
    place: Rect,
    buf: &mut Buffer,
) {
    let top = values
        .iter()
        .flatten()
        .fold(0.0_f64, |top, value| top.max(*value));
    let newest = scene.model.history.newest();
    let now = newest.and(values.last().copied().flatten());
    let side = scene.glyphs().side;
    for row in 0..place.height {
        let label = match row {
            0 => format!("{:<7}{:>7}", chart.name, now.map_or("-".into(), chart.unit)),
            1 => format!(
                "{:<7}{:>7}",
                "  top",
                if top > 0.0 {
                    (chart.unit)(top)
                } else {
                    "-".into()
                }
            ),
            _ => String::new(),
        };
        let tone = if row == 0 { Tone::Plain } else { Tone::Quiet };
        let above = place.height - 1 - row;
        let line = scene
            .row()
            .gap(1)
            .cell(tone, label, NAME - 1)
            .put(Tone::Quiet, side)
            .join(band(scene, values, top / f64::from(place.height), above));
        put(&line.into(), place, row, buf);
    }
}

/// The part of each column that falls into one row, its top bright, the rest
/// shaded; `unit` is the value of a whole row, `above` counts from the ground.
fn band(scene: &Scene<'_>, values: &[Option<f64>], unit: f64, above: u16) -> Row {
    let glyphs = scene.glyphs();
    let cell = |value: &Option<f64>| match value {
        // A value that was measured leaves a trace on the ground.
        Some(_) if unit <= 0.0 && above == 0 => (Tone::Good, glyphs.levels[1]),
        Some(value) if unit > 0.0 => {
            let eighths = (value / unit * 8.0).round() - f64::from(above) * 8.0;
            let least = if above == 0 { 1.0 } else { 0.0 };
            match eighths.clamp(least, 9.0) as usize {
                9 => (Tone::Quiet, glyphs.shade),
                level => (Tone::Good, glyphs.levels[level]),
            }
        }
        _ => (Tone::Good, glyphs.levels[0]),
    };
    let cells: Vec<_> = values.iter().map(cell).collect();
    let runs = cells.chunk_by(|(one, _), (other, _)| one == other);
    runs.fold(scene.row(), |row, run| {
        let text: String = run.iter().map(|(_, glyph)| *glyph).collect();
        row.put(run[0].0, text)
    })
}

/// A mark under each column in which something worth a mark happened.
fn marks(scene: &Scene<'_>, columns: u16, step: i64) -> Row {
    let mut cells = vec![" "; usize::from(columns)];
    let newest = scene.model.history.newest().unwrap_or_default();
    for event in scene.snapshot.events.iter() {
        let worth = sentence::tone(&event.kind) >= Tone::Note;
        let at = history::column(event.at.as_second(), newest, step, columns);
        if let (true, Some(at)) = (worth, at) {
            cells[usize::from(at)] = scene.glyphs().mark;
        }
    }
    scene
        .row()
        .gap(1)
        .cell(Tone::Quiet, "events", NAME - 1)
        .put(Tone::Quiet, scene.glyphs().side)
        .put(Tone::Warn, cells.concat())
}

fn axis(scene: &Scene<'_>, span: Duration, columns: u16) -> Row {
    let from = format!("-{}", format::age(span));
    let middle = format!("-{}", format::age(span / 2));
    let half = columns / 2;
    scene
        .row()
        .gap(NAME + 1)
        .cell(Tone::Quiet, from, half)
        .cell(Tone::Quiet, middle, columns - half - 3)
        .put(Tone::Quiet, "now")
}
