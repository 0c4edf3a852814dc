//! Servers, shop and runbook of one test; owns them, never the program.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use pgcutover::pg::session::{Purpose, Session};
use pgcutover::run::event::{Event, EventKind, RunId};
use pgcutover::sandbox::load::{Check, Deployment, LoadOptions, Snapshot, create_shop};
use pgcutover::sandbox::{Cluster, Options};
use pgcutover::store::verify::Head;
use pgcutover::store::{read, runs};
use tokio::process::Command;
use tokio_postgres::{Client, NoTls};

use crate::program::{Answer, Lead, Status};
use crate::targets;

/// The variable that names the primary, as environment `demo` wants it.
pub(crate) const URL: &str = "PGCUTOVER_DEMO_URL";

/// What a test changes in the example runbook: what it says, and what instead.
pub(crate) type Edit = (&'static str, &'static str);

/// Chunks so small that there are many, and soaks so short that nobody waits.
const BRISK: &[Edit] = &[
    ("min = 100, max = 50_000", "min = 100, max = 250"),
    ("vars.ramp = \"2s\"", "vars.ramp = \"300ms\""),
    ("vars.bake = \"3s\"", "vars.bake = \"300ms\""),
];

/// A primary with a standby, a shop whose application is deployed, and a copy
/// of the example runbook. Everything is gone when it is dropped.
pub(crate) struct Stage {
    pub(crate) cluster: Cluster,
    /// Where the test itself looks.
    pub(crate) dsn: String,
    /// What the program is told.
    pub(crate) address: String,
    deployment: Option<Deployment>,
    flags: PathBuf,
    home: PathBuf,
}

impl Stage {
    /// A stage with clients at work.
    pub(crate) async fn set(rows: i64, edits: &[Edit]) -> Self {
        let mut stage = Self::without_clients(rows, edits).await;
        let options = LoadOptions::new(&stage.dsn, rows, &stage.flags);
        stage.deployment = Some(Deployment::start(options));
        stage
    }

    /// A stage on which nobody works.
    pub(crate) async fn without_clients(rows: i64, edits: &[Edit]) -> Self {
        let cluster = tokio::task::spawn_blocking(|| {
            let cluster = Cluster::start(&Options {
                pg_bin: std::env::var_os("PGCUTOVER_TEST_PG_BIN").map(PathBuf::from),
                standby: true,
                durable: false,
                ..Options::default()
            });
            let cluster = cluster.unwrap();
            cluster.create_database("app").unwrap();
            cluster
        });
        let cluster = cluster.await.unwrap();
        let dsn = cluster.primary().dsn("app");
        create_shop(&dsn, rows).await.unwrap();
        let (flags, home) = (
            cluster.make_directory("flags").unwrap(),
            cluster.make_directory("home").unwrap(),
        );
        copy(
            &Path::new(env!("CARGO_MANIFEST_DIR")).join("runbooks"),
            &home,
        );
        let stage = Self {
            cluster,
            address: dsn.clone(),
            dsn,
            deployment: None,
            flags,
            home,
        };
        stage.edit(BRISK);
        stage.edit(edits);
        stage
    }

    /// The directory that the runbook lies in, and the user's home.
    pub(crate) fn home(&self) -> &Path {
        &self.home
    }

    /// The runbook.
    pub(crate) fn runbook(&self) -> PathBuf {
        self.home.join("rename-column.toml")
    }

    /// Changes the runbook; each edit has to meet its text.
    pub(crate) fn edit(&self, edits: &[Edit]) {
        let mut text = std::fs::read_to_string(self.runbook()).unwrap();
        for (from, to) in edits {
            assert!(text.contains(from), "the runbook does not say `{from}`");
            text = text.replace(from, to);
        }
        std::fs::write(self.runbook(), text).unwrap();
    }

    /// The program in the stage's surroundings, and in no others.
    pub(crate) fn program(&self) -> Command {
        let path = std::env::var("PATH").unwrap_or_default();
        // Figures are made with another build than the tests.
        let built = std::env::var_os("PGCUTOVER_TEST_PROGRAM");
        let built = built.unwrap_or_else(|| env!("CARGO_BIN_EXE_pgcutover").into());
        let mut command = Command::new(built);
        command
            .env_clear()
            .env("PATH", format!("{}/bin:{path}", self.home.display()))
            .env("HOME", &self.home)
            .env("PGCUTOVER_LOG", "info")
            .env("PGCUTOVER_FLAGS", &self.flags)
            .env(URL, &self.address)
            .env(
                "PGCUTOVER_DEMO_STANDBY_URL",
                self.cluster.standby().unwrap().dsn("app"),
            )
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }

