//! Owns one worker of a backfill: its session, its rhythm, and what follows a
//! failure; never what a chunk does (see `copy` and `sweep`), nor which range it
//! works on.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{try_join_all, try_join4};
use tokio::sync::{mpsc, watch};
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Error, Statement};

use super::bisection::Bisection;
use super::ledger::Ledger;
use super::range::{Part, Range, Stage};
use super::served;
use super::site::Site;
use crate::pg::cadence::{Cadence, Control, OVERRUN, Pass};
use crate::pg::chunked::ChunkedSession;
use crate::pg::keyset::{Key, Ranged, Reach, Stretch, Walk};
use crate::plan::sql::BackfillSql;
use crate::run::fault::{Fault, Trouble};

/// A worker without work: a session that knows how to write checkpoints.
pub(super) struct Hand {
    pub(super) number: u16,
    pub(super) session: ChunkedSession,
    pub(super) ledger: Ledger,
    pub(super) cadence: Cadence,
    /// The statements on the part that it worked on last.
    gear: Option<(i64, Statements)>,
    waits: mpsc::Sender<u16>,
}

/// A worker at its range.
pub(super) struct Worker {
    pub(super) hand: Hand,
    pub(super) site: Arc<Site>,
    pub(super) statements: Statements,
    /// As the database has it.
    pub(super) range: Range,
    /// The next stretch, found together with the last commit.
    pub(super) ahead: Option<Stretch>,
    pub(super) bisection: Option<Bisection>,
}

/// How a worker's turn went.
#[derive(Debug)]
pub(super) enum Turn {
    /// A chunk is committed, or a row is passed over.
    Done,
    /// The chunk met that; it is tried again, smaller or later.
    Trouble(String),
    /// Told to stop.
    Stopped,
}

/// The statements on a part, prepared.
pub(super) struct Statements {
    pub(super) width: usize,
    pub(super) walk: Walk,
    /// What a chunk runs, in order.
    pub(super) writes: Vec<Ranged>,
    pub(super) write_one: Vec<Statement>,
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

impl Hand {
    /// `waits` hears its number whenever it begins to wait.
    pub(super) async fn new(
        number: u16,
        session: ChunkedSession,
        job: &super::Job,
        orders: watch::Receiver<Control>,
        waits: mpsc::Sender<u16>,
    ) -> Result<Self, Fault> {
        let ledger = session.run(Ledger::open(session.client(), job)).await?;
        Ok(Self {
            number,
            ledger,
            session,
            cadence: Cadence::new(job.spec.chunk, super::FIRST_CHUNK, orders),
            gear: None,
            waits,
        })
    }

    /// Goes to work on a range.
    pub(super) async fn take(mut self, range: Range, site: Arc<Site>) -> Result<Worker, Fault> {
        let statements = match self.gear.take() {
            Some((part, statements)) if part == range.part.oid => statements,
            _ => self.equip(&range.part, &site).await?,
        };
        self.cadence.resize(range.at.chunk_rows);
        Ok(Worker {
            hand: self,
            site,
            statements,
            range,
            ahead: None,
            bisection: None,
        })
    }

    async fn equip(&self, part: &Part, site: &Site) -> Result<Statements, Fault> {
        site.check_key(&self.session, part).await?;
        served::check(&self.session, &site.job, part).await?;
        let sql = BackfillSql::of_part(&site.job.table, &part.name, &site.job.spec);
        let statements = Statements::prepare(self.session.client(), &sql);
        self.session.run(statements).await
    }
}

impl Worker {
    /// Lays its work down.
    pub(super) fn leave(self) -> Hand {
        let mut hand = self.hand;
        hand.gear = Some((self.range.part.oid, self.statements));
        hand
    }

    /// Waits until it may, then works on one chunk.
    pub(super) async fn turn(&mut self) -> Result<Turn, Fault> {
        let hand = &mut self.hand;
        // A full queue loses it: then others are known to wait.
        let waits = || _ = hand.waits.try_send(hand.number);
        if hand.cadence.pass(waits).await == Pass::Stop {
            return Ok(Turn::Stopped);
        }
        let outcome = match self.range.at.stage {
            Stage::Copy => self.copy_chunk().await,
            Stage::Sweep | Stage::Done => self.sweep_chunk().await,
        };
        match outcome {
            Ok(()) => {
                self.suspect().await?;
                Ok(Turn::Done)
            }
            Err(failure) => self.recover(failure).await,
        }
    }

