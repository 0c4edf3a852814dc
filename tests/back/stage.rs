//! Owns a runbook on a database of its own, the process that leads it and the
//! verbs that are sent to it; never what a test expects of them.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use pgcutover::run::Run;
use pgcutover::run::event::{Event, Seq, Task};
use pgcutover::run::evolve::fold;
use pgcutover::runbook::StepId;
use pgcutover::seam;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;
use tokio::time::sleep;

use crate::servers::{self, Database};

/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks.
const GLANCE: Duration = Duration::from_millis(40);

/// A runbook on a database of its own.
pub(crate) struct Stage {
    pub(crate) database: Database,
    pub(crate) home: TempDir,
    pub(crate) runbook: PathBuf,
    /// Variables of the lead and of every verb.
    pub(crate) vars: Vec<(String, String)>,
    lead: Option<Child>,
    environment: Option<&'static str>,
}

/// What a verb said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Stage {
    /// A runbook of the test's own, whose connection `main` is a fresh database.
    pub(crate) async fn of(runbook: &str) -> Self {
        Self::set(runbook, servers::database().await, None)
    }

    /// Nothing runs yet.
    pub(crate) fn set(text: &str, database: Database, environment: Option<&'static str>) -> Self {
        let home = tempfile::tempdir().unwrap();
        let runbook = home.path().join("runbook.toml");
        fs::write(&runbook, text).unwrap();
        let path = std::env::var("PATH").unwrap();
        // A test's own commands stand before the example's.
        let own = home.path().join("bin");
        fs::create_dir(&own).unwrap();
        let bin = Path::new(env!("CARGO_MANIFEST_DIR")).join("runbooks/bin");
        let path = format!("{}:{}:{path}", own.display(), bin.display());
        let vars = [
            ("PGCUTOVER_DEMO_URL", database.dsn.clone()),
            ("PGCUTOVER_DEMO_STANDBY_URL", database.standby_dsn.clone()),
            ("PATH", path),
            ("XDG_STATE_HOME", home.path().display().to_string()),
        ];
        Self {
            vars: vars.map(|(name, value)| (name.to_owned(), value)).into(),
            database,
            home,
            runbook,
            lead: None,
            environment,
        }
    }

    fn program(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pgcutover"));
        command.envs(self.vars.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null());
        command
    }

    /// Starts or resumes the run, and waits until somebody leads.
    pub(crate) async fn lead(&mut self) {
        let epoch = self.epoch().await;
        self.spawn(None);
        self.until("a lead", |run| epoch_of(run) > epoch).await;
    }

    /// The same, to be killed at a seam.
    pub(crate) async fn lead_until(&mut self, seam: &str) {
        let epoch = self.epoch().await;
        self.spawn(Some(seam));
        self.until("a lead", |run| epoch_of(run) > epoch).await;
    }

    /// Starts the lead, and waits for nothing.
    pub(crate) fn lead_as_it_is(&mut self) {
        self.spawn(None);
    }

    fn spawn(&mut self, seam: Option<&str>) {
        assert!(self.lead.is_none(), "somebody leads already");
        let mut command = self.program();
        command.arg("run").arg(&self.runbook).arg("--headless");
        if let Some(environment) = self.environment {
            command.args(["--environment", environment]);
        }
        if let Some(seam) = seam {
            command.env(seam::VARIABLE, seam);
        }
        let log = File::options().create(true).append(true).open(self.log());
        let log = log.unwrap();
        command.stdout(log.try_clone().unwrap()).stderr(log);
        self.lead = Some(command.spawn().unwrap());
    }

    fn log(&self) -> PathBuf {
        self.home.path().join("lead.log")
    }

    /// Waits until the lead has printed that.
    pub(crate) async fn until_told(&self, text: &str) {
        let began = Instant::now();
        while !self.told().contains(text) {
            let late = began.elapsed() > PATIENCE;
            assert!(!late, "no `{text}`:\n{}", self.told());
            sleep(GLANCE).await;
        }
    }

    /// What the lead has printed so far.
    pub(crate) fn told(&self) -> String {
        fs::read_to_string(self.log()).unwrap_or_default()
    }

    async fn epoch(&self) -> i64 {
        self.run().await.map_or(0, |run| epoch_of(&run))
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) {
        let mut lead = self.lead.take().expect("somebody leads");
        lead.kill().unwrap();
        lead.wait().unwrap();
    }

    /// Sends a signal to the lead.
    pub(crate) fn signal(&self, signal: Signal) {
        let lead = self.lead.as_ref().expect("somebody leads");
        let pid = Pid::from_raw(lead.id().cast_signed()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// The exit code of the lead, once it has ended by itself; `None` where a
    /// signal ended it.
    pub(crate) async fn ended(&mut self) -> Option<i32> {
        let began = Instant::now();
        let mut lead = self.lead.take().expect("somebody leads");
        loop {
            if let Some(status) = lead.try_wait().unwrap() {
                return status.code();
            }
            if began.elapsed() > PATIENCE {
                lead.kill().unwrap();
                lead.wait().unwrap();
                panic!("the lead does not end:\n{}", self.told());
            }
            sleep(GLANCE).await;
        }
    }

    /// One verb, in a process of its own.
    pub(crate) async fn verb(&self, words: &[&str]) -> Said {
        self.verb_as("postgres", words).await
    }

    /// One verb of another login.
    pub(crate) async fn verb_as(&self, user: &str, words: &[&str]) -> Said {
        let mut command = self.words(words);
        command.env(
            "PGCUTOVER_DEMO_URL",
            servers::as_user(&self.database.dsn, user),
        );
        said(command).await
    }

    /// Asks as a verb does, and leaves: for a lead that dies of the question.
    pub(crate) async fn ask_and_leave(&self, ask: &Value) {
        let request = "SELECT pgcutover.request(run_id, $1::text::json, seq, hash)
                       FROM pgcutover.run JOIN pgcutover.head USING (run_id)
                       WHERE ended IS NULL";
        let client = &self.database.client;
        client
            .query_one(request, &[&ask.to_string()])
            .await
            .unwrap();
    }

    /// Somebody else wants to lead as well.
    pub(crate) async fn second_lead(&self) -> Said {
        let mut command = self.program();
        command.arg("run").arg(&self.runbook).arg("--headless");
        said(command).await
    }

    fn words(&self, words: &[&str]) -> Command {
        let mut command = self.program();
        command
            .args(words)
            .args(["--url-env", "PGCUTOVER_DEMO_URL"]);
        command
    }

    /// A verb that is accepted.
    pub(crate) async fn ask(&self, words: &[&str]) {
        let said = self.verb(words).await;
        let expected = format!("{}: accepted\n", words[0]);
        assert_eq!(
            (said.code, &said.out),
            (0, &expected),
            "{said:?}\n{}",
            self.told()
        );
    }

    /// A verb that is refused, for a reason that contains this.
    pub(crate) async fn refused(&self, words: &[&str], why: &str) {
        self.verb(words).await.is_refused(words[0], why);
    }

    /// `status --json`, and its exit code.
    pub(crate) async fn status(&self) -> (Value, i32) {
        let said = self.verb(&["status", "--json"]).await;
        let picture = serde_json::from_str(&said.out);
        (picture.unwrap_or_else(|_| panic!("{said:?}")), said.code)
    }

    /// Waits for a status.
    pub(crate) async fn until_status(&self, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let began = Instant::now();
        loop {
            let (status, _) = self.status().await;
            if wanted(&status) {
                return status;
            }
            let late = began.elapsed() > PATIENCE;
            assert!(!late, "no {what}: {status:#}\n{}", self.told());
            sleep(GLANCE).await;
        }
    }

    /// The newest run's journal.
    pub(crate) async fn journal(&self) -> Vec<Event> {
        let client = &self.database.client;
        let there = "SELECT to_regclass('pgcutover.event') IS NOT NULL";
        if !client
            .query_one(there, &[])
            .await
            .unwrap()
            .get::<_, bool>(0)
        {
            return Vec::new();
        }
        let rows = client.query(
            "SELECT seq, at, body::text, hash FROM pgcutover.event
             WHERE run_id = (SELECT run_id FROM pgcutover.run ORDER BY created_at DESC LIMIT 1)
             ORDER BY seq",
            &[],
        );
        let event = |row: &tokio_postgres::Row| Event {
            seq: Seq(row.get("seq")),
            at: row.get("at"),
            kind: serde_json::from_str(row.get("body")).unwrap(),
            hash: row.get("hash"),
        };
        rows.await.unwrap().iter().map(event).collect()
    }

    /// The newest run, by its journal.
    pub(crate) async fn run(&self) -> Option<Run> {
        fold(&self.journal().await).unwrap()
    }

    /// Waits for a run that is as wanted.
    pub(crate) async fn until(&mut self, what: &str, wanted: impl Fn(&Run) -> bool) -> Run {
        let began = Instant::now();
        loop {
            let run = self.run().await;
            if let Some(run) = run.filter(&wanted) {
                return run;
            }
            let ended = match &mut self.lead {
                Some(lead) => lead.try_wait().unwrap(),
                None => None,
            };
            let over = began.elapsed() > PATIENCE || ended.is_some();
            assert!(!over, "no {what}; lead {ended:?}:\n{}", self.told());
            sleep(GLANCE).await;
        }
    }
}

async fn said(command: Command) -> Said {
    let output = tokio::process::Command::from(command).output();
    let output = output.await.unwrap();
    Said {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if let Some(mut lead) = self.lead.take() {
            let _ = lead.kill();
            let _ = lead.wait();
        }
    }
}

impl Said {
    /// Refused, for a reason that contains this.
    pub(crate) fn is_refused(&self, verb: &str, why: &str) {
        let refused = self.err.starts_with(&format!("{verb}: refused: "));
        let fits = self.code == 1 && refused && self.err.contains(why) && self.out.is_empty();
        assert!(fits, "wanted `{why}`: {self:?}");
    }
}

fn epoch_of(run: &Run) -> i64 {
    run.lead.as_ref().map_or(0, |lead| lead.epoch)
}

/// Doing the step of this name.
pub(crate) fn step(id: &str) -> Task {
    Task::forward(StepId::new(id))
}

/// Taking back the step of this name.
pub(crate) fn undo(id: &str) -> Task {
    Task::back(StepId::new(id))
}
