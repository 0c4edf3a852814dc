//! Owns the retry of the rows in quarantine, each in a transaction of its own;
//! never walks the table.

use std::time::Instant;

use futures_util::future::{try_join, try_join_all};
use tokio::sync::watch;
use tokio_postgres::Statement;
use tokio_postgres::types::Type;

use super::account::Report;
use super::ledger::Ledger;
use super::site::shown;
use super::worker::is_about_a_row;
use super::{Ended, Job};
use crate::pg::cadence::{Cadence, Control, Pass};
use crate::pg::chunked::ChunkedSession;
use crate::pg::keyset::{Key, parameters};
use crate::pg::session::Session;
use crate::plan::sql::BackfillSql;
use crate::run::event::BackfillSummary;
use crate::run::fault::Fault;
use crate::run::progress::{BackfillProgress, BackfillStage};

/// What a retry needs.
struct Retry {
    session: ChunkedSession,
    ledger: Ledger,
    write_one: Vec<Statement>,
    cadence: Cadence,
    progress: BackfillProgress,
    report: Report,
}

/// Tries each row that was set aside once more. One that still fails stays,
/// with its newest error; that is no fault: it was allowed before.
pub(super) async fn run(
    session: Session,
    job: Job,
    control: watch::Receiver<Control>,
    report: Report,
) -> Result<Ended, Fault> {
    let began = Instant::now();
    let session = ChunkedSession::new(session, job.spec.chunk.target).await?;
    let client = session.client();
    let ledger = session.run(Ledger::open(client, &job)).await?;
    let rows = session.run(ledger.quarantine(client)).await?;
    let sql = BackfillSql::new(&job.table, &job.spec);
    let types = vec![Type::TEXT; sql.key_width()];
    let statements = sql.write_one();
    let write_one = statements
        .iter()
        .map(|sql| client.prepare_typed(sql, &types));
    let write_one = session.run(try_join_all(write_one)).await?;
    let mut retry = Retry {
        session,
        ledger,
        write_one,
        cadence: Cadence::new(job.spec.chunk, 1, control),
        progress: BackfillProgress {
            stage: BackfillStage::Copy,
            rows_total: rows.len() as u64,
            quarantined: rows.len() as u64,
            aside: shown(&rows),
            chunk_rows: 1,
            workers: 1,
            ..BackfillProgress::default()
        },
        report,
    };
    for (key, _) in &rows {
        if retry.row(key).await? == Pass::Stop {
            return Ok(Ended::Stopped);
        }
    }
    Ok(Ended::Done(BackfillSummary {
        rows_visited: retry.progress.rows_done,
        rows_written: retry.progress.rows_written,
        chunks: retry.progress.chunks,
        quarantined: retry.progress.quarantined,
        aside: retry.progress.aside,
        took_ms: began.elapsed().as_millis() as u64,
        ..BackfillSummary::default()
    }))
}

impl Retry {
    async fn row(&mut self, key: &Key) -> Result<Pass, Fault> {
        loop {
            let (report, waiting) = (
                &mut self.report,
                BackfillProgress {
                    stage: BackfillStage::Waiting,
                    ..self.progress.clone()
                },
            );
            if self.cadence.pass(|| report(waiting.clone())).await == Pass::Stop {
                return Ok(Pass::Stop);
            }
            let began = Instant::now();
            match self.write(key).await {
                Ok(written) => {
                    self.cadence.done(began.elapsed());
                    self.progress.rows_written += written;
                    self.progress.quarantined -= 1;
                    let name = key.to_string();
                    self.progress.aside.retain(|(aside, _)| *aside != name);
                    self.progress.chunks += 1;
                    self.told(key, None);
                    return Ok(Pass::Go);
                }
                Err(fault) => {
                    let rollback = self.session.client().batch_execute("ROLLBACK");
                    self.session.run(rollback).await?;
                    if is_about_a_row(&fault) {
                        let update = self.ledger.renew(self.session.client(), key, &fault);
                        self.session.run(update).await?;
                        self.told(key, Some(fault.message));
                        return Ok(Pass::Go);
                    }
                    if self.cadence.conflict(fault).await? == Pass::Stop {
                        return Ok(Pass::Stop);
                    }
                }
            }
        }
    }

    /// The row's transaction: it leaves quarantine where it is written, or gone.
    async fn write(&mut self, key: &Key) -> Result<u64, Fault> {
        let client = self.session.client();
        let parameters = parameters([key], None);
        let writes = self.write_one.iter();
        let writes = try_join_all(writes.map(|sql| client.execute(sql, &parameters)));
        let both = try_join(self.ledger.enter(client), writes);
        let (_, written) = self.session.run(both).await?;
        let freed = async {
            self.ledger.free(client, key).await?;
            client.batch_execute("COMMIT").await
        };
        self.session.run(freed).await?;
        Ok(written.iter().sum())
    }

    fn told(&mut self, key: &Key, trouble: Option<String>) {
        self.progress.rows_done += 1;
        self.progress.last_key = key.shown();
        self.progress.trouble = trouble;
        (self.report)(self.progress.clone());
    }
}
