//! Tasks in flight: how to steer, stop and cancel each.
//!
//! Owns their handles; what they do is in `perform`. The hold's latch reaches
//! them from here, whatever the loop waits for. Dropping this aborts them all,
//! and an aborted task cancels its statement on the server.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::{AbortHandle, Id, JoinHandle, JoinSet};
use tokio::time::{sleep, timeout};

use super::hold::Latch;

use crate::engine::message::{Ended, Found, Message, Outcome};
use crate::pg::cadence::Control;
use crate::pg::session::Backend;
use crate::pg::step::Stop;
use crate::run::event::Task;
use crate::run::fault::{Fault, Trouble};
use crate::runbook::GateId;

/// How long work may take to end when the lead goes: a little longer than a
/// statement has to end after it was cancelled.
const FAREWELL: Duration = Duration::from_secs(4);
/// How long the last cancel requests have to be sent.
const LAST_REQUESTS: Duration = Duration::from_millis(250);

/// What a task in flight listens to.
#[derive(Debug, Clone)]
pub enum Lever {
    /// SQL, a command, a wait: ends when told to.
    Stop(watch::Sender<Stop>),
    /// A backfill or a comparison: paced between chunks.
    Pace(watch::Sender<Control>),
}

/// What a hold means for a task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnderHold {
    /// It ends at its safe point, and does not begin.
    Stops,
    /// It is the way back, which runs while the run is held.
    GoesOn,
}

/// Whose end is awaited.
#[derive(Debug, Clone)]
enum Whose {
    Task(Task),
    Probe(Task),
    Gate(GateId, u64, AbortHandle),
}

/// Everything in flight.
pub struct Tasks {
    set: JoinSet<Message>,
    whose: BTreeMap<Id, Whose>,
    levers: Levers,
    latch: Latch,
    /// Pulls the levers when the latch is set.
    watcher: JoinHandle<()>,
    /// The newest backend that ran a task here: before an unknown outcome is
    /// tried again, it is proved gone.
    backends: BTreeMap<Task, watch::Receiver<Option<Backend>>>,
}

impl Drop for Tasks {
    fn drop(&mut self) {
        self.watcher.abort();
    }
}

impl Tasks {
    /// Nothing in flight yet, and a latch that acts on whatever will be.
    pub fn new(latch: Latch) -> Self {
        let levers = Levers::default();
        let (pulled, mut watched) = (levers.clone(), latch.watch());
        let watcher = tokio::spawn(async move {
            while watched.changed().await.is_ok() {
                if *watched.borrow_and_update() {
                    pulled.hold();
                }
            }
        });
        Self {
            set: JoinSet::new(),
            whose: BTreeMap::new(),
            levers,
            latch,
            watcher,
            backends: BTreeMap::new(),
        }
    }

    /// Starts a task; one that begins under a set latch finds its lever pulled.
    pub fn start(
        &mut self,
        task: &Task,
        hold: UnderHold,
        lever: Lever,
        work: impl Future<Output = Outcome> + Send + 'static,
    ) {
        self.levers.all().insert(task.clone(), (lever, hold));
        // After the insertion: the watcher has missed it, or will not.
        if self.latch.is_set() {
            self.levers.hold();
        }
        let name = task.clone();
        let handle = self.set.spawn(async move {
            Message::Ended(Ended {
                task: name,
                outcome: work.await,
            })
        });
        self.whose.insert(handle.id(), Whose::Task(task.clone()));
    }

    /// Notes where the backend of a task's newest try will stand.
    pub fn runs_on(&mut self, task: &Task, backend: watch::Receiver<Option<Backend>>) {
        self.backends.insert(task.clone(), backend);
    }

    /// The backend of a task's newest try here, where it had one.
    pub fn backend_of(&self, task: &Task) -> Option<Backend> {
        self.backends.get(task).and_then(|seen| *seen.borrow())
    }

    /// Starts a probe of a task in doubt.
    pub fn start_probe(
        &mut self,
        task: &Task,
        work: impl Future<Output = (Found, String)> + Send + 'static,
    ) {
        let name = task.clone();
        let handle = self.set.spawn(async move {
            let (found, how) = work.await;
            Message::Probed {
                task: name,
                found,
                how,
            }
        });
        self.whose.insert(handle.id(), Whose::Probe(task.clone()));
    }

    /// Starts a gate's query.
    pub fn start_sample(
        &mut self,
        gate: &GateId,
        question: u64,
        work: impl Future<Output = Message> + Send + 'static,
    ) {
        let handle = self.set.spawn(work);
        let whose = Whose::Gate(gate.clone(), question, handle.clone());
        self.whose.insert(handle.id(), whose);
    }

