//! SQL steps: committed with their record, never in anybody's way for long.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use pgcutover::pg::lease::Lease;
use pgcutover::pg::session::{Purpose, Session};
use pgcutover::pg::step::record::{backend_gone, receipt, was_recorded};
use pgcutover::pg::step::{Done, Record, Sessions, SqlJob, Stop, run};
use pgcutover::run::event::{EventKind, RunId, Seq, Summary, Task};
use pgcutover::run::fault::{Fault, Trouble};
use pgcutover::run::progress::SqlProgress;
use pgcutover::runbook::{Ddl, SqlAction, SqlExpect, StepId};
use tokio::sync::watch;
use tokio_postgres::Client;

use crate::support::{self, Database};
use crate::targets::session;

const PATIENCE: Duration = Duration::from_secs(20);
const TABLE: &str = "CREATE TABLE users (id int PRIMARY KEY, email text);
                     INSERT INTO users SELECT n, 'a' || n FROM generate_series(1, 100) n";

/// A database with a journal and a table, and the sessions of a lead.
struct Rig {
    database: Database,
    step: Session,
    control: Session,
    stop: watch::Sender<Stop>,
    progress: Arc<Mutex<Vec<SqlProgress>>>,
}

impl Rig {
    async fn new() -> Self {
        let database = support::database().await;
        let client = &database.client;
        client
            .batch_execute(include_str!("../../src/store/sql/001_schema.sql"))
            .await
            .unwrap();
        client
            .batch_execute(include_str!("step/journal.sql"))
            .await
            .unwrap();
        client.batch_execute(TABLE).await.unwrap();
        Self {
            step: session(&database.dsn, Purpose::Step).await,
            control: session(&database.dsn, Purpose::Control).await,
            stop: watch::Sender::new(Stop::No),
            progress: Arc::default(),
            database,
        }
    }

    async fn run(&self, job: &SqlJob) -> Result<Done, Fault> {
        let sessions = Sessions {
            step: &self.step,
            control: &self.control,
        };
        let progress = Arc::clone(&self.progress);
        let report = move |newest| progress.lock().unwrap().push(newest);
        run(sessions, job, self.stop.subscribe(), &report).await
    }

    /// Another session of the application's, which holds a lock.
    async fn holding(&self, statement: &str) -> Client {
        let client = support::connect(&self.database.dsn).await;
        client.batch_execute("BEGIN").await.unwrap();
        client.batch_execute(statement).await.unwrap();
        client
    }

    async fn number(&self, query: &str) -> i64 {
        self.database
            .client
            .query_one(query, &[])
            .await
            .unwrap()
            .get(0)
    }

    async fn columns(&self) -> i64 {
        self.number("SELECT count(*) FROM pg_attribute WHERE attrelid = 'users'::regclass AND attnum > 0 AND NOT attisdropped").await
    }

    async fn events(&self) -> i64 {
        self.number("SELECT count(*) FROM pgcutover.event").await
    }

