//! The composition root: one file a verb.
//!
//! Owns how the rooms are put together and what the process answers with;
//! decides nothing about a cutover.

mod attach;
mod begin;
mod broadcast;
mod check;
mod demo;
mod dispatch;
mod grants;
mod lead;
mod lines;
mod logging;
mod man;
mod remote;
mod run;
mod source;
mod status;
mod take_over;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::CommandFactory;

use crate::cli::{Cli, Verb};
use crate::plan::compile::Refusal;
use crate::run::event::RunId;
use crate::text::{clean, clean_text};

/// What the process answers with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Finished, or fine.
    Fine,
    /// An error.
    Error,
    /// Bad usage, or a faulty runbook.
    Usage,
    /// Left while held.
    Held,
    /// Unwound to the start.
    RolledBack,
    /// A person has to decide.
    Stuck,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Fine => 0,
            Exit::Error => 1,
            Exit::Usage => 2,
            Exit::Held => 3,
            Exit::RolledBack => 4,
            Exit::Stuck => 5,
        })
    }
}

/// Runs what was typed. An error that no verb had an answer for is told in the
/// words of whoever met it, without where in the program that was: what went
/// wrong is in the world, and a panic has its own report.
///
/// # Errors
/// No runtime, or no standard error.
pub fn main(cli: Cli) -> color_eyre::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let exit = match runtime.block_on(dispatch(cli.verb)) {
        Ok(exit) => exit,
        Err(error) => {
            let words = format!("error: {error:#}");
            writeln!(io::stderr(), "{}", clean_text(&words))?;
            Exit::Error
        }
    };
    // A task that hangs in a blocking call does not keep the process.
    runtime.shutdown_background();
    Ok(exit.into())
}

async fn dispatch(verb: Verb) -> color_eyre::Result<Exit> {
    if matches!(verb, Verb::Status(_) | Verb::Request(_)) {
        logging::on_stderr();
    }
    match &verb {
        Verb::Demo(demo) => demo::run(demo).await,
        Verb::Check(check) => check::run(check),
        Verb::Run(run) => run::run(run).await,
        Verb::TakeOver(take_over) => take_over::run(take_over).await,
        Verb::Attach(attach) => attach::run(attach).await,
        Verb::Grants(grants) => grants::print(grants),
        Verb::Status(status) => status::show(status).await,
        Verb::Completions { shell } => {
            let mut command = Cli::command();
            clap_complete::generate(*shell, &mut command, "pgcutover", &mut io::stdout());
            Ok(Exit::Fine)
        }
        Verb::Man { verb } => man::print(verb.as_deref()),
        Verb::Request(request) => {
            let (remote, ask) = remote::request(request);
            remote::ask(remote, ask).await
        }
    }
}

/// Prints what speaks against a plan; nothing has been changed.
fn refuse(refusals: &[Refusal]) -> color_eyre::Result<Exit> {
    let mut err = io::stderr().lock();
    for refusal in refusals {
        writeln!(err, "error: {}\n", clean_text(&refusal.to_string()))?;
    }
    let reasons = match refusals.len() {
        1 => "1 reason".to_owned(),
        many => format!("{many} reasons"),
    };
    writeln!(err, "{reasons}; nothing has been changed")?;
    Ok(Exit::Usage)
}

/// Says that a runbook's run has finished; nothing has been changed.
fn nothing_left(run: &RunId) -> color_eyre::Result<Exit> {
    let run = clean(&run.0).into_owned();
    writeln!(
        io::stdout(),
        "run {run} has finished by this runbook: nothing is left to do"
    )?;
    Ok(Exit::Fine)
}