    /// Nobody wants the answers to the gates' queries in flight any more.
    pub fn abandon_samples(&mut self) {
        self.whose.retain(|_, whose| match whose {
            Whose::Gate(_, _, query) => {
                query.abort();
                false
            }
            Whose::Task(_) | Whose::Probe(_) => true,
        });
    }

    /// The next end; a panic in a task is its failure, not ours. Waits for ever
    /// while nothing is in flight. Safe to be dropped and called again.
    pub async fn ended(&mut self) -> Message {
        let Some(joined) = self.set.join_next_with_id().await else {
            return std::future::pending().await;
        };
        match joined {
            // An abandoned query may have answered just before.
            Ok((id, message)) => self.forget(id).map_or(Message::Tick, |_| message),
            Err(error) => {
                let fault = Fault::new(Trouble::Other, format!("internal error: {error}"));
                match self.forget(error.id()) {
                    Some(whose) => lost(whose, fault),
                    None => Message::Tick,
                }
            }
        }
    }

    fn forget(&mut self, id: Id) -> Option<Whose> {
        let whose = self.whose.remove(&id)?;
        if let Whose::Task(task) = &whose {
            self.levers.all().remove(task);
        }
        Some(whose)
    }

    /// Paces every backfill and comparison in flight.
    pub fn pace(&self, control: impl Fn(&Task) -> Control) {
        for (task, (lever, _)) in self.levers.all().iter() {
            if let Lever::Pace(sender) = lever {
                let control = control(task);
                sender.send_if_modified(|now| {
                    // There is no way back from a stop.
                    let wanted = Control {
                        stop: now.stop,
                        ..control
                    };
                    let changed = *now != wanted;
                    *now = wanted;
                    changed
                });
            }
        }
    }

    /// Ends a task at its safe point, or cancels what it runs.
    pub fn stop(&self, task: &Task, how: Stop) {
        if let Some((lever, _)) = self.levers.all().get(task) {
            lever.stop(how);
        }
    }

    /// Ends everything, for a lead that goes: statements are cancelled, commands
    /// ended with their process groups, chunks brought to their end; what takes
    /// longer than 4 s is aborted. What became of it, the next lead finds out.
    pub async fn shutdown(&mut self) {
        self.abandon_samples();
        for (lever, _) in self.levers.all().values() {
            lever.stop(Stop::Now);
        }
        let ending = async { while self.set.join_next().await.is_some() {} };
        if timeout(FAREWELL, ending).await.is_err() {
            self.set.abort_all();
            let _ = timeout(FAREWELL, async {
                while self.set.join_next().await.is_some() {}
            })
            .await;
            sleep(LAST_REQUESTS).await;
        }
        self.whose.clear();
        self.levers.all().clear();
    }

    /// Whether any task itself (not a probe, not a gate) is in flight.
    pub fn is_idle(&self) -> bool {
        self.levers.all().is_empty()
    }
}

impl Lever {
    /// Ends the task at its safe point, or cancels what it runs.
    fn stop(&self, how: Stop) {
        match self {
            Self::Stop(sender) => {
                sender.send_replace(how);
            }
            Self::Pace(sender) => sender.send_modify(|control| control.stop = true),
        }
    }

    /// Gives up a statement that waits; begins no further chunk.
    fn hold(&self) {
        match self {
            Self::Stop(sender) => {
                sender.send_if_modified(|now| {
                    let first = *now == Stop::No;
                    if first {
                        *now = Stop::AtSafePoint;
                    }
                    first
                });
            }
            Self::Pace(sender) => sender.send_modify(|control| {
                control.go = false;
                control.reason = Some("hold".to_owned());
            }),
        }
    }
}

/// The levers of everything in flight; shared by the loop and the latch.
#[derive(Clone, Default)]
struct Levers(Arc<Mutex<BTreeMap<Task, (Lever, UnderHold)>>>);

impl Levers {
    /// Never held across an await.
    fn all(&self) -> MutexGuard<'_, BTreeMap<Task, (Lever, UnderHold)>> {
        self.0.lock().expect("nothing panics under this lock")
    }

    /// Holds what stops under a hold.
    fn hold(&self) {
        for (lever, hold) in self.all().values() {
            if *hold == UnderHold::Stops {
                lever.hold();
            }
        }
    }
}

fn lost(whose: Whose, fault: Fault) -> Message {
    match whose {
        Whose::Task(task) => Message::Ended(Ended {
            task,
            outcome: Outcome::Unknown(fault),
        }),
        Whose::Probe(task) => Message::Probed {
            task,
            found: Found::Never,
            how: fault.message,
        },
        Whose::Gate(gate, question, _) => Message::Sampled {
            gate,
            question,
            verdict: crate::run::event::Verdict::Error,
            reason: fault.message,
        },
    }
}

#[cfg(test)]
mod tests;
