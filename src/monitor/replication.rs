//! Owns how each standby stands, from what the primary says and said before;
//! pure but for the query at the end.
//!
//! `replay_lag` alone is not enough: it keeps its last value and then turns
//! NULL on an idle link, and stays where it is when replay is paused. The
//! primary's own position over time tells how long ago it was where the standby
//! is now. Where that was before anything remembered, nobody knows for how long:
//! the lag is no number then.
//!
//! | state | when |
//! |---|---|
//! | NO-PRIV | its figures are hidden |
//! | STALE | something was sent to it, and it has not answered for 5 s |
//! | LAGGING | catching up, 1 s or more behind, or behind for nobody knows how long |
//! | IDLE | everything replayed, and no lag reported |
//! | OK | otherwise |
//! | GONE | expected, and not connected |
//! | NO-STANDBY | none connected, none expected |

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use jiff::Timestamp;

use super::link::{Link, Missed};
use crate::reading::elapsed;
use crate::reading::server::{Replica, ReplicaState};
use crate::runbook::Standby;
use crate::text::clean;

/// From here on a standby lags.
const LAGGING: Duration = Duration::from_secs(1);
/// A standby answers what is sent to it at once; this long is silence.
const SILENT: Duration = Duration::from_secs(5);
/// Positions of the primary that are remembered, one a second at first and ever
/// fewer of what is older: a week back they are some 3 % of their age apart.
const REMEMBERED: usize = 300;

/// One row of `pg_stat_replication`.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Sample {
    pub(super) pid: i32,
    pub(super) name: String,
    pub(super) state: Option<String>,
    pub(super) sync: bool,
    pub(super) replay_lag: Option<Duration>,
    pub(super) replay_position: Option<u64>,
    pub(super) replay_bytes: Option<u64>,
    pub(super) write_bytes: Option<u64>,
    pub(super) reply_us: Option<i64>,
}

/// What has to be remembered between two looks.
#[derive(Debug, Default)]
pub(super) struct Tracker {
    /// Where the primary was, oldest first.
    positions: VecDeque<(Timestamp, u64)>,
    /// The newest answer of each walsender, and since when another is due.
    answers: HashMap<i32, (Option<i64>, Timestamp)>,
}

impl Tracker {
    /// The primary is there now.
    pub(super) fn primary_at(&mut self, position: u64, now: Timestamp) {
        if self
            .positions
            .back()
            .is_some_and(|(_, last)| *last > position)
        {
            self.positions.clear();
        }
        if self.positions.len() == REMEMBERED {
            self.thin_out(now);
        }
        self.positions.push_back((now, position));
    }

    /// Forgets the position whose loss leaves the smallest gap, measured by its
    /// age; never the oldest.
    fn thin_out(&mut self, now: Timestamp) {
        let time = |at: usize| self.positions[at].0;
        let loss = |at: usize| {
            let gap = elapsed(time(at - 1), time(at + 1)).as_secs_f64();
            gap / elapsed(time(at - 1), now).as_secs_f64().max(f64::EPSILON)
        };
        let inner = 1..self.positions.len() - 1;
        let least = inner.min_by(|a, b| loss(*a).total_cmp(&loss(*b)));
        least.and_then(|at| self.positions.remove(at));
    }

    /// Every standby: the expected ones first, in the runbook's order, whether
    /// they are there or not.
    pub(super) fn replicas(
        &mut self,
        samples: &[Sample],
        expected: &[Standby],
        now: Timestamp,
    ) -> Vec<Replica> {
        self.answers
            .retain(|pid, _| samples.iter().any(|sample| sample.pid == *pid));
        let mut replicas = Vec::new();
        for standby in expected {
            let name = &standby.application_name;
            let connected = samples.iter().filter(|sample| &sample.name == name);
            let before = replicas.len();
            replicas.extend(connected.map(|sample| self.replica(sample, now)));
            if replicas.len() == before {
                replicas.push(without_figures(name, ReplicaState::Gone));
            }
        }
        let is_expected = |name: &str| expected.iter().any(|s| s.application_name == name);
        let others = samples.iter().filter(|sample| !is_expected(&sample.name));
        replicas.extend(others.map(|sample| self.replica(sample, now)));
        if replicas.is_empty() {
            replicas.push(without_figures("none", ReplicaState::NoStandby));
        }
        replicas
    }

