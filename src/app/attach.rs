//! `attach`: the same dashboard, from any terminal that can connect.
//!
//! Owns what runs side by side while a terminal is attached: `follow` makes
//! the snapshots, `desk` takes the requests, `presence` says that we are here,
//! and a monitor of our own takes the readings. Nothing of it leads: the screen
//! is drawn from the journal's events and the lead's newest picture, by the fold
//! and the words that the lead itself uses.
//!
//! The terminal is read-only unless `--operate` says otherwise: the word is the
//! role's, as in lead, operator and observer, and whoever types it means to act.
//! What somebody may do there is still up to the runbook's roles.

mod desk;
mod follow;
mod presence;

use std::collections::BTreeMap;
use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::lead::{exit_of, monitored};
use super::lines::Lines;
use super::remote::Seen;
use super::source::{Surroundings, places, read};
use super::{Exit, logging, remote};
use crate::cli;
use crate::driver::Standbys;
use crate::engine::message::{Ask, IntentId};
use crate::engine::snapshot::{Snapshot, Terminal};
use crate::monitor::{Config, Monitor};
use crate::pg::connect::Target;
use crate::pg::session::Purpose;
use crate::run::Run;
use crate::run::event::Seq;
use crate::tui::{self, Options, Request, TuiError, Wire};

use desk::Desk;
use follow::Follower;
use presence::Presence;

/// How long what was asked just before leaving may take to be put.
const LAST_WORD: Duration = Duration::from_secs(6);

/// Shows the run until the person leaves. 0 where it goes on then; where it has
/// ended, the code of how.
///
/// # Errors
/// No way to the journal, a journal that cannot be followed, no screen.
pub(super) async fn run(args: &cli::Attach) -> color_eyre::Result<Exit> {
    let on_screen = io::stdout().is_terminal() && io::stdin().is_terminal();
    match on_screen {
        true => logging::on_screen(),
        false => logging::on_stderr(),
    }
    let target = remote::address(&args.remote)?;
    let seen = remote::find(&args.remote, Purpose::Observer).await?;
    let terminal = match args.operate {
        true => Terminal::Operator,
        false => Terminal::Observer,
    };
    let monitor = watched(args, &seen.run, &target).map(Monitor::start);
    let seat = Seat {
        target,
        terminal,
        monitor,
        screen: on_screen.then_some(args.look),
    };
    sit(seat, seen).await
}

/// Where somebody watches from.
pub(super) struct Seat {
    /// The journal's database.
    pub(super) target: Target,
    /// What may be done there.
    pub(super) terminal: Terminal,
    /// The readings of its own, where there are any.
    pub(super) monitor: Option<Monitor>,
    /// The dashboard; plain lines without it.
    pub(super) screen: Option<cli::Look>,
}

/// Shows what has been seen, and what follows, until the person leaves. The lead
/// that was sits here too, in its own terminal.
///
/// # Errors
/// A journal that cannot be followed, no screen.
pub(super) async fn sit(seat: Seat, seen: Seen) -> color_eyre::Result<Exit> {
    let (target, terminal, id) = (seat.target, seat.terminal, seen.run.id.clone());
    let readings = seat.monitor.as_ref().map(Monitor::readings);
    let follower = Follower::begin(target.clone(), seen, terminal, readings).await?;
    let snapshots = follower.snapshots();
    let (answers, replies) = mpsc::channel(64);
    let following = tokio::spawn(follower.follow(replies));
    let operates = terminal == Terminal::Operator;
    let _presence = Presence::start(target.clone(), id.clone(), operates);
    let (asks, requests) = mpsc::channel(64);
    let desk = tokio::spawn(Desk::new(target, id, terminal, answers).serve(requests));
    let wire = Wire {
        snapshots: snapshots.clone(),
        asks,
    };
    let left = match seat.screen {
        Some(look) => screen(wire, look).await,
        None => lines(wire).await,
    };
    // The requests' channel is closed: what was asked for is put, and no more.
    let _ = timeout(LAST_WORD, desk).await;
    match left {
        Err(TuiError::PublisherGone) => Err(following.await?),
        left => {
            following.abort();
            left?;
            Ok(exit(&snapshots.borrow()))
        }
    }
}

/// The snapshot that a terminal would show now.
///
/// # Errors
/// The server's, or a journal that cannot be followed.
pub(super) async fn glance(target: Target, seen: Seen) -> color_eyre::Result<Arc<Snapshot>> {
    let follower = Follower::begin(target, seen, Terminal::Observer, None).await?;
    let newest = follower.snapshots().borrow().clone();
    Ok(newest)
}

/// What may be watched from here: what the runbook names, where there is one;
/// otherwise the journal's own server, where that is the plan's first.
fn watched(args: &cli::Attach, run: &Run, journal: &Target) -> Option<Config> {
    if let Some(runbook) = &args.remote.runbook {
        let loaded = read(&cli::Source {
            runbook: runbook.clone(),
            environment: args.remote.environment.clone(),
        });
        let places = places(
            &loaded.ok()?.runbook?,
            runbook,
            &Surroundings::of_the_process(),
        );
        if let Ok(places) = places {
            return monitored(run, &places.targets, &places.standbys);
        }
    }
    let targets = BTreeMap::from([(run.plan.body.journal.clone(), journal.clone())]);
    monitored(run, &targets, &Standbys::new())
}

/// The dashboard. SIGUSR1 holds, as it does on the lead.
async fn screen(wire: Wire, look: cli::Look) -> Result<(), TuiError> {
    let mut hold = signal(SignalKind::user_defined1()).map_err(TuiError::Setup)?;
    let asks = wire.asks.clone();
    let screen = tui::run(wire, Options::from_env(look.ascii));
    tokio::pin!(screen);
    loop {
        tokio::select! {
            left = &mut screen => return left.map(|_| ()),
            _ = hold.recv() => ask_to_hold(&asks).await,
        }
    }
}

/// A line for each event, until the run ends or a signal ends us.
async fn lines(wire: Wire) -> Result<(), TuiError> {
    let on = |kind| signal(kind).map_err(TuiError::Setup);
    let mut hold = on(SignalKind::user_defined1())?;
    let mut interrupt = on(SignalKind::interrupt())?;
    let mut terminate = on(SignalKind::terminate())?;
    let mut snapshots = wire.snapshots.clone();
    let lines = Lines::start(wire.snapshots).map_err(TuiError::Setup)?;
    while snapshots.borrow().run.outcome.is_none() {
        tokio::select! {
            _ = interrupt.recv() => return Ok(()),
            _ = terminate.recv() => return Ok(()),
            _ = hold.recv() => ask_to_hold(&wire.asks).await,
            changed = snapshots.changed() => changed.map_err(|_| TuiError::PublisherGone)?,
        }
    }
    lines.last().await;
    Ok(())
}

async fn ask_to_hold(asks: &mpsc::Sender<Request>) {
    let request = Request {
        id: IntentId(0),
        ask: Ask::Hold {
            reason: "SIGUSR1".to_owned(),
        },
        saw: Seq::default(),
        saw_hash: String::new(),
    };
    // A closed desk: we are leaving.
    let _ = asks.send(request).await;
}

/// Whoever leaves an attached terminal changes nothing: only how a run has
/// ended is worth a code.
fn exit(snapshot: &Arc<Snapshot>) -> Exit {
    match snapshot.run.outcome {
        Some(_) => exit_of(snapshot),
        None => Exit::Fine,
    }
}
