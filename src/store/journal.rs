//! Owns the lead's end of a run's journal: what it appends and what it reads
//! back, with its copy on this machine's disk; never decides what to append.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio_postgres::Row;
use tokio_postgres::types::Type;
use tracing::warn;

use super::intents::CHANNEL;
use super::lease::{Lease, RejoinError, TakeError, Taken, rejoin, retake};
use super::local::LocalLog;
use super::read::{ReadError, events};
use super::verify::Head;
use crate::clock;
use crate::pg::session::{Bounded, Session};
use crate::run::Outcome;
use crate::run::event::{Event, EventKind, Seq};
use crate::run::fault::{Fault, Trouble};
use crate::seam::seam;

/// Clocks that differ by more are worth a word.
const SKEW: Duration = Duration::from_secs(2);

/// How long anything on the lead's session may take; an append waits for the head, which a step's
/// transaction holds for the length of its commit.
pub const DEADLINE: Duration = Duration::from_secs(10);

/// The same for a lease that is taken anew: fenced transactions are waited for.
const RETAKING: Duration = Duration::from_secs(20);

/// A run's journal, as its lead holds it.
pub struct Journal {
    session: Session,
    lease: Lease,
    /// Locked inside blocking tasks only, never across an await.
    log: Arc<Mutex<LocalLog>>,
}

/// What a lead finds when it comes (back) to a journal.
#[derive(Debug)]
pub struct Resumed {
    /// The whole journal.
    pub events: Vec<Event>,
    /// What the local log has and the journal has not, in order: the server has
    /// lost it. Where there is any, the run has to be held, what was unsaid to
    /// be shown, and then [`Journal::accept_loss`] to be called.
    pub unsaid: Vec<Event>,
}

/// Why nothing was appended, or may not have been.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// Something was appended meanwhile: catch up and decide again.
    #[error("the journal's head has moved")]
    HeadMoved,
    /// Somebody has taken over: stop writing.
    #[error("another lead holds the lease")]
    LeaseLost,
    /// Nobody knows: reconnect, [`Journal::rejoin`], and look.
    #[error("whether it was appended is not known: {0}")]
    Unknown(Fault),
    /// Nothing was appended; the fault's trouble tells whether later helps.
    #[error("nothing was appended: {0}")]
    Refused(Fault),
}

