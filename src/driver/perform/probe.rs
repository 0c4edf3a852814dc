//! Probes: whether a task that was started is done.
//!
//! Owns what may be believed. Nobody looks at what SQL has left before its
//! backend is proved gone: it may still be at it. A command is asked by its
//! `done_when` alone; where nothing can tell, nobody guesses.

use super::super::Driver;
use super::super::exec;
use super::super::questions::Questions;
use crate::engine::message::Found;
use crate::engine::proceed;
use crate::pg::connect::Target;
use crate::pg::session::{Backend, Purpose, Session, open};
use crate::pg::step::{self, record};
use crate::plan::StepPlace;
use crate::run::event::{Direction, RunId, Task};
use crate::runbook::{Action, ConnectionId, Probe, SqlAction};

/// What a probe says, and what told.
type Finding = (Found, String);

impl Driver {
    pub(super) fn start_probe(&mut self, task: &Task) {
        let run = std::sync::Arc::clone(&self.run);
        let Some(place) = run.plan.step(&task.step) else {
            return self.found(task, Found::Never, "the plan has no such step");
        };
        let done_when = match task.direction {
            Direction::Forward => place.step.done_when(),
            Direction::Back => place.step.step.undo_done_when.as_ref(),
        };
        match (proceed::action_of(place.step, task), done_when) {
            (Some(Action::Sql(action)), done_when) => {
                self.probe_sql(task, place, action, done_when);
            }
            (_, Some(Probe::Query(query))) => {
                let (questions, on) = (self.questions.clone(), place.step.step.on.clone());
                let query = query.clone();
                self.tasks
                    .start_probe(task, async move { by_query(&questions, &on, &query).await });
            }
            (_, Some(Probe::Command(command))) => self.probe_by_command(task, command),
            (Some(Action::Exec(_)), None) => {
                let why = "the command has no `done_when` for this";
                self.found(task, Found::Never, why);
            }
            // A backfill goes on from its checkpoint; a comparison and a wait
            // begin again.
            _ => self.found(task, Found::NotDone, "goes on where it was"),
        }
    }

    /// What is known without asking.
    fn found(&mut self, task: &Task, found: Found, how: &str) {
        let finding = (found, how.to_owned());
        self.tasks.start_probe(task, async move { finding });
    }

    fn probe_sql(
        &mut self,
        task: &Task,
        place: StepPlace<'_>,
        action: &SqlAction,
        done_when: Option<&Probe>,
    ) {
        let on = &place.step.step.on;
        let target = match self.target_of(place) {
            Ok(target) => target,
            Err(fault) => return self.found(task, Found::Never, &fault.message),
        };
        let evidence = match (action.transaction, done_when) {
            // The journal is read when the answer comes in: an event that is
            // there by then has settled the matter.
            (true, _) if *on == self.run.plan.body.journal => Evidence::Event,
            (true, _) => Evidence::Receipt {
                run: self.run.id.clone(),
                attempt: self.phase_attempt(place.phase),
            },
            (false, Some(Probe::Query(query))) => {
                Evidence::Query(self.questions.clone(), on.clone(), query.clone())
            }
            (false, Some(Probe::Command(command))) => {
                Evidence::Command(Box::new((command.clone(), self.surroundings(task))))
            }
            (false, None) => Evidence::Repetition(step::bears_repetition(action)),
        };
        let look = Look {
            target,
            former: self.tasks.backend_of(task),
            task: task.clone(),
            evidence,
        };
        self.tasks.start_probe(task, look.probe());
    }

    fn probe_by_command(&mut self, task: &Task, command: &crate::runbook::Exec) {
        let surroundings = self.surroundings(task);
        let command = command.clone();
        let probe = async move { by_command(&command, &surroundings).await };
        self.tasks.start_probe(task, probe);
    }
}

async fn by_query(questions: &Questions, on: &ConnectionId, query: &str) -> Finding {
    match questions.ask(on, query).await {
        Ok(answer) => {
            let found = match answer.known() {
                Some(true) => Found::Done,
                Some(false) => Found::NotDone,
                None => Found::Never,
            };
            (found, format!("done_when says {}", answer.word()))
        }
        Err(fault) => (Found::NotNow, format!("done_when: {fault}")),
    }
}

async fn by_command(command: &crate::runbook::Exec, surroundings: &exec::Surroundings) -> Finding {
    let (found, how) = exec::probe(command, surroundings).await;
    (found, format!("done_when: {how}"))
}

/// Statements outside a transaction.
fn separate(bears_repetition: bool) -> Finding {
    if bears_repetition {
        let how = "an index build finds its own leftovers";
        (Found::NotDone, how.into())
    } else {
        let why = "statements outside a transaction leave no record; give the step a `done_when`";
        (Found::Never, why.into())
    }
}

/// What tells whether SQL is done, once its backend is gone.
enum Evidence {
    /// Its event, which the journal would have by then.
    Event,
    /// Its receipt, in its own database.
    Receipt { run: RunId, attempt: i32 },
    /// The step's `done_when`.
    Query(Questions, ConnectionId, String),
    /// The step's `done_when`.
    Command(Box<(crate::runbook::Exec, exec::Surroundings)>),
    /// Nothing; whether it may be run again all the same.
    Repetition(bool),
}

/// SQL that may be done, or still be at it.
struct Look {
    target: Target,
    /// Its backend, where this process ran it. One of a former lead is gone:
    /// taking the lease has ended it, or waited for it.
    former: Option<Backend>,
    task: Task,
    evidence: Evidence,
}

impl Look {
    async fn probe(self) -> Finding {
        let control = match open(&self.target, Purpose::Control).await {
            Ok(session) => session,
            Err(error) => return (Found::NotNow, error.to_string()),
        };
        if let Err(why) = gone(&control, self.former).await {
            return (Found::NotNow, why);
        }
        match &self.evidence {
            Evidence::Event => (Found::NotDone, "its transaction did not commit".into()),
            Evidence::Receipt { run, attempt } => {
                match record::receipt(&control, run, &self.task, *attempt).await {
                    Ok(Some(_)) => (Found::Done, "its receipt is there".into()),
                    Ok(None) => (Found::NotDone, "it left no receipt".into()),
                    Err(fault) => (Found::NotNow, fault.message),
                }
            }
            Evidence::Query(questions, on, query) => by_query(questions, on, query).await,
            Evidence::Command(command) => by_command(&command.0, &command.1).await,
            Evidence::Repetition(bears) => separate(*bears),
        }
    }
}

/// Proves that the backend of an earlier try is gone, ending it if it is not.
///
/// # Errors
/// In words, why there is no proof.
pub(super) async fn gone(control: &Session, former: Option<Backend>) -> Result<(), String> {
    let Some(former) = former else { return Ok(()) };
    match record::backend_gone(control, former).await {
        Ok(true) => Ok(()),
        Ok(false) => Err(format!("its backend {} is still there", former.pid)),
        Err(fault) => Err(fault.message),
    }
}
