//! `status`: the lead's own picture where there is a lead, else the journal's.

use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use super::Exit;
use super::remote::{Seen, find};
use crate::cli;
use crate::driver::publish::blank;
use crate::engine::memory::Memory;
use crate::engine::posture::{self, Standing};
use crate::engine::snapshot::Link;
use crate::pg::session::Purpose;
use crate::report::status::Status;
use crate::run::Outcome;
use crate::store::{lease, status};
use crate::text::clean;

/// A picture older than this is not the lead's any more.
const FRESH: Duration = Duration::from_secs(5);

/// Shows where the run stands.
pub(super) async fn show(args: &cli::Status) -> color_eyre::Result<Exit> {
    let seen = find(&args.remote, Purpose::Observer).await?;
    let (session, run) = (&seen.session, &seen.run);
    let picture = status::newest(session, &run.id).await?;
    // One that has just been left or killed still has a fresh picture.
    let led = lease::seen(session, &run.id)
        .await?
        .is_some_and(|lead| lead.attended);
    let fresh = picture.filter(|(_, age)| led && *age < FRESH && run.outcome.is_none());
    let status = match fresh {
        Some((picture, _)) => serde_json::from_value(picture)?,
        None => from_journal(&seen),
    };
    let mut out = io::stdout().lock();
    if args.json {
        writeln!(out, "{}", serde_json::to_string_pretty(&status)?)?;
    } else {
        for line in status.lines() {
            writeln!(out, "{}", clean(&line))?;
        }
    }
    Ok(exit_of(&seen, &status))
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
    posture::describe(&mut snapshot, &Memory::default(), &standing);
    let status = Status::of(&snapshot);
    match seen.run.outcome {
        Some(_) => status,
        None => status.without_lead(),
    }
}

fn exit_of(seen: &Seen, status: &Status) -> Exit {
    match seen.run.outcome {
        Some(Outcome::RolledBack) => Exit::RolledBack,
        None if seen.run.is_stuck() || seen.run.open_questions().next().is_some() => Exit::Stuck,
        None if status.hold.is_some() => Exit::Held,
        _ => Exit::Fine,
    }
}
