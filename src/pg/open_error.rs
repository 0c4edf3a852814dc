//! Owns why there is no session; never opens one.

use std::time::Duration;

use super::connect::{Candidate, handshake};
use super::sqlstate::{chain, describe};
use crate::run::fault::{Fault, Trouble};
use crate::text::clean_bounded;

/// Why there is no session, by what the caller does next. `place` is
/// `user@host:port/database`; no variant ever holds a password.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Nobody answers there: try again later.
    #[error("`{place}`: {reason}")]
    Unreachable {
        /// Where.
        place: String,
        /// What the system said.
        reason: String,
    },
    /// Somebody listens and says nothing: try again later.
    #[error("`{place}`: no session within {after:?}")]
    TimedOut {
        /// Where.
        place: String,
        /// What was allowed.
        after: Duration,
    },
    /// 57P03: starting up, shutting down or recovering; try again soon.
    #[error("`{place}`: {}", .fault.message)]
    StartingUp {
        /// Where.
        place: String,
        /// The server's words.
        fault: Box<Fault>,
    },
    /// 53300: no slot left; try again later.
    #[error("`{place}`: {}", .fault.message)]
    TooManyConnections {
        /// Where.
        place: String,
        /// The server's words.
        fault: Box<Fault>,
    },
    /// The server does not take who we say we are: a person mends it.
    #[error("`{place}`: {}{}", .fault.message, hint(.fault))]
    Authentication {
        /// Where.
        place: String,
        /// The server's words; its hint says where the password came from.
        fault: Box<Fault>,
    },
    /// No encryption, or not with whom we expect: a person mends it.
    #[error("`{place}`: TLS: {reason}")]
    Tls {
        /// Where.
        place: String,
        /// What does not fit, and a hint.
        reason: String,
    },
    /// Not what `target_session_attrs` asks for: another host, or later.
    #[error("`{place}`: session is not {wanted}")]
    Unsuitable {
        /// Where.
        place: String,
        /// The value of `target_session_attrs`.
        wanted: &'static str,
    },
    /// A pooler that gives each transaction another backend: a person names
    /// another address.
    #[error(
        "`{place}` is a pooler in transaction mode: between two transactions it gives our \
         backend to others, and with it the lead's lock, its settings and what a cancel hits\n\
         hint: name the server itself, or a pool in session mode"
    )]
    Pooled {
        /// Where.
        place: String,
    },
    /// The server refuses for another reason, such as a database that does not exist.
    #[error("`{place}`: {}", .fault.message)]
    Refused {
        /// Where.
        place: String,
        /// The server's words.
        fault: Box<Fault>,
    },
    /// Several hosts were tried.
    #[error("{}", .attempts.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    NoHost {
        /// What each said, in order; never empty.
        attempts: Vec<OpenError>,
    },
}

fn hint(fault: &Fault) -> String {
    fault
        .hint
        .as_ref()
        .map(|hint| format!("\nhint: {hint}"))
        .unwrap_or_default()
}

impl OpenError {
    /// Whether trying again later can help without a person.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable { .. }
            | Self::TimedOut { .. }
            | Self::StartingUp { .. }
            | Self::TooManyConnections { .. }
            | Self::Unsuitable { .. } => true,
            Self::Authentication { .. }
            | Self::Tls { .. }
            | Self::Pooled { .. }
            | Self::Refused { .. } => false,
            Self::NoHost { attempts } => attempts.iter().any(Self::is_transient),
        }
    }

    /// The same as plain data: `Unavailable` where it may pass.
    pub fn fault(&self) -> Fault {
        let mut fault = match self {
            Self::StartingUp { fault, .. }
            | Self::TooManyConnections { fault, .. }
            | Self::Authentication { fault, .. }
            | Self::Refused { fault, .. } => Fault::clone(fault),
            _ => Fault::new(Trouble::Other, ""),
        };
        fault.message = self.to_string();
        if self.is_transient() {
            fault.trouble = Trouble::Unavailable;
        }
        fault
    }

    /// As libpq does: a host that answered and refused is not passed over.
    pub(super) fn passes_to_next_host(&self) -> bool {
        matches!(
            self,
            Self::Unreachable { .. }
                | Self::TimedOut { .. }
                | Self::StartingUp { .. }
                | Self::Unsuitable { .. }
        )
    }
}

/// What an error of the driver means for a session that is being opened.
pub(super) fn classify(error: &tokio_postgres::Error, host: &Candidate) -> OpenError {
    let place = host.place.clone();
    let mut fault = Box::new(describe(error));
    let Some(code) = error.code() else {
        return classify_unsaid(error, host);
    };
    match code.code() {
        "57P03" => OpenError::StartingUp { place, fault },
        "53300" => OpenError::TooManyConnections { place, fault },
        "28000" | "28P01" => {
            fault.trouble = Trouble::Privilege;
            fault.hint = fault.hint.or_else(|| host.password_note.clone());
            OpenError::Authentication { place, fault }
        }
        _ => OpenError::Refused { place, fault },
    }
}

/// An error that the server did not phrase. The driver's kinds are private;
/// their texts are fixed, and the tests against a real server hold them.
fn classify_unsaid(error: &tokio_postgres::Error, host: &Candidate) -> OpenError {
    let place = host.place.clone();
    let text = error.to_string();
    let reason = clean_bounded(&chain(error), 300);
    if handshake::is_tls(error) {
        let reason = handshake::explain(error);
        return OpenError::Tls { place, reason };
    }
    if text == "authentication error" || text == "invalid configuration" {
        let mut fault = Box::new(Fault::new(Trouble::Privilege, reason));
        fault.hint = host.password_note.clone();
        return OpenError::Authentication { place, fault };
    }
    OpenError::Unreachable { place, reason }
}
