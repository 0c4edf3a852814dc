//! Leading a run: monitor, driver, broadcast, and whoever watches.
//!
//! Owns what runs side by side while this process leads, and the exit code
//! that follows from where the run stands in the end.

use std::sync::Arc;

use color_eyre::eyre::eyre;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tracing::warn;

use super::attach::{Seat, sit};
use super::lines::Lines;
use super::remote::{Seen, see};
use super::{Exit, broadcast};
use crate::cli::Look;
use crate::driver::begin::Ready;
use crate::driver::{Asker, Ended, Handle, Leaving, Places, Request, Standbys, Targets};
use crate::engine::message::{Ask, IntentId};
use crate::engine::snapshot::{Snapshot, State, Terminal};
use crate::monitor::{Config, Monitor};
use crate::pg::connect::Target;
use crate::pg::session::{Purpose, open};
use crate::report::handover;
use crate::run::{Outcome, Run};
use crate::runbook::OnDisconnect;
use crate::tui::{self, Leave, Options, TuiError, Wire};

/// What a terminal that is gone means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lost {
    /// The run goes on without one.
    GoOn,
    /// It ends where it stands: nobody can come back to it.
    End,
}

/// What is said without a screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Voice {
    /// A line for each event.
    Lines,
    /// Nothing: there is no terminal any more.
    Silent,
}

/// A run that this process leads, turning.
pub(super) struct Lead {
    /// The driver.
    pub(super) handle: Handle,
    journal: Target,
    monitor: Monitor,
    _broadcast: broadcast::Broadcast,
}

impl Lead {
    /// Starts everything that leading takes.
    ///
    /// # Errors
    /// A connection without an address.
    pub(super) fn start(ready: Ready, places: &Places) -> color_eyre::Result<Self> {
        let watched = monitored(ready.run(), &places.targets, &places.standbys);
        let watched = watched.ok_or_else(|| eyre!("the first connection has no address"))?;
        let monitor = Monitor::start(Config {
            guards: ready.run().plan.body.guards.clone(),
            targets: places.targets.clone(),
            ..watched
        });
        let journal = ready.run().plan.body.journal.clone();
        let handle = ready.start(monitor.readings())?;
        let target = places.targets[&journal].clone();
        let broadcast = broadcast::Broadcast::start(
            target.clone(),
            handle.lease.clone(),
            handle.snapshots.clone(),
        );
        Ok(Self {
            handle,
            journal: target,
            monitor,
            _broadcast: broadcast,
        })
    }

    /// The newest picture, and every one after it.
    pub(super) fn snapshots(&self) -> watch::Receiver<Arc<Snapshot>> {
        self.handle.snapshots.clone()
    }

    /// Leads on the screen, and goes on without it where the person wants that,
    /// or where `lost` says so of a terminal that is gone.
    ///
    /// # Errors
    /// Why the driver ended, or the screen.
    pub(super) async fn on_screen(self, look: Look, lost: Lost) -> color_eyre::Result<Exit> {
        let (asks, requests) = mpsc::channel(64);
        let passing = tokio::spawn(pass_on(requests, self.handle.asker.clone()));
        let wire = Wire {
            snapshots: self.snapshots(),
            asks,
        };
        let mut hold = signal(SignalKind::user_defined1())?;
        let screen = tui::run(wire, Options::from_env(look.ascii));
        tokio::pin!(screen);
        let left = loop {
            tokio::select! {
                left = &mut screen => break left,
                _ = hold.recv() => self.hold("SIGUSR1").await,
            }
        };
        passing.await?;
        match (left, lost) {
            (Ok(Leave::GoOnWithoutTerminal), _) => self.headless(Voice::Lines).await,
            (Ok(Leave::LostTerminal), Lost::GoOn) => {
                self.disconnected().await;
                self.headless(Voice::Silent).await
            }
            (Ok(Leave::HoldAndLeave), _) => self.leave(Leaving::Hold).await,
            (Ok(Leave::Finished | Leave::Detached | Leave::LostTerminal), _) => {
                self.leave(Leaving::AsItIs).await
            }
            (Err(TuiError::PublisherGone), _) => self.outlived(look).await,
            // Whatever broke the screen, nobody watches any more.
            (Err(error), _) => {
                self.leave(Leaving::Hold).await?;
                Err(error.into())
            }
        }
    }

