//! Owns the tool's own rows of a backfill, the checkpoints and the quarantine,
//! and the fence in front of them; never touches the table that is filled.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{try_join, try_join4};
use serde_json::Value;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Error, Statement};

use super::Job;
use super::range::{Part, Range};
use crate::pg::keyset::{Key, count};
use crate::pg::lease::Lease;
use crate::run::fault::Fault;
use crate::runbook::StepId;

/// Whatever the database's default is: another isolation level would turn
/// every concurrent write into a serialization failure.
const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE";

/// Where the rows of one round of one backfill are, with one session's
/// statements on them. The statements of a call are sent at once, ahead of
/// their answers.
pub(super) struct Ledger {
    lease: Lease,
    step: StepId,
    attempt: i32,
    round: i32,
    fence: Statement,
    save: Statement,
}

/// What was found.
pub(super) struct Found {
    /// Of parts that are there.
    pub(super) ranges: Vec<Range>,
    /// Since the first chunk, by the server's clock.
    pub(super) age: Duration,
    /// There were checkpoints, and they cannot be used.
    pub(super) voided: bool,
}

impl Ledger {
    /// Prepares the statements.
    pub(super) async fn open(client: &Client, job: &Job) -> Result<Self, Error> {
        let fence = client.prepare(include_str!("../sql/fence.sql"));
        let save = client.prepare(include_str!("sql/checkpoint_save.sql"));
        let (fence, save) = try_join(fence, save).await?;
        Ok(Self {
            lease: job.lease.clone(),
            step: job.step.clone(),
            attempt: job.attempt,
            round: job.round,
            fence,
            save,
        })
    }

    /// Finds the checkpoints. The ranges of a part that is gone are gone.
    pub(super) async fn load(
        &self,
        client: &Client,
        identity: &Value,
        parts: &[Arc<Part>],
    ) -> Result<Found, Error> {
        let sql = include_str!("sql/checkpoint_load.sql");
        let (run, step) = self.names();
        let parameters: [&(dyn ToSql + Sync); 4] = [run, &step, &self.attempt, &self.round];
        let rows = client.query(sql, &parameters).await?;
        let same = |row: &tokio_postgres::Row| &row.get::<_, Value>("identity") == identity;
        let mut found = Found {
            ranges: Vec::new(),
            age: Duration::ZERO,
            voided: !rows.iter().all(same),
        };
        for row in &rows {
            let oid: i64 = row.get("part");
            found.age = found.age.max(Duration::from_millis(count(row, "age_ms")));
            if let Some(part) = parts.iter().find(|part| part.oid == oid) {
                match Range::of(row, part) {
                    Some(range) => found.ranges.push(range),
                    None => found.voided = true,
                }
            }
        }
        if found.voided {
            found.ranges.clear();
            found.age = Duration::ZERO;
        }
        Ok(found)
    }

    /// Writes the first checkpoints over whatever is there, quarantine included.
    pub(super) async fn begin(
        &self,
        client: &Client,
        first: &[Range],
        identity: &Value,
    ) -> Result<(), Error> {
        let clear = include_str!("sql/checkpoint_clear.sql");
        let (run, step) = self.names();
        self.enter(client).await?;
        let parameters: [&(dyn ToSql + Sync); 4] = [run, &step, &self.attempt, &self.round];
        client.execute(clear, &parameters).await?;
        self.add_all(client, first, identity).await
    }

    /// Begins further ranges.
    pub(super) async fn extend(
        &self,
        client: &Client,
        ranges: &[Range],
        identity: &Value,
    ) -> Result<(), Error> {
        self.enter(client).await?;
        self.add_all(client, ranges, identity).await
    }

    /// Adds them and commits; one after the other, there may be thousands.
    async fn add_all(
        &self,
        client: &Client,
        ranges: &[Range],
        identity: &Value,
    ) -> Result<(), Error> {
        let add = client
            .prepare(include_str!("sql/checkpoint_add.sql"))
            .await?;
        for range in ranges {
            self.add(client, &add, range, identity).await?;
        }
        client.batch_execute("COMMIT").await
    }

    /// Cuts a range in two: the lower keeps its checkpoint and gives its upper
    /// part away.
    pub(super) async fn cut(
        &self,
        client: &Client,
        lower: &Range,
        upper: &Range,
        identity: &Value,
    ) -> Result<(), Error> {
        let add = client
            .prepare(include_str!("sql/checkpoint_add.sql"))
            .await?;
        let both = try_join(
            self.save(client, lower),
            self.add(client, &add, upper, identity),
        );
        self.transaction(client, both).await.map(drop)
    }

    async fn add(
        &self,
        client: &Client,
        statement: &Statement,
        range: &Range,
        identity: &Value,
    ) -> Result<(), Error> {
        let (run, step) = self.names();
        let (stage, rows) = (range.at.stage.word(), range.at.chunk_rows.cast_signed());
        let [low, high] = [&range.low, &range.high].map(|end| end.as_ref().map(|key| &key.0));
        let expected = range.at.rows_expected.map(u64::cast_signed);
        let parameters: [&(dyn ToSql + Sync); 12] = [
            run,
            &step,
            &self.attempt,
            &self.round,
            &range.number,
            &range.part.oid,
            &stage,
            &low,
            &high,
            &expected,
            &rows,
            identity,
        ];
        client.execute(statement, &parameters).await.map(drop)
    }

