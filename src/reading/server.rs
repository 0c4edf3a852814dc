//! The shapes of what is measured on a server: replication, who blocks whom,
//! activity, write-ahead log. Plain data, made by `monitor`, read by the
//! engine's guards and by the views. Texts in here are clean (see `text`).

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Reading;

/// Everything that the monitor last said, each signal by itself.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Readings {
    /// The server behind the first connection.
    pub server: Reading<Server>,
    /// Replication, a standby each.
    pub replication: Reading<Vec<Replica>>,
    /// Who blocks whom.
    pub locks: Reading<Blocking>,
    /// Write-ahead log bytes a second.
    pub wal_rate: Reading<f64>,
    /// Sessions by state.
    pub activity: Reading<Activity>,
    /// Write-ahead log files that wait for the archiver.
    pub archive_queue: Reading<u64>,
    /// Replication slots, by name.
    pub slots: Reading<Vec<Slot>>,
    /// What holds vacuum back.
    pub horizon: Reading<Horizon>,
    /// Dead share of tables' tuples, by the table as the runbook names it.
    pub dead_tuples: BTreeMap<String, Reading<f64>>,
    /// What guards' own queries gave, by guard.
    pub probes: BTreeMap<String, Reading<f64>>,
}

/// A replication slot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slot {
    /// Its name.
    pub name: String,
    /// The log that it needed is gone.
    pub lost: bool,
    /// Bytes of write-ahead log that it keeps, where it keeps any.
    pub retained: Option<u64>,
}

/// The oldest snapshot that keeps vacuum from removing dead rows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Horizon {
    /// Its age in transactions; 0 where there is none.
    pub age: u64,
    /// Whose it is: `session 4711 psql idle in transaction`; empty where there
    /// is none.
    pub holder: String,
}

/// Facts about the server that identify it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Server {
    /// `server_version_num`, such as 160004.
    pub version_num: u32,
    /// `server_version`, such as 16.4.
    pub version: String,
    /// `current_database()`.
    pub database: String,
    /// Whether it is in recovery.
    pub in_recovery: bool,
    /// `pg_control_system().system_identifier`, where it may be read.
    pub system_identifier: Option<String>,
    /// `pg_control_checkpoint().timeline_id`, where it may be read.
    pub timeline: Option<u32>,
}

/// One standby as the primary sees it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Replica {
    /// Its `application_name`.
    pub name: String,
    /// How it stands.
    pub state: ReplicaState,
    /// `replay_lag`, absent when idle.
    pub replay_lag: Option<Duration>,
    /// Bytes of write-ahead log that it has not replayed.
    pub replay_bytes: Option<u64>,
    /// Age of the newest heartbeat seen there, where a connection to it is known.
    pub heartbeat_lag: Option<Duration>,
    /// Whether the primary waits for it.
    pub sync: bool,
}

/// How a standby stands. Only OK and IDLE are healthy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReplicaState {
    /// Streaming, lag known and small.
    Ok,
    /// Streaming, behind.
    Lagging,
    /// Caught up; no lag is reported because nothing flows.
    Idle,
    /// Its figures no longer move while the primary's do.
    Stale,
    /// Expected, and not connected.
    Gone,
    /// None is connected and none is expected.
    NoStandby,
    /// Rows are visible, their figures are not.
    NoPriv,
}

impl ReplicaState {
    /// The word on the screen.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Lagging => "LAGGING",
            Self::Idle => "IDLE",
            Self::Stale => "STALE",
            Self::Gone => "GONE",
            Self::NoStandby => "NO-STANDBY",
            Self::NoPriv => "NO-PRIV",
        }
    }
}

/// Who blocks whom, as a forest: each root waits for nobody.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blocking {
    /// Sessions that block others and wait for nobody, the most waited-for first.
    pub roots: Vec<Blocker>,
    /// Sessions of others that wait, directly or not, behind one of ours.
    pub waiting_on_us: u32,
    /// Of those, the ones queued behind a request of ours that itself waits.
    pub queued_behind_our_wait: u32,
    /// The longest of those waits.
    pub longest_on_us: Option<Duration>,
    /// All sessions that wait for a lock.
    pub waiting: u32,
}

/// One session in the blocking tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blocker {
    /// The session; `None` for a prepared transaction.
    pub session: Option<SessionId>,
    /// Whether it is one of ours.
    pub ours: bool,
    /// `application_name`.
    pub application: String,
    /// `usename`.
    pub user: String,
    /// `active`, `idle in transaction` and so on.
    pub state: String,
    /// Its statement, shortened.
    pub query: String,
    /// How long its transaction has lasted.
    pub transaction_age: Option<Duration>,
    /// How long it has waited, where it waits.
    pub waited: Option<Duration>,
    /// The lock mode that it waits for, and on what.
    pub wants: Option<String>,
    /// Sessions that wait for it, longest first.
    pub behind: Vec<Blocker>,
    /// Siblings folded into one row: how many more.
    pub folded: u32,
}

/// Identifies a session although pids are used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SessionId {
    /// Backend pid.
    pub pid: i32,
    /// `backend_start`, microseconds since 1970.
    pub started_us: i64,
}

/// Sessions by state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Activity {
    /// Running a statement, ours left out.
    pub active: u32,
    /// In a transaction, waiting for their client.
    pub idle_in_transaction: u32,
    /// All client sessions.
    pub total: u32,
    /// `max_connections`.
    pub limit: u32,
    /// The oldest transaction.
    pub oldest_transaction: Option<Duration>,
}
