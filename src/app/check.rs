//! `check`: every fault of a runbook, in one pass. Touches no database.

use std::io::{self, IsTerminal, Write};

use super::{Exit, source};
use crate::cli::{self, Check};
use crate::runbook::{Diagnostic, Loaded, Severity};

/// Reads the runbook as it is, and once for each of its environments.
pub(super) fn run(check: &Check) -> color_eyre::Result<Exit> {
    let mut exit = Exit::Fine;
    let first = match source::read(&check.source) {
        Ok(loaded) => loaded,
        Err(error) => return unreadable(&check.source, &error),
    };
    let others = match &check.source.environment {
        Some(_) => Vec::new(),
        None => first.environments.clone(),
    };
    let mut told = std::collections::BTreeSet::new();
    let others = others.into_iter().filter_map(|environment| {
        let source = cli::Source {
            runbook: check.source.runbook.clone(),
            environment: Some(environment),
        };
        source::read(&source).ok()
    });
    for loaded in std::iter::once(first).chain(others) {
        if !loaded.faults.is_empty() {
            exit = Exit::Usage;
        }
        tell(&loaded, check.json, &mut told)?;
    }
    if exit == Exit::Fine && !check.json {
        writeln!(
            io::stdout(),
            "{}: no faults",
            check.source.runbook.display()
        )?;
    }
    Ok(exit)
}

/// A runbook that is not there is bad usage.
pub(super) fn unreadable(source: &cli::Source, error: &io::Error) -> color_eyre::Result<Exit> {
    let path = source.runbook.display();
    writeln!(io::stderr(), "error: cannot read `{path}`: {error}")?;
    Ok(Exit::Usage)
}

/// Prints what has not been told of another environment yet.
fn tell(
    loaded: &Loaded,
    json: bool,
    told: &mut std::collections::BTreeSet<String>,
) -> io::Result<()> {
    let colour = io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    for diagnostic in loaded.faults.iter().chain(&loaded.warnings) {
        let text = match json {
            true => as_json(loaded, diagnostic),
            false => diagnostic.render(&loaded.sources, colour),
        };
        if told.insert(text.clone()) {
            writeln!(
                io::stdout(),
                "{}{}",
                text.trim_end(),
                if json { "" } else { "\n" }
            )?;
        }
    }
    Ok(())
}

fn as_json(loaded: &Loaded, diagnostic: &Diagnostic) -> String {
    let (line, column) = loaded.sources.line_column(diagnostic.place);
    serde_json::json!({
        "file": loaded.sources.name(diagnostic.place.file),
        "line": line,
        "column": column,
        "code": diagnostic.code,
        "severity": match diagnostic.severity {
            Severity::Fault => "fault",
            Severity::Warning => "warning",
        },
        "message": diagnostic.message,
        "hint": diagnostic.hint,
    })
    .to_string()
}
