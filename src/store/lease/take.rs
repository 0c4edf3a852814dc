//! Owns the taking of a lease, free or somebody's; never keeps it alive.
//!
//! | lease | why | verdict |
//! |---|---|---|
//! | nobody works under its token | its sessions are gone | free |
//! | silent for longer than `expiry` | stopped, or cut off | free, its sessions are ended |
//! | alive, and a reason is given | a person decides | free, its sessions are ended |
//! | alive | | [`TakeError::Busy`] |

use std::time::Duration;

use tokio_postgres::{Client, Error};

use super::{LeadSeen, Lease, lead_seen, look, seen};
use crate::pg::session::{Backend, Session};
use crate::run::event::RunId;
use crate::run::fault::{Fault, Trouble};
use crate::store::journal::encode;

/// How often a take-over looks again when somebody else was faster.
const ROUNDS: usize = 3;

/// Someone who wants to lead.
#[derive(Debug, Clone, Copy)]
pub struct Claim<'a> {
    /// The run.
    pub run: &'a RunId,
    /// This machine.
    pub host: &'a str,
    /// How long the lead may be silent; [`super::EXPIRY`] unless a test is in a hurry.
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

/// Whether the claim would be granted as things are; changes nothing.
///
/// # Errors
/// [`TakeError`], as [`take`].
pub async fn may_take(session: &Session, claim: &Claim<'_>) -> Result<(), TakeError> {
    let lead = seen(session, claim.run).await?;
    let lead = lead.ok_or_else(|| TakeError::NoRun(claim.run.clone()))?;
    match judge(&lead, claim) {
        Finding::Busy => Err(TakeError::Busy(lead)),
        Finding::Free | Finding::Evict(_) => Ok(()),
    }
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
            include_str!("../sql/lease_take.sql"),
            &[run, &former, &claim.host, &backend.pid, &backend.started],
        )
        .await?;
    let Some(row) = row else {
        return Ok(None);
    };
    let lease = Lease::from_row(&row, claim.run, claim.host);
    let (kinds, bodies) = encode(&[lease.taken_event(reason)]);
    let append = "SELECT FROM pgcutover.append_all($1, $2, NULL, $3, $4, NULL)";
    transaction
        .query(append, &[run, &lease.token, &kinds, &bodies])
        .await?;
    transaction.commit().await?;
    Ok(Some(lease))
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::store::lease::EXPIRY;

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
