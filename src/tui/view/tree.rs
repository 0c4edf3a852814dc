//! Who blocks whom, our own sessions marked US.

use ratatui::text::Line;

use super::row::Row;
use super::{Pane, Scene};
use crate::reading::Reading;
use crate::reading::server::{Blocker, Blocking};
use crate::report::format;
use crate::tui::theme::Tone;

pub(super) fn pane(scene: &Scene<'_>, width: u16) -> Pane {
    let reading = &scene.snapshot.readings.locks;
    let rows = match reading {
        Reading::Absent { why, .. } => {
            let text = format!("unknown: {}", why.word());
            vec![scene.row().gap(1).put(Tone::Warn, text).into()]
        }
        Reading::Measured { value, .. } if value.roots.is_empty() => {
            vec![
                scene
                    .row()
                    .gap(1)
                    .put(Tone::Good, "nobody waits for a lock")
                    .into(),
            ]
        }
        Reading::Measured { value, .. } => forest(scene, value, width),
    };
    let age = reading.age(scene.now).map_or("-".into(), format::age);
    let waiting = reading.value().map_or(0, |locks| locks.waiting);
    Pane {
        title: match waiting {
            0 => "who blocks whom".into(),
            n => format!("who blocks whom: {n} waiting"),
        },
        note: age,
        rows,
        key: 'w',
        ..Pane::default()
    }
}

fn forest(scene: &Scene<'_>, locks: &Blocking, width: u16) -> Vec<Line<'static>> {
    let mut rows = Vec::new();
    for root in &locks.roots {
        branch(scene, root, "", None, width, &mut rows);
    }
    rows
}

/// A session's row, then those behind it, indented below.
fn branch(
    scene: &Scene<'_>,
    blocker: &Blocker,
    indent: &str,
    last: Option<bool>,
    width: u16,
    rows: &mut Vec<Line<'static>>,
) {
    let glyphs = scene.glyphs();
    let (twig, below) = match last {
        None => (String::new(), String::new()),
        Some(true) => (format!("{indent}{}", glyphs.twig), format!("{indent}  ")),
        Some(false) => (
            format!("{indent}{}", glyphs.branch),
            format!("{indent}{} ", glyphs.side),
        ),
    };
    rows.push(session(scene, blocker, &twig).fit(width).into());
    let children = blocker.behind.len();
    for (at, child) in blocker.behind.iter().enumerate() {
        let is_last = at + 1 == children && blocker.folded == 0;
        branch(scene, child, &below, Some(is_last), width, rows);
    }
    if blocker.folded > 0 {
        let text = format!("{below}{} +{} more", glyphs.twig, blocker.folded);
        rows.push(scene.row().gap(1).put(Tone::Quiet, text).fit(width).into());
    }
}

fn session(scene: &Scene<'_>, blocker: &Blocker, twig: &str) -> Row {
    let pid = blocker
        .session
        .map_or("prepared".into(), |id| id.pid.to_string());
    let row = scene.row().gap(1).put(Tone::Quiet, twig);
    let row = if blocker.ours {
        row.styled(scene.theme.chip(Tone::Warn), " US ").gap(1)
    } else {
        row
    };
    let row = row
        .put(Tone::Plain, pid)
        .put(Tone::Note, format!(" {} ", blocker.application))
        .put(Tone::Quiet, format!("{} ", blocker.state));
    let row = match (&blocker.wants, blocker.waited) {
        (Some(wants), Some(waited)) => row.put(
            Tone::Warn,
            format!("waits {} for {wants} ", format::duration(waited)),
        ),
        (Some(wants), None) => row.put(Tone::Warn, format!("waits for {wants} ")),
        (None, _) => match blocker.transaction_age {
            Some(age) => row.put(
                Tone::Quiet,
                format!("in transaction {} ", format::duration(age)),
            ),
            None => row,
        },
    };
    row.put(Tone::Plain, &blocker.query)
}
