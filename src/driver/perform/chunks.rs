//! Backfills and comparisons: work that goes chunk by chunk and is paced.

use tokio::sync::watch;

use super::super::Driver;
use super::super::tasks::Lever;
use crate::engine::message::Outcome;
use crate::pg::session::{Purpose, open};
use crate::pg::{backfill, parity};
use crate::plan::{StepPlace, Table};
use crate::run::again::Again;
use crate::run::event::{Direction, Summary, Task};
use crate::run::fault::{Fault, Trouble};
use crate::run::progress::Progress;
use crate::runbook::{Backfill, Parity};

impl Driver {
    pub(super) fn start_backfill(
        &mut self,
        task: &Task,
        place: StepPlace<'_>,
        spec: &Backfill,
    ) -> Result<(), Fault> {
        let (target, table) = (self.target_of(place)?, table_of(place)?);
        let again = self.run.reruns.get(&task.step);
        let again = again.filter(|_| task.direction == Direction::Forward);
        let job = backfill::Job {
            lease: self.lease(),
            step: task.step.clone(),
            attempt: self.phase_attempt(place.phase),
            round: match (task.direction, again) {
                // The way back has checkpoints of its own: those of the way
                // there say that all is done.
                (Direction::Back, _) => -1,
                (Direction::Forward, None) => 0,
                (Direction::Forward, Some(again)) => i32::try_from(again.round).unwrap_or(i32::MAX),
            },
            what: again.map_or(Again::Whole, |again| again.what.clone()),
            rows_estimate: self.rows_estimate(&table),
            table,
            spec: spec.clone(),
        };
        let report = self.reporter(task);
        let (sender, control) = watch::channel(self.control(task));
        self.start_work(task, Lever::Pace(sender), async move {
            let open = move || {
                let target = target.clone();
                async move {
                    let session = open(&target, Purpose::Backfill).await;
                    session.map_err(|error| error.fault())
                }
            };
            let report = move |progress| report(Progress::Backfill(progress));
            match backfill::run(open, job, control, report).await {
                Ok(backfill::Ended::Done(summary)) => Outcome::Done(Summary::Backfill(summary)),
                Ok(backfill::Ended::Stopped) => Outcome::NotDone(stopped()),
                // Its checkpoint knows what was committed: never in doubt.
                Err(fault) => Outcome::NotDone(fault),
            }
        });
        Ok(())
    }

    pub(super) fn start_parity(
        &mut self,
        task: &Task,
        place: StepPlace<'_>,
        spec: &Parity,
    ) -> Result<(), Fault> {
        let (target, table) = (self.target_of(place)?, table_of(place)?);
        let job = parity::Job {
            rows_estimate: self.rows_estimate(&table),
            table,
            spec: spec.clone(),
        };
        let report = self.reporter(task);
        let (sender, control) = watch::channel(self.control(task));
        self.start_work(task, Lever::Pace(sender), async move {
            let session = match open(&target, Purpose::Parity).await {
                Ok(session) => session,
                Err(error) => return Outcome::NotDone(error.fault()),
            };
            let report = move |progress| report(Progress::Parity(progress));
            match parity::run(session, job, control, report).await {
                Ok(parity::Ended::Done(summary)) => Outcome::Done(Summary::Parity(summary)),
                Ok(parity::Ended::Stopped) => Outcome::NotDone(stopped()),
                Err(fault) => Outcome::NotDone(fault),
            }
        });
        Ok(())
    }

    /// By the catalog, when the plan was made.
    fn rows_estimate(&self, table: &Table) -> u64 {
        let name = format!("{}.{}", table.schema, table.name);
        let tables = &self.run.plan.observed.tables;
        let size = tables.get(&name).or_else(|| tables.get(&table.name));
        size.and_then(|size| size.rows).unwrap_or(0)
    }
}

fn table_of(place: StepPlace<'_>) -> Result<Table, Fault> {
    place.step.table.clone().ok_or_else(|| {
        let message = format!("the plan has no table for step `{}`", place.step.id());
        Fault::new(Trouble::Other, message)
    })
}

fn stopped() -> Fault {
    Fault::new(Trouble::Interrupted, "stopped at the end of a chunk")
}
