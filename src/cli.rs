//! What was typed: the command line's shapes. Owns no meaning; `app` does.
//!
//! No option takes a password or a URL: secrets come from the environment,
//! `pg_service.conf` or `.pgpass`, never from argv.

use std::path::PathBuf;

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Parser, Subcommand};

mod keys;

pub use keys::Keys;

/// A terminal command center for live Postgres cutovers.
#[derive(Debug, Parser)]
#[command(name = "pgcutover", version, about, max_term_width = 100)]
#[command(after_help = EXIT_CODES)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

const EXIT_CODES: &str = "Exit codes: 0 finished or fine, 1 error, 2 bad usage or faulty runbook, \
                          3 held, 4 rolled back, 5 stuck.";

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Try a whole cutover on private servers that vanish afterwards
    Demo(Demo),
    /// Report every fault of a runbook
    Check(Check),
    /// Start or resume a runbook's cutover
    Run(Run),
    /// Lead a run that somebody else leads, or nobody any more
    TakeOver(TakeOver),
    /// Show a run that somebody leads, from any terminal
    Attach(Attach),
    /// Show where a run stands
    Status(Status),
    /// Ask something of the lead.
    #[command(flatten)]
    Request(Request),
    /// Print the SQL that prepares a database: roles, schema, least grants
    Grants(Grants),
    /// Print a shell's completions
    Completions {
        /// For this shell.
        shell: clap_complete::Shell,
    },
    /// Print the manual page, as roff: pgcutover man | man -l -
    Man {
        /// Of this verb; without one the program's.
        verb: Option<String>,
    },
}

/// What may be asked of the lead, from any terminal.
#[derive(Debug, Subcommand)]
pub enum Request {
    /// Start nothing new; running work stops at its next safe point
    Hold(Hold),
    /// End a hold
    Release(Remote),
    /// Stop the backfill at the end of its chunk
    Pause(Remote),
    /// Let the backfill go on
    Resume(Remote),
    /// Set the backfill's ceiling, 1 to 100 percent
    Pace(Pace),
    /// Set how many sessions the backfill works with, 1 to 16
    Workers(Workers),
    /// Cross the boundary into a phase
    Advance(Advance),
    /// Answer a sign-off gate for a seat
    Sign(Sign),
    /// Open a gate that is not GO, with a reason
    Waive(Waive),
    /// Answer yes to a manual step
    Answer(Answer),
    /// Take a finished backfill or comparison again
    Rerun(Rerun),
    /// Settle a step that failed or is in doubt
    Resolve(Resolve),
    /// Take the current phase back
    Rollback(Rollback),
    /// Take every phase back, to the start
    Unwind(Unwind),
    /// As the lead: hand over to who asks to take over
    Consent(Consent),
}

/// `demo`.
#[derive(Debug, Args)]
pub struct Demo {
    /// Drive it to the end without a person; plain lines, one per event
    #[arg(long)]
    pub auto: bool,
    /// Rows in the users table
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    pub rows: u64,
    /// Leave the servers up and print how to reach and remove them
    #[arg(long)]
    pub keep: bool,
    /// Directory of the Postgres server's binaries
    #[arg(long, value_name = "DIR")]
    pub pg_bin: Option<PathBuf>,
    /// How the screen looks.
    #[command(flatten)]
    pub look: Look,
}

/// How the screen looks.
#[derive(Debug, Clone, Copy, Default, Args)]
pub struct Look {
    /// Draw with ASCII alone
    #[arg(long)]
    pub ascii: bool,
}

/// A runbook and the environment to read it for.
#[derive(Debug, Args)]
pub struct Source {
    /// The runbook
    pub runbook: PathBuf,
    /// Apply [environments.NAME] of the runbook
    #[arg(long, value_name = "NAME")]
    pub environment: Option<String>,
}

/// `check`.
#[derive(Debug, Args)]
pub struct Check {
    /// What to read.
    #[command(flatten)]
    pub source: Source,
    /// Faults as JSON, an object a line
    #[arg(long)]
    pub json: bool,
}

