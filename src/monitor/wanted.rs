//! Owns the signals that are read only because a guard asks for them: which,
//! how often, and what their rows mean. What no guard asks for is not polled.

use std::collections::BTreeMap;
use std::time::Duration;

use super::link::{Link, Missed};
use crate::pg::bloat::{self, Bloat, Unknown};
use crate::pg::horizon;
use crate::reading::Absence;
use crate::reading::server::{Horizon, Slot};
use crate::runbook::{Guard, Signal, TableName};

/// Polls between two looks, where some guard wants one.
type Every = Option<u64>;

/// How often each of them is wanted.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    pub(super) activity: Every,
    pub(super) archive: Every,
    pub(super) slots: Every,
    pub(super) horizon: Every,
    pub(super) dead_tuples: BTreeMap<TableName, Every>,
}

impl Wanted {
    /// By the guards that want them, each as often as the most eager does.
    pub(super) fn by(guards: &[Guard], tick: Duration) -> Self {
        let mut wanted = Self::default();
        for guard in guards {
            let every = match &guard.signal {
                Signal::ActiveBackends => &mut wanted.activity,
                Signal::ArchiveQueue => &mut wanted.archive,
                Signal::SlotRetention { .. } => &mut wanted.slots,
                Signal::OldestXmin => &mut wanted.horizon,
                Signal::DeadTuples { table } => {
                    wanted.dead_tuples.entry(table.clone()).or_default()
                }
                // On the screen anyway, once a second; or on a session of its own.
                Signal::ReplicationLag { .. }
                | Signal::WaitingBehindUs
                | Signal::WalRate
                | Signal::Sql { .. } => continue,
            };
            let polls = (guard.every.as_secs() / tick.as_secs().max(1)).max(1);
            *every = Some(every.map_or(polls, |other| other.min(polls)));
        }
        wanted
    }
}

/// Whether a look is due at that poll.
pub(super) fn due(every: Every, tick: u64) -> bool {
    every.is_some_and(|every| tick.is_multiple_of(every))
}

/// Files that wait to be archived. Where nothing is archived there is no queue.
pub(super) async fn archive_queue(link: &mut Link) -> Result<u64, Missed> {
    let row = link.row(include_str!("sql/archive.sql"), &[]).await?;
    let ready: Option<i64> = row.get("ready");
    ready
        .map(i64::unsigned_abs)
        .ok_or(Missed::Absent(Absence::Unsupported))
}

/// Every replication slot.
pub(super) async fn slots(link: &mut Link) -> Result<Vec<Slot>, Missed> {
    let rows = link.rows(include_str!("sql/slots.sql"), &[]).await?;
    let slot = |row: &tokio_postgres::Row| Slot {
        name: row.get("name"),
        lost: row.get("lost"),
        // A slot may be a moment ahead of the position that was read.
        retained: row
            .get::<_, Option<i64>>("retained")
            .map(|bytes| bytes.max(0).unsigned_abs()),
    };
    Ok(rows.iter().map(slot).collect())
}

/// What holds vacuum back; a part of the sessions would look like nothing.
pub(super) async fn horizon(link: &mut Link) -> Result<Horizon, Missed> {
    let row = link.row(horizon::SQL, &[]).await?;
    horizon::of(&row).ok_or(Missed::Absent(Absence::NoPrivilege))
}

/// Dead share of a table's tuples.
pub(super) async fn dead_tuples(link: &mut Link, table: &TableName) -> Result<f64, Missed> {
    let row = link.row(bloat::SQL, &[&table.schema, &table.name]).await?;
    let bloat = Bloat::of(&row).map_err(|unknown| {
        Missed::Absent(match unknown {
            Unknown::NotCounted => Absence::Unsupported,
            Unknown::NoTable => Absence::Failed(format!("there is no table {table}")),
            Unknown::NoStatistics => Absence::Failed(format!("no statistics of {table}")),
        })
    })?;
    Ok(bloat.share())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runbook::{GuardId, NoData};

    fn guard(signal: Signal, seconds: u64) -> Guard {
        Guard {
            id: GuardId::new("g"),
            every: Duration::from_secs(seconds),
            signal,
            throttle: None,
            stall: None,
            hold: None,
            no_data: NoData::default(),
        }
    }

    #[test]
    fn only_what_a_guard_asks_for_is_read_as_often_as_the_most_eager_asks() {
        let guards = [
            guard(Signal::OldestXmin, 10),
            guard(Signal::OldestXmin, 4),
            guard(Signal::WalRate, 1),
        ];
        let wanted = Wanted::by(&guards, Duration::from_secs(1));
        assert_eq!(wanted.horizon, Some(4));
        assert!(due(wanted.horizon, 8) && !due(wanted.horizon, 9));
        assert!(!due(wanted.slots, 0) && !due(wanted.archive, 0));
        assert!(wanted.dead_tuples.is_empty());
    }
}
