//! How often the driver turns without being asked.

use std::time::Duration;

/// How often the engine is told that time has passed: soaks, retries and the
/// freshness of readings are as exact as this.
pub const TICK: Duration = Duration::from_millis(250);

/// The shortest time between two published snapshots, events aside.
pub const FRAME: Duration = Duration::from_millis(100);

/// The longest: a picture that is not renewed counts as old. In between only
/// what was heard is worth one; ten a second at rest cost 0.5 % of a core.
pub const PULSE: Duration = Duration::from_secs(1);
