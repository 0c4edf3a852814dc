//! Owns the way through the example runbook, with its clients at work; never
//! what a test expects on the way.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use pgcutover::run::event::Task;
use pgcutover::run::{Place, Run, TaskState};
use pgcutover::sandbox::load::{Deployment, LoadOptions, create_shop};

use crate::servers;
use crate::stage::Stage;

/// Users before the first sale.
const ROWS: i64 = 3000;

/// The example's phases, in order.
pub(crate) const PHASES: [&str; 6] = [
    "expand",
    "dual-write",
    "backfill",
    "verify",
    "read-switch",
    "contract",
];

/// The example on a shop of its own, whose application is deployed.
pub(crate) struct Walk {
    pub(crate) stage: Stage,
    flags: PathBuf,
    shop: Deployment,
}

impl Walk {
    /// The shop is open; nobody leads yet.
    pub(crate) async fn begin() -> Self {
        Self::of(ROWS, "1s").await
    }

    /// The same, of so many users, with 10 % of the reads to look good for so long.
    pub(crate) async fn of(rows: i64, ramp: &str) -> Self {
        let database = servers::database().await;
        create_shop(&database.dsn, rows).await.unwrap();
        let mut stage = Stage::set(&example(&database.name, ramp), database, Some("demo"));
        for file in ["dual-write.sql", "dual-write.undo.sql", "contract.sql"] {
            let from = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("runbooks/sql");
            let sql = stage.home.path().join("sql");
            fs::create_dir_all(&sql).unwrap();
            fs::copy(from.join(file), sql.join(file)).unwrap();
        }
        let flags = stage.home.path().join("flags");
        fs::create_dir(&flags).unwrap();
        stage
            .vars
            .push(("PGCUTOVER_FLAGS".to_owned(), flags.display().to_string()));
        let options = LoadOptions {
            operations_per_second: 50.0,
            old_clients: 2,
            new_clients: 2,
            ..LoadOptions::new(&stage.database.dsn, rows, &flags)
        };
        let shop = Deployment::start(options);
        let open = |text: String| text.trim() == "on";
        while !fs::read_to_string(flags.join("old_app.running")).is_ok_and(open) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Self { stage, flags, shop }
    }

    /// The schema and what the flags mean.
    pub(crate) async fn standing(&self) -> String {
        let flag = |name: &str, default: &str| {
            let text = fs::read_to_string(self.flags.join(name));
            text.map_or(default.to_owned(), |text| text.trim().to_owned())
        };
        format!(
            "{}read_new {}, old_app {} {}, new_app {} {}",
            servers::schema_of(&self.stage.database.client).await,
            flag("read_new", "0"),
            flag("old_app", "on"),
            flag("old_app.running", "on"),
            flag("new_app", "off"),
            flag("new_app.running", "off"),
        )
    }

    /// Enters a phase as a person does, signing where that is wanted; does not
    /// wait for its steps.
    pub(crate) async fn enter(&mut self, phase: &str) {
        let index = index_of(phase);
        let entered = |run: &Run| matches!(run.place, Place::In(here) if here >= index);
        let ready = |run: &Run| entered(run) || at_rest(run);
        self.stage.until("open boundary", ready).await;
        if phase == "contract" {
            self.sign().await;
        }
        let began = Instant::now();
        // Or it enters by itself, as do those behind it.
        while !entered(&self.stage.run().await.unwrap()) {
            let said = self.stage.verb(&["advance", phase]).await;
            let late = began.elapsed() > Duration::from_secs(30);
            assert!(said.code == 0 || !late, "{said:?}\n{}", self.stage.told());
        }
    }

    /// Signs for the readers.
    pub(crate) async fn sign(&mut self) {
        self.stage
            .ask(&["sign", "readers-fine", "--reason", "they are"])
            .await;
    }

    /// Goes to the end of a phase, through all before it.
    pub(crate) async fn go_to(&mut self, phase: &str) {
        let here = self.stage.run().await.unwrap().boundary();
        for next in &PHASES[here..=index_of(phase)] {
            self.enter(next).await;
        }
        self.complete(phase).await;
    }

