//! Owns the shapes of guards and of their thresholds, as typed.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{At, Quantity};

/// A condition evaluated all the time.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Guard {
    /// In the namespace of phases, steps, gates and guards.
    pub(crate) id: At<String>,
    /// Time between two readings that it relies on: a built-in signal is read every second, and one older than three times this and 2 s is unknown. Default: `"1s"`.
    pub(crate) every: Option<At<String>>,
    /// What is measured, on the first connection; instead of `sql`.
    pub(crate) signal: Option<At<SignalName>>,
    /// Of `replication_lag`: this standby alone. Default: the worst of all.
    pub(crate) standby: Option<At<String>>,
    /// Of `slot_retention`: this replication slot alone. Default: the worst of all.
    pub(crate) slot: Option<At<String>>,
    /// Of `dead_tuples`: the table.
    pub(crate) table: Option<At<String>>,
    /// A query that measures it, such as the application's latency; instead of `signal`.
    pub(crate) sql: Option<At<SqlProbe>>,
    /// Takes off the pace in proportion to the excess.
    pub(crate) throttle: Option<At<Threshold>>,
    /// Takes the whole pace; ends by itself when the guard recovers.
    pub(crate) stall: Option<At<StallAt>>,
    /// Holds the run; only a person releases it.
    pub(crate) hold: Option<At<Threshold>>,
    /// What an absent reading does. Default: stalls at once, holds after `"60s"`.
    pub(crate) no_data: Option<NoData>,
}

/// A built-in signal. The table in the chapter on guards has units and privileges.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SignalName {
    /// Replay lag of standbys, as time.
    ReplicationLag,
    /// Sessions that wait behind one of ours.
    WaitingBehindUs,
    /// Write-ahead log a second, in bytes.
    WalRate,
    /// Files that wait to be archived.
    ArchiveQueue,
    /// Write-ahead log that a replication slot keeps, in bytes.
    SlotRetention,
    /// Age of the oldest snapshot that holds vacuum back, in transactions.
    OldestXmin,
    /// Dead share of a table's tuples.
    DeadTuples,
    /// Sessions of others that run a statement.
    ActiveBackends,
}

/// A query of one row with one number.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SqlProbe {
    /// Asked read-only, on a session of its own. NULL, no row and an error are no data.
    pub(crate) query: At<String>,
    /// A connection. Default: the first.
    pub(crate) on: Option<At<String>>,
    /// How long it may take; longer is no data. Default: `"1s"`.
    pub(crate) timeout: Option<At<String>>,
}

/// When something trips.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Threshold {
    /// Greater than this: a duration, a size such as `"64 MB"`, a number or a share, by the signal.
    pub(crate) above: At<Quantity>,
    /// For this long. Default: at once.
    #[serde(rename = "for")]
    pub(crate) hold_for: Option<At<String>>,
}

/// When a stall begins and ends.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct StallAt {
    /// Begins when greater than this, in the signal's unit.
    pub(crate) above: At<Quantity>,
    /// For this long. Default: at once.
    #[serde(rename = "for")]
    pub(crate) hold_for: Option<At<String>>,
    /// Ends at or below this. Default: the `above`.
    pub(crate) until_below: Option<At<Quantity>>,
}

/// What an absent reading does: unknown is not healthy.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NoData {
    /// Absent for this long: stall. Default: `"0s"`.
    pub(crate) stall: Option<At<String>>,
    /// Absent for this long: hold. Default: `"60s"`.
    pub(crate) hold: Option<At<String>>,
}
