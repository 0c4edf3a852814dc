//! Owns guards and the one language of thresholds; never evaluates one.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::GuardId;

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

/// A measured signal. Later issues add more kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Signal {
    /// The worst replay lag of the expected standbys, as time.
    ReplicationLag,
}

/// `{ above = "10s", for = "3s" }`: the one language of thresholds. Values of
/// durations are in seconds.
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
    /// Below this it ends. Default: the `above`.
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
