//! One try of a `sql` task: opens its sessions, names its outcome.

use tokio::sync::watch;
use tracing::warn;

use super::super::Driver;
use super::{probe, stop_lever};
use crate::engine::message::Outcome;
use crate::pg::connect::Target;
use crate::pg::session::{Backend, Purpose, open};
use crate::pg::step::{self, Record, Sessions, SqlJob, Stop};
use crate::plan::StepPlace;
use crate::run::event::Task;
use crate::run::fault::{Fault, Trouble};
use crate::run::progress::{Progress, SqlProgress};
use crate::runbook::SqlAction;

impl Driver {
    pub(super) fn start_sql(
        &mut self,
        task: &Task,
        place: StepPlace<'_>,
        action: &SqlAction,
    ) -> Result<(), Fault> {
        let on = &place.step.step.on;
        let target = self.target_of(place)?;
        let earlier = self.run.record(task);
        let job = SqlJob {
            lease: self.lease(),
            task: task.clone(),
            attempt: self.phase_attempt(place.phase),
            action: action.clone(),
            ddl: self.run.plan.body.ddl,
            record: if *on == self.run.plan.body.journal {
                Record::Journal
            } else {
                Record::Receipt
            },
            again: earlier.is_some_and(|record| record.started_at < record.changed_at),
        };
        // Until a try has a backend of its own, that of the one before counts.
        let former = self.tasks.backend_of(task);
        let (backend, seen) = watch::channel(former);
        self.tasks.runs_on(task, seen);
        let report = self.reporter(task);
        let (lever, stop) = stop_lever();
        self.start_work(task, lever, async move {
            perform(target, job, stop, (former, backend), &move |progress| {
                report(Progress::Sql(progress));
            })
            .await
        });
        Ok(())
    }
}

async fn perform(
    target: Target,
    job: SqlJob,
    stop: watch::Receiver<Stop>,
    (former, backend): (Option<Backend>, watch::Sender<Option<Backend>>),
    report: &(dyn Fn(SqlProgress) + Send + Sync),
) -> Outcome {
    // The control session first: what can cancel is there before there is
    // anything to cancel.
    let control = match open(&target, Purpose::Control).await {
        Ok(session) => session,
        Err(error) => return Outcome::NotDone(error.fault()),
    };
    // An earlier try is over before this one begins, whoever said so.
    if let Err(why) = probe::gone(&control, former).await {
        return Outcome::NotDone(Fault::new(Trouble::Unavailable, why));
    }
    let session = match open(&target, Purpose::Step).await {
        Ok(session) => session,
        Err(error) => return Outcome::NotDone(error.fault()),
    };
    backend.send_replace(Some(session.backend()));
    let sessions = Sessions {
        step: &session,
        control: &control,
    };
    match step::run(sessions, &job, stop, report).await {
        Ok(done) => {
            if !done.replicated {
                warn!(
                    "{} is committed, and no synchronous standby has confirmed it",
                    job.task
                );
            }
            Outcome::Done(done.summary)
        }
        Err(fault) if fault.trouble == Trouble::ConnectionLost => Outcome::Unknown(fault),
        Err(fault) => Outcome::NotDone(fault),
    }
}
