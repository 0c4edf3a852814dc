//! Owns the lease of a run: who leads, and how somebody else comes to; never
//! decides to lead.
//!
//! Three things tell of a lead, each for its own purpose:
//!
//! - the **lease row** fences. A writing transaction reads it FOR KEY SHARE
//!   (`pgcutover.fence`); a take-over changes its token, waits for those
//!   transactions, and they fail afterwards. It alone is relied on.
//! - the **heartbeat** row tells that the lead's process is alive. A row of its
//!   own, beaten on a session of its own ([`attend`]), so that neither an append
//!   that waits nor a long fenced transaction delays it.
//! - the **advisory lock** on the token tells at once that nobody is there any
//!   more: the lead's sessions and its fenced transactions hold it, shared.
//!
//! [`take`] says when somebody else may lead. Times are compared by the server's clock.

mod claim;
mod copy;
mod server;
mod take;

use std::time::Duration;

pub use claim::{Claim, Right};
pub use copy::copy;
use jiff::Timestamp;
pub(super) use take::first;
pub use take::{TakeError, Taken, may_take, retake, take};
use tokio_postgres::Row;
use tokio_postgres::types::Type;

use crate::pg::session::Session;
use crate::run::event::RunId;
use crate::run::fault::Fault;
use crate::text::clean;

/// How often the lead beats.
pub const BEAT: Duration = Duration::from_secs(1);
/// How long a lead may be silent before anybody may take over.
pub const EXPIRY: Duration = Duration::from_secs(10);

/// The right to write a run's journal, for as long as nobody takes it over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The run.
    pub run: RunId,
    /// Counts take-overs, from 1.
    pub epoch: i64,
    /// What every writing transaction shows: `timeline-epoch-random`.
    pub token: String,
    /// The lead's login; clean.
    pub holder: String,
    /// The lead's machine.
    pub host: String,
    /// The system identifier of the server that gave it, where it may be read.
    pub system: Option<String>,
}

/// A lead as others see it; its texts are clean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeadSeen {
    /// Its login.
    pub holder: String,
    /// Its machine.
    pub host: String,
    /// Counts take-overs, from 1.
    pub epoch: i64,
    /// When it took the lease.
    pub since: Timestamp,
    /// For how long its heart has not beaten.
    pub silence: Duration,
    /// Whether a session works under its token.
    pub attended: bool,
}

/// Why a lead on a new session is none any more.
#[derive(Debug, thiserror::Error)]
pub enum RejoinError {
    /// Somebody has taken over: stop writing.
    #[error("another lead has taken over")]
    Lost,
    /// This is not the server that the lease was taken on, or one that has lost
    /// that it was: [`retake`] it, and hold.
    #[error("{0}")]
    Moved(String),
    /// The server has lost the run itself, or is quite another one.
    #[error("run {0} is not on this server")]
    NoRun(RunId),
    /// The server refused, or is gone.
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl Lease {
    /// From the columns epoch, token and holder.
    pub(super) fn from_row(row: &Row, run: &RunId, host: &str) -> Self {
        Self {
            run: run.clone(),
            epoch: row.get("epoch"),
            token: row.get("token"),
            holder: clean(row.get("holder")).into_owned(),
            host: host.to_owned(),
            system: row.get("system"),
        }
    }
}

/// A run's lead; `None` where there is no such run here.
///
/// # Errors
/// The server's.
pub async fn seen(session: &Session, run: &RunId) -> Result<Option<LeadSeen>, Fault> {
    let row = look(session, run).await?;
    Ok(row.as_ref().map(lead_seen))
}

async fn look(session: &Session, run: &RunId) -> Result<Option<Row>, Fault> {
    session
        .client()
        .query_opt(include_str!("sql/lease_seen.sql"), &[&run.0])
        .await
        .map_err(|error| session.describe(&error))
}

fn lead_seen(row: &Row) -> LeadSeen {
    let text = |column| clean(row.get::<_, &str>(column)).into_owned();
    // A clock that was set back makes it negative.
    let silence = row.get::<_, i64>("silence_ms").max(0).unsigned_abs();
    LeadSeen {
        holder: text("holder"),
        host: text("host"),
        epoch: row.get("epoch"),
        since: row.get("taken_at"),
        silence: Duration::from_millis(silence),
        attended: row.get("attended"),
    }
}

/// Goes on leading on a new session, after the former one was lost. The token
/// stays, and with it the work that goes on under it elsewhere.
///
/// # Errors
/// [`RejoinError`], by what to do next.
pub async fn rejoin(session: &Session, lease: &Lease) -> Result<(), RejoinError> {
    let describe = |error| session.describe(&error);
    let row = look(session, &lease.run).await?;
    let row = row.ok_or_else(|| RejoinError::NoRun(lease.run.clone()))?;
    if let Some(why) = server::moved_for(lease, &row) {
        return Err(RejoinError::Moved(why));
    }
    let (client, backend) = (session.client(), session.backend());
    let end = include_str!("sql/lease_end_former.sql");
    let ended = client.execute(end, &[&lease.run.0, &lease.token]).await;
    ended.map_err(describe)?;
    let row = client
        .query_opt(
            include_str!("sql/lease_rejoin.sql"),
            &[&lease.run.0, &lease.token, &backend.pid, &backend.started],
        )
        .await
        .map_err(describe)?;
    row.map(drop).ok_or(RejoinError::Lost)
}

/// Lets another session of the lead stand for it too: while one of them lives,
/// the lease is not free. The one that beats should.
///
/// # Errors
/// The server's.
pub async fn attend(session: &Session, lease: &Lease) -> Result<(), Fault> {
    let attend = "SELECT pg_try_advisory_lock_shared(pgcutover.lock_key($1))";
    let attended = session.client().execute(attend, &[&lease.token]).await;
    attended.map_err(|error| session.describe(&error))?;
    Ok(())
}

/// Says that the lead is alive; whether it still leads. One round trip, waits
/// for no standby, and for no transaction but a take-over's. The driver sends one every [`BEAT`], on a
/// session that runs nothing else that may wait.
///
/// # Errors
/// The server's: it says nothing about the lease.
pub async fn beat(session: &Session, lease: &Lease) -> Result<bool, Fault> {
    let row = session
        .client()
        .query_typed_one(
            "SELECT pgcutover.beat($1, $2)",
            &[(&lease.run.0, Type::TEXT), (&lease.token, Type::TEXT)],
        )
        .await
        .map_err(|error| session.describe(&error))?;
    Ok(row.get(0))
}
