//! Says once a second that the lead is alive, on a session of its own.
//!
//! Owns that session. A heart that finds its lease gone says so; a server that is
//! away is waited for.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};
use tracing::debug;

use super::Incoming;
use crate::pg::connect::Target;
use crate::pg::session::{Purpose, Session, open};
use crate::store::lease::{self, BEAT, Lease};

/// A beat that takes longer is none: the session is opened anew. A take-over's
/// transaction may hold one back for a moment.
const LATE: Duration = Duration::from_secs(3);

/// A beating heart; dropping it stops it.
pub struct Heartbeat(JoinHandle<()>);

impl Drop for Heartbeat {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Heartbeat {
    /// Starts beating for a lease.
    pub(super) fn start(target: Target, lease: Lease, outbox: mpsc::Sender<Incoming>) -> Self {
        Self(tokio::spawn(async move {
            let mut timer = interval(BEAT);
            timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
            let mut session = None;
            loop {
                timer.tick().await;
                match beat(&target, &lease, &mut session).await {
                    Ok(true) => {}
                    // A closed queue: the loop has ended already.
                    Ok(false) => drop(outbox.try_send(Incoming::LeaseLost)),
                    Err(why) => {
                        debug!("no heartbeat: {why}");
                    }
                }
            }
        }))
    }
}

/// Whether the lease is still there, by a session that is opened where there is none.
async fn beat(
    target: &Target,
    lease: &Lease,
    session: &mut Option<Session>,
) -> Result<bool, String> {
    let open = match session.take() {
        Some(open) => open,
        None => {
            let opened = open(target, Purpose::Control).await;
            let opened = opened.map_err(|error| error.to_string())?;
            let attended = lease::attend(&opened, lease);
            let attended = opened.canceller().within(LATE, attended).await;
            attended.map_err(|fault| fault.to_string())?;
            opened
        }
    };
    let canceller = open.canceller();
    let beaten = canceller.within(LATE, lease::beat(&open, lease)).await;
    let led = beaten.map_err(|fault| fault.to_string())?;
    *session = Some(open);
    Ok(led)
}