    /// Leads without a screen, until the run ends or a signal ends us. SIGINT and
    /// SIGTERM hold and leave; SIGUSR1 holds.
    ///
    /// # Errors
    /// Why the driver ended.
    pub(super) async fn headless(self, voice: Voice) -> color_eyre::Result<Exit> {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        let mut hangup = signal(SignalKind::hangup())?;
        let mut hold = signal(SignalKind::user_defined1())?;
        let mut snapshots = self.snapshots();
        let lines = match voice {
            Voice::Lines => Some(Lines::start(self.snapshots())?),
            Voice::Silent => None,
        };
        let leaving = loop {
            tokio::select! {
                Some(()) = first(&mut interrupt, &mut terminate) => break Leaving::Hold,
                _ = hangup.recv() => self.disconnected().await,
                _ = hold.recv() => self.hold("SIGUSR1").await,
                changed = snapshots.changed() => {
                    let ended = snapshots.borrow().run.outcome.is_some();
                    if changed.is_err() || ended {
                        break Leaving::AsItIs;
                    }
                }
            }
        };
        let exit = self.leave(leaving).await;
        if let Some(lines) = lines {
            lines.last().await;
        }
        exit
    }

    /// The terminal is lost: no reason to stop, unless the runbook says so.
    async fn disconnected(&self) {
        let run = Arc::clone(&self.handle.snapshots.borrow().run);
        match run.plan.body.cutover.on_disconnect {
            OnDisconnect::GoOn => warn!("the terminal is lost; the run goes on without it"),
            OnDisconnect::Hold => self.hold("the lead's terminal was lost").await,
        }
    }

    /// Leaves, and waits for the driver's end. Where a hold has to wait, for a
    /// chunk or for a server that is away, SIGINT or SIGTERM leaves without it.
    async fn leave(mut self, how: Leaving) -> color_eyre::Result<Exit> {
        let mut interrupt = signal(SignalKind::interrupt())?;
        let mut terminate = signal(SignalKind::terminate())?;
        self.handle.asker.leave(how).await;
        loop {
            tokio::select! {
                ended = &mut self.handle.task => {
                    return match ended? {
                        Ok(()) => Ok(exit_of(&self.handle.snapshots.borrow())),
                        Err(Ended::LeaseLost) => Err(self.replaced().await),
                        Err(other) => Err(other.into()),
                    };
                }
                Some(()) = first(&mut interrupt, &mut terminate) => {
                    self.handle.asker.leave(Leaving::AsItIs).await;
                }
            }
        }
    }

    /// The driver has ended under the screen. Where somebody else leads now, the
    /// terminal stays, and watches.
    async fn outlived(mut self, look: Look) -> color_eyre::Result<Exit> {
        match (&mut self.handle.task).await? {
            Ok(()) => Ok(exit_of(&self.handle.snapshots.borrow())),
            Err(Ended::LeaseLost) => {
                let seen = self.see().await?;
                let seat = Seat {
                    target: self.journal,
                    terminal: Terminal::Observer,
                    monitor: Some(self.monitor),
                    screen: Some(look),
                };
                sit(seat, seen).await
            }
            Err(other) => Err(other.into()),
        }
    }

    /// What is said to a lead without a screen that leads no more: it ends, since
    /// whoever started it wanted a lead.
    async fn replaced(&self) -> color_eyre::Report {
        let by = match self.see().await {
            Ok(seen) => seen.run.lead.as_ref().map(handover::succeeded),
            Err(_) => None,
        };
        let by = by.unwrap_or_else(|| Ended::LeaseLost.to_string());
        eyre!("{by}\nhint: `pgcutover attach` watches; `pgcutover take-over` asks for the lead")
    }

