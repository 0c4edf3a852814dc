//! Probes: whether a task that was started is done.
//!
//! Owns what may be believed. A transaction's record is looked for only when
//! its backend is proved gone; a command is asked by its `done_when` alone;
//! where nothing can tell, nobody guesses.

use super::super::Driver;
use super::super::exec;
use crate::engine::proceed;
use crate::pg::connect::Target;
use crate::pg::session::{Backend, Purpose, open};
use crate::pg::step::{self, record};
use crate::plan::StepPlace;
use crate::run::event::{Direction, Task};
use crate::runbook::{Action, Probe, SqlAction};

/// What a probe says: done, not done, or not known; and what told.
type Finding = (Option<bool>, String);

impl Driver {
    pub(super) fn start_probe(&mut self, task: &Task) {
        let run = std::sync::Arc::clone(&self.run);
        let Some(place) = run.plan.step(&task.step) else {
            let finding = (None, "the plan has no such step".to_owned());
            return self.tasks.start_probe(task, async move { finding });
        };
        let done_when = match task.direction {
            Direction::Forward => place.step.done_when(),
            Direction::Back => place.step.step.undo_done_when.as_ref(),
        };
        match (proceed::action_of(place.step, task), done_when) {
            (Some(Action::Sql(action)), _) if action.transaction => {
                self.probe_transaction(task, place);
            }
            (_, Some(Probe::Query(query))) => self.probe_by_query(task, place, query.clone()),
            (_, Some(Probe::Command(command))) => self.probe_by_command(task, command),
            (Some(Action::Sql(action)), None) => {
                let finding = separate(action);
                self.tasks.start_probe(task, async move { finding });
            }
            (Some(Action::Exec(_)), None) => {
                let finding = (None, "the command has no `done_when` for this".to_owned());
                self.tasks.start_probe(task, async move { finding });
            }
            // A backfill goes on from its checkpoint; a comparison and a wait
            // begin again.
            _ => {
                let finding = (Some(false), "goes on where it was".to_owned());
                self.tasks.start_probe(task, async move { finding });
            }
        }
    }

    fn probe_transaction(&mut self, task: &Task, place: StepPlace<'_>) {
        let on = &place.step.step.on;
        let target = match self.target_of(place) {
            Ok(target) => target,
            Err(fault) => {
                let finding = (None, fault.message);
                return self.tasks.start_probe(task, async move { finding });
            }
        };
        let former = self.tasks.backends.get(task);
        let former = former.and_then(|seen| *seen.borrow());
        let look = Transaction {
            target,
            former,
            run: self.run.id.clone(),
            task: task.clone(),
            attempt: self.phase_attempt(place.phase),
            // The journal is read when the answer comes in: an event that is
            // there by then has settled the matter.
            by_receipt: *on != self.run.plan.body.journal,
        };
        self.tasks.start_probe(task, look.probe());
    }

    fn probe_by_query(&mut self, task: &Task, place: StepPlace<'_>, query: String) {
        let (questions, on) = (self.questions.clone(), place.step.step.on.clone());
        self.tasks.start_probe(task, async move {
            match questions.ask(&on, &query).await {
                Ok(answer) => (answer.known(), format!("done_when says {}", answer.word())),
                Err(fault) => (None, format!("done_when: {fault}")),
            }
        });
    }

    fn probe_by_command(&mut self, task: &Task, command: &crate::runbook::Exec) {
        let surroundings = self.surroundings(task);
        let command = command.clone();
        self.tasks.start_probe(task, async move {
            let (done, how) = exec::probe(&command, &surroundings).await;
            (done, format!("done_when: {how}"))
        });
    }
}

/// Statements outside a transaction.
fn separate(action: &SqlAction) -> Finding {
    if step::bears_repetition(action) {
        (Some(false), "an index build finds its own leftovers".into())
    } else {
        let why = "statements outside a transaction leave no record; give the step a `done_when`";
        (None, why.into())
    }
}

/// A transaction that may have committed.
struct Transaction {
    target: Target,
    /// Its backend, where this process ran it. One of a former lead cannot
    /// commit any more: taking the lease waited for it.
    former: Option<Backend>,
    run: crate::run::event::RunId,
    task: Task,
    attempt: i32,
    by_receipt: bool,
}

impl Transaction {
    async fn probe(self) -> Finding {
        let control = match open(&self.target, Purpose::Control).await {
            Ok(session) => session,
            Err(error) => return (None, error.to_string()),
        };
        if let Some(former) = self.former {
            match record::backend_gone(&control, former).await {
                Ok(true) => {}
                Ok(false) => return (None, "its backend is still there".into()),
                Err(fault) => return (None, fault.message),
            }
        }
        if !self.by_receipt {
            return (Some(false), "its transaction did not commit".into());
        }
        match record::receipt(&control, &self.run, &self.task, self.attempt).await {
            Ok(Some(_)) => (Some(true), "its receipt is there".into()),
            Ok(None) => (Some(false), "it left no receipt".into()),
            Err(fault) => (None, fault.message),
        }
    }
}
