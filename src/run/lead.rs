//! Who leads, how they came to, and who would like to: the lead's part of the
//! fold. Never decides who may.

use serde::{Deserialize, Serialize};

use super::event::{Actor, Answer, Event, EventKind};
use super::{Mark, Run};

/// Who holds the lease. A take-over begins it anew: what was asked of the
/// former lead, and what it consented to, is over then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lead {
    /// Counts take-overs, from 1.
    pub epoch: i64,
    /// Who.
    pub by: Actor,
    /// On which machine.
    pub host: String,
    /// Since when and, where a person gave one, for which reason.
    pub mark: Mark,
    /// Who led before.
    pub from: Option<Actor>,
    /// What gave the right to it.
    pub ground: Ground,
    /// Who asks to take over, and was not answered yet.
    pub asked: Option<Mark>,
    /// Who may take over now, and since when.
    pub consent: Option<Mark>,
}

/// What gave somebody the lead.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ground {
    /// Nobody led.
    #[default]
    Free,
    /// The former lead's heart had not beaten for longer than its lease lasts.
    Silent,
    /// The former lead agreed.
    Consent,
    /// A person's reason, whatever the former lead wanted.
    Reason,
    /// The same lead again, on a server that is not the one it led on.
    Moved,
}

impl Lead {
    /// Whether the same login comes back, rather than somebody else.
    pub fn took_over(&self) -> bool {
        self.from.as_ref().is_some_and(|from| *from != self.by)
            || matches!(self.ground, Ground::Consent | Ground::Reason)
    }
}

/// `lead_taken`, `lead_asked` and `lead_answered`; legal at any time.
pub(super) fn note(run: &mut Run, event: &Event) {
    let mark = |by: &Actor, reason: &str| Mark {
        by: by.clone(),
        at: event.at,
        reason: reason.to_owned(),
    };
    match (&event.kind, &mut run.lead) {
        (
            EventKind::LeadTaken {
                epoch,
                by,
                host,
                reason,
                from,
                ground,
                unled_ms: _,
            },
            lead,
        ) => {
            *lead = Some(Lead {
                epoch: *epoch,
                by: by.clone(),
                host: host.clone(),
                mark: mark(by, reason.as_deref().unwrap_or_default()),
                from: from.clone(),
                ground: *ground,
                asked: None,
                consent: None,
            });
        }
        (EventKind::LeadAsked { by }, Some(lead)) => lead.asked = Some(mark(by, "")),
        (EventKind::LeadAnswered { to, answer, .. }, Some(lead)) => {
            lead.asked = None;
            lead.consent = (*answer == Answer::Go).then(|| mark(to, ""));
        }
        _ => {}
    }
}
