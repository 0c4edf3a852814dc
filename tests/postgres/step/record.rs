//! What a step commits, and what it leaves when it does not.

use pgcutover::store::read::events;
use pgcutover::store::verify::Head;

use super::*;

#[tokio::test]
async fn ddl_commits_together_with_its_event() {
    let rig = Rig::new().await;
    let job = job(&[
        "ALTER TABLE users ADD COLUMN one text",
        "ALTER TABLE users ADD two text",
    ]);
    let done = rig.run(&job).await.unwrap();
    assert_eq!(rig.columns().await, 4);
    assert!(done.replicated);
    let read = events(&rig.control, &job.lease.run, &Head::default()).await;
    let [event] = &read.unwrap()[..] else {
        panic!("one event");
    };
    assert_eq!(event.seq, Seq(1));
    assert!(
        matches!(&event.kind, EventKind::StepSucceeded { summary, .. } if *summary == done.summary)
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
    rig.run(&job).await.unwrap();
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
    assert_eq!(rig.events().await, 0);
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
async fn a_take_over_ends_a_statement_on_its_own() {
    let rig = Rig::new().await;
    let job = patient(separate(&["SELECT pg_sleep(15)"]));
    let work = rig.run(&job);
    let take_over = async {
        rig.until_some("query LIKE 'SELECT pg_sleep%' AND application_name = 'pgcutover:step'")
            .await;
        rig.number("SELECT pgcutover.end_holders('mine')::bigint")
            .await
    };
    let (done, ended) = tokio::join!(work, take_over);
    assert_eq!(done.unwrap_err().trouble, Trouble::ConnectionLost);
    assert_eq!(ended, 1);
}

#[tokio::test]
async fn a_statement_on_its_own_holds_the_lease_no_longer_than_it_runs() {
    let rig = Rig::new().await;
    rig.run(&separate(&["VACUUM users"])).await.unwrap();
    assert_eq!(
        rig.number("SELECT count(*) FROM pgcutover.holders('mine')")
            .await,
        0
    );
}
