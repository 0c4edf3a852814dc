//! Puts the lead's picture into Postgres once a second, for `status` and for
//! attached terminals.
//!
//! Owns a session of its own; a server that is away is waited for, and a
//! picture that is late is dropped: the newest wins.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};
use tracing::debug;

use crate::engine::snapshot::Snapshot;
use crate::pg::connect::Target;
use crate::pg::session::{Purpose, Session, open};
use crate::report::status::Status;
use crate::run::fault::Fault;
use crate::store::lease::Lease;
use crate::store::status::{self, Said};

/// Whose own pictures are understood.
pub(super) const TOOL: &str = env!("CARGO_PKG_VERSION");
/// Time between two pictures.
const EVERY: Duration = Duration::from_secs(1);
/// How long one may take on its way; the session is opened anew then.
const LONGEST: Duration = Duration::from_secs(2);

/// Dropping it ends it.
pub(super) struct Broadcast(JoinHandle<()>);

impl Drop for Broadcast {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Broadcast {
    /// Starts it.
    pub(super) fn start(
        target: Target,
        leases: watch::Receiver<Lease>,
        snapshots: watch::Receiver<Arc<Snapshot>>,
    ) -> Self {
        Self(tokio::spawn(async move {
            let mut timer = interval(EVERY);
            timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
            let mut session = None;
            loop {
                timer.tick().await;
                let snapshot = Arc::clone(&snapshots.borrow());
                let lease = leases.borrow().clone();
                if let Err(why) = publish(&target, &lease, &mut session, &snapshot).await {
                    debug!("no picture: {why}");
                    session = None;
                }
            }
        }))
    }
}

async fn publish(
    target: &Target,
    lease: &Lease,
    session: &mut Option<Session>,
    snapshot: &Snapshot,
) -> Result<(), String> {
    if session.is_none() {
        let opened = open(target, Purpose::Control).await;
        *session = Some(opened.map_err(|error| error.to_string())?);
    }
    let Some(session) = session else {
        return Ok(());
    };
    let json = |value: serde_json::Result<_>| value.map_err(|error| error.to_string());
    let said = Said {
        status: json(serde_json::to_value(Status::of(snapshot)))?,
        tool: TOOL.to_owned(),
        picture: json(serde_json::to_value(&*snapshot.picture))?,
    };
    // Late, it is no picture any more, and the next one would wait behind it.
    let published = status::publish(session, lease, &said);
    let published = session.canceller().within(LONGEST, published).await;
    published.map_err(|fault: Fault| fault.to_string())
}
