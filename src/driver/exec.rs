//! Owns what a command's end means, for a step and for a probe; never decides
//! whether there is another run.
//!
//! No shell. The environment is what the runbook names, so that a command does
//! the same from every terminal and nobody's secrets reach it by accident. The
//! command leads a process group of its own, which ends with it on a timeout
//! and when the future is dropped.

mod hidden;
mod process;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::watch;

use crate::engine::message::{Found, Outcome};
use crate::pg::step::Stop;
use crate::run::event::{RunId, Summary};
use crate::run::fault::{Fault, Trouble};
use crate::runbook::{Exec, StepId};
use crate::seam::seam;
use crate::text::clean_bounded;
use process::{ExecError, Finished, MAX_LINE, name, run};

/// Where a command runs and what it is told about it.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// The runbook's directory: where it runs, and where a relative program
    /// path with a `/` begins.
    pub directory: PathBuf,
    /// Variables that stand for the process's own.
    pub vars: Arc<BTreeMap<String, String>>,
    /// `PGCUTOVER_RUN`.
    pub run: RunId,
    /// `PGCUTOVER_STEP`.
    pub step: StepId,
    /// `PGCUTOVER_IDEMPOTENCY_KEY`: the same for every try of the same work.
    pub idempotency_key: String,
}

/// Performs a step. Not done is only what certainly did nothing or said so by
/// its exit code; what was ended, for its time or on request, leaves a doubt.
/// `line` gets each new last line.
pub async fn perform(
    exec: &Exec,
    surroundings: &Surroundings,
    mut stop: watch::Receiver<Stop>,
    line: &(dyn Fn(String) + Send + Sync),
) -> Outcome {
    let told = async {
        if stop.wait_for(|stop| *stop == Stop::Now).await.is_err() {
            // Nobody is left to say so.
            std::future::pending::<()>().await;
        }
    };
    seam("exec-before");
    let result = tokio::select! {
        result = run(exec, surroundings, line) => result,
        () = told => {
            let message = format!("`{}` was cancelled on request", name(exec));
            return Outcome::Unknown(Fault::new(Trouble::Interrupted, message));
        }
    };
    seam("exec-after");
    let unexpected = |error: ExecError| Fault::new(Trouble::Unexpected, error.to_string());
    match result {
        Ok(finished) => match judge(exec, &finished) {
            Ok(summary) => Outcome::Done(summary),
            Err(fault) => Outcome::NotDone(fault),
        },
        Err(error @ ExecError::NotStarted { .. }) => Outcome::NotDone(unexpected(error).with_hint(
            "a program without a slash is looked for on PATH, one with a slash beside the runbook",
        )),
        Err(error) => Outcome::Unknown(unexpected(error)),
    }
}

/// Asks a command whether a step is done: 0 is yes, 1 is no, all else is no
/// answer; one that does not end in time is asked again. With what told, in a few clean words.
pub async fn probe(exec: &Exec, surroundings: &Surroundings) -> (Found, String) {
    match run(exec, surroundings, &|_| {}).await {
        Err(error @ ExecError::NotStarted { .. }) => (Found::Never, error.to_string()),
        Err(error) => (Found::NotNow, error.to_string()),
        Ok(finished) => {
            let found = match finished.exit {
                Some(0) => Found::Done,
                Some(1) => Found::NotDone,
                _ => Found::Never,
            };
            (found, describe(exec, &finished))
        }
    }
}

/// Whether the command gave what the runbook expects.
fn judge(exec: &Exec, finished: &Finished) -> Result<Summary, Fault> {
    if let Some(exit) = finished.exit.filter(|exit| *exit == exec.expect.exit) {
        let lacking = exec
            .expect
            .output
            .as_ref()
            .filter(|text| !finished.output.contains(*text));
        let Some(text) = lacking else {
            let took_ms = u64::try_from(finished.took.as_millis()).unwrap_or(u64::MAX);
            return Ok(Summary::Exec { exit, took_ms });
        };
        let text = clean_bounded(text, MAX_LINE);
        let message = format!(
            "{}, without the expected `{text}`",
            describe(exec, finished)
        );
        return Err(Fault::new(Trouble::Unexpected, message));
    }
    Err(Fault::new(Trouble::Unexpected, describe(exec, finished)))
}

/// How it ended and what it said last.
fn describe(exec: &Exec, finished: &Finished) -> String {
    let name = name(exec);
    let end = match finished.exit {
        Some(exit) => format!("`{name}` exited with {exit}"),
        None => format!("`{name}` was ended by a signal"),
    };
    match finished.last_line.as_str() {
        "" => end,
        line => format!("{end}: {line}"),
    }
}

#[cfg(test)]
mod tests;