    fn replica(&mut self, sample: &Sample, now: Timestamp) -> Replica {
        let silence = self.silence(sample, now);
        let (Some(state), Some(bytes)) = (&sample.state, sample.replay_bytes) else {
            return without_figures(&sample.name, hidden_or_starting(sample));
        };
        let lag = self.lag(sample, bytes, now);
        let state = match lag {
            _ if silence >= SILENT => ReplicaState::Stale,
            _ if state != "streaming" => ReplicaState::Lagging,
            Some(lag) if lag >= LAGGING => ReplicaState::Lagging,
            Some(_) => ReplicaState::Ok,
            None if bytes == 0 => ReplicaState::Idle,
            None => ReplicaState::Lagging,
        };
        Replica {
            name: sample.name.clone(),
            state,
            replay_lag: lag,
            replay_bytes: Some(bytes),
            heartbeat_lag: None,
            sync: sample.sync,
        }
    }

    /// How far it is behind as time; `None` where it has everything and nothing
    /// flows, and where it is behind everything remembered. What it reported
    /// while it was behind no longer counts once it has everything.
    fn lag(&self, sample: &Sample, bytes: u64, now: Timestamp) -> Option<Duration> {
        if bytes == 0 {
            return sample.replay_lag.map(|_| Duration::ZERO);
        }
        let since = self.behind_for(sample.replay_position?, now)?;
        Some(since.max(sample.replay_lag.unwrap_or_default()))
    }

    /// How long ago the primary was first seen beyond that position, where it
    /// was seen at or before it too: to a few percent, and never too long.
    fn behind_for(&self, position: u64, now: Timestamp) -> Option<Duration> {
        let passed = self.positions.partition_point(|(_, at)| *at <= position);
        match self.positions.get(passed) {
            _ if passed == 0 => None,
            Some((time, _)) => Some(elapsed(*time, now)),
            // Written since the last look.
            None => Some(Duration::ZERO),
        }
    }

    /// How long it has neither answered nor had everything sent to it. A quiet
    /// link is not silence: the first write after an idle minute finds an old
    /// answer too.
    fn silence(&mut self, sample: &Sample, now: Timestamp) -> Duration {
        let quiet = self
            .answers
            .entry(sample.pid)
            .or_insert((sample.reply_us, now));
        if quiet.0 != sample.reply_us || sample.write_bytes == Some(0) {
            *quiet = (sample.reply_us, now);
        }
        elapsed(quiet.1, now)
    }
}

/// A visible row without a position belongs to a standby that has only just
/// connected; a hidden one shows no state either.
fn hidden_or_starting(sample: &Sample) -> ReplicaState {
    match sample.state {
        None => ReplicaState::NoPriv,
        Some(_) => ReplicaState::Stale,
    }
}

fn without_figures(name: &str, state: ReplicaState) -> Replica {
    Replica {
        name: name.to_owned(),
        state,
        replay_lag: None,
        replay_bytes: None,
        heartbeat_lag: None,
        sync: false,
    }
}

/// What the primary says now.
pub(super) async fn samples(link: &mut Link) -> Result<Vec<Sample>, Missed> {
    let rows = link.rows(include_str!("sql/replication.sql"), &[]).await?;
    let sample = |row: &tokio_postgres::Row| {
        // A standby may be a moment ahead of the position that was read first.
        let bytes = |column: &str| {
            row.get::<_, Option<i64>>(column)
                .map(|n| n.max(0).unsigned_abs())
        };
        let lag: Option<f64> = row.get("replay_lag_s");
        Sample {
            pid: row.get("pid"),
            name: clean(row.get("name")).into_owned(),
            state: row.get("state"),
            sync: row.get::<_, Option<bool>>("sync").unwrap_or(false),
            replay_lag: lag.map(|lag| Duration::try_from_secs_f64(lag).unwrap_or_default()),
            replay_position: bytes("replay_position"),
            replay_bytes: bytes("replay_bytes"),
            write_bytes: bytes("write_bytes"),
            reply_us: row.get("reply_us"),
        }
    };
    Ok(rows.iter().map(sample).collect())
}

#[cfg(test)]
mod tests;
