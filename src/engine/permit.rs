//! Whether a person may ask for something, and has seen what it rests on.
//!
//! Owns permissions and the comparison of what was seen with what is; a hold is
//! accepted from anyone at any time. The loser of a race learns who was first.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::intent::Refusal;
use super::lead;
use super::message::{Ask, Intent};
use crate::reading::elapsed;
use crate::run::Run;
use crate::run::event::Seq;
use crate::runbook::{Permission, Role};

/// Whether the person may. A runbook without roles lets everybody who can
/// reach the journal; one with roles wants one that can.
fn permitted(run: &Run, intent: &Intent) -> Result<(), Refusal> {
    let wanted = match &intent.ask {
        Ask::Hold { .. } => return Ok(()),
        Ask::Sign { .. } => Permission::Sign,
        Ask::Waive { .. } => Permission::Waive,
        Ask::Rollback { .. } | Ask::Unwind { .. } => Permission::Rollback,
        Ask::TakeOver => return lead::may_lead(run, &intent.by, &intent.roles),
        Ask::Consent { .. } => return lead::leads(run, &intent.by),
        _ => Permission::Advance,
    };
    may(run, wanted, &intent.by, &intent.roles, intent.ask.verb())
}

/// Whether a login with these database roles has a permission.
pub(super) fn may(
    run: &Run,
    wanted: Permission,
    by: &str,
    member_of: &BTreeSet<String>,
    verb: &str,
) -> Result<(), Refusal> {
    let roles = &run.plan.body.roles;
    let able: Vec<_> = roles.iter().filter(|r| r.can.contains(&wanted)).collect();
    let fills = |role: &&Role| role.members.iter().any(|member| member_of.contains(member));
    if roles.is_empty() || able.iter().any(fills) {
        return Ok(());
    }
    let names: Vec<_> = able.iter().map(|role| role.id.as_str()).collect();
    Err(match names.as_slice() {
        [] => format!("no role of the runbook may {verb}"),
        names => format!("{by} may not {verb}: it takes {}", names.join(" or ")),
    })
}

/// Whether the person may ask for it, and has seen what it rests on.
pub(super) fn allowed(run: &Run, intent: &Intent, now: Timestamp) -> Result<(), Refusal> {
    permitted(run, intent)?;
    fresh(run, intent, now)
}

/// Whether the person had seen what a decision like this has to rest on. What
/// slows or stops, and what only sets the pace, is taken from anyone who looks
/// or does not; everything else, replayed later, would decide something new.
fn fresh(run: &Run, intent: &Intent, now: Timestamp) -> Result<(), Refusal> {
    if matches!(
        intent.ask,
        Ask::Hold { .. }
            | Ask::Pause
            | Ask::Resume
            | Ask::Pace { .. }
            | Ask::Workers { .. }
            | Ask::Cancel { .. }
            | Ask::TakeOver
            | Ask::Consent { .. }
    ) {
        return Ok(());
    }
    // A signature rests on what is signed, not on a hold or on another gate.
    let needed = match intent.ask {
        Ask::Sign { .. } => run.evidence,
        _ => run.material,
    };
    match intent.saw {
        None => Err(format!(
            "a {} has to say what was seen: look first",
            intent.ask.verb()
        )),
        Some(saw) if saw < needed => Err(outdated(run, saw, now)),
        Some(saw) if saw > run.head => Err(format!("this journal has no event {saw}: look again")),
        _ => Ok(()),
    }
}

/// Who was first, and what they did; where it was nobody, what has changed.
pub(super) fn outdated(run: &Run, saw: Seq, now: Timestamp) -> Refusal {
    match run.deeds.iter().find(|deed| deed.seq > saw) {
        Some(deed) => {
            let (by, did, ago) = (&deed.by, &deed.did, ago(deed.at, now));
            format!("{by} {did} {ago} before: look again")
        }
        None => format!(
            "things have changed since you looked (event {} came after {saw}): look again",
            run.material
        ),
    }
}

/// Whole seconds, or minutes from two on.
pub(super) fn ago(at: Timestamp, now: Timestamp) -> String {
    match elapsed(at, now).as_secs() {
        seconds @ ..120 => format!("{seconds} s"),
        seconds => format!("{} min", seconds / 60),
    }
}
