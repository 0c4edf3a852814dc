//! The runbook's own words: its summary, the phase's notes, whom to tell.

use ratatui::text::Line;

use super::row::wrap;
use super::{Pane, Scene};
use crate::tui::theme::Tone;

pub(super) fn pane(scene: &Scene<'_>, width: u16) -> Pane {
    let run = &scene.snapshot.run;
    let body = &run.plan.body;
    let mut texts = vec![
        (Tone::Note, body.cutover.title.clone()),
        (Tone::Plain, body.cutover.summary.clone()),
    ];
    let phase = run.phase();
    texts.extend(
        phase
            .notes
            .iter()
            .map(|notes| (Tone::Plain, format!("{}: {notes}", phase.id))),
    );
    texts.extend(tell(scene).into_iter().map(|line| (Tone::Plain, line)));
    let notices = run.plan.observed.notices.iter();
    texts
        .extend(notices.map(|notice| (Tone::Warn, format!("{}: {}", notice.code, notice.message))));
    let rows = texts.iter().flat_map(|(tone, text)| {
        let lines = wrap(text, width.saturating_sub(2));
        lines
            .into_iter()
            .map(|line| Line::from(scene.row().gap(1).put(*tone, line)))
    });
    Pane {
        title: "notes of the runbook".into(),
        rows: rows.collect(),
        key: 'n',
        ..Pane::default()
    }
}

/// Whom to tell, and who answers for what.
pub(super) fn tell(scene: &Scene<'_>) -> Vec<String> {
    let run = &scene.snapshot.run;
    let body = &run.plan.body;
    let channel = body
        .cutover
        .channel
        .iter()
        .map(|channel| format!("tell {channel}"));
    let owner = run
        .phase()
        .owner
        .as_ref()
        .and_then(|owner| run.plan.role(owner));
    let owner = owner.map(|role| {
        let contact = role.contact.as_deref().unwrap_or("no contact given");
        format!("{} answers for {}: {contact}", role.id, run.phase().id)
    });
    channel.chain(owner).collect()
}