    /// The same as another login.
    pub(crate) fn program_as(&self, login: &str) -> Command {
        let mut command = self.program();
        let address = self
            .address
            .replace("user=postgres", &format!("user={login}"));
        command.env(URL, address);
        command
    }

    /// `take-over --headless` as that login.
    pub(crate) fn taker(&self, login: &str, options: &[&str]) -> Lead {
        let mut command = self.program_as(login);
        command.args(["take-over", "--headless", "--url-env", URL]);
        command.args(options);
        // Its local log is of another machine.
        command.env("XDG_STATE_HOME", self.home.join("elsewhere"));
        command.current_dir(&self.home);
        Lead::start(command, &self.home)
    }

    /// `run --headless`, from the start or resumed.
    pub(crate) fn lead(&self) -> Lead {
        self.lead_with(&[])
    }

    /// The same with variables.
    pub(crate) fn lead_with(&self, variables: &[(&str, &str)]) -> Lead {
        let mut command = self.run(&["--headless"]);
        command.envs(variables.iter().copied());
        self.lead_by(command)
    }

    /// The same by a command made from [`Stage::run`].
    pub(crate) fn lead_by(&self, command: Command) -> Lead {
        Lead::start(command, &self.home)
    }

    /// `run` with these options.
    pub(crate) fn run(&self, options: &[&str]) -> Command {
        let mut command = self.program();
        command.arg("run").arg(self.runbook());
        command.args(["--environment", "demo"]).args(options);
        command
    }

    /// A verb from another terminal: `"advance expand"`.
    pub(crate) async fn verb(&self, words: &str) -> Answer {
        let mut command = self.program();
        command.args(words.split(' ')).args(["--url-env", URL]);
        Answer::of(command).await
    }

    /// The same, where it has to be accepted.
    pub(crate) async fn accepted(&self, words: &str) {
        let answer = self.verb(words).await;
        assert_eq!(answer.code, Some(0), "{words}: {answer:?}");
    }

    /// `status --json`; none while there is nothing to see.
    pub(crate) async fn status(&self) -> Option<Status> {
        let answer = self.verb("status --json").await;
        serde_json::from_str(&answer.out).ok()
    }

    /// The status once it is as wanted.
    pub(crate) async fn status_when(&self, what: &str, wanted: impl Fn(&Status) -> bool) -> Status {
        crate::until(what, async || self.status().await.filter(&wanted)).await
    }

    /// A connection of a test's own, as the superuser.
    pub(crate) async fn connect(&self) -> Client {
        let (client, connection) = tokio_postgres::connect(&self.dsn, NoTls).await.unwrap();
        tokio::spawn(connection);
        client
    }

    /// The run's journal from the beginning, its chain followed.
    pub(crate) async fn journal(&self) -> Vec<Event> {
        let session = targets::session(&self.dsn, Purpose::Observer).await;
        let run = only_run(&session).await;
        read::events(&session, &run, &Head::default())
            .await
            .unwrap()
    }

    /// The journal's events, once one is as wanted.
    pub(crate) async fn journal_with(&self, what: &str, wanted: impl Fn(&EventKind) -> bool) {
        crate::until(what, async || {
            let events = self.journal().await;
            events.iter().any(|event| wanted(&event.kind)).then_some(())
        })
        .await;
    }

    /// Closes the shop; what its clients saw, and remember.
    pub(crate) async fn close(&mut self) -> (Snapshot, Check) {
        let deployment = self.deployment.take().unwrap();
        deployment.stop().await.unwrap()
    }
}

async fn only_run(session: &Session) -> RunId {
    let runs = runs::list(session).await.unwrap();
    assert_eq!(runs.len(), 1, "one run from beginning to end");
    runs[0].run.clone()
}

fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            std::fs::create_dir(&target).unwrap();
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), &target).unwrap();
        }
    }
}