/// `run`.
#[derive(Debug, Args)]
pub struct Run {
    /// What to run.
    #[command(flatten)]
    pub source: Source,
    /// Print what will run, and its hash; change nothing
    #[arg(long, conflicts_with = "headless")]
    pub plan_only: bool,
    /// With --plan-only: the plan as JSON
    #[arg(long, requires = "plan_only")]
    pub json: bool,
    /// No screen: plain lines, and waits where a person is needed
    #[arg(long)]
    pub headless: bool,
    /// Take the lease from a lead that still holds it, with this reason
    #[arg(long, value_name = "REASON", value_parser = NonEmptyStringValueParser::new())]
    pub take_over: Option<String>,
    /// How the screen looks.
    #[command(flatten)]
    pub look: Look,
}

/// Which run, in which journal. Without any of these: libpq's environment
/// variables, and the only open run there.
#[derive(Debug, Clone, Args)]
pub struct Remote {
    /// Find the journal through this runbook
    #[arg(long, value_name = "FILE", conflicts_with_all = ["url_env", "service"])]
    pub runbook: Option<PathBuf>,
    /// With --runbook: apply [environments.NAME]
    #[arg(long, value_name = "NAME", requires = "runbook")]
    pub environment: Option<String>,
    /// Find the journal through the URL in this environment variable
    #[arg(long, value_name = "VARIABLE", conflicts_with = "service")]
    pub url_env: Option<String>,
    /// Find the journal through this service of pg_service.conf
    #[arg(long, value_name = "NAME")]
    pub service: Option<String>,
    /// The run's id, where there is more than one
    #[arg(long, value_name = "ID")]
    pub run: Option<String>,
}

/// `take-over`. The plan is in the journal; the places that it names are looked up
/// here, as `run` would.
#[derive(Debug, Args)]
pub struct TakeOver {
    /// Which run.
    #[command(flatten)]
    pub remote: Remote,
    /// Take it from a lead that is alive, whatever they want; stays visible for ever
    #[arg(long, value_parser = NonEmptyStringValueParser::new())]
    pub reason: Option<String>,
    /// Without a reason: how long to wait for the lead's consent, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    pub wait: u64,
    /// No screen: plain lines, and waits where a person is needed
    #[arg(long)]
    pub headless: bool,
    /// How the screen looks.
    #[command(flatten)]
    pub look: Look,
}

/// `grants`.
#[derive(Debug, Args)]
pub struct Grants {
    /// With what this runbook's roles and steps need
    #[arg(long, value_name = "FILE")]
    pub runbook: Option<PathBuf>,
    /// With --runbook: apply [environments.NAME]
    #[arg(long, value_name = "NAME", requires = "runbook")]
    pub environment: Option<String>,
    /// The schema is there already: print the roles and the grants alone
    #[arg(long)]
    pub installed: bool,
}

/// `attach`.
#[derive(Debug, Args)]
pub struct Attach {
    /// Which run.
    #[command(flatten)]
    pub remote: Remote,
    /// Let the keys act, by requests that the lead answers; without it the
    /// terminal is read-only, and only SPACE, hold, acts
    #[arg(long)]
    pub operate: bool,
    /// How the screen looks.
    #[command(flatten)]
    pub look: Look,
}

/// `consent`.
#[derive(Debug, Args)]
pub struct Consent {
    /// Keep the lead
    #[arg(long)]
    pub no: bool,
    /// Which run.
    #[command(flatten)]
    pub remote: Remote,
}

/// `status`.
#[derive(Debug, Args)]
pub struct Status {
    /// Which run.
    #[command(flatten)]
    pub remote: Remote,
    /// As JSON; documented in runbooks/README.md
    #[arg(long, conflicts_with = "oneline")]
    pub json: bool,
    /// One plain line of at most 80 columns, for a prompt or a status bar
    #[arg(long)]
    pub oneline: bool,
    /// Wait until the run is in this state, such as held or waiting-for, or has
    /// come to a phase: phase=NAME. 0 once it has, 4 or 1 where it cannot any more
    #[arg(long, value_name = "STATE")]
    pub wait: Option<String>,
    /// With --wait: give up after this long, such as 90s or 2h, with exit code 1
    #[arg(long, value_name = "DURATION", requires = "wait")]
    pub timeout: Option<String>,
    /// What whoever takes the lead has to know: the handover card
    #[arg(long, conflicts_with_all = ["json", "oneline", "wait", "deploy"])]
    pub handover: bool,
    /// Tell whether this version of this application may be deployed now: 0 it
    /// may, 1 it may not, 2 the runbook does not say
    #[arg(long, num_args = 2, value_names = ["APP", "VERSION"],
          conflicts_with_all = ["oneline", "wait"])]
    pub deploy: Option<Vec<String>>,
}

