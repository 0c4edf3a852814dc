//! What went wrong, as plain data that a journal can keep.
//!
//! Owns the classification by *what the caller does next*; never looks at a
//! driver's error type (that is `pg::sqlstate`, which makes these).

use serde::{Deserialize, Serialize};

/// A failure of a step, a chunk or a probe. Its texts are stripped of control
/// characters and bounded before they get here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Fault {
    /// What to do about it.
    pub trouble: Trouble,
    /// The server's five characters, where the server said it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sqlstate: Option<String>,
    /// The primary message, or the exit code and last output line of a command.
    pub message: String,
    /// The server's detail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The way out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// The statement that failed, shortened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statement: Option<String>,
}

impl Fault {
    /// A fault without a server's error behind it.
    pub fn new(trouble: Trouble, message: impl Into<String>) -> Self {
        Self {
            trouble,
            sqlstate: None,
            message: message.into(),
            detail: None,
            hint: None,
            statement: None,
        }
    }

    /// Adds the way out.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// Why it failed, by what to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trouble {
    /// `lock_timeout` (55P03): retried, bounded.
    LockTimeout,
    /// Our client-side deadline passed and the statement was cancelled: retried, bounded.
    Deadline,
    /// More sessions than allowed queued behind our waiting request; it was
    /// given up: retried, bounded.
    TooManyWaiters,
    /// 40P01: retried.
    Deadlock,
    /// 40001: retried.
    Serialization,
    /// 57014: a statement timeout, or someone cancelled it.
    Cancelled,
    /// A hold ended it at a safe point; not a failure of the step.
    Interrupted,
    /// The session is gone; whether a commit went through is not known.
    ConnectionLost,
    /// 57P03, 53300, connection refused: the server cannot be reached for now.
    Unavailable,
    /// 25006: the server has become a standby, or is read-only.
    ReadOnly,
    /// 53100, 53200: out of disk or memory.
    Resources,
    /// 42501.
    Privilege,
    /// Class 22 or 23: this row's data; the backfill isolates it.
    Row,
    /// 42P01, 42703 and kin: the schema is not what the plan saw.
    Changed,
    /// Our own PGC01: another lead holds the lease. Stop writing.
    LeaseLost,
    /// Our own PGC02: the journal's head has moved. Catch up and decide again.
    HeadMoved,
    /// `expect` was not met, a command failed, or a wait ran out.
    Unexpected,
    /// Anything else.
    Other,
}

impl Trouble {
    /// Whether trying the same again, later, can help without a person.
    pub fn is_transient(self) -> bool {
        matches!(
            self,
            Self::LockTimeout
                | Self::Deadline
                | Self::TooManyWaiters
                | Self::Deadlock
                | Self::Serialization
                | Self::ConnectionLost
                | Self::Unavailable
        )
    }
}
