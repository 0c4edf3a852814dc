//! Old against new data: what the comparisons have proved, and how old that is.

use ratatui::text::Line;

use super::row::{Row, bar};
use super::{Pane, Scene};
use crate::plan::PlannedStep;
use crate::reading::elapsed;
use crate::report::format;
use crate::run::TaskState;
use crate::run::event::{ParitySummary, Summary, Task};
use crate::run::progress::{ParityProgress, Progress};
use crate::runbook::Action;
use crate::tui::facts;
use crate::tui::theme::Tone;

pub(super) fn pane(scene: &Scene<'_>, width: u16) -> Pane {
    let steps = facts::steps(&scene.snapshot.run);
    let checks = steps.filter(|(_, step)| matches!(step.action(), Action::Parity(_)));
    let mut rows: Vec<Line<'static>> = Vec::new();
    for (_, step) in checks {
        rows.extend(
            check(scene, step, width)
                .into_iter()
                .map(|row| Line::from(row.fit(width))),
        );
    }
    if rows.is_empty() {
        rows.push(
            scene
                .row()
                .gap(1)
                .put(Tone::Quiet, "the runbook compares nothing")
                .into(),
        );
    }
    Pane {
        title: "parity, old against new".into(),
        rows,
        key: 'd',
        ..Pane::default()
    }
}

fn check(scene: &Scene<'_>, step: &PlannedStep, width: u16) -> Vec<Row> {
    let task = Task::forward(step.id().clone());
    let snapshot = scene.snapshot;
    let running = snapshot
        .running
        .get(&task)
        .and_then(|r| r.progress.as_ref());
    let state = snapshot.run.record(&task).map(|record| &record.state);
    match (running, state) {
        (Some(Progress::Parity(p)), _) => {
            vec![strip(scene, step, coverage(p), width), going(scene, p)]
        }
        (_, Some(TaskState::Done(Summary::Parity(p)))) => {
            let mut rows = vec![strip(scene, step, p.coverage, width), proved(scene, p)];
            rows.extend(p.samples.iter().map(|key| {
                scene
                    .row()
                    .gap(3)
                    .put(Tone::Bad, format!("differs at {key}"))
            }));
            rows
        }
        _ => vec![
            strip(scene, step, 0.0, width),
            scene.row().gap(3).put(
                Tone::Quiet,
                format!("{}: nothing is proved", facts::task_word(state)),
            ),
        ],
    }
}

/// Rows that were compared and did not turn out hot.
fn coverage(p: &ParityProgress) -> f64 {
    let total = p.rows_total.max(p.rows_done).max(1);
    p.rows_done.saturating_sub(p.hot) as f64 / total as f64
}

fn strip(scene: &Scene<'_>, step: &PlannedStep, share: f64, width: u16) -> Row {
    scene
        .row()
        .gap(1)
        .cell(Tone::Plain, step.id().as_str(), 16)
        .join(bar(
            scene.theme,
            share,
            width.saturating_sub(36).clamp(8, 60),
        ))
        .number(Tone::Plain, format::share(share), 7)
        .put(Tone::Quiet, " coverage")
}

fn counts(scene: &Scene<'_>, rows: u64, confirmed: u64, hot: u64) -> Row {
    let bad = if confirmed > 0 { Tone::Bad } else { Tone::Good };
    let warm = if hot > 0 { Tone::Warn } else { Tone::Plain };
    scene
        .row()
        .gap(3)
        .cell(Tone::Plain, format::count(rows), 7)
        .put(Tone::Quiet, "rows  ")
        .put(bad, format!("{} confirmed  ", format::count(confirmed)))
        .put(warm, format!("{} hot  ", format::count(hot)))
}

fn going(scene: &Scene<'_>, p: &ParityProgress) -> Row {
    counts(scene, p.rows_done, p.confirmed, p.hot).put(
        Tone::Plain,
        format!(
            "{} suspect  {} rows/s",
            format::count(p.suspects),
            format::quantity(p.rows_per_second)
        ),
    )
}

fn proved(scene: &Scene<'_>, p: &ParitySummary) -> Row {
    let age = format::age(elapsed(p.at, scene.now));
    counts(scene, p.rows, p.confirmed, p.hot).put(
        Tone::Quiet,
        format!("proved {age} ago, WAL {} to {}", p.wal.0, p.wal.1),
    )
}
