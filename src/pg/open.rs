//! Owns the opening of a session: which host, with or without TLS, and the
//! settings that its purpose wants; never keeps one.

use tokio::time::timeout;
use tokio_postgres::config::SslMode;
use tokio_postgres::error::SqlState;

use super::cancel::Canceller;
use super::connect::{Candidate, SessionAttrs, Target, handshake};
pub use super::open_error::OpenError;
use super::open_error::classify;
use super::purpose::{CONNECTION_CHECK, Purpose, set};
use super::session::{Backend, Session, Unsettled};
use crate::run::fault::{Fault, Trouble};

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
        let mut failures = Vec::new();
        for &mode in target.tls.attempts(host) {
            match connect(target, host, mode, purpose.application_name()).await {
                Ok(session) => return settle(session, host, wanted, purpose).await,
                Err(error) if may_differ_with_other_encryption(&error) => failures.push(error),
                Err(error) => return Err(classify(&error, host)),
            }
        }
        // What went wrong with TLS tells more than "no entry without encryption".
        let telling = failures
            .iter()
            .find(|error| handshake::is_tls(error))
            .or(failures.last())
            .expect("there is at least one mode");
        Err(classify(telling, host))
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

/// A connection as it comes: no setting made, nobody asked who serves it.
pub(super) async fn connect(
    target: &Target,
    host: &Candidate,
    mode: SslMode,
    name: &'static str,
) -> Result<Unsettled, tokio_postgres::Error> {
    let mut config = host.config.clone();
    config.ssl_mode(mode).application_name(name);
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
    // Unnamed: the closing of a named statement, still on its way, would
    // swallow the server's last words.
    let rows = session
        .client
        .query_typed(include_str!("backend.sql"), &[])
        .await
        .map_err(classify)?;
    let Some(row) = rows.first() else {
        return Err(OpenError::Refused {
            place: host.place.clone(),
            fault: Box::new(Fault::new(
                Trouble::Other,
                "pg_stat_activity does not show our own session",
            )),
        });
    };
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
    handshake::is_tls(error) || error.code() == Some(&SqlState::INVALID_AUTHORIZATION_SPECIFICATION)
}
