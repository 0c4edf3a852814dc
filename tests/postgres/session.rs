//! Sessions: their settings, their end, and the end of their statements.

use std::time::{Duration, Instant};

use pgcutover::pg::session::{Bounded, Message, Purpose, Session, open};
use pgcutover::pg::sqlstate::describe;
use pgcutover::run::fault::Trouble;
use tokio_postgres::Client;
use tokio_postgres::types::ToSql;

use crate::support;
use crate::targets::{session, target};

const PATIENCE: Duration = Duration::from_secs(10);

/// The answer to a yes-or-no question.
async fn holds(client: &Client, question: &str, parameters: &[&(dyn ToSql + Sync)]) -> bool {
    client.query_one(question, parameters).await.unwrap().get(0)
}

/// Asks about that backend until the answer is yes.
async fn becomes_true(client: &Client, question: &str, pid: i32) {
    let deadline = Instant::now() + PATIENCE;
    while !holds(client, question, &[&pid]).await {
        assert!(Instant::now() < deadline, "never true: {question}");
        tokio::task::yield_now().await;
    }
}

async fn show(session: &Session, setting: &str) -> String {
    let question = "SELECT current_setting($1)";
    let row = session.client().query_one(question, &[&setting]).await;
    row.unwrap().get(0)
}

#[tokio::test]
async fn a_session_has_its_purposes_name_and_settings() {
    let database = support::database().await;
    database
        .client
        .batch_execute(&format!(
            "ALTER DATABASE {0} SET statement_timeout = '7s';
             ALTER DATABASE {0} SET standard_conforming_strings = off;
             ALTER DATABASE {0} SET timezone = 'Asia/Tokyo'",
            database.name
        ))
        .await
        .unwrap();
    let step = session(&database.dsn, Purpose::Step).await;
    for (setting, expected) in [
        ("application_name", "pgcutover:step"),
        ("statement_timeout", "0"),
        ("idle_in_transaction_session_timeout", "5s"),
        ("timezone", "UTC"),
        ("standard_conforming_strings", "on"),
        ("default_transaction_isolation", "read committed"),
    ] {
        assert_eq!(show(&step, setting).await, expected, "{setting}");
    }
    if step.backend().server_version >= 140_000 && cfg!(target_os = "linux") {
        assert_eq!(show(&step, "client_connection_check_interval").await, "2s");
    }
    let backfill = session(&database.dsn, Purpose::Backfill).await;
    assert_eq!(show(&backfill, "pgcutover.backfill").await, "on");
    assert_eq!(show(&backfill, "synchronous_commit").await, "off");
}

#[tokio::test]
async fn a_session_knows_its_backend() {
    let database = support::database().await;
    let step = session(&database.dsn, Purpose::Step).await;
    let same = "SELECT count(*) = 1 FROM pg_stat_activity WHERE pid = $1 AND backend_start = $2";
    let backend = step.backend();
    assert!(holds(&database.client, same, &[&backend.pid, &backend.started]).await);
    assert!(backend.server_version >= 130_000);
}

#[tokio::test]
async fn the_monitor_cannot_write() {
    let database = support::database().await;
    let monitor = session(&database.dsn, Purpose::Monitor).await;
    let error = monitor
        .client()
        .batch_execute("CREATE TABLE t ()")
        .await
        .unwrap_err();
    assert_eq!(describe(&error).trouble, Trouble::ReadOnly);
}

#[tokio::test]
async fn work_past_its_deadline_is_cancelled_and_has_ended() {
    let database = support::database().await;
    let step = session(&database.dsn, Purpose::Step).await;
    let sleep = step.client().batch_execute("SELECT pg_sleep(60)");
    let error = step
        .bounded(Duration::from_millis(100), sleep)
        .await
        .unwrap_err();
    assert!(matches!(error, Bounded::Deadline { .. }), "{error:?}");
    assert_eq!(error.fault().trouble, Trouble::Deadline);
    let idle = "SELECT state = 'idle' FROM pg_stat_activity WHERE pid = $1";
    assert!(holds(&database.client, idle, &[&step.backend().pid]).await);
    step.client().batch_execute("SELECT 1").await.unwrap();
}

#[tokio::test]
async fn work_of_several_statements_is_cancelled_whichever_runs() {
    let database = support::database().await;
    let step = session(&database.dsn, Purpose::Step).await;
    let work = async {
        // Swallows the first cancel, as a PL/pgSQL handler may.
        let _ = step.client().batch_execute("SELECT pg_sleep(60)").await;
        step.client().batch_execute("SELECT pg_sleep(60)").await
    };
    let error = step
        .bounded(Duration::from_millis(100), work)
        .await
        .unwrap_err();
    assert!(matches!(error, Bounded::Deadline { .. }), "{error:?}");
    step.client().batch_execute("SELECT 1").await.unwrap();
}

