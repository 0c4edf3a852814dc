//! `man`: the manual pages, as roff: the program's, or one verb's.
//!
//! Owns the sections that the command line cannot tell: exit codes, signals,
//! environment, files.

use std::io::{self, Write};

use clap::{Command, CommandFactory};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use super::Exit;
use crate::cli::Cli;
use crate::text::clean;

/// A section: its heading, and its terms with what each means.
type Section = (&'static str, &'static [(&'static str, &'static str)]);

/// What stands on the program's page only.
const SECTIONS: &[Section] = &[
    (
        "EXIT STATUS",
        &[
            (
                "0",
                "Finished, or fine: the request was accepted, what was waited for came, the version may be deployed.",
            ),
            (
                "1",
                "An error; a request that was refused or not answered; a wait that ended without what was waited for; a version that may not be deployed.",
            ),
            (
                "2",
                "Bad usage, a faulty runbook, or an application that the runbook does not know.",
            ),
            ("3", "The run is held."),
            ("4", "The run was rolled back to its start."),
            ("5", "The run is stuck or in doubt: a person decides."),
        ],
    ),
    (
        "SIGNALS",
        &[
            (
                "SIGUSR1",
                "To a leading process: hold. Needs no connection that is not open already.",
            ),
            (
                "SIGINT, SIGTERM",
                "Hold, leave at the next safe point, exit with 3. A second one leaves without waiting.",
            ),
            (
                "SIGHUP",
                "The terminal is gone: the run goes on without it.",
            ),
        ],
    ),
    (
        "ENVIRONMENT",
        &[
            (
                "the variables that the runbook names",
                "url_env and --url-env name variables that hold a URL or a key-value DSN, with or without a password.",
            ),
            (
                "PGHOST, PGPORT, PGDATABASE, PGUSER, PGPASSWORD, PGSERVICE, PGSSLMODE, ...",
                "libpq's variables, for what the URL does not say.",
            ),
            (
                "PGCUTOVER_LOG",
                "What a process without a screen logs to standard error, such as pgcutover=debug. Default: warn.",
            ),
            (
                "XDG_STATE_HOME",
                "Where local logs are kept. Default: ~/.local/state.",
            ),
            ("NO_COLOR", "If set and not empty: no colour on the screen."),
        ],
    ),
    (
        "FILES",
        &[
            (
                "~/.pgpass",
                "Passwords, as libpq reads them; ignored where others may read it. PGPASSFILE names another.",
            ),
            (
                "~/.pg_service.conf",
                "Services, as libpq reads them. PGSERVICEFILE names another; after it the system's, in PGSYSCONFDIR.",
            ),
            (
                "~/.postgresql/root.crt, postgresql.crt, postgresql.key",
                "Trusted authorities, the client's certificate, and its key, which nobody else may read.",
            ),
            (
                "$XDG_STATE_HOME/pgcutover/",
                "What this machine's leads appended to journals: a copy that survives the server.",
            ),
        ],
    ),
];

/// Prints the page.
pub(super) fn print(verb: Option<&str>) -> color_eyre::Result<Exit> {
    let mut cli = Cli::command();
    cli.build();
    let page = match verb {
        None => program(&cli)?,
        Some(verb) => match cli.find_subcommand(verb) {
            Some(command) => of_verb(command)?,
            None => {
                let verb = clean(verb);
                writeln!(io::stderr(), "error: there is no verb `{verb}`")?;
                return Ok(Exit::Usage);
            }
        },
    };
    io::stdout().write_all(&page)?;
    Ok(Exit::Fine)
}

fn program(cli: &Command) -> io::Result<Vec<u8>> {
    let man = Man::new(cli.clone().after_help("")).manual("pgcutover");
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    man.render_subcommands_section(&mut page)?;
    for (heading, terms) in SECTIONS {
        section(heading, terms).to_writer(&mut page)?;
    }
    man.render_version_section(&mut page)?;
    Ok(page)
}

fn of_verb(command: &Command) -> io::Result<Vec<u8>> {
    let mut page = Vec::new();
    Man::new(command.clone())
        .source(concat!("pgcutover ", env!("CARGO_PKG_VERSION")))
        .manual("pgcutover")
        .render(&mut page)?;
    let mut see = Roff::new();
    see.control("SH", ["SEE ALSO"]);
    see.text([
        bold("pgcutover"),
        roman("(1), for exit codes, environment and files"),
    ]);
    see.to_writer(&mut page)?;
    Ok(page)
}

fn section(heading: &str, terms: &[(&str, &str)]) -> Roff {
    let mut roff = Roff::new();
    roff.control("SH", [heading]);
    for (term, meaning) in terms {
        roff.control("TP", []);
        roff.text([bold(*term)]);
        roff.text([roman(*meaning)]);
    }
    roff
}
