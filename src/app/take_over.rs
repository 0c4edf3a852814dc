//! `take-over`: becomes the lead of a run that is under way.
//!
//! Owns the way to the right to it: the lease is free or its lead silent, or the
//! lead agrees, or a person gives a reason. No runbook is needed: the plan is in
//! the journal, and its connections are looked up as `run` would. Commands with a
//! slash in their name are relative to the runbook where one is named, else to the
//! working directory.

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use color_eyre::eyre::{bail, eyre};
use tokio::time::sleep;

use super::lead::{Lead, Lost, Voice};
use super::remote::{Seen, find, hinted};
use super::source::{Surroundings, directory_of, places_of};
use super::{Exit, logging};
use crate::cli::TakeOver;
use crate::driver::Places;
use crate::driver::begin::{BeginError, Lobby, Ready, who};
use crate::engine::message::{Ask, Reply};
use crate::pg::session::Purpose;
use crate::report::handover;
use crate::run::event::{Actor, Answer, EventKind, RunId};
use crate::store::intents;
use crate::store::lease::{self, Claim, EXPIRY, Right};
use crate::store::verify::Head;
use crate::text::clean;

/// Time between two looks at the journal.
const GLANCE: Duration = Duration::from_millis(500);

/// Takes over, and leads.
pub(super) async fn run(args: &TakeOver) -> color_eyre::Result<Exit> {
    let on_screen = !args.headless && io::stdout().is_terminal() && io::stdin().is_terminal();
    match on_screen {
        true => logging::on_screen(),
        false => logging::on_stderr(),
    }
    let seen = find(&args.remote, Purpose::Intent).await?;
    if seen.run.outcome.is_some() {
        bail!(
            "run {} has ended: nothing is left to lead",
            clean(&seen.run.id.0)
        );
    }
    let beside = args.remote.runbook.as_deref();
    let directory = beside.map_or_else(working_directory, directory_of);
    let body = &seen.run.plan.body;
    let places = places_of(
        &body.connections,
        directory,
        &Surroundings::of_the_process(),
    )?;
    let ready = begin(args, seen, &places).await?;
    let lead = Lead::start(ready, &places)?;
    if on_screen {
        return lead.on_screen(args.look, Lost::GoOn).await;
    }
    let snapshot = lead.snapshots().borrow().clone();
    let mut out = io::stdout();
    for line in handover::lines(&snapshot) {
        writeln!(out, "{}", clean(&line))?;
    }
    lead.headless(Voice::Lines).await
}

fn working_directory() -> PathBuf {
    std::path::absolute(".").unwrap_or_else(|_| Path::new(".").to_owned())
}

/// At once where that is possible, otherwise when the lead agrees.
async fn begin(args: &TakeOver, seen: Seen, places: &Places) -> color_eyre::Result<Ready> {
    let right = match args.reason.as_deref().map(str::trim) {
        Some("") => bail!("a take-over against the lead's will needs a reason"),
        Some(reason) => Right::Reason(reason),
        None => Right::Patience,
    };
    let run = seen.run.id.clone();
    let journal = seen.run.plan.body.journal.clone();
    let lobby = Lobby::enter(places.clone(), &journal).await?;
    match lobby.resume(&run, None, right).await {
        Err(BeginError::Busy(busy)) => writeln!(io::stderr(), "{}", clean(&busy.to_string()))?,
        other => return Ok(other?),
    }
    let right = consent(seen, Duration::from_secs(args.wait)).await?;
    let lobby = Lobby::enter(places.clone(), &journal).await?;
    Ok(lobby.resume(&run, None, right).await?)
}

/// Asks the lead, and waits for the answer, or until there is nobody to give one.
async fn consent(mut seen: Seen, patience: Duration) -> color_eyre::Result<Right<'static>> {
    let (user, _) = who(&seen.session).await?;
    let user = Actor::Person(user);
    let lead = seen.run.lead.as_ref();
    let epoch = lead.map_or(0, |lead| lead.epoch);
    let agreed = lead.and_then(|lead| lead.consent.as_ref());
    if agreed.is_some_and(|agreed| agreed.by == user) {
        return Ok(Right::Consent { epoch });
    }
    let id = ask(&seen).await?;
    let seconds = patience.as_secs();
    writeln!(
        io::stderr(),
        "asked for the lead; waiting {seconds} s for consent\n\
         hint: `--reason WHY` does not ask, and is recorded for ever"
    )?;
    let began = Instant::now();
    while began.elapsed() < patience {
        if let Some(Reply::Refused(why)) = reply(&seen, id).await? {
            bail!("refused: {}", clean(&why));
        }
        if let Some(answer) = look(&mut seen, &user, epoch).await? {
            return match answer {
                Answer::Go => Ok(Right::Consent { epoch }),
                Answer::NoGo => Err(eyre!("the lead keeps it")),
            };
        }
        if is_free(&seen, &seen.run.id).await {
            return Ok(Right::Patience);
        }
        sleep(GLANCE).await;
    }
    bail!("no answer within {seconds} s\nhint: `--reason WHY` takes the lead against their will")
}

async fn ask(seen: &Seen) -> color_eyre::Result<i64> {
    let saw = Head {
        seq: seen.run.head,
        hash: seen.run.head_hash.clone(),
    };
    let json = serde_json::to_value(Ask::TakeOver)?;
    let asked = intents::request(&seen.session, &seen.run.id, &json, Some(&saw)).await;
    asked.map_err(|fault| eyre!(hinted(&fault)))
}

async fn reply(seen: &Seen, id: i64) -> color_eyre::Result<Option<Reply>> {
    let reply = intents::reply_of(&seen.session, id).await?;
    Ok(reply.map(serde_json::from_value).transpose()?)
}

/// The lead's answer to this login, where it is in the journal by now.
async fn look(seen: &mut Seen, user: &Actor, epoch: i64) -> color_eyre::Result<Option<Answer>> {
    let known = seen.events.len();
    seen.refresh().await?;
    let mut answers = seen.events[known..]
        .iter()
        .filter_map(|event| match &event.kind {
            EventKind::LeadAnswered { to, answer, .. } if to == user => Some(*answer),
            _ => None,
        });
    match &seen.run.lead {
        Some(lead) if lead.epoch != epoch => bail!("{} leads now", lead.by),
        _ => Ok(answers.next_back()),
    }
}

/// Whether the lead has gone, or is silent for too long.
async fn is_free(seen: &Seen, run: &RunId) -> bool {
    let claim = Claim {
        run,
        host: "",
        expiry: EXPIRY,
        right: Right::Patience,
    };
    lease::may_take(&seen.session, &claim).await.is_ok()
}
