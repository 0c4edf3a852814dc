//! The handover card: what whoever takes the wheel has to know.
//!
//! Owns its contents and their order, from a snapshot alone; the screen and the
//! plain lines show the same. A section without anything says so: what is not
//! mentioned would have to be looked for.

use super::format;
use super::sentence::{self, Tone, sentence};
use crate::engine::snapshot::Snapshot;
use crate::reading::attended::Attendee;
use crate::run::event::Ground;
use crate::run::{Lead, Mark, Place, TaskState};
use crate::runbook::Role;

/// Events at its end.
const EVENTS: usize = 5;

/// A part of the card.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// Its heading.
    pub title: &'static str,
    /// Its lines, most important first.
    pub lines: Vec<(Tone, String)>,
}

/// The card, most urgent section first.
pub fn card(snapshot: &Snapshot) -> Vec<Section> {
    let all = [
        ("state", state(snapshot)),
        ("held", held(snapshot)),
        ("in doubt", doubts(snapshot)),
        ("waived", waived(snapshot)),
        ("next", next(snapshot)),
        ("who is who", people(snapshot)),
        ("last events", events(snapshot)),
    ];
    let sections = all.into_iter();
    sections
        .map(|(title, lines)| Section { title, lines })
        .collect()
}

/// The card as plain lines.
pub fn lines(snapshot: &Snapshot) -> Vec<String> {
    let mut lines = vec![format!(
        "handover of {} ({})",
        snapshot.run.plan.body.cutover.id, snapshot.run.plan.body.cutover.environment
    )];
    for section in card(snapshot) {
        let told = section.lines.into_iter();
        lines.extend(told.enumerate().map(|(at, (_, line))| {
            let title = if at == 0 { section.title } else { "" };
            format!("{title:<12} {line}")
        }));
    }
    lines
}

fn state(snapshot: &Snapshot) -> Vec<(Tone, String)> {
    let run = &snapshot.run;
    let word = snapshot.state.word();
    let mut lines = vec![(Tone::Note, format!("{word}: {}", snapshot.verdict))];
    let place = match run.place {
        Place::Before(_) => format!("before {}", run.phase().id),
        Place::In(_) => format!("in {}", run.phase().id),
    };
    let step = run.next_step();
    let step = step.map_or(String::new(), |step| format!(", at step {}", step.id()));
    let all = run.plan.phases().len();
    let number = run.phase_index() + 1;
    lines.push((
        Tone::Plain,
        format!("{place}, phase {number} of {all}{step}"),
    ));
    if let Some(view) = &snapshot.backfill {
        let progress = &view.progress;
        lines.push((
            Tone::Plain,
            format!(
                "backfill {} of {} rows, pace {}",
                format::count(progress.rows_done),
                format::count(progress.rows_total),
                view.pace.effective
            ),
        ));
    }
    let undo = &snapshot.undo;
    lines.push(match (&undo.impossible, undo.tasks.len()) {
        (Some(why), _) => (Tone::Warn, format!("no way back: {why}")),
        (None, 0) => (Tone::Plain, "way back: nothing has to be undone".into()),
        (None, tasks) => {
            let tasks = format::plural(tasks as u64, "step");
            (Tone::Plain, format!("way back: {tasks}"))
        }
    });
    lines
}

fn held(snapshot: &Snapshot) -> Vec<(Tone, String)> {
    let run = &snapshot.run;
    let said = |what: &str, mark: &Mark| {
        let line = format!("{what} by {} since {}", mark.by, format::clock(mark.at));
        (Tone::Warn, sentence::because(line, Some(&mark.reason)))
    };
    let hold = run.hold.iter().map(|mark| said("held", mark));
    let pause = run.pause.iter().map(|mark| said("paused", mark));
    let rollback = run.rollback.iter().map(|back| {
        let phase = &run.plan.phases()[back.phase].id;
        said(&format!("{phase} taken back"), &back.mark)
    });
    or_none(hold.chain(pause).chain(rollback).collect())
}

fn doubts(snapshot: &Snapshot) -> Vec<(Tone, String)> {
    let open = snapshot.run.open_questions();
    let told = open.filter_map(|(task, record)| match &record.state {
        TaskState::Failed(fault) => Some((Tone::Bad, format!("{task} failed: {fault}"))),
        TaskState::InDoubt(why) => Some((Tone::Bad, format!("{task}: {why}"))),
        _ => None,
    });
    or_none(told.collect())
}

