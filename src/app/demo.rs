//! `demo`: a whole cutover on private servers that vanish afterwards.
//!
//! Owns the servers, the shop's load on them, and the automatic operator of
//! `--auto`. The cutover itself is the example runbook, run like any other.

mod files;
mod operator;

use std::collections::BTreeMap;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::task::spawn_blocking;

use super::begin::{Begun, begin};
use super::lead::Lead;
use super::source::{Surroundings, places, read};
use super::{Exit, logging, refuse};
use crate::cli::{Demo, Source};
use crate::driver::Places;
use crate::runbook::Runbook;
use crate::sandbox::load::{Load, LoadOptions, Snapshot, create_shop};
use crate::sandbox::{Cluster, Options};

/// The demo's database.
const DATABASE: &str = "app";

/// Private servers with a shop on them, and the runbook beside them.
struct Stage {
    cluster: Cluster,
    runbook: PathBuf,
    flags: PathBuf,
    surroundings: Surroundings,
}

/// Runs the demo.
pub(super) async fn run(demo: &Demo) -> color_eyre::Result<Exit> {
    let on_screen = !demo.auto && io::stdin().is_terminal() && io::stdout().is_terminal();
    match on_screen {
        true => logging::on_screen(),
        false => logging::on_stderr(),
    }
    if !demo.auto && !on_screen {
        say("no terminal here; `--auto` runs it in plain lines")?;
        return Ok(Exit::Usage);
    }
    say("starting a private Postgres primary and standby")?;
    let stage = Stage::set(demo).await?;
    say(&format!("filling {DATABASE}.users with {} rows", demo.rows))?;
    let dsn = stage.cluster.primary().dsn(DATABASE);
    let rows = i64::try_from(demo.rows).unwrap_or(i64::MAX);
    create_shop(&dsn, rows).await?;
    let mut load = Load::new(LoadOptions::new(&dsn, rows, &stage.flags));
    load.start_old();

    let (runbook, places) = stage.runbook()?;
    let begun = begin(&runbook, places.clone(), None).await?;
    let Begun::Ready(ready) = begun else {
        let Begun::Refused(refusals) = begun else {
            unreachable!("begun is ready or refused");
        };
        return refuse(&refusals);
    };
    let lead = Lead::start(*ready, &places)?;
    let shop = operator::Shop::follow(load, lead.snapshots());
    let exit = match demo.auto {
        true => {
            let asker = lead.handle.asker.clone();
            let _operator = operator::Operator::start(asker, lead.snapshots());
            lead.headless().await?
        }
        false => lead.on_screen(demo.look).await?,
    };
    let (figures, clean) = shop.close().await?;
    report(&figures, clean)?;
    stage.strike(demo.keep)?;
    Ok(match clean && figures.errors() == 0 {
        true => exit,
        false => Exit::Error,
    })
}

impl Stage {
    async fn set(demo: &Demo) -> color_eyre::Result<Self> {
        let options = Options {
            pg_bin: demo.pg_bin.clone(),
            standby: true,
            ..Options::default()
        };
        let cluster = spawn_blocking(move || {
            let cluster = Cluster::start(&options)?;
            cluster.create_database(DATABASE)?;
            Ok::<_, crate::sandbox::Error>(cluster)
        });
        let cluster = cluster.await??;
        let home = cluster.make_directory("demo")?;
        let flags = cluster.make_directory("flags")?;
        let runbook = files::write(&home)?;
        let vars = variables(&cluster, &home, &flags);
        Ok(Self {
            runbook,
            flags,
            surroundings: Surroundings {
                vars: Arc::new(vars),
            },
            cluster,
        })
    }

    fn runbook(&self) -> color_eyre::Result<(Runbook, Places)> {
        let source = Source {
            runbook: self.runbook.clone(),
            environment: Some("demo".to_owned()),
        };
        let loaded = read(&source)?;
        let faults = loaded.render(false);
        let runbook = loaded
            .runbook
            .ok_or_else(|| color_eyre::eyre::eyre!(faults))?;
        let places = places(&runbook, &self.runbook, &self.surroundings)?;
        Ok((runbook, places))
    }

    /// Takes the servers down, or says how to.
    fn strike(self, keep: bool) -> color_eyre::Result<()> {
        if !keep {
            return Ok(());
        }
        let dsn = self.cluster.primary().dsn(DATABASE);
        let kept = self.cluster.keep()?;
        say(&format!("the primary is at {dsn}"))?;
        say(&format!("files are in {}", kept.directory.display()))?;
        say(&format!("to stop and remove them: {}", kept.stop_command))?;
        Ok(())
    }
}

/// What the demo's runbook and its commands find in their environment.
fn variables(cluster: &Cluster, home: &Path, flags: &Path) -> BTreeMap<String, String> {
    let path = std::env::var("PATH").unwrap_or_default();
    let bin = home.join("bin");
    let standby = cluster.standby().map(|standby| standby.dsn(DATABASE));
    let vars = [
        ("PGCUTOVER_DEMO_URL", Some(cluster.primary().dsn(DATABASE))),
        ("PGCUTOVER_DEMO_STANDBY_URL", standby),
        ("PGCUTOVER_FLAGS", Some(flags.display().to_string())),
        ("PATH", Some(format!("{}:{path}", bin.display()))),
        ("XDG_STATE_HOME", Some(home.display().to_string())),
    ];
    let vars = vars.into_iter();
    vars.filter_map(|(name, value)| Some((name.to_owned(), value?)))
        .collect()
}

fn report(figures: &Snapshot, clean: bool) -> io::Result<()> {
    let verdict = if clean {
        "every write is there"
    } else {
        "WRITES ARE MISSING"
    };
    say(&format!(
        "clients: {} operations, {} errors, {} reverted; {verdict}",
        figures.old.operations + figures.new.operations,
        figures.errors(),
        figures.mismatches()
    ))
}

fn say(line: &str) -> io::Result<()> {
    writeln!(io::stdout(), "demo: {line}")
}
