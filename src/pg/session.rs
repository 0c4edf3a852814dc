//! Owns one session: its client, the task that drives its connection, and what
//! the server says unasked; never decides what runs on it.

use std::future::{Future, poll_fn};
use std::time::Duration;

use jiff::Timestamp;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;
use tokio_postgres::{AsyncMessage, Client, Connection, Error};

pub use super::cancel::{Bounded, Canceller};
pub use super::open::{OpenError, open};
pub use super::purpose::Purpose;
use super::sqlstate;
use crate::run::fault::Fault;
use crate::run::fault::Trouble;

/// How many unread notices and notifications are kept; newer ones are dropped.
/// Both are hints: whoever waits for a notification polls as well.
const UNREAD: usize = 256;
/// How long the server may take for next to nothing: a goodbye, an empty statement.
const GOODBYE: Duration = Duration::from_secs(1);

/// The backend behind a session. The pid alone may be somebody else's by now;
/// pid and start together name one backend for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backend {
    /// `pg_backend_pid()`.
    pub pid: i32,
    /// `backend_start` in `pg_stat_activity`.
    pub started: Timestamp,
    /// `server_version_num`, for example 160004.
    pub server_version: u32,
}

/// What the server says unasked; its texts are clean.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// NOTICE, WARNING and the like.
    Notice(Fault),
    /// NOTIFY on a channel that the session listens to.
    Notification {
        /// The channel.
        channel: String,
        /// The payload, cleaned.
        payload: String,
        /// The backend that notified.
        pid: i32,
    },
}

/// An open session of one [`Purpose`]. Dropping it ends it: politely if it is
/// idle; in the middle of a statement its socket is closed after 1 s, and the
/// server notices by itself, unless the work was [`Canceller::guarded`].
pub struct Session {
    client: Client,
    backend: Backend,
    canceller: Canceller,
    messages: Option<mpsc::Receiver<Message>>,
    closed: watch::Receiver<Option<String>>,
    /// Its drop tells the connection's task to finish.
    _released: oneshot::Sender<()>,
}

impl Session {
    /// The client; statements of several calls are pipelined.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The client, for `transaction()`.
    pub fn client_mut(&mut self) -> &mut Client {
        &mut self.client
    }

    /// Who serves it.
    pub fn backend(&self) -> Backend {
        self.backend
    }

    /// What cancels its statements.
    pub fn canceller(&self) -> Canceller {
        self.canceller.clone()
    }

    /// [`Canceller::bounded`] for this session; after a deadline its locks are
    /// released too: the server reports the cancelling before it lets go.
    ///
    /// # Errors
    /// By what is known of the outcome.
    pub async fn bounded<T>(
        &self,
        deadline: Duration,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Bounded> {
        let result = self.canceller.bounded(deadline, work).await;
        if let Err(Bounded::Deadline { .. }) = result {
            // Answered after the one before is over, whatever the answer.
            let _ = timeout(GOODBYE, self.client.simple_query("")).await;
        }
        result
    }

    /// What [`Self::bounded`] says, as plain data; see [`Self::describe`].
    pub fn fault(&self, bounded: &Bounded) -> Fault {
        match bounded {
            Bounded::Failed(error) => self.describe(error),
            other => other.fault(),
        }
    }

    /// The notices and notifications, once; `None` the second time. At most 256
    /// wait to be read, newer ones are dropped.
    pub fn take_messages(&mut self) -> Option<mpsc::Receiver<Message>> {
        self.messages.take()
    }

    /// Why the connection is gone, in the server's words where it said any
    /// (`FATAL: terminating connection due to administrator command`); `None`
    /// while it is open.
    pub fn closed_reason(&self) -> Option<String> {
        self.closed.borrow().clone()
    }

    /// Waits until the connection is gone; the reason.
    pub async fn closed(&self) -> String {
        let mut closed = self.closed.clone();
        match closed.wait_for(Option::is_some).await {
            Ok(reason) => reason.clone().unwrap_or_default(),
            Err(_) => "the connection's task has ended".to_owned(),
        }
    }

    /// [`sqlstate::describe`], with the reason of [`Self::closed_reason`] where
    /// the error itself says only "connection closed".
    pub fn describe(&self, error: &Error) -> Fault {
        let mut fault = sqlstate::describe(error);
        if fault.sqlstate.is_none()
            && fault.trouble == Trouble::ConnectionLost
            && let Some(reason) = self.closed_reason()
        {
            fault.message = reason;
        }
        fault
    }

    /// Takes over an open connection and drives it.
    pub(super) fn start<S, T>(
        client: Client,
        connection: Connection<S, T>,
        canceller: Canceller,
    ) -> Unsettled
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (message_sender, messages) = mpsc::channel(UNREAD);
        let (closed_sender, closed) = watch::channel(None);
        let (released, release) = oneshot::channel();
        // Owned by the session through `released`.
        tokio::spawn(drive(connection, message_sender, closed_sender, release));
        Unsettled {
            client,
            canceller,
            messages,
            closed,
            released,
        }
    }
}

/// A session whose backend is not known yet.
pub(super) struct Unsettled {
    pub(super) client: Client,
    canceller: Canceller,
    messages: mpsc::Receiver<Message>,
    closed: watch::Receiver<Option<String>>,
    released: oneshot::Sender<()>,
}

impl Unsettled {
    pub(super) fn settled(self, backend: Backend) -> Session {
        Session {
            client: self.client,
            backend,
            canceller: self.canceller,
            messages: Some(self.messages),
            closed: self.closed,
            _released: self.released,
        }
    }
}

/// Drives the connection until it closes, or until its session is dropped and
/// the goodbye is sent. The reason is published before the connection is
/// dropped, so that whoever waits for an answer finds it.
async fn drive<S, T>(
    mut connection: Connection<S, T>,
    messages: mpsc::Sender<Message>,
    closed: watch::Sender<Option<String>>,
    release: oneshot::Receiver<()>,
) where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    let mut pump = async || -> String {
        loop {
            match poll_fn(|cx| connection.poll_message(cx)).await {
                Some(Ok(message)) => {
                    if let Some(message) = cleaned(message) {
                        // Full or unread: dropped, see `UNREAD`.
                        let _ = messages.try_send(message);
                    }
                }
                Some(Err(error)) => return reason(&error),
                None => return "closed by pgcutover".to_owned(),
            }
        }
    };
    let reason = tokio::select! {
        reason = pump() => reason,
        _ = release => timeout(GOODBYE, pump())
            .await
            .unwrap_or_else(|_| "closed by pgcutover in the middle of a statement".to_owned()),
    };
    closed.send_replace(Some(reason));
    drop(connection);
}

fn reason(error: &Error) -> String {
    let text = sqlstate::describe(error).message;
    match error.as_db_error() {
        Some(db) => format!("{}: {text}", crate::text::clean(db.severity())),
        None => text,
    }
}

fn cleaned(message: AsyncMessage) -> Option<Message> {
    match message {
        AsyncMessage::Notice(notice) => Some(Message::Notice(sqlstate::from_server(&notice))),
        AsyncMessage::Notification(n) => Some(Message::Notification {
            channel: crate::text::clean(n.channel()).into_owned(),
            payload: crate::text::clean(n.payload()).into_owned(),
            pid: n.process_id(),
        }),
        _ => None,
    }
}
