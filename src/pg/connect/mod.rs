//! Owns where to connect and how, by libpq's habits; never connects.
//!
//! `tokio_postgres` reads no `PG*` variables, no service file and no
//! `.pgpass`, and refuses `sslmode=verify-full`. All of that is settled here.
//! For each parameter the first of these wins, as with libpq:
//!
//! 1. the URL or DSN that the runbook's connection names,
//! 2. the service file's section,
//! 3. the `PG*` variable,
//! 4. the default (`.pgpass` for the password, files in `~/.postgresql` for TLS).
//!
//! Where it differs from libpq, it is stricter: a parameter that it cannot
//! honour is refused unless ignoring it weakens nothing; a certificate's common
//! name does not stand in for its subjectAltName; version 1 certificates,
//! revocation lists, keys with a passphrase, LDAP and GSSAPI are not supported;
//! no connection waits for ever.

mod dsn;
mod env;
mod error;
pub(in crate::pg) mod handshake;
mod hosts;
mod params;
mod passfile;
mod service;
mod tls;
mod uri;
mod verifier;

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

use tokio_postgres::config::LoadBalanceHosts;

pub use env::{Env, ProcessEnv, Stat};
pub use error::ResolveError;
pub use hosts::Candidate;
pub use tls::Tls;

use crate::runbook::ConnectionSource;
use hosts::Login;
use params::Params;

/// The time a host has to give a session, unless `connect_timeout` says otherwise.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A database that can be connected to: its hosts in order, the login and the
/// TLS settings. Displays as `user@host:port/database`; never shows a password.
#[derive(Clone)]
pub struct Target {
    pub(in crate::pg) hosts: Vec<Candidate>,
    pub(in crate::pg) session_attrs: SessionAttrs,
    pub(in crate::pg) connect_timeout: Duration,
    pub(in crate::pg) tls: Tls,
    user: String,
    database: String,
}

impl Target {
    /// The login's role name.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// The database's name.
    pub fn database(&self) -> &str {
        &self.database
    }

    /// `user@host:port/database` for the screen, several places separated by
    /// commas; clean.
    pub fn display(&self) -> String {
        self.to_string()
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let places: Vec<&str> = self.hosts.iter().map(|host| host.place.as_str()).collect();
        f.write_str(&places.join(","))
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Target({self})")
    }
}

/// `target_session_attrs`: what a session must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionAttrs {
    /// Anything.
    Any,
    /// Takes writes by default.
    ReadWrite,
    /// Takes none by default.
    ReadOnly,
    /// Not in recovery.
    Primary,
    /// In recovery.
    Standby,
    /// In recovery, or else anything.
    PreferStandby,
}

impl SessionAttrs {
    const ALL: &[Self] = &[
        Self::Any,
        Self::ReadWrite,
        Self::ReadOnly,
        Self::Primary,
        Self::Standby,
        Self::PreferStandby,
    ];

    /// As libpq writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Any => "any",
            Self::ReadWrite => "read-write",
            Self::ReadOnly => "read-only",
            Self::Primary => "primary",
            Self::Standby => "standby",
            Self::PreferStandby => "prefer-standby",
        }
    }

    /// What to ask for in each pass through the hosts.
    pub(in crate::pg) fn passes(self) -> &'static [Self] {
        match self {
            Self::Any => &[Self::Any],
            Self::ReadWrite => &[Self::ReadWrite],
            Self::ReadOnly => &[Self::ReadOnly],
            Self::Primary => &[Self::Primary],
            Self::Standby => &[Self::Standby],
            Self::PreferStandby => &[Self::Standby, Self::Any],
        }
    }

    /// Whether a session with these properties is what is asked for.
    pub(in crate::pg) fn fits(self, in_recovery: bool, read_only: bool) -> bool {
        match self {
            Self::Any => true,
            Self::ReadWrite => !in_recovery && !read_only,
            Self::ReadOnly => in_recovery || read_only,
            Self::Primary => !in_recovery,
            Self::Standby | Self::PreferStandby => in_recovery,
        }
    }
}

