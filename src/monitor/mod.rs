//! Watching Postgres: what the cutover does to the server, and whether it is us.
//!
//! Owns the one monitor connection and its queries; never writes, never takes a
//! lock on a user's table, never decides what a value means for the run.
//!
//! - `poll`: the loop, three tiers (1 s, 5 s, 60 s), reconnecting.
//! - `link`: one session, each query under a deadline of our own.
//! - `signals`, `replication`, `heartbeat`: what is asked and what it means.
//! - `wanted`: what is asked only because a guard wants it; `probes`: guards'
//!   own queries, each on a session of its own.
//! - [`blocking`]: the tree of who blocks whom.
//! - [`guarded`]: one number for each guard.
//!
//! What is known is published as a whole, each signal measured or absent by
//! itself; the newest wins. Times are this machine's: a reading's age is how
//! long ago we heard it.

pub mod blocking;
pub mod guarded;
mod heartbeat;
mod link;
mod poll;
mod probes;
mod replication;
mod signals;
mod wanted;

use std::collections::BTreeMap;

use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::pg::connect::Target;
use crate::reading::server::Readings;
use crate::run::event::RunId;
use crate::runbook::{ConnectionId, Guard, Standby};

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
    /// Whose signals are wanted beyond what the screen shows.
    pub guards: Vec<Guard>,
    /// Where guards' own queries are asked.
    pub targets: BTreeMap<ConnectionId, Target>,
}

/// A running monitor; dropping it ends it and its sessions.
pub struct Monitor {
    readings: watch::Receiver<Readings>,
    _tasks: JoinSet<()>,
}

impl Monitor {
    /// Starts it; needs a runtime. Until it has heard something, everything is
    /// absent as not yet asked.
    pub fn start(config: Config) -> Self {
        let (published, readings) = watch::channel(Readings::default());
        let mut tasks = JoinSet::new();
        let target = |on: &ConnectionId| config.targets.get(on).cloned();
        probes::start(&config.guards, target, &published, &mut tasks);
        tasks.spawn(poll::Poller::new(config, published).run());
        Self {
            readings,
            _tasks: tasks,
        }
    }

    /// What it last said, now and from now on.
    pub fn readings(&self) -> watch::Receiver<Readings> {
        self.readings.clone()
    }
}
