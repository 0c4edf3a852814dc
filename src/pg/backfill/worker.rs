//! Owns one worker of a backfill: its cursor, its rhythm, and what follows a
//! failure; never what a chunk does (see `copy` and `sweep`).

use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Error, Statement};

use super::bisection::Bisection;
use super::checkpoint::{Checkpoint, Stage};
use super::ledger::Ledger;
use super::{Ended, Job, identity};
use crate::pg::cadence::{Cadence, Control, Pass};
use crate::pg::chunked::ChunkedSession;
use crate::pg::keyset::{Key, Ranged, Reach, Stretch, Walk};
use crate::pg::session::Session;
use crate::plan::sql::BackfillSql;
use crate::run::event::BackfillSummary;
use crate::run::fault::{Fault, Trouble};
use crate::run::progress::{BackfillProgress, BackfillStage};
use crate::runbook::Backfill;

/// Said once where a checkpoint could not be used.
const VOID: &str = "the checkpoint is of another server, table or collation version: started again";

/// Called with every new state.
// Not Sync: what borrows it across an await borrows it mutably.
pub(super) type Report = Box<dyn FnMut(BackfillProgress) + Send>;

/// A session that works its way through a table.
pub(super) struct Worker {
    pub(super) session: ChunkedSession,
    pub(super) statements: Statements,
    pub(super) ledger: Ledger,
    pub(super) spec: Backfill,
    pub(super) cadence: Cadence,
    /// As the database has it.
    pub(super) at: Checkpoint,
    /// The next stretch, found together with the last commit.
    pub(super) ahead: Option<Stretch>,
    pub(super) bisection: Option<Bisection>,
    /// The rows set aside, oldest first, each with its error.
    pub(super) quarantine: Vec<(Key, String)>,
    report: Report,
    rows_total: u64,
    trouble: Option<String>,
    began: Instant,
    age: Duration,
}

/// The statements on the table, prepared.
pub(super) struct Statements {
    pub(super) width: usize,
    pub(super) walk: Walk,
    pub(super) update: Ranged,
    pub(super) update_one: Statement,
    pub(super) sweep: Ranged,
}

/// A chunk that did not go through. Nothing of it is committed, unless the
/// connection is lost.
pub(super) struct Failure {
    pub(super) fault: Fault,
    /// Rows that it visited, or would have at most.
    pub(super) rows: u64,
    /// Its last row, where it was known before it failed.
    pub(super) last: Option<Key>,
}

impl From<Fault> for Failure {
    /// Of the work around a chunk: no row is to blame.
    fn from(fault: Fault) -> Self {
        Self {
            fault,
            rows: 0,
            last: None,
        }
    }
}

impl Worker {
    /// Prepares the statements and finds the checkpoint, or begins one.
    pub(super) async fn open(
        session: Session,
        job: Job,
        control: watch::Receiver<Control>,
        report: Report,
    ) -> Result<Self, Fault> {
        let session = ChunkedSession::new(session, job.spec.chunk.target).await?;
        let client = session.client();
        let identity = session.run(identity::read(client, &job.table)).await?;
        let sql = BackfillSql::new(&job.table, &job.spec);
        let statements = session.run(Statements::prepare(client, &sql)).await?;
        let ledger = Ledger::open(client, job.lease, job.step, job.attempt);
        let ledger = session.run(ledger).await?;
        let start = session.run(ledger.resume(client, &identity)).await?;
        Ok(Self {
            cadence: Cadence::new(job.spec.chunk, start.at.chunk_rows, control),
            quarantine: session.run(ledger.quarantine(client)).await?,
            session,
            statements,
            ledger,
            spec: job.spec,
            at: start.at,
            ahead: None,
            bisection: None,
            report,
            rows_total: job.rows_estimate,
            trouble: start.voided.then(|| VOID.to_owned()),
            began: Instant::now(),
            age: start.age,
        })
    }

    /// Works until it is done, or stopped at the end of a chunk.
    pub(super) async fn run(mut self) -> Result<Ended, Fault> {
        loop {
            if self.at.stage == Stage::Done {
                return Ok(Ended::Done(self.summary()));
            }
            if self.pass().await == Pass::Stop {
                return Ok(Ended::Stopped);
            }
            let outcome = match self.at.stage {
                Stage::Copy => self.copy_chunk().await,
                Stage::Sweep | Stage::Done => self.sweep_chunk().await,
            };
            match outcome {
                Ok(()) => self.report(None),
                Err(failure) => {
                    if self.recover(failure).await? == Pass::Stop {
                        return Ok(Ended::Stopped);
                    }
                }
            }
        }
    }

    /// Rows that the next chunk visits.
    pub(super) fn rows(&self) -> u64 {
        let usual = u64::from(self.cadence.rows());
        self.bisection.map_or(usual, Bisection::rows)
    }

