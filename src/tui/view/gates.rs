//! The gates of the next boundary, each with the reason why it does not open.

use std::time::Duration;

use ratatui::text::Line;

use super::row::Row;
use super::{Pane, Scene};
use crate::engine::snapshot::{GateView, Link};
use crate::engine::window;
use crate::reading::elapsed;
use crate::report::format;
use crate::run::event::Verdict;
use crate::runbook::{At, WindowScope};
use crate::tui::facts;
use crate::tui::theme::Tone;

pub(super) fn pane(scene: &Scene<'_>, width: u16) -> Pane {
    let snapshot = scene.snapshot;
    let gates = &snapshot.gates;
    let met = gates.len() - facts::unmet(snapshot).count();
    let where_to = boundary(scene);
    if snapshot.run.outcome.is_some() {
        return Pane {
            title: "gates".into(),
            rows: vec![
                scene
                    .row()
                    .gap(1)
                    .put(Tone::Quiet, "no gates apply: the run is over")
                    .into(),
            ],
            ..Pane::default()
        };
    }
    let mut sorted: Vec<&GateView> = gates.iter().collect();
    sorted.sort_by_key(|gate| gate.evidence.verdict.opens());
    let mut rows: Vec<Line<'static>> = sorted
        .iter()
        .map(|gate| row(scene, gate, width).fit(width).into())
        .collect();
    rows.extend(closed_window(scene, width).map(|row| row.fit(width).into()));
    if rows.is_empty() {
        let text = "no gate stands here";
        rows.push(scene.row().gap(1).put(Tone::Quiet, text).into());
    }
    Pane {
        title: match gates.len() {
            0 => where_to,
            all => format!("{where_to}: {met} of {all} gates open"),
        },
        note: match facts::to_sign(snapshot).len() {
            0 => String::new(),
            _ => "s signs".into(),
        },
        brief: Some(
            brief(scene, sorted.first(), met, gates.len())
                .fit(width)
                .into(),
        ),
        rows,
        key: 'g',
        ..Pane::default()
    }
}

/// The window, where it keeps the boundary shut and no gate of its own says so.
fn closed_window(scene: &Scene<'_>, width: u16) -> Option<Row> {
    let snapshot = scene.snapshot;
    let body = &snapshot.run.plan.body;
    let why = window::closed(body.window.as_ref(), WindowScope::Advance, scene.now)?;
    let told = snapshot.gates.iter().any(|gate| gate.kind == "window");
    let row = scene
        .row()
        .put(Tone::Warn, format!(" [{}] ", scene.glyphs().open))
        .cell(Tone::Warn, "CLOSED", 13)
        .cell(Tone::Plain, "the window", 18)
        .gap(1)
        .cell(Tone::Plain, why, width.saturating_sub(37));
    (!told && snapshot.run.rollback.is_none()).then_some(row)
}

/// How old a verdict is: one that rests on what the lead measured is at least as
/// old as the lead's words, one on the journal as old as the journal's link.
fn age(scene: &Scene<'_>, gate: &GateView) -> Duration {
    let measured = elapsed(gate.evidence.at, scene.now);
    let down = matches!(scene.snapshot.link, Link::Down { .. });
    let rests = match gate.kind {
        "window" => false,
        "sql" | "soak" => true,
        _ => down,
    };
    let old = scene.model.old().filter(|_| rests);
    measured.max(old.unwrap_or_default())
}

/// The boundary by name, or the step behind which the gates stand.
fn boundary(scene: &Scene<'_>) -> String {
    let run = &scene.snapshot.run;
    let first = scene.snapshot.gates.first();
    let planned = first.and_then(|gate| run.plan.gate(&gate.gate));
    if let Some((_, gate)) = planned
        && let At::After(step) = &gate.at
    {
        return format!("after {step}");
    }
    match (facts::last_entered(run), facts::next_phase(run)) {
        (Some(from), Some(into)) => format!("{} to {}", from.id, into.id),
        (None, Some(into)) => format!("entry of {}", into.id),
        (Some(from), None) => format!("exit of {}", from.id),
        (None, None) => "gates".into(),
    }
}

/// A gate's mark, name, verdict and reason.
pub(super) fn row(scene: &Scene<'_>, gate: &GateView, width: u16) -> Row {
    let verdict = gate.evidence.verdict;
    let tone = tone(verdict);
    let mark = if verdict.opens() {
        scene.glyphs().done
    } else {
        scene.glyphs().open
    };
    let age = format::age(age(scene, gate));
    let reason = match gate.fraction {
        Some(share) if !verdict.opens() => {
            format!("{} {}", format::share(share), gate.evidence.reason)
        }
        _ => gate.evidence.reason.clone(),
    };
    scene
        .row()
        .put(tone, format!(" [{mark}] "))
        .cell(tone, verdict.word(), 13)
        .cell(Tone::Plain, gate.gate.as_str(), 18)
        .gap(1)
        .cell(Tone::Plain, reason, width.saturating_sub(43))
        .number(Tone::Quiet, age, 5)
}

fn brief(scene: &Scene<'_>, first: Option<&&GateView>, met: usize, of: usize) -> Row {
    let row = scene
        .row()
        .gap(1)
        .put(Tone::Quiet, format!("gates {met}/{of}  "));
    match first {
        Some(gate) if !gate.evidence.verdict.opens() => {
            let evidence = &gate.evidence;
            let text = format!(
                "{} {}: {}",
                gate.gate,
                evidence.verdict.word(),
                evidence.reason
            );
            row.put(tone(evidence.verdict), text)
        }
        _ => match closed_window(scene, scene.model.size.0) {
            Some(closed) => closed,
            None if of == 0 => row.put(Tone::Quiet, "none stands here"),
            None => row.put(Tone::Good, "all open"),
        },
    }
}

pub(super) fn tone(verdict: Verdict) -> Tone {
    match verdict {
        Verdict::Go => Tone::Good,
        Verdict::Waived | Verdict::Pending => Tone::Note,
        Verdict::Stale | Verdict::Inconclusive => Tone::Warn,
        Verdict::NoGo | Verdict::Error => Tone::Bad,
    }
}
