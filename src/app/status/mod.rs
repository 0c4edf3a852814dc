//! `status`: the lead's own picture where there is a lead, else the journal's.
//!
//! Owns which picture is shown, how, and the exit code that follows from it;
//! `wait` waits for one, `deploy` answers a pipeline's question.

mod deploy;
mod wait;

use std::io::{self, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::time::sleep;

use super::attach::glance;
use super::remote::{Seen, address, find};
use super::{Exit, lead};
use crate::cli;
use crate::driver::publish::blank;
use crate::engine::posture::{self, Standing};
use crate::engine::snapshot::{Link, State};
use crate::pg::session::Purpose;
use crate::report::handover;
use crate::report::status::Status;
use crate::run::{Outcome, Run};
use crate::store::{lease, status};
use crate::text::clean;

/// A picture older than this is not the lead's any more.
const FRESH: Duration = Duration::from_secs(5);
/// How long a picture that is behind the journal is waited for: the lead makes
/// one a second.
const LATE: Duration = Duration::from_secs(2);
/// Time between two looks.
const GLANCE: Duration = Duration::from_millis(100);

/// Shows where the run stands.
pub(super) async fn show(args: &cli::Status) -> color_eyre::Result<Exit> {
    match (&args.deploy, &args.wait) {
        (Some(words), _) => deploy::show(args, words).await,
        (None, Some(wanted)) => wait::show(args, wanted).await,
        (None, None) if args.handover => hand_over(args).await,
        (None, None) => {
            let seen = find(&args.remote, Purpose::Observer).await?;
            let status = picture(&seen).await?;
            print(args, &status)?;
            Ok(exit_of(&seen.run, &status))
        }
    }
}

/// The handover card, as an attached terminal would show it.
async fn hand_over(args: &cli::Status) -> color_eyre::Result<Exit> {
    let seen = find(&args.remote, Purpose::Observer).await?;
    let snapshot = glance(address(&args.remote)?, seen).await?;
    for line in handover::lines(&snapshot) {
        writeln!(io::stdout(), "{}", clean(&line))?;
    }
    Ok(lead::exit_of(&snapshot))
}

fn print(args: &cli::Status, status: &Status) -> io::Result<()> {
    let mut out = io::stdout().lock();
    if args.json {
        return writeln!(out, "{}", serde_json::to_string_pretty(status)?);
    }
    if args.oneline {
        return writeln!(out, "{}", status.oneline());
    }
    for line in status.lines() {
        writeln!(out, "{}", clean(&line))?;
    }
    Ok(())
}

/// The lead's picture, else the journal's.
async fn picture(seen: &Seen) -> color_eyre::Result<Status> {
    Ok(match led(seen).await? {
        Some(picture) => picture,
        None => from_journal(seen),
    })
}

/// The lead's picture, where somebody leads: one that was left or killed a
/// moment ago has a fresh picture, and no session. A picture that is behind the
/// journal is waited for: what has been accepted is to be seen.
async fn led(seen: &Seen) -> color_eyre::Result<Option<Status>> {
    if !lease::attended(&seen.session, &seen.run.id).await? {
        return Ok(None);
    }
    let began = Instant::now();
    loop {
        let newest = status::newest(&seen.session, &seen.run.id).await?;
        let fresh = newest.filter(|(_, age)| *age < FRESH && seen.run.outcome.is_none());
        let Some((picture, _)) = fresh else {
            return Ok(None);
        };
        let picture: Status = serde_json::from_value(picture)?;
        if picture.head >= seen.run.head.0 || began.elapsed() > LATE {
            return Ok(Some(picture));
        }
        sleep(GLANCE).await;
    }
}

/// What the journal alone says.
fn from_journal(seen: &Seen) -> Status {
    let run = Arc::new(seen.run.clone());
    let mut snapshot = blank(run, Arc::default(), String::new());
    let standing = Standing {
        link: Link::Up,
        led: false,
        latched: false,
    };
    posture::describe(&mut snapshot, &standing);
    let status = Status::of(&snapshot);
    match seen.run.outcome {
        Some(_) => status,
        None => status.without_lead(),
    }
}

/// What the state means for a script: of the same picture that it was shown.
fn exit_of(run: &Run, status: &Status) -> Exit {
    let is = |state: State| status.state == state.word();
    match run.outcome {
        Some(Outcome::RolledBack) => Exit::RolledBack,
        Some(Outcome::Finished) => Exit::Fine,
        None if is(State::Stuck) || is(State::InDoubt) => Exit::Stuck,
        None if is(State::NoLead) && run.open_question().is_some() => Exit::Stuck,
        None if status.hold.is_some() => Exit::Held,
        None => Exit::Fine,
    }
}
