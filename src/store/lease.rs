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
//! | lease | by whom | verdict |
//! |---|---|---|
//! | nobody works under its token | its sessions are gone | free |
//! | silent for longer than `expiry` | stopped, or cut off | free, its sessions are ended |
//! | alive, and a reason is given | a person decides | free, its sessions are ended |
//! | alive | | [`TakeError::Busy`] |
//!
//! Times are compared by the server's clock.

use std::time::Duration;

use jiff::Timestamp;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Error, Row};

use crate::pg::session::{Backend, Session};
use crate::run::event::{Actor, EventKind, RunId};
use crate::run::fault::{Fault, Trouble};
use crate::text::clean;

/// How often the lead beats.
pub const BEAT: Duration = Duration::from_secs(1);
/// How long a lead may be silent before anybody may take over.
pub const EXPIRY: Duration = Duration::from_secs(10);

/// How often a take-over looks again when somebody else was faster.
const ROUNDS: usize = 3;

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

/// Someone who wants to lead.
#[derive(Debug, Clone, Copy)]
pub struct Claim<'a> {
    /// The run.
    pub run: &'a RunId,
    /// This machine.
    pub host: &'a str,
    /// How long the lead may be silent; [`EXPIRY`] unless a test is in a hurry.
    pub expiry: Duration,
    /// Why a lead that is alive has to go, in a person's words.
    pub reason: Option<&'a str>,
}

/// Why the lease was not taken.
#[derive(Debug, thiserror::Error)]
pub enum TakeError {
    /// There is a lead: watch it, or take over with a reason.
    #[error("`{}` leads from `{}` since {}", .0.holder, .0.host, .0.since)]
    Busy(LeadSeen),
    /// A transaction of the former lead did not end in time; try again.
    #[error("a transaction of the former lead is still open: {0}")]
    StillWriting(Fault),
    /// There is no such run here.
    #[error("run {0} is not here")]
    NoRun(RunId),
    /// The server refused, or is gone.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Why a lead on a new session is none any more.
#[derive(Debug, thiserror::Error)]
pub enum RejoinError {
    /// Somebody has taken over: stop writing.
    #[error("another lead has taken over")]
    Lost,
    /// This is not the server that the lease was taken on: hold, and take the
    /// lease anew.
    #[error("the server is on timeline {is} now, it was on {was}")]
    Moved {
        /// The timeline of the token.
        was: i64,
        /// The server's.
        is: i64,
    },
    /// The server refused, or is gone.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// What a claim finds.
#[derive(Debug, PartialEq, Eq)]
enum Finding {
    /// Nobody is there.
    Free,
    /// Somebody is, and has to go, for this reason.
    Evict(String),
    /// Somebody is.
    Busy,
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
        }
    }

    /// The event that says so; `reason` where it was taken from somebody.
    pub(super) fn taken_event(&self, reason: Option<String>) -> EventKind {
        EventKind::LeadTaken {
            epoch: self.epoch,
            by: Actor::Person(self.holder.clone()),
            host: self.host.clone(),
            reason,
        }
    }