    /// Opens a chunk's transaction and holds the lease in it.
    pub(super) async fn enter(&self, client: &Client) -> Result<(), Error> {
        let begun = client.batch_execute(BEGIN);
        try_join(begun, self.hold_lease(client)).await.map(drop)
    }

    /// Saves a range's checkpoint in the open transaction, which fails where it
    /// is not as this one has it from: whatever COMMIT follows rolls back.
    pub(super) async fn save(&self, client: &Client, range: &Range) -> Result<(), Error> {
        let at = &range.at;
        let [high, key] = [&range.high, &at.last_key].map(|key| key.as_ref().map(|key| &key.0));
        let (run, step) = self.names();
        let rows = at.chunk_rows.cast_signed();
        let expected = at.rows_expected.map(u64::cast_signed);
        let counts = [
            at.rows_visited,
            at.rows_written,
            at.rows_swept,
            at.chunks,
            at.busy.as_millis() as u64,
        ];
        let [visited, written, swept, chunks, busy] = counts.map(u64::cast_signed);
        let stage = at.stage.word();
        let parameters: [&(dyn ToSql + Sync); 16] = [
            run,
            &step,
            &self.attempt,
            &self.round,
            &range.number,
            &stage,
            &high,
            &key,
            &expected,
            &visited,
            &written,
            &swept,
            &chunks,
            &rows,
            &busy,
            &at.saves,
        ];
        client.execute(&self.save, &parameters).await.map(drop)
    }

    /// Saves the checkpoint in a transaction of its own.
    pub(super) async fn record(&self, client: &Client, range: &Range) -> Result<(), Error> {
        self.transaction(client, self.save(client, range)).await
    }

    /// Sets a row aside, and saves the checkpoint that passes over it.
    pub(super) async fn set_aside(
        &self,
        client: &Client,
        key: &Key,
        fault: &Fault,
        range: &Range,
    ) -> Result<(), Error> {
        let sql = client
            .prepare(include_str!("sql/quarantine_add.sql"))
            .await?;
        let add = self.aside(client, &sql, key, fault);
        let both = try_join(add, self.save(client, range));
        self.transaction(client, both).await.map(drop)
    }

    /// Takes a row out of quarantine, in the open transaction.
    pub(super) async fn free(&self, client: &Client, key: &Key) -> Result<(), Error> {
        let sql = include_str!("sql/quarantine_remove.sql");
        let (run, step) = self.names();
        let parameters: [&(dyn ToSql + Sync); 4] = [run, &step, &self.attempt, &key.0];
        client.execute(sql, &parameters).await.map(drop)
    }

    /// Writes down what a row in quarantine says by now.
    pub(super) async fn renew(
        &self,
        client: &Client,
        key: &Key,
        fault: &Fault,
    ) -> Result<(), Error> {
        let sql = client
            .prepare(include_str!("sql/quarantine_add.sql"))
            .await?;
        self.transaction(client, self.aside(client, &sql, key, fault))
            .await
    }

    async fn aside(
        &self,
        client: &Client,
        sql: &Statement,
        key: &Key,
        fault: &Fault,
    ) -> Result<(), Error> {
        let (run, step) = self.names();
        let (state, message) = (&fault.sqlstate, &fault.message);
        let parameters: [&(dyn ToSql + Sync); 6] =
            [run, &step, &self.attempt, &key.0, state, message];
        client.execute(sql, &parameters).await.map(drop)
    }

    /// The rows set aside so far, each with its error, oldest first.
    pub(super) async fn quarantine(&self, client: &Client) -> Result<Vec<(Key, String)>, Error> {
        let sql = include_str!("sql/quarantine_load.sql");
        let (run, step) = self.names();
        let rows = client.query(sql, &[run, &step, &self.attempt]).await?;
        let entries = rows
            .iter()
            .map(|row| (Key(row.get("key")), row.get("message")));
        Ok(entries.collect())
    }

    /// A transaction in one round trip: what fails in it makes the COMMIT roll
    /// back, and is the error that comes first. The work is of prepared
    /// statements, which are sent when it is first polled, so before COMMIT.
    async fn transaction<T>(
        &self,
        client: &Client,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let begun = client.batch_execute(BEGIN);
        let committed = client.batch_execute("COMMIT");
        let (_, (), done, ()) = try_join4(begun, self.hold_lease(client), work, committed).await?;
        Ok(done)
    }

    async fn hold_lease(&self, client: &Client) -> Result<(), Error> {
        let Lease { run, token } = &self.lease;
        client
            .execute(&self.fence, &[&run.0, token])
            .await
            .map(drop)
    }

    fn names(&self) -> (&String, &str) {
        (&self.lease.run.0, self.step.as_str())
    }
}
