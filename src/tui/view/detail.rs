//! One step: what it runs, with its locks, and how it goes back.

use ratatui::text::Line;

use super::row::wrap;
use super::{Pane, Scene, steps};
use crate::engine::snapshot::Snapshot;
use crate::plan::{Forecast, PlannedStep, Work};
use crate::report::format;
use crate::run::TaskState;
use crate::run::event::Task;
use crate::runbook::Reversal;
use crate::tui::facts;
use crate::tui::theme::Tone;

pub(super) fn pane(scene: &Scene<'_>, width: u16) -> Pane {
    let Some((phase, step)) = steps::chosen(scene) else {
        return Pane::default();
    };
    let run = &scene.snapshot.run;
    let mut rows = text(scene, Tone::Plain, &facts::script(step.action()), width);
    rows.extend(
        step.forecast
            .iter()
            .filter_map(|f| forecast(scene.snapshot, f))
            .flat_map(|line| text(scene, Tone::Note, &[format!("  {line}")], width)),
    );
    if let Some(probe) = step.done_when() {
        rows.extend(text(
            scene,
            Tone::Quiet,
            &[format!("done when {}", facts::probe(probe))],
            width,
        ));
    }
    if let Some(record) = run.record(&Task::forward(step.id().clone())) {
        rows.extend(outcome(scene, &record.state, width));
    }
    let heading = scene
        .row()
        .gap(1)
        .styled(scene.theme.title(false), "the way back");
    rows.push(heading.into());
    rows.extend(text(
        scene,
        Tone::Plain,
        &facts::way_back(step.reversal()),
        width,
    ));
    let phase = &run.plan.phases()[phase];
    Pane {
        title: format!(
            "{} {} {} ({})",
            phase.id,
            scene.glyphs().dot,
            step.id(),
            step.action().kind()
        ),
        note: format!("on {}", step.step.on),
        rows,
        key: 't',
        ..Pane::default()
    }
}

fn text(scene: &Scene<'_>, tone: Tone, lines: &[String], width: u16) -> Vec<Line<'static>> {
    let lines = lines
        .iter()
        .flat_map(|line| wrap(line, width.saturating_sub(2)));
    lines
        .map(|line| scene.row().gap(1).put(tone, line).into())
        .collect()
}

fn outcome(scene: &Scene<'_>, state: &TaskState, width: u16) -> Vec<Line<'static>> {
    let (tone, line) = match state {
        TaskState::Done(summary) => (
            Tone::Good,
            format!("done: {}", crate::report::sentence::proof(summary)),
        ),
        TaskState::Failed(fault) => (Tone::Bad, format!("failed: {fault}")),
        TaskState::Retrying { fault, .. } => (Tone::Warn, format!("tried again after: {fault}")),
        TaskState::InDoubt(why) => (Tone::Bad, format!("in doubt: {why}")),
        TaskState::Running | TaskState::Interrupted => return Vec::new(),
    };
    text(scene, tone, &[line], width)
}

/// `ACCESS EXCLUSIVE on users, the catalog alone (1.2M rows, 240 MB)`.
pub(super) fn forecast(snapshot: &Snapshot, forecast: &Forecast) -> Option<String> {
    let lock = forecast.lock?;
    let work = match forecast.work {
        Work::Catalog => "catalog only, instant",
        Work::Scan => "scans the table",
        Work::Rewrite => "REWRITES the table",
        Work::Rows => "row by row",
        Work::Unknown => "work unknown",
    };
    let Some(relation) = &forecast.relation else {
        return Some(format!("{}, {work}", lock.word()));
    };
    let sizes = &snapshot.run.plan.observed.tables;
    let size = sizes
        .get(&relation.to_string())
        .map_or(String::new(), |size| {
            let rows = size.rows.map_or("rows unknown".into(), |rows| {
                format!("{} rows", format::count(rows))
            });
            format!(" ({rows}, {})", format::bytes(size.bytes as f64))
        });
    Some(format!("{} on {relation}{size}, {work}", lock.word()))
}

/// A step in a few lines, for the cards: its name, what it runs, its locks. What
/// cannot be taken back is shown whole.
pub(super) fn summary(snapshot: &Snapshot, step: &PlannedStep) -> Vec<(Tone, String)> {
    let script = facts::script(step.action());
    let first = script.first().map_or("", String::as_str);
    let rest = script.get(1..).unwrap_or_default();
    let mut lines = vec![(Tone::Plain, format!("{}: {first}", step.id()))];
    if matches!(step.reversal(), Reversal::Irreversible(_)) {
        lines.extend(rest.iter().map(|line| (Tone::Plain, format!("  {line}"))));
    } else if !rest.is_empty() {
        let more = format::plural(rest.len() as u64, "line");
        lines[0].1.push_str(&format!(" (+{more})"));
    }
    let locks = step.forecast.iter().filter_map(|f| forecast(snapshot, f));
    lines.extend(locks.map(|line| (Tone::Note, format!("  {line}"))));
    lines
}
