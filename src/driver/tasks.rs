//! Tasks in flight: how to steer, stop and cancel each.
//!
//! Owns their handles; what they do is in `perform`. Dropping this aborts
//! them all, and an aborted task cancels its statement on the server.

use std::collections::BTreeMap;
use std::future::Future;

use tokio::sync::watch;
use tokio::task::{Id, JoinSet};

use crate::engine::message::{Ended, Message, Outcome};
use crate::pg::cadence::Control;
use crate::pg::session::Backend;
use crate::pg::step::Stop;
use crate::run::event::Task;
use crate::run::fault::{Fault, Trouble};
use crate::runbook::GateId;

/// What a task in flight listens to.
#[derive(Debug, Clone)]
pub enum Lever {
    /// SQL, a command, a wait: ends when told to.
    Stop(watch::Sender<Stop>),
    /// A backfill or a comparison: paced between chunks.
    Pace(watch::Sender<Control>),
}

/// Whose end is awaited.
#[derive(Debug, Clone)]
enum Whose {
    Task(Task),
    Probe(Task),
    Gate(GateId, u64),
}

/// Everything in flight.
#[derive(Default)]
pub struct Tasks {
    set: JoinSet<Message>,
    whose: BTreeMap<Id, Whose>,
    levers: BTreeMap<Task, Lever>,
    /// The newest backend that ran a task here: before an unknown outcome is
    /// tried again, it is proved gone.
    pub backends: BTreeMap<Task, watch::Receiver<Option<Backend>>>,
}

impl Tasks {
    /// Starts a task.
    pub fn start(
        &mut self,
        task: &Task,
        lever: Lever,
        work: impl Future<Output = Outcome> + Send + 'static,
    ) {
        self.levers.insert(task.clone(), lever);
        let name = task.clone();
        let handle = self.set.spawn(async move {
            Message::Ended(Ended {
                task: name,
                outcome: work.await,
            })
        });
        self.whose.insert(handle.id(), Whose::Task(task.clone()));
    }

    /// Starts a probe of a task in doubt.
    pub fn start_probe(
        &mut self,
        task: &Task,
        work: impl Future<Output = (Option<bool>, String)> + Send + 'static,
    ) {
        let name = task.clone();
        let handle = self.set.spawn(async move {
            let (done, how) = work.await;
            Message::Probed {
                task: name,
                done,
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
        self.whose
            .insert(handle.id(), Whose::Gate(gate.clone(), question));
    }

    /// The next end; a panic in a task is its failure, not ours. Waits for ever
    /// while nothing is in flight. Safe to be dropped and called again.
    pub async fn ended(&mut self) -> Message {
        let Some(joined) = self.set.join_next_with_id().await else {
            return std::future::pending().await;
        };
        match joined {
            Ok((id, message)) => {
                self.forget(id);
                message
            }
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
            self.levers.remove(task);
        }
        Some(whose)
    }

    /// Paces every backfill and comparison in flight.
    pub fn pace(&self, control: &Control) {
        for lever in self.levers.values() {
            if let Lever::Pace(sender) = lever {
                sender.send_if_modified(|now| {
                    // There is no way back from a stop.
                    let wanted = Control {
                        stop: now.stop,
                        ..control.clone()
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
        match self.levers.get(task) {
            Some(Lever::Stop(sender)) => {
                sender.send_replace(how);
            }
            Some(Lever::Pace(sender)) => {
                sender.send_modify(|control| control.stop = true);
            }
            None => {}
        }
    }

    /// The hold's latch: waiting statements are given up at once.
    pub fn hold(&self) {
        for lever in self.levers.values() {
            if let Lever::Stop(sender) = lever {
                sender.send_if_modified(|now| {
                    let first = *now == Stop::No;
                    if first {
                        *now = Stop::AtSafePoint;
                    }
                    first
                });
            }
        }
    }

    /// Whether any task itself (not a probe, not a gate) is in flight.
    pub fn is_idle(&self) -> bool {
        self.levers.is_empty()
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
            done: None,
            how: fault.message,
        },
        Whose::Gate(gate, question) => Message::Sampled {
            gate,
            question,
            verdict: crate::run::event::Verdict::Error,
            reason: fault.message,
        },
    }
}