/// `hold`.
#[derive(Debug, Args)]
pub struct Hold {
    /// Which run.
    #[command(flatten)]
    pub remote: Remote,
    /// Why
    #[arg(long, default_value = "")]
    pub reason: String,
}

/// `pace`.
#[derive(Debug, Args)]
pub struct Pace {
    /// Percent
    #[arg(value_parser = clap::value_parser!(u8).range(1..=100))]
    pub percent: u8,
    /// Which run.
    #[command(flatten)]
    pub remote: Remote,
}

/// `workers`.
#[derive(Debug, Args)]
pub struct Workers {
    /// Sessions
    #[arg(value_parser = clap::value_parser!(u16).range(1..=16))]
    pub count: u16,
    /// Which run.
    #[command(flatten)]
    pub remote: Remote,
}

/// `rerun`.
#[derive(Debug, Args)]
pub struct Rerun {
    /// The step
    pub step: String,
    /// Behind one key, up to another: `100..200`, `100..`; the columns of a
    /// composite key apart by commas
    #[arg(long, value_name = "LOW..HIGH")]
    pub range: Option<Keys>,
    /// The rows in quarantine alone
    #[arg(long, conflicts_with = "range")]
    pub quarantined: bool,
    /// Which run.
    #[command(flatten)]
    pub remote: Remote,
}

/// `advance`.
#[derive(Debug, Args)]
pub struct Advance {
    /// The phase to enter; named, so that nobody enters another by mistake
    pub phase: String,
    /// Which run.
    #[command(flatten)]
    pub remote: Remote,
}

/// `sign`.
#[derive(Debug, Args)]
pub struct Sign {
    /// The gate
    pub gate: String,
    /// The seat, where you fill more than one
    #[arg(long)]
    pub seat: Option<String>,
    /// Answer NO-GO
    #[arg(long)]
    pub no_go: bool,
    /// In your words
    #[arg(long)]
    pub reason: Option<String>,
    /// Which run.
    #[command(flatten)]
    pub remote: Remote,
}

/// `waive`.
#[derive(Debug, Args)]
pub struct Waive {
    /// The gate
    pub gate: String,
    /// Why; stays visible for ever
    #[arg(long)]
    pub reason: String,
    /// Which run.
    #[command(flatten)]
    pub remote: Remote,
}

/// `answer`.
#[derive(Debug, Args)]
pub struct Answer {
    /// The manual step
    pub step: String,
    /// Which run.
    #[command(flatten)]
    pub remote: Remote,
}

/// `resolve`.
#[derive(Debug, Args)]
pub struct Resolve {
    /// The step
    pub step: String,
    /// Its undo, not the step itself
    #[arg(long)]
    pub undo: bool,
    /// What it is taken as
    #[arg(long = "as", value_enum)]
    pub taken: Taken,
    /// How you know
    #[arg(long)]
    pub reason: String,
    /// Which run.
    #[command(flatten)]
    pub remote: Remote,
}

/// What a doubt is taken as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Taken {
    /// It has been done.
    Done,
    /// It is tried again.
    Retry,
}

/// `rollback`.
#[derive(Debug, Args)]
pub struct Rollback {
    /// The phase to take back; named, so that nobody takes back another
    pub phase: String,
    /// Why
    #[arg(long)]
    pub reason: Option<String>,
    /// Which run.
    #[command(flatten)]
    pub remote: Remote,
}

/// `unwind`.
#[derive(Debug, Args)]
pub struct Unwind {
    /// Why
    #[arg(long)]
    pub reason: Option<String>,
    /// Which run.
    #[command(flatten)]
    pub remote: Remote,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
