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
use crate::store::status::{self, Watched};
use crate::text::clean;

/// An older picture says less than the journal.
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

/// Who leads, as far as this terminal can tell.
enum Lead {
    Nobody,
    /// Somebody, and there is no fresh picture.
    Mute,
    /// Somebody, and this is how it stands.
    Says(Box<Status>),
}

impl Lead {
    /// The same answer that an attached terminal gives: a lead whose pictures
    /// do not arrive still leads.
    fn of(watched: Option<Watched>) -> Self {
        let Some(watched) = watched.filter(Watched::is_led) else {
            return Self::Nobody;
        };
        let fresh = watched.said.filter(|(_, age)| *age < FRESH);
        let status = fresh.and_then(|(said, _)| serde_json::from_value(said.status).ok());
        status.map_or(Self::Mute, |status| Self::Says(Box::new(status)))
    }
}

/// The lead's picture, else the journal's.
async fn picture(seen: &Seen) -> color_eyre::Result<Status> {
    Ok(match lead(seen).await? {
        Lead::Says(picture) => *picture,
        Lead::Mute => from_journal(seen, true),
        Lead::Nobody => from_journal(seen, false),
    })
}

/// The lead and its picture. One that is behind the journal, or not there yet,
/// is waited for: what has been accepted is to be seen.
async fn lead(seen: &Seen) -> color_eyre::Result<Lead> {
    let began = Instant::now();
    loop {
        let watched = match seen.run.outcome {
            Some(_) => None,
            None => status::watch(&seen.session, &seen.run.id).await?,
        };
        let lead = Lead::of(watched);
        let late = began.elapsed() > LATE;
        match &lead {
            Lead::Mute if !late => {}
            Lead::Says(picture) if picture.head < seen.run.head.0 && !late => {}
            _ => return Ok(lead),
        }
        sleep(GLANCE).await;
    }
}

/// What the journal alone says.
fn from_journal(seen: &Seen, led: bool) -> Status {
    let run = Arc::new(seen.run.clone());
    let mut snapshot = blank(run, Arc::default(), String::new());
    let standing = Standing {
        link: Link::Up,
        led,
        latched: false,
    };
    posture::describe(&mut snapshot, &standing);
    let status = Status::of(&snapshot);
    match seen.run.outcome {
        None if !led => status.without_lead(),
        _ => status,
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

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::store::lease::EXPIRY;
    use crate::store::status::Said;

    fn watched(silence: Duration, attended: bool, age: Option<Duration>) -> Option<Watched> {
        let said = Said {
            status: Value::Null,
            tool: String::new(),
            picture: Value::Null,
        };
        Some(Watched {
            attended,
            silence,
            said: age.map(|age| (said, age)),
        })
    }

    #[test]
    fn a_lead_without_a_fresh_picture_still_leads() {
        let (alive, old) = (Duration::from_secs(1), 10 * FRESH);
        for age in [None, Some(old)] {
            let lead = Lead::of(watched(alive, true, age));
            assert!(matches!(lead, Lead::Mute), "{age:?}");
        }
        for nobody in [
            None,
            watched(alive, false, Some(alive)),
            watched(EXPIRY, true, Some(alive)),
        ] {
            assert!(matches!(Lead::of(nobody), Lead::Nobody));
        }
    }
}
