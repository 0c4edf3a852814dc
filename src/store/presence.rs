//! Owns who is attached to a run: says that this terminal is, and calls the roll;
//! never decides what follows from it.
//!
//! Who somebody is is stamped by the server. A terminal is there while the
//! session lives that said so, and while it says so again: a stopped one is
//! gone after 15 s, one that has left at once.

use std::time::Duration;

use crate::pg::session::Session;
use crate::reading::attended::Attendee;
use crate::run::event::RunId;
use crate::run::fault::Fault;
use crate::text::clean_bounded;

/// How often an attached terminal says so.
pub const EVERY: Duration = Duration::from_secs(5);
/// Longest name, in characters.
const MAX_NAME: usize = 100;

/// Says that this terminal is attached; the session has to be one that does
/// nothing else. `host` is this machine.
///
/// # Errors
/// The server's: `PGC03` where there is no such run, `Privilege` where nobody
/// granted EXECUTE.
pub async fn attend(
    session: &Session,
    run: &RunId,
    host: &str,
    operates: bool,
) -> Result<(), Fault> {
    let attend = "SELECT pgcutover.attend($1, $2, $3)";
    let client = session.client();
    let attended = client.execute(attend, &[&run.0, &host, &operates]).await;
    attended.map_err(|error| session.describe(&error))?;
    Ok(())
}

/// Who is attached now, oldest first; at most 100.
///
/// # Errors
/// The server's.
pub async fn roll(session: &Session, run: &RunId) -> Result<Vec<Attendee>, Fault> {
    let rows = session
        .client()
        .query(include_str!("sql/roll.sql"), &[&run.0])
        .await
        .map_err(|error| session.describe(&error))?;
    let name = |text: &str| clean_bounded(text, MAX_NAME);
    let attendees = rows.iter().map(|row| Attendee {
        user: name(row.get("by_user")),
        // Compared with the runbook's names, so kept as they are; a view cleans.
        roles: row.get("roles"),
        host: name(row.get("host")),
        address: row.get::<_, Option<&str>>("address").map(name),
        operates: row.get("operates"),
        since: row.get("since"),
    });
    Ok(attendees.collect())
}
