//! Row 1: what is cut over, where, who leads, and how old all this is.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::{Scene, pair};
use crate::engine::snapshot::State;
use crate::report::format;
use crate::tui::theme::Tone;

/// From this age on, the age stands beside the clock.
const LIVE: u64 = 2;

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
        .put(Tone::Plain, lead(scene))
        .put(Tone::Quiet, watching(scene));
    let clock = format!("{}Z", format::clock(scene.now));
    let right = match scene.model.old() {
        Some(age) => scene
            .row()
            .put(Tone::Bad, format!("{} OLD", format::age(age)))
            .put(Tone::Quiet, format!(" {clock}")),
        None if scene.model.unseen().as_secs() >= LIVE => scene
            .row()
            .put(
                Tone::Note,
                format!("{} old", format::age(scene.model.unseen())),
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

fn lead(scene: &Scene<'_>) -> String {
    let snapshot = scene.snapshot;
    match &snapshot.run.lead {
        _ if snapshot.lead => format!("LEAD {}", snapshot.user),
        Some(lead) if snapshot.state == State::NoLead => format!("no lead, was {}", lead.by),
        Some(lead) => format!("LEAD {}, you watch", lead.by),
        None => "no lead, you watch".into(),
    }
}

fn watching(scene: &Scene<'_>) -> String {
    // What is wrong needs the room.
    let wrong = scene.model.old().is_some() || scene.snapshot.state == State::NoLead;
    match scene.snapshot.observers {
        _ if wrong => String::new(),
        0 => String::new(),
        n => format!(" +{n} watching"),
    }
}
