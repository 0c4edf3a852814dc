//! Guards and signals, worst first: is production hurting?

use std::time::Duration;

use ratatui::text::Line;

use super::row::Row;
use super::{Pane, Scene};
use crate::engine::snapshot::GuardView;
use crate::reading::server::{Replica, ReplicaState};
use crate::reading::{Absence, Reading};
use crate::report::format;
use crate::run::event::Rung;
use crate::runbook::Signal;
use crate::tui::history::{SPAN, Series};
use crate::tui::theme::Tone;

/// A guard or a signal as a row.
pub(super) struct GuardRow {
    /// Its weight: the order.
    pub(super) tone: Tone,
    word: &'static str,
    signal: String,
    of: String,
    now: String,
    limit: String,
    series: Option<Series>,
    age: Option<Duration>,
}

impl GuardRow {
    /// The row as a sentence: `replay lag 8.1s, stall at 10.0s`.
    pub(super) fn sentence(&self) -> String {
        let limit = if self.limit == "-" {
            String::new()
        } else {
            format!(", {}", self.limit)
        };
        format!("{} {}{limit}", self.signal, self.now)
    }
}

/// The first row, where there is one.
pub(super) fn worst(scene: &Scene<'_>) -> Option<GuardRow> {
    rows(scene).into_iter().next()
}

pub(super) fn pane(scene: &Scene<'_>, width: u16) -> Pane {
    let guards = rows(scene);
    let spark = spark_width(width);
    let rows: Vec<Line<'static>> = guards
        .iter()
        .map(|guard| line(scene, guard, spark).fit(width).into())
        .collect();
    Pane {
        title: "guards, worst first".into(),
        note: if spark > 0 {
            format!("last {}, age", window(scene, spark))
        } else {
            "age".into()
        },
        brief: rows.first().cloned(),
        rows,
        key: 'm',
        ..Pane::default()
    }
}

/// Columns that are left for the figure over time.
fn spark_width(width: u16) -> u16 {
    width.saturating_sub(66).min(30)
}

fn window(scene: &Scene<'_>, columns: u16) -> String {
    let step = scene.model.history.step(columns);
    let seconds = (step * i64::from(columns)).min(SPAN) as u64;
    format::age(Duration::from_secs(seconds))
}

fn line(scene: &Scene<'_>, guard: &GuardRow, spark: u16) -> Row {
    let row = scene
        .row()
        .gap(1)
        .put(guard.tone, scene.theme.glyph(guard.tone))
        .gap(1)
        .cell(guard.tone, guard.word, 10)
        .cell(Tone::Plain, &guard.signal, 13)
        .cell(Tone::Quiet, &guard.of, 13)
        .number(guard.tone, &guard.now, 8)
        .gap(2)
        .cell(Tone::Quiet, &guard.limit, 13);
    let row = if spark > 0 {
        row.join(sparkline(scene, guard, spark))
    } else {
        row
    };
    let age = guard.age.map_or("-".into(), format::age);
    row.number(Tone::Quiet, age, 4)
}

/// The figure over time, scaled to its own largest value.
fn sparkline(scene: &Scene<'_>, guard: &GuardRow, columns: u16) -> Row {
    let Some(series) = guard.series else {
        return scene.row().gap(columns);
    };
    let history = &scene.model.history;
    let values = history.columns(series, columns, history.step(columns));
    let top = values
        .iter()
        .flatten()
        .fold(0.0_f64, |top, value| top.max(*value));
    let levels = &scene.glyphs().levels;
    let cells: String = values
        .into_iter()
        .map(|value| match value {
            None => levels[0],
            Some(value) if top <= 0.0 || value <= 0.0 => levels[1],
            Some(value) => levels[1 + (value / top * 7.0).round() as usize],
        })
        .collect();
    scene.row().put(Tone::Quiet, cells)
}

fn rows(scene: &Scene<'_>) -> Vec<GuardRow> {
    let mut rows: Vec<GuardRow> = scene
        .snapshot
        .guards
        .iter()
        .map(|g| guard(scene, g))
        .collect();
    rows.push(waiting(scene));
    rows.extend(replicas(scene));
    rows.push(sessions(scene));
    rows.push(oldest(scene));
    // Stable: within a weight, the runbook's guards keep their order and stay on top.
    rows.sort_by_key(|row| std::cmp::Reverse(row.tone.max(Tone::Plain)));
    rows
}

