//! Owns why there is no session; never opens one.

use std::fmt;
use std::time::Duration;

use super::connect::{Candidate, handshake};
use super::sqlstate::{chain, describe};
use crate::run::fault::{Fault, Trouble};
use crate::text::clean_bounded;

/// The way out where `channel_binding=require` cannot be had.
const CHANNEL_BINDING: &str = "it takes TLS (sslmode=require or more) and a scram-sha-256 password; \
                               see pg_hba.conf, or choose channel_binding=prefer";

/// The way out where the server wants another client certificate, or one at all.
const CERTIFICATE: &str = "name the certificate with sslcert=FILE and its key with sslkey=FILE; \
                           it has to be for this role, and signed by whom the server trusts";
/// The way out where the server does not let this login in, whatever its password.
const ADMISSION: &str = "see that the role exists and that a line of the server's pg_hba.conf \
                         lets it in from here, to this database, with this sslmode";

/// Why there is no session, by what the caller does next. `place` is
/// `user@host:port/database`; no variant ever holds a password. Displays as its
/// [`message`](Self::message) and, on a line of its own, its [`hint`](Self::hint).
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Nobody answers there: try again later.
    Unreachable {
        /// Where.
        place: String,
        /// What the system said.
        reason: String,
    },
    /// Somebody listens and says nothing: try again later.
    TimedOut {
        /// Where.
        place: String,
        /// What was allowed.
        after: Duration,
    },
    /// 57P03: starting up, shutting down or recovering; try again soon.
    StartingUp {
        /// Where.
        place: String,
        /// The server's words.
        fault: Box<Fault>,
    },
    /// 53300: no slot left; try again later.
    TooManyConnections {
        /// Where.
        place: String,
        /// The server's words.
        fault: Box<Fault>,
    },
    /// The server does not take who we say we are: a person mends it.
    Authentication {
        /// Where.
        place: String,
        /// The server's words; its hint says where the password came from.
        fault: Box<Fault>,
    },
    /// No encryption, or not with whom we expect: a person mends it.
    Tls {
        /// Where.
        place: String,
        /// What does not fit.
        reason: String,
        /// The way out, where it is known.
        hint: Option<&'static str>,
    },
    /// Not what `target_session_attrs` asks for: another host, or later.
    Unsuitable {
        /// Where.
        place: String,
        /// The value of `target_session_attrs`.
        wanted: &'static str,
    },
    /// A pooler that gives each transaction another backend: a person names
    /// another address.
    Pooled {
        /// Where.
        place: String,
    },
    /// The server refuses for another reason, such as a database that does not exist.
    Refused {
        /// Where.
        place: String,
        /// The server's words.
        fault: Box<Fault>,
    },
    /// Several hosts were tried.
    NoHost {
        /// What each said, in order; never empty.
        attempts: Vec<OpenError>,
    },
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message())?;
        match self.hint() {
            Some(hint) => write!(f, "\nhint: {hint}"),
            None => Ok(()),
        }
    }
}

impl OpenError {
    /// What is wrong and where, on one line.
    pub fn message(&self) -> String {
        match self {
            Self::Unreachable { place, reason } => format!("`{place}`: {reason}"),
            Self::TimedOut { place, after } => format!("`{place}`: no session within {after:?}"),
            Self::Tls { place, reason, .. } => format!("`{place}`: TLS: {reason}"),
            Self::Unsuitable { place, wanted } => format!("`{place}`: session is not {wanted}"),
            Self::Pooled { place } => format!(
                "`{place}` is a pooler in transaction mode: between two transactions it gives \
                 our backend to others, and with it the lead's lock, its settings and what a \
                 cancel hits"
            ),
            Self::StartingUp { place, fault }
            | Self::TooManyConnections { place, fault }
            | Self::Authentication { place, fault }
            | Self::Refused { place, fault } => format!("`{place}`: {}", fault.message),
            Self::NoHost { attempts } => {
                let all: Vec<_> = attempts.iter().map(Self::message).collect();
                all.join("; ")
            }
        }
    }

    /// The way out, where one is known.
    pub fn hint(&self) -> Option<String> {
        let known = match self {
            Self::Unreachable { .. } => "see that the server runs and listens there",
            Self::TimedOut { .. } => {
                "see that host, port and firewall are right, or allow more by connect_timeout"
            }
            Self::StartingUp { .. } => "try again in a moment",
            Self::TooManyConnections { .. } => {
                "end idle sessions, or connect as a role that may use reserved ones; \
                 the lead's key and SIGUSR1 hold without a new connection"
            }
            Self::Unsuitable { .. } => {
                "name every host, such as host=a,b, or ask for another target_session_attrs"
            }
            Self::Pooled { .. } => "name the server itself, or a pool in session mode",
            Self::Tls { hint, .. } => return hint.map(str::to_owned),
            Self::Authentication { fault, .. } | Self::Refused { fault, .. } => {
                return fault.hint.clone();
            }
            // The last one is the one that was left.
            Self::NoHost { attempts } => return attempts.last()?.hint(),
        };
        Some(known.to_owned())
    }

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
        fault.message = self.message();
        fault.hint = self.hint();
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
        "28000" => {
            let certificate = fault.message.contains("certificate");
            let hint = if certificate { CERTIFICATE } else { ADMISSION };
            fault.trouble = Trouble::Privilege;
            fault.hint.get_or_insert_with(|| hint.to_owned());
            OpenError::Authentication { place, fault }
        }
        "28P01" => {
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
        let (reason, hint) = handshake::explain(error);
        return OpenError::Tls {
            place,
            reason,
            hint,
        };
    }
    if text == "authentication error" || text == "invalid configuration" {
        let mut fault = Box::new(Fault::new(Trouble::Privilege, reason));
        fault.hint = match fault.message.contains("channel binding") {
            true => Some(CHANNEL_BINDING.to_owned()),
            false => host.password_note.clone(),
        };
        return OpenError::Authentication { place, fault };
    }
    OpenError::Unreachable { place, reason }
}