#[tokio::test]
async fn work_in_time_keeps_its_result_and_its_own_failure() {
    let database = support::database().await;
    let step = session(&database.dsn, Purpose::Step).await;
    let fine = step
        .bounded(PATIENCE, step.client().query_one("SELECT 42", &[]))
        .await;
    assert_eq!(fine.unwrap().get::<_, i32>(0), 42);
    let failing = step
        .bounded(PATIENCE, step.client().batch_execute("SELECT 1/0"))
        .await;
    assert_eq!(failing.unwrap_err().fault().trouble, Trouble::Row);
}

#[tokio::test]
async fn a_statement_that_ignores_cancels_leaves_its_outcome_unknown() {
    let database = support::database().await;
    let step = session(&database.dsn, Purpose::Step).await;
    let stubborn = "DO $$ BEGIN LOOP
        BEGIN PERFORM pg_sleep(60); EXCEPTION WHEN query_canceled THEN END;
        END LOOP; END $$";
    let work = step.client().batch_execute(stubborn);
    let error = step
        // A first cancel that came before the loop would end it.
        .bounded(Duration::from_secs(1), work)
        .await
        .unwrap_err();
    assert!(matches!(error, Bounded::Unresponsive { .. }), "{error:?}");
    assert_eq!(error.fault().trouble, Trouble::ConnectionLost);
    let end = "SELECT pg_terminate_backend($1)";
    database
        .client
        .query_one(end, &[&step.backend().pid])
        .await
        .unwrap();
}

#[tokio::test]
async fn work_that_is_dropped_is_cancelled_on_the_server() {
    let database = support::database().await;
    // Kept, so that nothing but a cancel ends the statement.
    let step = session(&database.dsn, Purpose::Step).await;
    let pid = step.backend().pid;
    let canceller = step.canceller();
    let asleep =
        "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $1 AND wait_event = 'PgSleep')";
    tokio::select! {
        _ = canceller.guarded(step.client().batch_execute("SELECT pg_sleep(600)")) => {
            panic!("it sleeps")
        }
        () = becomes_true(&database.client, asleep, pid) => {}
    }
    let idle = "SELECT state = 'idle' FROM pg_stat_activity WHERE pid = $1";
    becomes_true(&database.client, idle, pid).await;
}

#[tokio::test]
async fn a_dropped_session_ends_its_backend() {
    let database = support::database().await;
    let step = session(&database.dsn, Purpose::Step).await;
    let pid = step.backend().pid;
    drop(step);
    let gone = "SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $1)";
    becomes_true(&database.client, gone, pid).await;
}

#[tokio::test]
async fn a_terminated_session_says_why() {
    let database = support::database().await;
    let step = session(&database.dsn, Purpose::Step).await;
    assert_eq!(step.closed_reason(), None);
    let end = "SELECT pg_terminate_backend($1)";
    database
        .client
        .query_one(end, &[&step.backend().pid])
        .await
        .unwrap();
    let reason = tokio::time::timeout(PATIENCE, step.closed()).await.unwrap();
    assert_eq!(
        reason,
        "FATAL: terminating connection due to administrator command"
    );
    let error = step.client().batch_execute("SELECT 1").await.unwrap_err();
    let fault = step.describe(&error);
    assert_eq!(fault.trouble, Trouble::ConnectionLost);
    assert_eq!(fault.message, reason);
}

#[tokio::test]
async fn a_session_terminated_in_a_statement_is_lost() {
    let database = support::database().await;
    let step = session(&database.dsn, Purpose::Step).await;
    let end = "SELECT pg_terminate_backend(pg_backend_pid())";
    let error = step.client().batch_execute(end).await.unwrap_err();
    let fault = step.describe(&error);
    assert_eq!(fault.trouble, Trouble::ConnectionLost);
    assert!(fault.message.contains("administrator"), "{fault:?}");
}

#[tokio::test]
async fn notices_and_notifications_arrive_clean() {
    let database = support::database().await;
    let mut step = session(&database.dsn, Purpose::Step).await;
    let mut messages = step.take_messages().unwrap();
    let talk = "LISTEN talk; DO $$ BEGIN RAISE NOTICE E'a\\x1b[2J'; END $$; NOTIFY talk, E'b\\x07'";
    step.client().batch_execute(talk).await.unwrap();
    let next = messages.recv().await.unwrap();
    assert!(matches!(next, Message::Notice(fault) if fault.message == "a\u{FFFD}[2J"));
    let pid = step.backend().pid;
    let expected = Message::Notification {
        channel: "talk".to_owned(),
        payload: "b\u{FFFD}".to_owned(),
        pid,
    };
    assert_eq!(messages.recv().await.unwrap(), expected);
}

