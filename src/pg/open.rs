//! Owns the opening of a session: which host, with or without TLS, and the
//! settings that its purpose wants; never keeps one.

use std::time::Duration;

use tokio::time::timeout;
use tokio_postgres::config::SslMode;
use tokio_postgres::error::SqlState;

use super::cancel::Canceller;
use super::connect::{Candidate, SessionAttrs, Target, tls};
use super::purpose::{CONNECTION_CHECK, Purpose, set};
use super::session::{Backend, Session, Unsettled};
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
        fault: Fault,
    },
    /// 53300: no slot left; try again later.
    #[error("`{place}`: {}", .fault.message)]
    TooManyConnections {
        /// Where.
        place: String,
        /// The server's words.
        fault: Fault,
    },
    /// The server does not take who we say we are: a person mends it.
    #[error("`{place}`: {}{}", .fault.message, hint(.fault))]
    Authentication {
        /// Where.
        place: String,
        /// The server's words; its hint says where the password came from.
        fault: Fault,
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
    /// The server refuses for another reason, such as a database that does not exist.
    #[error("`{place}`: {}", .fault.message)]
    Refused {
        /// Where.
        place: String,
        /// The server's words.
        fault: Fault,
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
            Self::Authentication { .. } | Self::Tls { .. } | Self::Refused { .. } => false,
            Self::NoHost { attempts } => attempts.iter().any(Self::is_transient),
        }
    }

    /// The same as plain data: `Unavailable` where it may pass.
    pub fn fault(&self) -> Fault {
        let mut fault = match self {
            Self::StartingUp { fault, .. }
            | Self::TooManyConnections { fault, .. }
            | Self::Authentication { fault, .. }
            | Self::Refused { fault, .. } => fault.clone(),
            _ => Fault::new(Trouble::Other, ""),
        };
        fault.message = self.to_string();
        if self.is_transient() {
            fault.trouble = Trouble::Unavailable;
        }
        fault
    }

    /// As libpq does: a host that answered and refused is not passed over.
    fn passes_to_next_host(&self) -> bool {
        matches!(
            self,
            Self::Unreachable { .. }
                | Self::TimedOut { .. }
                | Self::StartingUp { .. }
                | Self::Unsuitable { .. }
        )
    }
}

/// Opens a session for that purpose, on the first host that fits. Bounded by
/// the target's `connect_timeout` (5 s unless it says otherwise) for each host.
///
/// # Errors
/// By what to do next; see [`OpenError`].
pub async fn open(target: &Target, purpose: Purpose) -> Result<Session, OpenError> {
    let mut attempts = Vec::new();
    for &wanted in target.session_attrs.passes() {
        for host in &target.hosts {
            match open_host(target, host, wanted, purpose).await {
                Ok(session) => return Ok(session),
                Err(error) if error.passes_to_next_host() => attempts.push(error),
                Err(error) => return Err(error),
            }
        }
    }
    match attempts.len() {
        1 => Err(attempts.remove(0)),
        _ => Err(OpenError::NoHost { attempts }),
    }
}

async fn open_host(
    target: &Target,
    host: &Candidate,
    wanted: SessionAttrs,
    purpose: Purpose,
) -> Result<Session, OpenError> {
    let attempt = async {
        let mut last = None;
        for &mode in target.tls.attempts(host) {
            match connect(target, host, mode, purpose).await {
                Ok(session) => return settle(session, host, wanted, purpose).await,
                Err(error) if may_differ_with_other_encryption(&error) => last = Some(error),
                Err(error) => return Err(classify(&error, host)),
            }
        }
        Err(classify(&last.expect("there is at least one mode"), host))
    };
    timeout(target.connect_timeout, attempt)
        .await
        .unwrap_or_else(|_| {
            Err(OpenError::TimedOut {
                place: host.place.clone(),
                after: target.connect_timeout,
            })
        })
}

async fn connect(
    target: &Target,
    host: &Candidate,
    mode: SslMode,
    purpose: Purpose,
) -> Result<Unsettled, tokio_postgres::Error> {
    let mut config = host.config.clone();
    config
        .ssl_mode(mode)
        .application_name(purpose.application_name());
    let (client, connection) = config.connect(target.tls.connector()).await?;
    let canceller = Canceller::new(client.cancel_token(), target.tls.connector());
    Ok(Session::start(client, connection, canceller))
}

/// Learns who serves the session, checks that it is what was asked for, and
/// makes the purpose's settings.
async fn settle(
    session: Unsettled,
    host: &Candidate,
    wanted: SessionAttrs,
    purpose: Purpose,
) -> Result<Session, OpenError> {
    let classify = |error| classify(&error, host);
    let row = session
        .client
        .query_one(include_str!("backend.sql"), &[])
        .await
        .map_err(classify)?;
    if !wanted.fits(row.get("in_recovery"), row.get("read_only")) {
        return Err(OpenError::Unsuitable {
            place: host.place.clone(),
            wanted: wanted.name(),
        });
    }
    let backend = Backend {
        pid: row.get("pid"),
        started: row.get("started"),
        server_version: row.get::<_, i32>("version").unsigned_abs(),
    };
    let batch = purpose.set_batch(backend.server_version);
    session
        .client
        .batch_execute(&batch)
        .await
        .map_err(classify)?;
    check_connection(&session, backend)
        .await
        .map_err(classify)?;
    Ok(session.settled(backend))
}

/// Lets the server look whether we are still there, where it can.
async fn check_connection(
    session: &Unsettled,
    backend: Backend,
) -> Result<(), tokio_postgres::Error> {
    if backend.server_version < 140_000 {
        return Ok(());
    }
    match session.client.batch_execute(&set(CONNECTION_CHECK)).await {
        Err(error) if error.code() == Some(&SqlState::INVALID_PARAMETER_VALUE) => Ok(()),
        result => result,
    }
}

/// `prefer` and `allow` try the other way when TLS fails, or when pg_hba.conf
/// has no entry for this way.
fn may_differ_with_other_encryption(error: &tokio_postgres::Error) -> bool {
    tls::is_tls(error) || error.code() == Some(&SqlState::INVALID_AUTHORIZATION_SPECIFICATION)
}

fn classify(error: &tokio_postgres::Error, host: &Candidate) -> OpenError {
    let place = host.place.clone();
    let mut fault = describe(error);
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
    if tls::is_tls(error) {
        let reason = tls::explain(error);
        return OpenError::Tls { place, reason };
    }
    if text == "authentication error" || text == "invalid configuration" {
        let mut fault = Fault::new(Trouble::Privilege, reason);
        fault.hint = host.password_note.clone();
        return OpenError::Authentication { place, fault };
    }
    OpenError::Unreachable { place, reason }
}
