//! Owns which number of what was read is a guard's value; pure. What cannot be
//! told is absent, with its reason, never 0.

use crate::reading::lag::worst_lag;
use crate::reading::server::{Readings, Replica, Slot};
use crate::reading::{Absence, Reading};
use crate::runbook::{Guard, Signal, Standby, StandbyId};

/// A guard's value in its signal's unit. `expected` are the first connection's
/// standbys.
pub fn value(guard: &Guard, readings: &Readings, expected: &[Standby]) -> Reading<f64> {
    match &guard.signal {
        Signal::ReplicationLag { standby: None } => {
            let names: Vec<_> = expected.iter().map(|s| &*s.application_name).collect();
            worst_lag(&readings.replication, &names)
        }
        Signal::ReplicationLag { standby: Some(id) } => lag_of(&readings.replication, expected, id),
        Signal::WaitingBehindUs => readings.locks.map(|locks| f64::from(locks.waiting_on_us)),
        Signal::WalRate => readings.wal_rate.clone(),
        Signal::ArchiveQueue => readings.archive_queue.map(|files| *files as f64),
        Signal::SlotRetention { slot } => retained(&readings.slots, slot.as_deref()),
        Signal::OldestXmin => readings.horizon.map(|horizon| horizon.age as f64),
        Signal::DeadTuples { table } => {
            let table = readings.dead_tuples.get(&table.to_string());
            table.cloned().unwrap_or_default()
        }
        Signal::ActiveBackends => readings.activity.map(|all| f64::from(all.active)),
        Signal::Sql { .. } => {
            let answer = readings.probes.get(guard.id.as_str());
            answer.cloned().unwrap_or_default()
        }
    }
}

/// The lag of one expected standby, by its id.
fn lag_of(
    replication: &Reading<Vec<Replica>>,
    expected: &[Standby],
    id: &StandbyId,
) -> Reading<f64> {
    match expected.iter().find(|standby| standby.id == *id) {
        Some(standby) => worst_lag(replication, &[&standby.application_name]),
        // Checked when the runbook was loaded.
        None => Reading::Absent {
            why: Absence::Unsupported,
            since: None,
        },
    }
}

/// Bytes that a slot keeps, or the worst of all: where there is none, none are
/// kept. A named slot that is gone or lost keeps nothing any more, which is no
/// relief: whoever reads it has to start anew.
fn retained(slots: &Reading<Vec<Slot>>, name: Option<&str>) -> Reading<f64> {
    let Some(name) = name else {
        return slots.map(|slots| {
            let kept = slots.iter().filter_map(|slot| slot.retained);
            kept.max().unwrap_or(0) as f64
        });
    };
    let found = slots.map(|slots| slots.iter().find(|slot| slot.name == name).cloned());
    let absent = |why: &str, at| Reading::Absent {
        why: Absence::Failed(format!("slot {name} is {why}")),
        since: Some(at),
    };
    match found {
        Reading::Absent { why, since } => Reading::Absent { why, since },
        Reading::Measured { value: None, at } => absent("GONE", at),
        Reading::Measured {
            value: Some(slot),
            at,
        } => match slot.retained {
            Some(bytes) if !slot.lost => Reading::measured(bytes as f64, at),
            _ if slot.lost => absent("LOST", at),
            _ => Reading::measured(0.0, at),
        },
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    fn slots(slots: &[(&str, bool, Option<u64>)]) -> Reading<Vec<Slot>> {
        let slots = slots.iter().map(|(name, lost, retained)| Slot {
            name: (*name).to_owned(),
            lost: *lost,
            retained: *retained,
        });
        Reading::measured(slots.collect(), Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn the_worst_slot_counts_and_a_named_one_by_itself() {
        let all = slots(&[
            ("a", false, Some(10)),
            ("b", false, Some(70)),
            ("c", true, None),
        ]);
        assert_eq!(retained(&all, None).value(), Some(&70.0));
        assert_eq!(retained(&all, Some("a")).value(), Some(&10.0));
        assert_eq!(retained(&slots(&[]), None).value(), Some(&0.0));
    }

    #[test]
    fn a_slot_that_is_gone_or_lost_is_not_a_slot_that_keeps_nothing() {
        let all = slots(&[("c", true, None), ("unused", false, None)]);
        for (name, why) in [("c", "slot c is LOST"), ("d", "slot d is GONE")] {
            match retained(&all, Some(name)) {
                Reading::Absent { why: told, .. } => assert_eq!(told.detail(), why),
                measured => panic!("{measured:?}"),
            }
        }
        assert_eq!(retained(&all, Some("unused")).value(), Some(&0.0));
        assert_eq!(retained(&Reading::default(), None), Reading::default());
    }
}
