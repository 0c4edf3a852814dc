//! Owns what all workers of one backfill share: the job, what its checkpoints
//! compare by, and the rows set aside; never works.

use std::sync::{Arc, Mutex, MutexGuard};

use serde_json::Value;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Error};

use super::Job;
use super::range::Part;
use crate::pg::chunked::ChunkedSession;
use crate::pg::keyset::{Key, count};
use crate::run::fault::{Fault, Trouble};
use crate::run::progress::ASIDE_SHOWN;
use crate::runbook::TableName;

/// Rows set aside that are named when too many are.
const NAMED: usize = 3;

/// The newest rows set aside, for people. The errors are clean already.
pub(super) fn shown(quarantine: &[(Key, String)]) -> Vec<(String, String)> {
    let newest = quarantine.iter().rev().take(ASIDE_SHOWN);
    newest
        .map(|(key, why)| (key.to_string(), why.clone()))
        .collect()
}

/// The place of work.
pub(super) struct Site {
    pub(super) job: Job,
    pub(super) identity: Value,
    quarantine: Mutex<Vec<(Key, String)>>,
}

impl Site {
    pub(super) fn new(job: Job, identity: Value, quarantine: Vec<(Key, String)>) -> Self {
        Self {
            job,
            identity,
            quarantine: Mutex::new(quarantine),
        }
    }

    /// The rows set aside, oldest first, each with its error. Never held across
    /// an await.
    fn quarantine(&self) -> MutexGuard<'_, Vec<(Key, String)>> {
        self.quarantine
            .lock()
            .expect("nothing panics under this lock")
    }

    pub(super) fn quarantined(&self) -> u64 {
        self.quarantine().len() as u64
    }

    /// The newest of them, for people.
    pub(super) fn aside(&self) -> Vec<(String, String)> {
        shown(&self.quarantine())
    }

    pub(super) fn is_set_aside(&self, key: &Key) -> bool {
        self.quarantine().iter().any(|(aside, _)| aside == key)
    }

    /// Takes one of the places that there are for rows that fail; the rows that
    /// have them where none is left.
    pub(super) fn set_aside(&self, key: &Key, message: &str) -> Result<(), String> {
        let mut quarantine = self.quarantine();
        if quarantine.len() as u64 >= self.job.spec.max_quarantined {
            let named = quarantine.iter().take(NAMED);
            return Err(named
                .map(|(key, why)| format!("; `{key}`: {why}"))
                .collect());
        }
        quarantine.push((key.clone(), message.to_owned()));
        Ok(())
    }

    /// Gives the place back: the row is not in quarantine after all, or not any
    /// more.
    pub(super) fn take_back(&self, key: &Key) {
        self.quarantine().retain(|(aside, _)| aside != key);
    }

    /// Rows that there are to visit, by the catalog: as it is now, or, before the
    /// first ANALYZE, as it was when the plan was made.
    pub(super) fn estimate(&self, parts: &[Arc<Part>]) -> u64 {
        let rows: Option<u64> = parts.iter().map(|part| part.rows).sum();
        rows.unwrap_or(self.job.rows_estimate)
    }

    /// The parts as the catalog has them now, in the order of their names.
    pub(super) async fn parts(client: &Client, job: &Job) -> Result<Vec<Arc<Part>>, Error> {
        let sql = include_str!("sql/parts.sql");
        let rows = client
            .query(sql, &[&job.table.schema, &job.table.name])
            .await?;
        let parts = rows.iter().map(|row| {
            let rows: Option<i64> = row.get("rows");
            Arc::new(Part {
                oid: row.get("part"),
                name: TableName {
                    schema: Some(row.get("schema")),
                    name: row.get("name"),
                },
                rows: rows.map(i64::unsigned_abs),
            })
        });
        Ok(parts.collect())
    }

    /// Refuses to walk a part whose key is none any more: rows would be walked
    /// twice or never, and every chunk would sort the table.
    pub(super) async fn check_key(
        &self,
        session: &ChunkedSession,
        part: &Part,
    ) -> Result<(), Fault> {
        let sql = include_str!("sql/key_stands.sql");
        let key = self.job.table.key.iter();
        let key: Vec<_> = key.map(|column| column.name.as_str()).collect();
        let parameters: [&(dyn ToSql + Sync); 2] = [&part.oid, &key];
        let stands = session.client().query_one(sql, &parameters);
        if session.run(stands).await?.get("stands") {
            return Ok(());
        }
        let message = format!(
            "({}) is no key of {} any more: no valid, whole unique index over NOT NULL columns",
            key.join(", "),
            part.name,
        );
        let hint = "build its index again with CREATE UNIQUE INDEX CONCURRENTLY, then release";
        Err(Fault::new(Trouble::Changed, message).with_hint(hint))
    }

    /// How many pages a part has.
    pub(super) async fn pages(client: &Client, part: &Part) -> Result<u64, Error> {
        let sql = include_str!("sql/pages.sql");
        let row = client.query_one(sql, &[&part.oid]).await?;
        Ok(count(&row, "pages"))
    }
}