/// Resolves a runbook's connection in these surroundings; reads files, connects
/// to nothing.
///
/// # Errors
/// What is wrong, where it stands, and the way out.
pub fn resolve(source: &ConnectionSource, env: &dyn Env) -> Result<Target, ResolveError> {
    let params = gather(source, env)?;
    if let Some(mode) = params
        .get("gssencmode")
        .filter(|mode| mode.text == "require")
    {
        return Err(mode.refused(
            "gssencmode",
            "encryption by GSSAPI is not spoken; use sslmode",
        ));
    }
    let login = login(&params, env)?;
    let session_attrs = params.parsed(
        "target_session_attrs",
        "one of any, read-write, read-only, primary, standby, prefer-standby",
        |text| {
            SessionAttrs::ALL
                .iter()
                .copied()
                .find(|attrs| attrs.name() == text)
        },
    )?;
    let mut hosts = hosts::candidates(&params, &login, env)?;
    let tls = Tls::resolve(&params, &hosts, env)?;
    balance(&params, &mut hosts)?;
    let connect_timeout = connect_timeout(&params)?;
    for host in &mut hosts {
        // A name may have several addresses; one that is dead leaves time for another.
        host.config.connect_timeout(connect_timeout / 2);
    }
    Ok(Target {
        hosts,
        session_attrs: session_attrs.unwrap_or(SessionAttrs::Any),
        connect_timeout,
        tls,
        user: login.user,
        database: login.database,
    })
}

/// Every parameter, from the first source that has it.
fn gather(source: &ConnectionSource, env: &dyn Env) -> Result<Params, ResolveError> {
    let mut params = match source {
        ConnectionSource::UrlEnv(name) => {
            let text = env
                .var(name)
                .ok_or_else(|| ResolveError::Unset { name: name.clone() })?;
            let place = format!("${name}");
            match uri::is_uri(&text) {
                true => uri::parse(&text, &place)?,
                false => dsn::parse(&text, &place)?,
            }
        }
        ConnectionSource::Service(name) => {
            let mut params = Params::default();
            params.fill("service", name, "the runbook")?;
            params
        }
        ConnectionSource::Environment => Params::default(),
    };
    service::fill(&mut params, env)?;
    params.fill_from_variables(env)?;
    Ok(params)
}

fn login(params: &Params, env: &dyn Env) -> Result<Login, ResolveError> {
    let text = |name| params.get(name).map(|value| value.text.clone());
    let user = text("user")
        .or_else(|| env.user())
        .ok_or_else(|| ResolveError::Unset {
            name: "PGUSER".to_owned(),
        })?;
    let database = text("dbname").unwrap_or_else(|| user.clone());
    Ok(Login { user, database })
}

/// Zero, which libpq reads as "for ever", is our default: an engine that waits
/// for ever cannot say what it waits for.
fn connect_timeout(params: &Params) -> Result<Duration, ResolveError> {
    let seconds = params.parsed("connect_timeout", "a number of seconds", |text| {
        text.trim().parse::<u32>().ok()
    })?;
    Ok(match seconds {
        None | Some(0) => CONNECT_TIMEOUT,
        Some(seconds) => Duration::from_secs(seconds.into()),
    })
}

fn balance(params: &Params, hosts: &mut [Candidate]) -> Result<(), ResolveError> {
    let random = params.parsed(
        "load_balance_hosts",
        "disable or random",
        |text| match text {
            "disable" => Some(false),
            "random" => Some(true),
            _ => None,
        },
    )?;
    if random == Some(true) {
        // Another first host each time; the spread is what matters, not the dice.
        let dice = RandomState::new().hash_one(0);
        let count = u64::try_from(hosts.len()).expect("a list is no longer than 2^64");
        hosts.rotate_left(usize::try_from(dice % count.max(1)).expect("below the list's length"));
        for host in hosts {
            host.config.load_balance_hosts(LoadBalanceHosts::Random);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
