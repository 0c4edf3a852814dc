//! Follows a run: the journal's new events and the lead's newest picture, once a
//! second, on a read-only session.
//!
//! Owns that session and the fold; the words of a snapshot are the engine's. The
//! journal is polled, not listened to: a NOTIFY in every append would take a
//! lock of the whole server inside the transaction of a step's DDL, and a
//! standby cannot listen at all. An answer to a request is not waited out: it
//! makes us look at once.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use color_eyre::eyre::{Report, eyre};
use jiff::Timestamp;
use tokio::sync::{mpsc, watch};
use tokio::time::{MissedTickBehavior, interval};
use tracing::{debug, warn};

use super::super::broadcast::TOOL;
use super::super::remote::Seen;
use crate::clock;
use crate::driver::publish::blank;
use crate::engine::memory::Memory;
use crate::engine::message::{IntentId, Reply};
use crate::engine::posture::{self, Standing};
use crate::engine::snapshot::{Link, Picture, Snapshot, State, Terminal, remember};
use crate::pg::connect::Target;
use crate::pg::session::{Purpose, Session, open};
use crate::reading::server::Readings;
use crate::report::status::Status;
use crate::run::Run;
use crate::run::event::Event;
use crate::run::evolve::{evolve, fold};
use crate::run::fault::Fault;
use crate::store::journal::set_clock;
use crate::store::read::{self, ReadError};
use crate::store::status::{self, Watched};
use crate::store::verify::Head;

/// Time between two looks.
const EVERY: Duration = Duration::from_secs(1);
/// How long a look may take before the session is given up.
const DEADLINE: Duration = Duration::from_secs(5);
/// How long the lead's picture may be behind an event.
const LATE: Duration = Duration::from_secs(3);
/// Answers kept for the screen.
const REPLIES: usize = 20;

/// A terminal that follows a run.
pub(super) struct Follower {
    target: Target,
    session: Option<Session>,
    user: String,
    terminal: Terminal,
    run: Arc<Run>,
    events: Arc<Vec<Event>>,
    heard: Heard,
    link: Link,
    readings: watch::Receiver<Readings>,
    replies: VecDeque<(IntentId, Reply)>,
    publisher: watch::Sender<Arc<Snapshot>>,
}

/// What was heard of the lead.
struct Heard {
    led: bool,
    picture: Arc<Picture>,
    /// Its words alone, where it is of another version.
    words: Option<Words>,
}

/// A lead of another version: its picture cannot be read, its status can.
struct Words {
    state: Option<State>,
    verdict: String,
}

impl Follower {
    /// Begins with what has been seen, and looks once more.
    ///
    /// # Errors
    /// The server's, or a journal that cannot be followed.
    pub(super) async fn begin(
        target: Target,
        seen: Seen,
        terminal: Terminal,
        readings: Option<watch::Receiver<Readings>>,
    ) -> color_eyre::Result<Self> {
        let user = user(&seen.session).await?;
        set_clock(&seen.session).await?;
        let run = Arc::new(seen.run);
        let mut events = Vec::new();
        for event in seen.events {
            remember(&mut events, event);
        }
        let events = Arc::new(events);
        let first = blank(Arc::clone(&run), Arc::clone(&events), user.clone());
        let heard = Heard {
            led: true,
            picture: Arc::clone(&first.picture),
            words: None,
        };
        let mut follower = Self {
            target,
            session: Some(seen.session),
            user,
            terminal,
            run,
            events,
            heard,
            link: Link::Up,
            readings: readings.unwrap_or_else(|| watch::channel(Readings::default()).1),
            replies: VecDeque::new(),
            publisher: watch::channel(Arc::new(first)).0,
        };
        follower.look().await?;
        follower.publish();
        Ok(follower)
    }

    /// The newest snapshot, and every one after it.
    pub(super) fn snapshots(&self) -> watch::Receiver<Arc<Snapshot>> {
        self.publisher.subscribe()
    }

