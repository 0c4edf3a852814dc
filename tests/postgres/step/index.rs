//! Index builds outside a transaction, and what they leave behind.

use super::*;

#[tokio::test]
async fn an_index_is_built_concurrently_and_the_session_keeps_its_settings() {
    let rig = Rig::new().await;
    let job = separate(&["CREATE INDEX CONCURRENTLY by_email ON users (email)"]);
    rig.run(&job).await.unwrap();
    assert_eq!(rig.events().await, 0, "its caller appends");
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
    job.action.statement_timeout = Some(Duration::from_millis(300));
    let fault = rig.run(&job).await.unwrap_err();
    // Its waits are bound by the same time; either may be told first.
    let ended = [Trouble::Deadline, Trouble::LockTimeout];
    assert!(ended.contains(&fault.trouble), "{fault:?}");
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
    job.action.statement_timeout = None;
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
async fn an_index_of_another_column_is_nobodys_leftover() {
    let rig = Rig::new().await;
    let theirs = "CREATE INDEX by_email ON users (id)";
    rig.database.client.batch_execute(theirs).await.unwrap();
    let mut job = separate(&["CREATE INDEX CONCURRENTLY by_email ON users (email)"]);
    job.again = true;
    let fault = rig.run(&job).await.unwrap_err();
    assert_eq!(fault.trouble, Trouble::Changed, "{fault:?}");
    // Nor is it ours to drop where it is invalid.
    let spoil = "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'by_email'::regclass";
    rig.database.client.batch_execute(spoil).await.unwrap();
    let fault = rig.run(&job).await.unwrap_err();
    assert_eq!(fault.trouble, Trouble::Changed, "{fault:?}");
    assert_eq!(
        rig.number("SELECT count(*) FROM pg_index WHERE indexrelid = to_regclass('by_email')")
            .await,
        1
    );
}

#[tokio::test]
async fn an_index_is_known_again_however_the_server_writes_it() {
    let rig = Rig::new().await;
    let more = "ALTER TABLE users ADD \"Sign Up\" date, ADD name varchar(40), ADD path text";
    rig.database.client.batch_execute(more).await.unwrap();
    for sql in [
        "create index concurrently a on users (lower(name) desc nulls first, \"Sign Up\" asc nulls last, ID)",
        "CREATE INDEX CONCURRENTLY b ON users USING hash (email)",
        "CREATE UNIQUE INDEX CONCURRENTLY c ON public.users (id) INCLUDE (email, name) WITH (fillfactor = 70) WHERE email IS NOT NULL AND name = 'x';",
        "CREATE INDEX CONCURRENTLY d ON users (path text_pattern_ops, email COLLATE \"C\") WHERE (id % 10) > 3",
        "CREATE INDEX CONCURRENTLY e ON users ((id + 1), coalesce(email, 'none'))",
    ] {
        let mut job = separate(&[sql]);
        rig.run(&job).await.unwrap();
        job.again = true;
        rig.run(&job).await.expect(sql);
    }
}

#[tokio::test]
async fn a_build_waits_for_old_transactions_longer_than_for_a_lock_in_anybodys_way() {
    let rig = Rig::new().await;
    let writer = rig
        .holding("UPDATE users SET email = 'w' WHERE id = 1")
        .await;
    let job = separate(&["CREATE INDEX CONCURRENTLY by_email ON users (email)"]);
    let ends = async {
        rig.until_waiting().await;
        tokio::time::sleep(3 * job.ddl.lock_timeout).await;
        writer.batch_execute("COMMIT").await.unwrap();
    };
    let (done, ()) = tokio::join!(rig.run(&job), ends);
    done.unwrap();
    // What it says for itself counts.
    let writer = rig
        .holding("UPDATE users SET email = 'w' WHERE id = 1")
        .await;
    let mut job = separate(&["DROP INDEX CONCURRENTLY by_email"]);
    job.action.lock_timeout = Some(Duration::from_millis(50));
    let fault = rig.run(&job).await.unwrap_err();
    assert_eq!(fault.trouble, Trouble::LockTimeout, "{fault:?}");
    writer.batch_execute("ROLLBACK").await.unwrap();
}

#[tokio::test]
async fn a_build_without_limits_outlasts_the_deadline_of_other_ddl() {
    let rig = Rig::new().await;
    let writer = rig
        .holding("UPDATE users SET email = 'w' WHERE id = 1")
        .await;
    let mut job = separate(&["CREATE INDEX CONCURRENTLY by_email ON users (email)"]);
    job.ddl.deadline = Duration::from_millis(300);
    let ends = async {
        rig.until_waiting().await;
        tokio::time::sleep(3 * job.ddl.deadline).await;
        writer.batch_execute("COMMIT").await.unwrap();
    };
    let (done, ()) = tokio::join!(rig.run(&job), ends);
    done.unwrap();
}
