//! Owns the cancelling of statements on the server; never ends a session.
//!
//! Dropping a future of `tokio_postgres` abandons its answer, not the
//! statement, which goes on and holds its locks. Here a statement that passed
//! its deadline, or whose caller is gone, is cancelled on the server too.

use std::future::Future;
use std::pin::{Pin, pin};
use std::time::Duration;

use tokio::time::{sleep, timeout};
use tokio_postgres::error::SqlState;
use tokio_postgres::{CancelToken, Error};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::sqlstate;
use crate::run::fault::{Fault, Trouble};

/// How long a statement may take to end after its first cancel request. Most
/// end within milliseconds; one in an uninterruptible wait does not.
const GRACE: Duration = Duration::from_secs(3);
/// After this long the request is sent again: one that arrives between two
/// statements of the same work is ignored by the server.
const RESEND: Duration = Duration::from_millis(250);
/// How long the session is left idle where a request may still be on its way.
/// An idle backend ignores it; the next statement would fail with it.
const STRAY: Duration = Duration::from_millis(100);
/// How long one request may take to be delivered.
const DELIVERY: Duration = Duration::from_secs(5);

/// Cancels whatever one session runs, over a connection of its own with the
/// same address and TLS. Clones are cheap and outlive the session.
#[derive(Clone)]
pub struct Canceller {
    token: CancelToken,
    tls: MakeRustlsConnect,
}

/// How bounded work failed, by what is known of its outcome.
#[derive(Debug, thiserror::Error)]
pub enum Bounded {
    /// It failed by itself, in time or just then.
    #[error(transparent)]
    Failed(#[from] Error),
    /// The deadline passed, and the statement has ended without effect. A
    /// transaction block it was part of is still to be rolled back.
    #[error("cancelled at its deadline of {deadline:?}")]
    Deadline {
        /// What was allowed.
        deadline: Duration,
    },
    /// The deadline passed, and the statement did not end when it was told to:
    /// its outcome is unknown, and the session is of no more use.
    #[error("no answer {GRACE:?} after it was cancelled at its deadline of {deadline:?}")]
    Unresponsive {
        /// What was allowed.
        deadline: Duration,
    },
}

impl Bounded {
    /// The same as plain data.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Failed(error) => sqlstate::describe(error),
            Self::Deadline { .. } => Fault::new(Trouble::Deadline, self.to_string()),
            Self::Unresponsive { .. } => Fault::new(Trouble::ConnectionLost, self.to_string()),
        }
    }
}

impl Canceller {
    pub(super) fn new(token: CancelToken, tls: MakeRustlsConnect) -> Self {
        Self { token, tls }
    }

    /// Asks the server to cancel what the session runs now, if anything. The
    /// server never says whether it did.
    ///
    /// # Errors
    /// Only that the request could not be delivered within 5 s.
    pub async fn cancel(&self) -> Result<(), Fault> {
        match timeout(DELIVERY, self.token.cancel_query(self.tls.clone())).await {
            Ok(sent) => sent.map_err(|error| sqlstate::describe(&error)),
            Err(_) => Err(Fault::new(
                Trouble::Unavailable,
                format!("cancel request not delivered within {DELIVERY:?}"),
            )),
        }
    }

    /// Runs `work` on the session, and cancels it on the server if this future
    /// is dropped before it ends.
    ///
    /// The drop spawns the request, so it needs a runtime that lives on; where
    /// the process itself ends, `client_connection_check_interval` (servers
    /// from 14 on) is what ends the statement. A session kept after such a drop
    /// may see its next statement cancelled instead: close it.
    pub async fn guarded<T>(&self, work: impl Future<Output = T>) -> T {
        let mut guard = CancelOnDrop {
            canceller: Some(self),
        };
        let result = work.await;
        guard.canceller = None;
        result
    }

    /// [`Self::guarded`], and at the deadline cancels the work and waits, up to
    /// 3 s more, until it has really ended. Work that turns out to have
    /// succeeded is a success, however late.
    ///
    /// # Errors
    /// By what is known of the outcome; see [`Bounded`].
    pub async fn bounded<T>(
        &self,
        deadline: Duration,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Bounded> {
        self.guarded(async {
            let mut work = pin!(work);
            match timeout(deadline, &mut work).await {
                Ok(result) => Ok(result?),
                Err(_) => self.enforce(deadline, work).await,
            }
        })
        .await
    }

    /// Work of any number of statements on the session, with a limit of time for
    /// all of it: waits for no answer that TCP alone would end.
    ///
    /// # Errors
    /// The work's own; `ConnectionLost` after the deadline: what was under way is
    /// cancelled, its outcome is unknown, and the session is of no more use.
    pub async fn within<T, E: From<Fault>>(
        &self,
        deadline: Duration,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        match timeout(deadline, self.guarded(work)).await {
            Ok(result) => result,
            Err(_) => Err(E::from(Fault::new(
                Trouble::ConnectionLost,
                format!("no answer within {deadline:?}"),
            ))),
        }
    }

    /// Cancels `work` on the server, again and again, until it has really ended:
    /// its result, or `None` where it did not end within 3 s. The session is
    /// free for its next statement then: no request is still on its way.
    pub async fn insist<R>(&self, mut work: Pin<&mut impl Future<Output = R>>) -> Option<R> {
        let insist = async {
            loop {
                // Undelivered is as good as lost: the next round sends another.
                let _ = self.cancel().await;
                if let Ok(result) = timeout(RESEND, &mut work).await {
                    return result;
                }
            }
        };
        let result = timeout(GRACE, insist).await.ok()?;
        sleep(STRAY).await;
        Some(result)
    }

    async fn enforce<T>(
        &self,
        deadline: Duration,
        work: Pin<&mut impl Future<Output = Result<T, Error>>>,
    ) -> Result<T, Bounded> {
        match self.insist(work).await {
            None => Err(Bounded::Unresponsive { deadline }),
            Some(Err(error)) if error.code() == Some(&SqlState::QUERY_CANCELED) => {
                Err(Bounded::Deadline { deadline })
            }
            Some(result) => Ok(result?),
        }
    }
}

struct CancelOnDrop<'a> {
    canceller: Option<&'a Canceller>,
}

impl Drop for CancelOnDrop<'_> {
    fn drop(&mut self) {
        let Some(canceller) = self.canceller.take() else {
            return;
        };
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let canceller = canceller.clone();
            // Owned by nobody on purpose: it ends by itself within `DELIVERY`.
            runtime.spawn(async move { canceller.cancel().await });
        }
    }
}