    /// Follows until dropped, or until the journal cannot be followed: why not.
    pub(super) async fn follow(mut self, mut replies: mpsc::Receiver<(IntentId, Reply)>) -> Report {
        let mut ticks = interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let looked = tokio::select! {
                _ = ticks.tick() => self.look().await,
                Some(reply) = replies.recv() => {
                    self.answered(reply);
                    self.look().await
                }
                Ok(()) = self.readings.changed() => Ok(()),
            };
            if let Err(why) = looked {
                return why;
            }
            self.publish();
        }
    }

    fn answered(&mut self, reply: (IntentId, Reply)) {
        self.replies.push_back(reply);
        if self.replies.len() > REPLIES {
            self.replies.pop_front();
        }
    }

    /// Reads what is new. A server that is away is waited for.
    async fn look(&mut self) -> color_eyre::Result<()> {
        match self.read().await {
            Ok((events, Some(watched))) if events.is_empty() && self.is_ahead(&watched) => {
                warn!("the server has lost events: the journal is read from its beginning");
                self.begin_again().await
            }
            Ok((events, watched)) => {
                self.fold(events)?;
                self.heard = hear(watched);
                self.link = Link::Up;
                Ok(())
            }
            Err(ReadError::Fault(fault)) => {
                self.lost(fault);
                Ok(())
            }
            // After a failover to a standby that had less: what is there now counts.
            Err(ReadError::Broken(why)) => {
                warn!("{why}; it is read again from its beginning");
                self.begin_again().await
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Whether we have events that the lead has not, and long since: it leads on a
    /// server that has lost them, and has not yet come to their numbers again.
    fn is_ahead(&self, watched: &Watched) -> bool {
        let Some((said, age)) = &watched.said else {
            return false;
        };
        let head = said.status.get("head").and_then(serde_json::Value::as_i64);
        let behind = head.is_some_and(|head| head < self.run.head.0);
        behind && clock::now() - *age > self.run.last_at + LATE
    }

    async fn read(&mut self) -> Result<(Vec<Event>, Option<Watched>), ReadError> {
        let session = match &self.session {
            Some(session) => session,
            None => {
                let opened = open(&self.target, Purpose::Observer).await;
                let opened = opened.map_err(|error| error.fault())?;
                let set = set_clock(&opened);
                opened.canceller().within(DEADLINE, set).await?;
                self.session.insert(opened)
            }
        };
        let head = Head {
            seq: self.run.head,
            hash: self.run.head_hash.clone(),
        };
        let run = &self.run.id;
        let looked = async {
            let watched = status::watch(session, run).await?;
            // After the picture: the fold is never behind what the picture is of.
            let events = read::events(session, run, &head).await?;
            Ok((events, watched))
        };
        session.canceller().within(DEADLINE, looked).await
    }

    async fn begin_again(&mut self) -> color_eyre::Result<()> {
        let Some(session) = &self.session else {
            return Ok(());
        };
        let start = Head::default();
        let all = read::events(session, &self.run.id, &start);
        let all = session.canceller().within(DEADLINE, all).await?;
        let run = fold(&all)?.ok_or_else(|| eyre!("the journal is empty"))?;
        self.run = Arc::new(run);
        self.events = Arc::default();
        for event in all {
            remember(Arc::make_mut(&mut self.events), event);
        }
        Ok(())
    }

    fn fold(&mut self, events: Vec<Event>) -> color_eyre::Result<()> {
        for event in events {
            evolve(Arc::make_mut(&mut self.run), &event)?;
            remember(Arc::make_mut(&mut self.events), event);
        }
        Ok(())
    }

    fn lost(&mut self, fault: Fault) {
        debug!("not followed: {fault}");
        self.session = None;
        let since = match &self.link {
            Link::Down { since, .. } => *since,
            Link::Up => clock::now(),
        };
        let error = fault.message;
        self.link = Link::Down { since, error };
    }

    fn publish(&self) {
        let run = Arc::clone(&self.run);
        let mut snapshot = blank(run, Arc::clone(&self.events), self.user.clone());
        snapshot.picture = Arc::clone(&self.heard.picture);
        snapshot.terminal = self.terminal;
        snapshot.readings = self.readings.borrow().clone();
        snapshot.replies = self.replies.iter().cloned().collect();
        let standing = Standing {
            link: self.link.clone(),
            led: self.heard.led,
            latched: self.heard.picture.memory.latched,
        };
        posture::describe(&mut snapshot, &standing);
        if let (Some(words), true, Link::Up) = (&self.heard.words, self.heard.led, &self.link) {
            snapshot.state = words.state.unwrap_or(snapshot.state);
            snapshot.verdict.clone_from(&words.verdict);
        }
        self.publisher.send_replace(Arc::new(snapshot));
    }
}

/// What is known of a lead by what it last said.
fn hear(watched: Option<Watched>) -> Heard {
    let now = clock::now();
    let led = watched.as_ref().is_some_and(Watched::is_led);
    let Some((said, age)) = watched.and_then(|watched| watched.said) else {
        return Heard {
            led,
            picture: nothing(now),
            words: None,
        };
    };
    let made = now - age;
    let picture = (said.tool == TOOL).then(|| serde_json::from_value::<Picture>(said.picture));
    match picture {
        Some(Ok(mut picture)) => {
            // Whatever it was, nobody performs it any more.
            if !led {
                picture.memory.flights.clear();
            }
            Heard {
                led,
                picture: Arc::new(picture),
                words: None,
            }
        }
        unread => {
            let why = unread.map_or(String::new(), |unread| format!("{:?}", unread.err()));
            debug!("the picture of pgcutover {} is not read: {why}", said.tool);
            Heard {
                led,
                picture: nothing(made),
                words: Some(words(said.status, &said.tool)),
            }
        }
    }
}

fn nothing(at: Timestamp) -> Arc<Picture> {
    let memory = Memory::default();
    Arc::new(Picture { at, memory })
}

/// What a lead of another version says in the words that every version knows.
fn words(status: serde_json::Value, tool: &str) -> Words {
    let status = serde_json::from_value::<Status>(status).ok();
    let verdict = status.as_ref().map_or("", |status| &status.verdict);
    Words {
        state: status.as_ref().and_then(|status| state(&status.state)),
        verdict: format!(
            "{verdict} The lead runs pgcutover {tool}: no gates, guards or pace here."
        ),
    }
}

/// The state of these words; its serialised name is the same words.
fn state(words: &str) -> Option<State> {
    let name = words.to_lowercase().replace(' ', "_");
    serde_json::from_value(name.into()).ok()
}

async fn user(session: &Session) -> Result<String, Fault> {
    let row = session.client().query_one("SELECT session_user::text", &[]);
    let row = row.await.map_err(|error| session.describe(&error))?;
    Ok(crate::text::clean(row.get(0)).into_owned())
}
