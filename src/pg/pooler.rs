//! Recognises a pooler that gives a server's backend to one client for a
//! transaction at a time; never opens a session that is kept.
//!
//! Behind one, whatever a lead relies on between transactions is somebody else's:
//! its advisory lock, LISTEN, its settings, and a cancel request hits a stranger.
//! It is told by its deed, not by its name: two connections that are both open
//! are served by one backend, or one of them by two. A server's own process is
//! nobody else's while its connection is open, and a pooler in session mode keeps
//! that. The probe runs one query, unnamed, changes no setting and takes no lock:
//! behind a pooler a setting would stay on a stranger's backend.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::timeout;

use super::connect::{Candidate, Target};
use super::open::connect;
use super::open_error::OpenError;
use super::session::Unsettled;

/// Questions to each of the two connections: with other clients about, an idle
/// backend may be anybody's.
const ROUNDS: usize = 4;

/// How long it may take; what takes longer is told by [`super::session::open`].
const PATIENCE: Duration = Duration::from_secs(3);

/// Refuses a target that is a pooler in transaction or statement mode.
///
/// # Errors
/// [`OpenError::Pooled`]. Whatever else is wrong there is not told here.
pub async fn refuse(target: &Target) -> Result<(), OpenError> {
    for host in &target.hosts {
        let shared = timeout(PATIENCE, shares_backends(target, host)).await;
        if shared == Ok(Some(true)) {
            return Err(OpenError::Pooled {
                place: host.place.clone(),
            });
        }
    }
    Ok(())
}

/// `None` where nobody answers.
async fn shares_backends(target: &Target, host: &Candidate) -> Option<bool> {
    let (one, other) = (reach(target, host).await?, reach(target, host).await?);
    let (mut ones, mut others) = (BTreeSet::new(), BTreeSet::new());
    for _ in 0..ROUNDS {
        ones.insert(backend(&one).await?);
        others.insert(backend(&other).await?);
    }
    Some(ones.len() > 1 || others.len() > 1 || !ones.is_disjoint(&others))
}

async fn reach(target: &Target, host: &Candidate) -> Option<Unsettled> {
    for &mode in target.tls.attempts(host) {
        if let Ok(session) = connect(target, host, mode, "pgcutover:probe").await {
            return Some(session);
        }
    }
    None
}

async fn backend(session: &Unsettled) -> Option<i32> {
    let query = "SELECT pg_backend_pid()";
    let rows = session.client.query_typed(query, &[]).await.ok()?;
    rows.first()?.try_get(0).ok()
}
