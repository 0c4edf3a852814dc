//! The driver: the one imperative loop. Decide, append, evolve, publish,
//! perform, in that order.
//!
//! Owns the run, the engine's memory and the journal's link; everything else
//! happens in tasks that own their effect and nothing more, and that end when
//! the driver is dropped. One owner, no locks: whatever comes in (an operator's
//! request, the end of a task, a reading, time) comes in through one queue and
//! is handled to the end before the next. The price is that a slow append
//! delays everything but a hold, which acts before it is recorded ([`hold`]).
//!
//! - [`begin`]: starts or resumes a run; what is true before the first turn.
//! - [`turn`]: the loop.
//! - [`requests`]: what people ask, and the answers.
//! - [`attendance`]: who else is attached.
//! - [`link`]: the journal's connection, lost and found again; [`outage`]: what
//!   is made good then; [`anew`]: what, where the server is not the one that was lost.
//! - [`tasks`], [`perform`], [`exec`]: effects.
//! - [`questions`]: boolean queries of gates and probes.
//! - [`heartbeat`]: says that the lead is alive.
//! - [`publish`]: the picture that every terminal draws.

pub mod anew;
pub mod attendance;
pub mod begin;
pub mod exec;
pub mod heartbeat;
pub mod hold;
pub mod link;
pub mod outage;
pub mod perform;
pub mod publish;
pub mod questions;
pub mod requests;
pub mod rhythm;
pub mod tasks;
pub mod turn;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::{mpsc, watch};

use crate::engine::memory::Memory;
use crate::engine::message::{Ask, IntentId, Message, Reply};
use crate::engine::snapshot::Snapshot;
use crate::pg::connect::Target;
use crate::reading::server::Readings;
use crate::run::Run;
use crate::run::event::{Event, Seq, Task};
use crate::run::fault::Fault;
use crate::run::progress::Progress;
use crate::runbook::{ConnectionId, StandbyId};
use crate::store::lease::Lease;

use heartbeat::Heartbeat;
use hold::Latch;
use link::Link;
use questions::Questions;
use tasks::Tasks;

/// Connections of a runbook with their addresses.
pub type Targets = BTreeMap<ConnectionId, Target>;
/// Standbys with an address, by connection.
pub type Standbys = BTreeMap<ConnectionId, Vec<(StandbyId, Target)>>;

/// Where things are, resolved before anything starts.
#[derive(Debug, Clone)]
pub struct Places {
    /// Every connection of the runbook.
    pub targets: Targets,
    /// Standbys with an address, by connection.
    pub standbys: Standbys,
    /// Where the runbook lies: commands with a slash are relative to it.
    pub runbook_dir: PathBuf,
    /// Variables that stand for the process's own, for commands.
    pub vars: Arc<BTreeMap<String, String>>,
    /// Where the local log is kept; `None` where the user has no home.
    pub log_dir: Option<PathBuf>,
    /// This machine's name.
    pub host: String,
}

/// A request from the lead's own terminal.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// Negative, counted by the terminal.
    pub id: IntentId,
    /// What is asked.
    pub ask: Ask,
    /// The newest material event that was on the screen.
    pub saw: Option<Seq>,
    /// The journal's hash that was on the screen.
    pub saw_hash: Option<String>,
}

/// What comes in through the queue.
#[derive(Debug)]
enum Incoming {
    /// Something for the engine.
    Message(Message),
    /// From the lead's own terminal.
    Request(Request),
    /// Leave: hold first or not.
    Leave(Leaving),
    /// The heart does not find its lease any more; said at every beat.
    LeaseLost,
    /// Running work has come further; dropped when the queue is full.
    Progress(Task, Progress),
}

/// How the lead leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leaving {
    /// Hold, wait for running work to reach its safe point, go.
    Hold,
    /// The run has ended, or is left for another lead as it is.
    AsItIs,
}

/// Why the loop ended.
#[derive(Debug, thiserror::Error)]
pub enum Ended {
    /// Another lead has taken over.
    #[error("another lead has taken over this run")]
    LeaseLost,
    /// The journal cannot be written, and waiting will not help.
    #[error("the journal cannot be written: {0}")]
    Journal(Fault),
    /// The journal says something that this program cannot follow.
    #[error("the journal cannot be followed: {0}")]
    Broken(String),
}

/// A driver at work, from outside.
pub struct Handle {
    /// The newest picture.
    pub snapshots: watch::Receiver<Arc<Snapshot>>,
    /// The lease; another one after a failover.
    pub lease: watch::Receiver<Lease>,
    /// The way in.
    pub asker: Asker,
    /// Ends when the loop does.
    pub task: tokio::task::JoinHandle<Result<(), Ended>>,
}

/// The way into a driver's queue; cheap to clone.
#[derive(Clone)]
pub struct Asker {
    inbox: mpsc::Sender<Incoming>,
    latch: Latch,
}

impl Asker {
    /// Hands a request in. A hold acts at once, whatever the queue holds.
    pub async fn ask(&self, request: Request) {
        if matches!(request.ask, Ask::Hold { .. }) {
            self.latch.set();
        }
        // A closed queue: the loop has ended, and `task` says why.
        let _ = self.inbox.send(Incoming::Request(request)).await;
    }

    /// Tells the driver to leave; `task` ends when it has.
    pub async fn leave(&self, how: Leaving) {
        if how == Leaving::Hold {
            self.latch.set();
        }
        let _ = self.inbox.send(Incoming::Leave(how)).await;
    }
}

/// The loop's state. Made by [`begin`].
pub struct Driver {
    places: Arc<Places>,
    user: String,
    roles: BTreeSet<String>,
    run: Arc<Run>,
    events: Arc<Vec<Event>>,
    memory: Memory,
    link: Link,
    latch: Latch,
    tasks: Tasks,
    questions: Questions,
    /// None while the lease is being taken anew.
    heartbeat: Option<Heartbeat>,
    /// The lease, for whoever else writes under it.
    lease: watch::Sender<Lease>,
    /// Why the server is another one, until the journal says so.
    moved: Option<String>,
    readings: watch::Receiver<Readings>,
    inbox: mpsc::Receiver<Incoming>,
    outbox: mpsc::Sender<Incoming>,
    /// Inputs that wait for the journal to come back.
    waiting: VecDeque<Message>,
    /// Requests in Postgres that were taken up, answered or not; one whose answer
    /// did not get there is out again.
    seen: BTreeSet<IntentId>,
    replies: VecDeque<(IntentId, Reply)>,
    /// When the attached terminals were last asked for.
    roll_called: Option<Instant>,
    leaving: Option<Leaving>,
    /// Why the local log is behind, as it was last said.
    log_trouble: Option<String>,
    publisher: watch::Sender<Arc<Snapshot>>,
}
