//! The gates of the next boundary, each with the reason why it does not open.

use ratatui::text::Line;

use super::row::Row;
use super::{Pane, Scene};
use crate::engine::snapshot::GateView;
use crate::reading::elapsed;
use crate::report::format;
use crate::run::event::Verdict;
use crate::runbook::At;
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
                    .put(Tone::Quiet, "no boundary is left")
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
    let age = format::age(elapsed(gate.evidence.at, scene.now));
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
        _ => row.put(Tone::Good, "all open"),
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