    /// The chunk's work took so long; called before its commit, which saves
    /// the size that follows.
    pub(super) fn learn(&mut self, visited: u64, took: Duration) {
        if self.bisection.is_none() {
            self.cadence.learn(visited, took);
        }
    }

    /// The checkpoint is committed: so many rows are behind the cursor now.
    pub(super) fn passed(&mut self, at: Checkpoint, visited: u64, busy: Duration) {
        self.at = at;
        self.cadence.done(busy);
        self.bisection = self.bisection.and_then(|mut search| search.passed(visited));
    }

    /// A checkpoint whose row was not there any more.
    pub(super) fn expect_saved(saved: bool) -> Result<(), Fault> {
        match saved {
            true => Ok(()),
            false => Err(Fault::new(
                Trouble::Changed,
                "the backfill's checkpoint is gone",
            )),
        }
    }

    async fn pass(&mut self) -> Pass {
        let waiting = BackfillProgress {
            stage: BackfillStage::Waiting,
            ..self.progress(None)
        };
        let report = &mut self.report;
        self.cadence.pass(|| report(waiting.clone())).await
    }

    /// Decides what follows a failure, and waits where it is to be tried again.
    async fn recover(&mut self, failure: Failure) -> Result<Pass, Fault> {
        self.ahead = None;
        if failure.fault.trouble == Trouble::ConnectionLost {
            return Err(failure.fault);
        }
        let client = self.session.client();
        self.session.run(client.batch_execute("ROLLBACK")).await?;
        self.report(Some(failure.fault.message.clone()));
        if failure.rows > 0 && is_about_a_row(&failure.fault) {
            self.isolate(failure).await.map(|()| Pass::Go)
        } else {
            self.cadence.conflict(failure.fault).await
        }
    }

    /// Narrows a failed chunk down, or passes over the one row that it had.
    async fn isolate(&mut self, failure: Failure) -> Result<(), Fault> {
        match &mut self.bisection {
            None => self.bisection = Some(Bisection::of(failure.rows)),
            Some(search) if failure.rows > 1 => search.failed(failure.rows),
            Some(_) if self.at.stage == Stage::Copy => self.set_aside(failure).await?,
            Some(_) => self.step_over(failure).await?,
        }
        Ok(())
    }

    fn report(&mut self, trouble: Option<String>) {
        let trouble = trouble.or_else(|| self.trouble.take());
        let progress = self.progress(trouble);
        (self.report)(progress);
    }

    fn progress(&self, trouble: Option<String>) -> BackfillProgress {
        let stage = match self.at.stage {
            _ if self.bisection.is_some() => BackfillStage::Bisect,
            Stage::Copy => BackfillStage::Copy,
            Stage::Sweep | Stage::Done => BackfillStage::Sweep,
        };
        let last_key = self.at.last_key.as_ref();
        BackfillProgress {
            stage,
            rows_done: self.at.rows_visited,
            rows_total: self.rows_total.max(self.at.rows_visited),
            rows_written: self.at.rows_written,
            chunks: self.at.chunks,
            chunk_rows: u32::try_from(self.rows()).unwrap_or(u32::MAX),
            last_chunk: self.cadence.last_busy(),
            quarantined: self.quarantine.len() as u64,
            swept: self.at.rows_swept,
            last_key: last_key.map(Key::shown).unwrap_or_default(),
            conflicts: self.cadence.conflicts(),
            lost_ms: self.cadence.lost_ms(),
            trouble,
        }
    }

    fn summary(&self) -> BackfillSummary {
        BackfillSummary {
            rows_visited: self.at.rows_visited,
            rows_written: self.at.rows_written,
            chunks: self.at.chunks,
            quarantined: self.quarantine.len() as u64,
            swept: self.at.rows_swept,
            took_ms: (self.age + self.began.elapsed()).as_millis() as u64,
            lost_ms: self.cadence.lost_ms(),
        }
    }
}

impl Statements {
    async fn prepare(client: &Client, sql: &BackfillSql) -> Result<Self, Error> {
        let width = sql.key_width();
        let update_one = sql.update_one();
        Ok(Self {
            width,
            walk: Walk::prepare(client, width, |ends| sql.bound(ends)).await?,
            update: Ranged::prepare(client, width, Reach::Within, |ends| sql.update(ends)).await?,
            update_one: client
                .prepare_typed(&update_one, &vec![Type::TEXT; width])
                .await?,
            sweep: Ranged::prepare(client, width, Reach::Onwards, |ends| sql.sweep(ends)).await?,
        })
    }
}

/// Whether it is the data of a row, or what a trigger or a function says to it:
/// a smaller chunk without that row would pass.
fn is_about_a_row(fault: &Fault) -> bool {
    // Besides data and constraints: cardinality, external routines, WITH CHECK
    // OPTION, and RAISE in PL/pgSQL.
    let class = fault.sqlstate.as_deref().and_then(|code| code.get(..2));
    fault.trouble == Trouble::Row || matches!(class, Some("21" | "38" | "39" | "44" | "P0"))
}
