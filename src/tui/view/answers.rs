//! Rows 3 and 4: the questions that everybody asks, each in a place of its own.
//!
//! Is it us? Is production hurting? Which key stops it safely? What does
//! taking it back cost? (How old it is stands in row 1 and beside each value.)

use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::production::{self, OLD};
use super::row::Row;
use super::{Scene, fitting, put, stands};
use crate::engine::snapshot::{GuardView, Link, Running, Snapshot, State};
use crate::reading::Reading;
use crate::reading::server::{Blocker, Blocking};
use crate::report::format;
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

type Answer = (Tone, String);

pub(super) fn draw(scene: &Scene<'_>, place: Rect, buf: &mut Buffer) {
    let (names, (left, right)) = if place.width < 72 { SHORT } else { NAMES };
    let half = place.width / 2 + u16::from(place.width > 1);
    let at_left = half.saturating_sub(1 + left);
    let at_right = (place.width - half).saturating_sub(right);
    let us = cell(scene, left, names[0], us(scene, at_left));
    let stop = cell(scene, left, names[1], stop(scene, at_left));
    let answer = production::answer(scene, at_right);
    let production = cell(scene, right, names[2], answer);
    let undo = cell(scene, right, names[3], undo(scene.snapshot, at_right));
    let rows = if place.height == 1 {
        [(us, undo), (stop, production)]
    } else {
        [(us, production), (stop, undo)]
    };
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
fn us(scene: &Scene<'_>, room: u16) -> Answer {
    let locks = &scene.snapshot.readings.locks;
    let old = locks.age(scene.now).filter(|age| *age >= OLD);
    match locks {
        Reading::Absent { why, .. } => (Tone::Warn, format!("unknown: locks {}", why.word())),
        Reading::Measured { value, .. } if value.waiting_on_us == 0 => match old {
            Some(age) => (Tone::Note, format!("{} ago: no waits", format::age(age))),
            None => nobody_waits(scene, room),
        },
        Reading::Measured { value, .. } => (Tone::Bad, waits(value, room)),
    }
}

/// How many wait behind us, and who has to go first where we wait ourselves.
fn waits(locks: &Blocking, room: u16) -> String {
    let who = locks.waiting_on_us;
    let mut others = locks.roots.iter().filter(|root| !root.ours);
    let first = others.find(|root| root.behind.iter().any(has_ours));
    if let Some((root, session)) = first.and_then(|root| Some((root, root.session?))) {
        let pid = session.pid;
        let wordings = [
            format!("YES: {who} behind us; {pid} {} is first", root.application),
            format!("YES: {who} behind us; {pid} first"),
            format!("YES: {who}; {pid} first"),
        ];
        return fitting(room, wordings);
    }
    let longest = locks.longest_on_us.map(format::duration);
    let longest = longest.map_or(String::new(), |time| format!(", {time}"));
    format!("YES: {who} behind us{longest}")
}

fn has_ours(blocker: &Blocker) -> bool {
    blocker.ours || blocker.behind.iter().any(has_ours)
}

/// Locks are not all: what we write may be what a guard or a person complains
/// about, and what stands acts without us.
fn nobody_waits(scene: &Scene<'_>, room: u16) -> Answer {
    let snapshot = scene.snapshot;
    let quiet = |guard: &GuardView| guard.rung == Rung::Quiet;
    let quiet = snapshot.guards.iter().all(quiet);
    let mut running = snapshot.running.values();
    if snapshot.state != State::Paused && running.any(|running| !is_parked(running)) {
        return match (quiet, production::reason_is_given(scene)) {
            (_, true) => (Tone::Note, "maybe: see the reason".into()),
            (false, _) => (Tone::Note, "maybe: we write; no waits".into()),
            (true, _) => (Tone::Good, "not by locks: 0 behind us".into()),
        };
    }
    const NO_WAITS: &str = "0 wait; ";
    let left = room.saturating_sub(NO_WAITS.len() as u16);
    match stands::words(&snapshot.run, left) {
        Some(stand) => (Tone::Note, format!("{NO_WAITS}{stand}")),
        None if quiet => (Tone::Good, "not by locks: 0 behind us".into()),
        None => (Tone::Good, "not now: we write nothing".into()),
    }
}

/// A backfill between two chunks.
fn is_parked(running: &Running) -> bool {
    matches!(
        &running.progress,
        Some(Progress::Backfill(progress)) if progress.stage == BackfillStage::Waiting
    )
}

/// What Space does now.
fn stop(scene: &Scene<'_>, room: u16) -> Answer {
    let snapshot = scene.snapshot;
    if snapshot.run.outcome.is_some() {
        return (Tone::Good, "no task runs any more".into());
    }
    if let Some(answer) = cut_off(scene, room) {
        return answer;
    }
    if snapshot.run.rollback.is_some() && snapshot.state == State::RollingBack {
        return way_back(snapshot, room);
    }
    if snapshot.state == State::Held {
        // A backfill that is parked between two chunks is a task still.
        return (Tone::Good, "held: no task runs".into());
    }
    if snapshot.state == State::Stalled {
        return (Tone::Plain, "SPACE: stays off until r".into());
    }
    let held = snapshot.run.hold.is_some() || snapshot.unrecorded_hold;
    let slowest = snapshot
        .running
        .iter()
        .map(|(task, running)| ends(snapshot, task, running))
        .max();
    match (held, slowest) {
        (true, None) => (Tone::Good, "held: no task runs".into()),
        (true, Some((_, when))) => (Tone::Warn, format!("held: {when}")),
        (false, None) => {
            let wordings = ["SPACE: at once, no task runs", "SPACE: at once, no task"];
            (Tone::Plain, fitting(room, wordings.map(str::to_owned)))
        }
        (false, Some((_, when))) => (Tone::Plain, format!("SPACE: {when}")),
    }
}

/// What Space does where the lead, or the journal, does not answer.
fn cut_off(scene: &Scene<'_>, room: u16) -> Option<Answer> {
    let snapshot = scene.snapshot;
    if snapshot.state == State::NoLead {
        return Some((Tone::Note, "nobody leads: nothing new".into()));
    }
    let down = matches!(snapshot.link, Link::Down { .. });
    let wordings = match (down, snapshot.leads()) {
        // The latch is this process' own: what it runs stops all the same.
        (true, true) => ["SPACE acts, recorded later", "SPACE acts, noted later"],
        (true, false) => ["SPACE tries, may not arrive", "SPACE may not arrive"],
        (false, _) if scene.model.old().is_some() => {
            ["SPACE asks; no answer lately", "SPACE asks, unheard"]
        }
        (false, _) => return None,
    };
    Some((Tone::Warn, fitting(room, wordings.map(str::to_owned))))
}

/// A hold does not stop a way back; its statement can be cancelled, and is begun
/// again: that lets those behind it through.
fn way_back(snapshot: &Snapshot, room: u16) -> Answer {
    let text = match facts::running_statement(snapshot) {
        Some(_) => [
            "x cancels, it begins again; SPACE does not",
            "x cancels, it begins again",
            "x cancels, begins again",
        ],
        None => ["no key: a way back goes on"; 3],
    };
    (Tone::Plain, fitting(room, text.map(str::to_owned)))
}

/// When a held task stops; slowest last in order.
fn ends(snapshot: &Snapshot, task: &Task, running: &Running) -> (u8, String) {
    let step = snapshot.run.plan.step(&task.step).map(|place| place.step);
    let action = step.and_then(|step| facts::action(step, task.direction));
    match (action, &running.progress) {
        (Some(Action::Backfill(_)), _) if is_parked(running) => (0, "at once, no chunk".into()),
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
fn undo(snapshot: &Snapshot, room: u16) -> Answer {
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
        return (Tone::Good, one_phase(room, "instant"));
    }
    let time = undo.expected.map_or("time ?".into(), |time| {
        format!("~{}", format::duration(time))
    });
    (Tone::Good, one_phase(room, &time))
}

/// How far back `b` goes, and what it costs.
fn one_phase(room: u16, time: &str) -> String {
    let wordings = [
        format!("b: 1 phase back, no loss, {time}"),
        format!("b: 1 phase, no loss, {time}"),
        format!("b: 1 phase, {time}"),
    ];
    fitting(room, wordings)
}
