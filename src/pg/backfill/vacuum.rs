//! Owns the vacuums between a backfill's chunks: when one is due, what it may
//! stand in the way of, and what came of it; never copies a row.
//!
//! An update leaves a dead row behind, and a backfill that outruns autovacuum
//! doubles its table. With `vacuum = { dead_tuples = 0.2 }` the table is vacuumed
//! whenever that share of it is dead, on a session beside the workers':
//!
//! - Chunks wait for it, so that it keeps up; after a minute they go on beside
//!   it, since a VACUUM locks out neither reads nor writes.
//! - A pause, a stall, a hold or a stop cancels it. It is begun again when
//!   chunks may go on.
//! - It does not wait where another vacuum is under way, and its request for the
//!   lock ends before it would push an autovacuum aside.
//! - It never truncates the table: that takes ACCESS EXCLUSIVE.
//! - One that removed next to nothing is told with what holds the rows back, and
//!   the next waits longer, up to half an hour.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use crate::pg::bloat::{self, Bloat};
use crate::pg::cadence::Control;
use crate::pg::horizon;
use crate::pg::session::Session;
use crate::plan::{Table, sql};
use crate::reading::server::Horizon;
use crate::run::fault::Fault;
use crate::run::progress::BackfillProgress;
use crate::runbook::unit::{duration, quantity, share};

/// Between two looks at the statistics.
const LOOK: Duration = Duration::from_secs(2);
/// Chunks wait for a vacuum so long, then go on beside it.
const PATIENCE: Duration = Duration::from_secs(60);
/// After a vacuum that was of no use; doubled each time up to the second.
const IN_VAIN: (Duration, Duration) = (Duration::from_secs(60), Duration::from_secs(1800));
/// For a look, on our clock.
const DEADLINE: Duration = Duration::from_secs(5);
/// Statistics may be so far behind.
const STATISTICS: Duration = Duration::from_millis(1100);

/// What was last said of vacuums; shared with whoever reports progress.
pub(super) type Said = Arc<Mutex<Option<String>>>;

/// Keeps a table's dead share below a limit.
pub(super) struct Keeper {
    session: Session,
    table: Table,
    limit: f64,
    /// What the driver wants.
    control: watch::Receiver<Control>,
    /// What chunks are told: the same, less the vacuums.
    orders: watch::Sender<Control>,
    said: Said,
    not_before: Instant,
    patience_in_vain: Duration,
}

/// Adds what was last said of vacuums to every report.
pub(super) fn with_words(
    said: Said,
    mut report: impl FnMut(BackfillProgress) + Send + 'static,
) -> impl FnMut(BackfillProgress) + Send + 'static {
    move |progress| {
        let said = said.lock().unwrap_or_else(PoisonError::into_inner).clone();
        report(BackfillProgress {
            vacuum: said,
            ..progress
        });
    }
}

/// How a vacuum ended.
enum Ended {
    /// By itself.
    Done(Result<(), Fault>),
    /// Chunks may not work either.
    Stopped,
}

impl Keeper {
    /// A keeper with a session of its own, and the control that chunks follow
    /// from now on.
    pub(super) async fn new(
        session: Session,
        table: Table,
        limit: f64,
        control: watch::Receiver<Control>,
    ) -> Result<(Self, watch::Receiver<Control>, Said), Fault> {
        let limits = session
            .client()
            .query_one(include_str!("../sql/vacuum_limits.sql"), &[]);
        let limits = session.bounded(DEADLINE, limits).await;
        limits.map_err(|error| session.fault(&error))?;
        let orders = watch::Sender::new(control.borrow().clone());
        let (followed, said) = (orders.subscribe(), Said::default());
        let keeper = Self {
            session,
            table,
            limit,
            control,
            orders,
            said: Arc::clone(&said),
            not_before: Instant::now(),
            patience_in_vain: IN_VAIN.0,
        };
        Ok((keeper, followed, said))
    }

