//! `demo`: a whole cutover on private servers that vanish afterwards.
//!
//! Owns the servers, the shop's load on them, and the automatic operator of
//! `--auto`. The cutover itself is the example runbook, run like any other, but
//! for one thing: a demo whose terminal is gone ends. Nobody else knows where
//! its servers are, so nobody could come back to them.

mod files;
mod operator;

use std::collections::BTreeMap;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::task::{JoinSet, spawn_blocking};

use super::begin::{Begun, begin};
use super::lead::{Lead, Lost, Voice};
use super::source::{Surroundings, places, read};
use super::{Exit, logging, nothing_left, refuse};
use crate::cli::{Demo, Source};
use crate::driver::Places;
use crate::report::format;
use crate::runbook::Runbook;
use crate::sandbox::load::{Check, Deployment, Figures, LoadOptions, Meter, Snapshot, create_shop};
use crate::sandbox::{Cluster, Options};
use crate::text::clean_text;
use crate::tui;

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
    let ready = match begin(&runbook, places.clone(), None).await? {
        Begun::Ready(ready) => ready,
        Begun::Refused(refusals) => return refuse(&refusals),
        Begun::Finished(run) => return nothing_left(&run),
    };
    let lead = Lead::start(*ready, &places)?;
    let teller = demo.auto.then(|| tell(shop.meter()));
    let exit = match demo.auto {
        true => {
            let asker = lead.handle.asker.clone();
            let _operator = operator::Operator::start(asker, lead.snapshots());
            lead.headless(Voice::Lines).await?
        }
        false => lead.on_screen(demo.look, Lost::End).await?,
    };
    drop(teller);
    let (figures, check) = shop.stop().await?;
    let clean = check.nothing_lost() && figures.errors() + figures.mismatches() == 0;
    let mut words = verdict(&figures, &check, clean);
    words.extend(stage.strike(demo.keep)?);
    match on_screen {
        // The terminal may be stopped or gone.
        true => tui::print_patiently(&lines(&words)),
        false => write!(io::stdout(), "{}", lines(&words))?,
    }
    Ok(if clean { exit } else { Exit::Error })
}

/// How the clients fared.
fn verdict(figures: &Snapshot, check: &Check, clean: bool) -> Vec<String> {
    let mut words = vec![clients(figures)];
    words.push(match clean {
        true => "every write of every client is there".to_owned(),
        false => "WRITES ARE MISSING OR CLIENTS SAW ERRORS".to_owned(),
    });
    if !clean {
        let seen = [
            &check.examples,
            &figures.old.last_errors,
            &figures.new.last_errors,
        ];
        let seen = seen.into_iter().flatten();
        words.extend(seen.map(|example| clean_text(example)));
    }
    words
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
    fn strike(self, keep: bool) -> color_eyre::Result<Vec<String>> {
        if !keep {
            return Ok(Vec::new());
        }
        let dsn = self.cluster.primary().dsn(DATABASE);
        let kept = self.cluster.keep()?;
        Ok(vec![
            format!("the primary is at {dsn}"),
            format!("files are in {}", kept.directory.display()),
            format!("to stop and remove them: {}", kept.stop_command),
        ])
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
    write!(io::stdout(), "{}", lines(&[line.to_owned()]))
}

fn lines(words: &[String]) -> String {
    words.iter().map(|line| format!("demo: {line}\n")).collect()
}
