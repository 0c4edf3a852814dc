//! Is production hurting? The worst of what is watched, and what is not.
//!
//! Owns that one answer. Quiet guards are all that it can vouch for: without a
//! guard on the application's own figures it says that nothing tells of them.

use super::signals::{self, Watched};
use super::{Scene, fitting};
use crate::engine::guard;
use crate::run::event::Rung;
use crate::runbook::Signal;
use crate::tui::theme::Tone;

/// From this age on a value is told with its age: the monitor looks once a second.
pub(super) const OLD: std::time::Duration = std::time::Duration::from_secs(5);

pub(super) fn answer(scene: &Scene<'_>, room: u16) -> (Tone, String) {
    let watched = signals::watched(scene);
    let Some(worst) = watched.first() else {
        return (Tone::Note, "nothing watches it".into());
    };
    let calm = worst.tone <= Tone::Plain;
    // The application's own figures say more than the server's.
    let guards = &scene.snapshot.run.plan.body.guards;
    let of_app = |row: &&Watched| {
        let mut guards = guards.iter();
        guards.any(|g| g.id.as_str() == row.of && matches!(g.signal, Signal::Sql { .. }))
    };
    let app = watched.iter().find(of_app);
    let row = app.filter(|_| calm).unwrap_or(worst);
    if let Some(age) = row.age.filter(|age| *age >= OLD) {
        let age = crate::report::format::age(age);
        let text = format!("{age} ago: {} {}", name(row, false), row.now);
        return (Tone::Note, text);
    }
    match (calm, app) {
        (false, _) => (row.tone, trouble(scene, row, room)),
        (true, Some(_)) => (Tone::Good, well(row, None, room)),
        (true, None) => match reason_is_given(scene) {
            true => (
                Tone::Note,
                well(row, Some(("see the reason", "reason")), room),
            ),
            false => (
                Tone::Plain,
                well(row, Some(("no app signal", "app ?")), room),
            ),
        },
    }
}

/// Whether a person has said what is wrong: an answer must not contradict it.
pub(super) fn reason_is_given(scene: &Scene<'_>) -> bool {
    let run = &scene.snapshot.run;
    let rollback = run.rollback.as_ref().map(|rollback| &rollback.mark);
    let mut marks = run.hold.iter().chain(rollback);
    marks.any(|mark| !mark.reason.is_empty())
}

/// `replay lag`, or `lag` where there is little room; a query by its guard.
fn name(row: &Watched, short: bool) -> &str {
    match row.signal.as_str() {
        "query" => &row.of,
        "replay lag" if short => "lag",
        signal => signal,
    }
}

/// `lag ok 300ms of 2.0s; no app signal`, as much of it as fits.
fn well(row: &Watched, but: Option<(&str, &str)>, room: u16) -> String {
    let now = &row.now;
    let (but, brief) = but.map_or_else(Default::default, |(but, brief)| {
        (format!("; {but}"), format!("; {brief}"))
    });
    let of = match row.limit.as_str() {
        "" => String::new(),
        limit => format!(" of {limit}"),
    };
    let (long, short) = (name(row, false), name(row, true));
    fitting(
        room,
        [
            format!("{long} ok: {now}{of}{but}"),
            format!("{short} ok: {now}{of}{but}"),
            format!("{short} ok {now}{but}"),
            format!("{short} ok {now}{brief}"),
        ],
    )
}

/// `high: replay lag 14.2s > 10.0s`, `waits: 3 of max 3`, `GONE: standby b`.
fn trouble(scene: &Scene<'_>, row: &Watched, room: u16) -> String {
    if row.signal == signals::WAITING && row.of.is_empty() {
        return match row.word {
            "unknown" => format!("unknown: {} {}", row.signal, row.now),
            _ => format!("waits: {} of max {}", row.now, row.limit),
        };
    }
    let says = |name: &str| {
        // Without a value it is whose that matters.
        let now = match row.now.as_str() {
            signals::NONE => &row.of,
            now => now,
        };
        match passed(scene, row) {
            Some(limit) => format!("high: {name} {now} > {limit}"),
            None => format!("{}: {name} {now}", row.word),
        }
    };
    fitting(room, [says(name(row, false)), says(name(row, true))])
}

/// The limit that a guard's value is above, if it is: a stall lasts below it, and
/// goes without any value.
fn passed(scene: &Scene<'_>, row: &Watched) -> Option<String> {
    let mut views = scene.snapshot.guards.iter();
    let view = views.find(|view| view.guard.as_str() == row.of)?;
    let mut guards = scene.snapshot.run.plan.body.guards.iter();
    let planned = guards.find(|guard| guard.id == view.guard)?;
    let value = *view.value.value()?;
    let limit = |rung| guard::limit(planned, rung).filter(|limit| value > *limit);
    let rungs = [Rung::Hold, Rung::Stall, Rung::Throttle].into_iter();
    let reached = rungs.filter(|rung| *rung <= view.rung);
    reached
        .filter_map(limit)
        .next()
        .map(|at| view.unit.show(at))
}
