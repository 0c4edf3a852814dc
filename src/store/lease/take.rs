//! Owns the taking of a lease, free or somebody's; never keeps it alive, nor
//! decides whether it may be taken ([`super::claim`]).

use std::time::Duration;

use tokio_postgres::{Client, Error};

use super::claim::{Claim, Finding, judge};
use super::{LeadSeen, Lease, lead_seen, look, seen, server};
use crate::pg::session::{Backend, Session};
use crate::run::event::{Actor, EventKind, Ground, RunId};
use crate::run::fault::{Fault, Trouble};
use crate::store::journal::encode;

/// How often a take-over looks again when somebody else was faster.
const ROUNDS: usize = 3;

/// A lease, and on which server it was taken.
#[derive(Debug)]
pub struct Taken {
    /// The lease.
    pub lease: Lease,
    /// Why this is not the server that the former lead led on: hold.
    pub moved: Option<String>,
}

/// Why the lease was not taken.
#[derive(Debug, thiserror::Error)]
pub enum TakeError {
    /// There is a lead: watch it, or take over with a reason.
    #[error("`{}` leads from `{}` since {}", .0.holder, .0.host, .0.since)]
    Busy(LeadSeen),
    /// A transaction or a session of the former lead did not end in time; try again.
    #[error("a transaction of the former lead is still open: {0}")]
    StillWriting(Fault),
    /// There is no such run here.
    #[error("run {0} is not here")]
    NoRun(RunId),
    /// The server refused, or is gone.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Whether the claim would be granted as things are; changes nothing.
///
/// # Errors
/// [`TakeError`], as [`take`].
pub async fn may_take(session: &Session, claim: &Claim<'_>) -> Result<(), TakeError> {
    let lead = seen(session, claim.run).await?;
    let lead = lead.ok_or_else(|| TakeError::NoRun(claim.run.clone()))?;
    match judge(&lead, claim) {
        Finding::Busy => Err(TakeError::Busy(lead)),
        Finding::Free(_) | Finding::Evict(..) => Ok(()),
    }
}

/// Takes the lease for this session, and appends `lead_taken` with it. Waits up
/// to 8 s for transactions of the former lead: longer than any of its sessions
/// may idle in one.
///
/// # Errors
/// [`TakeError`]. After a lost connection the lease may have been taken, by a
/// session that is gone: it is free then.
pub async fn take(session: &mut Session, claim: &Claim<'_>) -> Result<Taken, TakeError> {
    for _ in 0..ROUNDS {
        let Some(row) = look(session, claim.run).await? else {
            return Err(TakeError::NoRun(claim.run.clone()));
        };
        let lead = lead_seen(&row);
        let moved = server::moved(&row);
        let mut evicts = false;
        let mut former = Former {
            token: row.get("token"),
            holder: lead.holder.clone(),
            ground: Ground::Free,
            reason: moved.clone(),
            silence: lead.silence,
        };
        match judge(&lead, claim) {
            Finding::Busy => return Err(TakeError::Busy(lead)),
            Finding::Free(ground) => former.ground = ground,
            Finding::Evict(ground, reason) => {
                end_holders(session, &former.token).await?;
                (former.ground, former.reason) = (ground, Some(reason));
                evicts = true;
            }
        }
        if let Some(lease) = replace_lease(session, claim.run, claim.host, &former).await? {
            if evicts {
                // Whatever began under the former token in between; nothing can now.
                end_holders(session, &former.token).await?;
            }
            return Ok(Taken { lease, moved });
        }
        // Somebody was faster: look who leads now.
    }
    match seen(session, claim.run).await? {
        Some(lead) => Err(TakeError::Busy(lead)),
        None => Err(TakeError::NoRun(claim.run.clone())),
    }
}

/// Takes one's own lease anew, on a server that is not the one that gave it.
///
/// # Errors
/// [`TakeError::Busy`] where somebody else has done so before.
pub async fn retake(session: &mut Session, lease: &Lease) -> Result<Taken, TakeError> {
    let Some(row) = look(session, &lease.run).await? else {
        return Err(TakeError::NoRun(lease.run.clone()));
    };
    let lead = lead_seen(&row);
    let token: String = row.get("token");
    let ours = token == lease.token || server::order(&token) < server::order(&lease.token);
    if !ours {
        return Err(TakeError::Busy(lead));
    }
    let moved = server::moved_for(lease, &row);
    let former = Former {
        token,
        holder: lead.holder.clone(),
        ground: Ground::Moved,
        reason: moved.clone(),
        silence: lead.silence,
    };
    match replace_lease(session, &lease.run, &lease.host, &former).await? {
        Some(lease) => Ok(Taken { lease, moved }),
        None => Err(TakeError::Busy(lead)),
    }
}

/// Whose lease is replaced, and what is said of it.
struct Former {
    token: String,
    holder: String,
    ground: Ground,
    reason: Option<String>,
    silence: Duration,
}

/// [`replace`], with its error by what comes next.
async fn replace_lease(
    session: &mut Session,
    run: &RunId,
    host: &str,
    former: &Former,
) -> Result<Option<Lease>, TakeError> {
    let backend = session.backend();
    let replaced = replace(session.client_mut(), backend, (run, host), former).await;
    replaced.map_err(|error| by_what_comes_next(session.describe(&error)))
}

async fn end_holders(session: &Session, token: &str) -> Result<(), TakeError> {
    let end = "SELECT pgcutover.end_holders($1)";
    let ended = session.client().execute(end, &[&token]).await;
    ended.map_err(|error| by_what_comes_next(session.describe(&error)))?;
    Ok(())
}

fn by_what_comes_next(fault: Fault) -> TakeError {
    match fault.trouble {
        Trouble::LockTimeout => TakeError::StillWriting(fault),
        _ => fault.into(),
    }
}

/// Replaces the lease that has this token; `None` where it has another one.
async fn replace(
    client: &mut Client,
    backend: Backend,
    (run, host): (&RunId, &str),
    former: &Former,
) -> Result<Option<Lease>, Error> {
    let transaction = client.transaction().await?;
    transaction
        .batch_execute("SET LOCAL lock_timeout = '8s'")
        .await?;
    let row = transaction
        .query_opt(
            include_str!("../sql/lease_take.sql"),
            &[&run.0, &former.token, &host, &backend.pid, &backend.started],
        )
        .await?;
    let Some(row) = row else {
        return Ok(None);
    };
    let lease = Lease::from_row(&row, run, host);
    let (kinds, bodies) = encode(&[taken(&lease, Some(former))]);
    let append = "SELECT FROM pgcutover.append_all($1, $2, NULL, $3, $4, NULL)";
    transaction
        .query(append, &[&run.0, &lease.token, &kinds, &bodies])
        .await?;
    transaction.commit().await?;
    Ok(Some(lease))
}

/// The event of a lease; nobody led before a run's first.
pub(in crate::store) fn first(lease: &Lease) -> EventKind {
    taken(lease, None)
}

fn taken(lease: &Lease, former: Option<&Former>) -> EventKind {
    EventKind::LeadTaken {
        epoch: lease.epoch,
        by: Actor::Person(lease.holder.clone()),
        host: lease.host.clone(),
        reason: former.and_then(|former| former.reason.clone()),
        from: former.map(|former| Actor::Person(former.holder.clone())),
        ground: former.map_or(Ground::Free, |former| former.ground),
        unled_ms: former.map_or(0, |former| former.silence.as_millis() as u64),
    }
}