/// Why a lead cannot come back.
#[derive(Debug, thiserror::Error)]
pub enum ResumeError {
    /// The lease does not hold here.
    #[error(transparent)]
    Lease(#[from] RejoinError),
    /// The journal cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The local log cannot be read.
    #[error("the local log cannot be read: {0}")]
    Log(std::io::Error),
}

/// Why a lead cannot lead on another server.
#[derive(Debug, thiserror::Error)]
pub enum RetakeError {
    /// The lease is somebody else's there, or cannot be had now.
    #[error(transparent)]
    Take(#[from] TakeError),
    /// The journal there cannot be read.
    #[error(transparent)]
    Resume(#[from] ResumeError),
}

impl Journal {
    /// Opens the journal for a lead that has just taken its lease, reads it,
    /// brings the local log up to it, and listens for requests.
    ///
    /// # Errors
    /// [`ResumeError`].
    pub async fn open(
        session: Session,
        lease: Lease,
        log: LocalLog,
    ) -> Result<(Self, Resumed), ResumeError> {
        let journal = Self {
            session,
            lease,
            log: Arc::new(Mutex::new(log)),
        };
        let resumed = journal.resume().await?;
        Ok((journal, resumed))
    }

    /// Goes on with a new session after the former one was lost. The former
    /// one is dropped in any case.
    ///
    /// # Errors
    /// [`ResumeError`], by what to do next.
    pub async fn rejoin(&mut self, session: Session) -> Result<Resumed, ResumeError> {
        self.session = session;
        let canceller = self.session.canceller();
        let rejoined = rejoin(&self.session, &self.lease);
        canceller.within(DEADLINE, rejoined).await?;
        self.resume().await
    }

    /// Takes the lease anew, on the server that the session is on now, and reads
    /// what journal it has; with why it is not the one that gave the lease.
    ///
    /// # Errors
    /// [`RetakeError`], by what to do next.
    pub async fn retake(&mut self) -> Result<(Resumed, Option<String>), RetakeError> {
        let canceller = self.session.canceller();
        let taken = retake(&mut self.session, &self.lease);
        let Taken { lease, moved } = canceller.within(RETAKING, taken).await?;
        self.lease = lease;
        Ok((self.resume().await?, moved))
    }

    async fn resume(&self) -> Result<Resumed, ResumeError> {
        let read = async {
            set_clock(&self.session).await?;
            let listen = format!("LISTEN {CHANNEL}");
            let listening = self.session.client().batch_execute(&listen).await;
            listening.map_err(|error| self.session.describe(&error))?;
            events(&self.session, &self.lease.run, &Head::default()).await
        };
        let canceller = self.session.canceller();
        let journal = canceller.within(DEADLINE, read).await?;
        let resume = |log: &mut LocalLog, journal: &[Event]| log.resume(journal);
        let (events, unsaid) = self.in_log(journal, resume).await;
        let unsaid = unsaid.map_err(ResumeError::Log)?;
        Ok(Resumed { events, unsaid })
    }

    /// The session that it writes on. LISTENs to [`CHANNEL`].
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// The same, to take its messages.
    pub fn session_mut(&mut self) -> &mut Session {
        &mut self.session
    }

    /// What it writes with.
    pub fn lease(&self) -> &Lease {
        &self.lease
    }

    /// Appends the events, all or none, where the head is at `expected`; one
    /// round trip and one fsync of the local log. `ended` says that with them
    /// the run is over, which makes room for another one of its cutover.
    ///
    /// Not to be dropped: the outcome would be unknown.
    ///
    /// # Errors
    /// [`AppendError`], by what to do next.
    pub async fn append(
        &self,
        expected: Seq,
        kinds: &[EventKind],
        ended: Option<Outcome>,
    ) -> Result<Vec<Event>, AppendError> {
        seam("append-before-commit");
        let (tags, bodies) = encode(kinds);
        let ended = ended.map(outcome_word);
        let params: [(&(dyn tokio_postgres::types::ToSql + Sync), Type); 6] = [
            (&self.lease.run.0, Type::TEXT),
            (&self.lease.token, Type::TEXT),
            (&expected.0, Type::INT8),
            (&tags, Type::TEXT_ARRAY),
            (&bodies, Type::TEXT_ARRAY),
            (&ended, Type::TEXT),
        ];
        let client = self.session.client();
        let work = client.query_typed(include_str!("sql/append.sql"), &params);
        let rows = self.session.bounded(DEADLINE, work).await;
        let rows = rows.map_err(|error| self.append_error(&error))?;
        seam("append-after-commit");
        let appended = rows.iter().zip(kinds).map(|(row, kind)| event(row, kind));
        Ok(self.logged(appended.collect()).await)
    }

    /// The events after `from` that others have appended: steps, with their
    /// transactions.
    ///
    /// # Errors
    /// [`ReadError`]; broken where the server has lost events.
    pub async fn catch_up(&self, from: &Head) -> Result<Vec<Event>, ReadError> {
        let read = events(&self.session, &self.lease.run, from);
        let events = self.session.canceller().within(DEADLINE, read).await?;
        Ok(self.logged(events).await)
    }

    /// Takes the journal as it is now for the truth. The log of what was unsaid
    /// is kept beside the new one.
    pub async fn accept_loss(&self) {
        self.in_log((), |log, ()| log.accept_loss()).await;
    }

    /// Why the local log is behind, if it is: the journal goes on without it,
    /// and every append tries to bring it up to date.
    pub fn log_trouble(&self) -> Option<String> {
        let log = self.log.lock().expect("nothing panics under this lock");
        log.trouble().map(str::to_owned)
    }

    async fn logged(&self, events: Vec<Event>) -> Vec<Event> {
        let write = |log: &mut LocalLog, events: &[Event]| log.write(events);
        self.in_log(events, write).await.0
    }

    /// Runs `work` on the log where blocking is allowed, and gives `with` back.
    async fn in_log<W, B, T>(&self, with: W, work: fn(&mut LocalLog, &B) -> T) -> (W, T)
    where
        W: std::borrow::Borrow<B> + Send + 'static,
        B: ?Sized + 'static,
        T: Send + 'static,
    {
        let log = Arc::clone(&self.log);
        let task = tokio::task::spawn_blocking(move || {
            let mut log = log.lock().expect("nothing panics under this lock");
            let result = work(&mut log, with.borrow());
            (with, result)
        });
        task.await.expect("writing the log does not panic")
    }

    fn append_error(&self, error: &Bounded) -> AppendError {
        let fault = self.session.fault(error);
        match fault.trouble {
            Trouble::HeadMoved => AppendError::HeadMoved,
            Trouble::LeaseLost => AppendError::LeaseLost,
            Trouble::ConnectionLost => AppendError::Unknown(fault),
            _ => AppendError::Refused(fault),
        }
    }
}

/// The columns kind and body of events. The body is the whole event, its tag
/// included, so that it can be read by itself.
pub(super) fn encode(kinds: &[EventKind]) -> (Vec<&'static str>, Vec<String>) {
    let json = |kind| serde_json::to_string(kind).expect("an event is plain data");
    (
        kinds.iter().map(EventKind::tag).collect(),
        kinds.iter().map(json).collect(),
    )
}

/// The column `run.ended`.
fn outcome_word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Finished => "finished",
        Outcome::RolledBack => "rolled_back",
    }
}

fn event(row: &Row, kind: &EventKind) -> Event {
    Event {
        seq: Seq(row.get("seq")),
        at: row.get("at"),
        kind: kind.clone(),
        hash: row.get("hash"),
    }
}

/// Takes the time from the server that stamps the journal.
///
/// # Errors
/// The server's.
pub async fn set_clock(session: &Session) -> Result<(), Fault> {
    let asked = Instant::now();
    let row = session
        .client()
        .query_one("SELECT clock_timestamp()", &[])
        .await;
    let row = row.map_err(|error| session.describe(&error))?;
    let ahead = clock::set(row.get(0), asked.elapsed());
    if ahead.unsigned_abs() > SKEW {
        warn!("the server's clock is {ahead:#} from this machine's; times are the server's");
    }
    Ok(())
}
