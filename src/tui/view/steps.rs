//! Every step of every phase: how it stands, how long it took, how it goes back.

use ratatui::text::Line;

use super::row::Row;
use super::{Pane, Scene};
use crate::engine::snapshot::Snapshot;
use crate::plan::PlannedStep;
use crate::reading::elapsed;
use crate::report::format;
use crate::run::event::Task;
use crate::run::{Record, TaskState};
use crate::runbook::Reversal;
use crate::tui::facts;
use crate::tui::theme::Tone;

/// Columns from which on a step's kind stands beside it.
const ROOMY: u16 = 56;

/// The current step's place in [`facts::steps`].
pub fn current(snapshot: &Snapshot) -> usize {
    let run = &snapshot.run;
    let task = match facts::focus(snapshot) {
        facts::Focus::Question { task, .. } => Some(task.clone()),
        facts::Focus::Task { task, .. } => Some(task),
        facts::Focus::Boundary { .. } | facts::Focus::Ended(_) => None,
    };
    let here =
        |(_, step): &(usize, &PlannedStep)| Some(step.id()) == task.as_ref().map(|t| &t.step);
    let ahead = |(phase, _): &(usize, &PlannedStep)| *phase >= run.boundary();
    let mut steps = facts::steps(run).enumerate();
    let found = steps.find(|(_, step)| {
        if task.is_some() {
            here(step)
        } else {
            ahead(step)
        }
    });
    found.map_or_else(|| facts::steps(run).count().saturating_sub(1), |(at, _)| at)
}

/// The chosen step, else the current one.
pub(super) fn chosen<'a>(scene: &Scene<'a>) -> Option<(usize, &'a PlannedStep)> {
    let at = scene
        .model
        .selected
        .unwrap_or_else(|| current(scene.snapshot));
    facts::steps(&scene.snapshot.run).nth(at)
}

pub(super) fn pane(scene: &Scene<'_>, width: u16) -> Pane {
    let run = &scene.snapshot.run;
    let chosen = scene
        .model
        .selected
        .unwrap_or_else(|| current(scene.snapshot));
    let mut rows: Vec<Line<'static>> = Vec::new();
    let mut keep = 0;
    let mut phase_shown = None;
    for (at, (phase, step)) in facts::steps(run).enumerate() {
        if phase_shown != Some(phase) {
            phase_shown = Some(phase);
            rows.push(header(scene, phase).fit(width).into());
        }
        if at == chosen {
            keep = rows.len();
        }
        rows.push(row(scene, step, at == chosen, width).fit(width).into());
    }
    Pane {
        title: "steps".into(),
        note: "t".into(),
        rows,
        keep: Some(keep),
        key: 't',
        ..Pane::default()
    }
}

fn header(scene: &Scene<'_>, phase: usize) -> Row {
    let run = &scene.snapshot.run;
    let planned = &run.plan.phases()[phase];
    let row = scene.row().put(Tone::Quiet, planned.id.as_str());
    if planned.point_of_no_return {
        row.put(Tone::Warn, " (no way back)")
    } else {
        row
    }
}

fn row(scene: &Scene<'_>, step: &PlannedStep, chosen: bool, width: u16) -> Row {
    let run = &scene.snapshot.run;
    let back = run.record(&Task::back(step.id().clone()));
    let forward = run.record(&Task::forward(step.id().clone()));
    let in_rollback = run
        .plan
        .step(step.id())
        .is_some_and(|place| place.in_rollback);
    let (record, undoing) = match back {
        Some(back) => (Some(back), true),
        None => (forward, false),
    };
    let (tone, mark) = look(scene, record);
    let cursor = if chosen { scene.glyphs().cursor } else { " " };
    let word = match (undoing, in_rollback, record) {
        (
            true,
            _,
            Some(Record {
                state: TaskState::Done(_),
                ..
            }),
        ) => "undone",
        (true, _, _) => "undoing",
        (false, true, None) => "rollback",
        _ => facts::task_word(record.map(|r| &r.state)),
    };
    let named = scene
        .row()
        .put(Tone::Note, cursor)
        .put(tone, format!("{mark} "))
        .cell(Tone::Plain, step.id().as_str(), 17)
        .gap(1);
    // The kind gives way: whether there is an undo has to be seen.
    let row = if width < ROOMY {
        named
    } else {
        named.cell(Tone::Quiet, step.action().kind(), 9)
    };
    row.cell(tone, word, 9)
        .number(Tone::Quiet, took(scene, record), 6)
        .gap(1)
        .put(Tone::Quiet, back_word(step.reversal()))
}

fn look(scene: &Scene<'_>, record: Option<&Record>) -> (Tone, &'static str) {
    let glyphs = scene.glyphs();
    match record.map(|r| &r.state) {
        None => (Tone::Quiet, glyphs.open),
        Some(TaskState::Running) => (Tone::Note, glyphs.current),
        Some(TaskState::Done(_)) => (Tone::Good, glyphs.done),
        Some(TaskState::Interrupted) => (Tone::Note, glyphs.open),
        Some(TaskState::Retrying { .. }) => (Tone::Warn, glyphs.warn),
        Some(TaskState::Failed(_) | TaskState::InDoubt(_)) => (Tone::Bad, glyphs.bad),
    }
}

/// From its first start to its end, or until now.
fn took(scene: &Scene<'_>, record: Option<&Record>) -> String {
    let Some(record) = record else {
        return String::new();
    };
    let until = match record.state {
        TaskState::Running => scene.now,
        _ => record.changed_at,
    };
    format::duration(elapsed(record.started_at, until))
}

fn back_word(reversal: &Reversal) -> &'static str {
    match reversal {
        Reversal::Undo(_) | Reversal::Derived(_) => "undo",
        Reversal::Keep(_) => "stays",
        Reversal::Irreversible(_) => "NO UNDO",
        Reversal::Nothing => "",
    }
}
