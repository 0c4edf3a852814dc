//! A run that this process leads, and the start of its loop.
//!
//! Owns what a driver begins with; how the lead came to be is `begin`'s.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use super::super::heartbeat::Heartbeat;
use super::super::hold::Latch;
use super::super::link::Link;
use super::super::questions::Questions;
use super::super::tasks::Tasks;
use super::super::{Asker, Driver, Ended, Handle, Places, publish};
use super::{BeginError, target};
use crate::engine::memory::Memory;
use crate::engine::posture::{self, Standing};
use crate::engine::snapshot;
use crate::reading::server::Readings;
use crate::run::Run;
use crate::run::event::Event;
use crate::store::journal::Journal;
use crate::store::lease::Lease;

/// Inputs that may wait; progress beyond that is lost, everything else waits.
const QUEUE: usize = 1024;

/// A run that this process leads, not turning yet.
pub struct Ready {
    pub(super) places: Arc<Places>,
    pub(super) journal: Journal,
    pub(super) run: Run,
    pub(super) events: Vec<Event>,
    pub(super) unsaid: Vec<Event>,
    pub(super) moved: Option<String>,
    pub(super) user: String,
    pub(super) roles: BTreeSet<String>,
}

impl Ready {
    /// The lease that it holds.
    pub fn lease(&self) -> &Lease {
        self.journal.lease()
    }

    /// The run as the journal has it.
    pub fn run(&self) -> &Run {
        &self.run
    }

    /// Begins to turn. `readings` come from the monitor.
    ///
    /// # Errors
    /// A connection that the plan names and the places do not.
    pub fn start(self, readings: watch::Receiver<Readings>) -> Result<Handle, BeginError> {
        let target = target(&self.places, &self.run.plan.body.journal)?.clone();
        let (outbox, inbox) = mpsc::channel(QUEUE);
        let run = Arc::new(self.run);
        let events = Arc::new(self.events);
        let mut first = publish::blank(Arc::clone(&run), Arc::clone(&events), self.user.clone());
        let standing = Standing {
            link: snapshot::Link::Up,
            led: true,
            latched: false,
        };
        first.terminal = snapshot::Terminal::Lead;
        posture::describe(&mut first, &standing);
        let (publisher, snapshots) = watch::channel(Arc::new(first));
        let latch = Latch::default();
        let lease = self.journal.lease().clone();
        let (lease_sender, leases) = watch::channel(lease.clone());
        let driver = Driver {
            questions: Questions::new(&self.places),
            places: self.places,
            user: self.user,
            roles: self.roles,
            run,
            events,
            memory: Memory::default(),
            link: Link::new(target.clone(), self.journal),
            latch: latch.clone(),
            tasks: Tasks::new(latch.clone()),
            heartbeat: Some(Heartbeat::start(target, lease, outbox.clone())),
            lease: lease_sender,
            moved: self.moved,
            readings,
            inbox,
            outbox: outbox.clone(),
            waiting: VecDeque::new(),
            seen: BTreeSet::new(),
            replies: VecDeque::new(),
            roll_called: None,
            leaving: None,
            log_trouble: None,
            publisher,
        };
        let unsaid = self.unsaid;
        let task: JoinHandle<Result<(), Ended>> = tokio::spawn(async move {
            let mut driver = driver;
            driver.admit_loss(&unsaid).await?;
            driver.turn().await
        });
        Ok(Handle {
            snapshots,
            lease: leases,
            asker: Asker {
                inbox: outbox,
                latch,
            },
            task,
        })
    }
}
