//! Row 1: what is cut over, where, who leads, and how old all this is.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{Scene, pair};
use crate::engine::snapshot::{State, Terminal};
use crate::report::format;
use crate::tui::theme::Tone;

/// From this age on, the age stands beside the clock: a second's grace for each
/// of the lead's publishing, and of our reading of it.
fn live(terminal: Terminal) -> u64 {
    match terminal {
        Terminal::Lead => 2,
        Terminal::Operator | Terminal::Observer => 3,
    }
}

pub(super) fn draw(scene: &Scene<'_>, place: Rect, buf: &mut Buffer) {
    let cutover = &scene.snapshot.run.plan.body.cutover;
    let production = cutover.environment.to_lowercase().contains("prod");
    let environment = format!(" {} ", cutover.environment.to_uppercase());
    let tone = if production { Tone::Warn } else { Tone::Note };
    let left = scene
        .row()
        .put(Tone::Plain, &cutover.id)
        .gap(1)
        .styled(scene.theme.chip(tone), environment)
        .put(
            Tone::Plain,
            if place.width < 72 {
                String::new()
            } else {
                server(scene)
            },
        )
        .gap(2)
        .put(Tone::Plain, lead(scene, place.width));
    let clock = format!("{}Z", format::clock(scene.now));
    let right = match scene.model.old() {
        Some(age) => scene
            .row()
            .put(Tone::Bad, format!("{} OLD", format::age(age)))
            .put(Tone::Quiet, format!(" {clock}")),
        None if scene.model.age().as_secs() >= live(scene.snapshot.terminal) => scene
            .row()
            .put(
                Tone::Note,
                format!("{} old", format::age(scene.model.age())),
            )
            .put(Tone::Quiet, format!(" {clock}")),
        None => scene
            .row()
            .put(Tone::Good, "live")
            .put(Tone::Quiet, format!(" {clock}")),
    };
    pair(left, right, place, 0, buf);
}

fn server(scene: &Scene<'_>) -> String {
    match scene.snapshot.readings.server.value() {
        // Packagers append a name of their own: `15.18 (Debian 15.18-0+deb12u1)`.
        Some(server) => {
            let version = server.version.split(' ').next().unwrap_or_default();
            format!(" {} PG{version}", server.database)
        }
        None => " server unknown".into(),
    }
}

/// What one may do here, how many others are here and who leads; by name and
/// word where there is room for it.
fn lead(scene: &Scene<'_>, width: u16) -> String {
    let snapshot = scene.snapshot;
    let user = &snapshot.user;
    let lead = match (&snapshot.run.lead, snapshot.state) {
        (Some(lead), state) if state != State::NoLead => Some(format!("LEAD {}", lead.by)),
        _ => None,
    };
    let may = match snapshot.terminal {
        Terminal::Lead => return format!("LEAD {user}{}", others(scene, " watching")),
        Terminal::Operator => "operate",
        Terminal::Observer => "watch",
    };
    match (lead, width) {
        (None, _) => format!("NO LEAD, you {may}"),
        (Some(lead), ..100) => format!("{may}{}, {lead}", others(scene, "")),
        (Some(lead), _) => format!("you {user} {may}, {lead}{}", others(scene, " watching")),
    }
}

/// The other attached terminals: this one does not count itself.
fn others(scene: &Scene<'_>, word: &str) -> String {
    // What is wrong needs the room.
    if scene.model.old().is_some() {
        return String::new();
    }
    let attended = scene.snapshot.attended().value().map_or(0, Vec::len);
    match attended.saturating_sub(usize::from(!scene.snapshot.leads())) {
        0 => String::new(),
        n => format!(" +{n}{word}"),
    }
}