/// Waivers of the phases' present attempts; older ones went with a rollback.
fn waived(snapshot: &Snapshot) -> Vec<(Tone, String)> {
    let run = &snapshot.run;
    let waivers = run.gates.iter().filter_map(|(gate, record)| {
        let (mark, attempt) = record.waiver.as_ref()?;
        let (phase, _) = run.plan.gate(gate)?;
        let counts = run.attempt(&run.plan.phases()[phase].id) == *attempt;
        counts.then(|| {
            let at = format::clock(mark.at);
            let line = format!("{gate} by {} at {at}: {}", mark.by, mark.reason);
            (Tone::Warn, line)
        })
    });
    or_none(waivers.collect())
}

/// The next decision, and what is not met for it.
fn next(snapshot: &Snapshot) -> Vec<(Tone, String)> {
    let run = &snapshot.run;
    let decision = match run.plan.phases().get(run.boundary()) {
        _ if run.outcome.is_some() => "nothing: the run has ended".to_owned(),
        Some(phase) if phase.point_of_no_return => {
            format!("advance into {}, from which there is no way back", phase.id)
        }
        Some(phase) => format!("advance into {}", phase.id),
        None => "none: after the last step the run ends by itself".to_owned(),
    };
    let mut lines = vec![(Tone::Note, decision)];
    let shut = snapshot.gates.iter();
    let shut = shut.filter(|gate| !gate.evidence.verdict.opens());
    lines.extend(shut.map(|gate| {
        let (verdict, reason) = (gate.evidence.verdict.word(), &gate.evidence.reason);
        let line = format!("unmet: {} {verdict}", gate.gate);
        (Tone::Plain, sentence::because(line, Some(reason)))
    }));
    lines
}

fn people(snapshot: &Snapshot) -> Vec<(Tone, String)> {
    let run = &snapshot.run;
    let mut lines = vec![lead(snapshot)];
    if let Some(asked) = run.lead.as_ref().and_then(|lead| lead.asked.as_ref()) {
        lines.push((Tone::Warn, format!("{} asks to take over", asked.by)));
    }
    let owner = run.phase().owner.as_ref();
    lines.extend(run.plan.body.roles.iter().map(|role| {
        let answers = match owner == Some(&role.id) {
            true => format!(", answers for {}", run.phase().id),
            false => String::new(),
        };
        (Tone::Plain, format!("{}{answers}", introduced(role)))
    }));
    if let Some(channel) = &run.plan.body.cutover.channel {
        lines.push((Tone::Plain, format!("people talk in {channel}")));
    }
    let attended = snapshot.attended().value().into_iter().flatten();
    lines.extend(attended.map(|who| (Tone::Plain, attached(who))));
    lines
}

fn lead(snapshot: &Snapshot) -> (Tone, String) {
    let Some(lead) = &snapshot.run.lead else {
        return (Tone::Bad, "nobody leads".into());
    };
    let since = format::clock(lead.mark.at);
    let what = match (&lead.from, lead.ground) {
        (Some(from), ground) if lead.took_over() || ground == Ground::Moved => {
            sentence::taken(&lead.by, from, &lead.host, ground)
        }
        _ => format!("{} leads from {}", lead.by, lead.host),
    };
    let line = format!("{what}, since {since}");
    (Tone::Note, sentence::because(line, Some(&lead.mark.reason)))
}

fn introduced(role: &Role) -> String {
    let contact = role.contact.as_ref();
    let contact = contact.map_or(String::new(), |contact| format!(": {contact}"));
    format!("{} ({}){contact}", role.id, role.members.join(", "))
}

fn attached(who: &Attendee) -> String {
    let does = if who.operates { "operates" } else { "watches" };
    let since = format::clock(who.since);
    format!("{} {does} from {} since {since}", who.user, who.host)
}

fn events(snapshot: &Snapshot) -> Vec<(Tone, String)> {
    let newest = snapshot.events.iter().rev().take(EVENTS);
    let told = newest.map(|event| {
        let line = format!("{} {}", format::clock(event.at), sentence(&event.kind));
        (sentence::tone(&event.kind), line)
    });
    or_none(told.collect())
}

fn or_none(lines: Vec<(Tone, String)>) -> Vec<(Tone, String)> {
    match lines.is_empty() {
        true => vec![(Tone::Quiet, "none".into())],
        false => lines,
    }
}

/// Who leads now, how that came, and why: what the lead that was is told.
pub fn succeeded(lead: &Lead) -> String {
    let (by, host) = (&lead.by, &lead.host);
    let how = match &lead.from {
        Some(from) => sentence::taken(by, from, host, lead.ground),
        None => format!("{by} leads from {host}"),
    };
    sentence::because(how, Some(&lead.mark.reason))
}
