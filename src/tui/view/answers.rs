//! Rows 3 and 4: the questions that everybody asks, each in a place of its own.
//!
//! Is it us? Is production hurting? Which key stops it safely? What does
//! taking it back cost? (How old it is stands in row 1 and beside each value.)

use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::row::Row;
use super::{Scene, guards, put};
use crate::engine::snapshot::{Running, Snapshot};
use crate::reading::Reading;
use crate::report::format::{self, plural};
use crate::run::event::Task;
use crate::run::progress::Progress;
use crate::runbook::Action;
use crate::tui::facts;
use crate::tui::theme::Tone;

/// Columns of a question's name.
const NAME: u16 = 12;

type Answer = (Tone, String);

pub(super) fn draw(scene: &Scene<'_>, place: Rect, buf: &mut Buffer) {
    let us = cell(scene, "Is it us?", us(scene));
    let production = cell(scene, "Production", production(scene));
    let stop = cell(scene, "Stop safely", stop(scene.snapshot));
    let undo = cell(scene, "Undo", undo(scene.snapshot));
    let half = place.width / 2;
    let rows = if place.height == 1 {
        [(us, undo), (production, stop)]
    } else {
        [(us, production), (stop, undo)]
    };
    for (at, (left, right)) in rows.into_iter().enumerate() {
        let left_place = Rect {
            width: half.saturating_sub(1),
            ..place
        };
        let right_place = Rect {
            x: place.x + half,
            width: place.width - half,
            ..place
        };
        put(
            &left.fit(left_place.width).into(),
            left_place,
            at as u16,
            buf,
        );
        put(
            &right.fit(right_place.width).into(),
            right_place,
            at as u16,
            buf,
        );
    }
}

fn cell(scene: &Scene<'_>, name: &str, (tone, text): Answer) -> Row {
    scene.row().cell(Tone::Quiet, name, NAME).put(tone, text)
}

/// Whether somebody waits because of us.
fn us(scene: &Scene<'_>) -> Answer {
    match &scene.snapshot.readings.locks {
        Reading::Absent { why, .. } => (Tone::Warn, format!("unknown: locks {}", why.word())),
        Reading::Measured { value, .. } if value.waiting_on_us == 0 => {
            (Tone::Good, "no: nobody waits on us".into())
        }
        Reading::Measured { value, .. } => {
            let longest = value.longest_on_us.map(format::duration);
            let longest = longest.map_or(String::new(), |time| format!(", {time}"));
            let who = plural(value.waiting_on_us.into(), "session");
            (Tone::Bad, format!("YES: {who} wait on us{longest}"))
        }
    }
}

/// The worst guard, in one sentence.
fn production(scene: &Scene<'_>) -> Answer {
    match guards::worst(scene) {
        Some(row) if row.tone >= Tone::Note => (row.tone, row.sentence()),
        Some(row) => (Tone::Good, format!("quiet: {}", row.sentence())),
        None => (Tone::Note, "no guard watches it".into()),
    }
}

/// What Space does now.
fn stop(snapshot: &Snapshot) -> Answer {
    if snapshot.run.outcome.is_some() {
        return (Tone::Good, "nothing runs any more".into());
    }
    let held = snapshot.run.hold.is_some() || snapshot.unrecorded_hold;
    let slowest = snapshot
        .running
        .iter()
        .map(|(task, running)| ends(snapshot, task, running))
        .max();
    match (held, slowest) {
        (true, None) => (Tone::Good, "held, nothing runs; r releases".into()),
        (true, Some((_, when))) => (Tone::Warn, format!("held; stops {when}")),
        (false, None) => (Tone::Plain, "SPACE: at once, nothing runs".into()),
        (false, Some((_, when))) => (Tone::Plain, format!("SPACE: {when}")),
    }
}

/// When a held task stops; slowest last in order.
fn ends(snapshot: &Snapshot, task: &Task, running: &Running) -> (u8, String) {
    let step = snapshot.run.plan.step(&task.step).map(|place| place.step);
    let action = step.and_then(|step| facts::action(step, task.direction));
    match (action, &running.progress) {
        (Some(Action::Backfill(_)), Some(Progress::Backfill(p)))
            if p.last_chunk > Duration::ZERO =>
        {
            let chunk = format::duration(p.last_chunk);
            (1, format!("after this chunk, ~{chunk}"))
        }
        (Some(Action::Backfill(_) | Action::Parity(_)), _) => (1, "after this chunk".into()),
        (Some(Action::Sql(_)), Some(Progress::Sql(sql))) if sql.waits_for.is_some() => {
            (0, "at once, it waits for a lock".into())
        }
        (Some(Action::Sql(_)), _) => (3, "when this statement ends".into()),
        (Some(Action::Exec(_)), _) => (2, "when this command ends".into()),
        (Some(Action::Manual(_) | Action::Wait(_)) | None, _) => (0, "at once".into()),
    }
}

/// What taking the phase back takes and costs.
fn undo(snapshot: &Snapshot) -> Answer {
    let undo = &snapshot.undo;
    if let Some(step) = snapshot.run.past_no_return() {
        return (Tone::Warn, format!("roll forward only since {}", step.id()));
    }
    if let Some(why) = &undo.impossible {
        return (Tone::Warn, why.clone());
    }
    if undo.tasks.is_empty() && undo.losses.is_empty() {
        return (Tone::Good, "nothing to take back".into());
    }
    let time = match undo.expected {
        Some(time) => format!("~{}", format::duration(time)),
        None => "time unknown".into(),
    };
    let steps = plural(undo.tasks.len() as u64, "step");
    match undo.losses.len() {
        0 => (Tone::Good, format!("{time}, {steps}, lossless: b")),
        _ => (
            Tone::Note,
            format!("{time}, {steps}: b; {}", undo.losses[0]),
        ),
    }
}
