//! Owns the one sentence that an event reads as, and its tone; never where it
//! is shown. The texts in events are clean already, screens clean again.

use std::time::Duration;

use super::{course, format};
use crate::engine::snapshot::Eta;
use crate::run::event::{
    Actor, Answer, BackfillSummary, EventKind, Evidence, Ground, Next, ParitySummary, Percent,
    Rung, Scope, Summary,
};

/// Lost events that a sentence names; the journal has them all.
const LOST: usize = 5;

/// How much an event or a value matters, quietest first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tone {
    /// In the background.
    Quiet,
    /// Ordinary.
    #[default]
    Plain,
    /// As it should be.
    Good,
    /// Worth a look.
    Note,
    /// Takes something away.
    Warn,
    /// Needs somebody.
    Bad,
}

/// What happened, in one sentence without a full stop.
pub fn sentence(kind: &EventKind) -> String {
    match kind {
        EventKind::RunCreated { by, plan_hash, .. } => {
            format!("run created by {by}, plan {}", short(plan_hash))
        }
        EventKind::LeadTaken { .. }
        | EventKind::LeadAsked { .. }
        | EventKind::LeadAnswered { .. }
        | EventKind::TailLost { .. } => leading(kind),
        EventKind::PhaseEntered {
            phase, attempt, by, ..
        } if *attempt > 1 => format!("entered {phase}, attempt {attempt}, by {by}"),
        EventKind::PhaseEntered { phase, by, .. } => format!("entered {phase}, by {by}"),
        EventKind::GatePassed { evidence } => format!("gate passed: {}", said(evidence)),
        EventKind::StepStarted { task, attempt } if *attempt > 1 => {
            format!("{task} started, attempt {attempt}")
        }
        EventKind::StepStarted { task, .. } => format!("{task} started"),
        EventKind::StepSucceeded { task, summary } => {
            format!("{task} done: {}", proof(summary))
        }
        EventKind::StepFailed { task, fault, next } => match next {
            Next::Retry(at) => {
                format!("{task} failed: {fault}; again at {}", format::clock(*at))
            }
            Next::Person => format!("{task} failed: {fault}; a person decides"),
            Next::Later => format!("{task} stopped at a safe point: {fault}"),
        },
        EventKind::StepInDoubt { task, why } => format!("{task} is in doubt: {why}"),
        EventKind::DoubtResolved {
            task,
            done,
            by,
            how,
        } => {
            let outcome = if *done {
                "taken as done"
            } else {
                "to be tried again"
            };
            format!("{task} {outcome} by {by}: {how}")
        }
        EventKind::GateChanged { evidence } => format!("gate {}", said(evidence)),
        EventKind::Finished => "finished: every phase is done".into(),
        person => control(person),
    }
}

/// Who leads, on which ground, and what a server has lost.
fn leading(kind: &EventKind) -> String {
    match kind {
        EventKind::LeadTaken {
            by,
            host,
            reason,
            from,
            ground,
            ..
        } => {
            let what = match from {
                Some(from) => taken(by, from, host, *ground),
                None => format!("{by} leads from {host}"),
            };
            because(what, reason.as_deref())
        }
        EventKind::LeadAsked { by } => format!("{by} asks to take over"),
        EventKind::LeadAnswered { by, to, answer } => match answer {
            Answer::Go => format!("{by} hands the lead over to {to}"),
            Answer::NoGo => format!("{by} keeps the lead: {to} asked for it"),
        },
        EventKind::TailLost { lost } => {
            let named = lost.iter().take(LOST);
            let named = named.map(|event| format!("{} {}", event.seq, sentence(&event.kind)));
            let mut named: Vec<_> = named.collect();
            if lost.len() > LOST {
                named.push(format!("and {} more", lost.len() - LOST));
            }
            let lost = format::plural(lost.len() as u64, "event");
            format!("the server has lost {lost}: {}", named.join("; "))
        }
        other => other.tag().replace('_', " "),
    }
}

/// How one lead followed another.
pub fn taken(by: &Actor, from: &Actor, host: &str, ground: Ground) -> String {
    match ground {
        Ground::Free if by == from => format!("{by} leads from {host} again"),
        Ground::Free => format!("{by} leads from {host}, after {from} had gone"),
        Ground::Silent => format!("{by} took the lead from {from}, who was silent, on {host}"),
        Ground::Consent => format!("{by} took the lead from {from}, who agreed, on {host}"),
        Ground::Reason => format!("{by} took the lead from {from}, unasked, on {host}"),
        Ground::Moved => format!("{by} leads on another server, from {host}"),
    }
}

