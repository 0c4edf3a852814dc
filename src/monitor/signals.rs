//! Owns the queries of the plain signals (server, activity, locks, write-ahead
//! log) and what their rows mean; replication is a room of its own.

use std::time::Duration;

use jiff::Timestamp;
use tokio_postgres::Row;

use super::blocking::{Involved, forest};
use super::link::{Link, Missed};
use crate::pg::lock;
use crate::reading::server::{Activity, Blocking, Server};
use crate::reading::{Absence, elapsed};
use crate::text::{clean, clean_bounded};

/// Longest statement in the blocking tree, in characters.
const MAX_QUERY: usize = 200;

/// What the server is. Who may not read its identity has a server without one.
pub(super) async fn server(link: &mut Link) -> Result<Server, Missed> {
    let row = link.row(include_str!("sql/server.sql"), &[]).await?;
    let identity = match link.row(include_str!("sql/identity.sql"), &[]).await {
        Ok(row) => Some(row),
        Err(Missed::Absent(_)) => None,
        Err(lost) => return Err(lost),
    };
    Ok(Server {
        version_num: row.get::<_, i32>("version_num").unsigned_abs(),
        version: clean(row.get("version")).into_owned(),
        database: clean(row.get("database")).into_owned(),
        in_recovery: row.get("in_recovery"),
        system_identifier: identity.as_ref().map(|row| row.get("system_identifier")),
        timeline: identity
            .as_ref()
            .map(|row| row.get::<_, i32>("timeline").unsigned_abs()),
    })
}

/// Sessions by state; a part of them would look like a quiet server.
pub(super) async fn activity(link: &mut Link) -> Result<Activity, Missed> {
    let row = link.row(include_str!("sql/activity.sql"), &[]).await?;
    let count = |column: &str| u32::try_from(row.get::<_, i64>(column)).unwrap_or(u32::MAX);
    if count("hidden") > 0 {
        return Err(Missed::Absent(Absence::NoPrivilege));
    }
    Ok(Activity {
        active: count("active"),
        idle_in_transaction: count("idle_in_transaction"),
        total: count("total"),
        limit: count("max"),
        oldest_transaction: seconds(&row, "oldest_s"),
    })
}

/// Who blocks whom.
pub(super) async fn locks(link: &mut Link) -> Result<Blocking, Missed> {
    let rows = link.rows(include_str!("sql/locks.sql"), &[]).await?;
    Ok(forest(rows.iter().map(involved).collect()))
}

fn involved(row: &Row) -> Involved {
    let text = |column: &str| clean(row.get(column)).into_owned();
    let mode: Option<&str> = row.get("mode");
    let pid = row.get("pid");
    Involved {
        pid,
        started_us: row.get("started_us"),
        application: match pid {
            0 => "prepared transaction".to_owned(),
            _ => text("application"),
        },
        user: text("usename"),
        state: text("state"),
        query: clean_bounded(row.get("query"), MAX_QUERY),
        transaction_age: seconds(row, "transaction_s"),
        waited: seconds(row, "waited_s"),
        wants: mode.map(|mode| lock::wanted(mode, row.get("kind"), row.get("relation"))),
        behind: row.get("behind"),
    }
}

/// Position in the write-ahead log, bytes since 0/0.
pub(super) async fn wal_position(link: &mut Link) -> Result<u64, Missed> {
    let row = link.row(include_str!("sql/wal.sql"), &[]).await?;
    let position: Option<i64> = row.get("position");
    position
        .map(i64::unsigned_abs)
        .ok_or(Missed::Absent(Absence::Unsupported))
}

/// Bytes of write-ahead log a second, between two looks.
#[derive(Debug, Default)]
pub(super) struct WalRate {
    last: Option<(Timestamp, u64)>,
}

impl WalRate {
    /// The rate since the look before; there is none at the first look, and none
    /// where the log went back (another server).
    pub(super) fn next(&mut self, position: u64, now: Timestamp) -> Result<f64, Missed> {
        let last = self.last.replace((now, position));
        let rate = last.and_then(|(at, before)| {
            let bytes = position.checked_sub(before)?;
            let time = elapsed(at, now).as_secs_f64();
            (time > 0.0).then(|| bytes as f64 / time)
        });
        rate.ok_or(Missed::Absent(Absence::NotYet))
    }
}

/// A column of seconds; what is negative by a clock's jitter is zero.
fn seconds(row: &Row, column: &str) -> Option<Duration> {
    let seconds: Option<f64> = row.get(column);
    seconds.map(|seconds| Duration::try_from_secs_f64(seconds).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_look_at_the_log_has_no_rate() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let absent = Err(Missed::Absent(Absence::NotYet));
        let mut rate = WalRate::default();
        assert_eq!(rate.next(1000, at(10)), absent);
        assert_eq!(rate.next(5000, at(12)), Ok(2000.0));
        assert_eq!(rate.next(5000, at(13)), Ok(0.0));
        assert_eq!(rate.next(10, at(14)), absent, "another server");
        assert_eq!(rate.next(20, at(14)), absent, "no time has passed");
        assert_eq!(rate.next(30, at(15)), Ok(10.0));
    }
}