    /// A chunk that took far too long may have lost its index under its feet.
    async fn suspect(&self) -> Result<(), Fault> {
        let target = self.site.job.spec.chunk.target;
        match self.hand.cadence.last_busy() > target * OVERRUN {
            true => self.check_key().await,
            false => Ok(()),
        }
    }

    async fn check_key(&self) -> Result<(), Fault> {
        self.site
            .check_key(&self.hand.session, &self.range.part)
            .await
    }

    pub(super) fn client(&self) -> &Client {
        self.hand.session.client()
    }

    /// Rows that the next chunk visits.
    pub(super) fn rows(&self) -> u64 {
        let usual = u64::from(self.hand.cadence.rows());
        self.bisection.map_or(usual, Bisection::rows)
    }

    /// The chunk's work took so long; called before its commit, which saves
    /// the size that follows.
    pub(super) fn learn(&mut self, visited: u64, took: Duration) {
        if self.bisection.is_none() {
            self.hand.cadence.learn(visited, took);
        }
    }

    /// That checkpoint is committed: so many rows are behind the cursor now.
    pub(super) fn passed(&mut self, next: Range, visited: u64, busy: Duration) {
        self.range = next;
        self.range.at.saves += 1;
        self.hand.cadence.done(busy);
        self.bisection = self.bisection.and_then(|mut search| search.passed(visited));
    }

    /// Decides what follows a failure, and waits where it is to be tried again.
    async fn recover(&mut self, failure: Failure) -> Result<Turn, Fault> {
        self.ahead = None;
        if failure.fault.trouble == Trouble::ConnectionLost {
            return Err(failure.fault);
        }
        let rollback = self.client().batch_execute("ROLLBACK");
        self.hand.session.run(rollback).await?;
        let trouble = failure.fault.message.clone();
        if failure.rows > 0 && is_about_a_row(&failure.fault) {
            self.isolate(failure).await?;
        } else {
            if matches!(
                failure.fault.trouble,
                Trouble::Cancelled | Trouble::Deadline
            ) {
                self.check_key().await?;
            }
            if self.hand.cadence.conflict(failure.fault).await? == Pass::Stop {
                return Ok(Turn::Stopped);
            }
        }
        Ok(Turn::Trouble(trouble))
    }

    /// Narrows a failed chunk down, or passes over the one row that it had.
    async fn isolate(&mut self, failure: Failure) -> Result<(), Fault> {
        match &mut self.bisection {
            None => self.bisection = Some(Bisection::of(failure.rows)),
            Some(search) if failure.rows > 1 => search.failed(failure.rows),
            Some(_) if self.range.at.stage == Stage::Copy => self.set_aside(failure).await?,
            Some(_) => self.step_over(failure).await?,
        }
        Ok(())
    }
}

impl Statements {
    async fn prepare(client: &Client, sql: &BackfillSql) -> Result<Self, Error> {
        let width = sql.key_width();
        let one = sql.write_one();
        let key = vec![Type::TEXT; width];
        let writes = (0..one.len()).map(|place| {
            let write = move |ends| sql.writes(ends).swap_remove(place);
            Ranged::prepare(client, width, Reach::Stretch, write)
        });
        let write_one = one.iter().map(|sql| client.prepare_typed(sql, &key));
        let (walk, writes, write_one, sweep) = try_join4(
            Walk::prepare(client, width, |ends| sql.bound(ends)),
            try_join_all(writes),
            try_join_all(write_one),
            Ranged::prepare(client, width, Reach::Limited, |ends| sql.sweep(ends)),
        )
        .await?;
        Ok(Self {
            width,
            walk,
            writes,
            write_one,
            sweep,
        })
    }
}

/// Whether it is the data of a row, or what a trigger or a function says to it:
/// a smaller chunk without that row would pass.
pub(super) fn is_about_a_row(fault: &Fault) -> bool {
    // Besides data and constraints: cardinality, external routines, WITH CHECK
    // OPTION, and RAISE in PL/pgSQL.
    let class = fault.sqlstate.as_deref().and_then(|code| code.get(..2));
    fault.trouble == Trouble::Row || matches!(class, Some("21" | "38" | "39" | "44" | "P0"))
}
