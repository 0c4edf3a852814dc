//! Owns the walk of one comparison: its chunks and the looks at what differs;
//! never decides what a difference means.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::watch;
use tokio_postgres::{Client, Error, Row};

use super::suspects::{Differences, Suspects};
use super::tally::Tally;
use super::{Ended, Job};
use crate::pg::cadence::{Cadence, Control, Pass};
use crate::pg::chunked::ChunkedSession;
use crate::pg::keyset::{Key, Ranged, Reach, count, limit, parameters};
use crate::pg::session::Session;
use crate::plan::sql::ParitySql;
use crate::run::event::ParitySummary;
use crate::run::fault::{Fault, Trouble};
use crate::run::progress::ParityProgress;

/// Rows of the first chunk: its cost a row is not known yet.
const FIRST_CHUNK: u32 = 1000;
/// Before each further look at what differed: an application that writes both
/// sides by itself gets time to finish.
const LOOKS: [Duration; 3] = [
    Duration::from_millis(200),
    Duration::from_millis(400),
    Duration::from_millis(800),
];

/// Called with every new state.
// Not Sync: what borrows it across an await borrows it mutably.
pub(super) type Report = Box<dyn FnMut(ParityProgress) + Send>;

/// A session that works its way through a table.
pub(super) struct Comparison {
    session: ChunkedSession,
    width: usize,
    compare: Ranged,
    cadence: Cadence,
    after: Option<Key>,
    tally: Tally,
    rows_estimate: u64,
    report: Report,
    began: Instant,
    wal: String,
}

/// What one look at some rows gave.
struct Look {
    last: Key,
    visited: u64,
    compared: u64,
    differences: Differences,
}

impl Comparison {
    /// Prepares the statements, on a session that can only read from here on.
    pub(super) async fn open(
        session: Session,
        job: Job,
        control: watch::Receiver<Control>,
        report: Report,
    ) -> Result<Self, Fault> {
        let session = ChunkedSession::new(session, job.spec.chunk.target).await?;
        let client = session.client();
        session
            .run(client.batch_execute("SET default_transaction_read_only = on"))
            .await?;
        let sql = ParitySql::new(&job.table, &job.spec);
        let (width, compare) = (sql.key_width(), |ends| sql.compare(ends));
        let compare = Ranged::prepare(client, width, Reach::Limited, compare);
        let compare = session.run(compare).await?;
        let (wal, _) = session.run(position(client)).await?;
        Ok(Self {
            session,
            width,
            compare,
            cadence: Cadence::new(job.spec.chunk, FIRST_CHUNK, control),
            after: None,
            tally: Tally::default(),
            rows_estimate: job.rows_estimate,
            report,
            began: Instant::now(),
            wal,
        })
    }

    /// Compares until the end, or until it is stopped.
    pub(super) async fn run(mut self) -> Result<Ended, Fault> {
        self.tally.add_rows(0, 0, self.began);
        loop {
            if self.cadence.pass(|| {}).await == Pass::Stop {
                return Ok(Ended::Stopped);
            }
            let rows = u64::from(self.cadence.rows());
            let pass = match self.chunk(rows).await {
                Ok(Some(visited)) if visited < rows => {
                    return self.summary().await.map(Ended::Done);
                }
                Ok(Some(_)) => Pass::Go,
                Ok(None) => Pass::Stop,
                Err(fault) if fault.trouble == Trouble::ConnectionLost => return Err(fault),
                Err(fault) => self.cadence.conflict(fault).await?,
            };
            if pass == Pass::Stop {
                return Ok(Ended::Stopped);
            }
        }
    }

    /// Compares the next chunk; how many rows it visited, or none when it was
    /// stopped between two looks. Until it is through nothing of it counts.
    async fn chunk(&mut self, rows: u64) -> Result<Option<u64>, Fault> {
        let began = Instant::now();
        let Some(look) = self.look(None, rows).await? else {
            return Ok(Some(0));
        };
        let busy = began.elapsed();
        let found = look.differences.len() as u64;
        let Some((confirmed, hot)) = self.settle(look.differences, &look.last).await? else {
            return Ok(None);
        };
        self.cadence.learn(look.visited, busy);
        self.cadence.done(busy);
        self.after = Some(look.last);
        self.tally.suspects += found;
        self.tally
            .add_rows(look.visited, look.compared, Instant::now());
        self.tally.add_verdict(&confirmed, hot);
        (self.report)(self.tally.progress(self.rows_estimate));
        Ok(Some(look.visited))
    }

    /// Looks again at the rows that differed, all of the chunk at a time, until
    /// each is settled or hot. None when it was stopped.
    async fn settle(
        &mut self,
        differences: Differences,
        last: &Key,
    ) -> Result<Option<(Vec<Key>, u64)>, Fault> {
        let mut suspects = Suspects::new(differences);
        for wait in LOOKS {
            if suspects.is_settled() {
                break;
            }
            if self.cadence.back_off(wait).await == Pass::Stop {
                return Ok(None);
            }
            let again = self.look(Some(last), u64::MAX).await?;
            suspects.look(again.map(|look| look.differences).unwrap_or_default());
        }
        Ok(Some(suspects.verdict()))
    }

    /// Compares rows behind the cursor, up to a key where one is given. None
    /// where there is no row.
    async fn look(&mut self, last: Option<&Key>, rows: u64) -> Result<Option<Look>, Fault> {
        let (after, limit) = (self.after.as_ref(), limit(rows));
        let parameters = parameters(after.into_iter().chain(last), Some(&limit));
        let rows = self
            .session
            .client()
            .query(self.compare.form(after, last), &parameters);
        let rows = self.session.run(rows).await?;
        Ok(Look::of(&rows, self.width))
    }

    async fn summary(self) -> Result<ParitySummary, Fault> {
        let (wal, at) = self.session.run(position(self.session.client())).await?;
        Ok(ParitySummary {
            rows: self.tally.compared,
            coverage: self.tally.coverage(),
            confirmed: self.tally.confirmed,
            hot: self.tally.hot,
            samples: self.tally.samples,
            wal: (self.wal, wal),
            at,
            took_ms: self.began.elapsed().as_millis() as u64,
        })
    }
}

impl Look {
    /// From rows of [`ParitySql::compare`].
    fn of(rows: &[Row], width: usize) -> Option<Self> {
        let end = rows.last()?;
        let differing = rows.iter().filter(|row| row.get(width + 2));
        Some(Self {
            last: Key::of(end, width),
            visited: count(end, width),
            compared: count(end, width + 1),
            differences: differing
                .map(|row| (Key::of(row, width), row.get(width + 3)))
                .collect(),
        })
    }
}

/// `pg_current_wal_lsn()`, and the server's clock.
async fn position(client: &Client) -> Result<(String, Timestamp), Error> {
    let row = client
        .query_one(include_str!("sql/position.sql"), &[])
        .await?;
    Ok((row.get("wal"), row.get("at")))
}