    /// The run as its journal has it now.
    async fn see(&self) -> color_eyre::Result<Seen> {
        let run = self.handle.snapshots.borrow().run.id.clone();
        see(open(&self.journal, Purpose::Observer).await?, &run).await
    }

    /// Holds the run, as whoever is logged in.
    pub(super) async fn hold(&self, reason: &str) {
        self.handle
            .asker
            .ask(Request {
                id: IntentId(0),
                ask: Ask::Hold {
                    reason: reason.to_owned(),
                },
                saw: None,
                saw_hash: None,
            })
            .await;
    }
}

/// The next of either signal.
async fn first(one: &mut Signal, other: &mut Signal) -> Option<()> {
    tokio::select! {
        came = one.recv() => came,
        came = other.recv() => came,
    }
}

/// Passes the screen's requests on, until the screen is gone.
async fn pass_on(mut requests: mpsc::Receiver<tui::Request>, asker: Asker) {
    while let Some(request) = requests.recv().await {
        asker
            .ask(Request {
                id: request.id,
                ask: request.ask,
                saw: Some(request.saw),
                saw_hash: Some(request.saw_hash),
            })
            .await;
    }
}

/// What a run's standing means for whoever called us: 0 only for one that is
/// finished, or that nothing stops and that a person has left to itself.
pub(super) fn exit_of(snapshot: &Snapshot) -> Exit {
    let run = &snapshot.run;
    // Whatever still goes on under a hold, such as the way back.
    let stopped = run.hold.is_some() || run.rollback.is_some();
    exit(run.outcome, snapshot.state, stopped)
}

fn exit(outcome: Option<Outcome>, state: State, stopped: bool) -> Exit {
    match (outcome, state) {
        (Some(Outcome::Finished), _) => Exit::Fine,
        (Some(Outcome::RolledBack), _) => Exit::RolledBack,
        (None, State::Stuck | State::InDoubt) => Exit::Stuck,
        (None, State::Held | State::Holding) => Exit::Held,
        (None, _) if stopped => Exit::Held,
        // Left without knowing how it stands.
        (None, State::Reconnecting) => Exit::Error,
        (None, _) => Exit::Fine,
    }
}

/// What to watch for a run: the server of its first connection, where its
/// address is known here, and the standbys whose addresses are.
pub(super) fn monitored(run: &Run, targets: &Targets, standbys: &Standbys) -> Option<Config> {
    let connection = run.plan.body.connections.first()?;
    let known = standbys.get(&connection.id);
    let heartbeats = known.into_iter().flatten().filter_map(|(id, target)| {
        let standby = connection
            .standbys
            .iter()
            .find(|standby| standby.id == *id)?;
        Some((standby.application_name.clone(), target.clone()))
    });
    Some(Config {
        target: targets.get(&connection.id)?.clone(),
        expected: connection.standbys.clone(),
        heartbeats: heartbeats.collect(),
        run: Some(run.id.clone()),
        // The lead's business: what guards measure is in its picture.
        guards: Vec::new(),
        targets: Targets::new(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_nothing_stops_is_fine() {
        let table = [
            (Some(Outcome::Finished), State::Finished, false, Exit::Fine),
            (
                Some(Outcome::RolledBack),
                State::Finished,
                false,
                Exit::RolledBack,
            ),
            (None, State::Running, false, Exit::Fine),
            (None, State::Running, true, Exit::Held),
            (None, State::RollingBack, true, Exit::Held),
            (None, State::Holding, false, Exit::Held),
            (None, State::Stuck, true, Exit::Stuck),
            (None, State::InDoubt, false, Exit::Stuck),
            (None, State::Reconnecting, false, Exit::Error),
            (None, State::Reconnecting, true, Exit::Held),
        ];
        for (outcome, state, stopped, wanted) in table {
            let found = exit(outcome, state, stopped);
            assert_eq!(found, wanted, "{outcome:?} {state:?} {stopped}");
        }
    }
}
