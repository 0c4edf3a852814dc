//! Rows 3 and 4: the questions that everybody asks, each in a place of its own.
//!
//! Is it us? Is production hurting? Which key stops it safely? What does
//! taking it back cost? (How old it is stands in row 1 and beside each value.)

use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::row::Row;
use super::{Scene, put, signals};
use crate::engine::snapshot::{GuardView, Link, Running, Snapshot, State};
use crate::reading::Reading;
use crate::report::format::{self, plural};
use crate::run::event::{Rung, Task};
use crate::run::progress::{BackfillStage, Progress};
use crate::runbook::Action;
use crate::tui::facts;
use crate::tui::theme::Tone;

/// The questions, and the columns of their names, left and right.
const NAMES: ([&str; 4], (u16, u16)) =
    (["Is it us?", "Stop safely", "Production", "Undo"], (12, 11));

/// The same where there is little room.
const SHORT: ([&str; 4], (u16, u16)) = (["Us?", "Stop", "Prod", "Undo"], (5, 5));

/// From this age on a value is told with its age: the monitor looks once a second.
const OLD: Duration = Duration::from_secs(5);

type Answer = (Tone, String);

pub(super) fn draw(scene: &Scene<'_>, place: Rect, buf: &mut Buffer) {
    let (names, (left, right)) = if place.width < 72 { SHORT } else { NAMES };
    let us = cell(scene, left, names[0], us(scene));
    let stop = cell(scene, left, names[1], stop(scene.snapshot));
    let production = cell(scene, right, names[2], production(scene));
    let undo = cell(scene, right, names[3], undo(scene.snapshot));
    let rows = if place.height == 1 {
        [(us, undo), (stop, production)]
    } else {
        [(us, production), (stop, undo)]
    };
    let half = place.width / 2 + u16::from(place.width > 1);
    for (at, (left, right)) in rows.into_iter().enumerate() {
        let left_place = Rect {
            width: half.saturating_sub(1).min(place.width),
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

fn cell(scene: &Scene<'_>, width: u16, name: &str, (tone, text): Answer) -> Row {
    scene.row().cell(Tone::Quiet, name, width).put(tone, text)
}

/// Whether somebody waits because of us, or might be slow because we write.
fn us(scene: &Scene<'_>) -> Answer {
    let locks = &scene.snapshot.readings.locks;
    let old = locks.age(scene.now).filter(|age| *age >= OLD);
    match locks {
        Reading::Absent { why, .. } => (Tone::Warn, format!("unknown: locks {}", why.word())),
        Reading::Measured { value, .. } if value.waiting_on_us == 0 => match old {
            Some(age) => (Tone::Note, format!("{} ago: no waits", format::age(age))),
            None => nobody_waits(scene.snapshot),
        },
        Reading::Measured { value, .. } => {
            let longest = value.longest_on_us.map(format::duration);
            let longest = longest.map_or(String::new(), |time| format!(", {time}"));
            let who = value.waiting_on_us;
            (Tone::Bad, format!("YES: {who} wait on us{longest}"))
        }
    }
}

/// Locks are not all: what we write may be what a guard complains about.
fn nobody_waits(snapshot: &Snapshot) -> Answer {
    let quiet = |guard: &GuardView| guard.rung == Rung::Quiet;
    let mut running = snapshot.running.values();
    let writes = snapshot.state != State::Paused && running.any(|running| !is_parked(running));
    match (snapshot.guards.iter().all(quiet), writes) {
        (true, _) => (Tone::Good, "no: nobody waits on us".into()),
        (false, true) => (Tone::Note, "maybe: we write; no waits".into()),
        (false, false) => (Tone::Good, "not now: we write nothing".into()),
    }
}

/// A backfill between two chunks.
fn is_parked(running: &Running) -> bool {
    matches!(
        &running.progress,
        Some(Progress::Backfill(progress)) if progress.stage == BackfillStage::Waiting
    )
}

/// The worst guard, in one sentence.
fn production(scene: &Scene<'_>) -> Answer {
    match signals::watched(scene).first() {
        Some(row) if row.age.is_some_and(|age| age >= OLD) => {
            let age = format::age(row.age.unwrap_or_default());
            (Tone::Note, format!("{age} ago: {} {}", row.signal, row.now))
        }
        Some(row) if row.tone > Tone::Plain => (row.tone, row.sentence()),
        Some(row) => (Tone::Good, row.sentence()),
        None => (Tone::Note, "nothing watches it".into()),
    }
}

/// What Space does now.
fn stop(snapshot: &Snapshot) -> Answer {
    if snapshot.run.outcome.is_some() {
        return (Tone::Good, "nothing runs any more".into());
    }
    if snapshot.state == State::NoLead {
        return (Tone::Note, "nobody leads: nothing new".into());
    }
    if snapshot.run.rollback.is_some() && snapshot.state == State::RollingBack {
        return way_back(snapshot);
    }
    if snapshot.state == State::Held {
        // A backfill that is parked between two chunks is a task still.
        return (Tone::Good, "held: nothing runs".into());
    }
    let held = snapshot.run.hold.is_some() || snapshot.unrecorded_hold;
    let slowest = snapshot
        .running
        .iter()
        .map(|(task, running)| ends(snapshot, task, running))
        .max();
    match (held, slowest) {
        (true, None) => (Tone::Good, "held: nothing runs".into()),
        (true, Some((_, when))) => (Tone::Warn, format!("held: {when}")),
        (false, None) => (Tone::Plain, "SPACE: at once, nothing runs".into()),
        (false, Some((_, when))) => (Tone::Plain, format!("SPACE: {when}")),
    }
}

/// A hold does not stop a way back; what can be stopped is its statement.
fn way_back(snapshot: &Snapshot) -> Answer {
    match facts::running_statement(snapshot) {
        Some(_) => (Tone::Plain, "x cancels; SPACE does not".into()),
        None => (Tone::Plain, "no key: a way back goes on".into()),
    }
}

/// When a held task stops; slowest last in order.
fn ends(snapshot: &Snapshot, task: &Task, running: &Running) -> (u8, String) {
    let step = snapshot.run.plan.step(&task.step).map(|place| place.step);
    let action = step.and_then(|step| facts::action(step, task.direction));
    match (action, &running.progress) {
        (Some(Action::Backfill(_)), _) if is_parked(running) => (0, "at once, nothing runs".into()),
        (Some(Action::Backfill(_)), Some(Progress::Backfill(p)))
            if p.last_chunk > Duration::ZERO =>
        {
            let chunk = format::duration(p.last_chunk);
            (1, format!("after chunk, ~{chunk}"))
        }
        (Some(Action::Backfill(_) | Action::Parity(_)), _) => (1, "after this chunk".into()),
        (Some(Action::Sql(_)), Some(Progress::Sql(sql))) if sql.waits_for.is_some() => {
            (0, "at once, it only waits".into())
        }
        (Some(Action::Sql(_)), _) => (3, "when statement ends".into()),
        (Some(Action::Exec(_)), _) => (2, "when command ends".into()),
        (Some(Action::Manual(_) | Action::Wait(_)) | None, _) => (0, "at once".into()),
    }
}

/// What taking the phase back takes and costs.
fn undo(snapshot: &Snapshot) -> Answer {
    let undo = &snapshot.undo;
    if let Link::Down { .. } = snapshot.link {
        return (Tone::Warn, "not now: no journal".into());
    }
    if snapshot.state == State::NoLead {
        return (Tone::Note, "not now: nobody leads".into());
    }
    if snapshot.run.is_stuck() {
        return (Tone::Bad, "stuck: o settles it first".into());
    }
    if snapshot.state == State::InDoubt {
        return (Tone::Bad, "in doubt: o settles it first".into());
    }
    if let Some(rollback) = &snapshot.run.rollback {
        let phase = &snapshot.run.plan.phases()[rollback.phase];
        return (Tone::Warn, format!("under way: {}", phase.id));
    }
    if let Some(step) = snapshot.run.past_no_return() {
        return (Tone::Warn, format!("no more: {} ran", step.id()));
    }
    if facts::last_entered(&snapshot.run).is_none() {
        return (Tone::Good, "nothing to take back".into());
    }
    if let Some(why) = &undo.impossible {
        return (Tone::Warn, why.clone());
    }
    if undo.tasks.is_empty() {
        return (Tone::Good, "b: lossless, instant".into());
    }
    let steps = plural(undo.tasks.len() as u64, "step");
    let time = undo.expected.map_or("time ?".into(), |time| {
        format!("~{}", format::duration(time))
    });
    (Tone::Good, format!("b: lossless, {steps}, {time}"))
}
