//! The ladder of a guard: quiet, throttle, stall, hold, with hysteresis.
//!
//! Owns where a guard stands; `throttle` owns what that costs. Unknown is not
//! healthy: an absent or stale reading stalls, and holds when it lasts.
//!
//! | from | to | when |
//! |---|---|---|
//! | any | hold | above `hold` for its `for`, OR absent for `no_data.hold` |
//! | any | stall | above `stall` for its `for`, OR absent for `no_data.stall` |
//! | stall, hold | throttle or quiet | at or below `until_below` |
//! | quiet | throttle | above `throttle` |
//!
//! A hold is made once a climb, when the run can first be held (in a phase, not
//! on the way back, not held yet); a person's release stands although the guard
//! still does, which then stalls.

use std::time::Duration;

use jiff::Timestamp;

use super::memory::{GuardMemory, Memory};
use super::message::Decision;
use crate::reading::{Freshness, Reading, elapsed};
use crate::run::event::{Actor, EventKind, Rung};
use crate::run::{Place, Run};
use crate::runbook::{Guard, Threshold};

/// Moves every guard, and records the ones that stand elsewhere than before.
pub fn settle(run: &Run, memory: &mut Memory, now: Timestamp, decision: &mut Decision) {
    for guard in &run.plan.body.guards {
        let state = memory.guards.entry(guard.id.clone()).or_default();
        climb(guard, state, now);
        let before = run.guards.get(&guard.id).map_or(Rung::Quiet, |g| g.rung);
        if before != state.rung {
            decision.events.push(EventKind::GuardChanged {
                guard: guard.id.clone(),
                rung: state.rung,
                reason: state.reason.clone(),
            });
        }
        decision.events.extend(hold(run, guard, state));
    }
}

/// The hold of a climb, as soon as the run can be held. That it was made is
/// read off the run, so an append that failed is proposed again.
fn hold(run: &Run, guard: &Guard, state: &mut GuardMemory) -> Option<EventKind> {
    let by = Actor::Guard(guard.id.clone());
    let held_by_it = run.hold.as_ref().is_some_and(|hold| hold.by == by);
    state.held = state.rung == Rung::Hold && (state.held || held_by_it);
    let running = matches!(run.place, Place::In(_)) && run.rollback.is_none();
    let due = state.rung == Rung::Hold && !state.held;
    (due && running && run.hold.is_none()).then(|| EventKind::Held {
        by,
        reason: state.reason.clone(),
    })
}

/// How old a reading may be and still count.
pub fn max_age(guard: &Guard) -> Duration {
    guard.every * 3 + Duration::from_secs(2)
}

/// The guard's value, where it is a number that is still new enough.
pub fn live(guard: &Guard, state: &GuardMemory, now: Timestamp) -> Option<f64> {
    let live = state.value.freshness(now, max_age(guard)) == Freshness::Live;
    let value = state.value.value().copied();
    value.filter(|value| live && value.is_finite())
}

/// Moves one guard up or down its ladder.
fn climb(guard: &Guard, state: &mut GuardMemory, now: Timestamp) {
    match live(guard, state, now) {
        Some(value) => {
            state.absent = None;
            climb_by_value(guard, state, value, now);
        }
        None => climb_by_absence(guard, state, now),
    }
}

fn climb_by_value(guard: &Guard, state: &mut GuardMemory, value: f64, now: Timestamp) {
    let stall_at = guard.stall.map(|stall| stall.at);
    state.over_stall = since_when_above(stall_at, value, state.over_stall, now);
    state.over_hold = since_when_above(guard.hold, value, state.over_hold, now);
    let until_below = guard.stall.map_or(0.0, |stall| stall.until_below);
    let latched = state.rung >= Rung::Stall && value > until_below && guard.stall.is_some();
    state.rung = if lasts(guard.hold, state.over_hold, now) {
        Rung::Hold
    } else if latched || lasts(stall_at, state.over_stall, now) {
        Rung::Stall
    } else if guard.throttle.is_some_and(|t| value > t.above) {
        Rung::Throttle
    } else {
        Rung::Quiet
    };
    let unit = guard.signal.unit();
    state.reason = match limit(guard, state.rung) {
        Some(limit) => format!("{}, above {}", unit.show(value), unit.show(limit)),
        None => unit.show(value),
    };
}

fn climb_by_absence(guard: &Guard, state: &mut GuardMemory, now: Timestamp) {
    state.over_stall = None;
    state.over_hold = None;
    let absent = elapsed(*state.absent.get_or_insert(now), now);
    state.rung = if absent >= guard.no_data.hold {
        Rung::Hold
    } else if absent >= guard.no_data.stall {
        Rung::Stall
    } else {
        state.rung
    };
    state.reason = match &state.value {
        Reading::Absent { why, .. } => format!("unknown: {}", why.detail()),
        Reading::Measured { .. } => "unknown: the last value is too old".into(),
    };
}

fn since_when_above(
    threshold: Option<Threshold>,
    value: f64,
    since: Option<Timestamp>,
    now: Timestamp,
) -> Option<Timestamp> {
    threshold
        .filter(|threshold| value > threshold.above)
        .map(|_| since.unwrap_or(now))
}

fn lasts(threshold: Option<Threshold>, since: Option<Timestamp>, now: Timestamp) -> bool {
    match (threshold, since) {
        (Some(threshold), Some(since)) => elapsed(since, now) >= threshold.hold_for,
        _ => false,
    }
}

/// The value at which a rung begins.
pub fn limit(guard: &Guard, rung: Rung) -> Option<f64> {
    match rung {
        Rung::Quiet => None,
        Rung::Throttle => guard.throttle.map(|t| t.above),
        Rung::Stall => guard.stall.map(|s| s.at.above),
        Rung::Hold => guard.hold.map(|t| t.above),
    }
}