    /// Waits for the end of a phase that has been entered.
    pub(crate) async fn complete(&mut self, phase: &str) {
        let index = index_of(phase);
        // The one after it may have entered by itself.
        let steps = |run: &Run| match run.place {
            Place::In(here) if here == index => run.next_step().is_none(),
            Place::In(here) | Place::Before(here) => here > index,
        };
        self.stage.until(phase, steps).await;
    }

    /// Takes a phase back, and waits until the run stands before it.
    pub(crate) async fn roll_back(&mut self, phase: &str) {
        self.stage
            .ask(&["rollback", phase, "--reason", "the test wants it"])
            .await;
        let index = index_of(phase);
        let done = |run: &Run| run.rollback.is_none() && run.place == Place::Before(index);
        self.stage.until("end of the rollback", done).await;
    }

    /// Lets statements that contain this fail, as a broken server would, until
    /// [`Self::mend`]. Our own schema is not touched by it.
    pub(crate) async fn break_statement(&self, pattern: &str) {
        let client = &self.stage.database.client;
        let plant = format!(
            "CREATE SCHEMA planted;
             CREATE FUNCTION planted.refuse() RETURNS event_trigger LANGUAGE plpgsql AS $$
             BEGIN
                 IF current_query() LIKE '%{pattern}%' THEN RAISE EXCEPTION 'planted'; END IF;
             END $$;
             CREATE EVENT TRIGGER planted ON ddl_command_start EXECUTE FUNCTION planted.refuse()"
        );
        client.batch_execute(&plant).await.unwrap();
    }

    /// Takes back [`Self::break_statement`].
    pub(crate) async fn mend(&self) {
        let client = &self.stage.database.client;
        let dig = "DROP EVENT TRIGGER planted; DROP SCHEMA planted CASCADE";
        client.batch_execute(dig).await.unwrap();
    }

    /// Lets no command do anything, until [`Self::mend_commands`].
    pub(crate) fn break_commands(&self) {
        let broken = self.stage.home.path().join("bin/flagctl");
        fs::write(&broken, "#!/bin/sh\nexit 2\n").unwrap();
        fs::set_permissions(&broken, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Takes back [`Self::break_commands`].
    pub(crate) fn mend_commands(&self) {
        fs::remove_file(self.stage.home.path().join("bin/flagctl")).unwrap();
    }

    /// Waits for a step that has failed for good.
    pub(crate) async fn until_failed(&mut self, task: &Task) {
        let failed = |run: &Run| {
            let record = run.record(task);
            record.is_some_and(|record| matches!(record.state, TaskState::Failed(_)))
        };
        self.stage.until("failure", failed).await;
    }

    /// Closes the shop: nobody met an error, and every write is there.
    pub(crate) async fn close(self) {
        let (figures, check) = self.shop.stop().await.unwrap();
        let operations = figures.old.operations + figures.new.operations;
        assert!(operations > 20, "{figures:?}");
        assert_eq!(
            (figures.errors(), figures.mismatches()),
            (0, 0),
            "{figures:?}"
        );
        assert!(check.is_clean(), "{check:?}");
    }
}

/// The number of a phase of the example.
pub(crate) fn index_of(phase: &str) -> usize {
    PHASES.iter().position(|name| *name == phase).unwrap()
}

/// Nothing is left to do before the next boundary.
pub(crate) fn at_rest(run: &Run) -> bool {
    run.rollback.is_none() && run.next_step().is_none()
}

/// The example in a hurry, on that database; its gate asks for clients there alone.
fn example(database: &str, ramp: &str) -> String {
    let text = include_str!("../../runbooks/rename-column.toml");
    let swap = |text: String, from: &str, to: &str| {
        assert!(text.contains(from), "the example has no `{from}` any more");
        text.replace(from, to)
    };
    let text = swap(
        text.to_owned(),
        "vars.ramp = \"2s\"",
        &format!("vars.ramp = \"{ramp}\""),
    );
    let text = swap(text, "vars.bake = \"3s\"", "vars.bake = \"1s\"");
    swap(
        text,
        "database = \"app\"",
        &format!("database = \"{database}\""),
    )
}
