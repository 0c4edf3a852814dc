//! Owns the reading of a journal, for leads and observers alike; never writes.

use tokio_postgres::Row as SqlRow;

use super::verify::{Break, Head, Row, follow};
use crate::pg::session::Session;
use crate::run::event::{Event, EventKind, RunId, Seq};
use crate::run::fault::Fault;
use crate::text::clean_bounded;

/// How many events one query brings.
const BATCH: i64 = 1000;

/// Why a journal cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The server refused, or is gone: try again by its trouble.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// Somebody has changed it: a person decides.
    #[error(transparent)]
    Broken(#[from] Break),
    /// This program does not know such an event.
    #[error(
        "event {seq} `{kind}` cannot be read: {reason}\n\
         hint: a newer pgcutover may have written it"
    )]
    Unreadable {
        /// The event's number.
        seq: Seq,
        /// Its tag.
        kind: String,
        /// What does not fit.
        reason: String,
    },
}

/// All events after `from`, in order; `Head::default()` is the beginning. The
/// chain is followed from there on.
///
/// # Errors
/// [`ReadError`]; [`ReadError::Broken`] too where the journal was rewritten
/// before `from`, or has lost it, as by a failover to a standby that had less.
pub async fn events(session: &Session, run: &RunId, from: &Head) -> Result<Vec<Event>, ReadError> {
    let mut head = from.clone();
    let mut events = Vec::new();
    let mut known = from.seq > Seq::default();
    loop {
        let after = Seq(head.seq.0 - i64::from(known));
        let mut rows = batch(session, run, after).await?;
        let last = rows.len() < BATCH.unsigned_abs() as usize;
        if known {
            // Nothing after an event that is not there would look like no news.
            is_there(from, (!rows.is_empty()).then(|| rows.remove(0)))?;
            known = false;
        }
        head = follow(&head, run, &rows)?;
        for row in rows {
            let (seq, kind) = (row.seq, clean_bounded(&row.kind, 60));
            events.push(event(row).map_err(|reason| ReadError::Unreadable {
                seq,
                kind,
                reason,
            })?);
        }
        if last {
            return Ok(events);
        }
    }
}

/// Whether the journal still has the event up to which it was read.
fn is_there(from: &Head, found: Option<Row>) -> Result<(), Break> {
    match found {
        Some(row) if row.seq == from.seq && row.hash == from.hash => Ok(()),
        Some(row) if row.seq == from.seq => Err(Break::Changed { seq: from.seq }),
        _ => Err(Break::Lost { seq: from.seq }),
    }
}

async fn batch(session: &Session, run: &RunId, after: Seq) -> Result<Vec<Row>, Fault> {
    let rows = session
        .client()
        .query(include_str!("sql/read.sql"), &[&run.0, &after.0, &BATCH])
        .await
        .map_err(|error| session.describe(&error))?;
    Ok(rows.iter().map(row).collect())
}

fn row(row: &SqlRow) -> Row {
    Row {
        seq: Seq(row.get("seq")),
        at: row.get("at"),
        kind: row.get("kind"),
        body: row.get("body"),
        hash: row.get("hash"),
    }
}

/// The event, or what does not fit.
fn event(row: Row) -> Result<Event, String> {
    let kind: EventKind = serde_json::from_str(&row.body).map_err(|error| error.to_string())?;
    if kind.tag() != row.kind {
        return Err(format!("its body is of `{}`", kind.tag()));
    }
    Ok(Event {
        seq: row.seq,
        at: row.at,
        kind,
        hash: row.hash,
    })
}
