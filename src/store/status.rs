//! How the lead stands, once a second, for terminals that only look.
//!
//! Owns that row; what is in it is the report's and the engine's. Lossy on
//! purpose: the newest wins, and what happened is in the journal.

use std::time::Duration;

use serde_json::Value;
use tokio_postgres::Row;
use tokio_postgres::types::Type;

use super::lease::{EXPIRY, Lease};
use crate::pg::session::Session;
use crate::run::event::RunId;
use crate::run::fault::Fault;
use crate::text::clean_bounded;

/// How a lead stands, as it publishes it.
#[derive(Debug, Clone, PartialEq)]
pub struct Said {
    /// For scripts: documented, the same in every version.
    pub status: Value,
    /// The lead's version.
    pub tool: String,
    /// For terminals of that version.
    pub picture: Value,
}

/// A run's lead, as an attached terminal sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct Watched {
    /// Whether a session works under the lease.
    pub attended: bool,
    /// For how long the lead's heart has not beaten.
    pub silence: Duration,
    /// What it last said, and how long ago.
    pub said: Option<(Said, Duration)>,
}

impl Watched {
    /// Whether anybody leads: somebody is there, and alive.
    pub fn is_led(&self) -> bool {
        self.attended && self.silence < EXPIRY
    }
}

/// Says how the lead stands, where the lease still holds.
///
/// # Errors
/// The server's.
pub async fn publish(session: &Session, lease: &Lease, said: &Said) -> Result<(), Fault> {
    let (status, picture) = (said.status.to_string(), said.picture.to_string());
    session
        .client()
        .execute_typed(
            include_str!("sql/status_publish.sql"),
            &[
                (&lease.run.0, Type::TEXT),
                (&lease.token, Type::TEXT),
                (&status, Type::TEXT),
                (&said.tool, Type::TEXT),
                (&picture, Type::TEXT),
            ],
        )
        .await
        .map_err(|error| session.describe(&error))?;
    Ok(())
}

/// A run's lead; `None` where there is no such run here. EXECUTE is enough.
///
/// # Errors
/// The server's.
pub async fn watch(session: &Session, run: &RunId) -> Result<Option<Watched>, Fault> {
    let row = session
        .client()
        .query_opt(include_str!("sql/watch.sql"), &[&run.0])
        .await
        .map_err(|error| session.describe(&error))?;
    let millis = |ms: i64| Duration::from_millis(ms.max(0).unsigned_abs());
    Ok(row.map(|row| Watched {
        attended: row.get("attended"),
        silence: millis(row.get("silence_ms")),
        said: said(&row).zip(row.get::<_, Option<i64>>("age_ms").map(millis)),
    }))
}

fn said(row: &Row) -> Option<Said> {
    let json = |column| serde_json::from_str(row.get::<_, Option<&str>>(column)?).ok();
    Some(Said {
        status: json("body")?,
        tool: clean_bounded(row.get("tool"), 40),
        picture: json("picture")?,
    })
}
