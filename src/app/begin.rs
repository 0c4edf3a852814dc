//! From a runbook to a run that this process leads: compile or resume.
//!
//! Owns the order in which a plan comes to be: look at every server, compile,
//! create; or find the run that is under way, and resume that.

use std::collections::BTreeMap;

use color_eyre::eyre::eyre;

use crate::clock;
use crate::driver::Places;
use crate::driver::begin::{Lobby, Ready};
use crate::pg::introspect;
use crate::pg::session::{Purpose, open};
use crate::plan::Plan;
use crate::plan::compile::{Refusal, compile, tables};
use crate::run::event::RunId;
use crate::runbook::Runbook;
use crate::store::lease::Right;

/// A plan, or what speaks against it.
pub(super) enum Compiled {
    /// It can run.
    Plan(Box<Plan>),
    /// It cannot, for these reasons.
    Refused(Vec<Refusal>),
}

/// Looks at every server that the runbook names, and compiles.
///
/// # Errors
/// A server that cannot be reached or looked at.
pub(super) async fn plan(runbook: &Runbook, places: &Places) -> color_eyre::Result<Compiled> {
    let mut catalogs = BTreeMap::new();
    for (id, tables) in tables(runbook) {
        let target = places.targets.get(&id);
        let target = target.ok_or_else(|| eyre!("connection `{id}` has no address"))?;
        let session = open(target, Purpose::Observer).await?;
        catalogs.insert(id, introspect::catalog(&session, &tables).await?);
    }
    Ok(match compile(runbook, &catalogs, clock::now()) {
        Ok(plan) => Compiled::Plan(Box::new(plan)),
        Err(refusals) => Compiled::Refused(refusals),
    })
}

/// A run to lead, or what speaks against it.
pub(super) enum Begun {
    /// Created or resumed.
    Ready(Box<Ready>),
    /// The plan cannot be made.
    Refused(Vec<Refusal>),
    /// By this very runbook it is done already: whoever starts a killed lead
    /// again does not know whether it was killed before the end or after it.
    Finished(RunId),
}

/// Resumes the cutover's open run; creates one where there is none, unless the
/// last one has finished by the same runbook.
///
/// # Errors
/// `BeginError`, with its hints.
pub(super) async fn begin(
    runbook: &Runbook,
    places: Places,
    take_over: Option<&str>,
) -> color_eyre::Result<Begun> {
    let right = take_over.map_or(Right::Patience, Right::Reason);
    let lobby = Lobby::enter(places.clone(), &runbook.journal).await?;
    if let Some(run) = lobby.open_run(&runbook.cutover.id).await? {
        let ready = lobby.resume(&run, Some(&runbook.hash), right).await?;
        return Ok(Begun::Ready(Box::new(ready)));
    }
    if let Some(run) = lobby.finished(&runbook.cutover.id, &runbook.hash).await? {
        return Ok(Begun::Finished(run));
    }
    match plan(runbook, &places).await? {
        Compiled::Plan(plan) => {
            let ready = lobby.create(*plan).await?;
            Ok(Begun::Ready(Box::new(ready)))
        }
        Compiled::Refused(refusals) => Ok(Begun::Refused(refusals)),
    }
}
