//! Watching Postgres: what the cutover does to the server, and whether it is us.
//!
//! Owns the one monitor connection and its queries; never writes, never takes a
//! lock on a user's table, never decides what a value means for the run.
//!
//! - `poll`: the loop, three tiers (1 s, 5 s, 60 s), reconnecting.
//! - `link`: one session, each query under a deadline of our own.
//! - `signals`, `replication`, `heartbeat`: what is asked and what it means.
//! - [`blocking`]: the tree of who blocks whom.
//!
//! What is known is published as a whole, each signal measured or absent by
//! itself; the newest wins. Times are this machine's: a reading's age is how
//! long ago we heard it.

pub mod blocking;
mod heartbeat;
mod link;
mod poll;
mod replication;
mod signals;

use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::pg::connect::Target;
use crate::reading::server::Readings;
use crate::run::event::RunId;
use crate::runbook::Standby;

/// What to watch.
#[derive(Debug, Clone)]
pub struct Config {
    /// The server, the first connection's.
    pub target: Target,
    /// Standbys that ought to be connected to it.
    pub expected: Vec<Standby>,
    /// Where the heartbeat can be read: the standby's `application_name` and
    /// the way there.
    pub heartbeats: Vec<(String, Target)>,
    /// Whose heartbeat; without a run there is none.
    pub run: Option<RunId>,
}

/// A running monitor; dropping it ends it and its sessions.
pub struct Monitor {
    readings: watch::Receiver<Readings>,
    _task: JoinSet<()>,
}

impl Monitor {
    /// Starts it; needs a runtime. Until it has heard something, everything is
    /// absent as not yet asked.
    pub fn start(config: Config) -> Self {
        let (published, readings) = watch::channel(Readings::default());
        let mut task = JoinSet::new();
        task.spawn(poll::Poller::new(config, published).run());
        Self {
            readings,
            _task: task,
        }
    }

    /// What it last said, now and from now on.
    pub fn readings(&self) -> watch::Receiver<Readings> {
        self.readings.clone()
    }
}
