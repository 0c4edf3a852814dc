//! What people did that whoever decides after them has to know.
//!
//! Owns the words for it: the loser of a race is told who was first, and what
//! they did. Events of the engine itself are nobody's deed.

use jiff::Timestamp;
use serde::Serialize;

use super::event::{Actor, Event, EventKind, Scope, Seq, Summary};

/// How many are kept: more than anybody can be behind and still be told who.
const KEPT: usize = 16;

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Deed {
    /// Its event.
    pub seq: Seq,
    /// When.
    pub at: Timestamp,
    /// Whose: a person's, or a guard's.
    pub by: Actor,
    /// After the name: `advanced into backfill`.
    pub did: String,
}

impl Deed {
    /// The deed behind a material event, where somebody did it.
    pub fn of(event: &Event) -> Option<Self> {
        if !event.kind.is_material() {
            return None;
        }
        let (by, did) = words(&event.kind)?;
        (*by != Actor::Engine).then(|| Self {
            seq: event.seq,
            at: event.at,
            by: by.clone(),
            did,
        })
    }

    /// Notes what an event did, and lets the oldest go.
    pub(super) fn note(deeds: &mut Vec<Self>, event: &Event) {
        deeds.extend(Self::of(event));
        let surplus = deeds.len().saturating_sub(KEPT);
        deeds.drain(..surplus);
    }
}

fn words(kind: &EventKind) -> Option<(&Actor, String)> {
    Some(match kind {
        EventKind::LeadTaken { by, .. } => (by, "took the lead".into()),
        EventKind::LeadAsked { by } => (by, "asked to take over the lead".into()),
        EventKind::PhaseEntered { by, phase, .. } => (by, format!("advanced into {phase}")),
        EventKind::StepSucceeded {
            task,
            summary: Summary::Answered { by },
        } => (by, format!("answered {task}")),
        EventKind::DoubtResolved { by, task, .. } => (by, format!("settled {task}")),
        EventKind::StepReopened { by, step, .. } => (by, format!("had {step} done again")),
        EventKind::Held { by, .. } => (by, "held the run".into()),
        EventKind::Released { by } => (by, "released the hold".into()),
        EventKind::Paused { by } => (by, "paused the backfill".into()),
        EventKind::Resumed { by } => (by, "let the backfill go on".into()),
        EventKind::GateWaived { by, gate, .. } => (by, format!("waived {gate}")),
        EventKind::RollbackStarted {
            by, phase, scope, ..
        } => match scope {
            Scope::Phase => (by, format!("began to take {phase} back")),
            Scope::Unwind => (by, "began to take every phase back".into()),
        },
        _ => return None,
    })
}
