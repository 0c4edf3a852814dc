//! One try of an `exec` task.

use std::sync::Arc;

use super::super::Driver;
use super::super::exec::{self, Surroundings};
use super::stop_lever;
use crate::run::event::Task;
use crate::run::progress::Progress;
use crate::runbook::Exec;

impl Driver {
    pub(super) fn start_command(&mut self, task: &Task, command: &Exec) {
        let surroundings = self.surroundings(task);
        let command = command.clone();
        let report = self.reporter(task);
        let (lever, stop) = stop_lever();
        self.start_work(task, lever, async move {
            let line = move |line| report(Progress::Exec { line });
            exec::perform(&command, &surroundings, stop, &line).await
        });
    }

    /// What a command is told about where it runs. The idempotency key is the
    /// same for every try of a task within its phase's attempt.
    pub(super) fn surroundings(&self, task: &Task) -> Surroundings {
        let phase = self
            .run
            .plan
            .step(&task.step)
            .map_or(0, |place| place.phase);
        let direction = task.direction.word();
        Surroundings {
            directory: self.places.runbook_dir.clone(),
            vars: Arc::clone(&self.places.vars),
            run: self.run.id.clone(),
            step: task.step.clone(),
            idempotency_key: format!(
                "{}/{}/{direction}/{}",
                self.run.id,
                task.step,
                self.phase_attempt(phase)
            ),
        }
    }
}
