//! Owns how old the lead's heartbeat is on each standby; never writes one.
//!
//! Compared are two values of the same clock, the primary's: the beat that it
//! has and the beat that the standby has. So skewed clocks do no harm, and a
//! lead that has stopped beating does not look like lag. A standby is read
//! just after the primary was, never on the primary's time, and one that does
//! not answer holds up nobody else.

use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::link::{Link, Missed};
use crate::clock;
use crate::pg::connect::Target;
use crate::reading::elapsed;
use crate::reading::server::Replica;
use crate::run::event::RunId;

/// How old a standby's answer may be.
const FRESH: Duration = Duration::from_secs(5);
/// Before another attempt to connect.
const AGAIN: Duration = Duration::from_secs(5);

/// The primary's newest beat, microseconds since 1970; `None` where there is none.
pub(super) async fn beat(link: &mut Link, run: &RunId) -> Result<Option<i64>, Missed> {
    let rows = link
        .rows(include_str!("sql/heartbeat.sql"), &[&run.0])
        .await?;
    Ok(rows.first().map(|row| row.get("at_us")))
}

/// How far a standby was behind, and when that was.
type Seen = Option<(Duration, Timestamp)>;

/// A task for each standby that can be reached; they end with this.
pub(super) struct Heartbeats {
    beats: watch::Sender<Option<i64>>,
    seen: Vec<(String, watch::Receiver<Seen>)>,
    _tasks: JoinSet<()>,
}

impl Heartbeats {
    /// Follows the standbys of these names.
    pub(super) fn follow(run: &RunId, standbys: Vec<(String, Target)>) -> Self {
        let beats = watch::Sender::new(None);
        let mut tasks = JoinSet::new();
        let mut seen = Vec::new();
        for (name, target) in standbys {
            let (sender, receiver) = watch::channel(None);
            tasks.spawn(follow(target, run.clone(), beats.subscribe(), sender));
            seen.push((name, receiver));
        }
        Self {
            beats,
            seen,
            _tasks: tasks,
        }
    }

    /// The primary has this beat now.
    pub(super) fn primary_has(&self, beat: Option<i64>) {
        self.beats.send_replace(beat);
    }

    /// Fills in what is known of each.
    pub(super) fn fill(&self, replicas: &mut [Replica], now: Timestamp) {
        for (name, seen) in &self.seen {
            let Some((lag, at)) = *seen.borrow() else {
                continue;
            };
            if elapsed(at, now) > FRESH {
                continue;
            }
            for replica in replicas.iter_mut().filter(|replica| &replica.name == name) {
                replica.heartbeat_lag = Some(lag);
            }
        }
    }
}

/// Reads one standby after each look at the primary, until that ends.
async fn follow(
    target: Target,
    run: RunId,
    mut beats: watch::Receiver<Option<i64>>,
    seen: watch::Sender<Seen>,
) {
    let mut link = None;
    while beats.changed().await.is_ok() {
        let Some(primary) = *beats.borrow_and_update() else {
            continue;
        };
        if link.is_none() {
            link = Link::open(&target).await.ok();
        }
        let Some(open) = &mut link else {
            tokio::time::sleep(AGAIN).await;
            continue;
        };
        match beat(open, &run).await {
            Ok(Some(there)) => {
                let lag =
                    Duration::from_micros(primary.saturating_sub(there).max(0).unsigned_abs());
                seen.send_replace(Some((lag, clock::now())));
            }
            Ok(None) | Err(Missed::Absent(_)) => {}
            Err(Missed::Lost(_)) => link = None,
        }
    }
}
