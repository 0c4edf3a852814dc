//! Who is here: the lead, and every attached terminal, by the roll that the lead
//! calls.

use ratatui::text::Line;

use super::{Pane, Scene};
use crate::reading::Reading;
use crate::reading::attended::Attendee;
use crate::report::format;
use crate::tui::theme::Tone;

/// Columns of names, deeds, seats, machines and times.
const COLUMNS: [u16; 5] = [16, 10, 20, 20, 8];

pub(super) fn pane(scene: &Scene<'_>, width: u16) -> Pane {
    let row = |tone, cells: [&str; 5]| -> Line<'static> {
        let cells = cells.iter().zip(COLUMNS);
        let row = cells.fold(scene.row().gap(1), |row, (cell, width)| {
            row.cell(tone, *cell, width).gap(1)
        });
        row.fit(width).into()
    };
    let mut rows = vec![row(
        Tone::Quiet,
        ["login", "here to", "seats", "machine", "since"],
    )];
    if let Some(lead) = &scene.snapshot.run.lead {
        let by = lead.by.to_string();
        rows.push(row(Tone::Plain, [&by, "lead", "", &lead.host, ""]));
    }
    let roll = scene.snapshot.attended();
    match roll {
        Reading::Measured { value, .. } => rows.extend(value.iter().map(|attendee| {
            let does = if attendee.operates {
                "operate"
            } else {
                "watch"
            };
            let seats = seats(scene, attendee);
            let since = format::clock(attendee.since);
            row(
                Tone::Plain,
                [&attendee.user, does, &seats, &attendee.host, &since],
            )
        })),
        Reading::Absent { why, .. } => {
            rows.push(row(Tone::Warn, ["others:", why.word(), "", "", ""]));
        }
    }
    Pane {
        title: "who is here".into(),
        note: roll.age(scene.now).map_or(String::new(), format::age),
        rows,
        key: 'i',
        ..Pane::default()
    }
}

/// The runbook's roles that a login fills, by what the server says of it.
fn seats(scene: &Scene<'_>, attendee: &Attendee) -> String {
    let roles = scene.snapshot.run.plan.body.roles.iter();
    let filled = roles.filter(|role| {
        let mut members = role.members.iter();
        members.any(|member| attendee.roles.contains(member))
    });
    let filled: Vec<_> = filled.map(|role| role.id.as_str()).collect();
    match filled.as_slice() {
        [] => "none".into(),
        seats => seats.join(", "),
    }
}
