//! The journal's link: up, or down since then and tried again.
//!
//! Owns the lead's session on the journal. When it is lost, another one is
//! opened with back-off, the lease is rejoined and the journal is read again:
//! whether an append went through is never guessed.

use std::time::Duration;

use jiff::Timestamp;
use tokio::task::JoinHandle;
use tokio::time::sleep;
use tracing::{info, warn};

use crate::clock;
use crate::engine::snapshot;
use crate::pg::connect::Target;
use crate::pg::session::{Message, OpenError, Purpose, Session, open};
use crate::reading::elapsed;
use crate::run::Run;
use crate::run::event::Event;
use crate::run::fault::{Fault, Trouble};
use crate::store::journal::{Journal, ResumeError, Resumed, RetakeError};
use crate::store::lease::{RejoinError, TakeError};
use crate::store::read::ReadError;
use crate::store::verify::Head;

/// First pause between two attempts; doubled each time.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// Longest pause between two attempts.
const LAST_PAUSE: Duration = Duration::from_secs(5);

/// The journal and how it can be reached.
pub struct Link {
    target: Target,
    journal: Journal,
    notices: Option<tokio::sync::mpsc::Receiver<Message>>,
    down: Option<Down>,
}

struct Down {
    since: Timestamp,
    error: String,
    pause: Duration,
    /// The attempt that is under way. A task of its own, so that whatever else
    /// comes in does not begin it anew.
    opening: Option<Opening>,
}

type Opening = JoinHandle<Result<Session, OpenError>>;

/// For how long the link was away, and why.
#[derive(Debug)]
pub struct Outage {
    /// For how long.
    pub took: Duration,
    /// The newest error.
    pub error: String,
}

/// What happened to the link while nothing else did.
pub enum Change {
    /// Somebody has put a request there.
    Requested,
    /// It is gone.
    Lost,
    /// A server answers: [`Link::rejoin`] with this session.
    Opened(Box<Session>),
}

/// Why a lead's link does not come back.
#[derive(Debug)]
pub enum LinkError {
    /// Another lead has taken over.
    LeaseLost,
    /// The server is not the one that gave the lease, for this reason:
    /// [`Link::retake`].
    Moved(String),
    /// The journal says something else than before.
    Broken(String),
}

impl Link {
    /// A link that is up.
    pub fn new(target: Target, mut journal: Journal) -> Self {
        let notices = journal.session_mut().take_messages();
        Self {
            target,
            journal,
            notices,
            down: None,
        }
    }

    /// The journal; its session may be gone.
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// Where it is tried.
    pub fn target(&self) -> Target {
        self.target.clone()
    }

    /// Whether it answers.
    pub fn is_up(&self) -> bool {
        self.down.is_none()
    }

    /// For the screen.
    pub fn standing(&self) -> snapshot::Link {
        match &self.down {
            None => snapshot::Link::Up,
            Some(down) => snapshot::Link::Down {
                since: down.since,
                error: down.error.clone(),
            },
        }
    }

    /// Notes that it is gone.
    pub fn lost(&mut self, error: &str) {
        if self.down.is_none() {
            warn!("the journal's link is lost: {error}");
            self.down = Some(Down {
                since: clock::now(),
                error: error.to_owned(),
                pause: FIRST_PAUSE,
                opening: None,
            });
        }
    }

    /// Waits for a request, for the loss of the link, or for a server that
    /// answers again. Safe to be dropped and called again.
    pub async fn change(&mut self) -> Change {
        let Some(down) = &mut self.down else {
            return self.listen().await;
        };
        let opening = down.opening.get_or_insert_with(|| {
            let (target, pause) = (self.target.clone(), down.pause);
            tokio::spawn(async move {
                sleep(pause).await;
                open(&target, Purpose::Lead).await
            })
        });
        let opened = opening.await;
        down.opening = None;
        down.pause = (down.pause * 2).min(LAST_PAUSE);
        match opened {
            Ok(Ok(session)) => return Change::Opened(Box::new(session)),
            // What passes by itself needs no hint on the screen.
            Ok(Err(error)) if error.is_transient() => down.error = error.message(),
            Ok(Err(error)) => down.error = error.to_string(),
            Err(panicked) => down.error = panicked.to_string(),
        }
        Change::Lost
    }

