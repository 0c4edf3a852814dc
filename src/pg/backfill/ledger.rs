//! Owns the tool's own rows of a backfill, the checkpoint and the quarantine,
//! and the fence in front of them; never touches the table that is filled.

use std::time::Duration;

use futures_util::future::{try_join, try_join4};
use serde_json::Value;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Error, Statement};

use super::checkpoint::Checkpoint;
use crate::pg::keyset::{Key, count};
use crate::pg::lease::Lease;
use crate::run::fault::Fault;
use crate::runbook::StepId;

/// Rows of the first chunk of all: its cost a row is not known yet.
const FIRST_CHUNK: u32 = 1000;
/// The only worker, for now.
const WORKER: i32 = 0;
/// Whatever the database's default is: another isolation level would turn
/// every concurrent write into a serialization failure.
const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE";

/// Where the rows of one backfill are, with the statements on them. The
/// statements of a call are sent at once, ahead of their answers.
pub(super) struct Ledger {
    lease: Lease,
    step: StepId,
    attempt: i32,
    fence: Statement,
    save: Statement,
}

/// Where to go on.
pub(super) struct Start {
    pub(super) at: Checkpoint,
    /// Since the first chunk, by the server's clock.
    pub(super) age: Duration,
    /// There was a checkpoint, and it could not be used.
    pub(super) voided: bool,
}

impl Ledger {
    /// Prepares the statements.
    pub(super) async fn open(
        client: &Client,
        lease: Lease,
        step: StepId,
        attempt: i32,
    ) -> Result<Self, Error> {
        Ok(Self {
            fence: client.prepare(include_str!("../sql/fence.sql")).await?,
            save: client
                .prepare(include_str!("sql/checkpoint_save.sql"))
                .await?,
            lease,
            step,
            attempt,
        })
    }

    /// Finds the checkpoint, or writes the first one where there is none or its
    /// identity is another.
    pub(super) async fn resume(&self, client: &Client, identity: &Value) -> Result<Start, Error> {
        let sql = include_str!("sql/checkpoint_load.sql");
        let (run, step) = self.names();
        let found = client
            .query_opt(sql, &[run, &step, &self.attempt, &WORKER])
            .await?;
        if let Some(row) = &found
            && &row.get::<_, Value>("identity") == identity
            && let Some(at) = Checkpoint::of(row)
        {
            return Ok(Start {
                at,
                age: Duration::from_millis(count(row, "age_ms")),
                voided: false,
            });
        }
        let at = Checkpoint::start(FIRST_CHUNK);
        self.begin(client, &at, identity).await?;
        Ok(Start {
            at,
            age: Duration::ZERO,
            voided: found.is_some(),
        })
    }

    /// Writes the first checkpoint over whatever is there, quarantine included.
    async fn begin(
        &self,
        client: &Client,
        first: &Checkpoint,
        identity: &Value,
    ) -> Result<(), Error> {
        let sql = client
            .prepare(include_str!("sql/checkpoint_begin.sql"))
            .await?;
        let (run, step) = self.names();
        let rows = first.chunk_rows.cast_signed();
        self.transaction(client, async {
            let attempt = &self.attempt;
            client
                .execute(&sql, &[run, &step, attempt, &WORKER, &rows, identity])
                .await
        })
        .await
        .map(drop)
    }

    /// Opens a chunk's transaction and holds the lease in it.
    pub(super) async fn enter(&self, client: &Client) -> Result<(), Error> {
        let begun = client.batch_execute(BEGIN);
        try_join(begun, self.hold_lease(client)).await.map(drop)
    }

    /// Saves the checkpoint in the open transaction; false when its row is gone.
    pub(super) async fn save(&self, client: &Client, at: &Checkpoint) -> Result<bool, Error> {
        let key = at.last_key.as_ref().map(|key| &key.0);
        let (run, step) = self.names();
        let rows = at.chunk_rows.cast_signed();
        let counts = [
            at.rows_visited,
            at.rows_written,
            at.rows_swept,
            at.chunks,
            at.busy.as_millis() as u64,
        ];
        let [visited, written, swept, chunks, busy] = counts.map(u64::cast_signed);
        let (attempt, stage) = (&self.attempt, at.stage.word());
        let parameters: [&(dyn ToSql + Sync); 12] = [
            run, &step, attempt, &WORKER, &stage, &key, &visited, &written, &swept, &chunks, &rows,
            &busy,
        ];
        Ok(client.execute(&self.save, &parameters).await? == 1)
    }

    /// Saves the checkpoint in a transaction of its own.
    pub(super) async fn record(&self, client: &Client, at: &Checkpoint) -> Result<bool, Error> {
        self.transaction(client, self.save(client, at)).await
    }

    /// Sets a row aside, and saves the checkpoint that passes over it.
    pub(super) async fn set_aside(
        &self,
        client: &Client,
        key: &Key,
        fault: &Fault,
        at: &Checkpoint,
    ) -> Result<bool, Error> {
        let sql = client
            .prepare(include_str!("sql/quarantine_add.sql"))
            .await?;
        let (run, step) = self.names();
        let add = async {
            let (state, message) = (&fault.sqlstate, &fault.message);
            client
                .execute(&sql, &[run, &step, &self.attempt, &key.0, state, message])
                .await
        };
        let both = try_join(add, self.save(client, at));
        let (_, saved) = self.transaction(client, both).await?;
        Ok(saved)
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
