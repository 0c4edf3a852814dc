//! What runs now, or what is next: the backfill's bar and pace above all.

use jiff::Timestamp;
use ratatui::text::Line;

use super::row::{Row, bar, wrap};
use super::{Pane, Scene, backfill};
use crate::engine::snapshot::{Running, State};
use crate::plan::PlannedStep;
use crate::reading::elapsed;
use crate::report::{format, sentence};
use crate::run::event::{Direction, Rung, Task};
use crate::run::progress::{ParityProgress, Progress, SqlProgress};
use crate::run::{Outcome, Record, TaskState};
use crate::runbook::{Action, Reversal, Wait};
use crate::tui::facts::{self, Focus};
use crate::tui::theme::Tone;

pub(super) fn pane(scene: &Scene<'_>, width: u16) -> Pane {
    let mut pane = match facts::focus(scene.snapshot) {
        Focus::Question { task, record } => question(scene, task, record, width),
        Focus::Task { task, step } => task_pane(scene, &task, step, width),
        Focus::Boundary { next } => boundary(scene, next, width),
        Focus::Ended(outcome) => ended(scene, outcome, width),
    };
    pane.brief = pane.rows.first().cloned();
    pane
}

fn say(scene: &Scene<'_>, tone: Tone, text: impl AsRef<str>, width: u16) -> Vec<Line<'static>> {
    let lines = wrap(text.as_ref(), width.saturating_sub(2));
    let rows = lines
        .into_iter()
        .map(|line| scene.row().gap(1).put(tone, line));
    rows.map(Line::from).collect()
}

/// A failure or a doubt: what is known, and the way out.
fn question(scene: &Scene<'_>, task: &Task, record: &Record, width: u16) -> Pane {
    let mut rows = Vec::new();
    match &record.state {
        TaskState::Failed(fault) => {
            let state = fault
                .sqlstate
                .as_deref()
                .map_or(String::new(), |s| format!(" ({s})"));
            rows.extend(say(
                scene,
                Tone::Bad,
                format!("{}{state}", fault.message),
                width,
            ));
            rows.extend(
                fault
                    .hint
                    .iter()
                    .flat_map(|hint| say(scene, Tone::Plain, format!("hint: {hint}"), width)),
            );
            rows.extend(
                fault
                    .detail
                    .iter()
                    .flat_map(|d| say(scene, Tone::Quiet, d, width)),
            );
        }
        TaskState::InDoubt(why) => rows.extend(say(scene, Tone::Bad, why, width)),
        _ => {}
    }
    let way = ways_out(task, record);
    let way = scene.row().gap(1).put(Tone::Note, way).fit(width);
    rows.insert(1.min(rows.len()), way.into());
    Pane {
        title: format!("{task}: {}", facts::task_word(Some(&record.state))),
        rows,
        ..Pane::default()
    }
}

/// What `o` offers, and what it risks.
fn ways_out(task: &Task, record: &Record) -> String {
    match (&record.state, task.direction) {
        (TaskState::InDoubt(_), _) => {
            "look first; o: done (it never runs), or again (it may run twice)".into()
        }
        (_, Direction::Back) => format!(
            "o: again, once it is mended; or as done: {} is left as it is",
            task.step
        ),
        (_, Direction::Forward) => {
            "o: again, once it is mended; or as done: what failed never runs".into()
        }
    }
}

/// A task that runs or comes next.
fn task_pane(scene: &Scene<'_>, task: &Task, step: &PlannedStep, width: u16) -> Pane {
    let snapshot = scene.snapshot;
    let record = snapshot.run.record(task);
    let running = snapshot.running.get(task);
    let action = facts::action(step, task.direction);
    let kind = action.map_or("", Action::kind);
    let paused = snapshot.run.pause.is_some() && matches!(action, Some(Action::Backfill(_)));
    let state = match running {
        _ if snapshot.state == State::NoLead => "left where it was",
        Some(_) if scene.model.old().is_some() => "was running",
        Some(running) if running.stopping => "stopping",
        Some(_) if snapshot.state == State::Holding => "stopping",
        Some(_) if snapshot.state == State::Held => "held",
        Some(_) if paused => "paused",
        Some(_) if snapshot.state == State::Stalled => "stalled",
        Some(_) => "running",
        None => facts::task_word(record.map(|r| &r.state)),
    };
    let mut rows = match (action, running.and_then(|r| r.progress.as_ref())) {
        (Some(Action::Backfill(_)), _) => backfill::rows(scene, width),
        (_, Some(Progress::Parity(progress))) => vec![comparison(scene, progress, width)],
        (Some(Action::Sql(_)), Some(Progress::Sql(sql))) => {
            vec![statement(scene, action, sql, width)]
        }
        (Some(Action::Exec(_)), Some(Progress::Exec { line })) => {
            vec![scene.row().gap(1).put(Tone::Plain, line).fit(width).into()]
        }
        (Some(Action::Manual(manual)), _) => {
            let mut rows = say(scene, Tone::Note, &manual.ask, width);
            rows.push(scene.row().gap(1).put(Tone::Plain, "o answers").into());
            rows
        }
        (Some(Action::Wait(Wait::For(time))), _) => {
            let gone = record.map_or_else(Default::default, |r| elapsed(r.changed_at, scene.now));
            let text = format!(
                "{} of {}",
                format::duration(gone.min(*time)),
                format::duration(*time)
            );
            vec![scene.row().gap(1).put(Tone::Plain, text).into()]
        }
        (Some(action), _) => {
            let first = facts::script(action).into_iter().next().unwrap_or_default();
            vec![scene.row().gap(1).put(Tone::Plain, first).fit(width).into()]
        }
        (None, _) => Vec::new(),
    };
    rows.extend(retry(scene, record).map(|row| row.fit(width).into()));
    let undo = task.direction == Direction::Back;
    let what = if undo {
        format!("{task}")
    } else {
        step.id().to_string()
    };
    Pane {
        title: format!(
            "{} {} {what} ({kind}): {state}",
            phase_of(scene, task),
            scene.glyphs().dot
        ),
        note: since(scene, running, record),
        rows,
        ..Pane::default()
    }
}

fn phase_of(scene: &Scene<'_>, task: &Task) -> String {
    let plan = &scene.snapshot.run.plan;
    let place = plan.step(&task.step);
    place.map_or(String::new(), |place| {
        plan.phases()[place.phase].id.to_string()
    })
}

fn since(scene: &Scene<'_>, running: Option<&Running>, record: Option<&Record>) -> String {
    let since = running
        .map(|r| r.since)
        .or_else(|| record.map(|r| r.started_at));
    let begun = since.map(|at| format!("begun {}", ago(scene, at)));
    [begun, stopped(scene)]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join(", ")
}

fn ago(scene: &Scene<'_>, at: Timestamp) -> String {
    match format::age(elapsed(at, scene.now)).as_str() {
        "now" => "now".into(),
        age => format!("{age} ago"),
    }
}

/// Since when a person or a guard keeps it from going on.
fn stopped(scene: &Scene<'_>) -> Option<String> {
    let run = &scene.snapshot.run;
    let stalls = run
        .guards
        .values()
        .filter(|guard| guard.rung >= Rung::Stall);
    let (word, at) = match (&run.hold, &run.pause, scene.snapshot.state) {
        (Some(hold), ..) => ("held", hold.at),
        (None, Some(pause), State::Paused) => ("paused", pause.at),
        (None, None, State::Stalled) => ("stalled", stalls.map(|guard| guard.since).min()?),
        _ => return None,
    };
    Some(format!("{word} {}", ago(scene, at)))
}

/// Why a task that failed is tried again, and when.
fn retry(scene: &Scene<'_>, record: Option<&Record>) -> Option<Row> {
    let TaskState::Retrying { not_before, fault } = &record?.state else {
        return None;
    };
    let left = format::age(elapsed(scene.now, *not_before));
    let text = format!(
        "attempt {} failed: {fault}; again in {left}",
        record?.attempt
    );
    Some(scene.row().gap(1).put(Tone::Warn, text))
}

fn comparison(scene: &Scene<'_>, p: &ParityProgress, width: u16) -> Line<'static> {
    let total = p.rows_total.max(p.rows_done).max(1);
    let share = p.rows_done as f64 / total as f64;
    let bad = if p.confirmed > 0 {
        Tone::Bad
    } else {
        Tone::Plain
    };
    let row = scene
        .row()
        .gap(1)
        .join(bar(
            scene.theme,
            share,
            width.saturating_sub(58).clamp(8, 60),
        ))
        .number(Tone::Plain, format::share(share), 7)
        .number(Tone::Plain, format::quantity(p.rows_per_second), 7)
        .put(Tone::Quiet, " rows/s  suspect ")
        .cell(Tone::Plain, format::count(p.suspects), 5)
        .put(Tone::Quiet, "confirmed ")
        .cell(bad, format::count(p.confirmed), 5)
        .put(Tone::Quiet, "hot ")
        .cell(Tone::Plain, format::count(p.hot), 5);
    row.fit(width).into()
}

/// The statement that runs, and the lock that it waits for.
fn statement(
    scene: &Scene<'_>,
    action: Option<&Action>,
    p: &SqlProgress,
    width: u16,
) -> Line<'static> {
    let Some(Action::Sql(sql)) = action else {
        return Line::default();
    };
    let text = sql.statements.get(p.statement).map_or("", String::as_str);
    let row = scene
        .row()
        .gap(1)
        .put(Tone::Quiet, format!("{} of {}  ", p.statement + 1, p.of));
    let row = match &p.waits_for {
        Some(lock) => {
            let behind = format::plural(p.waiters.into(), "session");
            row.put(
                Tone::Warn,
                format!("waits for {lock}, {behind} behind us  "),
            )
        }
        None => row,
    };
    row.put(Tone::Plain, text).fit(width).into()
}

/// Nothing is left before the boundary: what comes behind it.
fn boundary(scene: &Scene<'_>, next: Option<&crate::plan::Phase>, width: u16) -> Pane {
    let run = &scene.snapshot.run;
    let Some(phase) = next else {
        return Pane {
            title: "every step is done".into(),
            rows: say(
                scene,
                Tone::Plain,
                "the run ends by itself when the gates open",
                width,
            ),
            ..Pane::default()
        };
    };
    let steps: Vec<_> = phase
        .steps
        .iter()
        .map(|step| step.id().to_string())
        .collect();
    let first = matches!(run.place, crate::run::Place::Before(0));
    let mut rows = Vec::new();
    if first {
        rows.extend(say(
            scene,
            Tone::Plain,
            &run.plan.body.cutover.summary,
            width,
        ));
    }
    let text = format!(
        "next: {}, {}: {}",
        phase.id,
        format::plural(steps.len() as u64, "step"),
        steps.join(", ")
    );
    let mut irreversible = phase.steps.iter();
    let last = irreversible.find(|s| matches!(s.reversal(), Reversal::Irreversible(_)));
    let last = last.map_or(String::new(), |step| {
        format!(". NO UNDO after {}", step.id())
    });
    let row = scene
        .row()
        .gap(1)
        .put(Tone::Note, text)
        .put(Tone::Bad, last);
    rows.insert(0, row.fit(width).into());
    if let (Some(notes), false) = (&phase.notes, first) {
        let notes = format!("{}: {notes}", phase.id);
        rows.extend(say(scene, Tone::Plain, notes, width));
    }
    let title = if first {
        "not started".into()
    } else {
        format!("{} done", done_phase(scene))
    };
    Pane {
        title,
        note: match facts::advance_blockers(scene.snapshot).is_empty() {
            true => "a advances".into(),
            false => "a says what is missing".into(),
        },
        rows,
        key: 'n',
        ..Pane::default()
    }
}

fn done_phase(scene: &Scene<'_>) -> String {
    facts::last_entered(&scene.snapshot.run).map_or(String::new(), |phase| phase.id.to_string())
}

fn ended(scene: &Scene<'_>, outcome: Outcome, width: u16) -> Pane {
    let run = &scene.snapshot.run;
    let took = format::duration(elapsed(run.created_at, run.last_at));
    let (title, text) = match outcome {
        Outcome::Finished => ("finished", format!("every phase is done, after {took}")),
        Outcome::RolledBack => ("rolled back", format!("unwound to the start, after {took}")),
    };
    let mut rows = say(scene, Tone::Good, text, width);
    let done = run
        .tasks
        .iter()
        .filter_map(|(task, record)| match &record.state {
            TaskState::Done(summary @ crate::run::event::Summary::Backfill(_)) => {
                Some(format!("{task}: {}", sentence::proof(summary)))
            }
            _ => None,
        });
    rows.extend(done.flat_map(|line| say(scene, Tone::Plain, line, width)));
    Pane {
        title: title.into(),
        rows,
        ..Pane::default()
    }
}