#[tokio::test]
async fn unread_messages_neither_block_nor_pile_up() {
    let database = support::database().await;
    let mut step = session(&database.dsn, Purpose::Step).await;
    let flood = "DO $$ BEGIN FOR i IN 1..5000 LOOP RAISE NOTICE '%', i; END LOOP; END $$";
    step.client().batch_execute(flood).await.unwrap();
    assert_eq!(step.take_messages().unwrap().len(), 256);
}

#[tokio::test]
async fn the_servers_errors_are_told_apart() {
    let database = support::database().await;
    let setup =
        "CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1); CREATE ROLE nobody_here";
    // The role is the cluster's; another test may have made it.
    let _ = database
        .client
        .batch_execute("DROP ROLE IF EXISTS nobody_here")
        .await;
    database.client.batch_execute(setup).await.unwrap();
    let step = session(&database.dsn, Purpose::Step).await;
    for (statement, expected) in [
        ("INSERT INTO t VALUES (1)", Trouble::Row),
        ("SELECT 'x'::int", Trouble::Row),
        ("SELECT nope FROM t", Trouble::Changed),
        ("SELECT FROM nope", Trouble::Changed),
        ("SELECT nope()", Trouble::Changed),
        ("SET ROLE nobody_here; SELECT FROM t", Trouble::Privilege),
        (
            "SELECT pg_cancel_backend(pg_backend_pid()), pg_sleep(9)",
            Trouble::Cancelled,
        ),
        ("BEGIN READ ONLY; DELETE FROM t", Trouble::ReadOnly),
        (
            "ROLLBACK; DO $$ BEGIN RAISE 'lease' USING ERRCODE = 'PGC01'; END $$",
            Trouble::LeaseLost,
        ),
        (
            "DO $$ BEGIN RAISE 'head' USING ERRCODE = 'PGC02'; END $$",
            Trouble::HeadMoved,
        ),
        ("SELEC", Trouble::Other),
    ] {
        let error = step.client().batch_execute(statement).await.unwrap_err();
        let fault = describe(&error);
        assert_eq!(fault.trouble, expected, "{statement}: {fault:?}");
        assert!(fault.sqlstate.is_some());
    }
    database
        .client
        .batch_execute("DROP OWNED BY nobody_here; DROP ROLE nobody_here")
        .await
        .unwrap();
}

#[tokio::test]
async fn a_lock_that_is_not_given_in_time_is_a_lock_timeout() {
    let database = support::database().await;
    database
        .client
        .batch_execute("CREATE TABLE t (); COMMIT; BEGIN; LOCK TABLE t")
        .await
        .unwrap();
    let monitor = session(&database.dsn, Purpose::Monitor).await;
    let error = monitor
        .client()
        .batch_execute("SELECT FROM t")
        .await
        .unwrap_err();
    assert_eq!(describe(&error).trouble, Trouble::LockTimeout);
}

#[tokio::test]
async fn a_prepared_statement_whose_table_changed_is_a_change() {
    let database = support::database().await;
    database
        .client
        .batch_execute("CREATE TABLE t (id int)")
        .await
        .unwrap();
    let step = session(&database.dsn, Purpose::Step).await;
    let statement = step.client().prepare("SELECT * FROM t").await.unwrap();
    database
        .client
        .batch_execute("ALTER TABLE t ADD COLUMN more int")
        .await
        .unwrap();
    let error = step.client().query(&statement, &[]).await.unwrap_err();
    assert_eq!(describe(&error).trouble, Trouble::Changed);
}

#[tokio::test]
async fn a_session_survives_nothing_of_a_server_that_is_killed() {
    let cluster = support::cluster(false);
    let dsn = cluster.primary().dsn("postgres");
    let step = session(&dsn, Purpose::Step).await;
    cluster.primary().kill().unwrap();
    tokio::time::timeout(PATIENCE, step.closed()).await.unwrap();
    let error = step.client().batch_execute("SELECT 1").await.unwrap_err();
    assert_eq!(step.describe(&error).trouble, Trouble::ConnectionLost);
    let error = open(&target(&dsn), Purpose::Step).await.err().unwrap();
    assert_eq!(error.fault().trouble, Trouble::Unavailable, "{error}");
}
