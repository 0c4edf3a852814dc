//! Owns the way through a runbook's phases, forward and back; never what a
//! test expects on the way.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use pgcutover::run::event::Task;
use pgcutover::run::{Place, Run, TaskState};

use crate::servers::{self, Database};
use crate::stage::Stage;

/// A runbook and its phases, in order.
pub(crate) struct Tour {
    pub(crate) stage: Stage,
    pub(crate) phases: &'static [&'static str],
    /// A phase that wants a signature first, and at which gate.
    pub(crate) signed: Option<(&'static str, &'static str)>,
}

impl Tour {
    /// An example of `runbooks/` in its environment `demo`, edited, on that
    /// database. Nobody leads yet.
    pub(crate) fn of(
        example: &str,
        edits: &[(&str, &str)],
        phases: &'static [&'static str],
        database: Database,
    ) -> Self {
        let runbooks = Path::new(env!("CARGO_MANIFEST_DIR")).join("runbooks");
        let mut text = fs::read_to_string(runbooks.join(format!("{example}.toml"))).unwrap();
        let here = format!("database = \"{}\"", database.name);
        for (from, to) in edits.iter().chain(&[("database = \"app\"", &*here)]) {
            assert!(text.contains(from), "the example has no `{from}` any more");
            text = text.replace(from, to);
        }
        let stage = Stage::set(&text, database, Some("demo"));
        let sql = stage.home.path().join("sql");
        fs::create_dir(&sql).unwrap();
        for file in fs::read_dir(runbooks.join("sql")).unwrap() {
            let file = file.unwrap();
            fs::copy(file.path(), sql.join(file.file_name())).unwrap();
        }
        Self {
            stage,
            phases,
            signed: None,
        }
    }

    /// The number of a phase.
    pub(crate) fn index_of(&self, phase: &str) -> usize {
        self.phases.iter().position(|name| *name == phase).unwrap()
    }

    /// What `public` holds, in the catalog's words.
    pub(crate) async fn schema(&self) -> String {
        servers::schema_of(&self.stage.database.client).await
    }

    /// Enters a phase as a person does, signing where that is wanted; does not
    /// wait for its steps.
    pub(crate) async fn enter(&mut self, phase: &str) {
        let index = self.index_of(phase);
        let entered = |run: &Run| matches!(run.place, Place::In(here) if here >= index);
        let ready = |run: &Run| entered(run) || at_rest(run);
        self.stage.until("open boundary", ready).await;
        if let Some((_, gate)) = self.signed.filter(|(signed, _)| *signed == phase) {
            self.stage
                .ask(&["sign", gate, "--reason", "they are"])
                .await;
        }
        let began = Instant::now();
        // Or it enters by itself, as do those behind it.
        while !entered(&self.stage.run().await.unwrap()) {
            let said = self.stage.verb(&["advance", phase]).await;
            let late = began.elapsed() > Duration::from_secs(30);
            assert!(said.code == 0 || !late, "{said:?}\n{}", self.stage.told());
        }
    }

    /// Goes to the end of a phase, through all before it.
    pub(crate) async fn go_to(&mut self, phase: &str) {
        let here = self.stage.run().await.unwrap().boundary();
        for next in &self.phases[here..=self.index_of(phase)] {
            self.enter(next).await;
        }
        self.complete(phase).await;
    }

    /// Waits for the end of a phase that has been entered.
    pub(crate) async fn complete(&mut self, phase: &str) {
        let index = self.index_of(phase);
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
        let index = self.index_of(phase);
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

    /// Goes into each phase to its end and back again, and then stays: what a
    /// phase did is gone after its rollback, but for what its steps `keep`, which
    /// `kept` puts into the schema of before. The last phase cannot go back from
    /// its end, for that is the run's: it breaks at a statement that contains
    /// this, goes back from there, and is mended. Whether it had changed the
    /// schema by then.
    pub(crate) async fn there_and_back(
        &mut self,
        breaks_at: &str,
        kept: impl Fn(&str, &str) -> String,
    ) -> bool {
        let (last, others) = self.phases.split_last().unwrap();
        for phase in others {
            let before = self.schema().await;
            self.go_to(phase).await;
            self.roll_back(phase).await;
            assert_eq!(self.schema().await, kept(phase, &before), "after {phase}");
            self.go_to(phase).await;
        }
        let before = self.schema().await;
        self.break_statement(breaks_at).await;
        self.enter(last).await;
        self.stage.until("hold", |run| run.hold.is_some()).await;
        let changed = self.schema().await != before;
        self.roll_back(last).await;
        assert_eq!(self.schema().await, before, "after {last}");
        self.mend().await;
        self.stage.ask(&["release"]).await;
        self.enter(last).await;
        assert_eq!(self.stage.ended().await, Some(0), "{}", self.stage.told());
        changed
    }

    /// Waits for a step that has failed for good.
    pub(crate) async fn until_failed(&mut self, task: &Task) {
        let failed = |run: &Run| {
            let record = run.record(task);
            record.is_some_and(|record| matches!(record.state, TaskState::Failed(_)))
        };
        self.stage.until("failure", failed).await;
    }
}

/// Nothing is left to do before the next boundary.
fn at_rest(run: &Run) -> bool {
    run.rollback.is_none() && run.next_step().is_none()
}
