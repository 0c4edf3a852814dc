//! `grants`: what has to be granted, as SQL for whoever administers the database.

use std::io::{self, IsTerminal, Write};

use super::source::read;
use super::{Exit, check};
use crate::cli;
use crate::report::grants::{Groups, text};
use crate::store::grants::{LEAD, OPERATOR, script};
use crate::text::clean_text;

/// What stands above all of it.
const HEAD: &str = "\
-- For whoever administers the database: psql -f, or read it first.
-- Run it in the journal's database, before the first `pgcutover run`.
-- Afterwards: GRANT pgcutover_lead, pgcutover_operator or pgcutover_observer
-- to logins. The tool leaves nothing else: DROP SCHEMA pgcutover CASCADE, then
-- DROP OWNED BY and DROP ROLE for each of the four roles.
BEGIN;
";

/// Prints it; changes nothing, and needs no connection.
pub(super) fn print(args: &cli::Grants) -> color_eyre::Result<Exit> {
    let mut out = format!("{HEAD}\n{}", script(args.installed));
    if let Some(path) = &args.runbook {
        let source = cli::Source {
            runbook: path.clone(),
            environment: args.environment.clone(),
        };
        let loaded = match read(&source) {
            Ok(loaded) => loaded,
            Err(error) => return check::unreadable(&source, &error),
        };
        let Some(runbook) = &loaded.runbook else {
            let faults = loaded.render(io::stderr().is_terminal());
            write!(io::stderr(), "{faults}")?;
            return Ok(Exit::Usage);
        };
        let groups = Groups {
            lead: LEAD,
            operator: OPERATOR,
        };
        out.push('\n');
        out.push_str(&text(runbook, groups));
    }
    write!(io::stdout(), "{}\nCOMMIT;\n", clean_text(&out))?;
    Ok(Exit::Fine)
}
