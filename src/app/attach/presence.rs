//! Says every few seconds that this terminal is attached.
//!
//! Owns a session of its own: the one that reads is read-only. A server that is
//! away is waited for; a login that may not say so watches all the same.

use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};
use tracing::{debug, warn};

use crate::pg::connect::Target;
use crate::pg::session::{Purpose, Session, open};
use crate::run::event::RunId;
use crate::run::fault::{Fault, Trouble};
use crate::store::journal::DEADLINE;
use crate::store::presence;

/// Dropping it ends it, and with its session the presence.
pub(super) struct Presence(JoinHandle<()>);

impl Drop for Presence {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Presence {
    /// Starts it.
    pub(super) fn start(target: Target, run: RunId, operates: bool) -> Self {
        Self(tokio::spawn(async move {
            let host = whoami::hostname().unwrap_or_default();
            let mut timer = interval(presence::EVERY);
            timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
            let mut session = None;
            loop {
                timer.tick().await;
                match attend(&target, &mut session, &run, &host, operates).await {
                    Ok(()) => {}
                    Err(fault) if fault.trouble == Trouble::Privilege => {
                        warn!("nobody will see that this terminal is attached: {fault}");
                        return;
                    }
                    Err(fault) => {
                        debug!("not said to be here: {fault}");
                        session = None;
                    }
                }
            }
        }))
    }
}

async fn attend(
    target: &Target,
    session: &mut Option<Session>,
    run: &RunId,
    host: &str,
    operates: bool,
) -> Result<(), Fault> {
    let open = match session {
        Some(session) => session,
        None => {
            let opened = open(target, Purpose::Presence).await;
            session.insert(opened.map_err(|error| error.fault())?)
        }
    };
    let attended = presence::attend(open, run, host, operates);
    open.canceller().within(DEADLINE, attended).await
}
