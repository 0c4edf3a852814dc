//! What is watched, as rows: the runbook's guards, then the signals that the
//! monitor reads whatever the runbook says. Owns their words and their order;
//! an absent value is never a good one.

use std::time::Duration;

use super::Scene;
use crate::engine::guard;
use crate::engine::snapshot::GuardView;
use crate::reading::Reading;
use crate::reading::server::{Replica, ReplicaState};
use crate::report::format;
use crate::run::event::Rung;
use crate::runbook::{Guard, Signal};
use crate::tui::history::Series;
use crate::tui::theme::Tone;

/// In place of a value.
pub(super) const NONE: &str = "-";

/// Sessions of others behind ours, whatever the runbook watches.
pub(super) const WAITING: &str = "waiting on us";

/// A guard or a signal.
#[derive(Debug, Default)]
pub(super) struct Watched {
    /// Its weight: the order.
    pub(super) tone: Tone,
    /// `ok`, or what is wrong.
    pub(super) word: &'static str,
    /// What is measured.
    pub(super) signal: String,
    /// Of whom.
    pub(super) of: String,
    /// The value.
    pub(super) now: String,
    /// What happens at the next limit.
    pub(super) next: &'static str,
    /// The value at which it happens.
    pub(super) limit: String,
    /// What stands at full height over time, whichever limit is next; 0 where
    /// there is none.
    pub(super) top: f64,
    /// Its past, where that is kept.
    pub(super) series: Option<Series>,
    /// The reading's age.
    pub(super) age: Option<Duration>,
}

/// All of them, worst first; within a weight the runbook's guards stay on top.
pub(super) fn watched(scene: &Scene<'_>) -> Vec<Watched> {
    let guards = scene.snapshot.guards.iter();
    let mut rows: Vec<Watched> = guards.map(|view| guarded(scene, view)).collect();
    rows.push(waiting(scene));
    rows.extend(replicas(scene));
    rows.push(sessions(scene));
    rows.push(oldest(scene));
    rows.sort_by_key(|row| std::cmp::Reverse(row.tone.max(Tone::Plain)));
    rows
}

fn guarded(scene: &Scene<'_>, view: &GuardView) -> Watched {
    let guards = &scene.snapshot.run.plan.body.guards;
    let planned = guards.iter().find(|guard| guard.id == view.guard);
    let series = match planned.map(|guard| &guard.signal) {
        Some(Signal::ReplicationLag { standby: None }) => Some(Series::Lag),
        Some(Signal::WalRate) => Some(Series::Wal),
        Some(Signal::WaitingBehindUs) => Some(Series::Waiting),
        _ => None,
    };
    let shown = |value: f64| view.unit.show(value);
    let now = match &view.value {
        Reading::Measured { value, .. } => shown(*value),
        Reading::Absent { why, .. } => why.word().into(),
    };
    let absent = view.value.value().is_none();
    let (tone, word) = match view.rung {
        Rung::Quiet if absent => (Tone::Warn, "unknown"),
        Rung::Quiet => (Tone::Plain, view.rung.word()),
        Rung::Throttle => (Tone::Warn, view.rung.word()),
        Rung::Stall | Rung::Hold => (Tone::Bad, view.rung.word()),
    };
    Watched {
        tone,
        word,
        signal: view.signal.into(),
        of: view.guard.to_string(),
        now,
        next: view.limit.map_or("", |(rung, _)| above(rung)),
        limit: view.limit.map_or(String::new(), |(_, at)| shown(at)),
        top: planned.map_or(0.0, scale),
        series,
        age: view.value.age(scene.now),
    }
}

/// A rung as what happens above its limit.
fn above(rung: Rung) -> &'static str {
    match rung {
        Rung::Quiet => "",
        Rung::Throttle => "throttle >",
        Rung::Stall => "stall >",
        Rung::Hold => "hold >",
    }
}

