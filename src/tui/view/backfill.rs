//! The backfill's rows: the bar, the pace and who takes what off it, counts,
//! lost time. Figures stand in columns, so that nothing moves.

use ratatui::text::Line;

use super::Scene;
use super::production::OLD;
use super::row::{Row, bar};
use crate::engine::eta;
use crate::engine::snapshot::{BackfillView, State};
use crate::report::{course, format};
use crate::run::event::Percent;
use crate::run::progress::BackfillStage;
use crate::tui::theme::Tone;

pub(super) fn rows(scene: &Scene<'_>, width: u16) -> Vec<Line<'static>> {
    let Some(view) = &scene.snapshot.backfill else {
        let text = "no figures yet: it goes on from its last checkpoint, or begins";
        return vec![scene.row().gap(1).put(Tone::Plain, text).into()];
    };
    let rows = [
        progress(scene, view, width),
        pace(scene, view, width),
        counts(scene, view),
    ];
    let mut lines: Vec<Line<'static>> = rows.map(|row| row.fit(width).into()).into();
    lines.extend(view.progress.trouble.iter().map(|trouble| {
        let row = scene
            .row()
            .gap(1)
            .put(Tone::Warn, format!("last trouble: {trouble}"));
        Line::from(row.fit(width))
    }));
    lines.extend(view.progress.aside.first().map(|(key, why)| {
        let row = scene.row().gap(1).put(Tone::Quiet, "in quarantine: ");
        let row = row.put(Tone::Bad, format!("{key}: {why}"));
        Line::from(row.fit(width))
    }));
    lines.extend(parts(scene, view).map(|row| Line::from(row.fit(width))));
    lines.extend(view.progress.vacuum.iter().map(|said| {
        let row = scene.row().gap(1).put(Tone::Quiet, said);
        Line::from(row.fit(width))
    }));
    lines.push(lost(scene, view).fit(width).into());
    lines.extend(view.eta.map(|_| {
        let words = format!("ETA: {}", eta::ASSUMPTION);
        Line::from(scene.row().gap(1).put(Tone::Quiet, words).fit(width))
    }));
    lines
}

/// The bar; its figures stand in columns, so that nothing moves.
fn progress(scene: &Scene<'_>, view: &BackfillView, width: u16) -> Row {
    let p = &view.progress;
    let sweeping = p.stage == BackfillStage::Sweep;
    let done = if sweeping { p.swept } else { p.rows_done };
    let total = p.rows_total.max(done);
    let share = if total == 0 {
        1.0
    } else {
        done as f64 / total as f64
    };
    // What nobody has heard of lately is told as what it was, and promises nothing.
    let old = scene.model.old().is_some();
    let rate = view.rate.map(format::quantity);
    let rate = match (rate, scene.snapshot.state) {
        (None, _) | (_, State::NoLead) => "-".into(),
        (Some(rate), _) if old => format!("was {rate}"),
        (Some(rate), _) => rate,
    };
    let eta = view.eta.filter(|_| !old).map_or("-".into(), format::eta);
    let counts = format!("{}/{}", format::count(done), format::count(total));
    // The word has columns of its own where there are any: nothing moves.
    let (counts, column) = match (width >= 68, sweeping) {
        (true, true) => (format!("swept {counts}"), 20),
        (true, false) => (counts, 20),
        (false, _) => (counts, 14),
    };
    scene
        .row()
        .gap(1)
        .join(bar(
            scene.theme,
            share,
            width.saturating_sub(40 + column).clamp(8, 60),
        ))
        .number(Tone::Plain, format::share(share), 7)
        .number(Tone::Plain, counts, column)
        .number(Tone::Plain, rate, 9)
        .put(Tone::Quiet, " rows/s  ETA ")
        .cell(Tone::Plain, eta, 8)
}

/// The pace, and who allows how much of it: the lowest of them is the pace.
fn pace(scene: &Scene<'_>, view: &BackfillView, width: u16) -> Row {
    let pace = &view.pace;
    let row = scene.row().gap(1).put(Tone::Quiet, "pace ");
    let run = &scene.snapshot.run;
    let row = match (&run.hold, &run.pause) {
        (Some(mark), _) => row.put(Tone::Note, format!("held by {}", mark.by)),
        (None, Some(mark)) => row.put(Tone::Note, format!("paused by {}", mark.by)),
        (None, None) if scene.snapshot.state == State::NoLead => {
            row.put(Tone::Note, format!("was {}", pace.effective))
        }
        (None, None) => row.put(Tone::Plain, pace.effective.to_string()),
    };
    let mut row = row.put(Tone::Quiet, format!(": {} {}", whose(scene), pace.ceiling));
    for (who, taken) in &pace.taken {
        let left = Percent(100 - taken.0.min(100));
        row = row.put(Tone::Warn, format!(", {who} {left}"));
    }
    let row = row
        .put(Tone::Quiet, "  chunk ")
        .put(Tone::Plain, format::count(view.progress.chunk_rows.into()))
        .put(Tone::Quiet, ", ")
        .put(Tone::Plain, format::duration(view.progress.last_chunk));
    let row = match view.progress.workers {
        0 | 1 => row,
        several => row.put(Tone::Plain, format!(", {several} workers")),
    };
    let reading = &scene.snapshot.readings.wal_rate;
    let old = reading.age(scene.now).is_some_and(|age| age >= OLD);
    let wal = reading.value().map_or("unknown".into(), |rate| {
        let was = if old { "was " } else { "" };
        format!("{was}{}/s", format::bytes(*rate))
    });
    let wal = scene
        .row()
        .put(Tone::Quiet, "  server wal ")
        .put(Tone::Plain, wal);
    // The charts have it too: it is left out rather than cut.
    if row.width() + wal.width() <= width {
        row.join(wal)
    } else {
        row
    }
}

/// Whose the ceiling is: that of whoever leads.
fn whose(scene: &Scene<'_>) -> &'static str {
    if scene.snapshot.leads() { "you" } else { "set" }
}

fn counts(scene: &Scene<'_>, view: &BackfillView) -> Row {
    let p = &view.progress;
    let counted = |row: Row, name: &str, count: u64, bad: Tone| {
        let tone = if count > 0 { bad } else { Tone::Plain };
        row.put(Tone::Quiet, name)
            .cell(tone, format::count(count), 8)
    };
    let row = scene.row().gap(1);
    let row = counted(row, "written ", p.rows_written, Tone::Plain);
    let row = counted(row, "swept ", p.swept, Tone::Plain);
    let row = counted(row, "quarantined ", p.quarantined, Tone::Bad);
    counted(row, "conflicts ", p.conflicts, Tone::Note)
}

/// How many partitions are done, and those under way.
fn parts(scene: &Scene<'_>, view: &BackfillView) -> Option<Row> {
    let parts = &view.progress.parts;
    let done = parts.iter().filter(|part| part.done).count();
    let row = scene.row().gap(1).put(Tone::Quiet, "partitions ");
    let row = row.put(Tone::Plain, format!("{done} of {} done", parts.len()));
    let under_way = parts.iter().filter(|part| !part.done && part.rows_done > 0);
    let row = under_way.fold(row, |row, part| {
        let rows = if part.copied {
            part.swept
        } else {
            part.rows_done
        };
        let share = rows as f64 / part.rows_total.max(1) as f64;
        let word = if part.copied { " swept " } else { " " };
        let share = format::share(share.min(1.0));
        row.put(Tone::Plain, format!(", {}{word}{share}", part.name))
    });
    (!parts.is_empty()).then_some(row)
}

/// Time of the step that was not worked, by reason, worst first.
fn lost(scene: &Scene<'_>, view: &BackfillView) -> Row {
    let row = scene.row().gap(1).put(Tone::Quiet, "time lost: ");
    let course = &view.course;
    row.put(Tone::Plain, course::lost(&course.lost(), course.whole()))
}