/// What people and guards did about the flow of a run.
fn control(kind: &EventKind) -> String {
    match kind {
        EventKind::Held { by, reason } => because(format!("held by {by}"), Some(reason)),
        EventKind::Released { by } => format!("released by {by}"),
        EventKind::Paused { by } => format!("backfill paused by {by}"),
        EventKind::Resumed { by } => format!("backfill resumed by {by}"),
        EventKind::PaceSet { by, pace } => format!("pace set to {pace} by {by}"),
        EventKind::StepReopened { step, what, by } => {
            format!("{step} is done again by {by}: {what}")
        }
        EventKind::WorkersSet { by, workers } => format!("workers set to {workers} by {by}"),
        EventKind::PaceChanged { pace, reasons, .. } => paced(*pace, reasons),
        EventKind::EtaTold {
            task,
            percent,
            low_ms,
            high_ms,
        } => {
            let eta = Eta {
                low: Duration::from_millis(*low_ms),
                high: Duration::from_millis(*high_ms),
            };
            format!("{task} {percent} copied: ETA {}", format::eta(eta))
        }
        EventKind::Soaked {
            gate,
            observed_ms,
            reset_by,
        } => {
            let so_far = format::duration(Duration::from_millis(*observed_ms));
            match reset_by {
                Some(what) => format!("{gate} soaks anew: {what}"),
                None => format!("{gate} soaked {so_far}"),
            }
        }
        EventKind::GuardChanged {
            guard,
            rung,
            reason,
        } => format!("guard {guard}: {}, {reason}", rung.word()),
        EventKind::SignedOff {
            seat,
            by,
            answer,
            gate,
            reason,
            ..
        } => {
            let answer = match answer {
                Answer::Go => "GO",
                Answer::NoGo => "NO-GO",
            };
            because(
                format!("{by} signed {answer} for {seat} at {gate}"),
                reason.as_deref(),
            )
        }
        EventKind::GateWaived {
            gate, by, reason, ..
        } => format!("{gate} WAIVED by {by}: {reason}"),
        EventKind::RollbackStarted {
            phase,
            scope,
            by,
            reason,
        } => {
            let what = match scope {
                Scope::Phase => format!("rollback of {phase} begun by {by}"),
                Scope::Unwind => format!("unwind to the start begun by {by}, from {phase}"),
            };
            because(what, reason.as_deref())
        }
        EventKind::PhaseRolledBack { phase } => format!("{phase} rolled back"),
        EventKind::LinkRestored { outage_ms, error } => format!(
            "journal back after {}: {error}",
            format::duration(Duration::from_millis(*outage_ms))
        ),
        other => other.tag().replace('_', " "),
    }
}

/// How much an event matters.
pub fn tone(kind: &EventKind) -> Tone {
    match kind {
        EventKind::StepInDoubt { .. }
        | EventKind::TailLost { .. }
        | EventKind::StepFailed {
            next: Next::Person, ..
        } => Tone::Bad,
        EventKind::StepFailed { .. }
        | EventKind::Held { .. }
        | EventKind::RollbackStarted { .. }
        | EventKind::GateWaived { .. }
        | EventKind::LeadAsked { .. }
        | EventKind::LinkRestored { .. } => Tone::Warn,
        EventKind::PaceChanged { pace, .. } if *pace < Percent::FULL => Tone::Warn,
        EventKind::GuardChanged { rung, .. } if *rung > Rung::Quiet => Tone::Warn,
        EventKind::PhaseEntered { .. }
        | EventKind::PhaseRolledBack { .. }
        | EventKind::Released { .. }
        | EventKind::Paused { .. }
        | EventKind::LeadTaken { .. }
        | EventKind::LeadAnswered { .. }
        | EventKind::SignedOff { .. } => Tone::Note,
        EventKind::StepSucceeded { .. } | EventKind::GatePassed { .. } | EventKind::Finished => {
            Tone::Good
        }
        EventKind::Soaked { .. } | EventKind::StepStarted { .. } => Tone::Quiet,
        _ => Tone::Plain,
    }
}

/// What a finished step leaves, in a few words.
pub fn proof(summary: &Summary) -> String {
    let took = |ms: &u64| format::duration(Duration::from_millis(*ms));
    match summary {
        Summary::Sql { rows: 0, took_ms } => took(took_ms),
        Summary::Sql { rows, took_ms } => {
            format!("{}, {}", format::plural(*rows, "row"), took(took_ms))
        }
        Summary::Backfill(done) => {
            let mut text = format!(
                "{} rows written, {} swept, {}",
                format::count(done.rows_written),
                format::count(done.swept),
                took(&done.took_ms)
            );
            if done.quarantined > 0 {
                text += &format!(", {} in quarantine", done.quarantined);
            }
            text + &went(done)
        }
        Summary::Parity(parity) => compared(parity),
        Summary::Exec { exit, took_ms } => format!("exit {exit}, {}", took(took_ms)),
        Summary::Answered { by } => format!("{by} answered yes"),
        Summary::Waited { took_ms } => format!("waited {}", took(took_ms)),
        Summary::Found { how } => format!("found done: {how}"),
    }
}

/// The time that a backfill lost and what its ETAs were worth, where that is known.
fn went(done: &BackfillSummary) -> String {
    let time = Duration::from_millis;
    let lost = done
        .lost_ms
        .iter()
        .map(|(why, ms)| (why.clone(), time(*ms)));
    let mut lost: Vec<_> = lost.collect();
    lost.sort_by_key(|(_, time)| std::cmp::Reverse(*time));
    let mut text = String::new();
    if !lost.is_empty() {
        text += &format!("; lost {}", course::lost(&lost, time(done.whole_ms)));
    }
    if !done.eta.is_empty() {
        text += &format!("; {}", course::scores(&done.eta));
    }
    text
}

fn compared(parity: &ParitySummary) -> String {
    format!(
        "{} rows, coverage {}, {} confirmed, {} hot",
        format::count(parity.rows),
        format::share(parity.coverage),
        parity.confirmed,
        parity.hot
    )
}

fn said(evidence: &Evidence) -> String {
    because(
        format!("{} {}", evidence.gate, evidence.verdict.word()),
        Some(&evidence.reason),
    )
}

fn paced(pace: Percent, reasons: &[String]) -> String {
    match (pace, reasons) {
        (_, []) => format!("pace back to {pace}"),
        (Percent::ZERO, reasons) => format!("stalled: {}", reasons.join(", ")),
        (pace, reasons) => format!("throttled to {pace}: {}", reasons.join(", ")),
    }
}

/// With the reason behind a colon, where there is one.
pub fn because(what: String, reason: Option<&str>) -> String {
    match reason {
        None | Some("") => what,
        Some(reason) => format!("{what}: {reason}"),
    }
}

/// The first twelve digits of a hash: enough to compare by eye.
pub fn short(hash: &str) -> &str {
    hash.get(..12).unwrap_or(hash)
}