/// One limit of a guard for as long as it is looked at: a scale that grew with the
/// value would draw a worse one lower.
fn scale(planned: &Guard) -> f64 {
    let rungs = [Rung::Stall, Rung::Hold, Rung::Throttle].into_iter();
    let mut limits = rungs.filter_map(|rung| guard::limit(planned, rung));
    limits.next().unwrap_or_default()
}

/// A signal of the monitor: its weight and value, or why there is none.
fn signal<T>(
    scene: &Scene<'_>,
    name: &str,
    reading: &Reading<T>,
    look: impl Fn(&T) -> (Tone, String),
) -> Watched {
    let (tone, word, now) = match reading {
        Reading::Measured { value, .. } => match look(value) {
            (tone, now) if tone > Tone::Plain => (tone, "look", now),
            (tone, now) => (tone, "ok", now),
        },
        Reading::Absent { why, .. } => (Tone::Warn, "unknown", why.word().into()),
    };
    Watched {
        tone,
        word,
        signal: name.into(),
        now,
        age: reading.age(scene.now),
        ..Watched::default()
    }
}

fn waiting(scene: &Scene<'_>) -> Watched {
    let max = scene.snapshot.run.plan.body.ddl.max_waiters;
    let locks = &scene.snapshot.readings.locks;
    let look = |tone, bad: bool| if bad { tone } else { Tone::Plain };
    Watched {
        next: "give up >",
        limit: max.to_string(),
        top: f64::from(max),
        series: Some(Series::Waiting),
        ..signal(scene, WAITING, locks, |locks| {
            let count = locks.waiting_on_us;
            (look(Tone::Bad, count > 0), count.to_string())
        })
    }
}

/// A row each standby; GONE and its kin rise above the quiet guards.
fn replicas(scene: &Scene<'_>) -> Vec<Watched> {
    let reading = &scene.snapshot.readings.replication;
    let Reading::Measured { value, .. } = reading else {
        return vec![signal(scene, "replication", reading, |_| {
            (Tone::Plain, String::new())
        })];
    };
    let rows = value.iter().map(|replica| {
        let bytes = replica.replay_bytes;
        Watched {
            tone: match replica.state {
                ReplicaState::Gone => Tone::Bad,
                ReplicaState::Lagging | ReplicaState::Stale | ReplicaState::NoPriv => Tone::Warn,
                ReplicaState::Ok | ReplicaState::Idle | ReplicaState::NoStandby => Tone::Plain,
            },
            word: replica.state.word(),
            signal: (if replica.sync {
                "sync standby"
            } else {
                "standby"
            })
            .into(),
            of: replica.name.clone(),
            now: lag(replica),
            next: bytes.map_or("", |_| "behind"),
            limit: bytes.map_or(String::new(), |bytes| format::bytes(bytes as f64)),
            age: reading.age(scene.now),
            ..Watched::default()
        }
    });
    rows.collect()
}

fn lag(replica: &Replica) -> String {
    match replica.heartbeat_lag.max(replica.replay_lag) {
        Some(lag) => format::duration(lag),
        None if replica.state == ReplicaState::Idle => "idle".into(),
        None => NONE.into(),
    }
}

fn sessions(scene: &Scene<'_>) -> Watched {
    let reading = &scene.snapshot.readings.activity;
    let limit = reading.value().map(|activity| activity.limit);
    Watched {
        next: limit.map_or("", |_| "full at"),
        limit: limit.map_or(String::new(), |limit| limit.to_string()),
        ..signal(scene, "connections", reading, |activity| {
            let near = activity.total * 10 >= activity.limit * 9;
            let tone = if near { Tone::Warn } else { Tone::Plain };
            (tone, activity.total.to_string())
        })
    }
}

fn oldest(scene: &Scene<'_>) -> Watched {
    let reading = &scene.snapshot.readings.activity;
    signal(scene, "oldest xact", reading, |activity| {
        let oldest = activity.oldest_transaction;
        // Five minutes keep vacuum from its work and DDL from its lock.
        let old = oldest > Some(Duration::from_secs(300));
        let tone = if old { Tone::Note } else { Tone::Plain };
        (tone, oldest.map_or("none".into(), format::duration))
    })
}
