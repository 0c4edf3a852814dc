//! Boolean questions: every answer that is none is told apart.

use std::time::Duration;

use pgcutover::pg::probe::{Answer, ask};
use pgcutover::pg::session::Purpose;
use pgcutover::run::fault::Trouble;

use crate::support;
use crate::targets::session;

const PATIENCE: Duration = Duration::from_secs(20);

#[tokio::test]
async fn only_one_row_of_true_or_false_is_an_answer() {
    let database = support::database().await;
    let session = session(&database.dsn, Purpose::Step).await;
    for (query, answer) in [
        ("SELECT true", Answer::True),
        ("SELECT 1 = 2 -- a comment", Answer::False),
        ("SELECT NULL::bool", Answer::Null),
        ("SELECT true WHERE false", Answer::NoRow),
        (
            "SELECT true FROM generate_series(1, 1000)",
            Answer::ManyRows,
        ),
    ] {
        assert_eq!(ask(&session, query, PATIENCE).await, Ok(answer), "{query}");
    }
}

#[tokio::test]
async fn what_is_not_a_question_is_a_fault() {
    let database = support::database().await;
    database
        .client
        .batch_execute("CREATE TABLE t (b bool)")
        .await
        .unwrap();
    let session = session(&database.dsn, Purpose::Step).await;
    for (query, trouble) in [
        ("SELECT 1", Trouble::Unexpected),
        ("SELECT true, true", Trouble::Unexpected),
        ("SELECT 't'::text", Trouble::Unexpected),
        ("SELECT b FROM gone", Trouble::Changed),
        ("SELECT 1 / 0 = 1", Trouble::Row),
        ("INSERT INTO t VALUES (true) RETURNING b", Trouble::ReadOnly),
        // Two statements: the first would leave the READ ONLY transaction.
        (
            "COMMIT; INSERT INTO t VALUES (true) RETURNING b",
            Trouble::Other,
        ),
    ] {
        let fault = ask(&session, query, PATIENCE).await.unwrap_err();
        assert_eq!(fault.trouble, trouble, "{query}: {fault}");
        assert_eq!(fault.statement.as_deref(), Some(query));
    }
    // The session goes on.
    assert_eq!(
        ask(&session, "SELECT count(*) = 0 FROM t", PATIENCE).await,
        Ok(Answer::True)
    );
}

#[tokio::test]
async fn a_question_that_takes_too_long_is_cancelled() {
    let database = support::database().await;
    let session = session(&database.dsn, Purpose::Step).await;
    let slow = "SELECT pg_sleep(600) IS NULL";
    let fault = ask(&session, slow, Duration::from_millis(100))
        .await
        .unwrap_err();
    assert_eq!(fault.trouble, Trouble::Deadline);
    assert_eq!(
        ask(&session, "SELECT true", PATIENCE).await,
        Ok(Answer::True)
    );
}