    async fn until_progress(&self, wanted: impl Fn(&SqlProgress) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !self.progress.lock().unwrap().iter().any(&wanted) {
            assert!(
                Instant::now() < deadline,
                "{:?}",
                self.progress.lock().unwrap()
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Until a session of this database waits for a lock.
    async fn until_waiting(&self) {
        self.until_some("wait_event_type = 'Lock'").await;
    }

    /// Until there is such a session of this database.
    async fn until_some(&self, such: &str) {
        let deadline = Instant::now() + PATIENCE;
        let query = format!(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND {such}"
        );
        while self.number(&query).await == 0 {
            assert!(Instant::now() < deadline, "never {such}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

fn job(statements: &[&str]) -> SqlJob {
    SqlJob {
        lease: Lease {
            run: RunId("r".to_owned()),
            token: "mine".to_owned(),
        },
        task: Task::forward(StepId::new("s")),
        attempt: 1,
        action: SqlAction {
            statements: statements.iter().map(|sql| (*sql).to_owned()).collect(),
            file: None,
            transaction: true,
            lock_timeout: None,
            statement_timeout: None,
            expect: None,
        },
        ddl: Ddl::default(),
        record: Record::Journal,
        again: false,
    }
}

fn separate(statements: &[&str]) -> SqlJob {
    let mut job = job(statements);
    job.action.transaction = false;
    job
}

/// Waits for its lock longer than any test lasts, unless it is ended.
fn patient(mut job: SqlJob) -> SqlJob {
    job.ddl.lock_timeout = 3 * PATIENCE;
    job.ddl.deadline = 3 * PATIENCE;
    job
}

#[tokio::test]
async fn ddl_commits_together_with_its_event() {
    let rig = Rig::new().await;
    let job = job(&[
        "ALTER TABLE users ADD COLUMN one text",
        "ALTER TABLE users ADD two text",
    ]);
    let done = rig.run(&job).await.unwrap();
    assert_eq!(rig.columns().await, 4);
    let event = done.event.unwrap();
    assert_eq!(event.seq, Seq(1));
    assert!(
        matches!(&event.kind, EventKind::StepSucceeded { summary, .. } if *summary == done.summary)
    );
    assert!(done.replicated);
    let control = &rig.control;
    let read = was_recorded(control, &job.lease.run, &job.task, Seq(0))
        .await
        .unwrap();
    assert_eq!(read, Some(event));
    assert_eq!(
        was_recorded(control, &job.lease.run, &job.task, Seq(1))
            .await
            .unwrap(),
        None
    );
    let back = Task::back(StepId::new("s"));
    assert_eq!(
        was_recorded(control, &job.lease.run, &back, Seq(0))
            .await
            .unwrap(),
        None
    );
}

#[tokio::test]
async fn rows_of_the_last_statement_are_in_the_proof() {
    let rig = Rig::new().await;
    let done = rig
        .run(&job(&["UPDATE users SET email = 'x' WHERE id <= 7"]))
        .await
        .unwrap();
    assert!(
        matches!(done.summary, Summary::Sql { rows: 7, .. }),
        "{:?}",
        done.summary
    );
}

#[tokio::test]
async fn a_statement_that_fails_leaves_nothing_and_is_named() {
    let rig = Rig::new().await;
    let job = job(&[
        "ALTER TABLE users ADD COLUMN one text",
        "ALTER TABLE users DROP COLUMN none",
        "SELECT 1",
    ]);
    let fault = rig.run(&job).await.unwrap_err();
    assert_eq!(fault.trouble, Trouble::Changed);
    assert_eq!(fault.sqlstate.as_deref(), Some("42703"));
    assert_eq!(
        fault.statement.as_deref(),
        Some("ALTER TABLE users DROP COLUMN none")
    );
    assert_eq!((rig.columns().await, rig.events().await), (2, 0));
    // The session is free for the next try.
    let good = self::job(&["ALTER TABLE users ADD COLUMN one text"]);
    rig.run(&good).await.unwrap();
}

#[tokio::test]
async fn an_unmet_expectation_is_rolled_back() {
    let rig = Rig::new().await;
    let mut job = job(&["DELETE FROM users WHERE id > 90"]);
    job.action.expect = Some(SqlExpect::Rows(9));
    let fault = rig.run(&job).await.unwrap_err();
    assert_eq!(fault.trouble, Trouble::Unexpected);
    assert_eq!(fault.message, "expected `9`, found `10`");
    assert_eq!(rig.number("SELECT count(*) FROM users").await, 100);
    job.action.expect = Some(SqlExpect::Rows(10));
    rig.run(&job).await.unwrap();
    assert_eq!(rig.number("SELECT count(*) FROM users").await, 90);
}

#[tokio::test]
async fn a_lead_that_was_replaced_changes_nothing() {
    let rig = Rig::new().await;
    let mut job = job(&["ALTER TABLE users ADD COLUMN one text"]);
    job.lease.token = "stale".to_owned();
    assert_eq!(rig.run(&job).await.unwrap_err().trouble, Trouble::LeaseLost);
    job.action.transaction = false;
    assert_eq!(rig.run(&job).await.unwrap_err().trouble, Trouble::LeaseLost);
    assert_eq!((rig.columns().await, rig.events().await), (2, 0));
}

#[tokio::test]
async fn a_commit_among_the_statements_is_refused() {
    let rig = Rig::new().await;
    let fault = rig
        .run(&job(&["ALTER TABLE users ADD one text", "COMMIT"]))
        .await
        .unwrap_err();
    assert_eq!(fault.trouble, Trouble::Unexpected);
    assert_eq!(rig.columns().await, 2);
}

#[tokio::test]
async fn elsewhere_a_receipt_commits_with_the_work_and_only_once() {
    let rig = Rig::new().await;
    let mut job = job(&["UPDATE users SET email = email || 'x'"]);
    job.record = Record::Receipt;
    let (run, task) = (job.lease.run.clone(), job.task.clone());
    assert_eq!(receipt(&rig.control, &run, &task, 1).await.unwrap(), None);
    let done = rig.run(&job).await.unwrap();
    assert_eq!(done.event, None);
    assert_eq!(
        receipt(&rig.control, &run, &task, 1).await.unwrap(),
        Some(100)
    );
    assert_eq!(receipt(&rig.control, &run, &task, 2).await.unwrap(), None);
    assert_eq!(
        rig.run(&job).await.unwrap_err().sqlstate.as_deref(),
        Some("23505")
    );
    assert_eq!(
        rig.number("SELECT count(*) FROM users WHERE email LIKE '%xx'")
            .await,
        0
    );
}

#[tokio::test]
async fn a_lock_that_is_not_to_be_had_is_given_up() {
    let rig = Rig::new().await;
    let _holder = rig.holding("SELECT * FROM users").await;
    let mut job = job(&["ALTER TABLE users ADD COLUMN one text"]);
    job.ddl.lock_timeout = Duration::from_millis(50);
    assert_eq!(
        rig.run(&job).await.unwrap_err().trouble,
        Trouble::LockTimeout
    );
    job.action.transaction = false;
    assert_eq!(
        rig.run(&job).await.unwrap_err().trouble,
        Trouble::LockTimeout
    );
}

#[tokio::test]
async fn the_deadline_ends_a_wait_that_lock_timeout_allows() {
    let rig = Rig::new().await;
    let holder = rig.holding("SELECT * FROM users").await;
    let mut job = patient(job(&["ALTER TABLE users ADD COLUMN one text"]));
    job.ddl.deadline = Duration::from_millis(200);
    let began = Instant::now();
    let fault = rig.run(&job).await.unwrap_err();
    assert_eq!(fault.trouble, Trouble::Deadline, "{fault:?}");
    assert!(fault.statement.is_some());
    assert!(
        began.elapsed() < Duration::from_secs(3),
        "{:?}",
        began.elapsed()
    );
    // Nobody queues behind a request that is gone, and the session goes on.
    holder.batch_execute("ROLLBACK").await.unwrap();
    rig.run(&job).await.unwrap();
}

#[tokio::test]
async fn a_timeout_of_its_own_replaces_the_deadline() {
    let rig = Rig::new().await;
    let mut job = job(&["SELECT pg_sleep(0.5)"]);
    job.ddl.deadline = Duration::from_millis(100);
    assert_eq!(rig.run(&job).await.unwrap_err().trouble, Trouble::Deadline);
    job.action.statement_timeout = Some(PATIENCE);
    rig.run(&job).await.unwrap();
}

#[tokio::test]
async fn a_request_with_a_queue_behind_it_is_given_up() {
    let rig = Rig::new().await;
    let _holder = rig.holding("SELECT * FROM users").await;
    let mut job = patient(job(&["ALTER TABLE users ADD COLUMN one text"]));
    job.ddl.max_waiters = 1;
    let readers = async {
        rig.until_progress(|progress| progress.waits_for.is_some())
            .await;
        let (one, other) = tokio::join!(
            support::connect(&rig.database.dsn),
            support::connect(&rig.database.dsn),
        );
        let (one, other) = tokio::join!(
            one.batch_execute("SELECT * FROM users"),
            other.batch_execute("SELECT * FROM users"),
        );
        // Not behind us any more: the holder does not conflict with them.
        one.and(other).unwrap();
    };
    let (result, ()) = tokio::join!(rig.run(&job), readers);
    let fault = result.unwrap_err();
    assert_eq!(fault.trouble, Trouble::TooManyWaiters, "{fault:?}");
    assert!(fault.message.contains("2 sessions"), "{fault}");
    assert!(
        fault.message.contains("ACCESS EXCLUSIVE on users"),
        "{fault}"
    );
}

#[tokio::test]
async fn a_role_without_privileges_counts_waiters_all_the_same() {
    let rig = Rig::new().await;
    let role = format!("plain_{}", rig.database.name);
    let grants = format!(
        "CREATE ROLE {role} LOGIN;
         ALTER TABLE users OWNER TO {role};
         GRANT CREATE ON SCHEMA public TO {role};
         GRANT USAGE ON SCHEMA pgcutover TO {role};
         GRANT ALL ON ALL TABLES IN SCHEMA pgcutover TO {role};
         GRANT ALL ON ALL FUNCTIONS IN SCHEMA pgcutover TO {role}"
    );
    rig.database.client.batch_execute(&grants).await.unwrap();
    let dsn = rig
        .database
        .dsn
        .replace("user=postgres", &format!("user={role}"));
    let (step, control) = tokio::join!(
        session(&dsn, Purpose::Step),
        session(&dsn, Purpose::Control)
    );
    let rig = Rig {
        step,
        control,
        ..rig
    };
    let _holder = rig.holding("SELECT * FROM users").await;
    let mut job = patient(job(&["ALTER TABLE users ADD COLUMN one text"]));
    job.ddl.max_waiters = 0;
    let reader = async {
        rig.until_progress(|progress| progress.waits_for.is_some())
            .await;
        rig.database
            .client
            .batch_execute("SELECT * FROM users")
            .await
            .unwrap();
    };
    let (result, ()) = tokio::join!(rig.run(&job), reader);
    assert_eq!(result.unwrap_err().trouble, Trouble::TooManyWaiters);
}

#[tokio::test]
async fn a_hold_ends_a_statement_that_waits_for_a_lock() {
    let rig = Rig::new().await;
    let _holder = rig.holding("SELECT * FROM users").await;
    let job = patient(job(&["ALTER TABLE users ADD COLUMN one text"]));
    let hold = async {
        rig.until_progress(|progress| progress.waits_for.is_some())
            .await;
        rig.stop.send_replace(Stop::AtSafePoint);
    };
    let (result, ()) = tokio::join!(rig.run(&job), hold);
    assert_eq!(result.unwrap_err().trouble, Trouble::Interrupted);
    // And nothing new begins.
    assert_eq!(
        rig.run(&job).await.unwrap_err().trouble,
        Trouble::Interrupted
    );
    assert_eq!(rig.columns().await, 2);
}

#[tokio::test]
async fn a_hold_lets_a_statement_that_runs_go_on_and_a_cancel_does_not() {
    let rig = Rig::new().await;
    let gate = rig.holding("SELECT pg_advisory_xact_lock(4711)").await;
    // Runs, as far as locks on relations go, until the test lets it.
    let spin =
        "DO $$ BEGIN WHILE EXISTS (SELECT FROM pg_locks l JOIN pg_database d ON d.oid = l.database
                WHERE l.locktype = 'advisory' AND l.objid = 4711 AND d.datname = current_database())
                LOOP PERFORM pg_sleep(0.01); END LOOP; END $$";
    let job = patient(job(&[spin]));
    let held = async {
        rig.until_some("wait_event = 'PgSleep'").await;
        rig.stop.send_replace(Stop::AtSafePoint);
        tokio::time::sleep(Duration::from_millis(300)).await;
        gate.batch_execute("ROLLBACK").await.unwrap();
    };
    let (result, ()) = tokio::join!(rig.run(&job), held);
    result.unwrap();

    rig.stop.send_replace(Stop::No);
    let _gate = rig.holding("SELECT pg_advisory_xact_lock(4711)").await;
    let cancelled = async {
        rig.until_some("wait_event = 'PgSleep'").await;
        rig.stop.send_replace(Stop::Now);
    };
    let (result, ()) = tokio::join!(rig.run(&job), cancelled);
    assert_eq!(result.unwrap_err().trouble, Trouble::Interrupted);
    assert_eq!(rig.events().await, 1);
}

#[tokio::test]
async fn an_index_is_built_concurrently_and_the_session_keeps_its_settings() {
    let rig = Rig::new().await;
    let job = separate(&["CREATE INDEX CONCURRENTLY by_email ON users (email)"]);
    let done = rig.run(&job).await.unwrap();
    assert_eq!(done.event, None);
    assert_eq!(
        rig.number(
            "SELECT count(*) FROM pg_index WHERE indexrelid = 'by_email'::regclass AND indisvalid"
        )
        .await,
        1
    );
    let settings = "SELECT current_setting('lock_timeout') || current_setting('statement_timeout') || current_setting('synchronous_commit')";
    let row = rig.step.client().query_one(settings, &[]).await.unwrap();
    assert_eq!(row.get::<_, String>(0), "00on");
}

#[tokio::test]
async fn an_invalid_index_left_by_an_earlier_try_is_dropped_and_built_again() {
    let rig = Rig::new().await;
    let invalid = "SELECT count(*) FROM pg_index WHERE indexrelid = to_regclass('\"By Mail\"') AND NOT indisvalid";
    // A writer that does not end keeps the build from ending.
    let writer = rig
        .holding("UPDATE users SET email = 'w' WHERE id = 1")
        .await;
    let sql = "CREATE UNIQUE INDEX CONCURRENTLY \"By Mail\" ON public.users (email)";
    let mut job = patient(separate(&[sql]));
    job.ddl.deadline = Duration::from_millis(300);
    let fault = rig.run(&job).await.unwrap_err();
    assert_eq!(fault.trouble, Trouble::Deadline);
    assert!(fault.detail.unwrap().contains("By Mail"));
    assert!(
        fault
            .hint
            .unwrap()
            .contains("DROP INDEX CONCURRENTLY IF EXISTS public.\"By Mail\"")
    );
    assert_eq!(rig.number(invalid).await, 1);
    writer.batch_execute("ROLLBACK").await.unwrap();
    // To a first try it is somebody else's.
    job.ddl.deadline = PATIENCE;
    assert_eq!(rig.run(&job).await.unwrap_err().trouble, Trouble::Changed);
    job.again = true;
    rig.run(&job).await.unwrap();
    assert_eq!(rig.number(invalid).await, 0);
    assert_eq!(rig.number("SELECT count(*) FROM pg_index WHERE indexrelid = '\"By Mail\"'::regclass AND indisvalid").await, 1);
    // And what is there already is done.
    rig.run(&job).await.unwrap();
}

#[tokio::test]
async fn another_index_of_that_name_is_not_taken_for_ours() {
    let rig = Rig::new().await;
    rig.database
        .client
        .batch_execute("CREATE TABLE other (id int); CREATE INDEX by_email ON other (id)")
        .await
        .unwrap();
    let mut job = separate(&["CREATE INDEX CONCURRENTLY IF NOT EXISTS by_email ON users (email)"]);
    for again in [false, true] {
        job.again = again;
        assert_eq!(
            rig.run(&job).await.unwrap_err().trouble,
            Trouble::Changed,
            "again: {again}"
        );
    }
}

#[tokio::test]
async fn a_terminated_backend_leaves_the_outcome_to_the_journal() {
    let rig = Rig::new().await;
    let holder = rig.holding("SELECT * FROM users").await;
    let job = patient(job(&["ALTER TABLE users ADD COLUMN one text"]));
    let old = rig.step.backend();
    let end = async {
        rig.until_waiting().await;
        rig.database
            .client
            .execute("SELECT pg_terminate_backend($1)", &[&old.pid])
            .await
            .unwrap();
    };
    let (result, ()) = tokio::join!(rig.run(&job), end);
    assert_eq!(result.unwrap_err().trouble, Trouble::ConnectionLost);
    assert!(backend_gone(&rig.control, old).await.unwrap());
    assert_eq!(
        was_recorded(&rig.control, &job.lease.run, &job.task, Seq(0))
            .await
            .unwrap(),
        None
    );
    holder.batch_execute("ROLLBACK").await.unwrap();
}

#[tokio::test]
async fn an_old_backend_of_ours_is_ended_and_its_namesake_is_not() {
    let rig = Rig::new().await;
    let old = rig.step.backend();
    let mut namesake = old;
    namesake.started += jiff::SignedDuration::from_micros(1);
    assert!(backend_gone(&rig.control, namesake).await.unwrap());
    assert_eq!(rig.step.closed_reason(), None);
    assert!(backend_gone(&rig.control, old).await.unwrap());
    assert!(rig.step.closed().await.contains("terminating"));
}

#[tokio::test]
async fn a_dropped_step_is_cancelled_on_the_server() {
    let rig = Rig::new().await;
    let _holder = rig.holding("SELECT * FROM users").await;
    let job = patient(job(&["ALTER TABLE users ADD COLUMN one text"]));
    tokio::select! {
        _ = rig.run(&job) => panic!("it cannot end by itself"),
        () = rig.until_waiting() => {}
    }
    // A reader would queue behind the request for as long as it is there.
    let reader = rig.database.client.batch_execute("SELECT * FROM users");
    tokio::time::timeout(PATIENCE, reader)
        .await
        .unwrap()
        .unwrap();
}

/// The whole transaction is with the server by the time it waits for its lock,
/// so a client that is stopped then (SIGSTOP, a sleeping laptop) does not keep
/// the lock once it is granted.
#[tokio::test]
async fn a_client_that_stops_in_the_middle_of_ddl_blocks_nobody() {
    let rig = Rig::new().await;
    let holder = rig.holding("SELECT * FROM users").await;
    let dsn = rig.database.dsn.clone();
    let (thaw, thawed) = std::sync::mpsc::channel::<()>();
    let (freezes, mut is_frozen) = tokio::sync::mpsc::unbounded_channel();
    let client = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let (step, control) = tokio::join!(
                session(&dsn, Purpose::Step),
                session(&dsn, Purpose::Control)
            );
            let sessions = Sessions {
                step: &step,
                control: &control,
            };
            let stop = watch::Sender::new(Stop::No);
            // Two statements: their own order is in one flight too.
            let job = patient(job(&[
                "ALTER TABLE users ADD one text",
                "ALTER TABLE users ADD two text",
            ]));
            // Freezes this whole client, its connections too, as soon as it
            // learns that it waits.
            let thawed = Mutex::new(thawed);
            let freeze = move |progress: SqlProgress| {
                if progress.waits_for.is_some() {
                    freezes.send(()).unwrap();
                    let _ = thawed.lock().unwrap().recv();
                }
            };
            run(sessions, &job, stop.subscribe(), &freeze).await
        })
    });
    is_frozen.recv().await.unwrap();
    holder.batch_execute("ROLLBACK").await.unwrap();
    let deadline = Instant::now() + Duration::from_secs(4);
    while rig.columns().await < 4 {
        assert!(
            Instant::now() < deadline,
            "not committed while the client stood still"
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(rig.events().await, 1);
    drop(thaw);
    client.join().unwrap().unwrap();
}

#[tokio::test]
async fn locks_are_gone_before_a_missing_standby_is_waited_for() {
    let cluster = support::start(false, &[("synchronous_standby_names", "nobody")]);
    let dsn = cluster.primary().dsn("postgres");
    let client = support::connect(&dsn).await;
    client
        .batch_execute("SET synchronous_commit = local")
        .await
        .unwrap();
    client
        .batch_execute(include_str!("../../src/store/sql/001_schema.sql"))
        .await
        .unwrap();
    client
        .batch_execute(include_str!("step/journal.sql"))
        .await
        .unwrap();
    client.batch_execute(TABLE).await.unwrap();
    let (step, control) = tokio::join!(
        session(&dsn, Purpose::Step),
        session(&dsn, Purpose::Control)
    );
    // Only the commit could keep the lock for so long.
    let job = patient(job(&["ALTER TABLE users ADD COLUMN one text"]));
    let sessions = Sessions {
        step: &step,
        control: &control,
    };
    let began = Instant::now();
    let reader = async {
        let count = "SELECT count(*) FROM pgcutover.event";
        while client.query_one(count, &[]).await.unwrap().get::<_, i64>(0) == 0 {
            assert!(began.elapsed() < PATIENCE, "the commit does not end");
        }
        client.batch_execute("SELECT one FROM users").await.unwrap();
        began.elapsed()
    };
    let stop = watch::Sender::new(Stop::No);
    let (done, read) = tokio::join!(run(sessions, &job, stop.subscribe(), &|_| {}), reader);
    assert!(!done.unwrap().replicated);
    let took = began.elapsed();
    assert!(
        took > read + Duration::from_secs(3),
        "read after {read:?}, ended after {took:?}"
    );
}
