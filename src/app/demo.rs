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
use std::time::Duration;

use tokio::task::{JoinSet, spawn_blocking};

use super::begin::{Begun, begin};
use super::lead::Lead;
use super::source::{Surroundings, places, read};
use super::{Exit, clean_lines, logging, refuse};
use crate::cli::{Demo, Source};
use crate::driver::Places;
use crate::report::format;
use crate::runbook::Runbook;
use crate::sandbox::load::{Deployment, Figures, LoadOptions, Meter, Snapshot, create_shop};
use crate::sandbox::{Cluster, Options};

/// The demo's database.
const DATABASE: &str = "app";
/// Time between two lines about the clients.
const TELL: Duration = Duration::from_secs(5);

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
    let shop = Deployment::start(LoadOptions::new(&dsn, rows, &stage.flags));

    let (runbook, places) = stage.runbook()?;
    let begun = begin(&runbook, places.clone(), None).await?;
    let Begun::Ready(ready) = begun else {
        let Begun::Refused(refusals) = begun else {
            unreachable!("begun is ready or refused");
        };
        return refuse(&refusals);
    };
    let lead = Lead::start(*ready, &places)?;
    let teller = demo.auto.then(|| tell(shop.meter()));
    let exit = match demo.auto {
        true => {
            let asker = lead.handle.asker.clone();
            let _operator = operator::Operator::start(asker, lead.snapshots());
            lead.headless().await?
        }
        false => lead.on_screen(demo.look).await?,
    };
    drop(teller);
    let (figures, check) = shop.stop().await?;
    let clean = check.is_clean() && figures.errors() + figures.mismatches() == 0;
    say(&clients(&figures))?;
    say(match clean {
        true => "every write of every client is there",
        false => "WRITES ARE MISSING OR CLIENTS SAW ERRORS",
    })?;
    for example in check
        .examples
        .iter()
        .chain(&figures.old.last_errors)
        .chain(&figures.new.last_errors)
    {
        say(&clean_lines(example))?;
    }
    stage.strike(demo.keep)?;
    Ok(if clean { exit } else { Exit::Error })
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

/// Says every few seconds how the clients fare; dropping it stops it.
fn tell(meter: Meter) -> JoinSet<()> {
    let mut teller = JoinSet::new();
    teller.spawn(async move {
        let mut timer = tokio::time::interval(TELL);
        timer.tick().await;
        loop {
            timer.tick().await;
            if say(&clients(&meter.snapshot())).is_err() {
                return;
            }
        }
    });
    teller
}

fn clients(figures: &Snapshot) -> String {
    let generation = |name: &str, figures: &Figures| {
        let p99 = figures.latencies.quantile(0.99).unwrap_or_default();
        format!(
            "{name} {} connected, {} operations, p99 {}",
            figures.connected,
            figures.operations,
            format::duration(p99)
        )
    };
    format!(
        "clients: {}; {}; {} errors, {} writes reverted",
        generation("old", &figures.old),
        generation("new", &figures.new),
        figures.errors(),
        figures.mismatches()
    )
}

fn say(line: &str) -> io::Result<()> {
    writeln!(io::stdout(), "demo: {line}")
}
