//! `status --deploy`: whether a version of an application may be deployed now.
//!
//! From the journal alone: what is committed there decides, with a lead or
//! without one.

use std::io::{self, Write};

use crate::app::Exit;
use crate::app::remote::find;
use crate::cli;
use crate::pg::session::Purpose;
use crate::report::deployment::answer;
use crate::runbook::parse_version;
use crate::text::clean;

/// Answers with a line, or as JSON, and with the exit code.
pub(super) async fn show(args: &cli::Status, words: &[String]) -> color_eyre::Result<Exit> {
    let [app, version] = words else {
        unreachable!("clap takes two");
    };
    let Some(version) = parse_version(version) else {
        let version = clean(version);
        return refuse(&format!(
            "`{version}` is not a version\nhint: such as 2.1.0, 2.1 or v2"
        ));
    };
    let seen = find(&args.remote, Purpose::Observer).await?;
    let Some(answer) = answer(&seen.run, app, &version) else {
        let (app, cutover) = (clean(app), &seen.run.plan.body.cutover.id);
        return refuse(&format!(
            "the runbook of {cutover} does not say which versions of `{app}` work\n\
             hint: `compatible = {{ {app} = \">= 2.0\" }}` in each of its phases says it"
        ));
    };
    let mut out = io::stdout().lock();
    match args.json {
        true => writeln!(out, "{}", serde_json::to_string_pretty(&answer)?)?,
        false => writeln!(out, "{}", clean(&answer.line()))?,
    }
    Ok(match answer.compatible {
        true => Exit::Fine,
        false => Exit::Error,
    })
}

/// Unknown is not compatible.
fn refuse(why: &str) -> color_eyre::Result<Exit> {
    writeln!(io::stderr(), "error: {why}")?;
    Ok(Exit::Usage)
}
