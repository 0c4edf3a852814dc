//! The cards that move the run: forward, back, and all the way back.

use super::page::Page;
use crate::engine::snapshot::UndoView;
use crate::plan::Phase;
use crate::report::format::{self, plural};
use crate::runbook::Reversal;
use crate::tui::facts;
use crate::tui::theme::Tone;
use crate::tui::view::notes;

/// Gates, what runs next, the fastest way back, what to watch, whom to tell.
pub(super) fn advance(page: &mut Page<'_, '_>) {
    let scene = page.scene;
    let run = &scene.snapshot.run;
    if let Some(phase) = facts::next_phase(run) {
        no_return(page, phase);
    }
    page.heading("gates now");
    if scene.snapshot.gates.is_empty() {
        page.say(Tone::Plain, "none stands here");
    }
    for gate in &scene.snapshot.gates {
        page.gate(gate, None);
    }
    for why in facts::advance_blockers(scene.snapshot) {
        page.say(Tone::Warn, format!("not yet: {why}"));
    }
    let Some(phase) = facts::next_phase(run) else {
        return;
    };
    page.heading("runs next");
    page.steps(phase);
    page.heading("fastest way back");
    way_back(page, phase);
    page.heading("watch");
    let guards: Vec<_> = run
        .plan
        .body
        .guards
        .iter()
        .map(|guard| guard.id.to_string())
        .collect();
    page.say(
        Tone::Plain,
        format!("{}; {}", guards.join(", "), "who waits on us (w)"),
    );
    page.heading("tell");
    let tell = notes::tell(scene);
    page.say(
        Tone::Plain,
        if tell.is_empty() {
            "nobody is named".into()
        } else {
            tell.join("; ")
        },
    );
}

/// What is gone for good, above everything else.
fn no_return(page: &mut Page<'_, '_>, phase: &Phase) {
    for step in &phase.steps {
        if let Reversal::Irreversible(lost) = step.reversal() {
            page.heading("no way back");
            page.say(Tone::Bad, format!("after {}: {lost}", step.id()));
        }
    }
}

/// How one gets back out of a phase that has not been entered yet.
fn way_back(page: &mut Page<'_, '_>, phase: &Phase) {
    if let Some(steps) = &phase.rollback {
        let steps: Vec<_> = steps.iter().map(|step| step.id().to_string()).collect();
        return page.say(Tone::Good, format!("b: {}", steps.join(", ")));
    }
    for step in phase.steps.iter().rev() {
        let (tone, line) = match step.reversal() {
            Reversal::Irreversible(lost) => {
                (Tone::Bad, format!("none after {}: {lost}", step.id()))
            }
            Reversal::Keep(why) => (Tone::Quiet, format!("{} stays: {why}", step.id())),
            Reversal::Nothing => continue,
            Reversal::Undo(action) | Reversal::Derived(action) => {
                let first = facts::script(action).into_iter().next().unwrap_or_default();
                (Tone::Good, format!("b: {first}"))
            }
        };
        page.say(tone, line);
    }
}

/// Statements in order, expected time, what is lost.
pub(super) fn roll_back(page: &mut Page<'_, '_>) {
    let snapshot = page.scene.snapshot;
    let run = &snapshot.run;
    way(page, &snapshot.undo);
    if let Some(phase) = facts::last_entered(run) {
        let next = run.attempt(&phase.id) + 1;
        page.say(
            Tone::Plain,
            format!(
                "afterwards the run stands before {}, attempt {next}",
                phase.id
            ),
        );
    }
}

/// The same for every phase, to the start.
pub(super) fn unwind(page: &mut Page<'_, '_>) {
    way(page, &page.scene.snapshot.unwind);
    page.say(Tone::Plain, "afterwards the run is over: ROLLED BACK");
}

fn way(page: &mut Page<'_, '_>, undo: &UndoView) {
    page.heading("runs, in this order");
    for task in &undo.tasks {
        page.task(task);
    }
    if undo.tasks.is_empty() {
        page.say(Tone::Plain, "nothing: no step left anything behind");
    }
    page.heading("takes");
    let time = undo.expected.map(format::duration);
    let time = time.map_or("unknown: nothing like it has run yet".into(), |t| {
        format!("about {t}")
    });
    page.say(
        Tone::Plain,
        format!("{time}, {}", plural(undo.tasks.len() as u64, "step")),
    );
    page.heading("lost");
    page.say(Tone::Good, "nothing");
    if !undo.stays.is_empty() {
        page.heading("stays");
    }
    for what in &undo.stays {
        page.say(Tone::Plain, what);
    }
}
