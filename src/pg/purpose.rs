//! Owns what each kind of session is for: its name in `pg_stat_activity` and its
//! settings; never opens one.

use std::fmt::Write;

/// What a session is for. One session has one purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// Writes the journal and the lease.
    Lead,
    /// Counts waiters, cancels and terminates; opened before it is needed.
    Control,
    /// Runs steps.
    Step,
    /// Runs chunks; its commits do not wait for the disk, since a chunk and its
    /// checkpoint are lost together. The one that ends a range does.
    Backfill,
    /// Compares.
    Parity,
    /// Polls; must never be in anybody's way.
    Monitor,
    /// Writes a hold, on a fresh session of its own.
    Hold,
    /// Writes an operator's request from another terminal.
    Intent,
    /// Follows a run, read only.
    Observer,
    /// Says that a terminal is attached, which its read-only session cannot.
    Presence,
}

/// A session setting: name and value, both fixed text of ours.
pub type Setting = (&'static str, &'static str);

/// First major version with `client_connection_check_interval` and `idle_session_timeout`.
const PG14: u32 = 140_000;
/// First major version with `transaction_timeout`.
const PG17: u32 = 170_000;

/// How often a running statement looks whether its client is still there
/// (from 14 on). A server whose platform cannot do it refuses with 22023.
pub const CONNECTION_CHECK: Setting = ("client_connection_check_interval", "2s");

/// What every session pins, so that a role's or database's defaults cannot
/// change what our SQL means or end a session that idles on purpose.
const COMMON: &[Setting] = &[
    ("DateStyle", "ISO"),
    ("IntervalStyle", "postgres"),
    ("TimeZone", "UTC"),
    ("extra_float_digits", "1"),
    ("standard_conforming_strings", "on"),
    ("default_transaction_isolation", "read committed"),
    // A stopped client in the middle of DDL would block everybody.
    ("idle_in_transaction_session_timeout", "5s"),
];

impl Purpose {
    /// `application_name`: how `pg_stat_activity` and the blocking tree know us.
    pub fn application_name(self) -> &'static str {
        match self {
            Self::Lead => "pgcutover:lead",
            Self::Control => "pgcutover:ctl",
            Self::Step => "pgcutover:step",
            Self::Backfill => "pgcutover:backfill",
            Self::Parity => "pgcutover:parity",
            Self::Monitor => "pgcutover:mon",
            Self::Hold => "pgcutover:hold",
            Self::Intent => "pgcutover:intent",
            Self::Observer => "pgcutover:observer",
            Self::Presence => "pgcutover:presence",
        }
    }

    /// The settings on a server of that `server_version_num`, in order; without
    /// [`CONNECTION_CHECK`], which may fail by itself.
    pub fn settings(self, server_version: u32) -> impl Iterator<Item = Setting> {
        let since = |version, setting: Setting| (server_version >= version).then_some(setting);
        COMMON
            .iter()
            .copied()
            .chain([("statement_timeout", self.statement_timeout())])
            .chain(since(PG14, ("idle_session_timeout", "0")))
            .chain(since(PG17, ("transaction_timeout", "0")))
            .chain(self.own().iter().copied())
    }

    /// [`Self::settings`] as one batch of `SET` statements.
    pub(super) fn set_batch(self, server_version: u32) -> String {
        self.settings(server_version)
            .fold(String::new(), |mut batch, setting| {
                batch.push_str(&set(setting));
                batch
            })
    }

    /// Short where a person or the screen waits for the answer, none where the
    /// caller bounds its own work.
    fn statement_timeout(self) -> &'static str {
        match self {
            Self::Monitor => "1s",
            Self::Hold | Self::Intent | Self::Observer | Self::Presence => "5s",
            Self::Lead | Self::Control | Self::Step | Self::Backfill | Self::Parity => "0",
        }
    }

    fn own(self) -> &'static [Setting] {
        match self {
            Self::Backfill => &[("synchronous_commit", "off"), ("pgcutover.backfill", "on")],
            Self::Monitor => &[
                ("lock_timeout", "100ms"),
                ("default_transaction_read_only", "on"),
            ],
            Self::Observer => &[("default_transaction_read_only", "on")],
            Self::Lead
            | Self::Control
            | Self::Step
            | Self::Parity
            | Self::Hold
            | Self::Intent
            | Self::Presence => &[],
        }
    }
}

/// One `SET` statement of a fixed setting.
pub(super) fn set((name, value): Setting) -> String {
    let mut statement = String::new();
    write!(statement, "SET {name} = '{value}';").expect("a String takes every write");
    statement
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(purpose: Purpose, version: u32, name: &str) -> Option<&'static str> {
        let found: Vec<_> = purpose
            .settings(version)
            .filter(|(n, _)| *n == name)
            .collect();
        assert!(found.len() <= 1, "{name} is set twice");
        found.first().map(|(_, value)| *value)
    }

    #[test]
    fn every_session_ends_its_forgotten_transactions() {
        for purpose in [
            Purpose::Lead,
            Purpose::Step,
            Purpose::Backfill,
            Purpose::Intent,
        ] {
            let timeout = value(purpose, 160_004, "idle_in_transaction_session_timeout");
            assert_eq!(timeout, Some("5s"));
        }
    }

    #[test]
    fn older_servers_are_not_asked_for_newer_settings() {
        assert_eq!(value(Purpose::Step, 130_000, "idle_session_timeout"), None);
        assert_eq!(
            value(Purpose::Step, 160_000, "idle_session_timeout"),
            Some("0")
        );
        assert_eq!(value(Purpose::Step, 160_000, "transaction_timeout"), None);
        assert_eq!(
            value(Purpose::Step, 170_000, "transaction_timeout"),
            Some("0")
        );
    }

    #[test]
    fn the_monitor_gives_up_quickly_and_writes_nothing() {
        assert_eq!(
            value(Purpose::Monitor, 150_000, "statement_timeout"),
            Some("1s")
        );
        assert_eq!(
            value(Purpose::Monitor, 150_000, "lock_timeout"),
            Some("100ms")
        );
        let read_only = value(Purpose::Monitor, 150_000, "default_transaction_read_only");
        assert_eq!(read_only, Some("on"));
    }
}