    async fn listen(&mut self) -> Change {
        let closed = self.journal.session().closed();
        let Some(notices) = &mut self.notices else {
            let reason = closed.await;
            self.lost(&reason);
            return Change::Lost;
        };
        tokio::select! {
            reason = closed => {
                self.lost(&reason);
                Change::Lost
            }
            notice = notices.recv() => match notice {
                Some(_) => Change::Requested,
                None => {
                    self.lost("the connection was closed");
                    Change::Lost
                }
            },
        }
    }

    /// Goes on with a session that answers; the journal as it is there. The link
    /// counts as down until [`Link::up`]. Not to be dropped midway.
    ///
    /// # Errors
    /// Why this lead is none any more, or not there. `Ok(None)`: not this time.
    pub async fn rejoin(&mut self, session: Session) -> Result<Option<Resumed>, LinkError> {
        let rejoined = self.journal.rejoin(session).await;
        self.notices = self.journal.session_mut().take_messages();
        self.attempted(rejoined)
    }

    /// Takes the lease anew on the server of the newest session, after
    /// [`LinkError::Moved`]; the journal there, and why it is another server.
    ///
    /// # Errors
    /// As [`Link::rejoin`].
    pub async fn retake(&mut self) -> Result<Option<(Resumed, Option<String>)>, LinkError> {
        let retaken = self.journal.retake().await;
        self.attempted(retaken)
    }

    fn attempted<T, E>(&mut self, result: Result<T, E>) -> Result<Option<T>, LinkError>
    where
        Attempt: From<E>,
    {
        match result.map_err(Attempt::from) {
            Ok(found) => Ok(Some(found)),
            Err(Attempt::Again(error)) => {
                self.failed(error);
                Ok(None)
            }
            Err(Attempt::Never(error)) => Err(error),
        }
    }

    /// Notes why it is still down.
    pub fn failed(&mut self, error: String) {
        if let Some(down) = &mut self.down {
            down.error = error;
        }
    }

    /// From here on it is up.
    pub fn up(&mut self) -> Option<Outage> {
        let down = self.down.take()?;
        let took = elapsed(down.since, clock::now());
        info!("the journal's link is back after {took:?}");
        let error = down.error;
        Some(Outage { took, error })
    }

    /// Events that others have appended since the run's head.
    ///
    /// # Errors
    /// By what comes next: the link is lost, or the journal cannot be followed.
    pub async fn catch_up(&mut self, run: &Run) -> Result<Vec<Event>, CatchUp> {
        let head = Head {
            seq: run.head,
            hash: run.head_hash.clone(),
        };
        match self.journal.catch_up(&head).await {
            Ok(events) => Ok(events),
            Err(ReadError::Fault(fault)) => {
                self.lost(&fault.message);
                Err(CatchUp::Lost(fault))
            }
            Err(error) => Err(CatchUp::Broken(error.to_string())),
        }
    }
}

/// Why the journal was not read.
#[derive(Debug)]
pub enum CatchUp {
    /// The link is lost; it will be tried again.
    Lost(Fault),
    /// A person has to look.
    Broken(String),
}

/// What follows from a failed attempt to come back.
enum Attempt {
    Again(String),
    Never(LinkError),
}

impl From<ResumeError> for Attempt {
    fn from(error: ResumeError) -> Self {
        match error {
            ResumeError::Lease(RejoinError::Lost) => Self::Never(LinkError::LeaseLost),
            ResumeError::Lease(RejoinError::Moved(why)) => Self::Never(LinkError::Moved(why)),
            ResumeError::Lease(RejoinError::NoRun(_))
            | ResumeError::Read(ReadError::Broken(_) | ReadError::Unreadable { .. }) => {
                Self::Never(LinkError::Broken(error.to_string()))
            }
            ResumeError::Lease(RejoinError::Fault(ref fault))
            | ResumeError::Read(ReadError::Fault(ref fault))
                if fault.trouble == Trouble::LeaseLost =>
            {
                Self::Never(LinkError::LeaseLost)
            }
            error => Self::Again(error.to_string()),
        }
    }
}

impl From<RetakeError> for Attempt {
    fn from(error: RetakeError) -> Self {
        match error {
            RetakeError::Take(TakeError::Busy(_)) => Self::Never(LinkError::LeaseLost),
            RetakeError::Take(TakeError::NoRun(_)) => {
                Self::Never(LinkError::Broken(error.to_string()))
            }
            RetakeError::Take(error) => Self::Again(error.to_string()),
            RetakeError::Resume(error) => error.into(),
        }
    }
}
