//! Index builds outside a transaction, and what they leave behind.

use super::*;

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
