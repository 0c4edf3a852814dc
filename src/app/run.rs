//! `run`: starts or resumes a cutover, on the screen or without one.

use std::io::{self, IsTerminal, Write};

use super::begin::{Begun, Compiled, begin, plan};
use super::lead::{Lead, Lost, Voice};
use super::source::{Surroundings, places, read};
use super::{Exit, check, logging, nothing_left, refuse};
use crate::cli::Run;

use crate::report;
use crate::runbook::Runbook;

/// Runs what was typed.
pub(super) async fn run(run: &Run) -> color_eyre::Result<Exit> {
    let loaded = match read(&run.source) {
        Ok(loaded) => loaded,
        Err(error) => return check::unreadable(&run.source, &error),
    };
    let Some(runbook) = &loaded.runbook else {
        write!(
            io::stderr(),
            "{}",
            loaded.render(io::stderr().is_terminal())
        )?;
        return Ok(Exit::Usage);
    };
    let surroundings = Surroundings::of_the_process();
    if run.plan_only {
        return plan_only(run, runbook, &surroundings).await;
    }
    let on_screen = !run.headless && io::stdout().is_terminal() && io::stdin().is_terminal();
    match on_screen {
        true => logging::on_screen(),
        false => logging::on_stderr(),
    }
    let places = places(runbook, &run.source.runbook, &surroundings)?;
    match begin(runbook, places.clone(), run.take_over.as_deref()).await? {
        Begun::Refused(refusals) => refuse(&refusals),
        Begun::Finished(run) => nothing_left(&run),
        Begun::Ready(ready) => {
            let lead = Lead::start(*ready, &places)?;
            match on_screen {
                true => lead.on_screen(run.look, Lost::GoOn).await,
                false => lead.headless(Voice::Lines).await,
            }
        }
    }
}

/// What a reviewer signs; changes nothing.
async fn plan_only(
    run: &Run,
    runbook: &Runbook,
    surroundings: &Surroundings,
) -> color_eyre::Result<Exit> {
    let places = places(runbook, &run.source.runbook, surroundings)?;
    match plan(runbook, &places).await? {
        Compiled::Refused(refusals) => refuse(&refusals),
        Compiled::Plan(plan) => {
            match run.json {
                true => writeln!(io::stdout(), "{}", serde_json::to_string_pretty(&plan)?)?,
                false => write!(io::stdout(), "{}", report::plan::text(&plan))?,
            }
            Ok(Exit::Fine)
        }
    }
}