fn guard(scene: &Scene<'_>, view: &GuardView) -> GuardRow {
    let planned = scene
        .snapshot
        .run
        .plan
        .body
        .guards
        .iter()
        .find(|g| g.id == view.guard);
    let lag = planned.is_none_or(|guard| guard.signal == Signal::ReplicationLag);
    let value = |value: f64| {
        if lag {
            format::duration(Duration::from_secs_f64(value.clamp(0.0, 1e9)))
        } else {
            format::quantity(value)
        }
    };
    let (now, absent) = match &view.value {
        Reading::Measured { value: v, .. } => (value(*v), false),
        Reading::Absent { why, .. } => (why.word().into(), true),
    };
    let tone = match view.rung {
        Rung::Quiet if absent => Tone::Warn,
        Rung::Quiet => Tone::Plain,
        Rung::Throttle => Tone::Warn,
        Rung::Stall | Rung::Hold => Tone::Bad,
    };
    let word = if absent && view.rung == Rung::Quiet {
        "unknown"
    } else {
        view.rung.word()
    };
    GuardRow {
        tone,
        word,
        signal: view.signal.into(),
        of: view.guard.to_string(),
        now,
        limit: match view.limit {
            Some((rung, at)) => format!("{} at {}", rung.word(), value(at)),
            None => "-".into(),
        },
        series: lag.then_some(Series::Lag),
        age: view.value.age(scene.now),
    }
}

/// A signal that the monitor reads whatever the runbook says.
fn signal<T>(
    scene: &Scene<'_>,
    name: &str,
    reading: &Reading<T>,
    now: impl Fn(&T) -> (Tone, String, String),
) -> GuardRow {
    let (tone, shown, limit, word) = match reading {
        Reading::Measured { value, .. } => {
            let (tone, shown, limit) = now(value);
            let word = if tone > Tone::Plain { "look" } else { "ok" };
            (tone, shown, limit, word)
        }
        Reading::Absent {
            why: Absence::NotYet,
            ..
        } => (Tone::Plain, "-".into(), "-".into(), "not yet"),
        Reading::Absent { why, .. } => (Tone::Warn, why.word().into(), "-".into(), "unknown"),
    };
    GuardRow {
        tone,
        word,
        signal: name.into(),
        of: String::new(),
        now: shown,
        limit,
        series: None,
        age: reading.age(scene.now),
    }
}

fn waiting(scene: &Scene<'_>) -> GuardRow {
    let max = scene.snapshot.run.plan.body.ddl.max_waiters;
    let readings = &scene.snapshot.readings;
    let mut row = signal(scene, "waiting on us", &readings.locks, |locks| {
        let tone = if locks.waiting_on_us > 0 {
            Tone::Bad
        } else {
            Tone::Plain
        };
        (
            tone,
            locks.waiting_on_us.to_string(),
            format!("give up at {max}"),
        )
    });
    row.series = Some(Series::Waiting);
    row
}

/// A row each standby; on GONE and its kin they rise above the quiet guards.
fn replicas(scene: &Scene<'_>) -> Vec<GuardRow> {
    let reading = &scene.snapshot.readings.replication;
    let Reading::Measured { value, .. } = reading else {
        return vec![signal(scene, "replication", reading, |_| {
            (Tone::Plain, String::new(), String::new())
        })];
    };
    let rows = value.iter().map(|replica| GuardRow {
        tone: match replica.state {
            ReplicaState::Gone => Tone::Bad,
            ReplicaState::Lagging | ReplicaState::Stale | ReplicaState::NoPriv => Tone::Warn,
            _ => Tone::Plain,
        },
        word: replica.state.word(),
        signal: if replica.sync {
            "sync standby".into()
        } else {
            "standby".into()
        },
        of: replica.name.clone(),
        now: lag(replica),
        limit: replica
            .replay_bytes
            .map_or("-".into(), |b| format::bytes(b as f64)),
        series: None,
        age: reading.age(scene.now),
    });
    rows.collect()
}

fn lag(replica: &Replica) -> String {
    match replica.heartbeat_lag.max(replica.replay_lag) {
        Some(lag) => format::duration(lag),
        None if replica.state == ReplicaState::Idle => "idle".into(),
        None => "-".into(),
    }
}

fn sessions(scene: &Scene<'_>) -> GuardRow {
    signal(
        scene,
        "connections",
        &scene.snapshot.readings.activity,
        |activity| {
            let near = activity.total * 10 >= activity.limit * 9;
            let tone = if near { Tone::Warn } else { Tone::Plain };
            (
                tone,
                activity.total.to_string(),
                format!("limit {}", activity.limit),
            )
        },
    )
}

fn oldest(scene: &Scene<'_>) -> GuardRow {
    signal(
        scene,
        "oldest xact",
        &scene.snapshot.readings.activity,
        |activity| {
            let old = activity.oldest_transaction;
            // Five minutes keep vacuum from work and DDL from its lock.
            let tone = if old > Some(Duration::from_secs(300)) {
                Tone::Note
            } else {
                Tone::Plain
            };
            (
                tone,
                old.map_or("none".into(), format::duration),
                "-".into(),
            )
        },
    )
}