    /// The timeline of the server that gave it.
    fn timeline(&self) -> i64 {
        let first = self.token.split('-').next().unwrap_or_default();
        first.parse().unwrap_or_default()
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

/// The module's table.
fn judge(lead: &LeadSeen, claim: &Claim<'_>) -> Finding {
    if !lead.attended {
        return Finding::Free;
    }
    if let Some(reason) = claim.reason {
        return Finding::Evict(reason.to_owned());
    }
    if lead.silence > claim.expiry {
        let seconds = lead.silence.as_secs();
        return Finding::Evict(format!("no heartbeat for {seconds} s"));
    }
    Finding::Busy
}

/// Takes the lease for this session, and appends `lead_taken` with it. Waits up
/// to 8 s for transactions of the former lead: longer than any of its sessions
/// may idle in one.
///
/// # Errors
/// [`TakeError`]. After a lost connection the lease may have been taken, by a
/// session that is gone: it is free then.
pub async fn take(session: &mut Session, claim: &Claim<'_>) -> Result<Lease, TakeError> {
    for _ in 0..ROUNDS {
        let Some(row) = look(session, claim.run).await? else {
            return Err(TakeError::NoRun(claim.run.clone()));
        };
        let token: String = row.get("token");
        let lead = lead_seen(&row);
        let reason = match judge(&lead, claim) {
            Finding::Busy => return Err(TakeError::Busy(lead)),
            Finding::Free => None,
            Finding::Evict(reason) => {
                end_holders(session, &token).await?;
                Some(reason)
            }
        };
        let backend = session.backend();
        let taken = replace(session.client_mut(), backend, claim, &token, reason).await;
        match taken.map_err(|error| session.describe(&error)) {
            Ok(Some(lease)) => return Ok(lease),
            // Somebody was faster: look who leads now.
            Ok(None) => {}
            Err(fault) if fault.trouble == Trouble::LockTimeout => {
                return Err(TakeError::StillWriting(fault));
            }
            Err(fault) => return Err(fault.into()),
        }
    }
    match seen(session, claim.run).await? {
        Some(lead) => Err(TakeError::Busy(lead)),
        None => Err(TakeError::NoRun(claim.run.clone())),
    }
}

async fn end_holders(session: &Session, token: &str) -> Result<(), Fault> {
    let end = "SELECT pgcutover.end_holders($1)";
    let ended = session.client().execute(end, &[&token]).await;
    ended.map_err(|error| session.describe(&error))?;
    Ok(())
}

/// Replaces the lease that has this token; `None` where it has another one.
async fn replace(
    client: &mut Client,
    backend: Backend,
    claim: &Claim<'_>,
    former: &str,
    reason: Option<String>,
) -> Result<Option<Lease>, Error> {
    let run = &claim.run.0;
    let transaction = client.transaction().await?;
    transaction
        .batch_execute("SET LOCAL lock_timeout = '8s'")
        .await?;
    let row = transaction
        .query_opt(
            include_str!("sql/lease_take.sql"),
            &[run, &former, &claim.host, &backend.pid, &backend.started],
        )
        .await?;
    let Some(row) = row else {
        return Ok(None);
    };
    let lease = Lease::from_row(&row, claim.run, claim.host);
    let (kinds, bodies) = super::journal::encode(&[lease.taken_event(reason)]);
    let append = "SELECT FROM pgcutover.append_all($1, $2, NULL, $3, $4, NULL)";
    transaction
        .query(append, &[run, &lease.token, &kinds, &bodies])
        .await?;
    transaction.commit().await?;
    Ok(Some(lease))
}

/// Goes on leading on a new session, after the former one was lost. The token
/// stays, and with it the work that goes on under it elsewhere.
///
/// # Errors
/// [`RejoinError`], by what to do next.
pub async fn rejoin(session: &Session, lease: &Lease) -> Result<(), RejoinError> {
    let describe = |error| session.describe(&error);
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
    let row = row.ok_or(RejoinError::Lost)?;
    let (was, is) = (lease.timeline(), row.get("timeline"));
    match was == is {
        true => Ok(()),
        false => Err(RejoinError::Moved { was, is }),
    }
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
/// for no transaction and no standby. The driver sends one every [`BEAT`], on a
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

/// Copies the lease to another database that the plan changes, so that
/// transactions there are fenced by it too; before anything runs there, and
/// after each take-over. Ends the former lead's sessions there.
///
/// # Errors
/// [`TakeError::StillWriting`], or the server's; [`Trouble::LeaseLost`] where a
/// newer copy is there.
pub async fn copy(session: &mut Session, lease: &Lease) -> Result<(), TakeError> {
    let backend = session.backend();
    let copied = write_copy(session.client_mut(), backend, lease).await;
    match copied.map_err(|error| session.describe(&error)) {
        Ok(true) => Ok(()),
        Ok(false) => Err(Fault::new(Trouble::LeaseLost, "a newer lead was here").into()),
        Err(fault) if fault.trouble == Trouble::LockTimeout => Err(TakeError::StillWriting(fault)),
        Err(fault) => Err(fault.into()),
    }
}

async fn write_copy(client: &mut Client, backend: Backend, lease: &Lease) -> Result<bool, Error> {
    let end = include_str!("sql/lease_end_older.sql");
    client.execute(end, &[&lease.run.0, &lease.token]).await?;
    let transaction = client.transaction().await?;
    transaction
        .batch_execute("SET LOCAL lock_timeout = '8s'")
        .await?;
    let copied = transaction
        .execute(
            include_str!("sql/lease_copy.sql"),
            &[
                &lease.run.0,
                &lease.epoch,
                &lease.token,
                &lease.holder,
                &lease.host,
                &backend.pid,
                &backend.started,
            ],
        )
        .await?;
    transaction.commit().await?;
    Ok(copied > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(attended: bool, silence_s: u64, reason: Option<&str>) -> Finding {
        let lead = LeadSeen {
            holder: "ana".into(),
            host: "a".into(),
            epoch: 1,
            since: Timestamp::UNIX_EPOCH,
            silence: Duration::from_secs(silence_s),
            attended,
        };
        let claim = Claim {
            run: &RunId("r".into()),
            host: "b",
            expiry: EXPIRY,
            reason,
        };
        judge(&lead, &claim)
    }

    #[test]
    fn a_lead_goes_when_it_is_gone_silent_or_told_to() {
        assert_eq!(found(true, 1, None), Finding::Busy);
        assert_eq!(found(true, 10, None), Finding::Busy);
        assert_eq!(found(false, 0, None), Finding::Free);
        assert_eq!(found(false, 60, Some("why")), Finding::Free);
        assert_eq!(
            found(true, 11, None),
            Finding::Evict("no heartbeat for 11 s".into())
        );
        assert_eq!(found(true, 0, Some("why")), Finding::Evict("why".into()));
    }
}
