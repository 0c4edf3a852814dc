//! Owns guards and the one language of thresholds; never evaluates one.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::unit::Unit;
use super::{ConnectionId, GuardId, StandbyId, TableName};

/// `[[guard]]`: a condition evaluated all the time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Guard {
    /// Its name.
    pub id: GuardId,
    /// Time between two readings.
    pub every: Duration,
    /// What is measured.
    pub signal: Signal,
    /// Takes off the pace in proportion to the excess.
    pub throttle: Option<Threshold>,
    /// Takes the whole pace; ends by itself below `until_below`.
    pub stall: Option<Stall>,
    /// Holds the run; only a person releases it.
    pub hold: Option<Threshold>,
    /// What an absent reading does.
    pub no_data: NoData,
}

/// What is measured: on the first connection, a query on its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Signal {
    /// Replay lag, as time.
    ReplicationLag {
        /// Of this standby; absent means the worst of the expected ones.
        standby: Option<StandbyId>,
    },
    /// Sessions of others that wait, directly or not, behind one of ours.
    WaitingBehindUs,
    /// Write-ahead log bytes a second.
    WalRate,
    /// Write-ahead log files that are ready and not archived yet.
    ArchiveQueue,
    /// Write-ahead log bytes that a replication slot keeps.
    SlotRetention {
        /// Of this slot; absent means the worst of all.
        slot: Option<String>,
    },
    /// Age in transactions of the oldest snapshot that holds vacuum back.
    OldestXmin,
    /// Dead share of a table's tuples, partitions included.
    DeadTuples {
        /// The table.
        table: TableName,
    },
    /// Sessions of others that run a statement.
    ActiveBackends,
    /// One number from a query.
    Sql {
        /// The query.
        query: String,
        /// Where it is asked.
        on: ConnectionId,
        /// How long it may take.
        timeout: Duration,
    },
}

impl Signal {
    /// The unit of its values and thresholds.
    pub fn unit(&self) -> Unit {
        match self {
            Self::ReplicationLag { .. } => Unit::Seconds,
            Self::WalRate => Unit::BytesPerSecond,
            Self::SlotRetention { .. } => Unit::Bytes,
            Self::WaitingBehindUs
            | Self::ArchiveQueue
            | Self::OldestXmin
            | Self::ActiveBackends => Unit::Count,
            Self::DeadTuples { .. } => Unit::Share,
            Self::Sql { .. } => Unit::Plain,
        }
    }

    /// Its name on the screen; at most 13 characters.
    pub fn words(&self) -> &'static str {
        match self {
            Self::ReplicationLag { .. } => "replay lag",
            Self::WaitingBehindUs => "waiting on us",
            Self::WalRate => "wal rate",
            Self::ArchiveQueue => "archive queue",
            Self::SlotRetention { .. } => "slot keeps",
            Self::OldestXmin => "oldest xmin",
            Self::DeadTuples { .. } => "dead tuples",
            Self::ActiveBackends => "active",
            Self::Sql { .. } => "query",
        }
    }
}

/// `{ above = "10s", for = "3s" }`: the one language of thresholds. Values are
/// in the unit of the guard's signal.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Threshold {
    /// Trips when the value is greater than this.
    pub above: f64,
    /// How long it has to stay there first.
    pub hold_for: Duration,
}

/// A threshold with hysteresis.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Stall {
    /// When it begins.
    pub at: Threshold,
    /// At or below this it ends. Default: the `above`.
    pub until_below: f64,
}

/// What an absent reading does: unknown is not healthy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoData {
    /// Absent for this long: stall. Default at once.
    pub stall: Duration,
    /// Absent for this long: hold. Default 60 s.
    pub hold: Duration,
}

impl Default for NoData {
    fn default() -> Self {
        Self {
            stall: Duration::ZERO,
            hold: Duration::from_secs(60),
        }
    }
}