    /// Passes the driver's control on and vacuums when that is due, until it is
    /// dropped. A session that is lost ends the vacuums, never the backfill.
    pub(super) async fn keep(mut self) -> Infallible {
        let mut looks = interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                changed = self.control.changed() => match changed {
                    Ok(()) => self.pass_on(),
                    Err(_) => self.end().await,
                },
                _ = looks.tick() => {
                    if self.may_work() && Instant::now() >= self.not_before
                        && let Err(fault) = self.look().await
                    {
                        self.say(format!("vacuum: {fault}"));
                        self.not_before = Instant::now() + self.patience_in_vain;
                    }
                }
            }
        }
    }

    /// The driver is gone: chunks stop.
    async fn end(&self) {
        self.orders.send_modify(|orders| orders.stop = true);
        std::future::pending().await
    }

    fn may_work(&self) -> bool {
        let control = self.control.borrow();
        control.go && !control.stop
    }

    fn pass_on(&mut self) {
        let control = self.control.borrow_and_update().clone();
        self.orders.send_if_modified(|orders| {
            let changed = *orders != control;
            *orders = control;
            changed
        });
    }

    fn say(&self, what: String) {
        *self.said.lock().unwrap_or_else(PoisonError::into_inner) = Some(what);
    }

    /// Vacuums where the dead share is above the limit.
    async fn look(&mut self) -> Result<(), Fault> {
        let Some(before) = self.bloat().await? else {
            return Ok(());
        };
        if before.share() <= self.limit || self.is_busy().await? {
            return Ok(());
        }
        let began = Instant::now();
        self.say(format!("vacuum: {} dead, under way", share(before.share())));
        let ended = self.vacuum().await;
        self.pass_on();
        match ended {
            Ended::Stopped => {
                self.say("vacuum: cancelled, as chunks stopped".to_owned());
                Ok(())
            }
            Ended::Done(result) => {
                result?;
                sleep(STATISTICS).await;
                let took = began.elapsed();
                self.judge(before, took).await
            }
        }
    }

    /// Until it ends, or chunks may not work either.
    async fn vacuum(&mut self) -> Ended {
        let sql = sql::vacuum(&self.table);
        let canceller = self.session.canceller();
        let (control, orders) = (&mut self.control, &self.orders);
        orders.send_modify(|orders| orders.go = false);
        let vacuum = canceller.guarded(self.session.client().batch_execute(&sql));
        tokio::pin!(vacuum);
        let patience = sleep(PATIENCE);
        tokio::pin!(patience);
        let mut waiting = true;
        loop {
            tokio::select! {
                ended = &mut vacuum => break Ended::Done(
                    ended.map_err(|error| self.session.describe(&error))
                ),
                () = &mut patience, if waiting => {
                    waiting = false;
                    orders.send_replace(control.borrow().clone());
                }
                changed = control.changed() => {
                    let wanted = control.borrow_and_update().clone();
                    let stopped = changed.is_err() || !wanted.go || wanted.stop;
                    if !waiting || stopped {
                        orders.send_replace(wanted);
                    }
                    if stopped {
                        // Nothing else goes on here until it has ended, or
                        // the request would hit the next statement.
                        let _ = canceller.cancel().await;
                        let _ = timeout(DEADLINE, &mut vacuum).await;
                        break Ended::Stopped;
                    }
                }
            }
        }
    }

    /// Says what came of a vacuum, and waits longer after one in vain.
    async fn judge(&mut self, before: Bloat, took: Duration) -> Result<(), Fault> {
        let Some(after) = self.bloat().await? else {
            return Ok(());
        };
        let done = format!(
            "vacuum: dead {} > {}, {}",
            share(before.share()),
            share(after.share()),
            duration(took)
        );
        if after.dead < before.dead * 0.9 {
            self.patience_in_vain = IN_VAIN.0;
            self.say(done);
            return Ok(());
        }
        self.not_before = Instant::now() + self.patience_in_vain;
        let next = duration(self.patience_in_vain);
        self.patience_in_vain = (self.patience_in_vain * 2).min(IN_VAIN.1);
        let why = match self.horizon().await? {
            Some(horizon) if !horizon.holder.is_empty() => format!(
                "{} holds the rows back, {} transactions old",
                horizon.holder,
                quantity(horizon.age as f64)
            ),
            _ => "this role may not vacuum it, or another vacuum had it".to_owned(),
        };
        self.say(format!(
            "{done}: removed next to nothing: {why}; not again for {next}"
        ));
        Ok(())
    }

    /// `None` where the statistics do not tell.
    async fn bloat(&self) -> Result<Option<Bloat>, Fault> {
        let names: [&(dyn tokio_postgres::types::ToSql + Sync); 2] =
            [&self.table.schema, &self.table.name];
        let row = self.session.client().query_one(bloat::SQL, &names);
        let row = self.session.bounded(DEADLINE, row).await;
        let row = row.map_err(|error| self.session.fault(&error))?;
        Ok(Bloat::of(&row).ok())
    }

    async fn is_busy(&self) -> Result<bool, Fault> {
        let sql = include_str!("../sql/vacuum_under_way.sql");
        let names: [&(dyn tokio_postgres::types::ToSql + Sync); 2] =
            [&self.table.schema, &self.table.name];
        let row = self.session.client().query_one(sql, &names);
        let row = self.session.bounded(DEADLINE, row).await;
        Ok(row.map_err(|error| self.session.fault(&error))?.get("busy"))
    }

    async fn horizon(&self) -> Result<Option<Horizon>, Fault> {
        let row = self.session.client().query_one(horizon::SQL, &[]);
        let row = self.session.bounded(DEADLINE, row).await;
        let row = row.map_err(|error| self.session.fault(&error))?;
        Ok(horizon::of(&row))
    }
}
