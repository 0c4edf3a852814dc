//! A command whose lead was killed: what is known of it, and what is not.

use std::fs;

use pgcutover::run::event::{EventKind, Task};
use pgcutover::run::{Outcome, Run, TaskState};

use crate::stage::{Stage, step};

/// Two commands that take until somebody lets them end; each notes that it ran.
const RUNBOOK: &str = r#"
format = 1
[cutover]
id = "doubt"
title = "commands"
[connections.main]
url_env = "PGCUTOVER_DEMO_URL"
[[phase]]
id = "commands"
[[phase.step]]
id = "tells"
keep = "a note"
[phase.step.exec]
run = ["sh", "slow.sh", "tells"]
done_when = ["test", "-e", "tells.done"]
[[phase.step]]
id = "blind"
keep = "a note"
[phase.step.exec]
run = ["sh", "slow.sh", "blind"]
"#;

/// Notes that it runs, waits to be let go, notes that it is done.
const SLOW: &str = r#"
echo x >> "$1.runs"
until [ -e "$1.go" ]; do sleep 0.05; done
: > "$1.done"
"#;

struct Commands(Stage);

impl Commands {
    async fn begin() -> Self {
        let mut stage = Stage::of(RUNBOOK).await;
        fs::write(stage.home.path().join("slow.sh"), SLOW).unwrap();
        stage.lead().await;
        stage.ask(&["advance", "commands"]).await;
        Self(stage)
    }

    /// How often a command has been started.
    fn runs(&self, name: &str) -> usize {
        let text = fs::read_to_string(self.0.home.path().join(format!("{name}.runs")));
        text.unwrap_or_default().lines().count()
    }

    /// Lets a command end, and waits until it has.
    async fn let_go(&mut self, name: &str) {
        let home = self.0.home.path();
        fs::write(home.join(format!("{name}.go")), "").unwrap();
        let done = home.join(format!("{name}.done"));
        self.0.until("the command's end", |_| done.exists()).await;
    }

    /// Waits until a command has run so often.
    async fn until_runs(&mut self, name: &str, wanted: usize) {
        let file = self.0.home.path().join(format!("{name}.runs"));
        let runs = |_: &Run| {
            let text = fs::read_to_string(&file);
            text.unwrap_or_default().lines().count() == wanted
        };
        self.0.until("the command", runs).await;
    }

    /// Kills the lead in the middle of a command, which goes on without it.
    async fn kill_in(&mut self, name: &str) {
        self.until_runs(name, 1).await;
        self.0.kill();
    }

    async fn until_in_doubt(&mut self, task: &Task) {
        let doubtful = |run: &Run| {
            let record = run.record(task);
            record.is_some_and(|record| matches!(record.state, TaskState::InDoubt(_)))
        };
        self.0.until("doubt", doubtful).await;
    }
}

async fn resolved(taken: &str, runs: usize) {
    let mut commands = Commands::begin().await;
    commands.kill_in("tells").await;
    // It ends while nobody leads: its probe says so to the next lead.
    let file = commands.0.home.path().join("tells.done");
    fs::write(commands.0.home.path().join("tells.go"), "").unwrap();
    while !file.exists() {
        tokio::task::yield_now().await;
    }
    commands.0.lead().await;
    commands.kill_in("blind").await;
    assert_eq!(commands.runs("tells"), 1, "done already");
    let journal = commands.0.journal().await;
    let by_probe = journal.iter().any(|event| {
        matches!(&event.kind, EventKind::DoubtResolved { task, done: true, how, .. }
            if *task == step("tells") && how.contains("done_when"))
    });
    assert!(by_probe, "{journal:#?}");

    commands.0.lead().await;
    commands.until_in_doubt(&step("blind")).await;
    let status = commands
        .0
        .until_status("doubt", |status| status["state"] == "IN DOUBT")
        .await;
    let verdict = status["verdict"].as_str().unwrap();
    assert!(
        verdict.contains("Nobody knows whether blind is done"),
        "{verdict}"
    );
    assert_eq!(commands.0.status().await.1, 5);
    commands
        .0
        .refused(&["answer", "blind"], "does not wait for an answer")
        .await;
    // Nobody guesses, however long it takes.
    commands.0.kill();
    commands.0.lead().await;
    commands.until_in_doubt(&step("blind")).await;
    assert_eq!(commands.runs("blind"), 1);

    commands.let_go("blind").await;
    let resolve = ["resolve", "blind", "--as", taken, "--reason", "I looked"];
    commands.0.ask(&resolve).await;
    assert_eq!(commands.0.ended().await, Some(0), "{}", commands.0.told());
    assert_eq!(
        commands.0.run().await.unwrap().outcome,
        Some(Outcome::Finished)
    );
    assert_eq!((commands.runs("tells"), commands.runs("blind")), (1, runs));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_in_doubt_is_told_by_its_probe_or_by_a_person_alone() {
    tokio::join!(resolved("done", 1), resolved("retry", 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_its_probe_denies_runs_again() {
    let mut commands = Commands::begin().await;
    commands.kill_in("tells").await;
    commands.0.lead().await;
    commands.until_runs("tells", 2).await;
    commands.let_go("tells").await;
    commands.let_go_blind().await;
    assert_eq!(commands.0.ended().await, Some(0), "{}", commands.0.told());
}

impl Commands {
    async fn let_go_blind(&mut self) {
        self.until_runs("blind", 1).await;
        self.let_go("blind").await;
    }
}
