//! Who may lead, who asks to, and what the lead answers.
//!
//! Owns these rules; the lease itself is taken in the database, by whoever takes
//! over. A consent keeps new steps from starting for a moment, so that nothing is
//! handed over half done.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;

use super::intent::Refusal;
use super::memory::Memory;
use super::permit::may;
use super::proceed::action_of;
use crate::reading::elapsed;
use crate::run::Run;
use crate::run::event::{Actor, Answer, EventKind, Task};
use crate::runbook::{Action, Permission};

/// How long whoever was agreed to has to take the lease, before steps start again.
const HANDING_OVER: Duration = Duration::from_secs(30);

/// Whether a login with these database roles may lead: the one who does already,
/// or led last; otherwise a role that can `take-over`, or `advance` where no role
/// names it.
///
/// # Errors
/// Why not.
pub fn may_lead(run: &Run, by: &str, member_of: &BTreeSet<String>) -> Result<(), Refusal> {
    if leads(run, by).is_ok() {
        return Ok(());
    }
    let mut roles = run.plan.body.roles.iter();
    let named = roles.any(|role| role.can.contains(&Permission::TakeOver));
    let wanted = match named {
        true => Permission::TakeOver,
        false => Permission::Advance,
    };
    may(run, wanted, by, member_of, "take the lead")
}

/// Whether it is the lead's login.
///
/// # Errors
/// Whose it is.
pub fn leads(run: &Run, by: &str) -> Result<(), Refusal> {
    match &run.lead {
        Some(lead) if lead.by == Actor::Person(by.to_owned()) => Ok(()),
        Some(lead) => Err(format!("{} leads, not {by}", lead.by)),
        None => Err("nobody leads".into()),
    }
}

/// Somebody would like to lead; the newest who asks is answered, whoever asks
/// again waits for the same answer.
pub(super) fn ask(run: &Run, by: Actor) -> Option<EventKind> {
    let asked = run.lead.as_ref().and_then(|lead| lead.asked.as_ref());
    let again = asked.is_some_and(|asked| asked.by == by);
    (!again).then_some(EventKind::LeadAsked { by })
}

/// The lead's answer to whoever asks.
pub(super) fn consent(
    run: &Run,
    memory: &Memory,
    by: Actor,
    to: Option<&str>,
    answer: Answer,
) -> Result<EventKind, Refusal> {
    let asked = run.lead.as_ref().and_then(|lead| lead.asked.as_ref());
    let asked = asked.ok_or("nobody asks to take over")?;
    if to.is_some_and(|to| asked.by != Actor::Person(to.to_owned())) {
        return Err(format!("{} asks to take over: look again", asked.by));
    }
    if let (Answer::Go, Some(task)) = (answer, command_in_flight(run, memory)) {
        return Err(format!(
            "{task} is under way, and a command cannot be handed over: when it has ended"
        ));
    }
    Ok(EventKind::LeadAnswered {
        by,
        to: asked.by.clone(),
        answer,
    })
}

fn command_in_flight<'a>(run: &Run, memory: &'a Memory) -> Option<&'a Task> {
    let mut tasks = memory.flights.keys();
    tasks.find(|task| {
        let place = run.plan.step(&task.step);
        let action = place.and_then(|place| action_of(place.step, task));
        memory.performs(task) && matches!(action, Some(Action::Exec(_)))
    })
}

/// Whether somebody is about to take over, with the lead's consent.
pub(super) fn hands_over(run: &Run, now: Timestamp) -> bool {
    let consent = run.lead.as_ref().and_then(|lead| lead.consent.as_ref());
    consent.is_some_and(|consent| elapsed(consent.at, now) < HANDING_OVER)
}
